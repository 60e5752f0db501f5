"""A series as a volume of numbers in space, read slice by slice, and written as NIfTI-1 with a JSON file beside it."""

import gzip
import json
import struct
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.pixels.processing import apply_modality_lut

from oncofed.contracts.errors import BadInput
from oncofed.imaging import (
    codecs,  # noqa: F401 (pixel_array decodes by it)
    nifti,
)
from oncofed.imaging.elements import BROKEN
from oncofed.imaging.headers import Unusable
from oncofed.imaging.quality.geometry import SAME_PLACE_MM, UNEVEN_SHARE, orthonormal

Array = np.ndarray[Any, Any]
_FLOAT32, _BITS, _MM, _SCANNER = 16, 32, 2, 1
_HEADER_BYTES, _DATA_FROM = 348, 352


@dataclass(frozen=True)
class Volume:
    """``values``: float32, slices × rows × columns, in the modality's units (HU, counts …).

    ``spacing``: mm between slices, rows and columns. ``origin``: centre of the first voxel, ``axes``: unit vectors
    along slices, rows and columns, all in DICOM patient coordinates (LPS).
    """

    values: Array
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    axes: tuple[tuple[float, float, float], ...] = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))

    def with_values(self, values: Array) -> "Volume":
        """The same place in space with other numbers."""
        return replace(self, values=np.asarray(values, dtype=np.float32))


def read_volume(files: Iterable[Path]) -> Volume:
    """The volume of one single-frame series, or of one NIfTI file; memory is that of the volume.

    Raises:
        BadInput: ``volume-invalid``: no slices, undecodable ones, several geometries, repeated positions, or uneven
            distances.
    """
    files = list(files)
    if len(files) == 1 and nifti.is_named_nifti(files[0].name):
        return _of_nifti(files[0])
    slices = sorted((_slice(path) for path in files), key=lambda one: one.place)
    if not slices:
        raise BadInput("volume-invalid", "there are no slices")
    first = slices[0]
    if any(one.geometry != first.geometry for one in slices) or not orthonormal(first.orientation):
        raise BadInput("volume-invalid", "slices of several sizes, spacings or directions")
    steps = np.diff([one.place for one in slices])
    step = float(np.median(steps)) if len(steps) else first.thickness
    if step <= SAME_PLACE_MM or (len(steps) and np.abs(steps - step).max() > UNEVEN_SHARE * step):
        raise BadInput("volume-invalid", "slices repeat a position, or their distances are uneven")
    row, column = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    between_rows, between_columns = first.spacing
    return Volume(
        values=np.stack([one.values for one in slices]),
        spacing=(step, between_rows, between_columns),
        origin=first.position,
        axes=(_three(np.cross(row, column)), _three(column), _three(row)),
    )


def _of_nifti(path: Path) -> Volume:
    try:
        header = nifti.read_header(path)
        if len(header.shape) != 3 or header.coloured or header.affine is None:
            raise BadInput("volume-invalid", "several volumes or colours in one file, or none that says where it lies")
        slope, intercept = header.scale
        frames = nifti.frames(path, range(header.shape[2]))
        values = np.stack([np.asarray(frame * slope + intercept, dtype=np.float32) for frame in frames])
    except (Unusable, OSError, ValueError) as error:
        raise BadInput("volume-invalid", "the file cannot be read") from error
    affine = np.array(header.affine)
    affine[:2] *= -1  # NIfTI is RAS, DICOM is LPS
    i, j, k = affine[:, 0], affine[:, 1], affine[:, 2]
    steps = [float(np.linalg.norm(one)) for one in (k, j, i)]
    if min(steps) <= SAME_PLACE_MM or not orthonormal((*_three(i / steps[2]), *_three(j / steps[1]))):
        raise BadInput("volume-invalid", "directions that are not at right angles, or a distance of 0")
    axes = tuple(_three(one / step) for one, step in zip((k, j, i), steps, strict=True))
    return Volume(values, (steps[0], steps[1], steps[2]), _three(affine[:, 3]), axes)


@dataclass(frozen=True)
class _Slice:
    values: Array
    position: tuple[float, float, float]
    orientation: tuple[float, float, float, float, float, float]
    spacing: tuple[float, float]
    thickness: float

    @property
    def place(self) -> float:
        """Position along the normal, mm."""
        normal = np.cross(np.array(self.orientation[:3]), np.array(self.orientation[3:]))
        return float(np.array(self.position) @ normal)

    @property
    def geometry(self) -> tuple[object, ...]:
        """What all slices of a volume share."""
        return (self.values.shape, tuple(round(cosine, 4) for cosine in self.orientation), self.spacing)


def _slice(path: Path) -> _Slice:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(path)
            values = np.asarray(apply_modality_lut(dataset.pixel_array, dataset), dtype=np.float32)
            x, y, z = (float(part) for part in dataset.ImagePositionPatient)
            r1, r2, r3, c1, c2, c3 = (float(part) for part in dataset.ImageOrientationPatient)
            between_rows, between_columns = (float(part) for part in dataset.PixelSpacing)
            thickness = float(dataset.get("SliceThickness") or 1.0)
        except (*BROKEN, RuntimeError) as error:
            raise BadInput("volume-invalid", "a slice cannot be read, or does not say where it lies") from error
    if values.ndim != 2:
        raise BadInput("volume-invalid", "a slice has several frames or colours")
    return _Slice(values, (x, y, z), (r1, r2, r3, c1, c2, c3), (between_rows, between_columns), thickness)


def _three(vector: Array) -> tuple[float, float, float]:
    x, y, z = (float(part) for part in vector)
    return (x, y, z)


def write_nifti(volume: Volume, path: Path, provenance: Mapping[str, Any]) -> None:
    """Write ``path`` (``.nii.gz``) and ``provenance`` as JSON beside it. The same volume gives the same bytes."""
    affine = np.eye(4)
    for axis, (step, direction) in enumerate(zip(volume.spacing[::-1], volume.axes[::-1], strict=True)):
        affine[:3, axis] = np.array(direction) * step
    affine[:3, 3] = volume.origin
    affine[:2] *= -1  # DICOM is LPS, NIfTI is RAS
    slices, rows, columns = volume.values.shape
    header = bytearray(_DATA_FROM)
    struct.pack_into("<i", header, 0, _HEADER_BYTES)
    struct.pack_into("<8h", header, 40, 3, columns, rows, slices, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, _FLOAT32, _BITS)
    struct.pack_into("<8f", header, 76, 1.0, *volume.spacing[::-1], 0.0, 0.0, 0.0, 0.0)
    struct.pack_into("<3f", header, 108, _DATA_FROM, 1.0, 0.0)
    struct.pack_into("<B", header, 123, _MM)
    struct.pack_into("<2h", header, 252, 0, _SCANNER)
    struct.pack_into("<12f", header, 280, *affine[:3].ravel())
    struct.pack_into("<4s", header, 344, b"n+1\0")
    with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0, compresslevel=6) as file:
        file.write(bytes(header))
        for plane in volume.values:
            file.write(np.ascontiguousarray(plane, dtype="<f4").tobytes())
    beside = path.with_name(path.name.removesuffix(".nii.gz") + ".json")
    beside.write_text(json.dumps(dict(provenance), indent=1, sort_keys=True) + "\n", encoding="utf-8")
