"""Which parts of a query say nothing beyond another part: "MR" beside "an MR at 3 T of the breast".

Only positive parts of one scope are compared. What holds for one series holds for its study and its patient, so a part
is implied by any other part that guarantees at least as much on one row.
"""

from collections.abc import Sequence

from oncofed.contracts.clauses import Cells, everything, named, row_cells
from oncofed.contracts.criteria import CRITERIA, Level
from oncofed.contracts.query import Criterion, Group, Part


def without_implied(parts: Sequence[Part]) -> list[Part]:
    """``parts`` without those that another of them implies; no two of ``parts`` are equal."""
    kept = list(parts)
    for part in parts:
        others = [other for other in kept if other != part]
        if any(implies(other, part) for other in others):
            kept = others
    return kept


def implies(strong: Part, weak: Part) -> bool:
    """Wherever ``strong`` holds, ``weak`` holds (sound, not complete); both canonical and of one scope."""
    if strong.negated or weak.negated:
        return False
    if isinstance(weak, Criterion):
        return isinstance(strong, Group) and _guarantees(strong, weak)
    as_group = _as_group(strong, weak.same)
    if as_group is None:
        return any(implies(part, weak) for part in strong.all) if isinstance(strong, Group) else False
    return _series_implies(as_group, weak) if weak.same == "series" else _study_implies(as_group, weak)


def _as_group(part: Part, same: str) -> Group | None:
    """``part`` seen as a claim about one series or one study, if it is one."""
    if isinstance(part, Group):
        if part.same == same:
            return part
        return Group(same="study", all=(part,)) if same == "study" else None
    levels = {"series": (Level.SERIES,), "study": (Level.STUDY, Level.SERIES)}[same]
    if CRITERIA[part.criterion].level not in levels or named(part).missing:
        return None
    return Group.model_validate({"same": same, "all": (part,)})


def _guarantees(strong: Group, weak: Criterion) -> bool:
    """Some row of ``strong`` has a value of ``weak``."""
    wanted = named(weak).values
    return any(found <= wanted for found in _values_found(strong, weak.criterion))


def _values_found(group: Group, name: str) -> list[frozenset[str]]:
    """Sets of values of criterion ``name``, of each of which the row of ``group`` surely has one."""
    here = [part for part in group.all if isinstance(part, Criterion) and part.criterion == name]
    if group.same == "series":
        cells = row_cells(here) if here else Cells(frozenset(), True)
        return [] if cells.missing else [cells.values]
    none_of = frozenset[str]().union(*(named(part).values for part in here if part.negated))
    found = [named(part).values - none_of for part in here if not part.negated and not named(part).missing]
    found += [everything(name) - none_of for part in here if part.negated and not part.or_missing]
    for part in group.all:
        if isinstance(part, Group) and not part.negated:
            found += _values_found(part, name)
    return found


def _series_implies(strong: Group, weak: Group) -> bool:
    names = {part.criterion for part in weak.all if isinstance(part, Criterion)}
    return all(_row_cells_of(strong, name).within(_row_cells_of(weak, name)) for name in names)


def _row_cells_of(group: Group, name: str) -> Cells:
    here = [part for part in group.all if isinstance(part, Criterion) and part.criterion == name]
    return row_cells(here) if here else Cells(everything(name), True)


def _study_implies(strong: Group, weak: Group) -> bool:
    return all(_holds_in(strong, part) for part in weak.all)


def _holds_in(study: Group, part: Part) -> bool:
    if part in study.all:
        return True
    if part.negated:
        return False
    if isinstance(part, Criterion):
        return _guarantees(study, part)
    return any(implies(other, part) for other in study.all)
