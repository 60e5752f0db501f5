"""Imbalance and bias: who is in the release, what goes together with how it was acquired, what is missing for whom.

Associations: Cramér's V with Bergsma's correction for bias (J Korean Stat Soc 2013, 42:323). Evenness: Shannon entropy
over its maximum (Pielou). Missingness: differences between groups beyond what a 95 % interval allows (Newcombe 1998).
"""
# ruff: noqa: S608 (SQL of the model's own names)

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product

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

Pairs = Mapping[tuple[str, str], int]


def check_balance(tables: Tables) -> BalanceFindings:
    """Distributions of patients, associations, and unequal missingness."""
    everyone = int(tables.one("SELECT count(DISTINCT patient_key) FROM patient"))
    for name in dict.fromkeys((*SHOWN, *TARGETS, *ACQUISITION, *WATCHED)):
        _gather(tables, name)
    return BalanceFindings(
        distributions=tuple(found for name in SHOWN if (found := _distribution(tables, name, everyone)) is not None),
        associations=tuple(_associations(tables)),
        missingness=tuple(_missingness(tables)),
    )


def _gather(tables: Tables, criterion: str) -> None:
    """Make table ``b_<criterion>``: each patient with each (rolled-up) cell; view ``s_<criterion>``: those with one."""
    found = extractions()[criterion]
    recorded = f"SELECT DISTINCT patient_key, {found.cell} AS cell FROM v_{found.table} WHERE {found.where or 'TRUE'}"
    run = tables.connection.execute
    run(f"CREATE OR REPLACE TEMP TABLE raw AS SELECT * FROM ({recorded}) WHERE cell IS NOT NULL "
        "AND patient_key IN (SELECT patient_key FROM patient)")  # fmt: skip
    cells = [cell for (cell,) in tables.rows("SELECT DISTINCT cell FROM raw")]
    run(
        f"""CREATE OR REPLACE TEMP TABLE b_{criterion} AS
            SELECT DISTINCT patient_key, told AS cell FROM raw
            JOIN (SELECT unnest($1::VARCHAR[]) AS cell, unnest($2::VARCHAR[]) AS told) USING (cell)""",
        [cells, [_cell(criterion, cell) for cell in cells]],
    )
    run(f"CREATE OR REPLACE TEMP VIEW s_{criterion} AS SELECT patient_key, any_value(cell) AS cell "
        f"FROM b_{criterion} GROUP BY 1 HAVING count(*) = 1")  # fmt: skip


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


def _distribution(tables: Tables, criterion: str, everyone: int) -> Distribution | None:
    counts = Counter(dict(tables.rows(f"SELECT cell, count(*) FROM b_{criterion} GROUP BY 1 ORDER BY 2 DESC, 1")))
    if not counts:
        return None
    recorded = int(tables.one(f"SELECT count(DISTINCT patient_key) FROM b_{criterion}"))
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
        missing=everyone - recorded,
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


def _associations(tables: Tables) -> Iterator[Association]:
    """Each target with each acquisition variable, over the patients that have one value of both."""
    found = []
    for target, acquisition in product(TARGETS, ACQUISITION):
        rows = tables.rows(
            f"SELECT a.cell, b.cell, count(*) FROM s_{target} a JOIN s_{acquisition} b USING (patient_key) "
            "GROUP BY 1, 2 ORDER BY 1, 2"
        )
        pairs = {(one, other): count for one, other, count in rows}
        strength = cramers_v(pairs)
        if strength is not None and sum(pairs.values()) >= LEAST_PATIENTS:
            found.append(
                Association(
                    target=CRITERIA[target].label,
                    acquisition=CRITERIA[acquisition].label,
                    patients=sum(pairs.values()),
                    strength=strength,
                    flagged=strength >= STRONG,
                )
            )
    yield from sorted(found, key=lambda one: -one.strength)


def cramers_v(pairs: Pairs) -> float | None:
    """Cramér's V of two nominal variables with Bergsma's correction; None where one of them does not vary."""
    rows, columns = Counter[str](), Counter[str]()
    for (one, other), count in pairs.items():
        rows[one] += count
        columns[other] += count
    n, r, k = rows.total(), len(rows), len(columns)
    if n < 2 or r < 2 or k < 2:
        return None
    chi2 = n * (sum(count**2 / (rows[a] * columns[b]) for (a, b), count in pairs.items()) - 1)
    phi2 = max(0.0, chi2 / n - (k - 1) * (r - 1) / (n - 1))
    smaller = min(k - (k - 1) ** 2 / (n - 1), r - (r - 1) ** 2 / (n - 1)) - 1
    return min(math.sqrt(phi2 / smaller), 1.0) if smaller > 0 else None


def _missingness(tables: Tables) -> Iterator[UnequalMissingness]:
    """Variables recorded for one group of those with a cancer more often than for another, beyond chance."""
    groups = {
        "Sex at birth": "SELECT any_value(p.birth_sex) AS name, c.patient_key FROM cancer_condition c "
        "JOIN patient p USING (patient_key) WHERE p.birth_sex IS NOT NULL GROUP BY 2",
        "Age at diagnosis": f"SELECT {_age_group()} AS name, patient_key FROM cancer_condition "
        "WHERE age_at_diagnosis IS NOT NULL GROUP BY 2",
    }
    for (group, members), variable in product(groups.items(), WATCHED):
        rows = tables.rows(
            f"SELECT name, count(*) FILTER (patient_key IN (SELECT patient_key FROM b_{variable})), count(*) "
            f"FROM ({members}) WHERE name IS NOT NULL GROUP BY 1 ORDER BY 1"
        )
        shares = {name: (filled, every) for name, filled, every in rows if every >= LEAST_PATIENTS}
        if len(shares) > 1 and any(filled for filled, _ in shares.values()):
            yield from _unequal(variable, group, shares)


def _age_group() -> str:
    cases = " ".join(f"WHEN min(age_at_diagnosis) >= {low} THEN '{words}'" for low, words in reversed(AGES))
    return f"CASE {cases} END"


def _unequal(variable: str, group: str, shares: Mapping[str, tuple[int, int]]) -> Iterator[UnequalMissingness]:
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
