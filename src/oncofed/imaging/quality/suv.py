"""Whether standardised uptake values can be computed from a PET image, and whether their inputs are believable.

The inputs are those of the QIBA vendor-neutral recipe: patient's weight, injected dose, half-life, time of injection,
time the pixels are decay-corrected to, units and corrections.
"""

import re
from datetime import datetime, timedelta

from pydicom.dataset import Dataset

NOT_NEEDED = frozenset({"GML"})
"""Units in which the pixels are uptake values already."""
_MAX_WEIGHT_KG = 300.0
_DOSE_BQ = (1e6, 5e9)
_LONGEST = timedelta(hours=24)


def suv_gaps(dataset: Dataset) -> tuple[str, ...]:
    """Keywords of what is missing for SUV by body weight; none where the pixels are SUV already."""
    units = _text(dataset, "Units").upper()
    if units in NOT_NEEDED:
        return ()
    dose = _radiopharmaceutical(dataset)
    found = {
        "Units": units in ("BQML", "CNTS"),
        "PatientWeight": bool(_positive(dataset, "PatientWeight")),
        "RadionuclideTotalDose": bool(_positive(dose, "RadionuclideTotalDose")),
        "RadionuclideHalfLife": bool(_positive(dose, "RadionuclideHalfLife")),
        "RadiopharmaceuticalStartTime": _injected(dataset, dose) is not None,
        "SeriesTime or AcquisitionTime": _scanned(dataset) is not None,
        "DecayCorrection": bool(_text(dataset, "DecayCorrection")),
        "CorrectedImage (ATTN, DECY)": _corrected(dataset),
    }
    return tuple(name for name, is_there in found.items() if not is_there)


def suv_oddities(dataset: Dataset) -> tuple[str, ...]:
    """Which inputs are there but cannot be right."""
    dose = _radiopharmaceutical(dataset)
    weight, activity = _positive(dataset, "PatientWeight"), _positive(dose, "RadionuclideTotalDose")
    injected, scanned = _injected(dataset, dose), _scanned(dataset)
    odd = []
    if weight and weight > _MAX_WEIGHT_KG:
        odd.append("PatientWeight")
    if activity and not _DOSE_BQ[0] <= activity <= _DOSE_BQ[1]:
        odd.append("RadionuclideTotalDose")
    if injected and scanned and not timedelta(0) <= scanned - injected <= _LONGEST:
        odd.append("time from injection to scan")
    return tuple(odd)


def _radiopharmaceutical(dataset: Dataset) -> Dataset:
    return next(iter(dataset.get("RadiopharmaceuticalInformationSequence") or ()), None) or Dataset()


def _corrected(dataset: Dataset) -> bool:
    value = dataset.get("CorrectedImage") or ()
    steps = {value} if isinstance(value, str) else {str(step) for step in value}
    return {"ATTN", "DECY"} <= steps or ("ATTN" in steps and _text(dataset, "DecayCorrection") in ("START", "ADMIN"))


def _injected(dataset: Dataset, dose: Dataset) -> datetime | None:
    """When the tracer was given: the date-time if there, else the time on the day of the series."""
    whole = _text(dose, "RadiopharmaceuticalStartDateTime")
    return _moment(whole[:8], whole[8:]) or _moment(
        _text(dataset, "SeriesDate"), _text(dose, "RadiopharmaceuticalStartTime")
    )


def _scanned(dataset: Dataset) -> datetime | None:
    """When the scan was taken: acquisition, else series."""
    for name in ("Acquisition", "Series"):
        if found := _moment(_text(dataset, f"{name}Date"), _text(dataset, f"{name}Time")):
            return found
    return None


def _moment(date: str, time: str) -> datetime | None:
    digits = re.match(r"\d{2,6}", time)
    if not re.fullmatch(r"\d{8}", date) or digits is None:
        return None
    try:
        return datetime.strptime(date + digits[0].ljust(6, "0"), "%Y%m%d%H%M%S")
    except ValueError:
        return None


def _positive(dataset: Dataset, name: str) -> float | None:
    try:
        value = float(_text(dataset, name))
    except ValueError:
        return None
    return value if value > 0 else None


def _text(dataset: Dataset, name: str) -> str:
    value = dataset.get(name)
    return "" if value is None else str(value).strip(" \0")
