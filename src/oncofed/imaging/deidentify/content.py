"""Content items of structured reports that say a subject's age or birth date (PS3.16, TID 1007 and 1000)."""

from pydicom.dataset import Dataset

from oncofed.imaging.deidentify.dummies import dummy_date
from oncofed.imaging.deidentify.policy import Policy
from oncofed.imaging.deidentify.profile import Option

_BIRTH_DATE, _AGE = "121031", "121033"
_IN_A_YEAR = {"a": 1.0, "mo": 12.0, "wk": 52.1775, "d": 365.25}
"""Units of UCUM for ages."""


def settle_subject(item: Dataset, policy: Policy) -> str:
    """Cap or take out an age, take out a birth date; the reason if something changed, else "".

    As for the attributes of the patient: a birth date never stays, an age only where patient characteristics do.
    """
    concept = _code(item, "ConceptNameCodeSequence")
    if concept == _BIRTH_DATE and item.get("Date"):
        item.Date = dummy_date()
        return "birth-date"
    if concept != _AGE:
        return ""
    measured = item.get("MeasuredValueSequence") or ()
    if Option.RETAIN_PATIENT_CHARACTERISTICS not in policy.profile.options:
        item.MeasuredValueSequence = []
        return "age" if measured else ""
    changed = [_cap(one, policy.profile.age_cap) for one in measured]
    return "age" if any(changed) else ""


def _cap(measured: Dataset, cap: int) -> bool:
    """Whether an age was above the cap, and is now one year more than it, in its own unit."""
    age = measured.get("NumericValue")
    in_a_year = _IN_A_YEAR.get(_code(measured, "MeasurementUnitsCodeSequence"))
    if age is None or in_a_year is None or float(age) < (cap + 1) * in_a_year:
        return False
    measured.NumericValue = str(round((cap + 1) * in_a_year))
    for exact in ("FloatingPointValue", "RationalNumeratorValue", "RationalDenominatorValue"):
        if exact in measured:
            delattr(measured, exact)
    return True


def _code(item: Dataset, sequence: str) -> str:
    return next((str(code.get("CodeValue", "")) for code in item.get(sequence) or ()), "")
