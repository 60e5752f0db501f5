"""A NIfTI volume and its side-car as one object: read together, told apart from others, judged by what it shows.

What the header of the series lacks is supplied from the volume (spacing) or from what it says elsewhere (the day). Its
SOP Instance UID names the DICOM file that the header was taken from, which several volumes may share; a volume gets
one of its own.
"""

import hashlib
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from oncofed.imaging import nifti, sidecar
from oncofed.imaging.headers import Unusable
from oncofed.imaging.pixels.deface import MODALITIES, shows_a_head
from oncofed.imaging.pixels.risk import Level, assess, words

UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
SUPPLIED = "2.25.0."
"""How UIDs begin that stand for what a side-car does not name. A UID made of a UUID (PS3.5 B.2) never does."""

_MEASURED = frozenset({"CT", "MR", "PT", "NM", "SEG", "RTDOSE"})
_DAYS = ("StudyDate", "SeriesDate", "AcquisitionDate", "AcquisitionDateTime", "ContentDate")
_NAMES_STUDY = ("PatientID", "IssuerOfPatientID", "AccessionNumber", "StudyID", "StudyDate")
Three = tuple[float, float, float]
Orientation = tuple[float, float, float, float, float, float]
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_LONGEST_UID = 64


@dataclass(frozen=True)
class Pair:
    """A volume's header and the dataset of its side-car; ``left_out``: keys of the side-car that are not in it."""

    header: nifti.NiftiHeader
    dataset: Dataset
    left_out: int


def read_pair(path: Path) -> Pair:
    """The volume ``path`` with the side-car beside it.

    Raises:
        Unusable: what ``nifti.read_header`` and ``sidecar.read_sidecar`` raise; ``sidecar-incomplete``: no Patient ID
            or no Modality.
    """
    header = nifti.read_header(path)
    if not nifti.is_named_nifti(path.name):
        raise Unusable(sidecar.ABSENT)
    found = sidecar.read_sidecar(sidecar.sidecar_of(path))
    if not (said(found.dataset, "PatientID") and said(found.dataset, "Modality")):
        raise Unusable(sidecar.INCOMPLETE)
    return Pair(header, found.dataset, found.left_out)


def said(dataset: Dataset, keyword: str) -> str:
    """The first value of an attribute as text; "" where it is absent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote the value
        value = dataset.get(keyword)
    first = next(iter(value), "") if isinstance(value, MultiValue | Sequence) else value
    return "" if first is None or isinstance(first, Dataset) else str(first).strip(" \0")


def _supply(dataset: Dataset, header: nifti.NiftiHeader) -> None:
    """What tables and checks need of a series, where the side-car does not say it."""
    day = next((text[:8] for keyword in _DAYS if (text := said(dataset, keyword))), "")
    if day and not said(dataset, "StudyDate"):
        dataset.StudyDate = day
    along, down, between = header.spacing
    if min(along, down) > 0 and len(header.shape) > 1 and not said(dataset, "PixelSpacing"):
        dataset.PixelSpacing = [_decimal(down), _decimal(along)]
    if between > 0 and len(header.shape) > 2 and not said(dataset, "SliceThickness"):
        dataset.SliceThickness = _decimal(between)


def _decimal(length: float) -> str:
    """A length in mm; NIfTI-1 knows it to seven digits."""
    return f"{length:.7g}"


def identified(pair: Pair, path: Path) -> Dataset:
    """The side-car with a study, a series and an instance, and what a series must say and the volume knows.

    A study that is not named is known by patient, accession number, Study ID and day; a series by its study and the
    bytes of the volume; an instance by its series and the bytes of the volume. So the same files are the same objects
    in every run, wherever they lie. Raises ``OSError``.
    """
    dataset = Dataset(dict(pair.dataset.items()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote the value
        _supply(dataset, pair.header)
    with path.open("rb") as stream:
        content = hashlib.file_digest(stream, "sha256").hexdigest()
    study = _uid(dataset, "StudyInstanceUID", [said(dataset, keyword) for keyword in _NAMES_STUDY])
    series = _uid(dataset, "SeriesInstanceUID", [study, content])
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.SOPInstanceUID = _supplied("SOPInstanceUID", [series, content])
    return sidecar.encoded(dataset)


def _uid(dataset: Dataset, keyword: str, known_by: list[str]) -> str:
    given = said(dataset, keyword)
    if len(given) <= _LONGEST_UID and _UID.fullmatch(given) and not given.startswith(SUPPLIED):
        return given
    return _supplied(keyword, known_by)


def _supplied(keyword: str, known_by: list[str]) -> str:
    """A UID for the run's private index; what is released is a keyed pseudonym of it."""
    digest = hashlib.sha256("\x1f".join((keyword, *known_by)).encode()).digest()
    return SUPPLIED + str(int.from_bytes(digest[:16]))


def may_show_text(pair: Pair) -> bool:
    """Whether a person must look at the voxels, as nothing here reads text in them.

    Measurements of CT, MR, PT and NM, segmentations and doses pass, unless the header or the kind of voxel says that
    they are pictures of a screen; all else is looked at.
    """
    shown = Dataset(dict(pair.dataset.items()))
    shown.BitsAllocated, shown.PixelData = pair.header.bits, b""
    shown.SamplesPerPixel = 3 if pair.header.coloured else 1
    modality = next(iter(words(shown, "Modality")), "")
    if modality not in _MEASURED or "SECONDARY" in words(shown, "ImageType"):
        return True
    return assess(shown).level is Level.HIGH


def may_show_face(dataset: Dataset) -> bool:
    """Whether a volume that can show a face is of a head, or does not say of what it is."""
    if not MODALITIES & set(words(dataset, "Modality")):
        return False
    return not said(dataset, "BodyPartExamined") or shows_a_head(dataset)


def planes(header: nifti.NiftiHeader) -> Iterator[tuple[Three, Orientation]]:
    """Position (mm) and direction cosines of each slice of the first volume, in DICOM's coordinates (LPS)."""
    if header.affine is None or len(header.shape) < 3:
        return
    (a, b, c, x), (d, e, f, y), (g, h, k, z) = header.affine
    along, down = (math.hypot(a, d, g), math.hypot(b, e, h))
    if min(along, down) <= 0:
        return
    directions = (-a / along, -d / along, g / along, -b / down, -e / down, h / down)
    for number in range(header.shape[2]):
        yield (-x - number * c, -y - number * f, z + number * k), directions
