"""Resampling a volume to another voxel size: linear for images, nearest for labels, one axis after the other.

Where an axis becomes coarser, images are smoothed first with a triangle as wide as the new voxel, so that detail finer
than the new grid does not alias. Grids share the centre of the first voxel; the last voxels may lie up to half a new
voxel outside the old ones, where values are held.
"""

from dataclasses import replace

import numpy as np

from oncofed.contracts.errors import BadInput
from oncofed.imaging.harmonise.volume import Array, Volume


def resample(volume: Volume, spacing: tuple[float, float, float], *, labels: bool = False) -> Volume:
    """``volume`` on a grid of ``spacing`` (mm: slices, rows, columns); 0 keeps an axis as it is.

    Raises:
        BadInput: ``volume-invalid``: a spacing below 0, or a grid of more than 2³¹ voxels.
    """
    wanted = tuple(new or old for new, old in zip(spacing, volume.spacing, strict=True))
    if min(wanted) <= 0:
        raise BadInput("volume-invalid", "a spacing must be above 0")
    sizes = [
        max(round((length - 1) * old / new) + 1, 1)
        for length, old, new in zip(volume.values.shape, volume.spacing, wanted, strict=True)
    ]
    if np.prod([float(size) for size in sizes]) > 2**31:
        raise BadInput("volume-invalid", "the spacing asked for gives more than 2³¹ voxels")
    values = volume.values
    for axis, (old, new, size) in enumerate(zip(volume.spacing, wanted, sizes, strict=True)):
        if new != old:
            values = _along(values, axis, new / old, size, labels=labels)
    depth, rows, columns = wanted
    return replace(volume, values=values.astype(volume.values.dtype), spacing=(depth, rows, columns))


def _along(values: Array, axis: int, ratio: float, size: int, *, labels: bool) -> Array:
    """One axis on a grid ``ratio`` times as coarse."""
    length = values.shape[axis]
    places = np.arange(size) * ratio
    if labels:
        return np.asarray(np.take(values, np.clip(np.floor(places + 0.5).astype(int), 0, length - 1), axis=axis))
    if ratio > 1:
        values = _smoothed(values, axis, ratio)
    low = np.clip(np.floor(places).astype(int), 0, length - 1)
    high = np.minimum(low + 1, length - 1)
    share = np.clip(places - low, 0, 1).astype(np.float32)
    share = share.reshape([-1 if axis == place else 1 for place in range(values.ndim)])
    return np.asarray(np.take(values, low, axis=axis) * (1 - share) + np.take(values, high, axis=axis) * share)


def _smoothed(values: Array, axis: int, width: float) -> Array:
    """Convolved with a triangle of half-width ``width`` voxels; ends are held."""
    reach = int(np.ceil(width)) - 1
    weights = np.maximum(1 - np.abs(np.arange(-reach, reach + 1)) / width, 0)
    weights /= weights.sum()
    edges = [(reach, reach) if axis == place else (0, 0) for place in range(values.ndim)]
    padded = np.pad(values, edges, mode="edge")
    length = values.shape[axis]
    result = np.zeros(values.shape, dtype=np.float32)
    for place, weight in enumerate(weights):
        result += np.float32(weight) * np.take(padded, range(place, place + length), axis=axis)
    return result
