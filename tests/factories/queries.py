"""Hypothesis strategies for random queries within the grammar and its limits.

Values come from a few per criterion, broad and narrow ones, so that criteria meet, overlap and contradict each other.
A random query may be contradictory: ``canonical_queries`` leaves those out.
"""

from collections.abc import Sequence
from functools import cache

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from oncofed.contracts.canonical import cost, criteria_asked
from oncofed.contracts.criteria import CRITERIA, GROUP_LEVELS, MISSING
from oncofed.contracts.errors import QueryError
from oncofed.contracts.query import MAX_CRITERIA, MAX_VALUES, Criterion, Group, Part, Query
from oncofed.contracts.vocabulary import domain, terms

__all__ = ["canonical_queries", "criteria", "groups", "is_satisfiable", "pool", "queries", "within_limits"]

FREQUENT = ("sex", "diagnosis", "ct", "age_at_imaging", "annotation", "modality", "body_part", "field_strength")
"""Drawn more often than the others, so that several parts speak of one criterion."""


@cache
def pool(name: str) -> tuple[str, ...]:
    """A few values of a criterion: its first ones and, in a hierarchy, two whole branches of it."""
    values = domain(name)
    vocabulary = CRITERIA[name].values
    if not CRITERIA[name].hierarchical or not isinstance(vocabulary, str):
        return values[:6]
    table = terms(vocabulary)
    broad = [code for code in values if any(term.parent == code for term in table.values())][:3]
    narrow = [code for code in values if table[code].parent in broad][:6]
    alone = [code for code in values if not table[code].parent and code not in broad][:2]
    return (*broad, *narrow, *alone)


@cache
def _values(name: str) -> SearchStrategy[tuple[str, ...]]:
    few = st.lists(st.sampled_from((*pool(name), MISSING)), min_size=1, max_size=4, unique=True).map(tuple)
    everything = st.sampled_from([domain(name), (*domain(name), MISSING)])
    return few if CRITERIA[name].hierarchical else st.one_of(few, few, few, everything)


@cache
def _named(names: tuple[str, ...]) -> SearchStrategy[str]:
    frequent = [name for name in names if name in FREQUENT] or [*names]
    return st.sampled_from([*names, *frequent, *frequent])


@st.composite
def criteria(draw: st.DrawFn, names: Sequence[str] = tuple(CRITERIA)) -> Criterion:
    """One criterion of ``names``, positive or negated."""
    name = draw(_named(tuple(names)))
    negated = draw(st.booleans())
    return Criterion(
        criterion=name,
        values=draw(_values(name)),
        negated=negated,
        or_missing=negated and draw(st.booleans()),
    )


@cache
def _names_in(same: str) -> tuple[str, ...]:
    return tuple(name for name, criterion in CRITERIA.items() if criterion.level in GROUP_LEVELS[same])


@st.composite
def groups(draw: st.DrawFn, same: str | None = None) -> Group:
    """A ``same series`` or ``same study`` group; a study group may hold series groups."""
    kind = same or draw(st.sampled_from(["series", "study"]))
    inner: SearchStrategy[Part] = criteria(_names_in(kind))
    if kind == "study":
        inner = st.one_of(inner, inner, groups("series"))
    parts = draw(st.lists(inner, min_size=1, max_size=3))
    negated = draw(st.booleans())
    return Group.model_validate(
        {"same": kind, "all": tuple(parts), "negated": negated, "or_missing": negated and draw(st.booleans())}
    )


def within_limits(query: Query) -> bool:
    """The query has no more criteria and values than is allowed."""
    return criteria_asked(query.all) <= MAX_CRITERIA and sum(map(cost, _criteria(query.all))) <= MAX_VALUES


def _criteria(parts: Sequence[Part]) -> list[Criterion]:
    return [c for part in parts for c in ([part] if isinstance(part, Criterion) else _criteria(part.all))]


@st.composite
def queries(draw: st.DrawFn, max_parts: int = 5) -> Query:
    """A query within the limits, not canonical, perhaps contradictory."""
    part: SearchStrategy[Part] = st.one_of(criteria(), criteria(), groups())
    query = Query(all=tuple(draw(st.lists(part, max_size=max_parts))))
    while not within_limits(query):
        query = Query(all=query.all[:-1])
    return query


def is_satisfiable(query: Query) -> bool:
    """The query has a canonical form."""
    try:
        query.canonical()
    except QueryError as error:
        if error.code != "query-unsatisfiable":
            raise
        return False
    return True


def canonical_queries(max_parts: int = 5) -> SearchStrategy[Query]:
    """A canonical query."""
    return queries(max_parts).filter(is_satisfiable).map(Query.canonical)
