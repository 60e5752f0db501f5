"""The query text: pleasant to write, read back unchanged, and precise about what is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.contracts.errors import QueryError
from oncofed.contracts.query import MAX_CRITERIA, Query, parse
from oncofed.contracts.query_text import MAX_TEXT
from tests.factories.queries import canonical_queries, is_satisfiable, queries

READ_AS = [
    ("", ""),
    ("   ", ""),
    ("modality = MR", "modality = MR"),
    ("MODALITY = mri", "modality = MR"),
    ("modality: MR", "modality = MR"),
    ("modality == MR", "modality = MR"),
    ("modality is MR", "modality = MR"),
    ("modality MR", "modality = MR"),
    ("modality in (MR)", "modality = MR"),
    ("modality is in (MR, CT)", "modality in (CT, MR)"),
    ("modality in (MR or CT)", "modality in (CT, MR)"),
    ("modality = MR or CT", "modality in (CT, MR)"),
    ("modality = MR or modality = CT or PET", "modality in (CT, MR, PT)"),
    ("modality = MR | CT", "modality in (CT, MR)"),
    ("modality = MR && sex = female", "sex = female and modality = MR"),
    ("modality=MR&sex=female", "sex = female and modality = MR"),
    ("modality = magnetic resonance", "modality = MR"),
    ('modality = "magnetic resonance"', "modality = MR"),
    ("modality = 'magnetic resonance' or “computed tomography”", "modality in (CT, MR)"),
    ('"body part" = "breast"', "body part = BREAST"),
    ("vendor = siemens healthineers", "manufacturer = siemens"),
    ("modality != MR", "not modality = MR"),
    ("modality <> MR", "not modality = MR"),
    ("modality ≠ MR", "not modality = MR"),
    ("modality is not MR", "not modality = MR"),
    ("modality not in (MR, CT)", "not modality in (CT, MR)"),
    ("modality is not in (MR, CT)", "not modality in (CT, MR)"),
    ("modality != MR or CT", "not modality in (CT, MR)"),
    ("not modality != MR", "modality = MR"),
    ("not modality = MR or missing", "not modality = MR or missing"),
    ("modality != MR or unknown", "not modality = MR or missing"),
    ("not sex = male", "sex in (female, other)"),
    ("women", "sex = female"),
    ("Men and age > 50", "sex = male and age at imaging >= 50"),
    ("mice", "species = mouse"),
    ("species = any", "species = any"),
    ("her2 is missing", "her2 is missing"),
    ("her2 is not recorded", "her2 is missing"),
    ("not her2 is recorded", "her2 is missing"),
    ("her2 = missing", "her2 is missing"),
    ("her2 is recorded", "her2 is recorded"),
    ("her2 is not missing", "her2 is recorded"),
    ("her2 = 3+ or missing", 'her2 in ("3+", missing)'),
    ("diagnosis = head and neck cancer", "diagnosis = HEAD_NECK"),
    ("diagnosis = head and neck and women", "sex = female and diagnosis = HEAD_NECK"),
    ("diagnosis in (lung, “head and neck”)", "diagnosis in (HEAD_NECK, LUNG)"),
    ("diagnosis = Wilms' tumor", "diagnosis = WT"),
    ("age 50..69", "age at imaging 50..69"),
    ("age 50 .. 69", "age at imaging 50..69"),
    ("age 50…69", "age at imaging 50..69"),
    ("age 50..69 years", "age at imaging 50..69"),
    ("age = 50..69", "age at imaging 50..69"),
    ("age 50-69", "age at imaging 50..69"),
    ("age between 50 and 69", "age at imaging 50..69"),
    ("age in (50-54, 60-64)", 'age at imaging in (50-54, 60-64)'),
    ("age in (50..54, 60..64 or missing)", 'age at imaging in (50-54, 60-64, missing)'),
    ("age >= 50 and age < 70", None),
    ("age ≥ 50", "age at imaging >= 50"),
    ("age 50..", "age at imaging >= 50"),
    ("age ..39", "age at imaging 0..39"),
    ("age < 40", "age at imaging 0..39"),
    ("age ≤ 39", "age at imaging 0..39"),
    ("psa 4..10", "psa 4..10"),
    ("psa = 4-<10", None),
    ('psa = "4-<10"', "psa 4..10"),
    ("psa > 10 ng/ml", "psa >= 10"),
    ("ki-67 >= 30 %", "ki67 >= 30"),
    ("field strength 2.5..3.5", "field strength 2.5..3.5"),
    ("gleason >= 8", "gleason in (8, 9, 10)"),
    ("isup 4..5", "isup in (4, 5)"),
    ("isup 4-5", "isup in (4, 5)"),
    ("bi-rads > 4", "bi rads in (5, 6)"),
    ("cT >= T3", "ct in (T3, T4)"),
    ("stage between II and III", "stage in (II, III)"),
    ("stage < III", "stage in (0, I, II)"),
    ("stage IIA", "stage = IIA"),
    ("(modality = MR and sex = female)", "sex = female and modality = MR"),
    ("(modality = MR or CT) and women", "sex = female and modality in (CT, MR)"),
    ("not (modality = MR)", "not modality = MR"),
    ("not (modality = MR) or missing", "not modality = MR or missing"),
    ("not (not modality = MR)", "modality = MR"),
    ("same series (modality = MR and contrast = none)", "same series (modality = MR and contrast = none)"),
    ("not same  series (modality = MR and contrast = none) or missing", None),
    ("not (same study (modality = PET and modality = CT))", "not same study (modality = CT and modality = PT)"),
    ("same study (same series (modality = MR and contrast = none) and timepoint = baseline)", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "canonical"), [pair for pair in READ_AS if pair[1] is not None])
def test_a_text_is_read(text: str, canonical: str) -> None:
    query = parse(text).query
    assert query.text() in (canonical, parse(canonical).query.text())
    assert query == parse(canonical).query


def test_two_criteria_on_age_are_two_claims() -> None:
    """A patient imaged at 45 and at 72 has an age from 50 and an age below 70: only a range means one image."""
    assert parse("age >= 50 and age < 70").query != parse("age 50..69").query
    assert parse("same study (age >= 50 and age < 70)").query != parse("age 50..69").query


TWO_NUMBERS = "the conditions on age at imaging may be met by different values; a range (“low..high”) means one"

NOTES = [
    ("age 50..69", ()),
    ("age 50..70", ("age at imaging 50..70 was read as the bands 50-54 … 65-69",)),
    ("age 52..53", ("age at imaging 52..53 was read as the band 50-54",)),
    ("age 51..51", ("age at imaging 51..51 was read as the band 50-54",)),
    ("age = 53", ("age at imaging 53 was read as the band 50-54",)),
    ("age = 50-54", ()),
    ("age > 50", ("age at imaging > 50 was read as the bands 50-54 … 90+",)),
    ("age >= 50", ()),
    ("age 50..120", ("age at imaging 50..120 was read as the bands 50-54 … 90+",)),
    ("age between 50 and 70", ("age at imaging 50..70 was read as the bands 50-54 … 65-69",)),
    ("year 2010", ()),
    ("psa 4..10", ()),
    ("field strength 3 T", ("field strength 3 T was read as the band 2.5-<3.5",)),
    ("field strength = 3T", ("field strength 3T was read as the band 2.5-<3.5",)),
    ("gleason >= 7", ()),
    (
        "body part = chest",
        ("chest leaves out scans that state several regions at once; to have them too, add “trunk”",),
    ),
    ("body part in (chest, trunk)", ()),
    ("body part = lung", ()),
    ("modality = MR and modality = CT", ()),
    ("age >= 50 and age < 70", (TWO_NUMBERS,)),
    ("same study (age >= 50 and age < 70)", (TWO_NUMBERS,)),
    ("same series (slice thickness < 5.5 and slice thickness >= 2.5)", ()),
    ("age = 53 and same study (age = 53 and modality = MR)", ("age at imaging 53 was read as the band 50-54",)),
]


@pytest.mark.parametrize(("text", "notes"), NOTES)
def test_what_was_not_read_as_written_is_said(text: str, notes: tuple[str, ...]) -> None:
    assert parse(text).notes == notes


WRONG = [
    ("modalty = MR", "query-unknown-criterion", "modalty", "modality"),
    ("women and modalty = MR", "query-unknown-criterion", "modalty", "modality"),
    ("bodypartt = breast", "query-unknown-criterion", "bodypartt", "bodypart"),
    ("modality = MRR", "query-unknown-value", "MRR", "MR"),
    ("modality in (CT, MRR)", "query-unknown-value", "MRR", "MR"),
    ("diagnosis = “lung cancr”", "query-unknown-value", "“lung cancr”", "lung cancer"),
    ("diagnosis = lung  cancr and women", "query-unknown-value", "lung  cancr", "lung cancer"),
    ("modality MRR", "query-unknown-value", "MRR", "MR"),
    ("field strength strong", "query-unknown-value", "strong", None),
    ("age = old", "query-unknown-value", "old", None),
    ("age < 0", "query-unknown-value", "age < 0", None),
    ("age 70..50", "query-unknown-value", "70..50", None),
    ("age > old", "query-unknown-value", "old", None),
    ("modality > 3", "query-unknown-value", "3", None),
    ("modality 3..4", "query-unknown-value", "3..4", None),
    ("cT >= TX", "query-unknown-value", "TX", None),
    ("gleason > 10", "query-unknown-value", "gleason > 10", None),
    ("gleason > missing", "query-unknown-value", "missing", None),
    ("diagnoses = head and neck", "query-unknown-criterion", "diagnoses", "diagnosis"),
    ("age > 50..60", "query-syntax", "50..60", None),
    ("breast", "query-syntax", "breast", "diagnosis = breast"),
    ("MR", "query-syntax", "MR", "modality = MR"),
    ("wommen", "query-syntax", "wommen", "women"),
    ("zzzzzz", "query-syntax", "zzzzzz", None),
    ("modality", "query-syntax", "modality", None),
    ("modality = MR and", "query-syntax", "", None),
    ("modality in (MR", "query-syntax", "", None),
    ("modality = (MR)", "query-syntax", "(", None),
    ("modality = MR)", "query-syntax", ")", None),
    ("a = b = c", "query-syntax", "=", None),
    ('modality = "MR', "query-syntax", '"', None),
    ("modality = M!R", "query-syntax", "!", None),
    ("modality = MR or sex = male", "query-or-across-criteria", "sex = male", None),
    ("modality = MR or not", "query-syntax", "", None),
    ("modality = MR or not modality = CT", "query-or-across-criteria", "modality = CT", None),
    ("modality = MR or modality != CT", "query-or-across-criteria", "modality != CT", None),
    ("modality = MR or (modality = CT)", "query-or-across-criteria", "(modality = CT)", None),
    ("(modality = MR) or sex = male", "query-or-across-criteria", "sex", None),
    ("same series (modality = MR) or women", "query-or-across-criteria", "women", None),
    ("same series (modality = MR) or missing", "query-or-across-criteria", "missing", None),
    ("not same series (sex = F) or same series (sex = F)", "query-not-in-group", "sex", None),
    ("not same study (modality CT) or same study (women)", "query-or-across-criteria", "same study (women)", None),
    ("not (modality = MR and sex = male)", "query-or-across-criteria", "(modality = MR and sex = male)", None),
    ("same series (modality = MR and sex = male)", "query-not-in-group", "sex", None),
    ("same series (modality = MR and age 50..69)", "query-not-in-group", "age", None),
    ("same study (women)", "query-not-in-group", "women", None),
    ("same series (same series (modality = MR))", "query-not-in-group", "same series (modality = MR)", None),
    ("same study (modality = MR and diagnosis = lung)", "query-not-in-group", "diagnosis", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "place", "suggestion"), WRONG)
def test_what_is_wrong_is_pointed_at(text: str, code: str, place: str, suggestion: str | None) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    error = caught.value
    assert error.code == code
    assert error.position is not None
    assert text[error.position.start : error.position.end] == place
    assert (error.suggestion or "").lower() == (suggestion or "").lower()


def test_what_could_stand_there_is_said() -> None:
    with pytest.raises(QueryError, match="the query ends too early; expected “\\)”"):
        parse("modality in (MR")
    with pytest.raises(QueryError, match="a quotation mark is not closed"):
        parse("modality = “MR")


def test_limits_hold_for_texts() -> None:
    with pytest.raises(QueryError) as caught:
        parse(" and ".join(["modality = MR"] * (MAX_CRITERIA + 1)))
    assert caught.value.code == "query-too-large"
    with pytest.raises(QueryError) as caught:
        parse("x" * (MAX_TEXT + 1))
    assert caught.value.code == "query-too-large"


@given(canonical_queries())
def test_the_text_of_a_query_is_read_back(query: Query) -> None:
    assert parse(query.text()) == (query, parse(query.text()).notes)
    assert parse(query.text().upper().replace("“", '"')).query == query


@given(queries().filter(is_satisfiable))
def test_the_text_of_any_query_means_the_same(query: Query) -> None:
    assert parse(query.text()).query == query.canonical()


@given(st.text(max_size=60) | st.text("modality=MRandort()in.5\"“ <>!'", max_size=60))
def test_any_text_is_a_query_or_a_pointed_error(text: str) -> None:
    query, error = outcome(text)
    if error is None:
        assert parse(query.text()).query == query
    elif error.position is None:
        assert error.code in {"query-unsatisfiable", "query-too-large"}
    else:
        assert 0 <= error.position.start <= error.position.end <= len(text)


def outcome(text: str) -> tuple[Query, QueryError | None]:
    try:
        return parse(text).query, None
    except QueryError as error:
        return Query(), error
