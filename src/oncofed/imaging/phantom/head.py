"""Made-up heads with faces, for tests of taking faces out: skin, skull, brain, nose and chin are known exactly.

A ``Look`` is what differs from person to person; a ``Scan`` is how a head lies in the scanner and how it is cut into
slices. Both are drawn from a seed where many heads are wanted.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import uid as uids
from pydicom.dataset import FileDataset

from oncofed.imaging.phantom.anatomy import Grid
from oncofed.imaging.phantom.images import Whose, slices

Mask = NDArray[np.bool_]
Axes = tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]], NDArray[np.floating[Any]]]


@dataclass(frozen=True)
class Look:
    """Lengths in mm by which one face is told from another; the first values are those of an average grown-up."""

    nose: tuple[float, float, float] = (14.0, 16.0, 20.0)
    """Half its width, its depth and half its height."""
    nose_at: float = 0.0
    eyes: float = 32.0
    brow: float = 4.0
    cheeks: float = 8.0
    lips: float = 8.0
    chin: tuple[float, float] = (22.0, 14.0)
    """Half its width, and its depth."""
    skull: tuple[float, float, float] = (75.0, 95.0, 78.0)


def look(rng: np.random.Generator, *, same_skull: bool = False) -> Look:
    """A face drawn at random, and a skull, but where all have the same."""
    skull = Look().skull if same_skull else tuple(float(one * rng.uniform(0.93, 1.07)) for one in Look().skull)
    return Look(
        nose=(float(rng.uniform(10, 19)), float(rng.uniform(9, 24)), float(rng.uniform(14, 26))),
        nose_at=float(rng.uniform(-8, 8)),
        eyes=float(rng.uniform(26, 38)),
        brow=float(rng.uniform(0, 9)),
        cheeks=float(rng.uniform(2, 15)),
        lips=float(rng.uniform(3, 13)),
        chin=(float(rng.uniform(14, 30)), float(rng.uniform(6, 22))),
        skull=skull,  # type: ignore[arg-type]
    )


@dataclass(frozen=True)
class Scan:
    """How the head lies (degrees about the axes x, y, z of the patient) and how it is cut."""

    grid: Grid = field(default_factory=lambda: Grid(slices=64, rows=96, columns=96, distance=4.5, pixel=2.6))
    plane: str = "axial"
    """``axial``, ``sagittal`` or ``coronal``."""
    tilt: float = 0.0
    """Of the gantry about x, in degrees; of axial slices."""
    pitch: float = 0.0
    roll: float = 0.0
    yaw: float = 0.0
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    table: bool = False
    headrest: bool = False
    noise: float = 12.0

    @property
    def directions(self) -> NDArray[np.float64]:
        """Unit vectors along a row, down a column, and from slice to slice."""
        turn = np.deg2rad(self.tilt)
        return {
            "axial": np.array([[1, 0, 0], [0, np.cos(turn), np.sin(turn)], [0, 0, 1]]),
            "sagittal": np.array([[0, 1, 0], [0, 0, -1], [1, 0, 0]]),
            "coronal": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]),
        }[self.plane].astype(np.float64)

    @property
    def steps(self) -> NDArray[np.float64]:
        """Steps in mm along a row, down a column and from slice to slice."""
        lengths = np.array([self.grid.pixel, self.grid.pixel, self.grid.distance])
        return np.asarray(self.directions * lengths[:, None])

    @property
    def first(self) -> NDArray[np.float64]:
        """Where the first voxel lies: the volume's middle is at 0."""
        grid = self.grid
        counts = np.array([grid.columns - 1, grid.rows - 1, grid.slices - 1])
        return np.asarray(np.array(self.shift) - (self.steps * counts[:, None] / 2).sum(axis=0))

    def coordinates(self) -> Axes:
        """x, y, z in mm of every voxel; (slices, rows, columns)."""
        grid, steps = self.grid, self.steps.astype(np.float32)
        column = np.arange(grid.columns, dtype=np.float32)[None, None, :]
        row = np.arange(grid.rows, dtype=np.float32)[None, :, None]
        place = np.arange(grid.slices, dtype=np.float32)[:, None, None]
        x, y, z = (
            self.first[axis] + column * steps[0, axis] + row * steps[1, axis] + place * steps[2, axis]
            for axis in range(3)
        )
        return x, y, z


@dataclass(frozen=True)
class Head:
    """Masks of (slices, rows, columns): all tissue, bone, the brain, and the features of the face."""

    scan: Scan
    tissue: Mask
    bone: Mask
    brain: Mask
    features: Mask
    around: Mask
    """Table, headrest: no part of the patient."""

    @property
    def grid(self) -> Grid:
        """Slices, rows, columns and their distances."""
        return self.scan.grid


def head(scan: Scan | None = None, scale: float = 1.0, look: Look | None = None) -> Head:
    """A head of a grown-up times ``scale``: 190 mm front to back, 235 mm from chin to vertex, a neck below."""
    scan, look = scan or Scan(), look or Look()
    lying = scan.coordinates()
    x, y, z = (axis / scale for axis in _turned(lying, scan))
    z = z + 20  # the middle of the skull stands 20 mm above the middle of the volume

    def ball(middle: tuple[float, float, float], radii: tuple[float, float, float]) -> Mask:
        pairs = zip((x, y, z), middle, radii, strict=True)
        return np.asarray(sum(((axis - at) / radius) ** 2 for axis, at, radius in pairs) <= 1)

    wide, long, high = look.skull
    skull = ball((0, 0, 50), look.skull)
    jaw = ball((0, -45, -45), (55, 48, 65))
    width, depth, height = look.nose
    nose = ball((0, -82 - depth, look.nose_at), (width, 16, height)) | ball(
        (0, -88, 6 + look.nose_at), (width, 12, height)
    )
    eyes = ball((-look.eyes, -78, 12), (13, 13, 13)) | ball((look.eyes, -78, 12), (13, 13, 13))
    brow = ball((0, -86, 28), (45, 3 + look.brow, 7))
    cheeks = ball((-38, -66, -10), (22, 10 + look.cheeks, 18)) | ball((38, -66, -10), (22, 10 + look.cheeks, 18))
    lips = ball((0, -82 - look.lips, -48), (25, 8, 12))
    chin = ball((0, -70 - look.chin[1], -90), (look.chin[0], 14, 16))
    neck = np.asarray((x / 55) ** 2 + ((y - 15) / 58) ** 2 <= 1) & np.asarray(z < 0)
    brain = ball((0, 3, 55), (wide - 11, long - 13, high - 14)) & np.asarray(z > 5 + 0.0 * x)
    bone = ball((0, 1, 50), (wide - 4, long - 4, high - 4)) & ~ball((0, 2, 50), (wide - 10, long - 10, high - 10))
    tissue = skull | jaw | nose | neck | chin | lips | brow | cheeks
    return Head(scan, tissue, bone, brain, nose | eyes | lips | chin, _around(lying, scan))


def _turned(axes: Axes, scan: Scan) -> Axes:
    """Coordinates of the head for coordinates of the scanner; it turns about the middle of the skull."""
    x, y, z = axes
    z = z - 30
    roll, pitch, yaw = np.deg2rad([scan.roll, scan.pitch, scan.yaw])
    x, y = x * np.cos(yaw) - y * np.sin(yaw), x * np.sin(yaw) + y * np.cos(yaw)
    x, z = x * np.cos(roll) - z * np.sin(roll), x * np.sin(roll) + z * np.cos(roll)
    y, z = y * np.cos(pitch) - z * np.sin(pitch), y * np.sin(pitch) + z * np.cos(pitch)
    return x, y, z + 30


def _around(axes: Axes, scan: Scan) -> Mask:
    x, y, z = axes
    found = np.zeros(np.broadcast_shapes(x.shape, y.shape, z.shape), dtype=bool)
    if scan.table:
        found |= (y > 112) & (y < 120) & (np.abs(x) < 200)
    if scan.headrest:
        shell = np.hypot(x / 1.0, (y - 10) / 1.05)
        found |= (shell > 104) & (shell < 110) & (y > 20) & (z > -60)
    return found


def head_series(whose: Whose, made: Head, modality: str = "CT") -> list[FileDataset]:
    """The head as a CT (HU) or MR, in the planes of its scan."""
    rng = whose.rng("head" + modality)
    air, soft, bone, brain, plastic = (-1000, 40, 900, 35, -120) if modality == "CT" else (4, 350, 40, 500, 4)
    values = np.full(made.tissue.shape, air, dtype=np.float32)
    for mask, value in ((made.around, plastic), (made.tissue, soft), (made.bone, bone), (made.brain, brain)):
        values[mask] = value
    noise = made.scan.noise
    noisy = values + rng.normal(0, noise, values.shape)
    if modality == "MR":  # the size of a complex signal: noise of air is not around zero (Rice)
        noisy = np.hypot(noisy, rng.normal(0, noise, values.shape))
    sop_class = uids.CTImageStorage if modality == "CT" else uids.MRImageStorage
    offset = 1024 if modality == "CT" else 0
    found = slices(whose, made.grid, modality, sop_class, np.clip(np.round(noisy) + offset, 0, 4095).astype(np.int32))
    between = made.scan.steps[2]
    for place, one in enumerate(found):
        one.BodyPartExamined, one.SeriesDescription = "HEAD", f"SYNTHETIC HEAD {modality}"
        one.RescaleIntercept, one.RescaleSlope = -offset, 1
        one.ImagePositionPatient = [round(float(part), 4) for part in made.scan.first + place * between]
        one.ImageOrientationPatient = [
            round(float(part), 6) for part in (*made.scan.directions[0], *made.scan.directions[1])
        ]
    return found
