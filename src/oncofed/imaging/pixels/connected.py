"""Connected pixels, found by their runs along rows: letters in a picture, parts of a volume."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def runs(above: NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
    """Row, first and end column of every unbroken run of True, in reading order."""
    edges = np.diff(np.pad(above, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    return rows, starts, ends


def touching(rows: Ints, starts: Ints, ends: Ints, columns: int, back: int = 1) -> tuple[Ints, Ints]:
    """Pairs of runs that touch, of one row and the row ``back`` rows above it, by an edge or a corner."""
    step = columns + 2
    above = (rows - back) * step
    first = np.searchsorted(rows * step + ends, above + starts, "left")
    last = np.searchsorted(rows * step + starts, above + ends, "right")
    count = np.maximum(last - first, 0)
    lower = np.repeat(np.arange(len(rows)), count)
    offset = np.arange(len(lower)) - np.repeat(np.cumsum(count) - count, count)
    return lower, np.repeat(first, count) + offset


def connected(count: int, one: Ints, other: Ints) -> Ints:
    """The smallest member of each member's group, when each pair belongs together."""
    labels = np.arange(count)
    while True:
        left, right = labels[one], labels[other]
        if np.array_equal(left, right):
            return labels
        np.minimum.at(labels, left, right)
        np.minimum.at(labels, right, left)
        while not np.array_equal(labels, shorter := labels[labels]):
            labels = shorter


def volume_parts(above: NDArray[np.bool_], least: float) -> list[NDArray[np.bool_]]:
    """Groups of connected voxels of a volume, the largest first: all that have ``least`` times its voxels.

    Within a slice corners connect; from slice to slice the same row does.
    """
    slices, height, width = above.shape
    apart = np.pad(above, ((0, 0), (0, 1), (0, 0))).reshape(-1, width)
    rows, starts, ends = runs(apart)
    if not len(rows):
        return []
    pairs = [touching(rows, starts, ends, width, back) for back in (1, height + 1)]
    labels = connected(len(rows), *(np.concatenate(one) for one in zip(*pairs, strict=True)))
    sizes = np.bincount(labels, ends - starts)
    parts = []
    for name in np.argsort(-sizes):
        if sizes[name] < max(least * sizes.max(), 1):
            break
        marks = np.zeros((apart.shape[0], width + 1), np.int8)
        chosen = labels == name
        np.add.at(marks, (rows[chosen], starts[chosen]), 1)
        np.add.at(marks, (rows[chosen], ends[chosen]), -1)
        inside = marks.cumsum(axis=1)[:, :width] > 0
        parts.append(inside.reshape(slices, height + 1, width)[:, :height])
    return parts


def boxes(above: NDArray[np.bool_], strength: NDArray[np.floating[Any]]) -> tuple[Ints, NDArray[np.float64]]:
    """Each group of connected pixels of a picture: its box (x0, y0, x1, y1) in a row, and its greatest strength."""
    rows, starts, ends = runs(above)
    labels = connected(len(rows), *touching(rows, starts, ends, above.shape[1]))
    names, labels = np.unique(labels, return_inverse=True)
    labels = np.repeat(labels, ends - starts)
    ys, xs = np.nonzero(above)
    found = np.tile(np.array([above.shape[1], above.shape[0], 0, 0]), (len(names), 1))
    most = np.full(len(names), -np.inf)
    for place, values in ((0, xs), (1, ys)):
        np.minimum.at(found[:, place], labels, values)
    for place, values in ((2, xs + 1), (3, ys + 1)):
        np.maximum.at(found[:, place], labels, values)
    np.maximum.at(most, labels, strength[above])
    return found, most
