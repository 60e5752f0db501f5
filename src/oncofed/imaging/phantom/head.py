"""A made-up head with a face, for tests of taking faces out: skin, skull, brain, nose and chin are known exactly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import uid as uids
from pydicom.dataset import FileDataset

from oncofed.imaging.phantom.anatomy import Grid
from oncofed.imaging.phantom.images import Whose, slices

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Head:
    """Masks of (slices, rows, columns): all tissue, the brain, and the features of the face."""

    grid: Grid
    tissue: Mask
    bone: Mask
    brain: Mask
    features: Mask


def head(grid: Grid | None = None, scale: float = 1.0) -> Head:
    """A head of a grown-up times ``scale``: 190 mm front to back, 235 mm from chin to vertex, a neck below."""
    grid = grid or Grid(slices=64, rows=96, columns=96, distance=4.5, pixel=2.6)
    x, y, z = (axis / scale for axis in grid.coordinates())
    z = z + 20  # the middle of the skull stands 20 mm above the middle of the volume

    def ball(middle: tuple[float, float, float], radii: tuple[float, float, float]) -> Mask:
        parts = zip((x, y, z), middle, radii, strict=True)
        return np.asarray(sum(((axis - at) / radius) ** 2 for axis, at, radius in parts) <= 1)

    skull = ball((0, 0, 50), (75, 95, 78))
    jaw = ball((0, -45, -45), (55, 48, 65))
    nose = ball((0, -98, 0), (14, 16, 20))
    eyes = ball((-32, -78, 12), (13, 13, 13)) | ball((32, -78, 12), (13, 13, 13))
    neck = np.asarray((x / 55) ** 2 + ((y - 15) / 58) ** 2 <= 1) & np.asarray(z < 0) & np.ones_like(skull)
    brain = ball((0, 3, 55), (64, 82, 64)) & np.asarray(z > 5 + 0.0 * x)
    bone = skull & ~ball((0, 2, 50), (68, 88, 71))
    lips = ball((0, -90, -48), (25, 8, 12))
    chin = ball((0, -84, -90), (22, 14, 16))
    return Head(grid, skull | jaw | nose | neck | chin | lips, bone, brain, nose | eyes | lips | chin)


def head_series(whose: Whose, made: Head, modality: str = "CT") -> list[FileDataset]:
    """The head as an axial CT (HU) or MR."""
    rng = whose.rng("head" + modality)
    air, soft, bone, brain = (-1000, 40, 900, 35) if modality == "CT" else (4, 350, 40, 500)
    values = np.full(made.tissue.shape, air, dtype=np.float32)
    for mask, value in ((made.tissue, soft), (made.bone, bone), (made.brain, brain)):
        values[mask] = value
    noisy = values + rng.normal(0, 12, values.shape)
    sop_class = uids.CTImageStorage if modality == "CT" else uids.MRImageStorage
    offset = 1024 if modality == "CT" else 0
    found = slices(whose, made.grid, modality, sop_class, np.clip(np.round(noisy) + offset, 0, 4095).astype(np.int32))
    for one in found:
        one.BodyPartExamined, one.SeriesDescription = "HEAD", f"SYNTHETIC HEAD {modality}"
        one.RescaleIntercept, one.RescaleSlope = -offset, 1
    return found
