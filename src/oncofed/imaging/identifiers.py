"""What identifies a patient in an original header, in the forms in which it may be met elsewhere.

All of it stays in the node's memory during the verification and is never written.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from pydicom.dataset import Dataset
from pydicom.uid import UID

from oncofed.imaging.dates import dates_in
from oncofed.imaging.elements import Element, walk
from oncofed.imaging.spelling import spellings, without_diacritics, writings


class What(StrEnum):
    """What kind of thing identifies."""

    UID = "original UID"
    DATE = "original date"
    NAME = "name"
    IDENTIFIER = "identifier"
    CONTACT = "address or telephone number"
    PLACE = "institution or device"
    AGE = "age above the cap"
    PRIVATE = "private element"
    META = "file meta information"
    UNREADABLE = "file that cannot be read"


KINDS_OF_THINGS = frozenset(
    (
        0x00020002, 0x00020010, 0x00020012, 0x00080016, 0x0008001A, 0x0008001B, 0x00080062, 0x0008010C, 0x0008010D,
        0x00080117, 0x00080118, 0x0008040E, 0x00081150, 0x0008115A, 0x00083002, 0x00089123, 0x00041510, 0x00041512,
        0x0004151A, 0x04000010, 0x04000510, 0x30100052, 0x30100053,
    )
)  # fmt: skip
"""UIDs of classes, coding schemes, transfer syntaxes and programs: they name no object, study or patient."""

_GROUPS = {
    What.IDENTIFIER: (
        0x00080050,  # Accession Number
        0x00100020,  # Patient ID
        0x00101000,  # Other Patient IDs
        0x00101090,  # Medical Record Locator
        0x00120040,  # Clinical Trial Subject ID
        0x00120042,  # Clinical Trial Subject Reading ID
        0x00200010,  # Study ID
        0x00380010,  # Admission ID
        0x00380060,  # Service Episode ID
        0x00400009,  # Scheduled Procedure Step ID
        0x00400253,  # Performed Procedure Step ID
        0x00400512,  # Container Identifier
        0x00400551,  # Specimen Identifier
        0x00401001,  # Requested Procedure ID
        0x00402016,  # Placer Order Number
        0x00402017,  # Filler Order Number
    ),
    What.CONTACT: (
        0x00080092,  # Referring Physician's Address
        0x00080094,  # Referring Physician's Telephone Numbers
        0x00101040,  # Patient's Address
        0x00102154,  # Patient's Telephone Numbers
        0x00102155,  # Patient's Telecom Information
        0x00401102,  # Person's Address
        0x00401103,  # Person's Telephone Numbers
        0x00401104,  # Person's Telecom Information
    ),
    What.PLACE: (
        0x00080080,  # Institution Name
        0x00080081,  # Institution Address
        0x00081010,  # Station Name
        0x00081040,  # Institutional Department Name
        0x00181000,  # Device Serial Number
        0x00380300,  # Current Patient Location
        0x00400242,  # Performed Station Name
    ),
}
_KIND_OF_TAG = {tag: what for what, tags in _GROUPS.items() for tag in tags}
_NOBODY = """anonymous anonymized anonymised anon unknown none null unspecified other test removed deleted patient na
    dummy phantom name not applicable available given withheld"""
PLACEHOLDERS = frozenset(_NOBODY.split())
"""What stands where an identifier would be, and names nobody."""

_UID = re.compile(r"[0-9]+(?:\.[0-9]+){3,}")  # “0” and the like name no object
_WORD = re.compile(r"\w+")
_STUDY_ID, _NOT_A_COUNTER = 0x00200010, 6
_CACHED = 16_384
"""Texts whose plain form is remembered: those of a series are mostly the same."""
_SHORTEST_NAME, _SHORTEST_IDENTIFIER, _SHORTEST_NUMBER = 3, 4, 6


def bare(text: str) -> str:
    """Lower case, without diacritics and compatibility forms."""
    return without_diacritics(text).casefold()


@lru_cache(_CACHED)
def plain(text: str) -> str:
    """``bare``, only letters and digits, words separated by one space."""
    return " ".join(_WORD.findall(bare(text).replace("_", " ")))


@dataclass(frozen=True)
class Original:
    """What an original header (or several of one patient) holds that must not be found again.

    ``phrases`` and ``words`` are in the form of ``plain``, ``spelled`` as they were written; ``places`` gives the
    identifying values of this one file by where they stood.
    """

    uids: frozenset[str] = frozenset()
    dates: frozenset[str] = frozenset()
    phrases: Mapping[str, What] = field(default_factory=dict)
    words: frozenset[str] = frozenset()
    spelled: Mapping[str, What] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Original({len(self.uids)} UIDs, {len(self.dates)} dates, {len(self.phrases)} texts)"

    def with_those_of(self, others: Iterable["Original"]) -> "Original":
        """The same file, sought with what all files of its patient hold."""
        everyone = (*others, self)
        return Original(
            frozenset().union(*(one.uids for one in everyone)),
            frozenset().union(*(one.dates for one in everyone)),
            {phrase: what for one in everyone for phrase, what in one.phrases.items()},
            frozenset().union(*(one.words for one in everyone)),
            {text: what for one in everyone for text, what in one.spelled.items()},
            self.places,
        )


def _nothing(_element: Element) -> bool:
    return False


def all_elements(dataset: Dataset) -> Iterator[Element]:
    """Those of the file meta information, then those of the dataset."""
    yield from walk(getattr(dataset, "file_meta", None) or Dataset())
    yield from walk(dataset)


def kind_of(element: Element) -> What | None:
    """What kind of identifier an element holds; None if it is none."""
    if element.vr == "UI":
        return None if element.tag in KINDS_OF_THINGS else What.UID
    if element.vr in ("DA", "DT"):
        return What.DATE
    return What.NAME if element.vr == "PN" else _KIND_OF_TAG.get(element.tag)


def gather(dataset: Dataset, kept: Callable[[Element], bool] = _nothing) -> Original:
    """What identifies in an original object, without the elements that the policy keeps."""
    uids: set[str] = set()
    dates: set[str] = set()
    texts = _Texts()
    places: dict[str, str] = {}
    for element in all_elements(dataset):
        what = kind_of(element)
        values = [value for value in element.texts if value]
        if what is None or not values or kept(element):
            continue
        if what is What.UID:
            values = [value for value in values if _UID.fullmatch(value) and not is_registered(value)]
            uids.update(values)
        elif what is What.DATE:
            dates.update(*(days_of(value) for value in values))
        else:
            for value in values:
                if element.tag != _STUDY_ID or len(value) >= _NOT_A_COUNTER:
                    texts.add(value, what)
        if values:
            places[element.place] = "\\".join(values)
    return Original(frozenset(uids), frozenset(dates), texts.phrases, frozenset(texts.words), texts.spelled, places)


class _Texts:
    """The ways in which names, identifiers and addresses may be written elsewhere."""

    def __init__(self) -> None:
        self.phrases: dict[str, What] = {}
        self.words: set[str] = set()
        self.spelled: dict[str, What] = {}

    def add(self, value: str, what: What) -> None:
        if what is What.NAME:
            for group in value.split("="):
                for spelled in spellings(group.replace("^", " ")):
                    self._name(spelled)
            return
        if what is What.IDENTIFIER:
            others = writings(value) - {value}
            self.phrases.update((one, what) for one in others if len(one) >= _SHORTEST_NUMBER)
        phrase = plain(value)
        if len(phrase.replace(" ", "")) >= _SHORTEST_IDENTIFIER and phrase not in PLACEHOLDERS:
            self.phrases[phrase] = what
            self.spelled[value] = what

    def _name(self, group: str) -> None:
        parts = plain(group).split()
        telling = [part for part in parts if _is_telling(part)]
        self.words.update(telling)
        self.spelled.update((word, What.NAME) for word in _WORD.findall(group) if plain(word) in telling)
        if len(parts) > 1 and telling:
            self.phrases[" ".join(parts)] = What.NAME
            self.phrases[f"{parts[1]} {parts[0]}"] = What.NAME


def _is_telling(word: str) -> bool:
    """Whether a word of a name names someone: no initial, no number, no placeholder."""
    shortest = _SHORTEST_NAME if word.isascii() else 2
    return len(word) >= shortest and not word.isdigit() and word not in PLACEHOLDERS


@lru_cache(_CACHED)
def is_registered(uid: str) -> bool:
    """Whether the standard itself registers this UID (PS3.6 annex A): it names a kind, nobody's object."""
    return UID(uid).name != uid


def days_of(value: str) -> frozenset[str]:
    """The days, YYYYMMDD, that a DA or DT value names: one, those of a range, or of the old form with dots."""
    return dates_in(value.lower())


def is_day(value: str) -> bool:
    """Whether a value is one day, YYYYMMDD."""
    return days_of(value) == {value}
