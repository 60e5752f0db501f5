"""How much two images look alike: a perceptual hash of 256 bits, and the search for near-duplicates among many.

The hash: the image is averaged to 32 × 32, its contrast stretched between the 1st and 99th percentile, transformed by
a type II cosine transform; each of the 16 × 16 lowest frequencies is compared with their median. It hardly changes with
size, brightness, contrast, noise or lossy compression (Zauner 2010 compares such hashes); cropping and masks change it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

SIDE, KEPT = 32, 16
BANDS = 16
MOST_BITS_APART = BANDS - 1
"""Alike means at most this many of 256 bits differ. By the pigeonhole principle one of the 16 bands is then equal."""
MAX_IN_BUCKET = 2_000

Array = np.ndarray[Any, Any]


class Alike(NamedTuple):
    """Two images of different patients, by their places in the list, and how many bits differ."""

    first: int
    second: int
    bits: int


@cache
def _cosines() -> Array:
    """The first ``KEPT`` rows of the type II cosine transform of length ``SIDE``."""
    frequency, place = np.arange(KEPT)[:, None], np.arange(SIDE)[None, :]
    return np.asarray(np.cos(np.pi * frequency * (2 * place + 1) / (2 * SIDE)))


def likeness(values: Array) -> str:
    """Hash of one frame (rows × columns, or with samples last) as 64 hexadecimal digits; "" where it shows nothing."""
    grey = values.mean(axis=2) if values.ndim == 3 else values
    if min(grey.shape) < SIDE:
        return ""
    small = _averaged(grey)
    low, high = np.percentile(small, (1, 99))
    if not high > low:
        return ""
    waves = _cosines() @ np.clip((small - low) / (high - low), 0, 1) @ _cosines().T
    lowest = waves.ravel()[1:]
    bits = np.append(lowest > np.median(lowest), False)
    return np.packbits(bits).tobytes().hex()


def _averaged(grey: Array) -> Array:
    """``grey`` averaged to ``SIDE`` × ``SIDE`` blocks."""
    rows, columns = (np.linspace(0, length, SIDE + 1).astype(int)[:-1] for length in grey.shape)
    sums = np.add.reduceat(np.add.reduceat(grey, rows, axis=0), columns, axis=1)
    heights, widths = (
        np.diff(np.append(edges, length)) for edges, length in zip((rows, columns), grey.shape, strict=True)
    )
    return np.asarray(sums / np.outer(heights, widths))


def bits_apart(first: str, second: str) -> int:
    """In how many bits two hashes differ."""
    return (int(first, 16) ^ int(second, 16)).bit_count()


def near_duplicates(images: Iterable[tuple[str, str]]) -> Iterator[Alike]:
    """Pairs of images of two patients that look alike; ``images``: (patient, hash).

    Only images that share a band of the hash are compared; a band shared by more than ``MAX_IN_BUCKET`` images (empty
    background) tells nothing and is passed over.
    """
    known = [(patient, print_) for patient, print_ in images if print_]
    buckets: dict[tuple[int, str], list[int]] = defaultdict(list)
    width = 64 // BANDS
    for place, (_, print_) in enumerate(known):
        for band in range(BANDS):
            buckets[band, print_[band * width : (band + 1) * width]].append(place)
    seen: set[tuple[int, int]] = set()
    for places in buckets.values():
        if len(places) > MAX_IN_BUCKET:
            continue
        for index, first in enumerate(places):
            for second in places[index + 1 :]:
                if known[first][0] == known[second][0] or (first, second) in seen:
                    continue
                seen.add((first, second))
                bits = bits_apart(known[first][1], known[second][1])
                if bits <= MOST_BITS_APART:
                    yield Alike(first, second, bits)
