"""One step from a query to the next: what a click or a small form of the search page does. Pure.

Every function takes a canonical query and gives a new one, not yet canonical; the caller canonicalises, which may say
that nobody can match.
"""

from collections.abc import Iterable
from typing import Literal

from oncofed.contracts import vocabulary
from oncofed.contracts.criteria import CRITERIA, MISSING
from oncofed.contracts.errors import QueryError
from oncofed.contracts.query import Criterion, Group, Part, Query

SPECIES = "species"


def add(query: Query, criterion: str, values: Iterable[str]) -> Query:
    """``values`` beside those already asked of the criterion ("MR or CT"); a new criterion if there is none yet."""
    wanted = tuple(values)
    for index, part in enumerate(query.all):
        if _asks(part, criterion):
            merged = Criterion(criterion=criterion, values=(*part.values, *wanted))  # type: ignore[union-attr]
            return _with(query, index, merged)
    return Query(all=(*query.all, Criterion(criterion=criterion, values=wanted)))


def put(query: Query, criterion: str, values: Iterable[str]) -> Query:
    """``values`` in place of those asked of the criterion."""
    kept = tuple(part for part in query.all if not _asks(part, criterion))
    return Query(all=(*kept, Criterion(criterion=criterion, values=tuple(values))))


def drop(query: Query, criterion: str, value: str) -> Query:
    """Without one value of a criterion; without the criterion if it was the last."""
    for index, part in enumerate(query.all):
        if _asks(part, criterion) and value in part.values:  # type: ignore[union-attr]
            rest = tuple(other for other in part.values if other != value)  # type: ignore[union-attr]
            return _with(query, index, Criterion(criterion=criterion, values=rest)) if rest else remove(query, index)
    return query


def remove(query: Query, index: int) -> Query:
    """Without the part. Without its species criterion a query would fall back to humans: all species are named."""
    part = _part(query, index)
    rest = tuple(other for number, other in enumerate(query.all) if number != index)
    if isinstance(part, Criterion) and part.criterion == SPECIES:
        return Query(all=(*rest, Criterion(criterion=SPECIES, values=(*vocabulary.domain(SPECIES), MISSING))))
    return Query(all=rest)


def invert(query: Query, index: int) -> Query:
    """The part turned into its opposite: "not CT" for "CT"; who has nothing recorded matches neither."""
    part = _part(query, index)
    return _with(query, index, part.model_copy(update={"negated": not part.negated, "or_missing": False}))


def between(query: Query, criterion: str, low: str, high: str) -> Query:
    """The bands from ``low`` to ``high``, both included, in place of those asked; empty ends are open."""
    labels = vocabulary.domain(criterion)
    try:
        first = labels.index(low) if low else 0
        last = labels.index(high) if high else len(labels) - 1
    except ValueError as error:
        raise QueryError("query-unknown-value", f"“{low}” to “{high}” are no bands of {criterion}") from error
    if first > last:
        first, last = last, first
    return put(query, criterion, labels[first : last + 1])


def together(query: Query, same: Literal["series", "study"], parts: Iterable[tuple[str, str]]) -> Query:
    """With a group whose criteria must hold on one series or one study; values of one criterion stand as "or"."""
    wanted: dict[str, list[str]] = {}
    for criterion, value in parts:
        wanted.setdefault(criterion, []).append(value)
    if not wanted:
        return query
    inside = tuple(Criterion(criterion=name, values=tuple(values)) for name, values in wanted.items())
    return Query(all=(*query.all, Group(same=same, all=inside)))


def known(criterion: str, text: str) -> str:
    """The value a person means by ``text``; ``QueryError(query-unknown-value)`` with the nearest word."""
    if criterion not in CRITERIA:
        raise QueryError("query-unknown-criterion", f"“{criterion}” is no criterion")
    value = vocabulary.lookup(criterion, text)
    if value is None:
        near = vocabulary.nearest(vocabulary.words(criterion), text)
        raise QueryError("query-unknown-value", f"“{text}” is no {CRITERIA[criterion].label.lower()}", suggestion=near)
    return value


def _asks(part: Part, criterion: str) -> bool:
    return isinstance(part, Criterion) and part.criterion == criterion and not part.negated


def _part(query: Query, index: int) -> Part:
    if not 0 <= index < len(query.all):
        raise QueryError("query-syntax", "the query has changed since this page was loaded")
    return query.all[index]


def _with(query: Query, index: int, part: Part) -> Query:
    return Query(all=(*query.all[:index], part, *query.all[index + 1 :]))
