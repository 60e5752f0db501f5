"""The byte-level road: the header of a well-formed file, parsed at once into the elements pydicom would give.

Behind a strict gate: preamble, meta information whose group length is right, little endian as the transfer syntax
says, tags ascending, known VRs, zeros where the standard reserves them, every length ending exactly where the item
around it does. Anything else is left to pydicom (``None``). Rules and writing are the same on both roads.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple, TypeVar

from pydicom.charset import convert_encodings
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from oncofed.imaging.deidentify.values import KNOWN, PIXELS, SHORT_LENGTH, TEXT, usual_vr

UNDEFINED = 0xFFFFFFFF
_DELIMITERS = 0xFFFE
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_META_BEGIN = 144
"""After preamble, prefix and the element that gives the length of the meta information."""
_DEEPEST = 64
_DEFAULT = ("iso8859",)
_CHARACTER_SET = BaseTag(0x00080005)
_MEDIA_CLASS, _TRANSFER_SYNTAX, _PIXEL_REPRESENTATION = 0x00020002, 0x00020010, 0x00280103
_NAMES_OF_META = frozenset(map(BaseTag, (_MEDIA_CLASS, _TRANSFER_SYNTAX)))
_OTHER_ROADS = frozenset({ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian})

_header = struct.Struct("<HH2sH").unpack_from
_long = struct.Struct("<L").unpack_from
_item = struct.Struct("<HHL").unpack_from
_VRS = {vr.encode(): (vr, vr in SHORT_LENGTH) for vr in KNOWN}

Elements = dict[BaseTag, DataElement | RawDataElement]
Charset = tuple[str, ...]


class WellFormed(NamedTuple):
    """A dataset with its meta information; ``end``: where the pixel element begins, or the last byte read."""

    dataset: Dataset
    meta: FileMetaDataset
    implicit: bool
    end: int


class TooShort(Exception):
    """An element ends behind the bytes given: more of the file is needed."""


class NotWellFormedError(Exception):
    """The gate is shut."""


_SHUT = (NotWellFormedError, struct.error, LookupError, ValueError)


@dataclass(frozen=True, slots=True)
class Slices:
    """The elements of a header's top level, each as its bytes stand in the file; ``end`` as in ``WellFormed``.

    What is inside sequences has passed no gate yet.
    """

    syntax: str
    media_class: bytes
    implicit: bool
    tags: tuple[int, ...]
    vrs: tuple[str, ...]
    contents: tuple[bytes, ...]
    end: int

    def dataset(self, places: Iterable[int]) -> Dataset:
        """Some of the elements, in ascending order, as a dataset; ``NotWellFormedError``."""
        data = b"".join([self.contents[place] for place in places])
        parser = _Parser(data, implicit=self.implicit)
        try:
            elements, _ = parser.elements(0, len(data), _DEFAULT, 0)
            return parser.dataset(elements, _DEFAULT)
        except (TooShort, *_SHUT):
            raise NotWellFormedError from None


Header = TypeVar("Header", Slices, WellFormed)


def sliced(data: bytes, *, whole: bool) -> Slices | None:
    """As ``parsed``, but only the top level, and nothing of it converted."""
    return _through_the_gate(_sliced, data, whole=whole)


def _sliced(data: bytes) -> Slices:
    named, syntax, begin = _meta(data)
    if syntax.is_private or any(named[tag].VR != "UI" for tag in _NAMES_OF_META & named.keys()):
        raise NotWellFormedError
    implicit = syntax == ImplicitVRLittleEndian
    tags, vrs, contents = zip(*_Parser(data, implicit=implicit).slices(begin), strict=True)
    held = named.get(BaseTag(_MEDIA_CLASS))
    media_class = held.value if held is not None and isinstance(held.value, bytes) else b""
    return Slices(str(syntax), media_class, implicit, tags, vrs, contents, begin + sum(map(len, contents)))


def parsed(data: bytes, *, whole: bool) -> WellFormed | None:
    """The header in the first bytes of a file; None where the gate is shut, ``TooShort`` where more is needed.

    ``whole``: the bytes are all of the file.
    """
    return _through_the_gate(_parsed, data, whole=whole)


def _parsed(data: bytes) -> WellFormed:
    named, syntax, begin = _meta(data)
    meta, implicit = FileMetaDataset(Dataset(named)), syntax == ImplicitVRLittleEndian
    parser = _Parser(data, implicit=implicit)
    elements, end = parser.elements(begin, len(data), _DEFAULT, 0)
    dataset = parser.dataset(elements, _DEFAULT)
    dataset.file_meta = meta
    return WellFormed(dataset, meta, implicit, end)


def _through_the_gate(read: Callable[[bytes], Header], data: bytes, *, whole: bool) -> Header | None:
    try:
        found = read(data)
    except _SHUT:
        return None
    except TooShort:
        if whole:
            return None
        raise
    if not whole and found.end == len(data):
        raise TooShort
    return found


def _meta(data: bytes) -> tuple[Elements, UID, int]:
    """The meta information, the transfer syntax it names, and where it ends."""
    if data[128:140] != b"DICM\2\0\0\0UL\4\0":
        raise NotWellFormedError
    end = _META_BEGIN + _long(data, 140)[0]
    elements, stop = _Parser(data[:end], implicit=False).elements(_META_BEGIN, end, _DEFAULT, 0)
    named = elements.get(BaseTag(_TRANSFER_SYNTAX))
    syntax = _syntax((named.value if named is not None else None) or b"")
    if stop != end:
        raise NotWellFormedError
    if any(tag >> 16 != 2 for tag in elements):
        raise NotWellFormedError
    if syntax == ImplicitVRLittleEndian and data[end + 4 : end + 6] in _VRS:
        raise NotWellFormedError  # it may be explicit in truth
    return elements, syntax, end


@lru_cache(64)
def _syntax(value: bytes) -> UID:
    syntax = UID(value.decode("ascii").rstrip("\0 "))
    if syntax in _OTHER_ROADS or not syntax.is_transfer_syntax:
        raise NotWellFormedError
    return syntax


@cache
def _charset(value: bytes | None) -> Charset:
    names = (value or b"").decode("ascii").rstrip("\0 ").split("\\")
    return tuple(convert_encodings([name.strip() for name in names]))


class _Parser:
    """The bytes, and how they are encoded."""

    def __init__(self, data: bytes, *, implicit: bool) -> None:
        self._data, self._implicit = data, implicit

    def dataset(self, elements: Elements, charset: Charset) -> Dataset:
        """The elements as a dataset with their character set."""
        named = elements.get(_CHARACTER_SET)
        dataset = Dataset(elements, parent_encoding=list(charset))
        own = _charset(named.value) if named is not None else charset
        dataset.set_original_encoding(self._implicit, True, list(own))
        return dataset

    def slices(self, at: int) -> Iterator[tuple[int, str, bytes]]:
        """Tag, VR and bytes of the elements from ``at`` to the pixels or the last byte."""
        data, implicit, end, last = self._data, self._implicit, len(self._data), -1
        while at + 8 <= end:
            begin = at
            group, number, letters, length = _header(data, at)
            tag = group << 16 | number
            if tag in PIXELS:
                return
            if tag <= last or group == _DELIMITERS:
                raise NotWellFormedError
            at += 8
            vr, short = (usual_vr(tag), False) if implicit else _VRS[letters]
            if implicit:
                length = _long(data, begin + 4)[0]
            elif not short:
                length, at = self._length(at, length)
            if length == UNDEFINED:
                if vr != "SQ":
                    raise NotWellFormedError
                at = self._items(at, length, end, (_DEFAULT, 1))[1]
            else:
                at += length
            if at > end:
                raise TooShort
            yield tag, vr, data[begin:at]
            last = tag
        if at < end:
            raise TooShort

    def elements(self, at: int, end: int, charset: Charset, depth: int) -> tuple[Elements, int]:
        """Elements from ``at`` to ``end``, to the pixels at the top, or to the end of an item of undefined length."""
        found: Elements = {}
        data, implicit, last = self._data, self._implicit, -1
        while at < end:
            if at + 8 > end:
                raise self._outside(end)
            group, number, length = _item(data, at)
            plain = group << 16 | number
            if plain == _ITEM_END or (plain in PIXELS and not depth):
                break
            if plain <= last:
                raise NotWellFormedError
            tag = BaseTag(plain)
            vr, length, at = (usual_vr(plain), length, at + 8) if implicit else self._explicit(at, end)
            if vr == "SQ":
                items, at = self._items(at, length, end, (charset, depth + 1))
                found[tag] = DataElement(tag, vr, Sequence(items), is_undefined_length=length == UNDEFINED)
            else:
                stop = at + length
                if length == UNDEFINED or stop > end:
                    raise NotWellFormedError if length == UNDEFINED else self._outside(end)
                value = data[at:stop] if length or (vr in TEXT and not implicit) else None
                found[tag] = RawDataElement(tag, None if implicit else vr, length, value, at, implicit, True, True)
                at = stop
                if plain == 0x00080005:
                    charset = _charset(value)
                elif plain == _PIXEL_REPRESENTATION and vr != "US":
                    raise NotWellFormedError  # pydicom converts it as it reads, to know what other values mean
            last = plain
        return found, at

    def _explicit(self, at: int, end: int) -> tuple[str, int, int]:
        """VR and length of an element with explicit VR, and where its value begins."""
        _group, _number, letters, length = _header(self._data, at)
        vr, short = _VRS[letters]
        if short:
            return vr, length, at + 8
        if at + 12 > end:
            raise NotWellFormedError if length else self._outside(end)
        return vr, *self._length(at + 8, length)

    def _length(self, at: int, reserved: int) -> tuple[int, int]:
        """A length of four bytes, and what comes behind it."""
        if reserved:
            raise NotWellFormedError
        if at + 4 > len(self._data):
            raise TooShort
        return _long(self._data, at)[0], at + 4

    def _outside(self, end: int) -> Exception:
        """More bytes may help only where it was the bytes that ended, not the item around."""
        return TooShort() if end == len(self._data) else NotWellFormedError()

    def _items(self, at: int, length: int, end: int, around: tuple[Charset, int]) -> tuple[list[Dataset], int]:
        """The items of a sequence, and where it ends."""
        open_end = length == UNDEFINED
        stop = end if open_end else at + length
        if stop > end:
            raise self._outside(end)
        if around[1] > _DEEPEST:
            raise NotWellFormedError
        items: list[Dataset] = []
        while open_end or at < stop:
            if at + 8 > stop:
                raise self._outside(stop)
            group, number, size = _item(self._data, at)
            tag = group << 16 | number
            at += 8
            if open_end and tag == _SEQUENCE_END and not size:
                break
            if tag != _ITEM:
                raise NotWellFormedError
            item, at = self._one(at, size, stop, around)
            items.append(item)
        return items, at

    def _one(self, at: int, size: int, stop: int, around: tuple[Charset, int]) -> tuple[Dataset, int]:
        """One item, and where it ends."""
        charset, depth = around
        open_end = size == UNDEFINED
        end = stop if open_end else at + size
        if end > stop:
            raise self._outside(stop)
        elements, at = self.elements(at, end, charset, depth)
        if open_end:
            if at + 8 > stop:
                raise self._outside(stop)
            group, number, rest = _item(self._data, at)
            if group << 16 | number != _ITEM_END or rest:
                raise NotWellFormedError
            at += 8
        elif at != end:
            raise NotWellFormedError
        item = self.dataset(elements, charset)
        item.is_undefined_length_sequence_item = open_end
        return item, at
