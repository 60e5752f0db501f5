"""The query builder of the SDK: the same queries as the text, from Python.

    where(modality="MR", body_part="breast", age=(50, 69)) & same_series(modality="MR", field_strength=3)
    where(diagnosis=["lung", "breast"]) & not_(annotation="segmentation", or_missing=True)

Values: one word or number, a list of them, or a pair ``(low, high)`` of numbers for a range, either end None for open.
None stands for *not recorded*. Every name and value is read as in a query text. Warnings: ``QueryNote`` where a
number is no edge of a band.
"""

import warnings
from collections.abc import Iterable
from typing import Literal

from oncofed.contracts.canonical import check_place
from oncofed.contracts.criteria import MISSING, CriterionDefinition
from oncofed.contracts.errors import QueryError
from oncofed.contracts.query import Criterion, Group, Query
from oncofed.contracts.reading import Range, Reading, between, criterion_named, region_notes, value

Value = str | int | float | None
Values = Value | Iterable[Value]


class QueryNote(UserWarning):
    """A query was not read exactly as it was written; the text says how."""


def where(*parts: Query, **criteria: Values) -> Query:
    """A query of the criteria named; other queries may stand before them."""
    given = tuple(inner for query in parts for inner in query.all)
    return Query(all=(*given, *(_criterion(name, values) for name, values in criteria.items())))


def not_(*, or_missing: bool = False, **criteria: Values) -> Query:
    """The query that refuses each of the criteria named; ``or_missing`` keeps patients for whom none is recorded."""
    return Query(all=tuple(_criterion(n, v, negated=True, or_missing=or_missing) for n, v in criteria.items()))


def same_series(*parts: Query, negated: bool = False, or_missing: bool = False, **criteria: Values) -> Query:
    """A query that wants one series on which everything holds (``negated``: none)."""
    return _group("series", where(*parts, **criteria), negated, or_missing)


def same_study(*parts: Query, negated: bool = False, or_missing: bool = False, **criteria: Values) -> Query:
    """A query that wants one study on which everything holds (``negated``: none); may hold ``same_series``."""
    return _group("study", where(*parts, **criteria), negated, or_missing)


def _group(same: Literal["series", "study"], query: Query, negated: bool, or_missing: bool) -> Query:
    if not query.all:
        raise QueryError("query-syntax", f"same_{same} needs at least one criterion")
    for part in query.all:
        check_place(part, same)
    return Query(all=(Group(same=same, all=query.all, negated=negated, or_missing=or_missing),))


def _criterion(name: str, values: Values, *, negated: bool = False, or_missing: bool = False) -> Criterion:
    definition = criterion_named(name)
    reading = _read(definition, values)
    for note in (*reading.notes, *region_notes(definition, reading.cells)):
        warnings.warn(note, QueryNote, stacklevel=4)
    cells = tuple(dict.fromkeys(reading.cells))
    return Criterion(criterion=definition.name, values=cells, negated=negated, or_missing=or_missing)


def _read(definition: CriterionDefinition, values: Values) -> Reading:
    if isinstance(values, tuple) and (pair := _pair(values)):
        written = "..".join("" if end is None else f"{end:g}" for end in pair[:2])
        return between(definition, pair, written)
    listed = [values] if values is None or isinstance(values, str | int | float) else list(values)
    if not listed:
        raise QueryError("query-unknown-value", f"“{definition.text}” needs at least one value")
    readings = [Reading((MISSING,)) if one is None else value(definition, _word(one)) for one in listed]
    cells = tuple(cell for reading in readings for cell in reading.cells)
    return Reading(cells, tuple(note for reading in readings for note in reading.notes))


def _pair(values: tuple[Value, ...]) -> Range | None:
    numbers = [one for one in values if not isinstance(one, str)]
    if len(values) != 2 or len(numbers) != 2 or numbers == [None, None]:
        return None
    return Range(low=numbers[0], high=numbers[1])


def _word(one: str | int | float) -> str:
    return one if isinstance(one, str) else f"{one:g}"
