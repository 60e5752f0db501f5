"""How likely the pixels of an object show who the patient is: from the header alone, before a pixel is looked at.

``high``: images of a kind that carries banners or is a picture of a screen, of paper or of a label. ``low``: images of
a kind that seldom does (projection radiography, derived images). ``none``: no pixels, or pixels that are measurements
of a scanner or of an algorithm as it wrote them. The classes are our reading of PS3.3 C.7.6.1.1.2 (Image Type),
C.8.6.1 (Conversion Type) and of what was found in public images; Burned In Annotation is believed when it says YES and
never when it says NO.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydicom import Dataset
from pydicom import uid as uids

from oncofed.imaging.elements import BROKEN


class Level(StrEnum):
    """From nothing to fear to text being expected."""

    NONE = "none"
    LOW = "low"
    HIGH = "high"


@dataclass(frozen=True)
class Risk:
    """The class of one object and why: ``reasons`` are words of ours, never values of the object."""

    level: Level
    reasons: tuple[str, ...] = ()


PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

_COMPUTED = frozenset(
    (
        uids.SegmentationStorage,
        uids.SurfaceSegmentationStorage,
        "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation, newer than pydicom's names
        uids.RTDoseStorage,
        uids.ParametricMapStorage,
        uids.RealWorldValueMappingStorage,
        uids.DeformableSpatialRegistrationStorage,
    )
)

_SCREENS = frozenset(
    (
        uids.UltrasoundImageStorage,
        uids.UltrasoundMultiFrameImageStorage,
        "1.2.840.10008.5.1.4.1.1.6",  # ultrasound images of before 1993, retired
        "1.2.840.10008.5.1.4.1.1.3",
        uids.SecondaryCaptureImageStorage,
        uids.MultiFrameSingleBitSecondaryCaptureImageStorage,
        uids.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
        uids.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        uids.MultiFrameTrueColorSecondaryCaptureImageStorage,
        uids.VLEndoscopicImageStorage,
        uids.VideoEndoscopicImageStorage,
        uids.VLMicroscopicImageStorage,
        uids.VideoMicroscopicImageStorage,
        uids.VLPhotographicImageStorage,
        uids.VideoPhotographicImageStorage,
        uids.XRayAngiographicImageStorage,
        uids.XRayRadiofluoroscopicImageStorage,
        uids.OphthalmicPhotography8BitImageStorage,
        uids.OphthalmicPhotography16BitImageStorage,
    )
)
_SCANNED = frozenset(("WSD", "DV", "DI", "DF", "SI", "SD", "DRW"))
_MEASURED = frozenset(("CT", "MR", "PT", "NM"))
_PROJECTED = frozenset(("CR", "DX", "MG", "IO", "PX", "RG"))
_CAPTURES = ("SCREEN", "SCREENSHOT", "DOSE", "REPORT", "PROTOCOL", "CAPTURE", "FILM", "PASTED", "VOLREN", "RENDER")
_DOCUMENTS = frozenset((uids.EncapsulatedPDFStorage, uids.EncapsulatedCDAStorage))
_OVERLAY_POSITIONS = tuple(group << 16 | 0x0102 for group in range(0x6000, 0x6020, 2))
_SLIDES = uids.VLWholeSlideMicroscopyImageStorage


def words(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of an element in capitals; () where it is absent, empty or not what the standard says."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's warnings quote the value
            value: Any = dataset.get(keyword)
    except BROKEN:
        return ()
    several = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return tuple(str(one).strip().upper() for one in several if one is not None)


def number(dataset: Dataset, keyword: str) -> int:
    """The first value of an element as a whole number; 0 where there is none."""
    value = words(dataset, keyword)
    try:
        return int(float(value[0])) if value else 0
    except (ValueError, OverflowError):
        return 0


def _first(dataset: Dataset, keyword: str) -> str:
    return next(iter(words(dataset, keyword)), "")


def assess(dataset: Dataset) -> Risk:
    """The class of this object. Reads the header only; unusual values never raise."""
    kind = _first(dataset, "SOPClassUID")
    if kind in _DOCUMENTS or "EncapsulatedDocument" in dataset:
        return Risk(Level.HIGH, ("document",))
    if not any(name in dataset for name in PIXELS):
        return Risk(Level.NONE, ("no-pixels",))
    if "PixelData" not in dataset or kind in _COMPUTED:
        return Risk(Level.NONE, ("computed",))
    drawn = ("overlay-bits",) if overlay_in_pixels(dataset) else ()
    high = _high(dataset, kind)
    if high:
        return Risk(Level.HIGH, (*high, *drawn))
    low = (*_low(dataset), *drawn)
    return Risk(Level.LOW, low) if low else Risk(Level.NONE, ("measured",))


def overlay_in_pixels(dataset: Dataset) -> bool:
    """A graphic overlay lies in bits of the pixels that the image does not use (retired, PS3.3 C.9.2 of 2004)."""
    places = [tag for tag in _OVERLAY_POSITIONS if tag in dataset]
    if not places:
        return False
    stored = number(dataset, "BitsStored")
    unused = 0 < stored < number(dataset, "BitsAllocated")
    return unused and any(_small_number(dataset.get_item(tag).value) >= stored for tag in places)


def _small_number(value: Any) -> int:
    return int.from_bytes(value, "little") if isinstance(value, bytes) else int(value or 0)


def _high(dataset: Dataset, kind: str) -> tuple[str, ...]:
    image_type = words(dataset, "ImageType")
    modality = _first(dataset, "Modality")
    pictured = number(dataset, "SamplesPerPixel") == 3 or 0 < number(dataset, "BitsAllocated") <= 8
    tests = {
        "burned-in-annotation": _first(dataset, "BurnedInAnnotation").startswith("Y"),
        "screen-modality": kind in _SCREENS or modality in ("US", "IVUS", "ES", "XC", "OT", "DOC", "SC", "XA", "RF"),
        "slide-label": kind == _SLIDES and bool({"LABEL", "OVERVIEW"} & set(image_type)),
        "scanned": bool(_SCANNED & set(words(dataset, "ConversionType"))),
        "captured": any(part.startswith(_CAPTURES) for part in image_type[2:]),
        "colour-of-a-scanner": modality in _MEASURED and pictured,
        "no-modality": not modality and kind != _SLIDES,
    }
    return tuple(name for name, holds in tests.items() if holds)


def _low(dataset: Dataset) -> tuple[str, ...]:
    image_type = words(dataset, "ImageType")
    modality = _first(dataset, "Modality")
    tests = {
        "projection": modality in _PROJECTED,
        "derived": "SECONDARY" in image_type[:2] or ("DERIVED" in image_type[:1] and modality in _MEASURED),
        "other-modality": modality not in _MEASURED | _PROJECTED | {"SM", "OPT", "SEG", "RTDOSE"},
    }
    return tuple(name for name, holds in tests.items() if holds)
