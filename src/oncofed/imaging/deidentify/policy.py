"""The policy compiler: Table E.1-1 + options + a site's overrides → one action for each attribute, at each place.

Where the table leaves a choice (X, Z or D), the type that the attribute has there in the object's IOD decides, so that
what is left stays valid: type 1 gets a dummy, type 2 is emptied, type 3 removed, as far as the table allows each.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.uid import UID

from oncofed.imaging.deidentify.profile import Option, Profile, number_of
from oncofed.imaging.deidentify.tables import (
    CURVES,
    EDITION,
    OVERLAY_COMMENTS,
    OVERLAY_DATA,
    PRIVATE,
    Row,
    attribute_types,
    beyond,
    confidentiality,
)

VERSION = "1"
"""Version of the rules in the code; it counts for the digest."""


class Action(StrEnum):
    """What happens to an attribute."""

    KEEP = "keep"
    REMOVE = "remove"
    EMPTY = "empty"
    DUMMY = "dummy"
    UID = "uid"
    SHIFT = "shift"
    CLEAN = "clean"
    AGE = "age"
    PATIENT = "patient"


class Rule(NamedTuple):
    """One compiled row: ``actions`` has one entry, or those among which the attribute's type chooses."""

    tag: str
    keyword: str
    vr: str
    actions: frozenset[Action]
    fallback: frozenset[Action]
    why: str


class MethodCode(NamedTuple):
    """A code of context group CID 7050 (PS3.16), scheme DCM."""

    value: str
    meaning: str


CLEAN_PIXELS = MethodCode("113101", "Clean Pixel Data Option")
DEFACED = MethodCode("113102", "Clean Recognizable Visual Features Option")
_BASIC = MethodCode("113100", "Basic Application Confidentiality Profile")
_METHODS = {
    Option.CLEAN_GRAPHICS: MethodCode("113103", "Clean Graphics Option"),
    Option.CLEAN_STRUCTURED_CONTENT: MethodCode("113104", "Clean Structured Content Option"),
    Option.CLEAN_DESCRIPTORS: MethodCode("113105", "Clean Descriptors Option"),
    Option.RETAIN_FULL_DATES: MethodCode("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    Option.RETAIN_MODIFIED_DATES: MethodCode(
        "113107", "Retain Longitudinal Temporal Information Modified Dates Option"
    ),
    Option.RETAIN_PATIENT_CHARACTERISTICS: MethodCode("113108", "Retain Patient Characteristics Option"),
    Option.RETAIN_DEVICE: MethodCode("113109", "Retain Device Identity Option"),
    Option.RETAIN_UIDS: MethodCode("113110", "Retain UIDs Option"),
    Option.RETAIN_SAFE_PRIVATE: MethodCode("113111", "Retain Safe Private Option"),
    Option.RETAIN_INSTITUTION: MethodCode("113112", "Retain Institution Identity Option"),
}
_LETTERS = {"X": Action.REMOVE, "Z": Action.EMPTY, "D": Action.DUMMY, "U": Action.UID, "U*": Action.UID}
_OVERRIDDEN = _LETTERS | {"K": Action.KEEP, "C": Action.CLEAN}
_TIMES = frozenset({"DA", "TM", "DT"})
PUBLISHED_DATES = frozenset(
    (
        "ContextGroupVersion",
        "ContextGroupLocalVersion",
        "TemplateVersion",
        "TemplateLocalVersion",
        "EffectiveDateTime",
        "EthicsCommitteeApprovalEffectivenessStartDate",
        "EthicsCommitteeApprovalEffectivenessEndDate",
    )
)
"""Dates anybody can look up: moved, they would tell by how many days the patient's others were."""
_IDENTITY = frozenset({"PatientID", "PatientName"})
_ORDER = {
    "1": (Action.DUMMY, Action.EMPTY, Action.REMOVE),
    "2": (Action.EMPTY, Action.DUMMY, Action.REMOVE),
    "3": (Action.REMOVE, Action.EMPTY, Action.DUMMY),
}
_ABSENT = "3"


class Level:
    """The actions at one place of one kind of object: ``actions`` by tag, and the levels inside its sequences."""

    def __init__(self, policy: "Policy", sop_class: str, place: tuple[str, ...]) -> None:
        self._policy, self._sop_class, self._place = policy, sop_class, place
        self._inside: dict[int, Level] = {}
        self.actions, self.fallback = policy.resolve(sop_class, place)

    def inside(self, sequence: int) -> "Level":
        """The level of the items of a sequence at this place."""
        found = self._inside.get(sequence)
        if found is None:
            keyword = keyword_for_tag(sequence) or f"{sequence:08x}"
            place = (*self._place, keyword)
            if not any(known[: len(place)] == place for known in _places()):
                place = _NOWHERE
            found = Level(self._policy, self._sop_class, place) if self._place != _NOWHERE else self
            self._inside[sequence] = found
        return found


_NOWHERE = ("?",)
"""A place of which no IOD speaks: every attribute is an extension there, type 3."""


class Policy:
    """A compiled profile. It explains itself: ``rules`` has one row for each row of the table, and its reason."""

    def __init__(self, profile: Profile, rules: tuple[Rule, ...]) -> None:
        self.profile = profile
        self.rules = rules
        self.version = VERSION
        self.digest = _digest(profile, rules)
        by_tag = {rule.tag: rule for rule in rules}
        self.curves = by_tag[CURVES].actions
        self.overlays = by_tag[OVERLAY_DATA].actions
        self.overlay_comments = by_tag[OVERLAY_COMMENTS].actions
        self.keeps_safe_private = Option.RETAIN_SAFE_PRIVATE in profile.options
        self.keeps_uids = Option.RETAIN_UIDS in profile.options
        self.keeps_full_dates = Option.RETAIN_FULL_DATES in profile.options
        self.shifts_dates = Option.RETAIN_MODIFIED_DATES in profile.options
        self._numbered = tuple((int(rule.tag, 16), rule) for rule in rules if rule.tag not in _PATTERN_TAGS)
        self._fixed = {tag: next(iter(rule.actions)) for tag, rule in self._numbered if len(rule.actions) == 1}
        self._chosen = tuple((tag, rule) for tag, rule in self._numbered if len(rule.actions) > 1)
        self._levels: dict[str, Level] = {}

    @property
    def method_codes(self) -> tuple[MethodCode, ...]:
        """What (0012,0064) says was done to attributes; the codes for pixels are added by who cleans them."""
        return (_BASIC, *(code for option, code in _METHODS.items() if option in self.profile.options))

    def level(self, sop_class: str) -> Level:
        """The actions at the top of an object of this SOP class."""
        known = sop_class if UID(sop_class).name != sop_class else ""
        if known not in self._levels:
            self._levels[known] = Level(self, known, ())
        return self._levels[known]

    def resolve(self, sop_class: str, place: tuple[str, ...]) -> tuple[dict[int, Action], dict[int, Action]]:
        """The action, and the one where cleaning leaves nothing, for every listed tag at a place."""
        kinds = _kinds(sop_class, place)
        actions = dict(self._fixed)
        for tag, rule in self._chosen:
            actions[tag] = choose(rule.actions, kinds.get(rule.keyword, _ABSENT))
        fallback = {
            tag: choose(rule.fallback, kinds.get(rule.keyword, _ABSENT))
            for tag, rule in self._numbered
            if rule.actions != rule.fallback
        }
        for tag in actions.keys() & _empty_is_invalid(place, kinds):
            if actions[tag] is Action.EMPTY:
                actions[tag] = Action.DUMMY
        return actions, fallback


_PATTERN_TAGS = frozenset({CURVES, OVERLAY_DATA, OVERLAY_COMMENTS, PRIVATE})


def _empty_is_invalid(_place: tuple[str, ...], kinds: dict[str, str]) -> set[int]:
    """Tags of type 1 here: Z allows a dummy too."""
    return {tag for keyword, kind in kinds.items() if kind[0] == "1" and (tag := tag_for_keyword(keyword)) is not None}


def choose(actions: frozenset[Action], kind: str) -> Action:
    """The one that fits an attribute's type, among those that the table allows."""
    if len(actions) == 1:
        return next(iter(actions))
    if Action.UID in actions:
        return Action.UID
    return next(action for action in _ORDER[kind[0]] if action in actions)


def compile_policy(profile: Profile) -> Policy:
    """The flat actions of a profile."""
    overrides = {number_of(name): letter for name, letter in profile.overrides.items()}
    rules = [_rule(row, profile, overrides.pop(row.number, None)) for row in (*confidentiality(), *beyond())]
    rules += [_extra(tag, letter) for tag, letter in sorted(overrides.items())]
    return Policy(profile, tuple(rules))


def _rule(row: Row, profile: Profile, override: str | None) -> Rule:
    basic = frozenset(_LETTERS[letter] for letter in row.basic.split("/"))
    if override:
        return Rule(row.tag, row.keyword, row.vr, frozenset({_OVERRIDDEN[override]}), basic, "site override")
    if row.keyword in _IDENTITY:
        return Rule(row.tag, row.keyword, row.vr, frozenset({Action.PATIENT}), basic, f"basic profile {row.basic}")
    marks = {
        option: row.options[option.column]
        for option in Option
        if option in profile.options and row.options.get(option.column)
    }
    if not marks:
        return Rule(row.tag, row.keyword, row.vr, basic, basic, f"basic profile {row.basic}")
    option, mark = _decisive(marks)
    action = _optional(row, option, mark)
    actions = basic if action is None else frozenset({action})
    return Rule(row.tag, row.keyword, row.vr, actions, basic, f"{option.value} {mark}")


def _decisive(marks: dict[Option, str]) -> tuple[Option, str]:
    """Shifting wins over keeping (a kept calibration date would betray the shift); keeping wins over cleaning."""
    if Option.RETAIN_MODIFIED_DATES in marks:
        return Option.RETAIN_MODIFIED_DATES, marks[Option.RETAIN_MODIFIED_DATES]
    return next(((option, mark) for option, mark in marks.items() if mark == "K"), next(iter(marks.items())))


def _optional(row: Row, option: Option, mark: str) -> Action | None:
    """The action of an option's mark; None: the option can do no better than the basic profile."""
    if row.keyword == "PatientAge":
        return Action.AGE
    if option is Option.RETAIN_MODIFIED_DATES:
        if row.keyword in PUBLISHED_DATES:
            return None
        if row.vr in _TIMES:
            return Action.SHIFT
        return Action.KEEP if row.keyword == "TimezoneOffsetFromUTC" else None
    return Action.KEEP if mark == "K" else Action.CLEAN


def _extra(tag: int, letter: str) -> Rule:
    """An attribute that only the site names."""
    action = frozenset({_OVERRIDDEN[letter]})
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        vr = "UN"
    return Rule(f"{tag:08x}", keyword_for_tag(tag), vr, action, frozenset({Action.DUMMY}), "site override")


def _digest(profile: Profile, rules: Iterable[Rule]) -> str:
    """SHA-256 over everything that decides what happens to an attribute."""
    text = {
        "version": VERSION,
        "edition": EDITION,
        "rules": [[rule.tag, sorted(rule.actions), sorted(rule.fallback)] for rule in rules],
        "age_cap": profile.age_cap,
        "date_shift_days": profile.date_shift_days,
        "options": sorted(profile.options),
        "clean_pixels": profile.clean_pixels,
        "deface": profile.deface,
        "words": sorted(profile.words),
    }
    return hashlib.sha256(json.dumps(text, sort_keys=True).encode()).hexdigest()


@cache
def _places() -> frozenset[tuple[str, ...]]:
    return frozenset(kind.place for kind in attribute_types())


@cache
def _kinds(sop_class: str, place: tuple[str, ...]) -> dict[str, str]:
    """Type by keyword at a place; the strictest of all IODs for a SOP class the standard does not know."""
    return dict(_kinds_at(sop_class, place))


def _kinds_at(sop_class: str, place: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    strictest: dict[str, str] = {}
    for kind in attribute_types():
        if kind.place != place:
            continue
        if kind.sop_classes and sop_class in kind.sop_classes:
            strictest[kind.keyword] = kind.kind
        elif not sop_class:
            strictest[kind.keyword] = min(strictest.get(kind.keyword, "3"), kind.kind)
        elif not kind.sop_classes:
            strictest.setdefault(kind.keyword, kind.kind)
    yield from strictest.items()
