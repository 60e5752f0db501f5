"""The identifiers of one patient, taken from the header of their own file, and the search for them in other values.

A long identifier is found inside words, a short one as a word of its own. Where a name is no person's (digits in it,
no given name, ``PHANTOM``), its parts that are words of the trade (``CT``, ``LIVER``) are not searched for.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from oncofed.imaging.deidentify.tables import vocabulary
from oncofed.imaging.spelling import spellings, writings

_SEPARATORS = re.compile(r"[\s^=,.;:_/\\|()\[\]<>\"'+-]+")
_PARTS = re.compile(r"[^\W_]+")
_LONG = 4
_LONG_TOGETHER = 6
_SHORTEST = 2
_MOST_REMEMBERED = 20_000
_NOT_A_NAME = frozenset(
    word
    for line in (
        "anon anonymous anonymized anonymised patient phantom test unknown none name null nobody dicom dcm image",
        "images research study subject case sample example demo hospital clinic university medical center centre",
        "radiology department institute imaging street road the and for male female mr mrs ms dr prof von van der",
        "den del",
    )
    for word in line.split()
)
_TRADE = frozenset({"technique", "anatomy", "finding"})

WRITTEN_DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d[-./ ]?(?:0[1-9]|1[0-2])[-./ ]?(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])[-./](?:0?[1-9]|[12]\d|3[01])[-./](?:19|20)?\d\d"
    r"|(?:0?[1-9]|[12]\d|3[01])[. -]{1,2}(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
    r"[. -]{1,2}(?:19|20)?\d\d)"
    r"(?!\d)",
    re.IGNORECASE,
)
"""A date as people write it."""

CONTACT = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|https?://\S+|www\.\S+|(?<![\w.])\+?\(?\d{2,4}\)?[ /-]\d{3,4}[ /-]?\d{3,5}(?![\w.])"
    r"|(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)"
)
"""An address of mail or web, a telephone number, a social security number."""

TITLED = re.compile(
    r"\b(?:Dr|Prof|Mr|Mrs|Ms|Miss|Herr|Frau|Sr|Sra|MD|PhD)\.?\s+(?:[A-ZÀ-Þ][\w'-]*\.?\s*){1,3}"
    r"|\b(?:[A-ZÀ-Þ][\w'-]+,?\s+){1,2}(?:MD|M\.D\.|RN|PhD)\b"
)
"""A name with a title before or behind it."""

UID = re.compile(r"(?<![\w.])[012](?:\.(?:0|[1-9]\d*)){5,}(?![\w.])")
"""A UID in a text."""


class Identifiers:
    """What to look for: ``names`` (their parts count), ``numbers`` (IDs), ``phrases`` (addresses, institutions)."""

    def __init__(self, names: Iterable[str], numbers: Iterable[str], phrases: Iterable[str]) -> None:
        inside, words = set[str](), set[str]()
        for name in names:
            person = _is_person(name)
            for part in (form for piece in _SEPARATORS.split(name) for form in spellings(piece)):
                trade = vocabulary().get(part.casefold()) in _TRADE
                if not _is_part(part) or (trade and not person):
                    continue
                (inside if not trade and (len(part) >= _LONG or not part.isascii()) else words).add(part)
            words.update(_together(name))
        for number in (form for one in numbers for form in writings(one)):
            if len(number) >= _SHORTEST:
                (inside if len(number) >= _LONG else words).add(number)
        inside |= {phrase for phrase in phrases if len(phrase) >= _LONG and not _is_usual(phrase)}
        self.pattern = _pattern(inside, words)
        self._harmless: dict[str, set[tuple[object, int, bytes]]] = {}

    def harmless(self, policy: str) -> set[tuple[object, int, bytes]]:
        """How it was read, tag and value of what was searched and may stay under the policy of this digest."""
        known = self._harmless.setdefault(policy, set())
        if len(known) > _MOST_REMEMBERED:
            known.clear()
        return known

    def found(self, text: str) -> bool:
        """Whether an identifier stands in the text."""
        return self.pattern is not None and self.pattern.search(text) is not None

    def without(self, text: str) -> str:
        """The text with a NUL in place of each identifier: no title before it leads to the word behind it."""
        return text if self.pattern is None else self.pattern.sub("\0", text)


def _is_person(name: str) -> bool:
    """Family and given name, no digits, nothing that a phantom or an anonymised patient is called."""
    parts = [part for part in _SEPARATORS.split(name) if part]
    plain = not any(character.isdigit() for character in name)
    return "^" in name and len(parts) > 1 and plain and not any(part.casefold() in _NOT_A_NAME for part in parts)


def _together(name: str) -> tuple[str, ...]:
    """Family and given name written as one word, where that is short: WuLi, LiWu."""
    parts = [part for part in _SEPARATORS.split(name) if _is_part(part)][:2]
    if len(parts) < 2 or max(map(len, parts)) >= _LONG or not _is_person(name):
        return ()
    first, second = parts
    return (first + second, second + first)


def _is_part(part: str) -> bool:
    """Long enough to be told from chance."""
    if not part or part.casefold() in _NOT_A_NAME or (len(part) < _SHORTEST and part.isascii()):
        return False
    return len(part) >= _LONG or not part.isdigit()


def _is_usual(phrase: str) -> bool:
    """Of known words only, as a maker's name in the place of the institution's, or a clinic that has no name."""
    words = (part.casefold() for part in _SEPARATORS.split(phrase) if part)
    return all(word in vocabulary() or word in _NOT_A_NAME for word in words)


def _loose(identifier: str) -> str:
    """A pattern of an identifier however its parts are put together: 12-34/5, 12_34_5, 12345."""
    parts = _PARTS.findall(identifier)
    if len(parts) < 2 or sum(map(len, parts)) < _LONG_TOGETHER:
        return re.escape(identifier)
    return r"[\W_]{0,3}".join(re.escape(part) for part in parts)


def _pattern(inside: set[str], words: set[str]) -> re.Pattern[str] | None:
    longest_first = sorted(inside, key=lambda one: (-len(one), one))
    forms = list(dict.fromkeys(map(_loose, longest_first)))  # 12.03.1961 and 12/03/1961 are one
    numbers = [one for one in forms if one[0].isdecimal()]
    parts = [one for one in forms if not one[0].isdecimal()]
    if numbers:  # most of them, and most of a text is no digit
        parts.append(rf"(?=\d)(?:{'|'.join(numbers)})")
    if words:
        parts.append(r"(?<![^\W_])(?:" + "|".join(re.escape(one) for one in sorted(words)) + r")(?![^\W_])")
    return re.compile("|".join(parts), re.IGNORECASE) if parts else None


@lru_cache(256)
def identifiers(names: frozenset[str], numbers: frozenset[str], phrases: frozenset[str]) -> Identifiers:
    """The same object for the same patient: what it found in one file need not be searched for in the next."""
    return Identifiers(names, numbers, phrases)
