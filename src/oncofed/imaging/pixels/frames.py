"""Frames of an object one at a time, as they are stored and as one looks at them; memory is that of a few frames."""

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian

from oncofed.imaging.codecs import get_decoder
from oncofed.imaging.elements import BROKEN
from oncofed.imaging.pixels.risk import number, words

Grey = NDArray[np.uint8]

BIG = 1 << 26
"""Bytes of pixels from which on they go through a temporary file instead of memory (64 MiB)."""


class Undecodable(Exception):
    """The pixels cannot be read here: damaged, of a form without decoder, or not as the header says."""


class Window(io.BufferedIOBase):
    """``length`` bytes of a file from ``start``, read only: Pixel Data that pydicom and ``apply`` read piecewise."""

    def __init__(self, stream: BinaryIO, start: int, length: int) -> None:
        self._stream, self._start, self._length = stream, start, length
        self._place = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read from anywhere."""
        return True

    def tell(self) -> int:
        """Bytes from the start of the window."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place of the window, never before its start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._length}[whence]
        self._place = max(base + offset, 0)
        return self._place

    def read(self, size: int | None = -1, /) -> bytes:
        """At most ``size`` bytes, all that are left when it is negative."""
        left = max(self._length - self._place, 0)
        self._stream.seek(self._start + self._place)
        data = self._stream.read(left if size is None or size < 0 else min(size, left))
        self._place += len(data)
        return data


@dataclass(frozen=True)
class Layout:
    """How one frame lies in memory when it is not compressed."""

    rows: int
    columns: int
    samples: int
    bits: int
    frames: int
    photometric: str
    planar: bool
    big_endian: bool

    @property
    def halved(self) -> bool:
        """Two pixels share their colour: YBR_FULL_422 and YBR_PARTIAL_422, four bytes for two pixels."""
        return self.photometric.endswith("_422")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        samples = 2 if self.halved else self.samples
        return self.rows * self.columns * samples * self.bits // 8

    @property
    def dtype(self) -> np.dtype[Any]:
        """Unsigned samples in the byte order of the file."""
        return np.dtype(f"{'>' if self.big_endian else '<'}u{self.bits // 8}")


def syntax(dataset: Dataset) -> UID:
    """The transfer syntax; Explicit VR Little Endian where the file does not say (as pydicom writes by default)."""
    meta = getattr(dataset, "file_meta", None)
    return UID(str(getattr(meta, "TransferSyntaxUID", None) or ExplicitVRLittleEndian))


def layout(dataset: Dataset) -> Layout:
    """The layout the header speaks of.

    Raises:
        Undecodable: it is not one of whole bytes and at least one pixel.
    """
    found = Layout(
        rows=number(dataset, "Rows"),
        columns=number(dataset, "Columns"),
        samples=number(dataset, "SamplesPerPixel") or 1,
        bits=number(dataset, "BitsAllocated"),
        frames=number(dataset, "NumberOfFrames") or 1,
        photometric=next(iter(words(dataset, "PhotometricInterpretation")), "MONOCHROME2"),
        planar=number(dataset, "PlanarConfiguration") == 1 and number(dataset, "SamplesPerPixel") > 1,
        big_endian=syntax(dataset) == ExplicitVRBigEndian,
    )
    whole = found.bits in (8, 16, 32) and found.samples in (1, 3) and (found.bits == 8 or not found.halved)
    if not whole or min(found.rows, found.columns, found.frames) < 1 or (found.halved and found.columns % 2):
        raise Undecodable("layout")
    return found


def stored(dataset: Dataset) -> Iterator[tuple[NDArray[Any], dict[str, Any]]]:
    """Each frame as stored, without any conversion of colour, and its properties as pydicom names them.

    Grey samples come with the sign the header gives them, whatever a JPEG 2000 stream says of itself.

    Raises:
        Undecodable: no decoder reads it.
    """
    yield from _decoded(dataset, raw=number(dataset, "SamplesPerPixel") > 1)


def _decoded(dataset: Dataset, *, raw: bool) -> Iterator[tuple[NDArray[Any], dict[str, Any]]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            decoder = get_decoder(syntax(dataset))
            if number(dataset, "NumberOfFrames") > 1:
                several = decoder.iter_array(dataset, raw=raw)
            else:
                several = iter((decoder.as_array(dataset, raw=raw, index=0),))
            for frame, properties in several:
                yield frame, dict(properties)
    except (*BROKEN, RuntimeError) as error:
        raise Undecodable(type(error).__name__) from error


def pictures(dataset: Dataset) -> Iterator[Grey]:
    """Each frame as grey values of 8 bits, white on black: colours by their brightest sample.

    Samples of more than 8 bits are stretched between the first and the last value of the frame, cut at 1 in 1,000 on
    the dark side: text is written in the brightest or the darkest value there is.
    """
    inverted = words(dataset, "PhotometricInterpretation")[:1] == ("MONOCHROME1",)
    for frame, properties in _decoded(dataset, raw=False):
        seen = frame
        if properties.get("photometric_interpretation") == "PALETTE COLOR":
            seen = _coloured(dataset, frame)
        if seen.ndim == 3:
            seen = seen.max(axis=2)
        grey = _stretched(seen)
        yield np.asarray(255 - grey, dtype=np.uint8) if inverted else grey


def _coloured(dataset: Dataset, frame: NDArray[Any]) -> NDArray[Any]:
    try:
        return apply_color_lut(frame, dataset)
    except BROKEN as error:
        raise Undecodable("palette") from error


def _stretched(frame: NDArray[Any]) -> Grey:
    if frame.dtype == np.uint8:
        return frame
    values = frame.astype(np.float32)
    low, high = np.quantile(values, 0.001), values.max()
    if not np.isfinite(high - low) or high <= low:
        return np.zeros(frame.shape, dtype=np.uint8)
    return np.asarray(np.clip((values - low) * (255.0 / (high - low)), 0, 255), dtype=np.uint8)


@dataclass(frozen=True)
class Projection:
    """What all frames show together: the brightest and the mean of each pixel, and the first frame."""

    brightest: Grey
    mean: Grey
    first: Grey
    frames: int

    @property
    def views(self) -> tuple[Grey, ...]:
        """The different pictures to look at: one when there is one frame."""
        return (self.first,) if self.frames == 1 else (self.brightest, self.mean, self.first)


def projection(dataset: Dataset) -> Projection:
    """Over all frames, one at a time.

    Raises:
        Undecodable: a frame cannot be read, or there is none.
    """
    first: Grey | None = None
    count = 0
    for picture in pictures(dataset):
        count += 1
        if first is None:
            first, brightest, total = picture, picture.copy(), picture.astype(np.uint32)
        else:
            np.maximum(brightest, picture, out=brightest)
            total += picture
    if first is None:
        raise Undecodable("no frame")
    return Projection(brightest, np.asarray(total // count, dtype=np.uint8), first, count)


def opened(dataset: Dataset) -> io.BufferedIOBase:
    """The bytes of Pixel Data from the start, whether in memory or in a file that pydicom reads from."""
    value = dataset["PixelData"].value
    if isinstance(value, bytes | bytearray):
        return io.BytesIO(value)
    value.seek(0)
    return value  # type: ignore[no-any-return]
