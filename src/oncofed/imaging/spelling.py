"""The ways in which one name is spelled where a system knows fewer letters: Müller, Muller, Mueller."""

import unicodedata

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


def without_diacritics(text: str) -> str:
    """Every letter without its marks; letters that are no compositions (ø, ł, ß …) as people write them in ASCII."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.translate(_BARE))
    return "".join(one for one in decomposed if not unicodedata.combining(one))


def spellings(name: str) -> frozenset[str]:
    """The name as it is, without diacritics, and with two letters for an umlaut; one, where they are the same."""
    composed = unicodedata.normalize("NFC", name)
    return frozenset((name, without_diacritics(composed), without_diacritics(composed.translate(_TWO_LETTERS))))
