"""Descriptions pass an allow-list: known words, small numbers and measures stay, every other token goes to review."""

import re
from functools import lru_cache
from typing import NamedTuple

from oncofed.imaging.deidentify.identifiers import CONTACT, TITLED, WRITTEN_DATE
from oncofed.imaging.deidentify.tables import vocabulary

_PIECES = re.compile(r"[^\W_]+(?:[.][^\W_]+)*|[\W_]+")
_PARTS = re.compile(r"[A-Z]?[a-zß-öø-ÿ]+|[A-ZÀ-Þ]+(?![a-z])|[^\W\d_]+|\d+(?:\.\d+)?")
_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,4})?")
_MEASURE = re.compile(
    r"[bB]\d{1,4}|\d{1,4}(?:\.\d{1,4})?(?:mm|cm|ms|msec|sec|s|min|h|ml|cc|mg|mcg|g|kg|kv|kvp|ma|mas|mbq|mci|gy|cgy|mgy|t|hz|khz|mhz|"
    r"deg|x|d|hu|ch|pct|mmhg|bpm|y|ng|iu|um|nm|px|st|nd|rd|th)|\d{1,3}x\d{1,3}(?:x\d{1,3})?(?:mm|cm)?|(?:[bhijdtuql]|b[rlvf]|h[rvf]|[qu]r|s[abc])\d{2}[dfhmst]"
    r"|fc\d{2}|sen\d{1,2}|ls(?:pr)?\d{1,2}|p[e]?\d{1,2}|(?:t[er12]|te|tr|ti|fa|ph|im|se|l|c|s|th|v|g|m|r)\d{1,2}",
    re.IGNORECASE,
)
_LEADS_TO_A_NAME = frozenset(
    ("dr", "doctor", "prof", "mr", "mrs", "ms", "miss", "name", "named", "herr", "frau", "initials")
)
_HOUSE = re.compile(r"\d{1,4}[a-z]?", re.IGNORECASE)
_STREET = 4
"""A whole number beside an unknown word of so many letters goes with it: it may be of a house in a street."""
_STREETS = frozenset(
    ("via", "viale", "corso", "piazza", "rua", "rue", "avenue", "avenida", "calle", "paseo", "plaza", "street", "road",
     "lane", "strasse", "straße", "platz", "weg", "straat", "laan", "ulica", "ul")
)  # fmt: skip
"""Words that begin or end an address, known ones among them."""
GONE = "\0"
"""Stands in a text where an identifier was taken out: like a space, but no name leads over it."""
_CACHED = 65_536


class Cleaned(NamedTuple):
    """What is left of a text, and the tokens that were taken out."""

    text: str
    removed: tuple[str, ...]


@lru_cache(_CACHED)
def cleaned(text: str, keep_dates: bool = False, words: frozenset[str] = frozenset()) -> Cleaned:
    """The known part of a description (lines kept apart), and what was not known.

    ``words``: what a site knows beside the vocabulary, in lower case.
    """
    removed: list[str] = []

    def out(match: re.Match[str]) -> str:
        removed.append(match[0].strip())
        return " "

    for pattern in (CONTACT, TITLED):
        text = pattern.sub(out, text)
    if not keep_dates:
        text = WRITTEN_DATE.sub(out, text)
    lines = [_line(line, removed, words) for line in text.splitlines()]
    return Cleaned("\n".join(line for line in lines if line), tuple(removed))


def _line(line: str, removed: list[str], words: frozenset[str]) -> str:
    kept: list[str] = []
    gap, named, word_gone = "", False, False
    for piece in _PIECES.findall(line):
        if not (piece[0].isalnum()):
            if GONE in piece:
                piece = piece.partition(GONE)[0].rstrip() + " "
                named = False
            gap = gap if gap.strip() and not piece.strip() else piece
            continue
        house = word_gone and _is_house(piece)
        word_gone = False
        street = piece.casefold() in _STREETS
        if named or house or street or not is_known(piece, words):
            removed.append(piece)
            named, word_gone = _leads(piece), street or (len(piece) >= _STREET and piece.isalpha())
            if word_gone:
                _take_back(kept, removed, street=street)
            gap = " "
            continue
        kept += [" " if gap.isspace() else gap, piece] if kept else [piece]
        named = _leads(piece)
        gap = ""
    return "".join(kept)


def _leads(word: str) -> bool:
    """Whether a name follows; MR and MRS in capitals are ways to make an image."""
    return word not in ("MR", "MRS") and word.casefold() in _LEADS_TO_A_NAME


def _is_house(piece: str) -> bool:
    """A whole number, perhaps with a letter, that is no word of the trade (3D)."""
    return _HOUSE.fullmatch(piece) is not None and piece.casefold() not in vocabulary()


def _take_back(kept: list[str], removed: list[str], *, street: bool) -> None:
    """Take out the number of the house before a word, and before “Road” and the like the name of the road, too."""
    if street and len(kept) > 2 and kept[-1].isalpha() and _is_house(kept[-3]):
        removed.append(kept.pop())
        del kept[-1:]
    if kept and _is_house(kept[-1]):
        removed.append(kept.pop())
        del kept[-1:]


@lru_cache(_CACHED)
def is_known(token: str, words: frozenset[str] = frozenset()) -> bool:
    """Whether a token may stay: a known word, a number to three digits, a measure, or these run together."""
    folded = token.casefold()
    if folded in vocabulary() or folded in words or _NUMBER.fullmatch(token) or _MEASURE.fullmatch(token):
        return True
    parts = _PARTS.findall(token)
    return len(parts) > 1 and _are_known(parts)


def _are_known(parts: list[str]) -> bool:
    """Whether parts of a token are known one by one, or a letter with its number (``T`` ``2``, ``3`` ``D``)."""
    place = 0
    while place < len(parts):
        two = "".join(parts[place : place + 2])
        if (
            len(parts[place]) == 1
            and place + 1 < len(parts)
            and (_MEASURE.fullmatch(two) or two.casefold() in vocabulary())
        ):
            place += 2
        elif _NUMBER.fullmatch(parts[place]) or parts[place].casefold() in vocabulary():
            place += 1
        else:
            return False
    return True
