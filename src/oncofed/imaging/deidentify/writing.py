"""Writing a cleaned object: file meta information of our own, untouched elements byte for byte, pixels copied.

Nothing is left half-written: the bytes go to a temporary file beside the target, are flushed to the disk, and take its
place in one step.
"""

import contextlib
import io
import os
import struct
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from pydicom.charset import default_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import correct_ambiguous_vr, write_data_element
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from oncofed.imaging.deidentify.reading import Opened, Pixels
from oncofed.imaging.deidentify.values import KNOWN, SHORT_LENGTH, Element
from oncofed.imaging.deidentify.wellformed import UNDEFINED

IMPLEMENTATION = "2.25.331045817265342417170498122346512948161"
"""Our implementation class UID: a random UUID (PS3.5 B.2)."""
_VERSION_NAME = "ONCOFED"
_CHUNK = 1 << 22
_CHARACTER_SET = 0x00080005
_own = threading.local()
_PREAMBLE = bytes(128) + b"DICM"


Content = bytes | memoryview
"""Bytes to be written at once: a view is valid only until the next is asked for."""


class Encoder:
    """The encoding of one file: implicit or explicit VR, byte order."""

    def __init__(self, *, implicit: bool, little: bool) -> None:
        self.implicit, self.little = implicit, little
        order = "<" if little else ">"
        self._tag = struct.Struct(order + "HH")
        self._long = struct.Struct(order + "L")
        self._short = struct.Struct(order + "HH2sH")
        self._explicit = struct.Struct(order + "HH2s2xL")
        self._implicit = struct.Struct(order + "HHL")

    def header(self, tag: int, vr: str, length: int) -> bytes:
        """Tag, VR if explicit, and length."""
        group, number = tag >> 16, tag & 0xFFFF
        if self.implicit:
            return self._implicit.pack(group, number, length)
        if vr in SHORT_LENGTH:
            if length <= 0xFFFF:
                return self._short.pack(group, number, vr.encode(), length)
            vr = "UN"  # PS3.5 6.2.2: longer than the VR can say
        return self._explicit.pack(group, number, vr.encode(), length)

    def chunks(
        self, dataset: Dataset, charset: object = default_encoding, tags: Iterable[BaseTag] | None = None
    ) -> Iterator[bytes]:
        """The elements of a dataset (or only those of ``tags``) in ascending order, encoded."""
        held = dict(dataset.items())
        if _CHARACTER_SET in held:
            charset = dataset.get("SpecificCharacterSet", charset)
        wanted = sorted(held if tags is None else tags, key=int)
        converted = {tag for tag in wanted if self._must_convert(held[tag])}
        if converted:
            dataset = correct_ambiguous_vr(dataset, self.little)
            held = {tag: dataset[tag] if tag in converted else element for tag, element in dataset.items()}
        for tag in wanted:
            element: Element = held[tag]
            if isinstance(element, RawDataElement):
                yield self._raw(element)
            elif element.VR == "SQ":
                yield from self._sequence(element, charset)
            else:
                yield self._converted(element, charset)

    def _must_convert(self, element: Element) -> bool:
        if not isinstance(element, RawDataElement):
            return False
        vr = element.VR
        if element.is_little_endian != self.little or (vr == "SQ" and element.is_implicit_VR != self.implicit):
            return True
        return not self.implicit and vr not in KNOWN

    def _raw(self, element: RawDataElement) -> bytes:
        value = element.value or b""
        if element.length == UNDEFINED:
            end = self._implicit.pack(0xFFFE, 0xE0DD, 0)
            return self.header(int(element.tag), str(element.VR), UNDEFINED) + value + end
        return self.header(int(element.tag), element.VR or "", len(value)) + value

    def _sequence(self, element: DataElement, charset: object) -> Iterator[bytes]:
        open_end = element.is_undefined_length
        content = b"".join(self._items(element.value, charset))
        yield self.header(int(element.tag), "SQ", UNDEFINED if open_end else len(content))
        yield content
        if open_end:
            yield self._implicit.pack(0xFFFE, 0xE0DD, 0)

    def _items(self, items: Sequence | None, charset: object) -> Iterator[bytes]:
        for item in items or ():
            content = b"".join(self.chunks(item, charset))
            yield self._implicit.pack(0xFFFE, 0xE000, len(content))
            yield content

    def _converted(self, element: DataElement, charset: object) -> bytes:
        buffer = DicomBytesIO()
        buffer.is_little_endian, buffer.is_implicit_VR = self.little, self.implicit
        write_data_element(buffer, element, charset)  # type: ignore[arg-type]
        return buffer.getvalue()


def file_meta(sop_class: str, instance: str, transfer_syntax: str) -> bytes:
    """Preamble and file meta information (PS3.10 7.1): nothing of who made the original."""
    encoder = Encoder(implicit=False, little=True)
    elements = [(0x00020001, "OB", b"\0\1")]
    elements += [
        (tag, "UI", _padded(uid, b"\0"))
        for tag, uid in ((0x00020002, sop_class), (0x00020003, instance), (0x00020010, transfer_syntax))
        if uid
    ]
    elements += [(0x00020012, "UI", _padded(IMPLEMENTATION, b"\0")), (0x00020013, "SH", _padded(_VERSION_NAME, b" "))]
    content = b"".join(encoder.header(tag, vr, len(value)) + value for tag, vr, value in elements)
    return _PREAMBLE + encoder.header(0x00020000, "UL", 4) + struct.pack("<L", len(content)) + content


def _padded(text: str, by: bytes) -> bytes:
    content = text.encode("ascii")
    return content + by if len(content) % 2 else content


def transfer_syntax(opened: Opened) -> str:
    """That of the original; the plain one that fits where it has none, contradicts itself, or was deflated."""
    named = opened.transfer_syntax
    plain = (
        ImplicitVRLittleEndian if opened.implicit else ExplicitVRLittleEndian if opened.little else ExplicitVRBigEndian
    )
    if opened.inflated or not named or named in (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian):
        return str(plain)
    return named


def content(opened: Opened, syntax: str) -> Iterator[Content]:
    """The dataset, its pixels copied from the original where they were not read."""
    implicit = opened.implicit and syntax == ImplicitVRLittleEndian
    encoder = Encoder(implicit=implicit, little=opened.little)
    pixels = opened.pixels
    if pixels is None:
        yield from encoder.chunks(opened.dataset)
        return
    before = [tag for tag, _ in opened.dataset.items() if int(tag) < pixels.tag]
    after = [tag for tag, _ in opened.dataset.items() if int(tag) > pixels.tag]
    yield from encoder.chunks(opened.dataset, tags=before)
    if opened.replaced is not None:
        yield from _replaced(opened.replaced, encoder)
    else:
        yield from copied(opened.stream, pixels, encoder)
    if after:
        yield from encoder.chunks(opened.dataset, tags=after)


def copied(stream: BinaryIO, pixels: Pixels | None, encoder: Encoder) -> Iterator[Content]:
    """The pixel element of another file as it stands there, if it has one."""
    if pixels is not None:
        vr = pixels.vr or ("OB" if pixels.length == UNDEFINED else "OW")
        yield encoder.header(pixels.tag, vr, pixels.length)
        yield from _copied(stream, pixels.start, pixels.end)


def _replaced(element: DataElement, encoder: Encoder) -> Iterator[Content]:
    """Pixels that a mask made: bytes, or a file of which they are all."""
    value = io.BytesIO(element.value) if isinstance(element.value, bytes) else element.value
    encapsulated = element.is_undefined_length
    with value:
        size = value.seek(0, io.SEEK_END)
        yield encoder.header(int(element.tag), str(element.VR), UNDEFINED if encapsulated else size)
        yield from _copied(value, 0, size)
    if encapsulated:
        yield struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


def _copied(stream: BinaryIO, start: int, end: int) -> Iterator[memoryview]:
    """A part of a file in pieces; each is valid until the next."""
    stream.seek(start)
    left = end - start
    while left:
        size = stream.readinto(_chunk()[:left])  # type: ignore[attr-defined]
        if not size:
            raise EOFError
        left -= size
        yield _chunk()[:size]


def _chunk() -> memoryview:
    """Memory of this thread, used again for every file: what is new costs as much as the copy."""
    if not hasattr(_own, "chunk"):
        _own.chunk = memoryview(bytearray(_CHUNK))
    chunk: memoryview = _own.chunk
    return chunk


def write(chunks: Iterable[Content], target: Path, *, durable: bool = True) -> None:
    """Put the chunks in the target's place, all or nothing. ``durable``: also after the power fails right now."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    with contextlib.ExitStack() as undo:
        undo.callback(temporary.unlink, missing_ok=True)
        with _new(temporary) as stream:
            stream.writelines(chunks)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.replace(target)
        undo.pop_all()


def _new(path: Path) -> BinaryIO:
    """A new file; its folder is made where it is missing, which is seldom."""
    try:
        return path.open("wb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")
