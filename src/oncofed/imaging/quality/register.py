"""The checks of images: what each looks for, which dimension of quality it belongs to, and how grave a finding is.

Dimensions are those of the reference system: complete, unique, consistent, accurate, integrity.
"""

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """``error``: must not be released as it is. ``warning``: look at it. ``note``: worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Dimension(StrEnum):
    """The dimension of quality a check belongs to."""

    COMPLETE = "complete"
    UNIQUE = "unique"
    CONSISTENT = "consistent"
    ACCURATE = "accurate"
    INTEGRITY = "integrity"


class Check(NamedTuple):
    """One check: title (one clause), dimension, severity, and what a finding means for whoever uses the images."""

    title: str
    dimension: Dimension
    severity: Severity
    meaning: str


_C, _U, _N, _A, _I = Dimension
_E, _W, _O = Severity

CHECKS: dict[str, Check] = {
    "file-unreadable": Check("files that cannot be read", _I, _E, "The file is damaged or is no DICOM file."),
    "pixels-undecodable": Check("pixels that cannot be decoded", _I, _E, "The image cannot be shown or computed on."),
    "pixels-no-decoder": Check(
        "pixels not tested: no decoder installed",
        _I,
        _O,
        "The transfer syntax is valid, but this machine cannot read it.",
    ),
    "pixels-missing": Check("images without pixels", _C, _E, "The header says there is an image; there is none."),
    "pixels-constant": Check("images of one value only", _A, _W, "Blank slices add nothing, or export failed."),
    "pixels-clipped": Check(
        "images clipped at the highest value", _A, _W, "More than 1 % of the pixels stand at the end of the range."
    ),
    "segmentation-empty": Check("segmentations without a marked pixel", _A, _W, "No voxel belongs to any segment."),
    "volume-nifti": Check(
        "volumes in NIfTI", _N, _O, "Not DICOM files: Type 1 attributes, SOP class and transfer syntax are not checked."
    ),
    "type-1-missing": Check("missing Type 1 attributes", _C, _W, "DICOM requires these attributes with a value."),
    "type-1c-missing": Check(
        "missing Type 1C attributes", _C, _W, "DICOM requires them under a condition that holds for these objects."
    ),
    "sop-class-missing": Check("objects that do not say what they are", _C, _E, "SOP Class UID is absent or empty."),
    "slices-missing": Check("missing slices", _C, _E, "Positions leave gaps of whole slices: the volume has holes."),
    "slices-fewer-than-stated": Check(
        "fewer images than the header states", _C, _W, "Number of Slices or Images in Acquisition says more."
    ),
    "slices-duplicate": Check("duplicate slices", _U, _E, "The same position twice, with nothing to tell them apart."),
    "slices-unsorted": Check(
        "numbers that do not follow the positions", _N, _O, "Sort by position, not by Instance Number."
    ),
    "spacing-uneven": Check("uneven distance between slices", _N, _W, "Resample before volumes are measured."),
    "geometry-mixed": Check("mixed geometry in one series", _N, _W, "Sizes, pixel spacings or orientations differ."),
    "orientation-invalid": Check(
        "directions that are not orthonormal", _A, _E, "Positions in space cannot be trusted."
    ),
    "frame-of-reference-mixed": Check(
        "several frames of reference in one series", _N, _W, "The slices do not share one coordinate system."
    ),
    "volume-sheared": Check("slices that shift sideways", _N, _O, "Gantry tilt: resample before use in 3-D."),
    "modality-mixed": Check("several modalities in one series", _N, _W, "A series is of one modality by definition."),
    "instance-repeated": Check(
        "instances present more than once", _U, _W, "The same SOP Instance UID in several files."
    ),
    "series-shared": Check("series in two studies or patients", _U, _E, "One Series Instance UID, several owners."),
    "reference-dangling": Check(
        "references to objects that are not here", _I, _W, "The annotation points at images that are absent."
    ),
    "suv-not-computable": Check(
        "PET without what SUV needs", _C, _W, "Weight, dose, half-life, times, units or corrections are missing."
    ),
    "suv-implausible": Check(
        "PET with implausible SUV inputs",
        _A,
        _W,
        "Weight, dose or the time between injection and scan are out of range.",
    ),
    "not-deidentified": Check(
        "files not marked as de-identified", _I, _E, "Patient Identity Removed is not YES: do not release."
    ),
    "near-duplicate": Check(
        "images alike in two patients", _U, _W, "The same picture under two pseudonyms: one person twice, or a copy."
    ),
}
"""All checks of images by name, in the order they are shown."""
