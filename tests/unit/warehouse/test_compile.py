"""A query becomes SQL in which nothing a person wrote stands as text."""

import re

import pytest

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.query import Criterion, Group, Query, parse
from oncofed.contracts.vocabulary import domain
from oncofed.warehouse.compile import compile_query
from oncofed.warehouse.extraction import SERIES_CRITERIA, extractions
from oncofed.warehouse.index import ShardIndex, ValueIndex

HELD = ("CT", "female", "BREAST", "LUNG", "siemens")


def an_index(size: int = 6) -> ShardIndex:
    """Ids 1 … 5 each hold one of five values, id 0 nothing."""
    values = ValueIndex(size, {value: 1 << place for place, value in enumerate(HELD, start=1)}, 1)
    return ShardIndex(dict.fromkeys(extractions(), values), dict.fromkeys(SERIES_CRITERIA, values), releases=3)


def compiled(text: str, releases: tuple[int, ...] = (0, 1, 2)):
    return compile_query(parse(text).query, releases, an_index(), "shard_000001")


@pytest.mark.parametrize(
    "text",
    [
        "modality = CT and sex = female",
        "diagnosis = BREAST and not body part = breast",
        "same series (modality = CT and manufacturer = siemens and body part = breast)",
        "not same study (annotation = SEG and modality = CT) or missing",
        "same study (timepoint = baseline and same series (modality = CT and body part = lung))",
    ],
)
def test_values_travel_as_parameters_only(text: str) -> None:
    condition = compiled(text)
    words = set(re.findall(r"\w+", condition.sql))
    values = {value for name in CRITERIA for value in domain(name) if not value.isdigit()}
    # Columns are named by the contract; no value of any vocabulary may be among the words.
    assert not words & values
    assert condition.sql.count("?") == len(condition.parameters)


def test_masks_of_a_positive_and_a_negated_criterion() -> None:
    positive = compile_query(
        Query(all=(Criterion(criterion="modality", values=("CT", "missing")),)), [0, 1, 2], an_index(), "s"
    )
    assert positive.parameters == ("110000",)
    negated = Criterion(criterion="modality", values=("CT",), negated=True)
    assert compile_query(Query(all=(negated,)), [0, 1, 2], an_index(), "s").parameters == ("001111",)
    open_ended = negated.model_copy(update={"or_missing": True})
    assert compile_query(Query(all=(open_ended,)), [0, 1, 2], an_index(), "s").parameters == ("101111",)


def test_one_id_is_compared_none_is_false_all_is_true() -> None:
    one = Query(all=(Criterion(criterion="modality", values=("CT",)),))
    assert compile_query(one, [0, 1, 2], an_index(), "s").parameters == (1,)
    none = Query(all=(Criterion(criterion="modality", values=("MR",)),))
    assert "FALSE" in compile_query(none, [0, 1, 2], an_index(), "s").sql
    everything = Query(all=(Criterion(criterion="modality", values=(*HELD, "missing")),))
    assert compile_query(everything, [0, 1, 2], an_index(), "s").sql == "TRUE AND TRUE"


def test_only_the_releases_asked_are_counted() -> None:
    assert compile_query(Query(), [1], an_index(), "s").parameters == (1,)
    assert compile_query(Query(), [0, 2], an_index(), "s").parameters == ("101",)
    assert compile_query(Query(), [0, 1, 2], an_index(), "s").parameters == ()


def test_a_series_group_that_no_series_meets_is_false() -> None:
    assert "WHERE FALSE" in compiled("same series (modality = MR and body part = lung)").sql


def test_a_run_of_kinds_is_a_range() -> None:
    group = Group(same="series", all=(Criterion(criterion="modality", values=("CT", "female", "BREAST")),))
    condition = compile_query(Query(all=(group,)), [0, 1, 2], an_index(), "s")
    assert condition.parameters == (1, 3)
    assert "get_bit" not in condition.sql


def test_a_group_inside_a_series_group_is_a_mistake_of_ours() -> None:
    inner = Group(same="series", all=(Criterion(criterion="modality", values=("CT",)),))
    outer = Group.model_construct(same="series", all=(inner,), negated=False, or_missing=False)
    with pytest.raises(TypeError):
        compile_query(Query.model_construct(all=(outer,)), [0], an_index(), "s")
