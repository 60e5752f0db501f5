"""Random patients as plain Python values, and the plainest reading of what a query says of one.

``matches`` follows the text of ``oncofed.contracts.query`` line by line, without looking at how anything is compiled:
the canonical form and the warehouse are both held against it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from oncofed.contracts.criteria import CRITERIA, MISSING, Level
from oncofed.contracts.query import Criterion, Group, Part, Query
from oncofed.contracts.vocabulary import expand
from tests.factories.queries import pool

Values = dict[str, frozenset[str]]
"""Recorded values by criterion; a criterion that is not recorded is absent."""


@dataclass(frozen=True)
class Study:
    values: Values
    series: tuple[Values, ...]


@dataclass(frozen=True)
class Patient:
    values: Values
    studies: tuple[Study, ...]


def matches(query: Query, patient: Patient) -> bool:
    """The patient is counted by ``query``, taken as it is (no default species)."""
    return all(_holds(part, patient) for part in query.all)


def _holds(part: Part, patient: Patient) -> bool:
    if isinstance(part, Criterion):
        return _criterion_holds(part, _values_of_patient(part.criterion, patient))
    if part.same == "study":
        hits = [all(_holds_in_study(inner, study) for inner in part.all) for study in patient.studies]
        recorded = [all(_recorded_in_study(inner, study) for inner in part.all) for study in patient.studies]
        return _group_holds(part, hits, recorded)
    return _series_group_holds(part, [series for study in patient.studies for series in study.series])


def _group_holds(group: Group, hits: Iterable[bool], recorded: Iterable[bool]) -> bool:
    if not group.negated:
        return any(hits)
    return not any(hits) and (group.or_missing or any(recorded))


def _series_group_holds(group: Group, rows: Iterable[Values]) -> bool:
    criteria = [part for part in group.all if isinstance(part, Criterion)]
    hits = [all(_criterion_holds(c, row.get(c.criterion, frozenset())) for c in criteria) for row in rows]
    return _group_holds(group, hits, [_recorded_in_series(group, row) for row in rows])


def _holds_in_study(part: Part, study: Study) -> bool:
    if isinstance(part, Criterion):
        return _criterion_holds(part, _values_of_study(part.criterion, study))
    return _series_group_holds(part, study.series)


def _recorded_in_study(part: Part, study: Study) -> bool:
    if isinstance(part, Criterion):
        return bool(_values_of_study(part.criterion, study))
    return any(_recorded_in_series(part, series) for series in study.series)


def _recorded_in_series(group: Group, series: Values) -> bool:
    return all(bool(series.get(part.criterion)) for part in group.all if isinstance(part, Criterion))


def _criterion_holds(criterion: Criterion, recorded: frozenset[str]) -> bool:
    wanted = expand(criterion.criterion, criterion.values)
    if criterion.negated:
        return recorded.isdisjoint(wanted) if recorded else criterion.or_missing
    return not recorded.isdisjoint(wanted) if recorded else MISSING in criterion.values


def _values_of_patient(name: str, patient: Patient) -> frozenset[str]:
    if CRITERIA[name].level in (Level.STUDY, Level.SERIES):
        return frozenset[str]().union(*(_values_of_study(name, study) for study in patient.studies))
    return patient.values.get(name, frozenset())


def _values_of_study(name: str, study: Study) -> frozenset[str]:
    if CRITERIA[name].level is Level.SERIES:
        return frozenset[str]().union(*(series.get(name, frozenset()) for series in study.series))
    return study.values.get(name, frozenset())


# ---- strategies -----------------------------------------------------------------------------------------------------


def _recorded(levels: set[Level], names: frozenset[str]) -> SearchStrategy[Values]:
    """Some values for the criteria of ``names`` at ``levels``; one at most where a row has at most one."""
    wanted = [criterion for name, criterion in CRITERIA.items() if name in names and criterion.level in levels]
    most = {c.name: 1 if Level.SERIES in levels or not c.several else 3 for c in wanted}
    sets = {name: st.frozensets(st.sampled_from(pool(name)), max_size=size) for name, size in most.items()}
    return st.fixed_dictionaries(sets).map(lambda values: {name: found for name, found in values.items() if found})


@st.composite
def patients(draw: st.DrawFn, names: Iterable[str] = tuple(CRITERIA)) -> Patient:
    """A patient with up to two studies of up to three series; only criteria of ``names`` are recorded."""
    kept = frozenset(names)
    series = _recorded({Level.SERIES}, kept)
    studies = st.builds(Study, _recorded({Level.STUDY}, kept), st.lists(series, min_size=1, max_size=3).map(tuple))
    of_patient = _recorded({*Level} - {Level.STUDY, Level.SERIES}, kept)
    return Patient(draw(of_patient), draw(st.lists(studies, max_size=2).map(tuple)))
