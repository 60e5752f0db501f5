"""Quasi-identifiers, their hierarchies, and the search for the least generalisation that makes small classes rare.

The levels of all quasi-identifiers form a lattice. Nodes are tried in the order of the information they lose, cheapest
first, so the first that leaves at most ``MAX_SUPPRESSED`` of the patients in classes below k is the best there is.
After ``MAX_TRIED`` nodes a greedy climb and descent decides. Information: entropy (bits) over all variables, each
weighted by what it is worth to research.
"""

import heapq
import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from oncofed.contracts.vocabulary import roll_up
from oncofed.prepare.checks.findings import Generalisation

Row = tuple[str, ...]
Levels = tuple[int, ...]
Numbers = np.ndarray[Any, Any]
MAX_SUPPRESSED = 0.05
MAX_TRIED = 1_000
MAX_WORK = 10_000_000
"""Nodes tried times distinct rows."""
_TINY = 1e-9
_LARGEST = 2**62
LEFT_OUT = "*"


class Level(NamedTuple):
    """One way to tell a value: its words, and the value made coarser."""

    words: str
    coarser: Callable[[str], str]


class Quasi(NamedTuple):
    """A quasi-identifier: SQL of its value for patient ``p``, its levels from finest to left out, and its worth."""

    name: str
    label: str
    query: str
    levels: tuple[Level, ...]
    worth: float = 1.0

    def at(self, level: int, value: str) -> str:
        """``value`` as told at ``level``; several values (joined by ``|``) each, then together again.

        Not recorded ("") stays so, until the variable is left out.
        """
        if level == len(self.levels) - 1:
            return LEFT_OUT
        coarser = self.levels[level].coarser
        return "|".join(sorted({coarser(part) for part in value.split("|")})) if value else ""


def _same(value: str) -> str:
    return value


def _nothing(_: str) -> str:
    return LEFT_OUT


def _band(width: int) -> Callable[[str], str]:
    def coarser(value: str) -> str:
        low = math.floor(float(value) / width) * width
        return f"{low}-{low + width - 1}"

    return coarser


def _rolled(criterion: str) -> Callable[[str], str]:
    def coarser(value: str) -> str:
        try:
            return roll_up(criterion, value)
        except KeyError:
            return "unknown code"

    return coarser


_AS_IS, _OUT = Level("as it is", _same), Level("left out", _nothing)
_IN_ALL = (_AS_IS, _OUT)
_AGES = (_AS_IS, *(Level(f"{width}-year bands", _band(width)) for width in (5, 10, 20)), _OUT)
_YEARS = (_AS_IS, *(Level(f"{width}-year bands", _band(width)) for width in (2, 5, 10)), _OUT)
_OF_PATIENT = "WHERE x.patient_key = p.patient_key"


def _listed(table: str, column: str) -> str:
    return f"SELECT string_agg(DISTINCT {column}, '|' ORDER BY {column}) FROM {table} x {_OF_PATIENT}"  # noqa: S608


QUASI_IDENTIFIERS = (
    Quasi("sex", "Sex at birth", "any_value(birth_sex)", _IN_ALL, 8.0),
    Quasi(
        "age",
        "Age",
        f"coalesce((SELECT floor(min(age_at_diagnosis))::INTEGER FROM cancer_condition x {_OF_PATIENT}), "  # noqa: S608
        f"(SELECT floor(min(age_at_imaging))::INTEGER FROM imaging_study x {_OF_PATIENT}))",
        _AGES,
        3.0,
    ),
    Quasi(
        "year",
        "Year of diagnosis or first imaging",
        f"coalesce((SELECT min(diagnosis_year) FROM cancer_condition x {_OF_PATIENT}), "  # noqa: S608
        f"(SELECT min(acquisition_year) FROM imaging_study x {_OF_PATIENT}))",
        _YEARS,
    ),
    Quasi("country", "Country", "any_value(country)", _IN_ALL),
    Quasi(
        "diagnosis",
        "Diagnosis",
        _listed("cancer_condition", "oncotree_code"),
        (_AS_IS, Level("tissue", _rolled("diagnosis")), _OUT),
        4.0,
    ),
    Quasi("laterality", "Laterality of the tumour", _listed("cancer_condition", "laterality"), _IN_ALL),
    Quasi(
        "body_part",
        "Body part examined",
        _listed("v_imaging_series", "body_part_code"),
        (_AS_IS, Level("region", _rolled("body_part")), _OUT),
    ),
    Quasi("modality", "Modalities", _listed("v_imaging_series", "modality"), _IN_ALL),
    Quasi("manufacturer", "Manufacturer", _listed("v_imaging_series", "manufacturer_norm"), _IN_ALL),
    Quasi("model", "Model of the scanner", _listed("v_imaging_series", "model"), _IN_ALL, 0.5),
)
"""What an outsider may know or find out about a patient, from clinical and imaging data together."""

AS_IT_IS: Levels = (0,) * len(QUASI_IDENTIFIERS)


class Coded:
    """A column of values as whole numbers: each different value is kept once, in the order of first appearance."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._codes = array("i")

    def append(self, value: str) -> None:
        """Take one more value."""
        self._codes.append(self._places.setdefault(value, len(self._places)))

    @property
    def codes(self) -> Numbers:
        """The number of each row's value."""
        return np.array(self._codes, dtype=np.int64)

    @property
    def values(self) -> list[str]:
        """The different values, by their numbers."""
        return list(self._places)


class Lattice:
    """All ways of telling ``rows`` (one a patient, values in the order of ``QUASI_IDENTIFIERS``), as whole numbers.

    ``rows`` are taken one by one: of each only numbers are kept.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        columns = [Coded() for _ in QUASI_IDENTIFIERS]
        for row in rows:
            for column, value in zip(columns, row, strict=True):
                column.append(value)
        table = np.stack([column.codes for column in columns], axis=1)
        weights, self._distinct, self._counts = _distinct(table)
        self._codes = [
            _levels(quasi, column.values, weights[:, place])
            for place, (quasi, column) in enumerate(zip(QUASI_IDENTIFIERS, columns, strict=True))
        ]
        self._sizes = [[int(codes.max(initial=0)) + 1 for codes in levels] for levels in self._codes]
        entropies = [[self._entropy(codes) for codes in levels] for levels in self._codes]
        self._losses = [
            [quasi.worth * max(own[0] - entropy, 0.0) for entropy in own]
            for quasi, own in zip(QUASI_IDENTIFIERS, entropies, strict=True)
        ]

    def classes(self, levels: Levels) -> Numbers:
        """The number of each patient's equivalence class at these levels, from 0."""
        return np.asarray(self._classes(levels)[self._distinct])

    def varying(self) -> list[int]:
        """The places of the quasi-identifiers that have several values."""
        return [place for place, sizes in enumerate(self._sizes) if sizes[0] > 1]

    def kept(self, levels: Levels) -> float:
        """Share of the information (weighted bits over all variables) that these levels keep."""
        every = self._loss(tuple(len(quasi.levels) - 1 for quasi in QUASI_IDENTIFIERS))
        return min(max(1 - self._loss(levels) / every, 0.0), 1.0) if every else 1.0

    def best(self, k: int) -> Levels | None:
        """The levels that lose least with at most 5 % of the patients in classes smaller than ``k``.

        None where leaving everything out would not be enough: there are fewer than ``k`` patients.
        """
        if len(self._distinct) < k:
            return None
        most = MAX_SUPPRESSED * len(self._distinct)
        bottom: Levels = tuple(_bottom(losses) for losses in self._losses)
        queue, seen = [(self._loss(bottom), bottom)], {bottom}
        for _ in range(max(min(MAX_TRIED, MAX_WORK // len(self._counts)), 1)):
            _, levels = heapq.heappop(queue)
            if self._small(levels, k) <= most or not self._above(levels):
                return levels
            for above in self._above(levels):
                if above not in seen:
                    seen.add(above)
                    heapq.heappush(queue, (self._loss(above), above))
        return self._descend(self._climb(bottom, k, most), k, most)

    def _classes(self, levels: Levels) -> Numbers:
        """The class of each distinct row."""
        classes, span = np.zeros(len(self._counts), dtype=np.int64), 1
        for place, level in enumerate(levels):
            codes, size = self._codes[place][level], self._sizes[place][level]
            if span * size > _LARGEST:
                classes = np.unique(classes, return_inverse=True)[1]
                span = len(classes)
            classes, span = classes * size + codes, span * size
        return np.asarray(np.unique(classes, return_inverse=True)[1])

    def _small(self, levels: Levels, k: int) -> int:
        """Patients in classes smaller than k."""
        sizes = np.bincount(self._classes(levels), weights=self._counts)
        return int(sizes[sizes < k].sum())

    def _loss(self, levels: Levels) -> float:
        return sum(self._losses[place][level] for place, level in enumerate(levels))

    def _climb(self, levels: Levels, k: int, most: float) -> Levels:
        """Go up where most patients leave small classes for each bit lost, until few enough are left."""
        small = self._small(levels, k)
        while small > most and (choices := self._above(levels)):
            here = self._loss(levels)
            gains = [((small - self._small(above, k)) / (self._loss(above) - here + _TINY), above) for above in choices]
            levels = max(gains)[1]
            small = self._small(levels, k)
        return levels

    def _descend(self, levels: Levels, k: int, most: float) -> Levels:
        """Go down again where that brings back most bits, as long as few enough stay in small classes."""
        while True:
            finer = [
                (*levels[:place], level - 1, *levels[place + 1 :])
                for place, level in enumerate(levels)
                if level > 0 and self._losses[place][level] > self._losses[place][level - 1]
            ]
            allowed = [(self._loss(below), below) for below in finer if self._small(below, k) <= most]
            if not allowed:
                return levels
            levels = min(allowed)[1]

    def _above(self, levels: Levels) -> list[Levels]:
        return [
            (*levels[:place], level + 1, *levels[place + 1 :])
            for place, level in enumerate(levels)
            if level + 1 < len(self._losses[place])
        ]

    def _entropy(self, codes: Numbers) -> float:
        shares = np.bincount(codes, weights=self._counts) / max(self._counts.sum(), 1)
        shares = shares[shares > 0]
        return float(-(shares * np.log2(shares)).sum())


def _distinct(table: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """The different rows of a table, the place of each row among them, and how often each stands in it."""
    rows, places, counts = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    return np.asarray(rows), np.asarray(places).reshape(-1), np.asarray(counts)


def _levels(quasi: Quasi, values: list[str], codes: Numbers) -> list[Numbers]:
    """The values that ``codes`` number, as numbers at each level; each different value is made coarser once."""
    found = []
    for level in range(len(quasi.levels)):
        told_as: dict[str, int] = {}
        coarser = [told_as.setdefault(quasi.at(level, value), len(told_as)) for value in values]
        found.append(np.array(coarser, dtype=np.int64)[codes])
    return found


def _bottom(losses: list[float]) -> int:
    """Left out where that loses nothing (the variable says nothing), else as it is."""
    return len(losses) - 1 if losses[-1] <= _TINY else 0


def told(levels: Levels, used: Sequence[int]) -> tuple[Generalisation, ...]:
    """The levels in words, for the variables that vary."""
    return tuple(
        Generalisation(
            variable=QUASI_IDENTIFIERS[place].name,
            label=QUASI_IDENTIFIERS[place].label,
            level=QUASI_IDENTIFIERS[place].levels[levels[place]].words,
            changed=levels[place] > 0,
        )
        for place in used
    )
