"""The canonical form of a query: one for all equivalent queries that the grammar can express.

What is done, in this order: the query is checked (names, values, levels, limits); every scope (patient, study, series)
gathers its criteria by name and takes their least form (``contracts.clauses``); groups that say no more than a
criterion become one; parts that others imply are dropped (``contracts.implication``); everything is sorted. Species is
human unless it is asked for.

Not seen through (equivalent queries that keep two forms): redundancy between or inside negated groups, and between a
negated part and a positive group. Each form is charged as a query of its own.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from oncofed.contracts.clauses import contradiction, everything, full, is_full, named, one_row, several
from oncofed.contracts.criteria import CRITERIA, GROUP_LEVELS, MISSING
from oncofed.contracts.errors import QueryError
from oncofed.contracts.implication import without_implied
from oncofed.contracts.query import MAX_CRITERIA, MAX_DEPTH, MAX_VALUES, Criterion, Group, Part, Query
from oncofed.contracts.vocabulary import domain, nearest

Scope = Literal["patient", "study", "series"]

SOME_ROW: dict[str, str] = {"series": "modality", "study": "timepoint"}
"""Criterion that stands, with all its cells, for "there is a series" or "there is a study"."""

_ORDER = {name: place for place, name in enumerate(CRITERIA)}
_HUMAN = Criterion(criterion="species", values=("human",))


def canonical(query: Query) -> Query:
    """The canonical form of ``query``; ``QueryError`` outside the grammar or the limits, or if nothing can match."""
    check(query)
    parts = query.all
    if not any(isinstance(part, Criterion) and part.criterion == "species" for part in parts):
        parts = (*parts, _HUMAN)
    return Query(all=tuple(_scope("patient", parts, keep_full=False)))


def check(query: Query) -> None:
    """Refuse a query with unknown names or values, misplaced criteria, or beyond the limits."""
    if _depth(query.all) > MAX_DEPTH:
        raise QueryError("query-too-large", f"groups stand more than {MAX_DEPTH} levels deep")
    criteria = list(_criteria(query.all))
    for criterion in criteria:
        _check_values(criterion)
    if (asked := criteria_asked(query.all)) > MAX_CRITERIA:
        raise QueryError("query-too-large", f"{asked} criteria are more than {MAX_CRITERIA}")
    if (values := sum(map(cost, criteria))) > MAX_VALUES:
        raise QueryError("query-too-large", f"{values} values are more than {MAX_VALUES}")
    for part in query.all:
        if isinstance(part, Group):
            _check_group(part)


def criteria_asked(parts: Sequence[Part]) -> int:
    """How many criteria ``parts`` count for: all but species; on one series those of one name count once."""
    here = [part.criterion for part in parts if isinstance(part, Criterion) and part.criterion != "species"]
    within = (part for part in parts if isinstance(part, Group))
    return len(here) + sum(
        len({*map(_name_of, group.all)}) if group.same == "series" else criteria_asked(group.all) for group in within
    )


def _name_of(part: Part) -> str:
    return part.criterion if isinstance(part, Criterion) else part.same


def cost(criterion: Criterion) -> int:
    """How many values a criterion counts for: those it names or, in a flat vocabulary, those it leaves out, plus one.

    Taking the complement leaves the cost as it is, so the canonical form of a query within the limits is within them.
    """
    values = len({value for value in criterion.values if value != MISSING})
    if criterion.criterion == "species":
        return 0
    if CRITERIA[criterion.criterion].hierarchical:
        return values
    return min(values, len(domain(criterion.criterion)) - values) + 1


def _depth(parts: Iterable[Part]) -> int:
    deepest, level = 1, [part for part in parts if isinstance(part, Group)]
    while level:
        deepest += 1
        level = [part for group in level for part in group.all if isinstance(part, Group)]
    return deepest


def _criteria(parts: Iterable[Part]) -> Iterable[Criterion]:
    for part in parts:
        if isinstance(part, Criterion):
            yield part
        else:
            yield from _criteria(part.all)


def _check_values(criterion: Criterion) -> None:
    name = criterion.criterion
    if name not in CRITERIA:
        raise QueryError("query-unknown-criterion", f"“{name}” is no criterion", suggestion=nearest(CRITERIA, name))
    known = everything(name)
    for value in criterion.values:
        if value not in known and value != MISSING:
            raise QueryError("query-unknown-value", f"“{value}” is no value of “{CRITERIA[name].text}”")


def _check_group(group: Group) -> None:
    if group.or_missing and not group.negated:
        raise QueryError("query-syntax", "“or missing” can only follow a group that begins with “not”")
    for part in group.all:
        check_place(part, group.same)
        if isinstance(part, Group):
            _check_group(part)


def check_place(part: Part, same: str) -> None:
    """Refuse a part that cannot stand in a ``same`` group."""
    if isinstance(part, Group):
        if (same, part.same) != ("study", "series"):
            raise QueryError("query-not-in-group", f"“same {part.same}” cannot stand inside “same {same}”")
    elif CRITERIA[part.criterion].level not in GROUP_LEVELS[same]:
        name = CRITERIA[part.criterion].text
        raise QueryError("query-not-in-group", f"“{name}” is not recorded by {same} and cannot stand inside the group")


def _scope(scope: Scope, parts: Sequence[Part], *, keep_full: bool) -> list[Part]:
    """The canonical parts of one scope. ``keep_full``: each criterion named must stay named, if only with all cells."""
    simple: list[Part] = [part for part in parts if isinstance(part, Criterion)]
    for part in parts:
        if isinstance(part, Group):
            simple.append(_group(part, keep_full=keep_full))
    by_name: dict[str, list[Criterion]] = {}
    groups: list[Part] = []
    for part in simple:
        if isinstance(part, Criterion):
            by_name.setdefault(part.criterion, []).append(part)
        else:
            groups.append(part)
    found: list[Part] = list(dict.fromkeys(groups))
    for name, criteria in by_name.items():
        single = scope == "series" or not CRITERIA[name].several
        keep = keep_full or name == "species"
        found += one_row(name, criteria, keep_full=keep) if single else several(name, criteria, keep_full=keep)
    if not keep_full:
        found = without_implied(found)
    return sorted(found, key=_place)


def _place(part: Part) -> tuple[int, bytes]:
    place = _ORDER[part.criterion] if isinstance(part, Criterion) else len(_ORDER)
    return place, part.canonical_bytes()


def _group(group: Group, *, keep_full: bool) -> Part:
    """The canonical form of a group in its scope: a group, or the criterion that says the same."""
    same, strict = group.same, group.negated and not group.or_missing
    inner = _scope(same, group.all, keep_full=keep_full or strict)
    if strict and all(map(_says_nothing, inner)):
        raise contradiction(next(iter(_criteria(inner))).criterion)
    inner = inner or [full(SOME_ROW[same])]
    if len(inner) == 1 and (lifted := _lifted(inner[0])) is not None:
        return lifted.model_copy(update={"negated": group.negated, "or_missing": group.or_missing})
    return group.model_copy(update={"all": tuple(inner)})


def _says_nothing(part: Part) -> bool:
    """Any row on which the part's criteria are recorded meets it."""
    return is_full(part) if isinstance(part, Criterion) else not part.negated and all(map(_says_nothing, part.all))


def _lifted(part: Part) -> Part | None:
    """``part`` if a group of it alone says no more than it does one scope further out; else None.

    "A study with an MR" is "an MR"; but "a study without an MR" or "a series that states no body part" is not
    the same of a patient.
    """
    if part.negated:
        return None
    if isinstance(part, Criterion) and named(part).missing:
        return None
    return part
