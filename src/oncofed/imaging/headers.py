"""The attributes of a DICOM file that an index needs, read from its first bytes.

Two readers that give the same: a byte-level one behind a strict gate (explicit or implicit VR little endian, tags in
ascending order, known VRs, lengths that fit), and pydicom for everything the gate does not let pass. Values come as
text, as they stand in the file: they identify patients and are for the node's private index only.
"""

import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pydicom
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

NOT_DICOM = "file-not-dicom"
DAMAGED = "file-damaged"
NO_SERIES = "file-no-series"
UNREADABLE = "file-unreadable"

CANNOT_CONVERT = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    NotImplementedError,
    OSError,
    EOFError,
    OverflowError,
    struct.error,
    BytesLengthException,
)
"""What pydicom raises on a value that is not what its VR says."""
BROKEN = (*CANNOT_CONVERT, RecursionError, MemoryError, zlib.error)
"""What pydicom raises on bytes that are not what the standard says (it has no error of its own for most)."""


class Unusable(Exception):
    """A file that is left out; ``code`` says why."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True)
class FileHeader:
    """The values of ``ATTRIBUTES`` that a file records, by keyword; several values are joined by a backslash."""

    values: dict[str, str]
    transfer_syntax: str
    media_class: str
    """The SOP class that the file meta information names."""
    byte_level: bool
    """Whether the byte-level reader gave it."""

    def __getitem__(self, keyword: str) -> str:
        return self.values.get(keyword, "")


_TEXT, _UNSIGNED = "text", "US"
ATTRIBUTES: dict[int, tuple[str, str]] = {
    0x00080005: ("SpecificCharacterSet", _TEXT),
    0x00080008: ("ImageType", _TEXT),
    0x00080016: ("SOPClassUID", _TEXT),
    0x00080018: ("SOPInstanceUID", _TEXT),
    0x00080020: ("StudyDate", _TEXT),
    0x00080021: ("SeriesDate", _TEXT),
    0x00080022: ("AcquisitionDate", _TEXT),
    0x00080030: ("StudyTime", _TEXT),
    0x00080050: ("AccessionNumber", _TEXT),
    0x00080060: ("Modality", _TEXT),
    0x00080064: ("ConversionType", _TEXT),
    0x00080070: ("Manufacturer", _TEXT),
    0x00081030: ("StudyDescription", _TEXT),
    0x0008103E: ("SeriesDescription", _TEXT),
    0x00081090: ("ManufacturerModelName", _TEXT),
    0x00100010: ("PatientName", _TEXT),
    0x00100020: ("PatientID", _TEXT),
    0x00100021: ("IssuerOfPatientID", _TEXT),
    0x00100030: ("PatientBirthDate", _TEXT),
    0x00100040: ("PatientSex", _TEXT),
    0x00101010: ("PatientAge", _TEXT),
    0x00120062: ("PatientIdentityRemoved", _TEXT),
    0x00180015: ("BodyPartExamined", _TEXT),
    0x00180050: ("SliceThickness", _TEXT),
    0x00180060: ("KVP", _TEXT),
    0x00180087: ("MagneticFieldStrength", _TEXT),
    0x0020000D: ("StudyInstanceUID", _TEXT),
    0x0020000E: ("SeriesInstanceUID", _TEXT),
    0x00200011: ("SeriesNumber", _TEXT),
    0x00200013: ("InstanceNumber", _TEXT),
    0x00200052: ("FrameOfReferenceUID", _TEXT),
    0x00280002: ("SamplesPerPixel", _UNSIGNED),
    0x00280008: ("NumberOfFrames", _TEXT),
    0x00280010: ("Rows", _UNSIGNED),
    0x00280011: ("Columns", _UNSIGNED),
    0x00280030: ("PixelSpacing", _TEXT),
    0x00280100: ("BitsAllocated", _UNSIGNED),
    0x00280301: ("BurnedInAnnotation", _TEXT),
}
"""Tag → keyword and how the value becomes text, in ascending order."""

KEYWORDS = tuple(keyword for keyword, _ in ATTRIBUTES.values())
_LAST = max(ATTRIBUTES)
_IDENTIFYING = frozenset({0x00080018, 0x00100020, 0x0020000D, 0x0020000E})
"""Without one of these the byte-level reader is not believed: elements out of order may come behind its end."""

IMPLICIT = "1.2.840.10008.1.2"
_NOT_HERE = frozenset({"1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"})
"""Big endian and deflated: left to pydicom."""

_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_WINDOWS = (16 << 10, 256 << 10, 8 << 20)
"""Bytes read from the front of a file, one after the other until the header is through."""
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_DEEPEST = 32
_two, _four, _tag = struct.Struct("<H").unpack_from, struct.Struct("<I").unpack_from, struct.Struct("<HH").unpack_from


class _Gate(Exception):
    """The bytes are not what the byte-level reader is sure of."""


class _Window(NamedTuple):
    """The front of a file: its bytes so far, the size of the whole."""

    data: bytes
    size: int


def read_header(path: Path) -> FileHeader:
    """Read one file.

    Raises:
        Unusable: no DICOM file, damaged, or not to be opened. Whether it belongs to a series is not looked at.
    """
    try:
        with path.open("rb", buffering=0) as stream:
            return read_stream(stream)
    except OSError:
        raise Unusable(UNREADABLE) from None


def read_stream(stream: BinaryIO) -> FileHeader:
    """``read_header`` of an open, seekable file."""
    try:
        size = stream.seek(0, 2)
        stream.seek(0)
        return _byte_level(stream, size) or read_with_pydicom(stream)
    except InvalidDicomError:
        raise Unusable(NOT_DICOM) from None
    except BROKEN:
        raise Unusable(DAMAGED) from None


def _byte_level(stream: BinaryIO, size: int) -> FileHeader | None:
    """What the byte-level reader finds; None where the gate is shut."""
    data = b""
    for window in _WINDOWS:
        data += stream.read(window - len(data)) or b""
        if len(data) < min(window, size):
            return None  # the file became shorter
        try:
            return _parse(_Window(data, size))
        except IndexError:
            if len(data) == size:
                return None
        except (_Gate, struct.error):
            return None
    return None


def _parse(window: _Window) -> FileHeader:
    """The header; ``IndexError`` where the window ends before it does."""
    data = window.data
    if data[128:132] != b"DICM" or data[132:140] != b"\x02\x00\x00\x00UL\x04\x00":
        raise _Gate
    begin = 144 + _four(data, 140)[0]
    if begin > window.size:
        raise _Gate
    meta = _meta(_inside(data, begin)[144:begin])
    syntax = meta.get(0x0010, "")
    if syntax in _NOT_HERE or not syntax:
        raise _Gate
    raw = _elements(window, begin, explicit=syntax != IMPLICIT)
    if not raw.keys() >= _IDENTIFYING:
        raise _Gate
    return FileHeader(_texts(raw), syntax, meta.get(0x0002, ""), byte_level=True)


def _inside(data: bytes, end: int) -> bytes:
    if end > len(data):
        raise IndexError
    return data


def _meta(meta: bytes) -> dict[int, str]:
    """UIDs of the file meta information by element number. Its elements must fill it to the last byte."""
    position, last = 0, 0
    found: dict[int, str] = {}
    while position < len(meta):
        group, element = _tag(meta, position)
        if group != 2 or element <= last:
            raise _Gate
        last = element
        start, length = _explicit(meta, position)
        position = start + length
        if element in (0x0002, 0x0010):
            found[element] = meta[start:position].rstrip(b"\0 ").decode("ascii", "replace")
    if position != len(meta):
        raise _Gate
    return found


def _explicit(data: bytes, position: int) -> tuple[int, int]:
    """Where the value of an explicit VR element begins, and its length."""
    vr = data[position + 4 : position + 6]
    if vr in _SHORT:
        return position + 8, _two(data, position + 6)[0]
    if vr not in _LONG or data[position + 6 : position + 8] != b"\0\0":
        raise _Gate
    return position + 12, _four(data, position + 8)[0]


def _elements(window: _Window, position: int, *, explicit: bool) -> dict[int, bytes]:
    """Raw values of the wanted elements of the top level."""
    data, size = window
    found: dict[int, bytes] = {}
    last = 0x0003_0000
    while position < size:
        group, element = _tag(_enough(window, position), position)
        tag = group << 16 | element
        if tag <= last:
            raise _Gate
        if tag > _LAST:
            return found
        last = tag
        start, length = _explicit(data, position) if explicit else (position + 8, _four(data, position + 4)[0])
        if length == _UNDEFINED:
            position = _past_sequence(data, position, start, explicit=explicit)
            continue
        position = start + length
        if position > size:
            raise _Gate
        if tag in ATTRIBUTES:
            found[tag] = _inside(data, position)[start:position]
    return found


def _enough(window: _Window, position: int) -> bytes:
    """The bytes read, if an element that begins here can be read from them."""
    missing = position + 12 - len(window.data)
    if missing > 0 and len(window.data) < window.size:
        raise IndexError
    if missing > 4:
        raise _Gate  # a tail too short for any element: pydicom judges
    return window.data


def _past_sequence(data: bytes, position: int, start: int, *, explicit: bool) -> int:
    """Where a sequence of undefined length ends. Only SQ: UN of undefined length changes the encoding inside."""
    if explicit and data[position + 4 : position + 6] != b"SQ":
        raise _Gate
    return _skip_items(data, start, explicit, 0)


def _skip_items(data: bytes, position: int, explicit: bool, depth: int) -> int:
    if depth > _DEEPEST:
        raise _Gate
    while True:
        _inside(data, position + 8)
        group, element = _tag(data, position)
        length = _four(data, position + 4)[0]
        position += 8
        tag = group << 16 | element
        if tag == _SEQUENCE_END:
            return position
        if tag != _ITEM:
            raise _Gate
        position = _skip_item(data, position, explicit, depth) if length == _UNDEFINED else position + length


def _skip_item(data: bytes, position: int, explicit: bool, depth: int) -> int:
    """Past an item of undefined length."""
    while True:
        _inside(data, position + 8)
        group, element = _tag(data, position)
        if (group << 16 | element) == _ITEM_END:
            return position + 8
        _inside(data, position + 12)
        if explicit:
            start, length = _explicit(data, position)
        else:
            start, length = position + 8, _four(data, position + 4)[0]
        if length != _UNDEFINED:
            position = start + length
            continue
        if explicit and data[position + 4 : position + 6] != b"SQ":
            raise _Gate
        position = _skip_items(data, start, explicit, depth + 1)


def _texts(raw: dict[int, bytes], *, little: bool = True) -> dict[str, str]:
    """Raw values as text, under the file's own character sets. Values that stand empty are left out."""
    charset = raw.get(0x00080005, b"").decode("ascii", "replace").strip(" \0")
    found: dict[str, str] = {}
    for tag, value in raw.items():
        keyword, kind = ATTRIBUTES[tag]
        if kind == _UNSIGNED:
            text = str(int.from_bytes(value[:2], "little" if little else "big")) if len(value) >= 2 else ""
        elif value.isascii() and b"\x1b" not in value:
            text = value.decode("ascii").strip(" \0")
        else:
            text = _decoded(value, charset)
        if text:
            found[keyword] = text
    return found


def _decoded(value: bytes, charset: str) -> str:
    """Text beyond ASCII; what the character set does not allow becomes a replacement character."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of every character set that bends the standard
        encodings = convert_encodings(charset.split("\\") if charset else "")
        try:
            return decode_bytes(value, encodings, {0x5E, 0x5C, 0x3D}).strip(" \0")
        except (LookupError, UnicodeError):
            return value.decode("latin-1").strip(" \0")


def read_with_pydicom(stream: BinaryIO) -> FileHeader:
    """The same through pydicom, which understands more encodings and forgives more. Raises what pydicom raises."""
    stream.seek(0)
    begin = stream.read(132)
    stream.seek(0)
    bare = looks_bare(begin)
    if begin[128:] != b"DICM" and not bare:
        raise Unusable(NOT_DICOM)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=bare)
        meta = dataset.file_meta
        syntax, kind = (str(meta.get(name, "")) for name in ("TransferSyntaxUID", "MediaStorageSOPClassUID"))
        values = values_of(dataset)
        identified = all(_raw(dataset, tag) is not None for tag in _IDENTIFYING)
        if not identified and _ends_inside(dataset):
            raise EOFError  # what is missing is missing because it cannot be read
    return FileHeader(values, syntax, kind, byte_level=False)


def values_of(dataset: Dataset) -> dict[str, str]:
    """The values of ``ATTRIBUTES`` that a dataset records, as text. Raises what pydicom raises."""
    raw = {tag: value for tag in ATTRIBUTES if (value := _raw(dataset, tag)) is not None}
    return _texts(raw, little=dataset.original_encoding[1] is not False)


def _ends_inside(dataset: Dataset) -> bool:
    """Whether an element is said to be longer than the file."""
    raw = [element for element in dataset.values() if isinstance(element, RawDataElement)]
    return any(element.length not in (_UNDEFINED, len(element.value or b"")) for element in raw)


def looks_bare(begin: bytes) -> bool:
    """Whether a file without the 128 bytes in front begins as a dataset does."""
    return begin[:2] in (b"\x08\x00", b"\x02\x00") and begin[4:6] not in (b"", b"\x00\x00")


def _raw(dataset: Dataset, tag: int) -> bytes | None:
    """The bytes of an element as they stand in the file."""
    if tag not in dataset:
        return None
    element: RawDataElement | DataElement = dataset.get_item(tag)
    if isinstance(element, RawDataElement):
        return element.value
    value = element.value  # SpecificCharacterSet, which pydicom reads as it goes
    names = [value] if isinstance(value, str) else list(value or ())
    return "\\".join(map(str, names)).encode("latin-1", "replace")
