"""The canonical form: it counts the same patients, is its own canonical form, and is one for equivalent queries."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from oncofed.contracts.canonical import cost
from oncofed.contracts.clauses import everything
from oncofed.contracts.criteria import CRITERIA, GROUP_LEVELS, MISSING
from oncofed.contracts.errors import QueryError
from oncofed.contracts.query import MAX_CRITERIA, MAX_VALUES, Criterion, Group, Part, Query, parse
from oncofed.contracts.vocabulary import cells, domain, expand
from tests.factories.patients import matches, patients
from tests.factories.queries import canonical_queries, is_satisfiable, queries, within_limits

HUMAN = Criterion(criterion="species", values=("human",))


def names_of(parts: tuple[Part, ...]) -> set[str]:
    return {n for part in parts for n in ({part.criterion} if isinstance(part, Criterion) else names_of(part.all))}


def with_species(query: Query) -> Query:
    """The query with what the canonical form adds to it."""
    asked = any(isinstance(part, Criterion) and part.criterion == "species" for part in query.all)
    return query if asked else Query(all=(*query.all, HUMAN))


def only(*parts: Part) -> Query:
    return Query(all=parts)


def one(criterion: str, *values: str, negated: bool = False, or_missing: bool = False) -> Criterion:
    return Criterion(criterion=criterion, values=values, negated=negated, or_missing=or_missing)


def series(*parts: Part, negated: bool = False, or_missing: bool = False) -> Group:
    return Group(same="series", all=parts, negated=negated, or_missing=or_missing)


def study(*parts: Part, negated: bool = False, or_missing: bool = False) -> Group:
    return Group(same="study", all=parts, negated=negated, or_missing=or_missing)


@given(queries().filter(is_satisfiable), st.data())
def test_the_canonical_form_counts_the_same_patients(query: Query, data: st.DataObject) -> None:
    for patient in data.draw(st.lists(patients(names_of(with_species(query).all)), min_size=1, max_size=6)):
        assert matches(query.canonical(), patient) == matches(with_species(query), patient)


@settings(suppress_health_check=[HealthCheck.filter_too_much], max_examples=25)
@given(queries(max_parts=8).filter(lambda query: not is_satisfiable(query)), st.data())
def test_a_contradictory_query_counts_nobody(query: Query, data: st.DataObject) -> None:
    """But for a contradiction inside a negated group, which is refused too: it says nothing a person could mean."""
    assume(not any(isinstance(part, Group) and (part.negated or part.same == "study") for part in query.all))
    patient = data.draw(patients(names_of(with_species(query).all)))
    assert not matches(with_species(query), patient)


@given(queries(max_parts=8).filter(is_satisfiable))
def test_a_canonical_query_is_its_own_canonical_form(query: Query) -> None:
    once = query.canonical()
    assert once.canonical() == once


@given(canonical_queries())
def test_no_canonical_query_negates_a_single_value(query: Query) -> None:
    for part in query.all:
        if isinstance(part, Criterion):
            assert CRITERIA[part.criterion].several or not part.negated
        elif part.same == "series":
            assert all(
                not c.negated or CRITERIA[c.criterion].hierarchical for c in part.all if isinstance(c, Criterion)
            )


# ---- metamorphic: each change leaves the meaning, so it must leave the key ------------------------------------------


def shuffled(query: Query, data: st.DataObject) -> Query:
    def mixed(part: Part) -> Part:
        if isinstance(part, Criterion):
            return part.model_copy(update={"values": tuple(data.draw(st.permutations(part.values)))})
        return part.model_copy(update={"all": tuple(map(mixed, data.draw(st.permutations(part.all))))})

    return Query(all=tuple(map(mixed, data.draw(st.permutations(query.all)))))


def repeated(query: Query, data: st.DataObject) -> Query:
    return Query(all=(*query.all, data.draw(st.sampled_from(query.all)))) if query.all else query


def values_repeated(query: Query, data: st.DataObject) -> Query:
    def doubled(part: Part) -> Part:
        if isinstance(part, Criterion):
            return part.model_copy(update={"values": (*part.values, *part.values)})
        return part.model_copy(update={"all": tuple(map(doubled, part.all))})

    return Query(all=tuple(map(doubled, query.all)))


def descendants_named(query: Query, data: st.DataObject) -> Query:
    def spelt(part: Part) -> Part:
        if isinstance(part, Criterion) and len(expand(part.criterion, part.values)) < 40:
            return part.model_copy(update={"values": tuple(expand(part.criterion, part.values))})
        return part

    return Query(all=tuple(map(spelt, query.all)))


def full_domain_added(query: Query, data: st.DataObject) -> Query:
    name = data.draw(st.sampled_from(["sex", "modality", "psa", "contrast", "population"]))
    return Query(all=(*query.all, one(name, *domain(name), MISSING)))


def wrapped_in_a_group(query: Query, data: st.DataObject) -> Query:
    def wrap(part: Part) -> Part:
        if not isinstance(part, Criterion) or part.negated or MISSING in part.values:
            return part
        kinds = [same for same, levels in GROUP_LEVELS.items() if CRITERIA[part.criterion].level in levels]
        if not kinds:
            return part
        return Group.model_validate({"same": data.draw(st.sampled_from(kinds)), "all": (part,)})

    return Query(all=tuple(map(wrap, query.all)))


def series_groups_inside_a_study(query: Query, data: st.DataObject) -> Query:
    def wrap(part: Part) -> Part:
        return study(part) if isinstance(part, Group) and part.same == "series" and not part.negated else part

    return Query(all=tuple(map(wrap, query.all)))


def implied_by_a_group_added(query: Query, data: st.DataObject) -> Query:
    """But for what is denied beside the group: that is not seen through (docstring of ``contracts.canonical``)."""
    beside = [part for part in query.canonical().all if isinstance(part, Criterion)]
    denied = {part.criterion for part in beside if part.negated or MISSING in part.values}
    inside = [
        part
        for group in query.all
        if isinstance(group, Group) and not group.negated
        for part in group.all
        if isinstance(part, Criterion) and not part.negated and MISSING not in part.values
        if part.criterion not in denied
    ]
    return Query(all=(*query.all, data.draw(st.sampled_from(inside)))) if inside else query


def negation_as_complement(query: Query, data: st.DataObject) -> Query:
    def complement(part: Part) -> Part:
        if not isinstance(part, Criterion) or CRITERIA[part.criterion].several or not part.negated:
            return part
        rest = [value for value in domain(part.criterion) if value not in part.values]
        values = (*rest, *([MISSING] if part.or_missing else []))
        return one(part.criterion, *values)

    return Query(all=tuple(map(complement, query.all)))


def human_said(query: Query, data: st.DataObject) -> Query:
    return with_species(query)


def via_text(query: Query, data: st.DataObject) -> Query:
    return parse(query.text()).query


def via_json(query: Query, data: st.DataObject) -> Query:
    return Query.model_validate_json(query.model_dump_json())


CHANGES: list[Callable[[Query, st.DataObject], Query]] = [
    shuffled,
    repeated,
    values_repeated,
    descendants_named,
    full_domain_added,
    wrapped_in_a_group,
    series_groups_inside_a_study,
    implied_by_a_group_added,
    negation_as_complement,
    human_said,
    via_text,
    via_json,
]


@settings(max_examples=60)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@given(query=queries(max_parts=4).filter(is_satisfiable), data=st.data())
def test_an_equivalent_query_has_the_same_key(
    change: Callable[[Query, st.DataObject], Query], query: Query, data: st.DataObject
) -> None:
    other = change(query, data)
    assume(within_limits(other))
    assert other.canonical() == query.canonical()
    assert other.key == query.key


# ---- by hand ---------------------------------------------------------------------------------------------------------

LUNG_CT = "same series (modality = CT and body part = lung)"
BASELINE_CT = "same study (modality = CT and timepoint = baseline)"
BASELINE_LUNG_CT = f"same study (timepoint = baseline and {LUNG_CT})"
LATER_CT = "same study (not timepoint = baseline and modality = CT)"
CHEST = "same series (body part = chest and modality in (CT, MR))"
NEITHER = "same series (contrast = none and not body part in (lung, liver))"
CHEST_BUT_LUNG = "same series (body part in (chest, pelvis) and not body part = lung)"
ABDOMEN_BUT_LIVER = "same series (body part = abdomen and not body part = liver)"

SAME = [
    ("modality = MR and sex = male", "sex = M and modality = MRI"),
    ("not sex = male", "sex in (female, other)"),
    ("not sex = male or missing", "sex in (female, other, missing)"),
    ("sex is recorded", "not sex is missing"),
    ("sex in (male, female) and sex in (female, other)", "women"),
    ("diagnosis = lung and diagnosis in (lung, breast)", "diagnosis = lung"),
    ("diagnosis in (BREAST, BRCA, IDC)", "diagnosis = BREAST"),
    ("not diagnosis = lung and not diagnosis = breast", "not diagnosis in (lung, breast)"),
    ("modality = MR and not modality = CT", "modality in (MR, CT) and not modality = CT"),
    ("modality is recorded and not modality = CT", "not modality = CT"),
    ("modality is recorded and modality = CT", "modality = CT"),
    ("not modality = CT or missing", "not same series (modality = CT) or missing"),
    ("not modality = CT", "not same series (modality = CT)"),
    ("not modality = CT", "not same study (same series (modality = CT))"),
    ("modality = CT", "same study (same series (modality = CT))"),
    ("not her2 is missing", "her2 is recorded"),
    ("her2 in (3+, missing) and her2 is recorded", "her2 = 3+"),
    ("her2 in (3+, missing) and not her2 = 3+ or missing", "her2 is missing"),
    ("same series (body part = any and modality = any)", "same series (laterality = any)"),
    ("same study (annotation = any)", "same study (timepoint = any)"),
    ("same series (modality = CT) and same series (modality = any)", "modality = CT"),
    (f"modality = CT and {LUNG_CT}", LUNG_CT),
    (f"body part = chest and {LUNG_CT}", LUNG_CT),
    (f"same series (modality = CT) and {BASELINE_CT}", BASELINE_CT),
    (f"same study (modality = CT and body part = chest) and {LUNG_CT}", LUNG_CT),
    (f"{BASELINE_LUNG_CT} and {CHEST}", BASELINE_LUNG_CT),
    (f"{BASELINE_LUNG_CT} and same study (timepoint is recorded and {CHEST})", BASELINE_LUNG_CT),
    (f"same study (modality = CT and timepoint is recorded) and {LATER_CT}", LATER_CT),
    ("same series (contrast = none and not body part = liver and not body part = lung)", NEITHER),
    ("same series (not body part in (chest, liver) and body part in (chest, abdomen))", ABDOMEN_BUT_LIVER),
    ("same series (body part = any and body part in (chest, pelvis) and not body part = lung)", CHEST_BUT_LUNG),
    (f"same series (body part = abdomen) and {CHEST_BUT_LUNG}", f"{CHEST_BUT_LUNG} and body part = abdomen"),
    ("species in (human, mouse) and not species = mouse", ""),
    ("species = human", ""),
    ("psa is recorded and psa = any", "psa is recorded"),
    ("not same series (modality = any) or missing", "not same series (contrast = any) or missing"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_equivalent_texts_have_one_key(left: str, right: str) -> None:
    assert parse(left).query.text() == parse(right).query.text()
    assert parse(left).query.key == parse(right).query.key


DIFFERENT = [
    ("modality = MR", "not modality = CT"),
    ("modality = MR", "modality in (MR, CT)"),
    ("not sex = male", "not sex = male or missing"),
    ("modality = MR and body part = breast", "same series (modality = MR and body part = breast)"),
    ("same study (modality = PT and modality = CT)", "modality = PT and modality = CT"),
    ("same study (not modality = CT)", "not modality = CT"),
    ("same series (modality is missing)", "modality is missing"),
    ("same series (modality = any)", ""),
    ("same study (timepoint = any)", "same series (modality = any)"),
    ("not same series (modality = CT and body part = any)", "not modality = CT"),
    ("body part = abdomen", "same series (body part = abdomen and not body part = liver)"),
    ("species = any", ""),
    ("species = mouse", "species = dog"),
    ("derived body part = lung", "body part = lung"),
    (f"{BASELINE_LUNG_CT} and {LATER_CT}", BASELINE_LUNG_CT),
    ("age at diagnosis 50..69", "age at imaging 50..69"),
]


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_different_questions_have_different_keys(left: str, right: str) -> None:
    assert parse(left).query.key != parse(right).query.key


@pytest.mark.parametrize(
    "text",
    [
        "sex = male and sex = female",
        "diagnosis = lung and not diagnosis = lung",
        "diagnosis = NSCLC and not diagnosis = lung",
        "not diagnosis is recorded and diagnosis = lung",
        "her2 is missing and her2 = 3+",
        "same series (modality = MR and modality = CT)",
        "same series (modality = CT and body part = chest and not body part = chest)",
        "not same series (modality = any)",
        "not same study (timepoint = any and annotation = any)",
        "not same study (same series (modality = any))",
        "modality = MR and species = human and species = mouse",
    ],
)
def test_a_contradiction_is_refused(text: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert caught.value.code == "query-unsatisfiable"


def test_species_is_human_unless_asked() -> None:
    assert Query().canonical().all == (HUMAN,)
    anything = one("species", *domain("species"), MISSING)
    assert only(anything).canonical().all == (anything,)
    assert only(one("species", "mouse", negated=True)).canonical().all == (
        one("species", "human", "dog", "phantom", "other"),
    )


def test_values_stand_in_the_order_of_their_domain_and_missing_last() -> None:
    asked = one("age_at_imaging", MISSING, "90+", "50-54")
    assert only(asked).canonical().all[1] == one("age_at_imaging", "50-54", "90+", MISSING)


def test_a_positive_criterion_with_or_missing_takes_missing_as_a_value() -> None:
    assert only(one("sex", "male", or_missing=True)).key == only(one("sex", "male", MISSING)).key


# ---- limits and what is refused --------------------------------------------------------------------------------------


def test_twelve_criteria_are_allowed_and_species_is_not_counted() -> None:
    names = [name for name, criterion in CRITERIA.items() if criterion.several][:MAX_CRITERIA]
    twelve = tuple(one(name, domain(name)[0]) for name in names)
    assert len(only(HUMAN, *twelve).canonical().all) == MAX_CRITERIA + 1
    with pytest.raises(QueryError, match="13 criteria are more than 12") as caught:
        only(*twelve, series(one("modality", "MR"), one("modality", "CT", "MR"))).canonical()
    assert caught.value.code == "query-too-large"


def test_what_is_left_of_a_hierarchy_is_written_in_the_fewest_codes() -> None:
    """Of what is left in and what is left out on one series, the shorter stands in the canonical form."""
    assert parse(CHEST_BUT_LUNG).query.text() == CHEST_BUT_LUNG.replace("lung", "LUNG").replace(
        "chest", "CHEST"
    ).replace("pelvis", "PELVIS")
    all_but_chest = ", ".join(cell for cell in cells("body_part")[:-1] if cell != "CHEST")
    assert parse(f"same series (not body part in ({all_but_chest}))").query.text() == "body part = CHEST"
    short = "same series (not body part = CHEST and contrast = none)"
    assert parse(f"same series (body part in ({all_but_chest}) and contrast = none)").query.text() == short


def test_two_hundred_values_are_allowed() -> None:
    codes = domain("diagnosis")
    assert cost(one("diagnosis", *codes[:MAX_VALUES], MISSING)) == MAX_VALUES
    assert only(one("diagnosis", *codes[:MAX_VALUES])).canonical()
    with pytest.raises(QueryError, match="201 values are more than 200"):
        only(one("diagnosis", *codes[: MAX_VALUES + 1])).canonical()


@given(queries())
def test_the_complement_costs_the_same(query: Query) -> None:
    for part in query.all:
        if isinstance(part, Criterion) and not CRITERIA[part.criterion].hierarchical:
            rest = everything(part.criterion) - set(part.values)
            if rest:
                assert cost(one(part.criterion, *rest)) == cost(part)


def test_groups_stand_three_levels_deep_at_most() -> None:
    deep = series(one("modality", "MR"), one("contrast", "none"))
    assert only(study(deep, one("timepoint", "baseline"))).canonical()
    with pytest.raises(QueryError, match="more than 3 levels") as caught:
        only(study(study(deep))).canonical()
    assert caught.value.code == "query-too-large"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (only(one("modalty", "MR")), "query-unknown-criterion"),
        (only(one("modality", "MRI")), "query-unknown-value"),
        (only(one("sex", "50-54")), "query-unknown-value"),
        (only(series(one("sex", "male"))), "query-not-in-group"),
        (only(series(one("timepoint", "baseline"))), "query-not-in-group"),
        (only(study(one("diagnosis", "LUNG"))), "query-not-in-group"),
        (only(series(series(one("modality", "MR")))), "query-not-in-group"),
        (only(series(study(one("modality", "MR")))), "query-not-in-group"),
        (only(study(study(one("modality", "MR")))), "query-not-in-group"),
        (only(series(one("modality", "MR"), or_missing=True)), "query-syntax"),
    ],
)
def test_what_is_outside_the_grammar_is_refused(query: Query, code: str) -> None:
    with pytest.raises(QueryError) as caught:
        query.canonical()
    assert caught.value.code == code


def test_an_unknown_criterion_comes_with_the_nearest() -> None:
    with pytest.raises(QueryError, match="did you mean “modality”"):
        only(one("modalty", "MR")).canonical()
