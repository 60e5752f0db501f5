"""Dates, times and ages as DICOM writes them (PS3.5 6.2): shifted by whole days, capped; None for what is neither."""

import re
from datetime import date, timedelta
from functools import lru_cache

_DATE = re.compile(r"(\d{4})(\.?)(\d\d)\2(\d\d)")
_DATE_TIME = re.compile(r"(\d{4})(\d\d)?(\d\d)?(\d{2,6}(?:\.\d{1,6})?)?([+-]\d{4})?")
_TIME = re.compile(r"\d\d(:?\d\d(:?\d\d(\.\d{1,6})?)?)?")
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_AGES_A_YEAR = {"D": 365.25, "W": 52.1775, "M": 12.0, "Y": 1.0}
_CACHED = 4096

PLACEHOLDERS = frozenset({"00010101", "18000101", "19000101", "19010101", "19700101"})
"""What programs write where there is no date. They stay: moved, they would tell by how many days the others were."""


@lru_cache(_CACHED)
def shifted_date(text: str, days: int) -> str | None:
    """A DA value, days later; also the old form with dots, and a range of two dates."""
    first, dash, second = text.partition("-")
    if dash:
        moved = [shifted_date(part.strip(), days) if part.strip() else "" for part in (first, second)]
        return None if None in moved or not any(moved) else f"{moved[0]}-{moved[1]}"
    if text.replace(".", "") in PLACEHOLDERS:
        return text
    match = _DATE.fullmatch(text)
    if not match:
        return None
    day = _moved(match[1], match[3], match[4], days)
    return None if day is None else match[2].join((f"{day.year:04d}", f"{day.month:02d}", f"{day.day:02d}"))


@lru_cache(_CACHED)
def shifted_date_time(text: str, days: int) -> str | None:
    """A DT value, days later: time and offset from UTC stay; a year or month alone moves from its middle."""
    match = _DATE_TIME.fullmatch(text)
    if not match:
        return None
    if text[:8] in PLACEHOLDERS:
        return text
    year, month, day, time, offset = match.groups()
    moved = _moved(year, month or "07", day or "15", days)
    if moved is None:
        return None
    full = f"{moved.year:04d}{moved:%m%d}"
    kept = full[: 4 + 2 * (month is not None) + 2 * (day is not None)]
    return kept + (time or "") + (offset or "")


def _moved(year: str, month: str, day: str, days: int) -> date | None:
    try:
        return date(int(year), int(month), int(day)) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None


def is_time(text: str) -> bool:
    """A TM value; also the old form with colons, and a range."""
    return all(_TIME.fullmatch(part.strip()) for part in text.split("-") if part.strip())


def shifted(text: str, vr: str, days: int) -> str | None:
    """One value of DA, DT or TM (which stays); None where it is none."""
    if vr == "TM":
        return text if is_time(text) else None
    return shifted_date(text, days) if vr == "DA" else shifted_date_time(text, days)


def capped_age(text: str, cap: int) -> str | None:
    """An AS value, with ages above ``cap`` years told as one year more than it."""
    match = _AGE.fullmatch(text)
    if not match:
        return None
    years = int(match[1]) / _AGES_A_YEAR[match[2]]
    return f"{cap + 1:03d}Y" if years >= cap + 1 else f"{int(match[1]):03d}{match[2]}"
