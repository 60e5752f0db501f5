"""Dates move by whole days, in every form DICOM has or had; what is no date is not guessed at."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.imaging.deidentify.dates import capped_age, shifted

DATES = st.dates(date(1901, 1, 2), date(2099, 12, 31)).filter(lambda day: day != date(1970, 1, 1))
DAYS = st.integers(-36_500, 36_500)


@given(DATES, DAYS)
def test_a_date_moves_by_the_days(day: date, days: int) -> None:
    moved = day + timedelta(days=days)
    assert shifted(f"{day:%Y%m%d}", "DA", days) == f"{moved.year:04d}{moved:%m%d}"
    assert shifted(f"{day:%Y.%m.%d}", "DA", days) == f"{moved.year:04d}.{moved:%m.%d}"


@given(
    DATES, DAYS, st.sampled_from(["", "10", "1015", "101500", "101500.123456"]), st.sampled_from(["", "+0100", "-0330"])
)
def test_a_date_time_keeps_its_time_and_offset(day: date, days: int, time: str, offset: str) -> None:
    moved = day + timedelta(days=days)
    assert shifted(f"{day:%Y%m%d}{time}{offset}", "DT", days) == f"{moved.year:04d}{moved:%m%d}{time}{offset}"


@given(DATES, DATES, DAYS)
def test_intervals_stay(one: date, other: date, days: int) -> None:
    moved = [date.fromisoformat(shifted(f"{day:%Y%m%d}", "DA", days)) for day in (one, other)]
    assert moved[1] - moved[0] == other - one


@pytest.mark.parametrize(
    ("value", "vr", "expected"),
    [
        ("20200101-20200131", "DA", "20191231-20200130"),
        ("-20200131", "DA", "-20200130"),
        ("20200131-", "DA", "20200130-"),
        ("2020", "DT", "2020"),
        ("202001", "DT", "202001"),
        ("101500", "TM", "101500"),
        ("10:15:00.5", "TM", "10:15:00.5"),
        ("1015-1100", "TM", "1015-1100"),
    ],
)
def test_other_forms(value: str, vr: str, expected: str) -> None:
    assert shifted(value, vr, -1) == expected


@pytest.mark.parametrize(
    ("value", "vr"),
    [
        ("20200230", "DA"),
        ("2020", "DA"),
        ("Smith", "DA"),
        ("-", "DA"),
        ("20200101-x", "DA"),
        ("00020101", "DA"),
        ("20201301", "DT"),
        ("yesterday", "DT"),
        ("Smith", "TM"),
        ("25 past", "TM"),
    ],
)
def test_what_is_none_is_none(value: str, vr: str) -> None:
    assert shifted(value, vr, -400) is None


@pytest.mark.parametrize(
    ("age", "expected"),
    [("089Y", "089Y"), ("090Y", "090Y"), ("103Y", "090Y"), ("45Y", "045Y"), ("018M", "018M"), ("007D", "007D"),
     ("999W", "999W"), ("ninety", None), ("91", None)],
)  # fmt: skip
def test_ages_above_the_cap_are_told_as_one_more(age: str, expected: str | None) -> None:
    assert capped_age(age, 89) == expected


def test_months_count_for_the_cap() -> None:
    assert capped_age("999M", 80) == "081Y"


@pytest.mark.parametrize(("value", "vr"), [("19000101", "DA"), ("19700101000000", "DT"), ("00010101", "DA")])
def test_a_date_that_stands_for_none_does_not_tell_the_shift(value: str, vr: str) -> None:
    assert shifted(value, vr, -400) == value
