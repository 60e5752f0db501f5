"""Type 1 attributes: those an object of its kind must have, with a value (PS3.5 section 7.4.1, PS3.3).

Type 1C attributes must be there where a condition holds; those are checked whose condition the header itself decides.
A condition in ``conditional.tsv`` joins by ``and`` clauses of the forms ``Keyword = A|B`` (one of its values is one of
these), ``Keyword != A`` (none is), ``Keyword[1] = A`` (the first is), ``Keyword > 1``, ``Keyword is present`` and
``Keyword is absent`` (or empty). Of ``Sequence/Keyword`` each item is asked, and its conditions are of the item.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

EVERY = "*"
_CLAUSE = re.compile(r"(?P<keyword>\w+)(?P<first>\[1\])? (?P<test>=|!=|>|is) (?P<value>.+)")


class Clause(NamedTuple):
    """One part of a condition."""

    keyword: str
    first: bool
    test: str
    values: tuple[str, ...]

    def holds(self, dataset: Dataset) -> bool:
        """Whether it is so in ``dataset``; what is absent or empty satisfies ``is absent`` only."""
        found = _values(dataset, self.keyword)
        if self.test == "is":
            return bool(found) == (self.values == ("present",))
        if not found:
            return False
        if self.test == ">":
            return found[0].isdigit() and int(found[0]) > int(self.values[0])
        among = not set(found[:1] if self.first else found).isdisjoint(self.values)
        return among == (self.test == "=")


class Conditional(NamedTuple):
    """An attribute and when it is required. ``sequence``: that each item of which is asked, "" for the object."""

    sequence: str
    keyword: str
    clauses: tuple[Clause, ...]

    def missing(self, dataset: Dataset) -> bool:
        """Whether it is required somewhere and not there."""
        items = (dataset.get(self.sequence) or ()) if self.sequence else (dataset,)
        return any(all(clause.holds(item) for clause in self.clauses) and _empty(item, self.keyword) for item in items)


def _rows(name: str) -> Iterator[list[str]]:
    """The rows of a table beside this module, without its remarks and heading."""
    table = files("oncofed.imaging.quality").joinpath(name).read_text(encoding="utf-8")
    for line in [line for line in table.splitlines() if line and not line.startswith("#")][1:]:
        yield line.split("\t")


@cache
def type_1() -> Mapping[str, tuple[str, ...]]:
    """SOP class UID → keywords of its top-level Type 1 attributes in mandatory modules."""
    return {
        sop_class: tuple(keywords.split())
        for _, classes, keywords in _rows("required.tsv")
        for sop_class in classes.split("|")
    }


@cache
def type_1c() -> Mapping[str, tuple[Conditional, ...]]:
    """SOP class UID → its Type 1C attributes that can be checked."""
    classes = {iod: found.split("|") for iod, found, _ in _rows("required.tsv")}
    found: dict[str, list[Conditional]] = {sop_class: [] for own in classes.values() for sop_class in own}
    for attribute, when, iods in _rows("conditional.tsv"):
        sequence, _, keyword = attribute.rpartition("/")
        rule = Conditional(sequence, keyword, tuple(_clause(part) for part in when.split(" and ")))
        for iod in classes if iods == EVERY else iods.split("|"):
            for sop_class in classes[iod]:
                found[sop_class].append(rule)
    return {sop_class: tuple(rules) for sop_class, rules in found.items()}


def _clause(told: str) -> Clause:
    found = _CLAUSE.fullmatch(told)
    if found is None:
        raise ValueError(f"no condition: {told}")
    return Clause(found["keyword"], bool(found["first"]), found["test"], tuple(found["value"].split("|")))


def missing_type_1(dataset: Dataset) -> tuple[str, ...]:
    """Keywords of Type 1 attributes that are absent or empty; none for a SOP class not in the table."""
    required = type_1().get(str(dataset.get("SOPClassUID", "")), ())
    return tuple(keyword for keyword in required if _empty(dataset, keyword))


def missing_type_1c(dataset: Dataset) -> tuple[str, ...]:
    """Keywords of Type 1C attributes that are required here, and absent or empty."""
    rules = type_1c().get(str(dataset.get("SOPClassUID", "")), ())
    return tuple(dict.fromkeys(rule.keyword for rule in rules if rule.missing(dataset)))


def _empty(dataset: Dataset, keyword: str) -> bool:
    return keyword not in dataset or dataset[keyword].is_empty


def _values(dataset: Dataset, keyword: str) -> list[str]:
    """All values as text, tags as keywords; none where the attribute is absent or empty."""
    if _empty(dataset, keyword):
        return []
    value: Any = dataset[keyword].value
    every = value if isinstance(value, MultiValue) else [value]
    return [keyword_for_tag(one) if isinstance(one, BaseTag) else str(one).strip(" \0") for one in every]
