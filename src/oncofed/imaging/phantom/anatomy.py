"""Volumes of a made-up trunk with lesions, as a scanner would measure them; every lesion is known exactly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.int32]


@dataclass(frozen=True)
class Grid:
    """Slices, rows and columns of a volume, and the size of a voxel in mm (slice distance, then pixel)."""

    slices: int = 24
    rows: int = 128
    columns: int = 128
    distance: float = 5.0
    pixel: float = 3.0

    @property
    def origin(self) -> tuple[float, float, float]:
        """Patient coordinates (mm) of the centre of the first voxel: the trunk's middle is at 0."""
        return (
            -self.pixel * (self.columns - 1) / 2,
            -self.pixel * (self.rows - 1) / 2,
            -self.distance * (self.slices - 1) / 2,
        )

    def coordinates(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """x, y, z of every voxel in mm, ready to be broadcast."""
        x0, y0, z0 = self.origin
        x = (x0 + self.pixel * np.arange(self.columns, dtype=np.float32))[None, None, :]
        y = (y0 + self.pixel * np.arange(self.rows, dtype=np.float32))[None, :, None]
        z = (z0 + self.distance * np.arange(self.slices, dtype=np.float32))[:, None, None]
        return x, y, z


@dataclass(frozen=True)
class Lesion:
    """A ball: its centre (x, y, z) and radius in mm."""

    centre: tuple[float, float, float]
    radius: float

    def inside(self, grid: Grid) -> NDArray[np.bool_]:
        """Voxels whose centre lies in it; (slices, rows, columns)."""
        x, y, z = grid.coordinates()
        cx, cy, cz = self.centre
        return np.asarray((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2 <= self.radius**2)

    def outline(self, z: float, points: int = 24) -> NDArray[np.float64] | None:
        """Its circle in the plane at ``z`` mm as (points, 3) in mm; None where the plane misses it."""
        square = self.radius**2 - (z - self.centre[2]) ** 2
        if square <= 1.0:
            return None
        angle = 2 * np.pi * np.arange(points) / points
        x, y = self.centre[0] + np.sqrt(square) * np.cos(angle), self.centre[1] + np.sqrt(square) * np.sin(angle)
        return np.stack([x, y, np.full(points, z)], axis=1)


@dataclass(frozen=True)
class Trunk:
    """A trunk with lungs, liver and spine (ellipses, in mm), and its lesions, all in the liver."""

    grid: Grid
    lesions: tuple[Lesion, ...]

    def tissue(self) -> NDArray[np.int8]:
        """0 air, 1 soft tissue, 2 lung, 3 liver, 4 spine, 5 lesion; (slices, rows, columns)."""
        x, y, z = self.grid.coordinates()
        label = np.zeros((self.grid.slices, self.grid.rows, self.grid.columns), dtype=np.int8)
        label[(x / 160) ** 2 + (y / 110) ** 2 + 0 * z <= 1] = 1
        for side in (-1, 1):
            label[((x - side * 70) / 50) ** 2 + (y / 75) ** 2 + ((z - 90) / 80) ** 2 <= 1] = 2
        label[((x + 55) / 80) ** 2 + ((y + 5) / 75) ** 2 + ((z + 25) / 60) ** 2 <= 1] = 3
        label[(x / 20) ** 2 + ((y - 75) / 20) ** 2 + 0 * z <= 1] = 4
        for lesion in self.lesions:
            label[lesion.inside(self.grid)] = 5
        return label


def trunk(rng: np.random.Generator, grid: Grid, lesions: int = 2) -> Trunk:
    """A trunk with so many lesions, apart from each other, 8 to 18 mm in radius."""
    places = ((-90.0, -25.0), (-40.0, 20.0), (-75.0, 35.0), (-50.0, -40.0))
    found = []
    for x, y in places[:lesions]:
        shift = rng.uniform(-6, 6, 3)
        found.append(Lesion((x + shift[0], y + shift[1], -25.0 + 2 * float(shift[2])), float(rng.uniform(9, 18))))
    return Trunk(grid, tuple(found))


def measured(anatomy: Trunk, values: tuple[float, ...], noise: float, rng: np.random.Generator) -> Volume:
    """The value of each tissue (air, soft, lung, liver, spine, lesion) with noise of this standard deviation."""
    exact = np.asarray(values, dtype=np.float32)[anatomy.tissue()]
    return np.round(exact + rng.normal(0, noise, exact.shape)).astype(np.int32)
