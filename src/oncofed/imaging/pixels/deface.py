"""Taking the face out of CT and MR volumes of a head, for profiles that ask for it (PS3.15 code 113102).

One plane in patient coordinates separates the face from the brain, as in quickshear defacing (Schimke and Hale 2011),
but it is placed by the skin alone: behind and above it the brain, in front of and below it eyes, nose, mouth and chin.
The vertex is the highest point of the head, the forehead its foremost point 40 to 70 mm below; the plane starts below
the forehead and falls 55 mm over 60 mm of depth, scaled with the length of the head. All voxels in front of it become
the darkest value of their frame, down to the chin and not deeper than 80 mm.

What it cannot do: a volume that does not show the vertex goes to a person; ears and the shape of the skull stay;
orbits, sinuses and jaws are lost for research. Only series that call themselves one of the head, or of
the whole body, are looked at.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from oncofed.imaging.elements import BROKEN
from oncofed.imaging.pixels.detection import largest_part
from oncofed.imaging.pixels.frames import Undecodable, layout, stored
from oncofed.imaging.pixels.masks import blank_pixels
from oncofed.imaging.pixels.risk import words

MODALITIES = frozenset(("CT", "MR"))
_NAMES = re.compile(
    r"HEAD|BRAIN|SKULL|CRANI|CEREBR|ENCEPHAL|NEURO|FACE|FACIAL|ORBIT|SINUS|WHOLE ?BODY|"
    r"KOPF|SCHAEDEL|SCHÄDEL|GEHIRN|CABEZA|TESTA|CRÂNE|TÊTE|CERVEAU|HOOFD|GŁOWA|GLOWA|HERSEN"
)
_WORDS_IN = ("BodyPartExamined", "StudyDescription", "SeriesDescription", "ProtocolName")

_STEP = 3.0
"""Distance in mm of the voxels that are looked at to find the skin."""
_TISSUE_HU = -300.0
_LEAST_AREA = 1500.0
"""mm² of tissue in a slice from which on it belongs to the head."""
_LENGTH = 190.0
"""Front to back of a grown-up's head in mm; distances below are of such a head."""
_BROW, _FALL, _DEPTH = 85.0, 55.0, 60.0
_BACK, _CHIN = 80.0, 245.0
_FOREHEAD = (40.0, 70.0)


@dataclass(frozen=True)
class Face:
    """Where the face of one volume is, in patient coordinates (mm; y to the back, z up).

    In front of the plane ``along_y · y + along_z · z > limit``, not further back than ``back``, not below ``chin``.
    """

    along_y: float
    along_z: float
    limit: float
    back: float
    chin: float

    def holds(self, y: NDArray[np.floating[Any]], z: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Voxels that are taken out."""
        return np.asarray((self.along_y * y + self.along_z * z > self.limit) & (y < self.back) & (z > self.chin))


class NoFace(Exception):
    """A head whose plane cannot be placed: a person must look."""


def shows_a_head(dataset: Dataset) -> bool:
    """A CT or MR image whose header speaks of a head or of the whole body."""
    if not MODALITIES & set(words(dataset, "Modality")):
        return False
    return any(_NAMES.search(said.replace("_", " ")) for keyword in _WORDS_IN for said in words(dataset, keyword))


def find_face(series: Iterable[Dataset]) -> Face:
    """The face in all images of one series (one volume, any orientation), from their pixels; one is held at a time.

    Raises:
        NoFace: no geometry, no head, or one that is cut off above the forehead.
        Undecodable: pixels that cannot be read.
    """
    slices: list[_Slice] = []
    modalities: set[str] = set()
    for dataset in series:
        slices.extend(_sampled(dataset))
        modalities.update(words(dataset, "Modality"))
    if len(slices) < 2:
        raise NoFace("one slice")
    values = np.concatenate([one.values.reshape(-1) for one in slices])
    threshold = _TISSUE_HU if "CT" in modalities else _between(values)
    y, z = (np.concatenate(parts) for parts in zip(*(one.tissue(threshold) for one in slices), strict=True))
    return _placed(y, z, cut=_is_cut(y, z))


def take_out_face(dataset: Dataset, face: Face, *, spool: Path | None = None) -> bool:
    """Blank the face, in place; False when nothing of it is in the image. Says so in the header.

    Raises:
        Undecodable: the pixels cannot be read.
    """
    shape = layout(dataset)
    grids = _grids(dataset)
    if len(grids) != shape.frames:
        raise Undecodable("frames without a place")
    masks = [face.holds(*grid.at(shape.rows, shape.columns)) for grid in grids]
    changed = any(bool(mask.any()) for mask in masks)
    if changed:
        blank_pixels(dataset, lambda place: masks[place], spool=spool)
    dataset.RecognizableVisualFeatures = "NO"
    return changed


# ---- where voxels are ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Grid:
    """Where a frame lies (PS3.3 C.7.6.2.1.1), in mm: its first pixel, and the steps along a row and down a column."""

    origin: NDArray[np.float64]
    along: NDArray[np.float64]
    down: NDArray[np.float64]

    def at(self, rows: int, columns: int, step: tuple[int, int] = (1, 1)) -> tuple[Any, Any]:
        """y and z of every ``step``-th pixel; (rows, columns)."""
        row = np.arange(0, rows, step[0], dtype=np.float64)[:, None]
        column = np.arange(0, columns, step[1], dtype=np.float64)[None, :]
        y, z = (self.origin[axis] + column * self.along[axis] + row * self.down[axis] for axis in (1, 2))
        return y, z


def _grids(dataset: Dataset) -> list[_Grid]:
    """The grid of each frame, of classic and of enhanced objects.

    Raises:
        Undecodable: an attribute is missing or of another form.
    """
    try:
        shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
        frames = dataset.get("PerFrameFunctionalGroupsSequence") or [dataset]
        return [_grid(frame, shared) for frame in frames]
    except BROKEN as error:
        raise Undecodable("geometry") from error


def _grid(frame: Dataset, shared: Dataset) -> _Grid:
    position = _of(frame, shared, "PlanePositionSequence").ImagePositionPatient
    orientation = np.array(_of(frame, shared, "PlaneOrientationSequence").ImageOrientationPatient, dtype=np.float64)
    between_rows, between_columns = (float(one) for one in _of(frame, shared, "PixelMeasuresSequence").PixelSpacing)
    return _Grid(
        np.array(position, dtype=np.float64), orientation[:3] * between_columns, orientation[3:] * between_rows
    )


def _of(frame: Dataset, shared: Dataset, group: str) -> Dataset:
    """Where an attribute stands: in the frame's or the shared functional group, or in the dataset itself."""
    for holder in (frame, shared):
        if group in holder:
            return holder[group].value[0]  # type: ignore[no-any-return]
    return frame


# ---- where the head is -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Slice:
    values: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    pixel: float

    def tissue(self, threshold: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """y and z of the largest part above the threshold; nothing when it is small."""
        part = largest_part(self.values > threshold)
        if part.sum() * self.pixel < _LEAST_AREA:
            part = np.zeros_like(part)
        return self.y[part], self.z[part]


def _sampled(dataset: Dataset) -> list[_Slice]:
    """Pixels about ``_STEP`` mm apart, rescaled."""
    slope = float(dataset.get("RescaleSlope") or 1)
    intercept = float(dataset.get("RescaleIntercept") or 0)
    made = []
    for grid, (frame, _) in zip(_grids(dataset), stored(dataset), strict=False):
        spacing = float(np.linalg.norm(grid.down)), float(np.linalg.norm(grid.along))
        if min(spacing) <= 0 or frame.ndim != 2:
            raise Undecodable("geometry")
        step = max(round(_STEP / spacing[0]), 1), max(round(_STEP / spacing[1]), 1)
        y, z = grid.at(frame.shape[0], frame.shape[1], step)
        values = frame[:: step[0], :: step[1]] * slope + intercept
        made.append(_Slice(values, y, z, spacing[0] * step[0] * spacing[1] * step[1]))
    return made


def _between(values: NDArray[np.float64]) -> float:
    """The value that parts dark from bright best (Otsu 1979), over 128 steps."""
    counts, edges = np.histogram(np.clip(values, None, np.quantile(values, 0.99)), bins=128)
    middles = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts), counts.sum()
    weighted = np.cumsum(counts * middles)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = (weighted[-1] * below / total - weighted) ** 2 / (below * (total - below))
    return float(0.6 * middles[int(np.nanargmax(spread[:-1]))])


def _is_cut(y: NDArray[np.float64], z: NDArray[np.float64]) -> bool:
    """The head fills the topmost centimetre as it does below: the vertex is not in the volume."""
    if not len(z):
        return True
    top = float(z.max())
    upper, lower = y[z > top - 6], y[(z <= top - 40) & (z > top - 60)]
    return not len(lower) or (len(upper) > 0 and float(np.ptp(upper)) > 0.8 * float(np.ptp(lower)))


def _placed(y: NDArray[np.float64], z: NDArray[np.float64], *, cut: bool) -> Face:
    if cut:
        raise NoFace("the vertex is not in the volume")
    top = float(z.max())
    low, high = _FOREHEAD
    band = y[(z < top - low) & (z > top - high)]
    if len(band) < 50:
        raise NoFace("nothing below the vertex")
    front, back = (float(one) for one in np.quantile(band, (0.002, 0.998)))
    scale = min(max((back - front) / _LENGTH, 0.6), 1.2)
    # in front:  (top − z − brow) / fall  >  (y − front) / depth
    along_y, along_z = -1.0 / (_DEPTH * scale), -1.0 / (_FALL * scale)
    limit = along_y * front + along_z * (top - _BROW * scale)
    return Face(along_y, along_z, limit, back=front + _BACK * scale, chin=top - _CHIN * scale)
