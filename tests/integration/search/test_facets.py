"""Facets: counts from the published cubes, for anyone, and the honest "only a live count can tell"."""

import math

import pytest

from oncofed.contracts.errors import BadInput
from oncofed.contracts.outcome import Facet, Facets
from oncofed.contracts.query import Query, parse
from oncofed.hub.catalogue.shelf import shelf
from oncofed.hub.search import queries
from tests.factories import hub
from tests.factories.published import SIGMA, publication, release

pytestmark = pytest.mark.django_db


def facet(found: Facets, name: str) -> Facet:
    return next(one for one in found.facets if one.criterion == name)


def marginal(record, *criteria: str) -> dict[str, int]:
    return next(one.cells for one in record.cube.marginals if one.criteria == criteria)


def test_without_a_query_every_one_way_marginal_is_a_facet() -> None:
    north, south = release("a1"), release("b1", patients=300)
    hub.node("north", north)
    hub.node("south", south)
    found = queries.facets(Query())
    assert found.datasets == 2
    assert found.total is not None
    assert found.total.value == 500
    available = {one.criterion for one in found.facets if one.available}
    assert available == {
        "species", "sex", "diagnosis", "age_at_imaging", "year_of_imaging", "modality", "body_part", "manufacturer",
        "annotation",
    }  # fmt: skip
    counts = {row.value: row.estimate.value for row in facet(found, "modality").values}
    expected = {cell: count + marginal(south, "modality")[cell] for cell, count in marginal(north, "modality").items()}
    assert counts == expected
    species = {row.value: row.estimate.value for row in facet(found, "species").values}
    assert species["mouse"] == marginal(north, "species")["mouse"] + marginal(south, "species")["mouse"]


def test_the_interval_of_a_sum_grows_with_the_root_of_its_parts() -> None:
    for name in ("a", "b", "c", "d"):
        hub.node(name * 3, release(f"{name}-data", patients=1000))
    total = queries.facets(Query()).total
    assert total is not None
    assert (total.high - total.low) / 2 == pytest.approx(1.96 * SIGMA * math.sqrt(4), abs=1)


def test_beside_one_criterion_the_pairs_of_the_plan_are_facets_and_no_others() -> None:
    north = release("a1")
    hub.node("north", north)
    found = queries.facets(parse("modality = MR").query)
    body = {row.value: row.estimate.value for row in facet(found, "body_part").values}
    cells = marginal(north, "modality", "body_part")
    assert body == {part: cells[f"MR|{part}"] for part in body}
    assert facet(found, "modality").available  # its own choice is left out
    assert not facet(found, "year_of_imaging").available
    assert not facet(found, "her2").available


def test_beyond_two_criteria_only_a_live_count_can_tell() -> None:
    hub.node("north", release("a1"))
    found = queries.facets(parse("modality = MR and body part = breast and sex = female").query)
    assert found.total is None
    assert not any(one.available for one in found.facets)


def test_a_facet_counts_only_datasets_that_record_it() -> None:
    hub.node("north", release("a1"), release("a2", supports=["species", "sex"], patients=50))
    found = queries.facets(Query())
    assert facet(found, "sex").datasets == 2
    assert facet(found, "modality").datasets == 1


def test_facets_of_chosen_datasets_sum_over_those_only() -> None:
    north = release("a1")
    hub.node("north", north, release("a2"))
    found = queries.facets(Query(), ["a1"])
    assert found.datasets == 1
    assert {row.value: row.estimate.value for row in facet(found, "sex").values} == marginal(north, "sex")
    with pytest.raises(BadInput, match="dataset-unknown"):
        queries.facets(Query(), ["nowhere"])


def test_facets_follow_publications_and_withdrawals() -> None:
    north = hub.node("north", release("a1"))
    assert queries.facets(Query()).datasets == 1
    hub.publish(node=north, publication=publication(release("a1"), release("a2", patients=70)), by="node:north")
    grown = queries.facets(Query())
    assert grown.total is not None
    assert (grown.datasets, grown.total.value) == (2, 270)
    hub.publish(node=north, publication=publication(release("a2", patients=70)), by="node:north")
    assert queries.facets(Query()).datasets == 1
    hub.publish(node=north, publication=publication(), by="node:north")
    empty = queries.facets(Query())
    assert (empty.datasets, empty.total) == (0, None)


def test_only_so_many_choices_of_datasets_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncofed.hub.catalogue.shelf.KEPT_SELECTIONS", 3)
    names = [f"a{n}" for n in range(4)]
    hub.node("north", *(release(name, supports=["species", "sex"]) for name in names))
    for name in names * 2:
        assert queries.facets(Query(), [name]).datasets == 1
    assert len(shelf().kept) == 3
