"""How much two images look alike: a perceptual hash of 256 bits, and the search for near-duplicates among many.

The hash: the image is averaged to 32 × 32, its contrast stretched between the 1st and 99th percentile, transformed by
a type II cosine transform; each of the 16 × 16 lowest frequencies is compared with their median. It hardly changes with
size, brightness, contrast, noise or lossy compression (Zauner 2010 compares such hashes); cropping and masks change it.
"""

from array import array
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

SIDE, KEPT = 32, 16
BANDS = 16
MOST_BITS_APART = BANDS - 1
"""Alike means at most this many of 256 bits differ. By the pigeonhole principle one of the 16 bands is then equal."""
MAX_IN_BUCKET = 2_000
MAX_PARTNERS = 50

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


def near_duplicates(images: Iterable[tuple[int, str]]) -> Iterator[Alike]:
    """Pairs of images of two patients that look alike, each once; ``images``: (number of the patient, hash).

    Only images that share a band of the hash are compared; a band shared by more than ``MAX_IN_BUCKET`` images (empty
    background) tells nothing and is passed over. Of one image at most ``MAX_PARTNERS`` pairs with later ones are told.
    Memory: about 60 bytes an image.
    """
    owners, prints = _arrays(images)
    bands, words = prints.view(np.uint16), prints.view(np.uint64)
    crowded = np.stack([_crowded(bands[:, band]) for band in range(BANDS)], axis=1)
    partners = np.zeros(len(owners), dtype=np.int64)
    for band in range(BANDS):
        for first, second in _sharing(bands[:, band], ~crowded[:, band]):
            bits = np.bitwise_count(words[first] ^ words[second]).sum(axis=1)
            told_before = ((bands[first, :band] == bands[second, :band]) & ~crowded[first, :band]).any(axis=1)
            near = (bits <= MOST_BITS_APART) & (owners[first] != owners[second]) & ~told_before
            for one, other, apart in zip(first[near].tolist(), second[near].tolist(), bits[near].tolist(), strict=True):
                if partners[one] < MAX_PARTNERS:
                    partners[one] += 1
                    yield Alike(one, other, apart)


def _arrays(images: Iterable[tuple[int, str]]) -> tuple[Array, Array]:
    """The patients, and the hashes as rows of 32 bytes."""
    owners, prints = array("q"), bytearray()
    for owner, print_ in images:
        owners.append(owner)
        prints += bytes.fromhex(print_)
    return np.array(owners, dtype=np.int64), np.frombuffer(prints, dtype=np.uint8).reshape(len(owners), 32)


def _crowded(band: Array) -> Array:
    """Which images share this band with too many others."""
    _, where, counts = np.unique(band, return_inverse=True, return_counts=True)
    return np.asarray(counts[where] > MAX_IN_BUCKET)


def _sharing(band: Array, wanted: Array) -> Iterator[tuple[Array, Array]]:
    """All pairs of wanted images equal in a band, as (earlier, later): first neighbours, then those two apart, …"""
    order = np.flatnonzero(wanted)[np.argsort(band[wanted], kind="stable")]
    ranked = band[order]
    starts, apart = np.arange(len(order)), 1
    while len(starts := starts[starts + apart < len(order)]):
        starts = starts[ranked[starts] == ranked[starts + apart]]
        yield order[starts], order[starts + apart]
        apart += 1
