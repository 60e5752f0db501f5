"""Opening a DICOM file to be cleaned: the whole header, and the pixels only as the place where they stand.

What follows the pixels (private elements, padding, signatures) is read too. Truncated or foreign files are refused
with a code; deflated ones are inflated up to a bound.
"""

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple, TypeVar

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_dataset, read_partial
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian, MediaStorageDirectoryStorage

from oncofed.contracts.errors import BadInput, Corrupt
from oncofed.imaging.deidentify import wellformed
from oncofed.imaging.deidentify.values import PIXELS, SHORT_LENGTH
from oncofed.imaging.deidentify.wellformed import UNDEFINED, Slices, TooShort
from oncofed.imaging.headers import BROKEN
from oncofed.imaging.pixels.frames import BIG, Window

MOST_INFLATED = 1 << 30
"""Bytes that a deflated dataset may become."""
_HEADERS = (1 << 14, 1 << 17, 1 << 20, 1 << 23)
"""Bytes read at first, and then more, to find the end of a header."""
_ITEM, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD
_PIXEL_DATA, _DELIMITER = 0x7FE00010, 8
_BARE_GROUPS = frozenset({b"\x00\x00", b"\x02\x00", b"\x04\x00", b"\x08\x00", b"\x00\x08", b"\x00\x02"})


Found = TypeVar("Found")


@dataclass(frozen=True)
class Pixels:
    """Where the value of the pixel element stands in its stream, in bytes; ``length`` as its header gives it."""

    tag: int
    vr: str
    length: int
    start: int
    end: int


@dataclass
class Opened:
    """A file as read. ``pixels``: where they stand, when they were not read into the dataset."""

    dataset: Dataset
    stream: BinaryIO
    implicit: bool
    little: bool
    pixels: Pixels | None = None
    inflated: bool = False
    shown: Any = None
    """The value of the pixels while they are in the dataset."""
    replaced: DataElement | None = None
    """The pixels that a mask made of them."""

    @property
    def transfer_syntax(self) -> str:
        """What the file meta information says; "" where it says nothing."""
        return str(self.dataset.file_meta.get("TransferSyntaxUID") or "")


def show_pixels(opened: Opened) -> None:
    """Put the pixels into the dataset for a mask to read and to replace: bytes, or a window of the file when large."""
    pixels = opened.pixels
    if pixels is None or pixels.tag != _PIXEL_DATA:
        return
    encapsulated = pixels.length == UNDEFINED
    window = Window(opened.stream, pixels.start, pixels.end - pixels.start - (_DELIMITER if encapsulated else 0))
    value = window if pixels.end - pixels.start > BIG else window.read()
    opened.dataset.add_new(_PIXEL_DATA, "OB" if encapsulated else pixels.vr or "OW", value)
    opened.dataset[_PIXEL_DATA].is_undefined_length = encapsulated
    opened.shown = value


def take_pixels(opened: Opened) -> None:
    """Take them out again, and keep what a mask put in their place as ``replaced``."""
    if opened.shown is None:
        return
    held = opened.dataset[_PIXEL_DATA]
    del opened.dataset[_PIXEL_DATA]
    opened.replaced = None if held.value is opened.shown else held
    opened.shown = None


class Sliced(NamedTuple):
    """A well-formed file: the elements of its header as bytes, and where its pixels stand."""

    slices: Slices
    pixels: Pixels | None


def sliced(stream: BinaryIO) -> Sliced | None:
    """A well-formed file with nothing behind its pixels, whose header is not too long; None for any other."""
    try:
        found = _from_the_front(stream, wellformed.sliced)
        if found is None or MediaStorageDirectoryStorage.encode() in found.media_class:
            return None
        stream.seek(found.end)
        pixels = _pixels(stream, implicit=found.implicit, little=True)
        behind = pixels is not None and stream.seek(0, io.SEEK_END) > pixels.end
    except BROKEN:
        return None
    return None if behind or not found.tags else Sliced(found, pixels)


def read(stream: BinaryIO, *, with_pixels: bool) -> Opened:
    """Read one file; ``BadInput`` for what is no DICOM file or an index of one, ``Corrupt`` for what is damaged."""
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")  # pydicom warns of every value that bends the standard
            found = _read(stream, with_pixels=with_pixels)
            media_class = str(found.dataset.file_meta.get("MediaStorageSOPClassUID", ""))
    except InvalidDicomError:
        raise BadInput("file-not-dicom") from None
    except BROKEN:
        raise Corrupt("file-damaged") from None
    if any("end of file" in str(one.message).lower() for one in told):
        raise Corrupt("file-damaged", "it ends too early")
    if media_class == MediaStorageDirectoryStorage:
        raise BadInput("file-dicomdir")
    if not len(found.dataset):
        raise Corrupt("file-damaged", "it holds nothing")
    return found


def _read(stream: BinaryIO, *, with_pixels: bool) -> Opened:
    return (None if with_pixels else _well_formed(stream)) or _by_pydicom(stream, with_pixels=with_pixels)


def _well_formed(stream: BinaryIO) -> Opened | None:
    """By the byte-level road, if the file is well formed and its header not too long for it."""
    found = _from_the_front(stream, wellformed.parsed)
    if found is None:
        stream.seek(0)
        return None
    stream.seek(found.end)
    return _with_rest(Opened(found.dataset, stream, found.implicit, little=True), with_pixels=False)


def _from_the_front(stream: BinaryIO, road: Callable[..., Found | None]) -> Found | None:
    """What the byte-level road finds in as many of the first bytes as it needs."""
    data = b""
    for size in _HEADERS:
        more = stream.read(size)
        data += more
        with contextlib.suppress(TooShort):
            return road(data, whole=len(more) < size)
    return None


def _by_pydicom(stream: BinaryIO, *, with_pixels: bool) -> Opened:
    stop = None if with_pixels else _at_pixels
    meta, begin = _meta(stream)
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        stream.seek(begin)
        stream = io.BytesIO(_inflate(stream.read()))
        inside = read_dataset(stream, False, True, stop_when=stop)
        dataset = FileDataset(stream, inside, None, meta, False, True)
        return _with_rest(Opened(dataset, stream, False, True, None, inflated=True), with_pixels=with_pixels)
    stream.seek(0)
    dataset = read_partial(stream, stop, force=True)
    implicit, little = _encoding(dataset)
    return _with_rest(Opened(dataset, stream, implicit, little), with_pixels=with_pixels)


def _meta(stream: BinaryIO) -> tuple[FileMetaDataset, int]:
    """The file meta information, and where it ends; empty where there is none."""
    begin = stream.read(132)
    if begin[128:] != b"DICM":
        if begin[:2] not in _BARE_GROUPS or len(begin) < 16:
            raise InvalidDicomError
        stream.seek(0)
    meta = FileMetaDataset()
    inside = read_dataset(stream, False, True, bytelength=None, stop_when=lambda tag, _vr, _length: tag >> 16 != 2)
    if inside and not any(tag >> 16 != 2 for tag, _ in inside.items()):
        meta.update(inside)
    return meta, stream.tell()


def _inflate(content: bytes) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    data = inflater.decompress(content, MOST_INFLATED)
    if inflater.unconsumed_tail:
        raise Corrupt("file-damaged", "it inflates to more than a dataset is")
    return data


def _at_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag in PIXELS


def _encoding(dataset: Dataset) -> tuple[bool, bool]:
    """Implicit, little-endian: as the elements really are, whatever the transfer syntax says."""
    for element in dataset.values():
        if isinstance(element, RawDataElement):
            return element.is_implicit_VR, element.is_little_endian
    implicit, little = dataset.original_encoding
    return bool(implicit), little is not False


def _with_rest(found: Opened, *, with_pixels: bool) -> Opened:
    """Check the lengths; find the pixels, and what stands behind them."""
    if not with_pixels:
        found.pixels = _pixels(found.stream, implicit=found.implicit, little=found.little)
        if found.pixels and found.stream.seek(0, io.SEEK_END) > found.pixels.end:
            found.stream.seek(found.pixels.end)
            rest = read_dataset(found.stream, found.implicit, found.little)
            found.dataset.update(dict(rest.items()))
    for element in found.dataset.values():
        if isinstance(element, RawDataElement) and element.length not in (UNDEFINED, len(element.value or b"")):
            raise EOFError
    return found


def _pixels(stream: BinaryIO, *, implicit: bool, little: bool) -> Pixels | None:
    order = "<" if little else ">"
    header = stream.read(8)
    if len(header) < 8:
        return None
    group, number = struct.unpack(order + "HH", header[:4])
    vr = ""
    if implicit:
        (length,) = struct.unpack(order + "L", header[4:])
    else:
        vr = header[4:6].decode("ascii")
        (length,) = struct.unpack(order + "H", header[6:])
        if vr not in SHORT_LENGTH:
            (length,) = struct.unpack(order + "L", stream.read(4))
    start = stream.tell()
    end = _end_of_fragments(stream, order) if length == UNDEFINED else start + length
    if end > stream.seek(0, io.SEEK_END):
        raise EOFError
    return Pixels(group << 16 | number, vr, length, start, end)


def _end_of_fragments(stream: BinaryIO, order: str) -> int:
    """Where an encapsulated value ends (PS3.5 A.4), its delimiter included."""
    while True:
        group, number, length = struct.unpack(order + "HHL", stream.read(8))
        if group << 16 | number == _SEQUENCE_END:
            return stream.tell()
        if group << 16 | number != _ITEM:
            raise ValueError
        stream.seek(length, io.SEEK_CUR)
