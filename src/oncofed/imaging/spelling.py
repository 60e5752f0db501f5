"""The ways in which one name or number is written elsewhere: Müller, Muller, Mueller; PAT-0012345, 12345."""

import re
import unicodedata

from oncofed.imaging.dates import dates_in

_BARE = str.maketrans(
    {
        "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th",
        "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ħ": "h", "Ħ": "H", "ß": "ss", "ẞ": "SS", "ŧ": "t", "Ŧ": "T",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    }
)  # fmt: skip
_TWO_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "Ø": "Oe", "Å": "Aa"}
)

_UID = re.compile(r"[0-9]+(?:\.[0-9]+){3,}")
_RUN = re.compile(r"[0-9]{6,}")
_SHORTEST_NUMBER = 5


def without_diacritics(text: str) -> str:
    """Every letter without its marks; letters that are no compositions (ø, ł, ß …) as people write them in ASCII."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.translate(_BARE))
    return "".join(one for one in decomposed if not unicodedata.combining(one))


def spellings(name: str) -> frozenset[str]:
    """The name as it is, composed and decomposed (NFC, NFD), without diacritics, and with two letters for an umlaut;
    one, where they are the same.
    """
    if name.isascii():
        return frozenset((name,))
    composed = unicodedata.normalize("NFC", name)
    forms = (name, composed, unicodedata.normalize("NFD", name))
    return frozenset((*forms, *(without_diacritics(one) for one in (composed, composed.translate(_TWO_LETTERS)))))


def writings(number: str) -> frozenset[str]:
    """An identifier, also without leading zeros, and the long numbers in it, but for dates and the parts of UIDs."""
    forms = {number}
    if number.isdecimal():
        forms.add(number.lstrip("0"))
    elif not _UID.fullmatch(number):
        forms.update(run.lstrip("0") for run in _RUN.findall(number) if not dates_in(run))
    return frozenset(one for one in forms if one == number or len(one) >= _SHORTEST_NUMBER)
