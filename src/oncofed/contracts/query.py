"""The query: who is counted. One closed form that text, SDK builder and portal form all compile to.

The unit is the patient *within one dataset release*. A query is the AND of its parts; a part is a criterion (an OR-set
of values) or a group of parts that must hold on one series or one study:

* A criterion of which a patient has one value holds if that value (or ``missing``) is among ``values``.
* A criterion of which a patient may have several holds if any of them is among ``values`` or narrower, or if none is
  recorded and ``missing`` is among ``values``. Negated, it holds if some value is recorded and none is among
  ``values`` or narrower; with ``or_missing`` also if none is recorded.
* ``same series (…)`` holds if one series meets every part; ``same study (…)`` if one study does, where a criterion of
  the series looks at all series of that study.
* A negated group holds if there is a row on which every criterion of the group is recorded, and no row that matches;
  with ``or_missing`` the first condition falls away.

Equivalent queries have one canonical form and one ``key`` (``contracts.canonical``): the key is what the noise of an
answer is drawn from, so equal questions get equal answers.
"""

import hashlib
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from oncofed.contracts.base import Cell, CriterionName, Wire
from oncofed.contracts.errors import QueryError
from oncofed.contracts.vocabulary import VOCABULARY_VERSION

CANONICALISER_VERSION = "1"
"""Changes whenever some query gets another canonical form: it is part of the key of every query."""

MAX_CRITERIA = 12
"""Criteria in a query, in groups or not, besides ``species``."""
MAX_DEPTH = 3
"""Query, study group, series group."""
MAX_VALUES = 200
"""Values named in a query (``canonical.cost``)."""


class Criterion(Wire):
    """An OR-set of values of one criterion. ``or_missing`` widens a negated criterion to patients without any value."""

    criterion: CriterionName
    values: Annotated[tuple[Cell, ...], Field(min_length=1, max_length=1000)]
    negated: bool = False
    or_missing: bool = False


class Group(Wire):
    """Parts that must hold together on one series or on one study."""

    same: Literal["series", "study"]
    all: Annotated[tuple["Criterion | Group", ...], Field(min_length=1, max_length=100)]
    negated: bool = False
    or_missing: bool = False


Part = Criterion | Group


class Query(Wire):
    """A cohort: the AND of its parts. No part: every human patient."""

    all: Annotated[tuple[Part, ...], Field(max_length=100)] = ()

    def __and__(self, other: "Query") -> "Query":
        """The query of those whom both count."""
        return Query(all=(*self.all, *other.all))

    def canonical(self) -> "Query":
        """The one form of all equivalent queries (``QueryError`` outside the grammar, the limits, or contradictory)."""
        return _canonical(self)

    @property
    def key(self) -> str:
        """Digest of canonical form, canonicaliser and vocabulary version: equal for equivalent queries."""
        versions = f"{CANONICALISER_VERSION}\n{VOCABULARY_VERSION}\n".encode()
        return hashlib.sha256(versions + self.canonical().canonical_bytes()).hexdigest()

    def text(self) -> str:
        """The query as text that ``parse`` reads back to the same canonical query."""
        from oncofed.contracts.writing import text

        return text(self)

    def explain(self) -> str:
        """One plain English sentence that says who is counted."""
        from oncofed.contracts.explain import explain

        return explain(self)


class Parsed(NamedTuple):
    """A query read from text, canonical, and what the reader should know about how it was read."""

    query: Query
    notes: tuple[str, ...] = ()


def parse(text: str) -> Parsed:
    """Read a query text (``contracts.query_text``); ``QueryError`` with position and nearest word if it is not one."""
    from oncofed.contracts.query_text import parse as read

    return read(text)


def query_of(payload: dict[str, Any]) -> Query:
    """The canonical query in a wire payload; ``QueryError`` if it is not one."""
    try:
        return Query.model_validate(payload).canonical()
    except ValidationError as error:
        place = ".".join(str(step) for step in error.errors()[0]["loc"])
        raise QueryError("query-syntax", f"the query object is not valid at {place or 'the top'}") from error


@lru_cache(maxsize=1024)
def _canonical(query: Query) -> Query:
    from oncofed.contracts.canonical import canonical

    return canonical(query)
