"""What one file says about itself and its pixels: the facts every check of images is made from.

``read_instance`` opens one file, reads its header, then its pixels frame by frame, and keeps a small record only.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
from pydantic import BaseModel, ConfigDict
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from oncofed.imaging import nifti, volumes
from oncofed.imaging.elements import BROKEN
from oncofed.imaging.headers import Unusable
from oncofed.imaging.quality.annotation import Making, Segment, making, segments
from oncofed.imaging.quality.pixels import Pixels, read_pixels, read_voxels
from oncofed.imaging.quality.required import missing_type_1, missing_type_1c
from oncofed.imaging.quality.suv import suv_gaps, suv_oddities
from oncofed.imaging.references import Kind, read

NOT_DICOM, DAMAGED = "file-not-dicom", "file-damaged"
_DISCRIMINATORS = (
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "DiffusionBValue",
    "EchoNumbers",
    "EchoTime",
    "TriggerTime",
    "AcquisitionNumber",
    "ImageType",
    "ContentTime",
)
"""Attributes that tell stacks of one series apart, the most telling first."""


class Record(BaseModel):
    """A frozen, closed record; goes through JSON unchanged."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Plane(Record):
    """Where one frame lies in the patient: position (mm), direction cosines of rows and columns, what sets it apart."""

    position: tuple[float, float, float]
    orientation: tuple[float, float, float, float, float, float]
    discriminators: tuple[str, ...] = ()


class Instance(Record):
    """One file. UIDs and the patient's identifier as they stand in it; ``path`` is relative to the folder checked."""

    path: str
    patient: str
    study: str
    series: str
    uid: str
    sop_class: str
    modality: str
    transfer_syntax: str
    number: int | None
    rows: int | None
    columns: int | None
    frames: int
    spacing: tuple[float, float] | None
    thickness: float | None
    stated_slices: int | None
    frame_of_reference: str
    planes: tuple[Plane, ...]
    identity_removed: bool
    burned_in: str
    missing_type_1: tuple[str, ...]
    missing_type_1c: tuple[str, ...]
    suv_gaps: tuple[str, ...]
    suv_oddities: tuple[str, ...]
    references: tuple[str, ...]
    referenced_series: tuple[str, ...]
    segments: tuple[Segment, ...]
    making: Making | None
    pixels: Pixels | None
    pixel_problem: str
    sex: str
    age: str
    year: int | None
    body_part: str
    laterality: str
    manufacturer: str
    model: str
    field_strength: float | None
    kvp: float | None
    description_kept: bool
    deidentification_stated: bool
    bytes: int


class Unreadable(Record):
    """A file that is left out: its path relative to the folder checked, and the code that says why."""

    path: str
    code: str


def read_instance(path: Path, root: Path, *, pixels: bool = True) -> Instance | Unreadable:
    """The facts of the file ``path``; never raises for what is in the file. ``pixels=False`` reads the header only."""
    name = path.relative_to(root).as_posix()
    if nifti.is_named_nifti(path.name):
        return _of_volume(path, name, pixels=pixels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns with the offending value
        try:
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            return _instance(path, name, dataset, pixels=pixels)
        except InvalidDicomError:
            return Unreadable(path=name, code=NOT_DICOM)
        except BROKEN:
            return Unreadable(path=name, code=DAMAGED)


def _instance(path: Path, name: str, dataset: Dataset, *, pixels: bool) -> Instance | Unreadable:
    uid, series = text(dataset, "SOPInstanceUID"), text(dataset, "SeriesInstanceUID")
    if not uid or not series:
        return Unreadable(path=name, code="file-no-series")
    is_image = whole(dataset, "Rows") is not None
    found, problem = read_pixels(path, dataset) if pixels and is_image else (None, "")
    pet = text(dataset, "Modality") == "PT" and is_image
    references, referenced_series = _references(dataset)
    marked = segments(dataset)
    return Instance(
        path=name,
        patient=text(dataset, "PatientID"),
        study=text(dataset, "StudyInstanceUID"),
        series=series,
        uid=uid,
        sop_class=text(dataset, "SOPClassUID"),
        transfer_syntax=str(getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", "")),
        frames=whole(dataset, "NumberOfFrames") or (1 if is_image else 0),
        frame_of_reference=text(dataset, "FrameOfReferenceUID"),
        planes=tuple(_planes(dataset)) if is_image else (),
        missing_type_1=missing_type_1(dataset),
        missing_type_1c=missing_type_1c(dataset),
        suv_gaps=suv_gaps(dataset) if pet else (),
        suv_oddities=suv_oddities(dataset) if pet else (),
        references=references,
        referenced_series=referenced_series,
        segments=marked,
        making=making(dataset, marked),
        pixels=found,
        pixel_problem=problem,
        bytes=path.stat().st_size,
        **_described(dataset),
    )


def _of_volume(path: Path, name: str, *, pixels: bool) -> Instance | Unreadable:
    """The facts of a NIfTI volume: what its side-car says, and where and what its voxels are."""
    try:
        pair = volumes.read_pair(path)
        header, said = pair.header, pair.dataset
        found, problem = read_voxels(path, header, text(said, "Modality")) if pixels else (None, "")
        instance = _instance(path, name, said, pixels=False)
    except Unusable as problem_found:
        return Unreadable(path=name, code=problem_found.code)
    except BROKEN:
        return Unreadable(path=name, code=DAMAGED)
    if isinstance(instance, Unreadable):
        return instance
    own = _discriminators(said)
    columns, rows = (*header.shape, 1)[:2]
    return instance.model_copy(
        update={
            "transfer_syntax": nifti.FORM,
            "frames": header.n_frames,
            "rows": rows,
            "columns": columns,
            "spacing": (header.spacing[1], header.spacing[0]),
            "planes": tuple(
                Plane(position=position, orientation=orientation, discriminators=own)
                for position, orientation in volumes.planes(header)
            ),
            "missing_type_1": (),
            "missing_type_1c": (),
            "pixels": found,
            "pixel_problem": problem,
        }
    )


def _described(dataset: Dataset) -> dict[str, Any]:
    """What the object says of itself in single attributes."""
    year = text(dataset, "StudyDate")[:4]
    measures = _measures(dataset)
    return {
        "modality": text(dataset, "Modality"),
        "number": whole(dataset, "InstanceNumber"),
        "rows": whole(dataset, "Rows"),
        "columns": whole(dataset, "Columns"),
        "spacing": numbers(measures, "PixelSpacing", 2) or numbers(dataset, "ImagerPixelSpacing", 2),
        "thickness": number(measures, "SliceThickness"),
        "stated_slices": whole(dataset, "NumberOfSlices") or whole(dataset, "ImagesInAcquisition"),
        "identity_removed": text(dataset, "PatientIdentityRemoved").upper() == "YES",
        "burned_in": text(dataset, "BurnedInAnnotation").upper(),
        "sex": text(dataset, "PatientSex"),
        "age": text(dataset, "PatientAge"),
        "year": int(year) if year.isdigit() and len(year) == 4 else None,
        "body_part": text(dataset, "BodyPartExamined"),
        "laterality": text(dataset, "Laterality") or text(dataset, "ImageLaterality"),
        "manufacturer": text(dataset, "Manufacturer")[:64],
        "model": text(dataset, "ManufacturerModelName")[:64],
        "field_strength": number(dataset, "MagneticFieldStrength"),
        "kvp": number(dataset, "KVP"),
        "description_kept": bool(text(dataset, "SeriesDescription")),
        "deidentification_stated": bool(
            dataset.get("DeidentificationMethodCodeSequence") or text(dataset, "DeidentificationMethod")
        ),
    }


def _measures(dataset: Dataset) -> Dataset:
    """Where spacing and thickness stand: the shared functional groups of a multi-frame object, else the object."""
    shared = _item(dataset, "SharedFunctionalGroupsSequence")
    measures = _item(shared, "PixelMeasuresSequence") if shared is not None else None
    return dataset if measures is None else measures


def _planes(dataset: Dataset) -> Iterator[Plane]:
    """One plane for each frame whose place in the patient is stated."""
    own = _discriminators(dataset)
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    if not frames:
        yield from _plane(dataset, dataset, own)
        return
    shared = dataset.get("SharedFunctionalGroupsSequence") or (Dataset(),)
    around = _item(shared[0], "PlaneOrientationSequence")
    for frame in frames:
        place = _item(frame, "PlanePositionSequence")
        direction = _item(frame, "PlaneOrientationSequence") or around
        if place is not None and direction is not None:
            yield from _plane(place, direction, (*own, *_indices(frame)))


def _plane(place: Dataset, direction: Dataset, discriminators: tuple[str, ...]) -> Iterator[Plane]:
    position = numbers(place, "ImagePositionPatient", 3)
    orientation = numbers(direction, "ImageOrientationPatient", 6)
    if position and orientation:
        yield Plane(position=position, orientation=orientation, discriminators=discriminators)


def _discriminators(dataset: Dataset) -> tuple[str, ...]:
    return tuple(text(dataset, name) for name in _DISCRIMINATORS)


def _indices(frame: Dataset) -> tuple[str, ...]:
    """Dimension indices but the one of position cannot be told apart here; all of them set frames apart."""
    content = _item(frame, "FrameContentSequence")
    names = ("TemporalPositionIndex", "StackID", "FrameAcquisitionNumber")
    return tuple(text(content, name) for name in names) if content is not None else ()


def _item(dataset: Dataset, sequence: str) -> Dataset | None:
    return next(iter(dataset.get(sequence) or ()), None)


def _references(dataset: Dataset) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """UIDs of the instances and of the series that items at any depth refer to, each once, sorted."""
    points = read(dataset).points
    of = {kind: sorted({uid for found, uid in points if found is kind}) for kind in (Kind.INSTANCE, Kind.SERIES)}
    return tuple(of[Kind.INSTANCE]), tuple(of[Kind.SERIES])


def text(dataset: Dataset, name: str) -> str:
    """The value as text without padding; "" where it is absent or empty."""
    value = dataset.get(name)
    return "" if value is None else str(value).strip(" \0")


def number(dataset: Dataset, name: str) -> float | None:
    """A finite number; None for anything else."""
    try:
        value = float(text(dataset, name))
    except ValueError:
        return None
    return value if abs(value) < 1e12 else None


def whole(dataset: Dataset, name: str) -> int | None:
    """A whole number; None for anything else."""
    value = number(dataset, name)
    return None if value is None else int(value)


def numbers(dataset: Dataset, name: str, count: int) -> Any:
    """Exactly ``count`` finite numbers; None for anything else."""
    value = dataset.get(name)
    try:
        found = tuple(float(part) for part in value or ())
    except (TypeError, ValueError):
        return None
    return found if len(found) == count and all(abs(part) < 1e9 for part in found) else None
