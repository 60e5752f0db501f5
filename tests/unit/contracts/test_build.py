"""The builder: the same queries as the text, with the same readings and refusals."""

import warnings

import pytest

from oncofed.contracts.build import QueryNote, not_, same_series, same_study, where
from oncofed.contracts.errors import QueryError
from oncofed.contracts.query import Query, parse

SAME = [
    (where(), ""),
    (where(modality="MR", body_part="breast", age=(50, 69)), "modality = MR and body part = breast and age 50..69"),
    (where(modality=["MR", "CT"]), "modality in (MR, CT)"),
    (where(modality=("MR", "CT")), "modality in (MR, CT)"),
    (where(modality={"MR"}), "modality = MR"),
    (where(vendor="GE"), "manufacturer = ge"),
    (where(age=(50, None)), "age >= 50"),
    (where(age=(None, 39)), "age < 40"),
    (where(psa=(4, 10)), "psa 4..10"),
    (where(psa=(4.0, 10.0)), "psa 4..10"),
    (where(her2=None), "her2 is missing"),
    (where(her2=["3+", None]), "her2 in (3+, missing)"),
    (where(her2="recorded"), "her2 is recorded"),
    (where(her2=(None, None)), "her2 is missing"),
    (where(gleason=8), "gleason = 8"),
    (where(gleason=[8, 9]), "gleason in (8, 9)"),
    (where(isup=(4, 5)), "isup 4..5"),
    (where(year=2015), "year = 2015"),
    (not_(modality="CT"), "not modality = CT"),
    (not_(modality="CT", or_missing=True), "not modality = CT or missing"),
    (not_(modality="CT", sex="male"), "not modality = CT and not sex = male"),
    (where(sex="F") & where(modality="MR"), "women and modality = MR"),
    (where(where(sex="F"), modality="MR"), "women and modality = MR"),
    (
        same_series(modality="MR", field_strength=(2.5, 3.5)),
        "same series (modality = MR and field strength 2.5..3.5)",
    ),
    (same_series(not_(body_part="liver"), modality="MR"), "same series (modality = MR and not body part = liver)"),
    (
        same_series(modality="MR", contrast="none", negated=True, or_missing=True),
        "not same series (modality = MR and contrast = none) or missing",
    ),
    (
        same_study(same_series(modality="MR", contrast="none"), timepoint="baseline"),
        "same study (same series (modality = MR and contrast = none) and timepoint = baseline)",
    ),
    (same_study(modality="PT") & same_study(modality="CT", negated=True), "modality = PET and not modality = CT"),
]


@pytest.mark.parametrize(("built", "text"), SAME, ids=[text for _, text in SAME])
def test_what_is_built_is_what_is_written(built: Query, text: str) -> None:
    assert built.key == parse(text).query.key


def test_what_is_not_read_as_written_is_warned_of() -> None:
    with pytest.warns(QueryNote, match="age at imaging 50..70 was read as the bands 50-54 … 65-69"):
        where(age=(50, 70))
    with pytest.warns(QueryNote, match="chest leaves out scans"):
        not_(body_part="chest")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        where(age=(50, 69))


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        ({"modalty": "MR"}, "query-unknown-criterion"),
        ({"modality": "MRR"}, "query-unknown-value"),
        ({"modality": []}, "query-unknown-value"),
        ({"modality": (3, 4)}, "query-unknown-value"),
        ({"age": (70, 50)}, "query-unknown-value"),
    ],
)
def test_what_cannot_be_read_is_refused(criteria: dict[str, object], code: str) -> None:
    with pytest.raises(QueryError) as caught:
        where(**criteria)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_groups_take_only_what_they_can_hold() -> None:
    with pytest.raises(QueryError) as caught:
        same_series(sex="male")
    assert caught.value.code == "query-not-in-group"
    with pytest.raises(QueryError, match="at least one criterion"):
        same_series()
