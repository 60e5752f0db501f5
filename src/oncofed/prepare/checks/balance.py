"""Imbalance and bias: who is in the release, what goes together with how it was acquired, what is missing for whom.

Associations: Cramér's V with Bergsma's correction for bias (J Korean Stat Soc 2013, 42:323). Evenness: Shannon entropy
over its maximum (Pielou). Missingness: differences between groups beyond what a 95 % interval allows (Newcombe 1998).
"""
# ruff: noqa: S608 (SQL of the model's own names)

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.vocabulary import label, roll_up
from oncofed.prepare.checks.findings import (
    Association,
    BalanceFindings,
    Cell,
    Distribution,
    UnequalMissingness,
)
from oncofed.prepare.checks.tables import Tables
from oncofed.warehouse.extraction import extractions

SHOWN = ("sex", "age_at_diagnosis", "age_at_imaging", "population", "diagnosis", "stage", "year_of_diagnosis",
         "treatment", "vital_status", "modality", "body_part", "manufacturer", "field_strength", "slice_thickness",
         "annotation", "timepoint")  # fmt: skip
"""Criteria whose distributions are shown."""
TARGETS = ("diagnosis", "stage", "population", "vital_status", "response", "sex")
ACQUISITION = ("manufacturer", "field_strength", "slice_thickness", "year_of_imaging")
STRONG = 0.3
LEAST_PATIENTS = 30
IMBALANCED_FROM = 0.8
"""A variable is called imbalanced when one of its values holds at least this share."""
MAX_CELLS = 14
AGES = ((0, "under 50"), (50, "50 to 69"), (70, "70 and over"))
"""Lower edges of the age groups that missingness is compared over."""
WATCHED = ("stage", "treatment", "vital_status", "response", "tumour_laterality", "timepoint", "manufacturer")
"""Variables that should be recorded equally often for everybody who has a cancer."""
_Z = 1.959964

Values = dict[str, frozenset[str]]
"""Patient → the cells recorded for them."""


def check_balance(tables: Tables) -> BalanceFindings:
    """Distributions of patients, associations, and unequal missingness."""
    everyone = {key for (key,) in tables.rows("SELECT DISTINCT patient_key FROM patient WHERE patient_key IS NOT NULL")}
    names = dict.fromkeys((*SHOWN, *TARGETS, *ACQUISITION, *WATCHED))
    values = {name: _values(tables, name) for name in names}
    return BalanceFindings(
        distributions=tuple(_distribution(name, values[name], len(everyone)) for name in SHOWN if values[name]),
        associations=tuple(_associations(values)),
        missingness=tuple(_missingness(tables, values)),
    )


def _values(tables: Tables, criterion: str) -> Values:
    found = extractions()[criterion]
    rows = tables.rows(
        f"SELECT patient_key, list(DISTINCT {found.cell}) FROM v_{found.table} "
        f"WHERE ({found.cell}) IS NOT NULL AND {found.where or 'TRUE'} "
        "AND patient_key IN (SELECT patient_key FROM patient) GROUP BY patient_key"
    )
    return {patient: frozenset(_cell(criterion, value) for value in cells) for patient, cells in rows}


@lru_cache(maxsize=8192)
def _cell(criterion: str, value: str) -> str:
    try:
        return roll_up(criterion, value)
    except KeyError:  # a code that the rules report as unknown
        return "unknown code"


def _label(criterion: str, cell: str) -> str:
    try:
        return label(criterion, cell)
    except KeyError:
        return cell


def _distribution(criterion: str, values: Values, everyone: int) -> Distribution:
    counts = Counter(cell for cells in values.values() for cell in cells)
    bands = CRITERIA[criterion].bands
    order = [cell for cell in bands.labels if counts[cell]] if bands else [cell for cell, _ in counts.most_common()]
    cells = [Cell(label=_label(criterion, cell), count=counts[cell]) for cell in order]
    if len(cells) > MAX_CELLS and not bands:
        rest = sum(cell.count for cell in cells[MAX_CELLS - 1 :])
        cells = [*cells[: MAX_CELLS - 1], Cell(label=f"{len(cells) - MAX_CELLS + 1} others", count=rest)]
    largest = max(counts.values()) / counts.total()
    return Distribution(
        name=criterion,
        label=CRITERIA[criterion].label,
        cells=tuple(cells),
        missing=everyone - len(values),
        evenness=evenness(counts),
        largest_share=largest,
        imbalanced=len(counts) > 1 and largest >= IMBALANCED_FROM,
    )


def evenness(counts: Mapping[str, int]) -> float | None:
    """Shannon entropy over its maximum; None for fewer than two values."""
    total = sum(counts.values())
    if len(counts) < 2 or not total:
        return None
    entropy = -sum(count / total * math.log(count / total) for count in counts.values() if count)
    return min(max(entropy / math.log(len(counts)), 0.0), 1.0)


def _associations(values: Mapping[str, Values]) -> Iterator[Association]:
    """Each target with each acquisition variable, over the patients that have one value of both."""
    found = []
    for target in TARGETS:
        for acquisition in ACQUISITION:
            pairs = [
                (next(iter(cells)), next(iter(values[acquisition][patient])))
                for patient, cells in values[target].items()
                if len(cells) == 1 and len(values[acquisition].get(patient, ())) == 1
            ]
            strength = cramers_v(pairs)
            if strength is not None and len(pairs) >= LEAST_PATIENTS:
                flagged = strength >= STRONG
                found.append(
                    Association(
                        target=CRITERIA[target].label,
                        acquisition=CRITERIA[acquisition].label,
                        patients=len(pairs),
                        strength=strength,
                        flagged=flagged,
                    )
                )
    yield from sorted(found, key=lambda one: -one.strength)


def cramers_v(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cramér's V of two nominal variables with Bergsma's correction; None where one of them does not vary."""
    table, rows, columns = Counter(pairs), Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    n, r, k = len(pairs), len(rows), len(columns)
    if n < 2 or r < 2 or k < 2:
        return None
    chi2 = n * (sum(count**2 / (rows[a] * columns[b]) for (a, b), count in table.items()) - 1)
    phi2 = max(0.0, chi2 / n - (k - 1) * (r - 1) / (n - 1))
    smaller = min(k - (k - 1) ** 2 / (n - 1), r - (r - 1) ** 2 / (n - 1)) - 1
    return min(math.sqrt(phi2 / smaller), 1.0) if smaller > 0 else None


def _missingness(tables: Tables, values: Mapping[str, Values]) -> Iterator[UnequalMissingness]:
    """Variables recorded for one group of those with a cancer more often than for another, beyond chance."""
    groups = {
        "Sex at birth": "SELECT any_value(p.birth_sex), c.patient_key FROM cancer_condition c "
        "JOIN patient p USING (patient_key) WHERE p.birth_sex IS NOT NULL GROUP BY 2",
        "Age at diagnosis": f"SELECT {_age_group()}, patient_key FROM cancer_condition "
        "WHERE age_at_diagnosis IS NOT NULL GROUP BY 2",
    }
    for group, query in groups.items():
        members: dict[str, set[str]] = {}
        for name, patient in tables.rows(query):
            members.setdefault(name, set()).add(patient)
        large = {name: patients for name, patients in members.items() if len(patients) >= LEAST_PATIENTS}
        for variable in WATCHED:
            if len(large) > 1 and values[variable]:
                yield from _unequal(variable, group, large, values[variable])


def _age_group() -> str:
    cases = " ".join(f"WHEN min(age_at_diagnosis) >= {low} THEN '{words}'" for low, words in reversed(AGES))
    return f"CASE {cases} END"


def _unequal(
    variable: str, group: str, members: Mapping[str, set[str]], recorded: Values
) -> Iterator[UnequalMissingness]:
    shares = {name: (len(patients & recorded.keys()), len(patients)) for name, patients in members.items()}
    ranked = sorted(shares, key=lambda name: shares[name][0] / shares[name][1])
    emptiest, fullest = ranked[0], ranked[-1]
    if surely_more(shares[fullest], shares[emptiest]):
        more, fewer = (shares[name][0] / shares[name][1] for name in (fullest, emptiest))
        yield UnequalMissingness(
            variable=CRITERIA[variable].label,
            group=group,
            fullest=fullest,
            emptiest=emptiest,
            difference=more - fewer,
        )


def surely_more(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """The share (successes, of) of ``one`` exceeds that of ``other``: Newcombe's 95 % interval is above zero."""
    (p1, low1, _), (p2, _, high2) = _wilson(*one), _wilson(*other)
    return p1 - p2 - math.sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2) > 0


def _wilson(successes: int, of: int) -> tuple[float, float, float]:
    """The share and the ends of Wilson's 95 % interval."""
    share = successes / of
    middle = (share + _Z**2 / (2 * of)) / (1 + _Z**2 / of)
    half = _Z / (1 + _Z**2 / of) * math.sqrt(share * (1 - share) / of + _Z**2 / (4 * of**2))
    return share, middle - half, middle + half
