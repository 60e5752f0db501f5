"""What the search page shows of a query."""

from urllib.parse import parse_qs, urlsplit

import pytest

from oncofed.contracts import vocabulary
from oncofed.contracts.criteria import CRITERIA, MISSING
from oncofed.contracts.outcome import Estimate, Facet, Facets, ValueEstimate
from oncofed.contracts.query import Query, parse
from oncofed.hub.portal import cohort
from oncofed.hub.portal.cohort import State


def query(text: str) -> Query:
    return parse(text).query


def about(number: int) -> Estimate:
    return Estimate(value=number, low=number, high=number, exact=True, text=str(number))


def facets(**values: dict[str, int]) -> Facets:
    told = tuple(
        Facet(
            criterion=name,
            label=name,
            available=True,
            datasets=1,
            values=tuple(ValueEstimate(value=cell, label=cell, estimate=about(n)) for cell, n in cells.items()),
        )
        for name, cells in values.items()
    )
    return Facets(text="", sentence="", total=None, facets=told, datasets=1)


def facet(text: str, name: str, told: Facets) -> cohort.FacetView:
    found = [one for part in cohort.sections(query(text), State(text), told) for one in part.facets if one.name == name]
    assert len(found) == 1
    return found[0]


def chip(text: str, key: str) -> cohort.Chip:
    return next(one for one in cohort.chips(query(text), State(text)) if one.key == key)


def test_every_link_carries_text_and_datasets() -> None:
    state = State("modality = MR", ("one", "two"))
    for address in (state.search(), state.change("add", criterion="sex"), state.values("sex")):
        given = parse_qs(urlsplit(address).query)
        assert given["q"] == ["modality = MR"]
        assert given["dataset"] == ["one", "two"]
    assert State("").search() == "/search/"


def test_every_criterion_stands_in_one_section() -> None:
    names = [name for _title, names in cohort.SECTIONS for name in names]
    assert sorted(names) == sorted(CRITERIA)


def test_the_default_population_is_a_chip_that_says_it_stands_by_itself() -> None:
    (only,) = cohort.chips(query(""), State(""))
    assert only.standing
    assert only.invert_url == ""
    assert parse_qs(urlsplit(only.remove_url).query)["do"] == ["remove"]


def test_neighbouring_bands_are_one_range() -> None:
    assert chip("age 50..64", "Age at imaging").words == "50–64"


def test_bands_apart_and_missing_are_told_apart() -> None:
    assert chip("age in (0-17, 50-54, 90+, missing)", "Age at imaging").words == "0–17 or 50–54 or 90+ or not recorded"


def test_a_range_of_a_measure_has_its_unit() -> None:
    assert chip("psa >= 20", "Prostate-specific antigen").words.endswith("ng/mL")


def test_many_values_are_shortened() -> None:
    assert chip("modality in (MR, CT, PT, MG, US, XA)", "Modality").words.endswith("or 2 more")


def test_an_excluded_criterion_says_so() -> None:
    assert chip("not modality = MR", "Modality").negated


def test_a_group_says_what_must_hold_together() -> None:
    told = chip("same series (modality = MR and manufacturer = siemens)", "On one series").words
    assert "modality: Magnetic resonance" in told
    assert "manufacturer: Siemens" in told


def test_a_group_in_a_group_and_a_negation_inside_are_told() -> None:
    text = "same study (not annotation = SEG and same series (modality = MR and contrast = missing))"
    told = chip(text, "On one study").words
    assert "not annotation: Segmentation" in told
    assert "on one series (" in told
    assert "not recorded" in told


def test_a_facet_shows_the_greatest_first_and_what_is_not_recorded_last() -> None:
    counts = {value: 10 * place for place, value in enumerate(vocabulary.cells("modality"))} | {MISSING: 10_000}
    shown = facet("", "modality", facets(modality=counts))
    numbers = [row.estimate.value for row in shown.rows[:-1] if row.estimate]
    assert numbers == sorted(numbers, reverse=True)
    assert shown.rows[-1].value == MISSING
    assert len(shown.rows) == cohort.ROWS


def test_a_chosen_value_stands_first_and_its_link_takes_it_away() -> None:
    shown = facet("modality = US", "modality", facets(modality={"CT": 9, "US": 1}))
    assert shown.open
    assert shown.rows[0].chosen
    assert parse_qs(urlsplit(shown.rows[0].url).query)["do"] == ["drop"]
    assert parse_qs(urlsplit(shown.rows[1].url).query)["do"] == ["add"]


def test_a_chosen_narrower_value_stands_beside_the_cells() -> None:
    shown = facet("diagnosis = LUAD", "diagnosis", facets(diagnosis={"LUNG": 5}))
    assert [row.value for row in shown.rows if row.chosen] == ["LUAD"]


def test_bands_stand_in_their_order() -> None:
    ages = facet("", "age_at_imaging", facets(age_at_imaging={"50-54": 9, "0-17": 1}))
    assert [row.value for row in ages.rows] == list(vocabulary.cells("age_at_imaging"))


def test_years_are_too_many_to_list() -> None:
    years = facet("", "year_of_imaging", facets())
    assert years.rows == ()
    assert years.bands == vocabulary.domain("year_of_imaging")


def test_without_published_counts_there_is_no_number() -> None:
    shown = facet("", "her2", facets())
    assert not shown.available
    assert all(row.estimate is None for row in shown.rows)


@pytest.mark.parametrize(
    ("criterion", "typed", "first"),
    [
        ("diagnosis", "luad", "LUAD"),
        ("diagnosis", "breast", "BREAST"),
        ("modality", "mr", "MR"),
        ("body_part", "thorax", "CHEST"),
        ("age_at_imaging", "50", "50-54"),
    ],
)
def test_typing_finds_code_label_or_synonym(criterion: str, typed: str, first: str) -> None:
    found = cohort.matches(criterion, typed, State(""), frozenset())
    assert found[0].value == first
    assert len(found) <= cohort.MATCHES


def test_a_match_by_a_synonym_shows_the_synonym() -> None:
    (match, *_rest) = cohort.matches("body_part", "thorax", State(""), frozenset())
    assert match.hint.casefold() == "thorax"


def test_a_word_inside_a_label_is_found_too() -> None:
    assert any(
        row.value == "LUAD" for row in cohort.matches("diagnosis", "adenocarcinoma", State(""), frozenset(), limit=None)
    )


def test_nothing_fits_nonsense() -> None:
    assert cohort.matches("diagnosis", "qqqq", State(""), frozenset()) == []


def test_a_tree_holds_every_value_once() -> None:
    def walk(branches: tuple[cohort.Branch, ...]) -> list[str]:
        return [value for branch in branches for value in (branch.row.value, *walk(branch.below))]

    for name in ("diagnosis", "modality", "age_at_imaging"):
        values = walk(cohort.tree(name, State(""), frozenset(), {}))
        assert sorted(values) == sorted((*vocabulary.domain(name), MISSING))


def test_groups_offer_only_what_can_stand_in_them() -> None:
    for same, _title, choices in cohort.groups():
        pairs = [value for choice in choices for value, _label in choice.values]
        assert pairs
        criterion, _colon, value = pairs[0].partition(":")
        assert parse(f'same {same} ({CRITERIA[criterion].text} = "{value}")').query


def test_breakdowns_are_all_criteria() -> None:
    assert sorted(name for _title, options in cohort.breakdowns() for name, _label in options) == sorted(CRITERIA)
