"""The tables of ``imaging/standard`` as values: what PS3.15 says of each attribute, and its type in each IOD.

A row of the confidentiality table is one row of PS3.15 Table E.1-1 (edition 2024e). Patterns are the four rows that
name many tags: curves (50xx), overlay data and comments (60xx), private attributes.
"""

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

EDITION = "2024e"
"""Edition of PS3.15 whose table this is."""

CURVES, OVERLAY_DATA, OVERLAY_COMMENTS, PRIVATE = "50xxxxxx", "60xx3000", "60xx4000", "private"
PATTERNS = frozenset({CURVES, OVERLAY_DATA, OVERLAY_COMMENTS, PRIVATE})


class Row(NamedTuple):
    """One row: ``tag`` as eight hexadecimal digits or a pattern, ``options`` the marks (K, C) by column."""

    tag: str
    keyword: str
    vr: str
    basic: str
    options: dict[str, str]

    @property
    def number(self) -> int:
        """The tag as a number; -1 for a pattern."""
        return -1 if self.tag in PATTERNS else int(self.tag, 16)


class Kind(NamedTuple):
    """Type of an attribute at a place (keywords of the sequences around it); no SOP classes: wherever not named."""

    keyword: str
    place: tuple[str, ...]
    kind: str
    sop_classes: frozenset[str]


def read_table(name: str) -> list[dict[str, str]]:
    """Rows of ``standard/NAME.tsv``; lines that begin with ``#`` are remarks."""
    text = files("oncofed.imaging.standard").joinpath(f"{name}.tsv").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return list(csv.DictReader(lines, delimiter="\t"))


@cache
def confidentiality() -> tuple[Row, ...]:
    """Table E.1-1 without its two rows of the command set, which no file holds: 619 rows."""
    return _rows("confidentiality")


@cache
def beyond() -> tuple[Row, ...]:
    """Attributes that identify and that the table does not list, in its form: what we do with them is our reading."""
    return _rows("beyond")


def _rows(name: str) -> tuple[Row, ...]:
    fixed = ("tag", "keyword", "vr", "basic")
    return tuple(
        Row(
            row["tag"],
            row["keyword"],
            row["vr"],
            row["basic"],
            {name: mark for name, mark in row.items() if mark and name not in fixed},
        )
        for row in read_table(name)
    )


@cache
def attribute_types() -> tuple[Kind, ...]:
    """Types of the attributes for which Table E.1-1 leaves a choice."""
    return tuple(
        Kind(
            row["keyword"],
            tuple(row["place"].split(".")) if row["place"] else (),
            row["type"],
            frozenset() if row["sop_classes"] == "*" else frozenset(row["sop_classes"].split()),
        )
        for row in read_table("attribute_types")
    )


@cache
def safe_private() -> dict[tuple[str, int, int], str]:
    """VR of each private element that may stay, by creator, group and low byte of the element number."""
    return {
        (row["creator"], int(row["group"], 16), int(row["element"], 16)): row["vr"]
        for row in read_table("safe_private")
    }


@cache
def vocabulary() -> dict[str, str]:
    """Class (``technique``, ``anatomy``, ``finding``, ``word`` …) of each token that a description may keep."""
    return {row["token"]: row["class"] for row in read_table("descriptions")}
