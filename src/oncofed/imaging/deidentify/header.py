"""What an object says about whom it is: the patient, and every identifier to search for in the rest of it."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from oncofed.imaging.deidentify.dates import PLACEHOLDERS
from oncofed.imaging.deidentify.identifiers import Identifiers, identifiers
from oncofed.imaging.deidentify.policy import Action, Policy
from oncofed.imaging.deidentify.values import Encodings, encodings, text_of, usual_vr
from oncofed.imaging.headers import BROKEN
from oncofed.trust.pseudonyms import Pseudonyms

_NAMES = (
    0x00100010, 0x00101001, 0x00101005, 0x00101060, 0x00080090, 0x00081048, 0x00081050, 0x00081060, 0x00081070,
    0x0008009C, 0x00321032, 0x00401010, 0x0040A075, 0x00700084, 0x300E0008, 0x00102297,
)  # fmt: skip
_NUMBERS = (0x00100020, 0x00101000, 0x00080050, 0x00100021, 0x00102154, 0x00380010, 0x00402016, 0x00402017, 0x00321064,
            0x00101090, 0x00120040, 0x00400512, 0x00400551)  # fmt: skip
_PHRASES = (0x00080080, 0x00080081, 0x00101040, 0x00081040, 0x00081010, 0x00181000, 0x00102152, 0x00380300)
_DATES = (0x00100030, 0x00080020, 0x00080021, 0x00080022, 0x00080023, 0x00080012)
_BIRTH_DATE = 0x00100030
_COUNTERS, _NOT_A_COUNTER = (0x00200010, 0x00101050, 0x00380060, 0x00400009, 0x00400253, 0x00401001), 6
"""IDs of studies, plans, stays and procedures count them, or are numbers of the hospital's: then they are longer."""
_LINES = re.compile(r"[,;^\r\n]+")
_DAY = 8
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_INSIDE = dict.fromkeys((*_NAMES, 0x0040A123), "PN") | dict.fromkeys(_NUMBERS, "LO")
_FUNCTIONAL_GROUPS = frozenset((0x52009229, 0x52009230))
DECISIVE = frozenset((*_NAMES, *_NUMBERS, *_PHRASES, *_DATES, *_COUNTERS))
"""Elements of the top level that say who the patient is and what to look for, but for what stands in sequences."""


class Patient(NamedTuple):
    """The patient's pseudonym, their ID as the object gives it, and what to look for."""

    key: str
    patient_id: str
    identifiers: Identifiers


def whose(dataset: Dataset, policy: Policy, pseudonyms: Pseudonyms) -> Patient:
    """Read the header before anything is changed."""
    encoded = encodings(dataset)
    kept = policy.level("").actions

    def texts(tags: tuple[int, ...], vr: str) -> list[str]:
        found = []
        for tag in tags:
            if tag in dataset and kept.get(tag) is not Action.KEEP and (element := dataset.get_item(tag)) is not None:
                found += [one.strip(" \0") for one in text_of(element, vr, encoded).split("\\")]
        return [one for one in found if one]

    dates = texts((_BIRTH_DATE,) if policy.keeps_full_dates else _DATES, "DA")
    days = [day for one in dates if len(day := one.replace(".", "")) == _DAY and day.isdigit()]
    written = [form for day in days for form in _written(day)]
    written += [one for one in texts(_COUNTERS, "LO") if len(one) >= _NOT_A_COUNTER]
    nested = named_inside(dataset, encoded)
    return Patient(
        _patient_key(dataset, pseudonyms),
        "".join(texts((0x00100020,), "LO")[:1]),
        identifiers(
            frozenset(texts(_NAMES, "PN")).union(text for vr, text in nested if vr == "PN"),
            frozenset(texts(_NUMBERS, "LO") + written).union(text for vr, text in nested if vr == "LO"),
            frozenset(line for one in texts(_PHRASES, "LO") for line in _lines(one)),
        ),
    )


def _lines(phrase: str) -> tuple[str, ...]:
    """An address or institution, and those of its parts that are words: the street, the town."""
    parts = (part.strip() for part in _LINES.split(phrase))
    return (phrase, *(part for part in parts if any(map(str.isalpha, part))))


def holds_items(tag: int, vr: str | None) -> bool:
    """Whether an element of the top level is a sequence in which names and numbers are looked for.

    Functional groups hold neither, and many items.
    """
    return (vr if vr not in (None, "UN") else usual_vr(tag)) == "SQ" and tag not in _FUNCTIONAL_GROUPS


def named_inside(dataset: Dataset, encoded: Encodings) -> frozenset[tuple[str, str]]:
    """VR and text of names (observers, creators) and numbers (IDs, orders) in sequences: descriptions repeat them."""
    return frozenset(_inside(dataset, encoded, 0))


def _inside(dataset: Dataset, encoded: Encodings, depth: int) -> Iterator[tuple[str, str]]:
    for held in list(dataset.values()):
        number = int(held.tag)
        if depth and number in _INSIDE:
            vr = _INSIDE[number]
            parts = (part.strip(" \0") for part in text_of(held, vr, encoded).split("\\"))
            yield from ((vr, part) for part in parts if part)
            continue
        if not holds_items(number, held.VR):
            continue
        try:
            items = dataset[number].value
        except BROKEN:
            continue
        for item in items if isinstance(items, Sequence) else ():
            yield from _inside(item, encodings(item, encoded), depth + 1)


def _written(date: str) -> tuple[str, ...]:
    """A day as people write it; between its parts any sign may stand."""
    year, month, day = date[:4], date[4:6], date[6:]
    forms = (date, f"{year}-{month}-{day}", f"{day}.{month}.{year}", f"{month}/{day}/{year}")
    if date in PLACEHOLDERS or not "01" <= month <= "12":
        return forms
    plain, name = f"{int(day)}", _MONTHS[int(month) - 1]
    return (
        *forms,
        f"{plain}.{int(month)}.{year}", f"{int(month)}/{plain}/{year}",
        f"{plain} {name} {year}", f"{plain} {name[:3]} {year}", f"{name} {plain} {year}", f"{name[:3]} {plain} {year}",
        f"{day}.{month}.{year[2:]}", f"{month}/{day}/{year[2:]}", f"{year[2:]}-{month}-{day}",
        f"{plain} {name} {year[2:]}", f"{plain} {name[:3]} {year[2:]}",
    )  # fmt: skip


def _patient_key(dataset: Dataset, pseudonyms: Pseudonyms) -> str:
    """By Patient ID and issuer; without an ID every study is a patient of its own, without study every object."""
    encoded = encodings(dataset)

    def text(tag: int, vr: str) -> str:
        element = dataset.get_item(tag) if tag in dataset else None
        return "" if element is None else text_of(element, vr, encoded).strip(" \0")

    key = pseudonyms.patient(text(0x00100020, "LO"), text(0x00100021, "LO"))
    if key:
        return key
    return pseudonyms.without_patient_id(text(0x0020000D, "UI") or text(0x00080018, "UI") or "unknown")
