"""The published cube: every cell, keyed noise, and what it can and cannot answer."""

import math
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.contracts.catalogue import Cube, Marginal
from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.query import Criterion, Group, Query
from oncofed.contracts.vocabulary import cells
from oncofed.disclosure.constants import CUBE_EPSILON
from oncofed.disclosure.cube import CubeCells, added, answer, build, build_open
from oncofed.disclosure.plan import planned

PLAN = planned(CRITERIA)
SECRET = b"s" * 32
DIGEST = "d" * 64


def exact() -> dict[tuple[str, ...], dict[tuple[str, ...], int]]:
    """Tables in which every cell of every marginal holds a number of its own."""
    tables = {}
    for one in PLAN:
        domain = list(product(*(cells(name) for name in one.criteria)))
        tables[one.criteria] = {cell: 1000 * (number + 1) for number, cell in enumerate(domain)}
    return tables


def protected(**changes: Any) -> Cube:
    arguments = {"marginals": PLAN, "secret": SECRET, "digest": DIGEST} | changes
    return build(exact(), 5000, **arguments)


OPEN = build_open(exact(), 5000)
TRUE = exact()


def criterion(name: str, *values: str, **flags: bool) -> Criterion:
    return Criterion(criterion=name, values=values, **flags)


def asked(*parts: Criterion | Group) -> Query:
    return Query(all=parts).canonical()


def said(*parts: Criterion | Group, by: str | None = None) -> CubeCells | None:
    return answer(OPEN, asked(*parts), by)


def test_every_cell_of_every_domain_is_published() -> None:
    cube = protected()
    for one, marginal in zip(PLAN, cube.marginals, strict=True):
        assert marginal.criteria == one.criteria
        assert list(marginal.cells) == ["|".join(c) for c in product(*(cells(name) for name in one.criteria))]
        assert marginal.sigma == pytest.approx(math.sqrt(one.variance))
    assert cube.epsilon <= CUBE_EPSILON
    assert cube.population is not None
    assert list(cube.population.cells) == [""]


def test_cells_without_a_patient_are_noisy_too() -> None:
    empty = build({one.criteria: {} for one in PLAN}, 0, marginals=PLAN, secret=SECRET, digest=DIGEST)
    for marginal in empty.marginals:
        noise = list(marginal.cells.values())
        if len(noise) < 500:
            continue
        variance = sum(x * x for x in noise) / len(noise)
        assert variance == pytest.approx(marginal.sigma**2, rel=0.3)
        assert abs(sum(noise) / len(noise)) < 4.9 * marginal.sigma / math.sqrt(len(noise))


def test_publishing_again_gives_the_same_cube() -> None:
    assert protected().canonical_bytes() == protected().canonical_bytes()


@pytest.mark.parametrize(
    "changes", [{"secret": b"t" * 32}, {"digest": "e" * 64}, {"marginals": planned(CRITERIA.keys() - {"psa", "stage"})}]
)
def test_another_secret_release_or_plan_has_other_noise(changes: dict[str, Any]) -> None:
    one, other = protected(), protected(**changes)
    cell = {m.criteria: m.cells for m in one.marginals}[("diagnosis", "modality")]
    again = {m.criteria: m.cells for m in other.marginals}[("diagnosis", "modality")]
    same = sum(cell[key] == again[key] for key in cell)
    assert same < len(cell) / 10


def test_marginals_have_independent_noise() -> None:
    cube = protected()
    noises = []
    for marginal in cube.marginals:
        true = TRUE[marginal.criteria]
        noises.append([count - true[tuple(key.split("|"))] for key, count in list(marginal.cells.items())[:4]])
    assert len({tuple(noise) for noise in noises}) == len(noises)


def test_open_cubes_are_exact_and_claim_nothing() -> None:
    assert (OPEN.epsilon, OPEN.delta) == (0, 0)
    assert all(marginal.sigma == 0 for marginal in OPEN.marginals)
    assert OPEN.marginals[0].cells["human"] == 1000


@pytest.mark.parametrize(
    "build_any", [lambda t: build_open(t, 1), lambda t: build(t, 1, marginals=(), secret=SECRET, digest=DIGEST)]
)
def test_a_count_outside_the_domain_is_an_error(build_any: Any) -> None:
    cube = build_any({})
    assert cube.marginals == ()
    with pytest.raises(ValueError, match="outside the domain of sex"):
        build_open({("sex",): {("unheard-of",): 1}}, 1)


def test_all_human_patients_are_the_population() -> None:
    assert said() == CubeCells({"": 5000}, 0.0)
    assert answer(OPEN.model_copy(update={"population": None}), asked()) is None


def test_one_and_two_criteria_are_answered() -> None:
    assert said(criterion("modality", "MR")) == CubeCells({"": TRUE[("modality",)][("MR",)]}, 0.0)
    both = said(criterion("modality", "MR"), criterion("body_part", "BREAST"))
    assert both == CubeCells({"": TRUE[("modality", "body_part")][("MR", "BREAST")]}, 0.0)
    assert said(criterion("psa", "0-<4")) is None
    assert said(criterion("modality", "MR"), criterion("year_of_imaging", "2010")) is None


def test_how_many_have_no_value_is_answered() -> None:
    assert said(criterion("stage", "missing")) == CubeCells({"": TRUE[("stage",)][("missing",)]}, 0.0)


def test_values_of_a_single_valued_criterion_add_up() -> None:
    table = TRUE[("sex", "modality")]
    found = answer(protected(), asked(criterion("sex", "female", "male"), criterion("modality", "CT")))
    one = answer(protected(), asked(criterion("sex", "female"), criterion("modality", "CT")))
    assert found is not None
    assert one is not None
    assert abs(found.cells[""] - table[("female", "CT")] - table[("male", "CT")]) < 6 * found.sigma
    assert found.sigma == pytest.approx(one.sigma * math.sqrt(2))


def test_several_values_of_a_several_valued_criterion_are_not_added() -> None:
    """A patient with MR and CT would count twice."""
    assert said(criterion("modality", "MR", "CT")) is None
    assert said(criterion("modality", "MR"), criterion("modality", "CT")) is None


def test_breakdowns_come_from_the_same_tables() -> None:
    modalities = said(by="modality")
    assert modalities is not None
    assert modalities.cells == {key[0]: count for key, count in TRUE[("modality",)].items()}
    parts = said(criterion("diagnosis", "BREAST"), by="modality")
    assert parts is not None
    assert parts.cells == {cell: TRUE[("diagnosis", "modality")][("BREAST", cell)] for cell in cells("modality")}
    assert said(criterion("modality", "MR"), by="modality") is None
    assert said(criterion("modality", "MR"), criterion("sex", "female"), by="diagnosis") is None
    assert said(by="psa") is None


def test_narrower_values_than_the_cells_need_a_live_count() -> None:
    assert said(criterion("diagnosis", "BREAST")) is not None
    assert said(criterion("diagnosis", "IDC")) is None


def test_negations_and_groups_need_a_live_count() -> None:
    assert said(criterion("modality", "MR", negated=True)) is None
    assert said(criterion("modality", "MR", negated=True, or_missing=True)) is None
    group = Group(same="series", all=(criterion("modality", "MR"), criterion("body_part", "BREAST")))
    assert said(group) is None


def test_other_species_are_told_only_by_themselves() -> None:
    assert said(criterion("species", "mouse")) == CubeCells({"": TRUE[("species",)][("mouse",)]}, 0.0)
    everyone = said(criterion("species", *cells("species")))
    assert everyone == CubeCells({"": sum(TRUE[("species",)].values())}, 0.0)
    assert said(criterion("species", "mouse"), criterion("modality", "MR")) is None
    assert said(criterion("species", "mouse"), by="modality") is None
    assert answer(OPEN, Query()) is None  # not canonical: nothing says which species


def test_cells_a_newer_vocabulary_added_are_left_out_of_a_breakdown() -> None:
    old = Cube(epsilon=0, delta=0, marginals=(Marginal(criteria=("sex",), cells={"female": 3}, sigma=0),))
    assert answer(old, asked(), "sex") == CubeCells({"female": 3}, 0.0)
    assert answer(old, asked(criterion("sex", "male"))) is None


@given(st.lists(st.tuples(st.integers(-50, 50), st.floats(0, 30)), max_size=6))
def test_answers_of_several_releases_add_up(parts: list[tuple[int, float]]) -> None:
    whole = added(CubeCells({"": count}, sigma) for count, sigma in parts)
    assert whole.cells.get("", 0) == sum(count for count, _ in parts)
    assert whole.sigma == pytest.approx(math.sqrt(sum(sigma**2 for _, sigma in parts)))
