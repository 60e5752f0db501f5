"""Risk of re-identification over clinical and imaging variables together: k, l, t, and three attackers.

An *equivalence class* is a set of patients alike in all quasi-identifiers. With f its size in the release and F in the
population: *prosecutor* (knows the person is in the release) 1/f; *journalist* (does not know) 1/F, estimated from the
sampling fraction π by the negative binomial model of Benedetti and Franconi (1998); *marketer* (wants as many as
possible) the mean. l: fewest distinct sensitive values in a class. t: greatest distance between a class and the whole
(variational distance: earth mover's distance with equal distances; Li, Li and Venkatasubramanian 2007).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from oncofed.prepare.checks.findings import Attacker, Cell, RiskFindings, RiskState, Sensitive, TradeOff
from oncofed.prepare.checks.generalise import AS_IT_IS, QUASI_IDENTIFIERS, Coded, Lattice, Levels, Numbers, Row, told
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
    """The lattice over the patients' quasi-identifiers, and their sensitive values by name ("": not recorded)."""

    lattice: Lattice
    count: int
    sensitive: Mapping[str, Coded]


def check_risk(tables: Tables, sampling_fraction: float | None = None) -> RiskFindings | None:
    """Risk as the release stands, and with the generalisation suggested; None without patients.

    ``sampling_fraction``: the share of the population's patients of this kind that the release holds; where it is not
    known, the journalist's risk is taken to be the prosecutor's, which is never lower.
    """
    subjects = _subjects(tables)
    if not subjects.count:
        return None
    lattice, used = subjects.lattice, subjects.lattice.varying()
    before = _state(subjects, AS_IT_IS, sampling_fraction, 0)
    found = {k: lattice.best(k) for k in OFFERED_K if before.k < k}
    offers = {k: levels for k, levels in found.items() if levels is not None and lattice.kept(levels) > 0}
    best = offers.get(TARGET_K)
    return RiskFindings(
        quasi_identifiers=tuple(QUASI_IDENTIFIERS[place].label for place in used),
        threshold=THRESHOLD,
        target_k=TARGET_K,
        sampling_fraction=sampling_fraction,
        before=before,
        suggestion=told(best, used) if best else (),
        after=_state(subjects, best, sampling_fraction, TARGET_K) if best else None,
        information_kept=lattice.kept(best) if best else None,
        trade_offs=tuple(_trade_off(lattice, levels, k, used) for k, levels in offers.items()),
        influence=_influence(lattice, used, before.unique),
    )


def _subjects(tables: Tables) -> Subjects:
    """The joined row of each patient; several values of one variable are told together, in order."""
    columns = ", ".join(f"({quasi.query}) AS q{place}" for place, quasi in enumerate(QUASI_IDENTIFIERS))
    secrets = """
        (SELECT max(value) FROM v_cancer_stage s WHERE s.patient_key = p.patient_key AND axis = 'group'),
        any_value(vital_status),
        (SELECT string_agg(DISTINCT type, '|' ORDER BY type) FROM v_treatment t WHERE t.patient_key = p.patient_key),
        (SELECT max(value) FROM outcome o WHERE o.patient_key = p.patient_key AND kind = 'RECIST_response')"""
    query = f"SELECT {columns}, {secrets} FROM patient p WHERE patient_key IS NOT NULL GROUP BY patient_key"  # noqa: S608
    sensitive = {name: Coded() for name, _ in _SENSITIVE}

    def quasi_identifiers() -> Iterator[Row]:
        for row in tables.stream(query):
            texts = ["" if value is None else str(value) for value in row]
            for column, value in zip(sensitive.values(), texts[len(QUASI_IDENTIFIERS) :], strict=True):
                column.append(value)
            yield tuple(texts[: len(QUASI_IDENTIFIERS)])

    lattice = Lattice(quasi_identifiers())
    return Subjects(lattice, len(lattice.classes(AS_IT_IS)), sensitive)


def _state(subjects: Subjects, levels: Levels, fraction: float | None, least: int) -> RiskState:
    """The risk at these levels; classes smaller than ``least`` are left out (suppressed)."""
    classes = subjects.lattice.classes(levels)
    sizes = np.bincount(classes)[classes]
    stay = sizes >= least
    own = sizes[stay]
    return RiskState(
        k=int(own.min(initial=subjects.count)) if len(own) else 0,
        patients=len(own),
        suppressed=subjects.count - len(own),
        unique=int((own == 1).sum()),
        classes=_bands(own),
        attackers=_attackers(own, fraction),
        sensitive=tuple(
            found
            for name, label in _SENSITIVE
            if (found := _diverse(name, label, classes, subjects.sensitive[name], stay))
        ),
    )


def _trade_off(lattice: Lattice, levels: Levels, k: int, used: Sequence[int]) -> TradeOff:
    """What telling the variables at ``levels`` costs."""
    classes = lattice.classes(levels)
    sizes = np.bincount(classes)[classes]
    return TradeOff(
        k=k,
        suppressed=int((sizes < k).sum()),
        information_kept=lattice.kept(levels),
        coarser=tuple(f"{one.label}: {one.level}" for one in told(levels, used) if one.changed),
    )


def _bands(sizes: Numbers) -> tuple[Cell, ...]:
    cells = []
    for low, high in _BANDS:
        label = f"{low}" if low == high else f"{low}–{high}" if high else f"{low - 1}+"
        inside = (sizes >= low) & (sizes <= high) if high else sizes >= low
        cells.append(Cell(label=label, count=int(inside.sum())))
    return tuple(cells)


def _attackers(sizes: Numbers, fraction: float | None) -> tuple[Attacker, ...]:
    different, where = np.unique(sizes, return_inverse=True)
    prosecutor = 1 / sizes
    each = [journalist_risk(int(size), fraction) if fraction else 1 / size for size in different]
    journalist = np.array(each, dtype=np.float64)[where]
    marketer = np.full(len(sizes), journalist.mean() if len(sizes) else 0.0)
    return tuple(
        Attacker(
            name=name,
            meaning=meaning,
            highest=min(float(risks.max(initial=0.0)), 1.0),
            mean=min(float(risks.mean()), 1.0) if len(risks) else 0.0,
            above=float((risks > THRESHOLD).mean()) if len(risks) else 0.0,
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
        return min(-fraction / (1 - fraction) * math.log(fraction), 1.0)
    places = ((step + 0.5) / _STEPS for step in range(_STEPS))
    total = sum(u ** (size - 1) / (fraction + (1 - fraction) * u) for u in places)
    return min(fraction * total / _STEPS, 1 / size)


def _diverse(name: str, label: str, classes: Numbers, column: Coded, stay: Numbers) -> Sensitive | None:
    """l and t of one sensitive variable over the patients who stay and for whom it is recorded; None where it does
    not vary.

    With p the shares in a class and q those of all, t is half the sum of |p - q| over all values; values that are not
    in the class add their q.
    """
    recorded = stay & np.array([value != "" for value in column.values], dtype=bool)[column.codes]
    different, codes = np.unique(column.codes[recorded], return_inverse=True)
    if len(different) < 2:
        return None
    whole = np.bincount(codes) / len(codes)
    pairs, counts = np.unique(classes[recorded] * len(different) + codes, return_counts=True)
    owner, value = pairs // len(different), pairs % len(different)
    totals = np.bincount(owner, weights=counts)
    apart = np.abs(counts / totals[owner] - whole[value]) - whole[value]
    distances = (1 + np.bincount(owner, weights=apart)[totals > 0]) / 2
    diversity = np.bincount(owner)[totals > 0]
    return Sensitive(
        variable=name, label=label, diversity=int(diversity.min()), closeness=min(max(float(distances.max()), 0.0), 1.0)
    )


def _influence(lattice: Lattice, used: Sequence[int], unique: int) -> tuple[Cell, ...]:
    """For each variable, how many patients would cease to be unique without it."""
    cells = []
    for place in used:
        out = len(QUASI_IDENTIFIERS[place].levels) - 1
        sizes = np.bincount(lattice.classes((*AS_IT_IS[:place], out, *AS_IT_IS[place + 1 :])))
        cells.append(Cell(label=QUASI_IDENTIFIERS[place].label, count=unique - int((sizes == 1).sum())))
    return tuple(sorted(cells, key=lambda cell: -cell.count))
