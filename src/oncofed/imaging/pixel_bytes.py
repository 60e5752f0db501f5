"""The digest of the pixels of a file as they stand in it: equal digests mean that no bit of them was touched."""

import hashlib
import struct
from pathlib import Path
from typing import BinaryIO

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from oncofed.imaging.elements import BROKEN, raw_elements

PIXELS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))
"""Float, Double Float and plain Pixel Data."""

_UNDEFINED = 0xFFFFFFFF
_ITEM, _END = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
_BLOCK = 1 << 20


def digest(path: Path, dataset: Dataset) -> bytes:
    """SHA-256 of the values (of all fragments) of the pixels in the file that ``dataset`` was read from; b"" if none.

    Memory: 1 MB, as the value is read from the file in pieces, unless the file is deflated.
    """
    hashed = hashlib.sha256()
    seen = False
    meta = getattr(dataset, "file_meta", Dataset())
    inflated = meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian
    with path.open("rb") as stream:
        for element in raw_elements(dataset):
            if int(element.tag) not in PIXELS:
                continue
            seen = True
            if inflated or not isinstance(element, RawDataElement) or element.is_buffered:
                hashed.update(bytes(dataset[element.tag].value or b""))
            elif element.length == _UNDEFINED:
                _fragments(stream, element.value_tell, hashed)
            else:
                _value(stream, element.value_tell, element.length, hashed)
    return hashed.digest() if seen else b""


def same(before: Path, old: Dataset, after: Path, new: Dataset) -> bool:
    """Whether two files have the same pixels; pixels that cannot be read in either are not the same."""
    try:
        return digest(before, old) == digest(after, new)
    except BROKEN:
        return False


def _value(stream: BinaryIO, start: int, length: int, hashed: "hashlib._Hash") -> None:
    stream.seek(start)
    while length > 0 and (block := stream.read(min(_BLOCK, length))):
        hashed.update(block)
        length -= len(block)


def _fragments(stream: BinaryIO, start: int, hashed: "hashlib._Hash") -> None:
    """The items of an encapsulated value (PS3.5 A.4), which is always little endian."""
    while True:
        stream.seek(start)
        group, element, length = struct.unpack("<HHL", stream.read(8))
        if (group, element) == _END:
            return
        if (group, element) != _ITEM or length == _UNDEFINED:
            raise ValueError("these are no fragments")
        hashed.update(length.to_bytes(4))
        _value(stream, start + 8, length, hashed)
        start += 8 + length
