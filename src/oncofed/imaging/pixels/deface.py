"""Taking the face out of volumes of a head, for profiles that ask for it (PS3.15 code 113102).

One plane separates the face from the brain, as in quickshear defacing (Schimke and Hale 2011), but it is placed by the
skin alone: behind and above it the brain, in front of and below it eyes, nose, mouth and chin. The skin is the surface
of what is denser than air and hangs together, without what is thin beside it (table, headrest). The tip of the nose,
seen from the middle of the skull, says how far the head is bowed. In the head's own directions, the vertex is the
highest point and the forehead the foremost 40 to 70 mm below it; the plane starts below the forehead and falls 55 mm
over 60 mm of depth, scaled with the length of the head. All voxels in front of it become the darkest value of their
frame, down to the chin and not deeper than 80 mm.

What it cannot do: a volume that does not show the vertex or the nose, or one bowed by more than 30 degrees, goes to a
person; ears and the shape of the skull stay; orbits, sinuses and jaws are lost for research. Only series that call
themselves one of the head, or of the whole body, are looked at, and those that share their frame of reference.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from oncofed.imaging.elements import BROKEN
from oncofed.imaging.pixels.connected import volume_parts
from oncofed.imaging.pixels.faint import smoothed
from oncofed.imaging.pixels.frames import Undecodable, layout, stored
from oncofed.imaging.pixels.masks import blank_pixels
from oncofed.imaging.pixels.risk import words

MODALITIES = frozenset(("CT", "MR", "PT"))
"""Whose volumes show a face; it is placed by the skin of CT and MR."""
_NAMES = re.compile(
    r"HEAD|BRAIN|SKULL|CRANI|CEREBR|ENCEPHAL|NEURO|FACE|FACIAL|ORBIT|SINUS|WHOLE ?BODY|"
    r"KOPF|SCHAEDEL|SCHÄDEL|GEHIRN|CABEZA|TESTA|CRÂNE|TÊTE|CERVEAU|HOOFD|GŁOWA|GLOWA|HERSEN"
)
_WORDS_IN = ("BodyPartExamined", "StudyDescription", "SeriesDescription", "ProtocolName")

_STEP = 3.0
"""Distance in mm of the voxels that are looked at to find the skin."""
_TISSUE_HU = -300.0
_LENGTH = 190.0
"""Front to back of a grown-up's head in mm; distances below are of such a head."""
_BROW, _FALL, _DEPTH = 94.0, 55.0, 60.0
_BACK, _CHIN = 80.0, 245.0
_FOREHEAD = (40.0, 70.0)
_THIN = 6.0
"""Half the thickness in mm of what is no head on a CT: tables, headrests, masks."""
_ISLAND = 0.02
"""Parts of an MR so much smaller than its largest are no head: skin and brain are apart there, as bone is dark."""
_NOSE_BELOW = (85.0, 178.0)
"""Where the tip of the nose is looked for, in mm below the vertex."""
_BRIDGE, _NOSE_LEAST = 28.0, 5.0
"""From the tip of the nose to the brow and to the mouth, and how far it stands out of the line between these (mm)."""
_NOSE_ANGLE = np.deg2rad(24.0)
"""Of the tip of the nose below the horizon, seen from the middle of the skull, when the head is held straight."""
_DOME = 78.0
"""From the vertex down to the middle of the skull in mm."""
_BOWED = np.deg2rad(30.0)
_UNLIKELY = 12.0
"""How much less something that stands out is a nose when it were bowed by one radian (mm)."""

Points = tuple[NDArray[np.float64], NDArray[np.float64]]
"""y and z in mm of voxels."""


@dataclass(frozen=True)
class Face:
    """Where the face of one volume is, in the patient's coordinates (mm; y to the back, z up).

    ``bowed``: by how many radians the head is turned about the axis from right to left, forward where positive. In the
    head's own directions: in front of the plane ``along_y · y + along_z · z > limit``, not further back than ``back``,
    not below ``chin``.
    """

    along_y: float
    along_z: float
    limit: float
    back: float
    chin: float
    bowed: float = 0.0

    def holds(self, y: NDArray[np.floating[Any]], z: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Voxels that are taken out."""
        y, z = _raised((y, z), self.bowed)
        return np.asarray((self.along_y * y + self.along_z * z > self.limit) & (y < self.back) & (z > self.chin))


class NoFace(Exception):
    """A head whose plane cannot be placed: a person must look."""


def shows_a_head(dataset: Dataset) -> bool:
    """A CT, MR or PET image whose header speaks of a head or of the whole body."""
    if not MODALITIES & set(words(dataset, "Modality")):
        return False
    return any(_NAMES.search(said.replace("_", " ")) for keyword in _WORDS_IN for said in words(dataset, keyword))


def find_face(series: Iterable[Dataset]) -> Face:
    """The face in all images of one series (one volume, any orientation), from their pixels; one is held at a time.

    Raises:
        NoFace: no geometry, no head, or one that is cut off above the forehead, without a nose, or bowed too far.
        Undecodable: pixels that cannot be read.
    """
    sampled: list[_Slice] = []
    modalities: set[str] = set()
    for dataset in series:
        sampled.extend(_sampled(dataset))
        modalities.update(words(dataset, "Modality"))
    return _placed(_head(_ordered(sampled), ct="CT" in modalities))


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
    middle: NDArray[np.float64]
    across: NDArray[np.float64]
    """The direction from slice to slice, of length 1."""
    steps: tuple[float, float]
    """Distance in mm of two rows, and of two columns."""


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
        across = np.cross(grid.along, grid.down) / (spacing[0] * spacing[1])
        steps = spacing[0] * step[0], spacing[1] * step[1]
        made.append(_Slice(values, y, z, grid.origin, across, steps))
    return made


def _ordered(sampled: list[_Slice]) -> list[_Slice]:
    """Parallel slices of one size in their order.

    Raises:
        NoFace: they are no volume.
    """
    first = sampled[0] if sampled else None
    if first is None or len(sampled) < 2:
        raise NoFace("one slice")
    if any(one.values.shape != first.values.shape or one.across @ first.across < 0.99 for one in sampled):
        raise NoFace("no volume")
    return sorted(sampled, key=lambda one: float(one.middle @ first.across))


def _head(sampled: list[_Slice], *, ct: bool) -> Points:
    """Where the head is: what hangs together above the threshold, without what is thin (CT) or small (MR)."""
    volume = np.stack([smoothed(one.values) for one in sampled])
    first, last = sampled[0], sampled[-1]
    between = float((last.middle - first.middle) @ first.across) / (len(sampled) - 1)
    if between <= 0:
        raise NoFace("no volume")
    above = volume > (_TISSUE_HU if ct else _between(volume.reshape(-1)))
    if ct:
        reach = [max(round(_THIN / step), 1) for step in (between, *first.steps)]
        core = _shrunk(above, reach)
        (largest, *_) = volume_parts(core, 1.0) or [core]
        inside = above & ~_shrunk(~largest, [one + 3 for one in reach])
    else:
        inside = np.logical_or.reduce([above & False, *volume_parts(above, _ISLAND)])
    y, z = (np.stack([np.broadcast_to(axis, inside.shape[1:]) for axis in axes])[inside]
            for axes in ([one.y for one in sampled], [one.z for one in sampled]))  # fmt: skip
    return y, z


def _shrunk(above: NDArray[np.bool_], reach: Sequence[int]) -> NDArray[np.bool_]:
    """What is left when so many voxels are taken off every side along each axis, but not at the volume's edge."""
    for axis, steps in enumerate(reach):
        for _ in range(steps):
            wide = np.pad(above, [(1, 1) if one == axis else (0, 0) for one in range(3)], mode="edge")
            before, after = (np.take(wide, range(start, start + above.shape[axis]), axis) for start in (0, 2))
            above = above & before & after
    return above


def _between(values: NDArray[np.floating[Any]]) -> float:
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
    top = float(z.max())
    upper, lower = y[z > top - 6], y[(z <= top - 40) & (z > top - 60)]
    return not len(lower) or float(np.ptp(upper)) > 0.8 * float(np.ptp(lower))


@dataclass(frozen=True)
class _Skull:
    """The highest point, the foremost and the rearmost of the forehead's level, and the scale to a grown-up's head."""

    top: float
    front: float
    back: float
    scale: float


def _skull(points: Points) -> _Skull:
    y, z = points
    if not len(z) or _is_cut(y, z):
        raise NoFace("the vertex is not in the volume")
    top, scale = float(z.max()), 1.0
    for _ in range(3):  # the level of the forehead depends on the scale, and the scale on the level
        low, high = (one * scale for one in _FOREHEAD)
        band = y[(z < top - low) & (z > top - high)]
        if len(band) < 50:
            raise NoFace("nothing below the vertex")
        front, back = (float(one) for one in np.quantile(band, (0.002, 0.998)))
        scale = min(max((back - front) / _LENGTH, 0.5), 1.2)
    return _Skull(top, front, back, scale)


def _raised(points: tuple[Any, Any], angle: float) -> tuple[Any, Any]:
    """y and z in the directions of a head that is bowed forward by an angle."""
    y, z = points
    return y * np.cos(angle) + z * np.sin(angle), z * np.cos(angle) - y * np.sin(angle)


def _bowed(points: Points, skull: _Skull) -> float:
    """How far the head is bowed: by where the tip of the nose is.

    Raises:
        NoFace: nothing stands out like a nose, or it is where none can be.
    """
    y, z = points
    step = _STEP * 1.5
    level = np.floor((skull.top - z) / step).astype(np.int64)
    profile = np.full(level.max() + 1, np.inf)
    np.minimum.at(profile, level, y)
    seen = np.flatnonzero(np.isfinite(profile))
    profile = np.interp(np.arange(len(profile)), seen, profile[seen])
    reach = max(round(_BRIDGE * skull.scale / step), 1)
    start, end = (round(one * skull.scale / step) for one in _NOSE_BELOW)
    levels = np.arange(max(start, reach), min(end, len(profile) - reach))
    if not len(levels):
        raise NoFace("no nose")
    out = (profile[levels - reach] + profile[levels + reach]) / 2 - profile[levels]
    below = (levels + 0.5) * step - _DOME * skull.scale
    before = (skull.front + skull.back) / 2 - profile[levels]
    angles = np.arctan2(below, before) - _NOSE_ANGLE
    tip = int((out / skull.scale - _UNLIKELY * np.abs(angles)).argmax())
    if out[tip] < _NOSE_LEAST * skull.scale:
        raise NoFace("no nose")
    if abs(angles[tip]) > _BOWED:
        raise NoFace("bowed too far")
    return float(angles[tip])


def _placed(points: Points) -> Face:
    bowed = _bowed(points, _skull(points))
    skull = _skull(_raised(points, bowed))
    scale = skull.scale
    # in front:  (top − z − brow) / fall  >  (y − front) / depth
    along_y, along_z = -1.0 / (_DEPTH * scale), -1.0 / (_FALL * scale)
    limit = along_y * skull.front + along_z * (skull.top - _BROW * scale)
    return Face(along_y, along_z, limit, skull.front + _BACK * scale, skull.top - _CHIN * scale, bowed)
