"""Content items of structured reports that say a subject's age or birth date (PS3.16, TID 1007 and 1000)."""

from pydicom.dataset import Dataset

from oncofed.imaging.deidentify.dummies import dummy_date
from oncofed.imaging.deidentify.policy import Policy
from oncofed.imaging.deidentify.profile import Option

_BIRTH_DATE, _AGE = "121031", "121033"
_YEARS = "a"


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
    """Whether a number of years was above the cap, and is now one more than it."""
    years = measured.get("NumericValue")
    if years is None or _code(measured, "MeasurementUnitsCodeSequence") != _YEARS or float(years) < cap + 1:
        return False
    measured.NumericValue = str(cap + 1)
    for exact in ("FloatingPointValue", "RationalNumeratorValue", "RationalDenominatorValue"):
        if exact in measured:
            delattr(measured, exact)
    return True


def _code(item: Dataset, sequence: str) -> str:
    return next((str(code.get("CodeValue", "")) for code in item.get(sequence) or ()), "")
