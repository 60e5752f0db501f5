"""The pixels of one file, frame by frame: can they be decoded, are they constant or clipped, what do they look like.

Memory is that of one frame, whatever the number of frames. Values are stored values: no rescale is applied.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict
from pydicom.dataset import Dataset

from oncofed.imaging.codecs import get_decoder, iter_pixels
from oncofed.imaging.elements import BROKEN
from oncofed.imaging.headers import Unusable
from oncofed.imaging.nifti import NiftiHeader, frames
from oncofed.imaging.quality.likeness import likeness

MAX_FRAMES = 512
"""Frames decoded in one file; of more, as many are taken evenly."""
CLIPPED_SHARE = 0.01
_MOST = 1e30
MISSING, UNDECODABLE, NO_DECODER = "pixels-missing", "pixels-undecodable", "pixels-no-decoder"
_GREY = frozenset({"CT", "MR", "PT", "NM", "MG", "DX", "CR"})
NOT_COMPARABLE = frozenset({"SEG", "SM", "RTDOSE"})
"""Masks, tiles and doses are alike in many patients, even pixel for pixel."""
_TOO_SMOOTH = frozenset({"PT", "NM"})
"""Images of so few details that those of two people may look alike; only equal pixels tell something."""

Array = np.ndarray[Any, Any]


class Pixels(BaseModel):
    """Facts of the frames decoded. ``digest``: SHA-256 of their stored values; ``likeness``: 64 hexadecimal digits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frames: int
    low: float
    high: float
    mean: float
    deviation: float
    blank_frames: int
    clipped: bool
    empty: bool
    digest: str
    likeness: str


@dataclass
class _Sums:
    """What the frames read so far add up to."""

    ceiling: float
    middle: int
    comparable: bool
    frames: int = 0
    count: int = 0
    low: float = np.inf
    high: float = -np.inf
    total: float = 0.0
    squares: float = 0.0
    blank: int = 0
    at_ceiling: int = 0
    likeness: str = ""
    digest: Any = field(default_factory=hashlib.sha256)

    def add(self, frame: Array) -> None:
        values = frame.astype(np.float64, copy=False)
        low, high = float(values.min()), float(values.max())
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.blank += low == high
        self.count += values.size
        self.total += float(values.sum())
        self.squares += float(np.square(values).sum())
        self.at_ceiling += int((frame >= self.ceiling).sum()) if high >= self.ceiling else 0
        self.digest.update(np.ascontiguousarray(frame).tobytes())
        if self.comparable and self.frames == self.middle:
            self.likeness = likeness(values)
        self.frames += 1


def read_pixels(path: Path, dataset: Dataset) -> tuple[Pixels | None, str]:
    """Facts of the pixels of ``path`` (whose header is ``dataset``) and "", or None and the check that fails."""
    syntax = getattr(dataset.file_meta, "TransferSyntaxUID", None)
    if syntax is None:
        return None, UNDECODABLE
    try:
        if syntax.is_compressed and syntax.is_encapsulated and not get_decoder(syntax).is_available:
            return None, NO_DECODER
        return _read(path, dataset), ""
    except NotImplementedError:
        return None, NO_DECODER
    except AttributeError as error:
        return None, MISSING if "no pixel data to decode" in str(error) else UNDECODABLE
    except (*BROKEN, RuntimeError):
        return None, UNDECODABLE


def read_voxels(path: Path, header: NiftiHeader, modality: str) -> tuple[Pixels | None, str]:
    """The same of a NIfTI volume, slice by slice."""
    taken = _taken(header.n_frames)
    try:
        return _summed(map(_bounded, frames(path, taken)), taken, modality, header.ceiling), ""
    except (Unusable, OSError, ValueError):
        return None, UNDECODABLE


def _bounded(frame: Array) -> Array:
    """Numbers that can be added and squared: what is none becomes 0."""
    if frame.dtype.kind != "f":
        return frame
    return np.asarray(np.clip(np.nan_to_num(frame, nan=0, posinf=0, neginf=0), -_MOST, _MOST))


def _read(path: Path, dataset: Dataset) -> Pixels:
    taken = _taken(max(int(dataset.get("NumberOfFrames") or 1), 1))
    return _summed(_frames(path, taken), taken, str(dataset.get("Modality") or ""), _ceiling(dataset))


def _taken(frames: int) -> Sequence[int]:
    return range(frames) if frames <= MAX_FRAMES else [i * frames // MAX_FRAMES for i in range(MAX_FRAMES)]


def _summed(given: Iterable[Array], taken: Sequence[int], modality: str, ceiling: float) -> Pixels:
    sums = _Sums(ceiling, middle=len(taken) // 2, comparable=modality not in NOT_COMPARABLE | _TOO_SMOOTH)
    for frame in given:
        sums.add(frame)
    if sums.frames != len(taken):
        raise ValueError("fewer frames than stated")
    mean = sums.total / sums.count
    return Pixels(
        frames=sums.frames,
        low=sums.low,
        high=sums.high,
        mean=round(mean, 4),
        deviation=round(max(sums.squares / sums.count - mean * mean, 0.0) ** 0.5, 4),
        blank_frames=sums.blank,
        clipped=modality in _GREY and sums.at_ceiling > CLIPPED_SHARE * sums.count,
        empty=sums.high == 0,
        digest=sums.digest.hexdigest(),
        likeness=sums.likeness,
    )


def _frames(path: Path, taken: Any) -> Iterator[Array]:
    yield from iter_pixels(path, indices=list(taken), raw=True)


def _ceiling(dataset: Dataset) -> float:
    """The highest value the stored bits can hold; infinite for floating point."""
    bits = int(dataset.get("BitsStored") or 0)
    if not bits:
        return np.inf
    return float(2 ** (bits - 1 if dataset.get("PixelRepresentation") else bits) - 1)
