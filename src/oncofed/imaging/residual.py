"""What is left of the original identifiers in a de-identified file: in any element, at any depth, in any byte.

Independent of the code that de-identifies: it takes what the *original* header holds and the policy does not keep, and
looks for it everywhere in the new file, text by text and byte by byte, in the file meta information, in the preamble
and behind the dataset. Findings name places, never values.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from oncofed.imaging.dates import dates_in
from oncofed.imaging.elements import BROKEN, Element
from oncofed.imaging.identifiers import PLACEHOLDERS, Original, What, all_elements, bare, days_of, kind_of, plain
from oncofed.imaging.residual_bytes import HEADER, search_bytes

_META = frozenset((0x00020016, 0x00020017, 0x00020018, 0x00020026, 0x00020027, 0x00020028, 0x00020100, 0x00020102))
"""AE titles, network addresses and private information."""

_ABOUT_THINGS = frozenset((0x00080070, 0x00081090, 0x00080102, 0x00080104, 0x00181020, 0x00189016))
"""Manufacturer, model, coding scheme, meaning of a code, software, pulse sequence: a name there is a coincidence."""

_NUMBERS = frozenset(("TM", "DS", "IS"))
_UID = re.compile(r"[0-9]+(?:\.[0-9]+){3,}")
_LARGE = 1 << 20
_SHORTEST_COMPACT = 5


@dataclass(frozen=True)
class Expected:
    """What the policy lets stand.

    ``shift_days``: by how many days dates were moved; None: removed, or not known. ``private``: private elements may
    stand. ``harmless``: words (``plain``) of a public vocabulary; a name that is also such a word is uncertain.
    """

    shift_days: int | None = None
    private: bool = False
    age_cap: int | None = 89
    harmless: frozenset[str] = frozenset()


@dataclass(frozen=True, order=True)
class Finding:
    """One thing found, at one place. Not ``certain``: a name that is also an ordinary word, or a stray number."""

    what: What
    place: str
    certain: bool = True


def search(path: Path, original: Original, expected: Expected) -> tuple[Finding, ...]:
    """All that is left of ``original`` in the file, each kind and place once, in order. Memory: a few MB, whatever the
    file's size.
    """
    try:
        dataset = pydicom.dcmread(path, defer_size=_LARGE)
        sought = _Sought(original, expected)
        found = {finding for element in all_elements(dataset) for finding in sought.findings(element)}
        in_bytes = search_bytes(path, dataset, original, moved(original, expected), sought.in_free_text)
    except BROKEN:
        return (Finding(What.UNREADABLE, ""),)
    told = {finding.what for finding in found}
    found.update(Finding(*one) for one in in_bytes if one[0] not in told or one[1] != HEADER)
    return tuple(sorted(found))


def search_dataset(dataset: Dataset, original: Original, expected: Expected) -> tuple[Finding, ...]:
    """The same for a dataset in memory: elements only, no bytes."""
    sought = _Sought(original, expected)
    return tuple(sorted({finding for element in all_elements(dataset) for finding in sought.findings(element)}))


def moved(original: Original, expected: Expected) -> frozenset[str] | None:
    """The original dates as they stand after the shift; None where it is not known."""
    if expected.shift_days is None:
        return None
    shift = timedelta(days=expected.shift_days)
    return frozenset((datetime.strptime(day, "%Y%m%d") + shift).strftime("%Y%m%d") for day in original.dates)


class _Sought:
    """One search: what is looked for, prepared."""

    def __init__(self, original: Original, expected: Expected) -> None:
        self._original, self._expected = original, expected
        self._days = original.dates - (moved(original, expected) or frozenset())
        self._phrases = [(phrase, frozenset(phrase.split()), what) for phrase, what in original.phrases.items()]
        self._words = original.words.union(*(words for _, words, _ in self._phrases))
        compact = ((phrase.replace(" ", ""), what) for phrase, what in original.phrases.items())
        self._compact = {phrase: what for phrase, what in compact if len(phrase) >= _SHORTEST_COMPACT}

    def findings(self, element: Element) -> Iterator[Finding]:
        """What is found in one element."""
        place = element.place
        if (element.tag >> 16) % 2 and not self._expected.private:
            yield Finding(What.PRIVATE, place)
        if element.tag in _META and element.value.strip(b" \0"):
            yield Finding(What.META, place)
        texts = [text for text in element.texts if text]
        if texts and self._unchanged(place, "\\".join(texts)):
            yield Finding(kind_of(element) or What.IDENTIFIER, place)
        for text in texts:
            for what, certain in self._in_value(element.vr, text):
                about_things = what in (What.NAME, What.PLACE) and (element.vr == "CS" or element.tag in _ABOUT_THINGS)
                yield Finding(what, place, certain and not about_things)

    def _unchanged(self, place: str, value: str) -> bool:
        return self._original.places.get(place) == value and plain(value) not in PLACEHOLDERS

    def _in_value(self, vr: str, text: str) -> set[tuple[What, bool]]:
        if vr == "UI":
            return {(What.UID, True)} if text in self._original.uids else set()
        if vr in ("DA", "DT"):
            return {(What.DATE, True)} if self._days & days_of(text) else set()
        if vr == "AS":
            return {(What.AGE, True)} if self._is_above_cap(text) else set()
        return set() if vr in _NUMBERS else self.in_free_text(text)

    def _is_above_cap(self, age: str) -> bool:
        cap = self._expected.age_cap
        return cap is not None and age[:3].isdigit() and age[3:4] in ("Y", "") and int(age[:3]) > cap + 1

    def in_free_text(self, text: str) -> set[tuple[What, bool]]:
        """What is found in a text, and whether it is certain."""
        found: set[tuple[What, bool]] = set()
        if not self._days.isdisjoint(dates_in(bare(text))):
            found.add((What.DATE, True))
        if not self._original.uids.isdisjoint(_UID.findall(text)):
            found.add((What.UID, True))
        found |= {(self._compact[word], True) for word in _compact_words(text) & self._compact.keys()}
        simple = plain(text)
        words = frozenset(simple.split())
        if simple.isascii() and words.isdisjoint(self._words):
            return found
        for phrase, needed, what in self._phrases:
            if needed <= words and f" {phrase} " in f" {simple} ":
                found.add((what, True))
        for word in self._original.words:
            if word in words or (not word.isascii() and word in simple):
                found.add((What.NAME, word not in self._expected.harmless))
        return found


def _compact_words(text: str) -> frozenset[str]:
    """Words with their punctuation taken out: 12-34/5 is 12345."""
    return frozenset(plain(word).replace(" ", "") for word in text.split())
