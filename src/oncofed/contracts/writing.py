"""A query as text that ``parse`` reads back: what permalinks, chips and “copy as” show."""

import re
from collections.abc import Iterable

from oncofed.contracts.clauses import everything, named
from oncofed.contracts.criteria import CRITERIA, MISSING, Bands
from oncofed.contracts.query import Criterion, Group, Part, Query

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+/-]*")
_RESERVED = frozenset({"and", "or", "not", "in", "is", "between", "same", "any", "recorded"})


def text(query: Query) -> str:
    """``query`` in the query language; ``species = human`` alone is the default and left out."""
    species = [part for part in query.all if isinstance(part, Criterion) and part.criterion == "species"]
    default = species == [Criterion(criterion="species", values=("human",))]
    return _conjunction(part for part in query.all if not (default and part in species))


def _conjunction(parts: Iterable[Part]) -> str:
    return " and ".join(_group(part) if isinstance(part, Group) else criterion_text(part) for part in parts)


def _group(group: Group) -> str:
    written = f"same {group.same} ({_conjunction(group.all)})"
    if group.negated:
        written = f"not {written}"
    return f"{written} or missing" if group.or_missing else written


def criterion_text(criterion: Criterion) -> str:
    """One criterion in the query language."""
    written = _comparison(criterion)
    if criterion.negated:
        written = f"not {written}"
    return f"{written} or missing" if criterion.or_missing else written


def _comparison(criterion: Criterion) -> str:
    name = CRITERIA[criterion.criterion].text
    cells = named(criterion)
    asks_missing = MISSING in criterion.values
    if cells.values == everything(criterion.criterion):
        return f"{name} = any" if asks_missing else f"{name} is recorded"
    if criterion.values == (MISSING,):
        return f"{name} is missing"
    bands = CRITERIA[criterion.criterion].bands
    if bands and not asks_missing and (written := _run(bands, criterion.values)):
        return f"{name} {written}"
    values = [_quoted(value) for value in criterion.values]
    return f"{name} = {values[0]}" if len(values) == 1 else f"{name} in ({', '.join(values)})"


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED else f'"{value}"'


def _run(bands: Bands, values: tuple[str, ...]) -> str | None:
    """``50..69`` or ``>= 90`` for bands that follow on each other; None for others."""
    bounds = run_of_bands(bands, values)
    if bounds is None:
        return None
    low, high = bounds
    return f">= {low:g}" if high is None else f"{low:g}..{high:g}"


def run_of_bands(bands: Bands, values: Iterable[str]) -> tuple[float, float | None] | None:
    """First and last number of bands that follow on each other (last None: open; exclusive where ``step`` is 0)."""
    places = sorted(bands.labels.index(value) for value in values if value != MISSING)
    if not places or places != list(range(places[0], places[-1] + 1)):
        return None
    low, after = bands.edges[places[0]], places[-1] + 1
    return low, None if after == len(bands.edges) else bands.edges[after] - bands.step
