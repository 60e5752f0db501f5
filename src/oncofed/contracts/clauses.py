"""Canonical forms of the criteria of one name in one scope. Pure set algebra over the cells of the criterion.

A scope is *one row* where each row has at most one value (a patient for sex, a series for modality), or *several*
where a row has a set of values (a patient or a study for modality).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from oncofed.contracts.criteria import CRITERIA, MISSING
from oncofed.contracts.errors import QueryError
from oncofed.contracts.query import Criterion
from oncofed.contracts.vocabulary import cover, domain, expand


@dataclass(frozen=True)
class Cells:
    """A set of values, expanded, and whether *not recorded* belongs to it."""

    values: frozenset[str]
    missing: bool

    def within(self, other: "Cells") -> bool:
        """Every cell of this set is in ``other``."""
        return self.values <= other.values and (other.missing or not self.missing)


@cache
def everything(name: str) -> frozenset[str]:
    """All values of criterion ``name``, without ``missing``."""
    return frozenset(domain(name))


def full(name: str) -> Criterion:
    """The criterion that any row meets: all values and ``missing``."""
    return written(name, everything(name), missing=True)


def is_full(criterion: Criterion) -> bool:
    """Any row meets ``criterion``."""
    return not criterion.negated and named(criterion) == Cells(everything(criterion.criterion), True)


def named(criterion: Criterion) -> Cells:
    """The cells a criterion names, expanded, whether it is negated or not."""
    values = expand(criterion.criterion, criterion.values)
    asks_missing = MISSING in values or (criterion.or_missing and not criterion.negated)
    return Cells(values - {MISSING}, asks_missing)


def written(name: str, values: Iterable[str], *, missing: bool = False, negated: bool = False) -> Criterion:
    """A criterion over the fewest values that expand to ``values``, in the order of the domain.

    ``missing``: *not recorded* matches too (as a value, or as ``or_missing`` of a negated criterion).
    """
    least = cover(name, values)
    cells = [value for value in domain(name) if value in least]
    if missing and not negated:
        cells.append(MISSING)
    return Criterion(criterion=name, values=tuple(cells), negated=negated, or_missing=negated and missing)


def contradiction(name: str) -> QueryError:
    """What is raised when the criteria of one name leave no value."""
    return QueryError("query-unsatisfiable", f"no value of “{CRITERIA[name].text}” meets everything asked of it")


def closure(name: str, values: frozenset[str]) -> frozenset[str]:
    """``values`` and everything narrower."""
    return expand(name, values)


def row_cells(criteria: Iterable[Criterion]) -> Cells:
    """The cells of a row that meet all ``criteria`` (of one name) where a row has one value."""
    values: frozenset[str] | None = None
    missing = True
    for criterion in criteria:
        cells = named(criterion)
        allowed = everything(criterion.criterion) - cells.values if criterion.negated else cells.values
        values = allowed if values is None else values & allowed
        missing = missing and (criterion.or_missing if criterion.negated else cells.missing)
    return Cells(values or frozenset(), missing)


def one_row(name: str, criteria: Sequence[Criterion], *, keep_full: bool) -> list[Criterion]:
    """The canonical form of ``criteria`` where a row has one value: none if any row meets them (or ``full``, if kept).

    Negations become the values that remain. In a hierarchy "everything but liver" has no such list (abdomen without
    its liver is no value), so there a negated criterion may stay, if need be beside a positive one.
    """
    cells = row_cells(criteria)
    values, missing, domain_values = cells.values, cells.missing, everything(name)
    if not values and not missing:
        raise contradiction(name)
    if values == domain_values and missing:
        return [full(name)] if keep_full else []
    if not values or not CRITERIA[name].hierarchical:
        return [written(name, values, missing=missing)]
    return _shortest(name, values, missing=missing)


def _shortest(name: str, values: frozenset[str], *, missing: bool) -> list[Criterion]:
    """The form of ``values`` in a hierarchy that names the fewest codes: positive, negated, or one of each.

    Which it is depends on ``values`` alone, and it never names more than the criteria it was made from.
    """
    rest, wide = everything(name) - values, closure(name, values)
    forms = [[written(name, wide, missing=missing)]]
    if wide != values:
        forms = [[*forms[0], written(name, wide - values, negated=True, missing=missing)]]
    if rest and closure(name, rest) == rest:
        forms.append([written(name, rest, negated=True, missing=missing)])
    return min(forms, key=lambda form: sum(len(criterion.values) for criterion in form))


def several(name: str, criteria: Sequence[Criterion], *, keep_full: bool) -> list[Criterion]:
    """The canonical form of ``criteria`` where a row has a set of values.

    The conjunction is a monotone one ("has one of A", "has none of N"): its minimal clauses are unique.
    """
    wanted = [named(criterion) for criterion in criteria if not criterion.negated]
    refused = [criterion for criterion in criteria if criterion.negated]
    none_of = frozenset[str]().union(*(named(criterion).values for criterion in refused))
    recorded = any(not cells.missing for cells in wanted) or any(not criterion.or_missing for criterion in refused)
    rest = everything(name) - none_of
    one_of = [cells.values - none_of for cells in wanted]
    if not rest or not all(one_of):
        if recorded:
            raise contradiction(name)
        return [written(name, (), missing=True)]
    clauses = _minimal(one_of)
    if none_of or not recorded:
        clauses = [clause for clause in clauses if clause != rest]
    elif not clauses:
        clauses = [rest]
    found = [written(name, closure(name, clause), missing=not recorded) for clause in clauses]
    if none_of:
        found.append(written(name, none_of, negated=True, missing=not recorded))
    return found or ([full(name)] if keep_full else [])


def _minimal(clauses: Sequence[frozenset[str]]) -> list[frozenset[str]]:
    distinct = dict.fromkeys(clauses)
    return [clause for clause in distinct if not any(other < clause for other in distinct)]
