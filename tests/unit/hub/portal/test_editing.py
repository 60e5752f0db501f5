"""One step from a query to the next."""

import pytest

from oncofed.contracts.errors import QueryError
from oncofed.contracts.query import Query, parse
from oncofed.hub.portal import editing


def query(text: str) -> Query:
    return parse(text).query


def same(edited: Query, text: str) -> bool:
    return edited.canonical() == query(text)


def test_a_first_value_adds_a_criterion() -> None:
    assert same(editing.add(query(""), "modality", ["MR"]), "modality = MR")


def test_a_second_value_stands_beside_the_first() -> None:
    assert same(editing.add(query("modality = MR"), "modality", ["CT"]), "modality in (MR, CT)")


def test_a_value_is_not_added_to_what_is_excluded() -> None:
    edited = editing.add(query("not modality = CT"), "modality", ["MR"])
    assert same(edited, "not modality = CT and modality = MR")


def test_dropping_a_value_keeps_the_others() -> None:
    assert same(editing.drop(query("modality in (MR, CT)"), "modality", "CT"), "modality = MR")


def test_dropping_the_last_value_drops_the_criterion() -> None:
    assert same(editing.drop(query("modality = MR and sex = female"), "modality", "MR"), "sex = female")


def test_dropping_what_is_not_asked_changes_nothing() -> None:
    before = query("modality = MR")
    assert editing.drop(before, "modality", "CT") == before


def test_removing_species_asks_for_all_of_them() -> None:
    human = query("")
    assert same(editing.remove(human, 0), "species = any")


def test_removing_a_part_by_its_place() -> None:
    before = query("modality = MR and sex = female")
    place = next(index for index, part in enumerate(before.all) if "MR" in getattr(part, "values", ()))
    assert same(editing.remove(before, place), "sex = female")


@pytest.mark.parametrize("place", [-1, 7])
def test_a_place_that_is_not_there_is_told(place: int) -> None:
    with pytest.raises(QueryError, match="has changed"):
        editing.remove(query("modality = MR"), place)


def test_inverting_twice_is_the_query_again() -> None:
    before = query("modality = MR")
    place = next(index for index, part in enumerate(before.all) if "MR" in getattr(part, "values", ()))
    once = editing.invert(before, place).canonical()
    assert same(once, "not modality = MR")
    place = next(index for index, part in enumerate(once.all) if "MR" in getattr(part, "values", ()))
    assert editing.invert(once, place).canonical() == before


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        ("50-54", "60-64", "age 50..64"),
        ("60-64", "50-54", "age 50..64"),
        ("85-89", "", "age >= 85"),
        ("", "0-17", "age < 18"),
    ],
)
def test_bands_from_one_to_another(low: str, high: str, text: str) -> None:
    assert same(editing.between(query("age 20..30"), "age_at_imaging", low, high), text)


def test_a_band_that_does_not_exist_is_told() -> None:
    with pytest.raises(QueryError, match="no bands"):
        editing.between(query(""), "age_at_imaging", "51-52", "")


def test_a_group_holds_on_one_series() -> None:
    pairs = [("modality", "MR"), ("modality", "CT"), ("manufacturer", "siemens")]
    edited = editing.together(query("sex = female"), "series", pairs)
    assert same(edited, "sex = female and same series (modality in (MR, CT) and manufacturer = siemens)")


def test_an_empty_group_changes_nothing() -> None:
    before = query("sex = female")
    assert editing.together(before, "study", []) == before


def test_a_person_may_write_a_value_as_they_know_it() -> None:
    assert editing.known("modality", "magnetic resonance") == "MR"


def test_an_unknown_value_has_the_nearest_word() -> None:
    with pytest.raises(QueryError) as caught:
        editing.known("body_part", "brest")
    assert caught.value.suggestion is not None
    assert caught.value.suggestion.casefold() == "breast"


def test_an_unknown_criterion_is_told() -> None:
    with pytest.raises(QueryError) as caught:
        editing.known("shoe_size", "43")
    assert caught.value.code == "query-unknown-criterion"
