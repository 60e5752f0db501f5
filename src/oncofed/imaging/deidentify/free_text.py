"""Texts that the table does not list, and those it wants cleaned: this patient's identifiers out, then the vocabulary.

Short texts (LO, SH, UC, CS) are searched for identifiers and keep the rest; long ones (ST, LT, UT) are free text and
pass the vocabulary as a whole, as do those in a sequence that is cleaned, and any text in which an identifier stood.
"""

from enum import Enum, auto
from typing import NamedTuple

from oncofed.imaging.deidentify.dummies import REMOVED
from oncofed.imaging.deidentify.identifiers import CONTACT, TITLED, UID, WRITTEN_DATE, Identifiers
from oncofed.imaging.deidentify.policy import Policy
from oncofed.imaging.deidentify.values import BYTES, LONG_TEXT
from oncofed.imaging.deidentify.words import GONE, Cleaned, cleaned
from oncofed.trust.pseudonyms import Pseudonyms

_TECHNICAL = frozenset(
    (0x00080114, 0x00080115, 0x00080116, 0x00187006, 0x00187008, 0x00187040, 0x00187041, 0x00187062, 0x00189080,
     0x00480107, 0x00660032, 0x00181020, 0x00080108, 0x00080070, 0x00081090)
)  # fmt: skip
"""Texts that say what a device or a code scheme is: no vocabulary holds their words, and makers have addresses."""
_STRUCTURE = frozenset((0x00080060, 0x0040A010, 0x0040A040, 0x0040A050, 0x0040A491, 0x0040A492, 0x0040A493))
_MODALITY, _LONGEST_MODALITY = 0x00080060, 8
_TERMS = frozenset(
    ("TEXT", "NUM", "CODE", "DATETIME", "DATE", "TIME", "UIDREF", "PNAME", "COMPOSITE", "IMAGE", "WAVEFORM", "SCOORD",
     "SCOORD3D", "TCOORD", "CONTAINER", "TABLE", "CONTAINS", "HAS PROPERTIES", "HAS OBS CONTEXT", "HAS ACQ CONTEXT",
     "INFERRED FROM", "SELECTED FROM", "HAS CONCEPT MOD", "SEPARATE", "CONTINUOUS", "PARTIAL", "COMPLETE",
     "PRELIMINARY", "FINAL", "VERIFIED", "UNVERIFIED")
)  # fmt: skip
"""Codes that hold an object together (PS3.3 C.17): a name that reads like one of them is a coincidence."""
_PROSE = LONG_TEXT | {"LO", "SH", "UC"}
_TOO_LONG_FOR_CHANCE = 6
SEARCHED_BYTES = 65_536
"""Longest value of unknown bytes that is searched."""


class Care(Enum):
    """How a text is looked at."""

    IDENTIFIERS = auto()
    """This patient's identifiers, contacts, titled names, UIDs go."""
    DATES = auto()
    """Written dates go too: private elements."""
    VOCABULARY = auto()
    """Only known words stay."""


class Found(NamedTuple):
    """A text that may not stay as it is: what is left, what was taken out, whether an identifier stood in it."""

    text: str
    removed: tuple[str, ...]
    identified: bool


class FreeText:
    """The search in texts for one patient under one policy."""

    def __init__(self, identifiers: Identifiers, policy: Policy, pseudonyms: Pseudonyms) -> None:
        self._identifiers, self._pseudonyms = identifiers, pseudonyms
        self._keep_dates, self._keep_uids = policy.keeps_full_dates, policy.keeps_uids
        self._words = policy.profile.words
        self.memo = identifiers.harmless(policy.digest)

    def holds_identifier(self, text: str) -> bool:
        """Whether one of the patient's identifiers, or a UID that is not to stay, stands in a text."""
        return self._identifiers.found(text) or (not self._keep_uids and UID.search(text) is not None)

    def is_identifier(self, number: str) -> bool:
        """Whether a number is, as a whole, an identifier too long for chance (a series numbered by the Patient ID)."""
        pattern = self._identifiers.pattern
        if pattern is None or len(number) < _TOO_LONG_FOR_CHANCE:
            return False
        wholes = (one.strip() for one in number.split("\\") if "." not in one)  # 12.0361 is no day
        return any(len(one) >= _TOO_LONG_FOR_CHANCE and pattern.fullmatch(one) for one in wholes)

    def vocabulary(self, text: str) -> Cleaned:
        """The text without identifiers and unknown tokens; original UIDs in it become their pseudonyms."""
        if text.isspace():
            return Cleaned(text, ())
        rest, uids = self._without_uids(text)
        identified = self._identifiers.found(rest)
        result = cleaned(self._identifiers.without(rest), self._keep_dates, self._words)
        removed = result.removed
        if identified and self._identifiers.pattern is not None:
            removed += tuple(self._identifiers.pattern.findall(rest))
        kept = " ".join((result.text, *uids)).strip() if uids else result.text
        return Cleaned(kept, removed)

    def _without_uids(self, text: str) -> tuple[str, list[str]]:
        if self._keep_uids:
            return text, []
        uids = [self._pseudonyms.uid(uid) for uid in UID.findall(text)]
        return (UID.sub(" ", text) if uids else text), uids

    def unlisted(self, tag: int, vr: str, text: str, care: Care) -> Found | None:
        """What to make of a text of no listed attribute; None: it may stay."""
        if vr in BYTES:
            return self._in_bytes(text)
        if vr == "CS":
            return None if _is_structure(tag, text) else self._in_codes(text)
        if tag in _TECHNICAL:
            return self._in_technical(text)
        if vr in LONG_TEXT:
            care = Care.VOCABULARY
        identified = self._identifiers.found(text) or self._is_personal(text, care)
        if not identified and (care is not Care.VOCABULARY or vr not in _PROSE):
            return None
        result = self.vocabulary(text)
        if not identified and result.text == text:
            return None
        return Found(result.text, result.removed, identified)

    def _is_personal(self, text: str, care: Care) -> bool:
        if len(text) < 5:
            return False
        dated = care is not Care.IDENTIFIERS and not self._keep_dates and WRITTEN_DATE.search(text)
        uids = not self._keep_uids and UID.search(text)
        return bool(dated or uids or CONTACT.search(text) or TITLED.search(text))

    def _in_technical(self, text: str) -> Found | None:
        if not self.holds_identifier(text):
            return None
        rest, _ = self._without_uids(text)
        return Found(self._identifiers.without(rest).replace(GONE, " ").strip(), (text,), identified=True)

    def _in_codes(self, text: str) -> Found | None:
        """Coded strings: a value with an identifier in it goes, unless every word of it is a known one."""
        values = text.split("\\")
        named = [self._identifiers.found(one) and cleaned(one, words=self._words).text != one for one in values]
        if not any(named):
            return None
        kept = "\\".join(REMOVED if gone else one for one, gone in zip(values, named, strict=True))
        return Found(kept, tuple(one for one, gone in zip(values, named, strict=True) if gone), identified=True)

    def _in_bytes(self, text: str) -> Found | None:
        if not self._identifiers.found(text):
            return None
        return Found("", (), identified=True)


def _is_structure(tag: int, text: str) -> bool:
    """Whether a code holds the object together: one of the standard's terms, or a modality."""
    if tag == _MODALITY:
        return len(text) <= _LONGEST_MODALITY
    return tag in _STRUCTURE and text.strip() in _TERMS
