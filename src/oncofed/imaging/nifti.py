"""NIfTI-1 and NIfTI-2 in one file (``.nii``, ``.nii.gz``): the header read, its texts left out, the voxels as they are.

The new header is built from the fields that are numbers about the grid; ``descrip``, ``aux_file``, ``intent_name``,
``db_name`` and all else that no software needs is zero in it, and extensions have no place. Sources: ``nifti1.h`` and
``nifti2.h`` of the NIfTI Data Format Working Group. Pairs of ``.hdr`` and ``.img`` are refused.
"""

import contextlib
import gzip
import hashlib
import math
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from oncofed.imaging.headers import UNREADABLE, Unusable

FORM = "NIfTI"
"""Stands where the index names the transfer syntax of other files."""
DAMAGED = "nifti-damaged"
TWO_FILES = "nifti-two-files"

MOST_VOXELS = 1 << 35
"""Bytes that voxels may be (32 GiB)."""
MOST_BESIDE = 16 << 20
"""Bytes that may stand between header and voxels (extensions), and behind the voxels (padding)."""

_FARTHEST = 1e6
"""No distance in a file is that long, in any unit."""
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20
_LEVEL = 1
"""Of compression. On a CT of 41 slices level 6 takes 6.6 times as long for 11 % fewer bytes; nibabel's default too."""
_BITS = {
    2: 8, 4: 16, 8: 32, 16: 32, 32: 64, 64: 64, 128: 24, 256: 8, 512: 16, 768: 32, 1024: 64, 1280: 64, 1536: 128,
    1792: 128, 2048: 256, 2304: 32,
}  # fmt: skip
"""Datatype → bits of a voxel."""
_COLOURS = frozenset((128, 2304))
_NUMPY = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 128: "u1", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
    2304: "u1",
}  # fmt: skip
_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Unit of space → mm; a volume that names none is in mm, as everybody reads it."""

Array = np.ndarray[Any, Any]
Three = tuple[float, float, float]


class _Layout(NamedTuple):
    """Where the fields of one version stand: (offset, format of ``struct``)."""

    size: int
    magic: tuple[int, bytes]
    dim: tuple[int, str]
    kind: tuple[int, str]
    pixdim: tuple[int, str]
    begin: tuple[int, str]
    scale: tuple[int, str]
    units: tuple[int, str]
    codes: tuple[int, str]
    quatern: tuple[int, str]
    rows: tuple[int, str]
    kept: tuple[tuple[int, int], ...]
    texts: tuple[tuple[str, int, int], ...]


_ONE = _Layout(
    size=348,
    magic=(344, b"n+1\0"),
    dim=(40, "8h"),
    kind=(70, "2h"),
    pixdim=(76, "8f"),
    begin=(108, "f"),
    scale=(112, "2f"),
    units=(123, "B"),
    codes=(252, "2h"),
    quatern=(256, "6f"),
    rows=(280, "12f"),
    kept=((0, 4), (39, 108), (112, 140), (252, 328), (344, 348)),
    texts=(
        ("data_type", 4, 14), ("db_name", 14, 32), ("extents", 32, 36), ("session_error", 36, 38), ("regular", 38, 39),
        ("glmax", 140, 144), ("glmin", 144, 148), ("descrip", 148, 228), ("aux_file", 228, 252),
        ("intent_name", 328, 344),
    ),
)  # fmt: skip
_TWO = _Layout(
    size=540,
    magic=(4, b"n+2\0\r\n\x1a\n"),
    dim=(16, "8q"),
    kind=(12, "2h"),
    pixdim=(104, "8d"),
    begin=(168, "q"),
    scale=(176, "2d"),
    units=(500, "i"),
    codes=(344, "2i"),
    quatern=(352, "6d"),
    rows=(400, "12d"),
    kept=((0, 168), (176, 240), (344, 508), (524, 525)),
    texts=(("descrip", 240, 320), ("aux_file", 320, 344), ("intent_name", 508, 524), ("unused_str", 525, 540)),
)


@dataclass(frozen=True)
class NiftiHeader:
    """One header that holds together. Lengths in mm; ``affine``: voxel → RAS, row by row, None where it says none.

    ``shape``: i, j, k and further dimensions. ``begin``: where the voxels start, in bytes. ``scale``: what a stored
    number is multiplied with, and what is added then.
    """

    raw: bytes = field(repr=False)
    order: str
    version: int
    shape: tuple[int, ...]
    datatype: int
    begin: int
    scale: tuple[float, float]
    spacing: Three
    affine: tuple[tuple[float, float, float, float], ...] | None

    @property
    def voxel_bytes(self) -> int:
        """Length of all voxels."""
        return math.prod(self.shape) * _BITS[self.datatype] // 8

    @property
    def bits(self) -> int:
        """Bits of one voxel, or of one colour of it."""
        return 8 if self.datatype in _COLOURS else _BITS[self.datatype]

    @property
    def ceiling(self) -> float:
        """The highest value that a voxel can hold; infinite for floating point."""
        kind = np.dtype(_NUMPY.get(self.datatype, "f4"))
        return float(np.iinfo(kind).max) if kind.kind in "iu" else math.inf

    @property
    def n_frames(self) -> int:
        """Number of slices, of all volumes in it."""
        return math.prod(self.shape[2:])

    @property
    def coloured(self) -> bool:
        """Whether a voxel is red, green and blue."""
        return self.datatype in _COLOURS

    def texts(self) -> dict[str, bytes]:
        """The fields of the header that may say anything and are not empty."""
        fields = ((name, self.raw[start:end].strip(b"\0")) for name, start, end in _layout(self.version).texts)
        return {name: content for name, content in fields if content}


def _layout(version: int) -> _Layout:
    return _ONE if version == 1 else _TWO


def is_nifti(begin: bytes) -> bool:
    """Whether a file that begins with these bytes (348, unpacked) is NIfTI, in one file or two."""
    return begin[344:348] in (b"n+1\0", b"ni1\0") or begin[4:8] in (b"n+2\0", b"ni2\0")


def is_named_nifti(name: str) -> bool:
    """Whether a file is called as a volume in one file is."""
    return name.lower().endswith((".nii", ".nii.gz"))


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a volume, unpacked as they are read. What goes wrong with them is ``Unusable``."""
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == _GZIP
            stream.seek(0)
            if not packed:
                yield stream
                return
            with gzip.GzipFile(fileobj=stream, mode="rb") as inside:
                yield inside  # type: ignore[misc]
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise Unusable(DAMAGED) from None


def read_header(path: Path) -> NiftiHeader:
    """The header of the volume in ``path``.

    Raises:
        Unusable: ``nifti-damaged``, ``nifti-two-files``, or the file cannot be opened.
    """
    try:
        with opened(path) as stream:
            return parsed(stream.read(_TWO.size))
    except OSError:
        raise Unusable(UNREADABLE) from None


def parsed(begin: bytes) -> NiftiHeader:
    """The header in the first 540 bytes (348 are enough for NIfTI-1); ``Unusable`` where it does not hold together."""
    for version, layout in ((1, _ONE), (2, _TWO)):
        for order in "<>":
            if len(begin) >= layout.size and begin[:4] == struct.pack(order + "i", layout.size):
                at, magic = layout.magic
                found = begin[at : at + len(magic)]
                if found[:4] in (b"ni1\0", b"ni2\0"):
                    raise Unusable(TWO_FILES)
                if found == magic:
                    return _header(begin[: layout.size], order, version)
    raise Unusable(DAMAGED)


def _header(raw: bytes, order: str, version: int) -> NiftiHeader:
    layout = _layout(version)

    def read(place: tuple[int, str]) -> tuple[float, ...]:
        return struct.unpack_from(order + place[1], raw, place[0])

    rank, *dims = (int(one) for one in read(layout.dim))
    datatype, bits = (int(one) for one in read(layout.kind))
    qfac, *steps = read(layout.pixdim)
    (begin,) = read(layout.begin)
    unit = _MM.get(int(read(layout.units)[0]) & 7, 1.0)
    sound = 1 <= rank <= 7 and min(dims[:rank], default=0) > 0 and _BITS.get(datatype) == bits
    if not (sound and math.isfinite(begin) and layout.size + 4 <= begin <= layout.size + MOST_BESIDE):
        raise Unusable(DAMAGED)
    spacing = _three([abs(step) * unit if abs(step) < _FARTHEST else 0.0 for step in steps[:3]])
    affine = None
    by_quaternion, by_rows = read(layout.codes)
    if by_rows > 0:
        affine = _scaled(read(layout.rows), unit)
    elif by_quaternion > 0:
        affine = _scaled(_rotated(read(layout.quatern), steps, -1.0 if qfac < 0 else 1.0), unit)
    slope, intercept = read(layout.scale)
    scale = (slope, intercept) if slope and math.isfinite(slope) and math.isfinite(intercept) else (1.0, 0.0)
    header = NiftiHeader(raw, order, version, tuple(dims[:rank]), datatype, int(begin), scale, spacing, affine)
    if header.voxel_bytes > MOST_VOXELS:
        raise Unusable(DAMAGED)
    return header


def _three(values: Sequence[float]) -> Three:
    x, y, z = values
    return (x, y, z)


def _scaled(rows: Sequence[float], unit: float) -> tuple[tuple[float, float, float, float], ...] | None:
    """Twelve numbers as three rows in mm; None where one is none, or beyond all bodies."""
    if not all(abs(one) < _FARTHEST for one in rows):
        return None
    a, b, c, d, e, f, g, h, i, j, k, m = (one * unit for one in rows)
    return ((a, b, c, d), (e, f, g, h), (i, j, k, m))


def _rotated(given: Sequence[float], steps: Sequence[float], qfac: float) -> list[float]:
    """The matrix of a quaternion, spacings and offsets (``nifti_quatern_to_mat44``)."""
    b, c, d, *offsets = given
    a = 1.0 - (b * b + c * c + d * d)
    if a < 1e-7:
        length = math.sqrt(b * b + c * c + d * d) or 1.0
        a, b, c, d = 0.0, b / length, c / length, d / length
    else:
        a = math.sqrt(a)
    x, y, z = steps[0], steps[1], steps[2] * qfac
    turned = (
        ((a * a + b * b - c * c - d * d) * x, 2 * (b * c - a * d) * y, 2 * (b * d + a * c) * z),
        (2 * (b * c + a * d) * x, (a * a + c * c - b * b - d * d) * y, 2 * (c * d - a * b) * z),
        (2 * (b * d - a * c) * x, 2 * (c * d + a * b) * y, (a * a + d * d - c * c - b * b) * z),
    )
    return [number for row, offset in zip(turned, offsets, strict=True) for number in (*row, offset)]


def cleaned(header: NiftiHeader) -> bytes:
    """A header with the same numbers and no text, and the four bytes that say that no extension follows."""
    layout = _layout(header.version)
    new = bytearray(layout.size + 4)
    for start, end in layout.kept:
        new[start:end] = header.raw[start:end]
    offset, form = layout.begin
    struct.pack_into(header.order + form, new, offset, layout.size + 4)
    return bytes(new)


def voxels(stream: BinaryIO, header: NiftiHeader, most_behind: int = MOST_BESIDE) -> Iterator[bytes]:
    """The voxels in pieces, from a stream that stands at its beginning.

    ``Unusable(nifti-damaged)`` where there are fewer than the header says, or more than that stands behind them.
    """
    _skip(stream, header.begin)
    yield from _exactly(stream, header.voxel_bytes)
    behind = 0
    while piece := stream.read(_CHUNK):
        behind += len(piece)
        if behind > most_behind:
            raise Unusable(DAMAGED)


def _piece(stream: BinaryIO, left: int) -> bytes:
    piece = stream.read(min(left, _CHUNK))
    if not piece:
        raise Unusable(DAMAGED)
    return piece


def clean_volume(source: Path) -> Iterator[bytes]:
    """The bytes of a new ``.nii.gz``: clean header, the same voxels. The same volume gives the same bytes (of one
    version of zlib): neither name nor time is in them. Raises as ``voxels`` does, and ``OSError``.
    """
    header = read_header(source)
    with opened(source) as stream:
        yield from _packed(_chained(cleaned(header), voxels(stream, header)))


def _chained(first: bytes, others: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


def _packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def digest(path: Path, most_behind: int = MOST_BESIDE) -> bytes:
    """SHA-256 of the voxels as they stand in the file; raises as ``voxels`` does, and ``OSError``."""
    hashed = hashlib.sha256()
    with opened(path) as stream:
        header = parsed(stream.read(_TWO.size))
        stream.seek(0)
        for piece in voxels(stream, header, most_behind):
            hashed.update(piece)
    return hashed.digest()


def before_voxels(path: Path) -> tuple[NiftiHeader, bytes]:
    """The header, and all bytes in front of the voxels, extensions too; raises as ``voxels`` does, and ``OSError``."""
    with opened(path) as stream:
        begin = stream.read(_TWO.size)
        header = parsed(begin)
        return header, (begin + stream.read(max(0, header.begin - len(begin))))[: header.begin]


def frames(path: Path, indices: Iterable[int]) -> Iterator[Array]:
    """The slices of these numbers (ascending; k, then further dimensions) as stored: rows (j) × columns (i).

    One slice is held at a time. ``ValueError`` for complex numbers and 128-bit floats; raises as ``voxels`` does.
    """
    with opened(path) as stream:
        header = parsed(stream.read(_TWO.size))
        stream.seek(0)
        kind = _NUMPY.get(header.datatype)
        if kind is None:
            raise ValueError("a datatype without an order")
        columns, rows = (*header.shape, 1)[:2]
        shape = (rows, columns, 3 if header.datatype == 128 else 4) if header.coloured else (rows, columns)
        form = np.dtype(header.order + kind)
        size = math.prod(shape) * form.itemsize
        position = 0
        for index in indices:
            _skip(stream, header.begin + index * size - position)
            content = b"".join(_exactly(stream, size))
            position = header.begin + (index + 1) * size
            yield np.frombuffer(content, form).reshape(shape)


def _skip(stream: BinaryIO, left: int) -> None:
    for _ in _exactly(stream, left):
        pass


def _exactly(stream: BinaryIO, left: int) -> Iterator[bytes]:
    while left:
        piece = _piece(stream, left)
        left -= len(piece)
        yield piece
