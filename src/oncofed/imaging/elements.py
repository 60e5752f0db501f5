"""Every element of a DICOM dataset at any depth, as it stands in the file: nothing is converted that need not be."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydicom import charset, config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from oncofed.imaging import headers

BROKEN = (*headers.BROKEN, InvalidDicomError)
"""What pydicom raises on bytes that are not what the standard says, and on unknown character sets."""

_CHARACTER_SET = 0x00080005
_IN_CHARACTER_SET = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))
_IN_ASCII = frozenset(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"))
_DELIMITERS = {0x09, 0x0A, 0x0C, 0x0D, 0x3D, 0x5C, 0x5E}  # where a character set in use ends (PS3.5 6.1.2.5.3)
_ONE_VALUE = frozenset(("LT", "ST", "UT", "UR"))
TEXT = _IN_CHARACTER_SET | _IN_ASCII
"""Value representations whose value is text (PS3.5 6.2)."""

Path = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Element:
    """One element that is no sequence. ``path``: the (sequence tag, item number from 0) around it, outermost first."""

    path: Path
    tag: int
    vr: str
    value: bytes
    encodings: tuple[str, ...]
    item: Dataset

    @property
    def place(self) -> str:
        """Where it stands: ``(0008,1115)[0].(0020,000E)``."""
        return "".join(f"{written(tag)}[{number}]." for tag, number in self.path) + written(self.tag)

    @property
    def texts(self) -> tuple[str, ...]:
        """The values of a text, without padding; () for bytes and numbers. What cannot be decoded is replaced."""
        if self.vr not in TEXT:
            return ()
        encodings = list(self.encodings) if self.vr in _IN_CHARACTER_SET else ["iso8859"]
        text = charset.decode_bytes(self.value, encodings, _DELIMITERS)
        parts = [text] if self.vr in _ONE_VALUE else text.split("\\")
        return tuple(part.strip(" \0") for part in parts)


def written(tag: int) -> str:
    """``(0008,1115)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def walk(dataset: Dataset) -> Iterator[Element]:
    """All elements but sequences, items before what follows them. What cannot be parsed comes as VR ``UN``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of every value that bends the standard
        yield from _walk(dataset, (), ("iso8859",))


def raw_elements(dataset: Dataset) -> list[DataElement | RawDataElement]:
    """The elements of one item in ascending order; what pydicom deferred stays deferred (unlike ``elements()``)."""
    return sorted(dataset.values(), key=lambda element: int(element.tag))


def _walk(dataset: Dataset, path: Path, encodings: tuple[str, ...]) -> Iterator[Element]:
    encodings = _encodings(dataset, encodings)
    for element in raw_elements(dataset):
        tag = int(element.tag)
        vr = _vr(element)
        if vr == "SQ":
            items = _items(dataset, element)
            if items is not None:
                for number, item in enumerate(items):
                    yield from _walk(item, (*path, (tag, number)), encodings)
                continue
            vr = "UN"
        raw = isinstance(element, RawDataElement)
        yield Element(path, tag, vr, _bytes(element), encodings if raw else ("utf8",), dataset)


def _vr(element: DataElement | RawDataElement) -> str:
    """The VR given, or the dictionary's where none is (implicit VR) or where it is hidden as UN."""
    vr = element.VR
    if vr is not None and (vr != "UN" or not config.replace_un_with_known_vr):
        return str(vr)
    try:
        return dictionary_VR(element.tag)
    except KeyError:
        return "UN"


def _items(dataset: Dataset, element: DataElement | RawDataElement) -> Sequence | None:
    """The items of a sequence; None where its bytes are none."""
    try:
        value = dataset[element.tag].value
    except BROKEN:
        return None
    return value if isinstance(value, Sequence) else None


def _bytes(element: DataElement | RawDataElement) -> bytes:
    value: Any = element.value
    if value is None:
        return b""
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    several = isinstance(value, MultiValue | list | tuple)
    return ("\\".join(str(one) for one in value) if several else str(value)).encode()


def _encodings(dataset: Dataset, inherited: tuple[str, ...]) -> tuple[str, ...]:
    """Python's names of the character sets of this item: its own, or those of what is around it (PS3.5 7.5.3)."""
    if _CHARACTER_SET not in dataset:
        return inherited
    try:
        return tuple(charset.convert_encodings(dataset[_CHARACTER_SET].value))
    except BROKEN:
        return inherited
