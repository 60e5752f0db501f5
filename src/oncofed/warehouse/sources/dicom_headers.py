"""What one DICOM file (or the side-car of a NIfTI volume) says about itself, from its header only: no pixel is loaded.

Identifiers (Patient ID, UIDs) are carried as they stand for the moment; ``dicom_folder`` replaces them before any row
is written. Names, free text and dates are read for nothing but the codes derived from them, and not kept.
"""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError

from oncofed.contracts.vocabulary import normalise
from oncofed.imaging.headers import BROKEN, DAMAGED, NO_SERIES, NOT_DICOM, Unusable
from oncofed.imaging.nifti import is_named_nifti
from oncofed.imaging.volumes import read_pair

_TAGS = [
    "PatientID",
    "IssuerOfPatientID",
    "PatientSex",
    "PatientAge",
    "PatientBirthDate",
    "PatientSpeciesDescription",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "SOPClassUID",
    "StudyDate",
    "Modality",
    "BodyPartExamined",
    "Laterality",
    "ImageLaterality",
    "Manufacturer",
    "ManufacturerModelName",
    "MagneticFieldStrength",
    "SliceThickness",
    "PixelSpacing",
    "KVP",
    "ContrastBolusAgent",
    "ConvolutionKernel",
    "SeriesDescription",
    "RadiopharmaceuticalInformationSequence",
    "SegmentSequence",
    "StructureSetROISequence",
    "ReferencedSeriesSequence",
    "ReferencedFrameOfReferenceSequence",
]
_AGE = re.compile(r"(\d{1,3})([YMWD]?)")
_AGE_UNIT = {"": 1.0, "Y": 1.0, "M": 12.0, "W": 52.1775, "D": 365.25}
_OLDEST = 120.0

_SEQUENCES: tuple[tuple[str, str], ...] = (
    ("localizer", r"\b(loc|localizer|localiser|scout|survey)"),
    ("adc", r"\badc\b|apparent diffusion"),
    ("dwi", r"\b(dwi|dti|diff|diffusion|trace)"),
    ("flair", r"flair"),
    ("stir", r"\bstir\b"),
    ("swi", r"\bswi\b"),
    ("dce", r"\b(dce|dyn|dynamic)|vibrant"),
    ("dsc", r"\bdsc\b|perf"),
    ("t1_contrast", r"t1.*(\+c|gad|\bgd\b|post|contrast)"),
    ("t2_star", r"t2 ?\*|t2.?star"),
    ("t2", r"t2"),
    ("t1", r"t1"),
    ("pd", r"\bpd\b|proton density"),
)
"""MR sequence by the first pattern that the series description contains, in lower case."""

_TRACERS: tuple[tuple[str, str], ...] = (
    ("fdg", r"fdg|flu(or)?o?deoxyglucose"),
    ("psma", r"psma|piflufolastat"),
    ("dota", r"dota(tate|toc|noc)|octreot"),
    ("flt", r"\bflt\b|fluorothymidine"),
    ("fmiso", r"f-?miso|misonidazole"),
    ("naf", r"\bnaf\b|sodium fluoride"),
    ("choline", r"choline"),
    ("fes", r"\bfes\b|fluoroestradiol"),
    ("fluciclovine", r"fluciclovine"),
    ("fapi", r"fapi"),
    ("fet", r"\bfet\b|fluoroethyl"),
    ("tc99m", r"tc.?99m|99m.?tc|technetium"),
    ("iodine", r"\bi.?1(23|24|31)\b|iodide"),
)
"""Radiotracer by the first pattern that its name contains, in lower case, where the vocabulary has no such spelling."""


@dataclass(frozen=True)
class Header:
    """One instance. Identifiers are raw; everything else is coded or a number in the model's units."""

    patient_id: str
    issuer: str
    study_uid: str
    series_uid: str
    instance_uid: str
    study: dict[str, Any]
    series: dict[str, Any]
    patient: dict[str, Any]
    source_series_uid: str
    n_segments: int | None


def read_header(path: Path) -> Header:
    """Read one file; ``Unusable`` if it is no DICOM file, damaged, or belongs to no series."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of every value that bends the standard
            return _header(_dataset(path))
    except InvalidDicomError:
        raise Unusable(NOT_DICOM) from None
    except BROKEN:
        raise Unusable(DAMAGED) from None


def _dataset(path: Path) -> Dataset:
    if is_named_nifti(path.name):
        dataset = read_pair(path).dataset
        dataset.file_meta = FileMetaDataset()
        return dataset
    with path.open("rb") as stream:
        begin = stream.read(132)
    bare = begin[:2] in (b"\x08\x00", b"\x02\x00") and begin[4:6] not in (b"", b"\x00\x00")
    if begin[128:] != b"DICM" and not bare:
        raise Unusable(NOT_DICOM)
    return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS), force=bare)


def _header(dataset: Dataset) -> Header:
    study_uid, series_uid = _text(dataset, "StudyInstanceUID"), _text(dataset, "SeriesInstanceUID")
    instance_uid = _text(dataset, "SOPInstanceUID")
    if not (study_uid and series_uid and instance_uid):
        raise Unusable(NO_SERIES)
    modality = normalise("modality", _text(dataset, "Modality"))
    return Header(
        patient_id=_text(dataset, "PatientID"),
        issuer=_text(dataset, "IssuerOfPatientID"),
        study_uid=study_uid,
        series_uid=series_uid,
        instance_uid=instance_uid,
        patient={
            "birth_sex": normalise("sex", _text(dataset, "PatientSex")),
            "species": normalise("species", _text(dataset, "PatientSpeciesDescription") or "human"),
        },
        study={"acquisition_year": _year(_text(dataset, "StudyDate")), "age_at_imaging": _age(dataset)},
        series=_series(dataset, modality),
        source_series_uid=_source_series(dataset),
        n_segments=len(dataset.get("SegmentSequence") or dataset.get("StructureSetROISequence") or ()) or None,
    )


def _series(dataset: Dataset, modality: str | None) -> dict[str, Any]:
    described = _text(dataset, "SeriesDescription").lower()
    spacing = dataset.get("PixelSpacing") or (None, None)
    side = _text(dataset, "Laterality") or _text(dataset, "ImageLaterality")
    return {
        "modality": modality,
        "body_part_code": normalise("body_part", _text(dataset, "BodyPartExamined")),
        "laterality": normalise("laterality", side),
        "manufacturer_norm": normalise("manufacturer", _text(dataset, "Manufacturer")),
        "model": _text(dataset, "ManufacturerModelName")[:64] or None,
        "field_strength_t": _tesla(_number(dataset.get("MagneticFieldStrength"))),
        "slice_thickness_mm": _number(dataset.get("SliceThickness")),
        "spacing_x": _number(spacing[1]),
        "spacing_y": _number(spacing[0]),
        "kvp": _number(dataset.get("KVP")),
        "contrast": _contrast(dataset, described),
        "sequence_type": sequence_type(described) if modality == "MR" else None,
        "convolution_kernel": _text(dataset, "ConvolutionKernel")[:64] or None,
        "tracer": _tracer(dataset),
        "transfer_syntax": str(getattr(dataset.file_meta, "TransferSyntaxUID", "")) or None,
    }


def _text(dataset: Dataset, name: str) -> str:
    value = dataset.get(name)
    if value is None:
        return ""
    return str(value).strip(" \0")


def _number(value: object) -> float | None:
    """A finite, non-negative number; None for anything else."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None


def _tesla(strength: float | None) -> float | None:
    """Field strength in tesla; old files give gauss (15000 is 1.5 T); 0 is not recorded."""
    if not strength:
        return None
    return strength / 10_000 if strength > 100 else strength


def _year(date: str) -> int | None:
    return int(date[:4]) if re.match(r"(19|20)\d\d", date) else None


def age_in_years(text: str) -> float | None:
    """DICOM age (``066Y``, ``018M``), also without unit; None for 0 years (what de-identification writes) and > 120."""
    match = _AGE.fullmatch(text.strip().upper())
    if not match:
        return None
    age = int(match[1]) / _AGE_UNIT[match[2]]
    return None if age > _OLDEST or (age == 0 and match[2] != "D") else round(age, 1)


def _age(dataset: Dataset) -> float | None:
    """The age given, or the one between birth date and study date."""
    given = age_in_years(_text(dataset, "PatientAge"))
    dates = [_text(dataset, name) for name in ("PatientBirthDate", "StudyDate")]
    if given is not None or not all(re.fullmatch(r"\d{8}", date) for date in dates):
        return given
    born, imaged = (int(date[:4]) + (int(date[4:6]) - 1) / 12 + (int(date[6:]) - 1) / 365.25 for date in dates)
    return round(imaged - born, 1) if 0 < imaged - born <= _OLDEST else None


def sequence_type(described: str) -> str | None:
    """MR sequence that a series description (lower case) names, by the first rule that fits."""
    return _first(_SEQUENCES, described.replace("_", " "))


def _first(patterns: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((code for code, pattern in patterns if re.search(pattern, text)), None)


def _contrast(dataset: Dataset, described: str) -> str | None:
    agent = _text(dataset, "ContrastBolusAgent")
    if not agent:
        return None
    if normalise("contrast", agent) == "none":
        return "none"
    phases = {"arterial": "arterial", "portal": "portal_venous", "venous": "portal_venous", "delay": "delayed"}
    return next((code for word, code in phases.items() if word in described), "unspecified")


def _tracer(dataset: Dataset) -> str | None:
    for item in dataset.get("RadiopharmaceuticalInformationSequence") or ():
        names = [_text(item, "Radiopharmaceutical")]
        names += [_text(code, "CodeMeaning") for code in item.get("RadiopharmaceuticalCodeSequence") or ()]
        for name in names:
            if code := normalise("tracer", name) or _first(_TRACERS, name.lower()):
                return code
    return None


def _source_series(dataset: Dataset) -> str:
    """UID of the series a segmentation or structure set was made on, if it names exactly one."""
    found = {_text(item, "SeriesInstanceUID") for item in dataset.get("ReferencedSeriesSequence") or ()}
    for frame in dataset.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            found |= {_text(item, "SeriesInstanceUID") for item in study.get("RTReferencedSeriesSequence") or ()}
    found.discard("")
    return found.pop() if len(found) == 1 else ""
