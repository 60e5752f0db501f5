"""The rules at work on one object: every element at any depth meets its action, or the rule for those not listed.

Raw elements that no rule touches are left as they are, bytes and all. Nothing is trusted because of where it stands:
unlisted texts are searched for this patient's identifiers, unlisted dates and UIDs follow the profile, private
elements go unless the safe list names them, and what cannot be what its VR says is removed and reported.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID

from oncofed.imaging.deidentify.changes import Change, Review
from oncofed.imaging.deidentify.content import settle_subject
from oncofed.imaging.deidentify.dates import capped_age, shifted
from oncofed.imaging.deidentify.dummies import dummy, dummy_items
from oncofed.imaging.deidentify.free_text import SEARCHED_BYTES, Care, FreeText
from oncofed.imaging.deidentify.header import Patient
from oncofed.imaging.deidentify.policy import Action, Level, Policy
from oncofed.imaging.deidentify.private import PrivateBlocks
from oncofed.imaging.deidentify.values import (
    BYTES,
    KNOWN,
    NUMBERS,
    PIXELS,
    TEXT,
    Element,
    Encodings,
    bytes_of,
    drop,
    element,
    encodings,
    is_standard,
    put,
    text_of,
    usual_vr,
)
from oncofed.imaging.headers import CANNOT_CONVERT
from oncofed.trust.pseudonyms import Pseudonyms

_STANDARD_ROOT = "1.2.840.10008."
_KEPT_TEXTS = frozenset({"CS", "LO", "LT", "SH", "ST", "UC", "UT"})
_NAMES_NO_OBJECT = frozenset(
    (
        0x00080016, 0x0008001A, 0x0008001B, 0x00080062, 0x0008010C, 0x0008010D, 0x00080117, 0x00080118, 0x0008040E,
        0x00081150, 0x0008115A, 0x00083002, 0x00089123, 0x00340003, 0x04000010, 0x04000510, 0x30100052, 0x30100053,
    )
)  # fmt: skip
"""UI attributes that name kinds, code schemes and encodings, not anyone's objects."""
_CODING_URLS = frozenset({0x0008010E, 0x00080120})
_REFERENCES = frozenset({0x00081110, 0x00081111})
"""Sequences of references: with their UIDs mapped, they are their own dummies."""
_CODED_CONTENT = frozenset({0x0040A730, 0x00400555, 0x00400610, 0x00700001})
"""Sequences of content items and graphics: their codes stay, their texts are long ones."""
_CODE, _SCHEME = frozenset({0x00080100, 0x00080104, 0x00080119}), frozenset({0x00080102, 0x00080103})
_DESIGNATOR = 0x00080102
_CONTENT = 0x0040A730
_PATIENT_ID, _ISSUER = 0x00100020, 0x00100021
_OVERLAY_SUBTYPES = frozenset({"USER", "AUTOMATED", "ACTIVE 2D/BL MODE"})
"""Terms of PS3.3 C.9.2.1.3."""
_TIMES = frozenset({"DA", "TM", "DT"})
_REMEMBERED = 256
"""Longest value, in bytes, that is remembered as harmless."""
_NUMBER_TEXT = b"0123456789+-.eE\\ \0"
_UID_TEXT = frozenset("0123456789.\\")

Secret = Callable[[Review, str], None]
"""Told each token that goes to review, for the run's private database; never printed or sent."""

Value = str | bytes | None
"""What a leaf becomes: None: removed."""


class Kept:
    """The leaf stays as it is."""


KEPT = Kept()


@dataclass
class Cleaning:
    """One object on its way: what is known of it, and what was done."""

    policy: Policy
    pseudonyms: Pseudonyms
    patient: Patient
    days: int
    secret: Secret | None = None
    changes: list[Change] = field(default_factory=list)
    review: list[Review] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Bind what every element needs."""
        self.free_text = FreeText(self.patient.identifiers, self.policy, self.pseudonyms)

    def dataset(self, dataset: Dataset, level: Level) -> None:
        """Clean an object in place, at every depth."""
        self._elements(self._top(dataset, level))

    def one_by_one(self, dataset: Dataset, level: Level, tags: Iterable[int]) -> Iterator[int]:
        """Clean only these elements of the top level of an object; each tag comes when its element is done."""
        item = self._top(dataset, level)
        private = PrivateBlocks(dataset, item.encoded, self.policy.keeps_safe_private)
        held = dict(dataset.items())
        for tag in map(BaseTag, tags):
            self._element(item, tag, held[tag], private)
            yield tag

    def _top(self, dataset: Dataset, level: Level) -> "_Item":
        return _Item(dataset, level, "", encodings(dataset), self.patient.key, cleaned=False)

    def _dataset(self, dataset: Dataset, level: Level, prefix: str, outer: "_Item", *, cleaned: bool) -> None:
        encoded = encodings(dataset, outer.encoded)
        about = self._about(dataset, encoded)
        self._elements(_Item(dataset, level, prefix, encoded, about, cleaned=cleaned or outer.cleaned))

    def _elements(self, item: "_Item") -> None:
        private = PrivateBlocks(item.dataset, item.encoded, self.policy.keeps_safe_private)
        for tag, one in list(item.dataset.items()):
            self._element(item, tag, one, private)

    def _element(self, item: "_Item", tag: BaseTag, one: Element, private: PrivateBlocks) -> None:
        number = int(tag)
        if number & 0xFFFF == 0 or number >> 16 in (0, 2):
            del item.dataset[tag]
            return
        action = item.level.actions.get(number)
        if action is None and one.VR in NUMBERS and not number & 0x10000 and number >> 24 not in (0x50, 0x60):
            return
        place = _Place(item, number, one)
        if action is not None:
            self._listed(place, action)
        elif number & 0x10000:
            self._private(place, private)
        elif number >> 24 in (0x50, 0x60):
            self._repeated(place)
        else:
            self._standard(place)

    def _standard(self, place: "_Place") -> None:
        """An attribute of the standard, or of nobody: bytes of which nobody says what they are go."""
        if place.number in PIXELS:
            if place.item.prefix:
                self._remove(place, "pixels-inside")  # no mask is planned for them
        elif place.vr in BYTES and not is_standard(place.number):
            self._remove(place, "unknown-attribute")
        else:
            self._unlisted(place, _care(place))

    def _about(self, dataset: Dataset, encoded: Encodings) -> str:
        """The pseudonym of whoever an item is about, if it says; else of the patient of the object."""
        held = dataset.get_item(_PATIENT_ID) if _PATIENT_ID in dataset else None
        named = text_of(held, "LO", encoded).strip(" \0") if held is not None else ""
        if not named or named == self.patient.patient_id:
            return self.patient.key
        issuer = dataset.get_item(_ISSUER) if _ISSUER in dataset else None
        return self.pseudonyms.patient(named, text_of(issuer, "LO", encoded) if issuer is not None else "")

    def _listed(self, place: "_Place", action: Action) -> None:
        if action is Action.REMOVE:
            self._remove(place, "listed")
            return
        if place.is_sequence:
            self._listed_sequence(place, action)
        elif action is Action.KEEP:
            self._kept(place)
        else:
            self._put(place, self._leaf(place, action), action.value, "listed")

    def _kept(self, place: "_Place") -> None:
        """An attribute that an option keeps: as it is, unless one of this patient's identifiers stands in its text.

        A UID that is none becomes one.
        """
        if place.vr == "UI" and not _UID_TEXT.issuperset(place.text):
            self._put(place, self._dummy(place), "uid", "wrong-vr")
        elif place.vr in _KEPT_TEXTS and place.holds_value and self.free_text.holds_identifier(place.text):
            self._unlisted(place, Care.IDENTIFIERS)

    def _listed_sequence(self, place: "_Place", action: Action) -> None:
        if action is Action.EMPTY:
            self._replace_items(place, [], action)
        elif action is Action.DUMMY and place.number not in _REFERENCES:
            self._replace_items(place, dummy_items(place.number), action)
        elif action in (Action.AGE, Action.PATIENT, Action.SHIFT):
            self._remove(place, "wrong-vr")
        else:
            self._items(place, cleaned=action is Action.CLEAN and place.number not in _CODED_CONTENT)

    def _replace_items(self, place: "_Place", items: list[Dataset], action: Action) -> None:
        place.item.dataset[place.number] = DataElement(place.number, "SQ", Sequence(items))
        self.changes.append(Change(place.path, action.value, "listed"))

    def _items(self, place: "_Place", *, cleaned: bool = False) -> None:
        """Clean every item of a sequence. ``cleaned``: no text in it stays that the vocabulary does not know."""
        try:
            value = place.item.dataset[place.number].value
            items = list(value) if isinstance(value, Sequence) else None
        except CANNOT_CONVERT:
            items = None
        if items is None:
            self._remove(place, "undecodable")
            return
        inside = place.item.level.inside(place.number)
        for index, item in enumerate(items):
            self._dataset(item, inside, f"{place.path}[{index}].", place.item, cleaned=cleaned)
            if place.number == _CONTENT and (reason := settle_subject(item, self.policy)):
                self.changes.append(Change(f"{place.path}[{index}]", Action.CLEAN.value, reason))

    def _leaf(self, place: "_Place", action: Action) -> Value | Kept:
        """The new value of a listed leaf."""
        if action is Action.EMPTY:
            return ""
        if action is Action.DUMMY:
            return self._dummy(place)
        if place.vr in TEXT and not place.text:
            return KEPT  # empty: nothing to hide, and no text to clean or move
        if action is Action.UID:
            return self._uid(place.text)
        if action is Action.PATIENT:
            return place.item.patient_key
        if action is Action.SHIFT:
            return self._shifted(place)
        if action is Action.AGE:
            return self._aged(place)
        return self._cleaned(place)

    def _dummy(self, place: "_Place") -> str | bytes:
        return dummy(place.vr, place.number, place.text, self.pseudonyms)

    def _fallback(self, place: "_Place") -> Value:
        """What the basic profile does, where nothing is left after cleaning."""
        action = place.item.level.fallback.get(place.number, Action.REMOVE)
        if action is Action.REMOVE:
            return None
        if action is Action.UID:
            return self._uid(place.text)
        return "" if action is Action.EMPTY else self._dummy(place)

    def _uid(self, text: str) -> str:
        return "\\".join(self._one_uid(one.strip(" \0")) for one in text.split("\\"))

    def _one_uid(self, uid: str) -> str:
        if uid.startswith(_STANDARD_ROOT) and UID(uid).name == uid:
            return self.pseudonyms.own_uid(uid)
        return self.pseudonyms.uid(uid)

    def _shifted(self, place: "_Place") -> Value | Kept:
        if place.vr not in _TIMES:
            return self._fallback(place)
        moved = [shifted(one.strip(), place.vr, self.days) if one.strip() else "" for one in place.text.split("\\")]
        if None in moved:
            self._flag(place, "date-unreadable", place.text)
            return self._fallback(place)
        value = "\\".join(one or "" for one in moved)
        return KEPT if value == place.text else value

    def _aged(self, place: "_Place") -> Value | Kept:
        age = capped_age(place.text.strip(), self.policy.profile.age_cap)
        if age is None:
            self._flag(place, "age-unreadable", place.text)
            return self._fallback(place)
        return KEPT if age == place.text else age

    def _cleaned(self, place: "_Place") -> Value | Kept:
        if place.vr not in TEXT:
            return self._fallback(place)
        cleaned = self.free_text.vocabulary(place.text)
        self._reviewed(place, "unknown-token", cleaned.removed)
        if not cleaned.text:
            return self._fallback(place)
        return KEPT if cleaned.text == place.text else cleaned.text

    def _private(self, place: "_Place", private: PrivateBlocks) -> None:
        vr = private.vr(place.number)
        if vr is None:
            self._remove(place, "private")
            return
        if place.vr in ("", "UN") or (place.vr in BYTES and vr in TEXT):
            place.vr = vr
        if place.number & 0xFFFF > 0xFF:
            self._unlisted(place, Care.DATES)

    def _repeated(self, place: "_Place") -> None:
        """Curves go; overlays stay only where graphics are cleaned and the plane is a region of interest."""
        if place.number >> 24 == 0x50 or Action.CLEAN not in self.policy.overlays:
            self._remove(place, "overlay-or-curve")
            return
        plane = place.number & 0xFFFF0000
        kind = place.item.dataset.get_item(plane | 0x0040) if plane | 0x0040 in place.item.dataset else None
        data = plane | 0x3000 in place.item.dataset
        region = kind is not None and text_of(kind, "CS", place.item.encoded).strip() == "R"
        if not (region and data):
            if not data:
                self.flags.add("overlay-in-pixels")
            self._remove(place, "overlay-or-curve")
        elif place.number & 0xFFFF in (0x4000, 0x0022, 0x1500):
            self._put(place, self._cleaned(place), Action.CLEAN.value, "overlay-text")
        elif place.vr not in BYTES and place.text.strip() not in _OVERLAY_SUBTYPES:
            self._unlisted(place, Care.VOCABULARY)

    def _unlisted(self, place: "_Place", care: Care) -> None:
        if place.is_sequence:
            self._items(place)
            return
        if place.vr in NUMBERS or not place.holds_value:
            return
        content = place.content
        if place.vr in BYTES and len(content) > SEARCHED_BYTES:
            return
        how = (care, place.vr, place.item.encoded)
        key = (how, place.number, content) if 0 < len(content) <= _REMEMBERED else None
        memo = self.free_text.memo
        if key and key in memo:
            return
        before = len(self.changes) + len(self.review)
        value = self._unlisted_leaf(place, care)
        if isinstance(value, Kept):
            if key and len(self.changes) + len(self.review) == before:
                memo.add(key)
            return
        self._put(place, value, "clean" if value else "remove", self._reason)

    def _unlisted_leaf(self, place: "_Place", care: Care) -> Value | Kept:
        vr, self._reason = place.vr, "unlisted"
        if vr not in KNOWN:
            self._reason = "unknown-vr"
            return None
        if vr in _TIMES:
            return self._unlisted_time(place)
        if vr == "UI":
            return self._unlisted_uid(place)
        if vr in ("PN", "AE"):
            return ""
        if vr == "UR":
            kept = place.number in _CODING_URLS and not self.patient.identifiers.found(place.text)
            return KEPT if kept else None
        if vr in ("DS", "IS"):
            return self._number(place)
        return self._unlisted_text(place, care)

    def _unlisted_time(self, place: "_Place") -> Value | Kept:
        if self.policy.keeps_full_dates:
            return KEPT
        return self._shifted(place) if self.policy.shifts_dates else self._dummy(place)

    def _unlisted_uid(self, place: "_Place") -> Value | Kept:
        if place.number in _NAMES_NO_OBJECT or self.policy.keeps_uids:
            if _UID_TEXT.issuperset(place.text):
                return KEPT
            self._reason = "wrong-vr"
            return None
        mapped = self._uid(place.text)
        return KEPT if mapped == place.text else mapped

    def _number(self, place: "_Place") -> Value | Kept:
        if self.free_text.is_identifier(place.text):
            self._reason = "identifier-in-text"
            return ""
        if not place.content or not place.content.translate(None, _NUMBER_TEXT):
            return KEPT
        self._reason = "wrong-vr"
        return None

    def _unlisted_text(self, place: "_Place", care: Care) -> Value | Kept:
        found = self.free_text.unlisted(place.number, place.vr, place.text, care)
        if found is None:
            return KEPT
        self._reviewed(place, "text-holds-identifier" if found.identified else "unknown-token", found.removed)
        self._reason = "identifier-in-text" if found.identified else "free-text"
        if found.text or place.vr in BYTES:
            return found.text or None
        return dummy(place.vr, place.number, place.text, self.pseudonyms)

    _reason = "unlisted"

    def _reviewed(self, place: "_Place", code: str, tokens: tuple[str, ...]) -> None:
        for token in tokens:
            self._flag(place, code, token)

    def _flag(self, place: "_Place", code: str, token: str) -> None:
        review = Review(place.path, code, self.pseudonyms.text(token.casefold(), "review"))
        self.review.append(review)
        if self.secret is not None:
            self.secret(review, token)

    def _remove(self, place: "_Place", reason: str) -> None:
        drop(place.item.dataset, place.element)
        self.changes.append(Change(place.path, Action.REMOVE.value, reason))

    def _put(self, place: "_Place", value: Value | Kept, action: str, reason: str) -> None:
        if isinstance(value, Kept):
            return
        if value is None:
            self._remove(place, reason)
            return
        put(place.item.dataset, place.element, element(place.item.dataset, place.number, place.vr, value))
        self.changes.append(Change(place.path, action, reason))


class _Item(NamedTuple):
    """A dataset or an item of a sequence while it is cleaned."""

    dataset: Dataset
    level: Level
    prefix: str
    encoded: Encodings
    patient_key: str
    cleaned: bool


def _care(place: "_Place") -> Care:
    """Texts in a cleaned sequence, and those of attributes that the dictionary does not know, pass the vocabulary, but
    for codes of a scheme that others publish too.
    """
    item = place.item
    if not is_standard(place.number):
        return Care.VOCABULARY
    if not item.cleaned or place.number in _SCHEME:
        return Care.IDENTIFIERS
    if place.number in _CODE:
        scheme = item.dataset.get_item(_DESIGNATOR) if _DESIGNATOR in item.dataset else None
        named = text_of(scheme, "SH", item.encoded).strip().upper() if scheme is not None else ""
        return Care.VOCABULARY if not named or (named.startswith(("99", "L")) and named != "LN") else Care.IDENTIFIERS
    return Care.VOCABULARY


class _Place:
    """One element where it stands; its text is decoded when it is asked for."""

    __slots__ = ("_text", "element", "item", "number", "vr")

    def __init__(self, item: _Item, number: int, element: Element) -> None:
        self.item, self.number, self.element = item, number, element
        vr = element.VR
        if vr is None or vr == "UN" or vr not in KNOWN:
            vr = usual_vr(number) or (str(vr) if vr else "UN")
        self.vr = str(vr)
        self._text: str | None = None

    @property
    def path(self) -> str:
        return f"{self.item.prefix}({self.number >> 16:04X},{self.number & 0xFFFF:04X})"

    @property
    def is_sequence(self) -> bool:
        return self.vr == "SQ" or isinstance(self.element.value, Sequence)

    @property
    def content(self) -> bytes:
        return bytes_of(self.element)

    @property
    def holds_value(self) -> bool:
        value = self.element.value
        return value is not None and value not in (b"", "")

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = text_of(self.element, self.vr, self.item.encoded)
        return self._text
