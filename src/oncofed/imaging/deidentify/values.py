"""Values of DICOM elements as text and back: raw elements are decoded only when a rule asks for their text."""

import warnings
from functools import cache

from pydicom import charset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

Element = DataElement | RawDataElement

IN_CHARACTER_SET = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
TEXT = IN_CHARACTER_SET | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"}
LONG_TEXT = frozenset({"ST", "LT", "UT"})
ONE_VALUE = LONG_TEXT | {"UR"}
NUMBERS = frozenset({"AT", "FD", "FL", "OD", "OF", "OL", "OV", "SL", "SS", "SV", "UL", "US", "UV"})
BYTES = frozenset({"OB", "OW", "UN"})
KNOWN = TEXT | NUMBERS | BYTES | {"SQ"}
PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
SHORT_LENGTH = TEXT - {"UC", "UR", "UT"} | {"AT", "FD", "FL", "SL", "SS", "UL", "US"}
"""Value representations whose explicit length has two bytes (PS3.5 7.1.2)."""

_SPECIFIC_CHARACTER_SET = 0x00080005
_DELIMITERS = {0x09, 0x0A, 0x0C, 0x0D, 0x3D, 0x5C, 0x5E}
_DEFAULT = ("iso8859",)

Encodings = tuple[str, ...]


@cache
def usual_vr(tag: int) -> str:
    """The VR that PS3.6 gives; "" where it gives none or several."""
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        return ""
    return vr if len(vr) == 2 else ""


@cache
def is_standard(tag: int) -> bool:
    """Whether PS3.6 knows an attribute of this tag."""
    try:
        dictionary_VR(tag)
    except KeyError:
        return False
    return True


def encodings(dataset: Dataset, inherited: Encodings = _DEFAULT) -> Encodings:
    """Python's names of the character sets of a dataset; those of its parent where it names none it can be read in."""
    element = dataset.get_item(_SPECIFIC_CHARACTER_SET) if _SPECIFIC_CHARACTER_SET in dataset else None
    if element is None:
        return inherited
    names = text_of(element, "CS", _DEFAULT)
    return _python_encodings(names) or inherited


@cache
def _python_encodings(names: str) -> Encodings:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that are known by a mistake people make
            return tuple(charset.convert_encodings([name.strip() for name in names.split("\\")]))
    except (LookupError, ValueError):
        return ()


def bytes_of(element: Element) -> bytes:
    """The value as it stands in the file, if it is bytes."""
    value = element.value
    return value if isinstance(value, bytes) else b""


def text_of(element: Element, vr: str, encoded: Encodings) -> str:
    """The value as one text, several values joined by backslashes, without padding. Undecodable bytes are replaced."""
    value = element.value
    if isinstance(value, bytes):
        return decoded(value, encoded if vr in IN_CHARACTER_SET else _DEFAULT).rstrip(" \0")
    if value is None:
        return ""
    if isinstance(value, MultiValue | list | tuple):
        return "\\".join(str(one) for one in value)
    return str(value)


def decoded(value: bytes, encoded: Encodings) -> str:
    """Bytes in the character sets given."""
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bytes that the character set does not have: they are replaced
        return charset.decode_bytes(value, list(encoded), _DELIMITERS)


def put(dataset: Dataset, old: Element, new: Element) -> None:
    """Replace an element at once: ``dataset[tag] = new`` looks up what it need not know here, many times a file."""
    dataset._dict[old.tag] = new


def drop(dataset: Dataset, old: Element) -> None:
    """Take an element out at once."""
    del dataset._dict[old.tag]


def element(dataset: Dataset, tag: int, vr: str, value: str | bytes) -> Element:
    """A new element: raw where its bytes are the same in every character set."""
    if isinstance(value, bytes) or value.isascii():
        content = value.encode("ascii") if isinstance(value, str) else value
        if len(content) % 2:
            content += b"\0" if vr in ("UI", "OB", "UN") else b" "
        implicit, little = dataset.original_encoding
        return RawDataElement(BaseTag(tag), vr, len(content), content, 0, bool(implicit), little is not False, True)
    return DataElement(tag, vr, value if vr in ONE_VALUE or "\\" not in value else value.split("\\"))
