"""A profile: which options of PS3.15 Annex E a release uses, and what a site wants otherwise.

Named profiles for cancer imaging: ``research`` keeps time (shifted), patient characteristics, devices, cleaned
descriptions and structured content; ``minimal`` keeps only shifted time; ``strict`` is the basic profile and more.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydicom.datadict import tag_for_keyword

from oncofed.contracts.errors import BadInput

OVERRIDES = frozenset("KXZDUC")
"""What a site may say of one attribute: keep, remove, empty, dummy, map the UID, clean the text."""


class Option(StrEnum):
    """The options of PS3.15 E.3 that the table's columns describe."""

    RETAIN_SAFE_PRIVATE = "retain_safe_private"
    RETAIN_UIDS = "retain_uids"
    RETAIN_DEVICE = "retain_device"
    RETAIN_INSTITUTION = "retain_institution"
    RETAIN_PATIENT_CHARACTERISTICS = "retain_patient_characteristics"
    RETAIN_FULL_DATES = "retain_full_dates"
    RETAIN_MODIFIED_DATES = "retain_modified_dates"
    CLEAN_DESCRIPTORS = "clean_descriptors"
    CLEAN_STRUCTURED_CONTENT = "clean_structured_content"
    CLEAN_GRAPHICS = "clean_graphics"

    @property
    def column(self) -> str:
        """The column of ``standard/confidentiality.tsv``."""
        return _COLUMNS.get(self, self.partition("_")[2])


_COLUMNS = {
    Option.RETAIN_PATIENT_CHARACTERISTICS: "patient",
    Option.CLEAN_STRUCTURED_CONTENT: "structured",
}


@dataclass(frozen=True)
class Profile:
    """What is asked of de-identification.

    ``overrides``: keyword or tag (eight hexadecimal digits) → one of K X Z D U C. ``age_cap``: greater ages are told
    as one year above it. ``date_shift_days``: least and greatest shift of a patient's dates in days. ``linkage``: a
    sealed table is kept at the node of who is who. ``words``: what may stay in descriptions beside the vocabulary, in
    lower case.
    """

    name: str
    options: frozenset[Option] = frozenset()
    overrides: Mapping[str, str] = field(default_factory=dict)
    clean_pixels: bool = True
    deface: bool = False
    linkage: bool = False
    words: frozenset[str] = frozenset()
    age_cap: int = 89
    date_shift_days: tuple[int, int] = (-3650, -30)

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if {Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES} <= self.options:
            raise BadInput("profile-invalid", "dates are either kept in full or modified")
        for name, action in self.overrides.items():
            if action not in OVERRIDES:
                raise BadInput("profile-invalid", f"“{action}” for {name} is none of K X Z D U C")
            number_of(name)
        least, greatest = self.date_shift_days
        if least > greatest or least == greatest == 0 or max(abs(least), abs(greatest)) > 36_500:
            raise BadInput("profile-invalid", "date_shift_days needs two numbers of days, the lesser first, not 0")
        if not 0 <= self.age_cap <= 130:
            raise BadInput("profile-invalid", "age_cap is a number of years from 0 to 130")


def number_of(name: str) -> int:
    """The tag that a keyword or eight hexadecimal digits name."""
    tag = tag_for_keyword(name)
    if tag is not None:
        return tag
    if re.fullmatch(r"[0-9A-Fa-f]{8}", name):
        return int(name, 16)
    raise BadInput("profile-invalid", f"there is no attribute “{name}”")


_DEVICE_DATES = MappingProxyType(
    {
        "CalibrationDate": "X",
        "DateOfLastCalibration": "X",
        "DateTimeOfLastCalibration": "X",
        "CalibrationDateTime": "Z",
        "DateOfLastDetectorCalibration": "D",
        "DateOfManufacture": "X",
        "DateOfInstallation": "X",
    }
)
"""Dates that many patients share with a device: moved for each by other days, they would tell the difference."""

RESEARCH = Profile(
    "research",
    frozenset(
        {
            Option.RETAIN_MODIFIED_DATES,
            Option.RETAIN_PATIENT_CHARACTERISTICS,
            Option.RETAIN_DEVICE,
            Option.RETAIN_SAFE_PRIVATE,
            Option.CLEAN_DESCRIPTORS,
            Option.CLEAN_STRUCTURED_CONTENT,
            Option.CLEAN_GRAPHICS,
        }
    ),
    _DEVICE_DATES,
)
MINIMAL = Profile("minimal", frozenset({Option.RETAIN_MODIFIED_DATES}))
STRICT = Profile("strict", deface=True)

PROFILES: Mapping[str, Profile] = MappingProxyType({one.name: one for one in (RESEARCH, STRICT, MINIMAL)})

_KEYS = frozenset(
    ("name", "based_on", "options", "overrides", "clean_pixels", "deface", "linkage", "words", "age_cap",
     "date_shift_days")
)  # fmt: skip


def read_profile(path: Path) -> Profile:
    """The profile of a TOML file: ``based_on`` a named one, and whatever the site wants otherwise.

    Raises ``BadInput`` with ``profile-invalid`` for an unreadable file, an unknown key, option, attribute or action.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # a number of 5,000 digits is a plain ValueError
        raise BadInput("profile-invalid", f"{path.name} cannot be read as TOML") from error
    if unknown := given.keys() - _KEYS:
        raise BadInput("profile-invalid", f"unknown: {', '.join(sorted(unknown))}")
    base = PROFILES.get(str(given.get("based_on", "research")))
    if base is None:
        raise BadInput("profile-invalid", f"based_on is one of {', '.join(PROFILES)}")
    try:
        return Profile(
            name=str(given.get("name", path.stem)),
            options=_options(given["options"]) if "options" in given else base.options,
            overrides=dict(base.overrides) | _texts(given.get("overrides", {})),
            clean_pixels=_flag(given.get("clean_pixels", base.clean_pixels)),
            deface=_flag(given.get("deface", base.deface)),
            linkage=_flag(given.get("linkage", base.linkage)),
            words=_words(given["words"]) if "words" in given else base.words,
            age_cap=int(given.get("age_cap", base.age_cap)),
            date_shift_days=_two(given.get("date_shift_days", base.date_shift_days)),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise BadInput("profile-invalid", f"{path.name} holds a value of the wrong type") from error


def _options(names: Any) -> frozenset[Option]:
    known = set(Option)
    for name in names:
        if name not in known:
            raise BadInput("profile-invalid", f"there is no option “{name}”")
    return frozenset(Option(name) for name in names)


def _texts(table: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in dict(table).items()}


def _words(words: Any) -> frozenset[str]:
    """Words as they are compared; one that is no single word of letters and digits could let a name pass."""
    if not isinstance(words, list):
        raise TypeError(words)
    for word in words:
        if not isinstance(word, str) or not re.fullmatch(r"[^\W_]{2,40}", word):
            raise BadInput("profile-invalid", "words is a list of single words of letters and digits")
    return frozenset(word.casefold() for word in words)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _two(value: Any) -> tuple[int, int]:
    least, greatest = value
    return int(least), int(greatest)
