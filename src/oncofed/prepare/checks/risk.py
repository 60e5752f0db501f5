"""Risk of re-identification over clinical and imaging variables together: k, l, t, and three attackers.

An *equivalence class* is a set of patients alike in all quasi-identifiers. With f its size in the release and F in the
population: *prosecutor* (knows the person is in the release) 1/f; *journalist* (does not know) 1/F, estimated from the
sampling fraction π by the negative binomial model of Benedetti and Franconi (1998); *marketer* (wants as many as
possible) the mean. l: fewest distinct sensitive values in a class. t: greatest distance between a class and the whole
(variational distance: earth mover's distance with equal distances; Li, Li and Venkatasubramanian 2007).
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from oncofed.prepare.checks.findings import Attacker, Cell, RiskFindings, RiskState, Sensitive, TradeOff
from oncofed.prepare.checks.generalise import (
    QUASI_IDENTIFIERS,
    Levels,
    Row,
    generalise,
    kept,
    told,
)
from oncofed.prepare.checks.tables import Tables

THRESHOLD = 0.09
"""Highest acceptable risk of one patient: that of the European Medicines Agency's Policy 0070."""
TARGET_K = 11
"""Smallest class with a risk of at most the threshold."""
OFFERED_K = (3, 5, TARGET_K)
"""Least group sizes whose price is told."""
_STEPS = 4_000
_BANDS = ((1, 1), (2, 2), (3, 4), (5, 10), (11, 20), (21, 50), (51, 100), (101, None))
_SENSITIVE = (
    ("stage", "Stage group"),
    ("vital_status", "Vital status"),
    ("treatment", "Treatment"),
    ("response", "Response"),
)


@dataclass(frozen=True)
class Subjects:
    """One row a patient: quasi-identifiers in the order of ``QUASI_IDENTIFIERS``, and sensitive values by name."""

    quasi: list[Row]
    sensitive: Mapping[str, list[str]]


def check_risk(tables: Tables, sampling_fraction: float | None = None) -> RiskFindings | None:
    """Risk as the release stands, and with the generalisation suggested; None without patients.

    ``sampling_fraction``: the share of the population's patients of this kind that the release holds; where it is not
    known, the journalist's risk is taken to be the prosecutor's, which is never lower.
    """
    subjects = _subjects(tables)
    if not subjects.quasi:
        return None
    used = [place for place in range(len(QUASI_IDENTIFIERS)) if len({row[place] for row in subjects.quasi}) > 1]
    nothing: Levels = (0,) * len(QUASI_IDENTIFIERS)
    before = _state(subjects, nothing, sampling_fraction, 0)
    found = {k: generalise(subjects.quasi, k) for k in OFFERED_K if before.k < k}
    offers = {k: levels for k, levels in found.items() if levels is not None}
    best = offers.get(TARGET_K)
    after = _state(subjects, best, sampling_fraction, TARGET_K) if best else None
    return RiskFindings(
        quasi_identifiers=tuple(QUASI_IDENTIFIERS[place].label for place in used),
        threshold=THRESHOLD,
        target_k=TARGET_K,
        sampling_fraction=sampling_fraction,
        before=before,
        suggestion=told(best, used) if best else (),
        after=after,
        information_kept=kept(subjects.quasi, best) if best else None,
        trade_offs=tuple(_trade_off(subjects, levels, k, used) for k, levels in offers.items()),
        influence=_influence(subjects, used),
    )


def _subjects(tables: Tables) -> Subjects:
    """The joined row of each patient; several values of one variable are told together, in order."""
    columns = ", ".join(f"({quasi.query}) AS q{place}" for place, quasi in enumerate(QUASI_IDENTIFIERS))
    secrets = """
        (SELECT max(value) FROM v_cancer_stage s WHERE s.patient_key = p.patient_key AND axis = 'group'),
        any_value(vital_status),
        (SELECT string_agg(DISTINCT type, '|' ORDER BY type) FROM v_treatment t WHERE t.patient_key = p.patient_key),
        (SELECT max(value) FROM outcome o WHERE o.patient_key = p.patient_key AND kind = 'RECIST_response')"""
    rows = tables.rows(
        f"SELECT {columns}, {secrets} FROM patient p WHERE patient_key IS NOT NULL GROUP BY patient_key"  # noqa: S608
    )
    width = len(QUASI_IDENTIFIERS)
    quasi = [tuple("" if value is None else str(value) for value in row[:width]) for row in rows]
    sensitive = {
        name: ["" if row[width + place] is None else str(row[width + place]) for row in rows]
        for place, (name, _) in enumerate(_SENSITIVE)
    }
    return Subjects(quasi, sensitive)


def _state(subjects: Subjects, levels: Levels, fraction: float | None, least: int) -> RiskState:
    """The risk at these levels; classes smaller than ``least`` are left out (suppressed)."""
    coarse = [tuple(QUASI_IDENTIFIERS[p].at(level, row[p]) for p, level in enumerate(levels)) for row in subjects.quasi]
    sizes = Counter(coarse)
    stay = [place for place, key in enumerate(coarse) if sizes[key] >= least]
    own = [sizes[coarse[place]] for place in stay]
    return RiskState(
        k=min(own, default=0),
        patients=len(own),
        suppressed=len(coarse) - len(own),
        unique=own.count(1),
        classes=_bands(own),
        attackers=_attackers(own, fraction),
        sensitive=tuple(
            _diverse(
                name, label, [coarse[place] for place in stay], [subjects.sensitive[name][place] for place in stay]
            )
            for name, label in _SENSITIVE
            if len({subjects.sensitive[name][place] for place in stay} - {""}) > 1
        ),
    )


def _trade_off(subjects: Subjects, levels: Levels, k: int, used: Sequence[int]) -> TradeOff:
    """What telling the variables at ``levels`` costs."""
    return TradeOff(
        k=k,
        suppressed=_state(subjects, levels, None, k).suppressed,
        information_kept=kept(subjects.quasi, levels),
        coarser=tuple(f"{one.label}: {one.level}" for one in told(levels, used) if one.changed),
    )


def _bands(sizes: Sequence[int]) -> tuple[Cell, ...]:
    cells = []
    for low, high in _BANDS:
        label = f"{low}" if low == high else f"{low}–{high}" if high else f"{low - 1}+"
        cells.append(Cell(label=label, count=sum(low <= size and (high is None or size <= high) for size in sizes)))
    return tuple(cells)


def _attackers(sizes: Sequence[int], fraction: float | None) -> tuple[Attacker, ...]:
    prosecutor = [1 / size for size in sizes]
    journalist = [journalist_risk(size, fraction) for size in sizes] if fraction else prosecutor
    marketer = [sum(journalist) / len(journalist)] * len(journalist) if journalist else []
    return tuple(
        Attacker(
            name=name,
            meaning=meaning,
            highest=max(risks, default=0.0),
            mean=sum(risks) / len(risks) if risks else 0.0,
            above=sum(risk > THRESHOLD for risk in risks) / len(risks) if risks else 0.0,
        )
        for name, meaning, risks in (
            ("prosecutor", "knows that the person is in the release", prosecutor),
            ("journalist", "knows the person, not whether they are in the release", journalist),
            ("marketer", "wants to link as many as possible to another list", marketer),
        )
    )


@lru_cache(maxsize=4096)
def journalist_risk(size: int, fraction: float) -> float:
    """Expected 1/F for a class of ``size`` in a sample of share ``fraction``: F - size is negative binomial.

    With f the size: π ∫₀¹ u^(f-1) / (π + (1-π)u) du, which for size 1 is π/(1-π)·ln(1/π).
    """
    if fraction >= 1:
        return 1 / size
    if size > 200:  # the relative error of the mean's inverse is below 1/size
        return fraction / size
    if size == 1:
        return fraction / (1 - fraction) * math.log(1 / fraction)
    places = ((step + 0.5) / _STEPS for step in range(_STEPS))
    total = sum(u ** (size - 1) / (fraction + (1 - fraction) * u) for u in places)
    return min(fraction * total / _STEPS, 1 / size)


def _diverse(name: str, label: str, keys: Sequence[Row], values: Sequence[str]) -> Sensitive:
    """l and t of one sensitive variable over the patients for whom it is recorded."""
    classes: dict[Row, Counter[str]] = {}
    whole: Counter[str] = Counter()
    for key, value in zip(keys, values, strict=True):
        if value:
            classes.setdefault(key, Counter())[value] += 1
            whole[value] += 1
    distances = [
        sum(abs(own[value] / own.total() - count / whole.total()) for value, count in whole.items()) / 2
        for own in classes.values()
    ]
    return Sensitive(
        variable=name,
        label=label,
        diversity=min((len(own) for own in classes.values()), default=0),
        closeness=min(max(distances, default=0.0), 1.0),
    )


def _influence(subjects: Subjects, used: Sequence[int]) -> tuple[Cell, ...]:
    """For each variable, how many patients would cease to be unique without it."""
    unique = _unique(subjects.quasi)
    cells = []
    for place in used:
        fewer = unique - _unique([(*row[:place], *row[place + 1 :]) for row in subjects.quasi])
        cells.append(Cell(label=QUASI_IDENTIFIERS[place].label, count=fewer))
    return tuple(sorted(cells, key=lambda cell: -cell.count))


def _unique(rows: Sequence[Row]) -> int:
    return sum(count == 1 for count in Counter(rows).values())
