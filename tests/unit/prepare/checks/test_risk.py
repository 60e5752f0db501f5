"""Re-identification: k, l, t and the attackers against plain definitions; the suggestion against brute force."""

import math
import random
from collections import Counter
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncofed.prepare.checks import generalise as lattice
from oncofed.prepare.checks.findings import RiskFindings
from oncofed.prepare.checks.generalise import QUASI_IDENTIFIERS, Lattice
from oncofed.prepare.checks.risk import TARGET_K, THRESHOLD, check_risk, journalist_risk
from oncofed.prepare.checks.spool import Spool
from oncofed.prepare.checks.tables import Tables
from tests.factories import tables

NAMES = [quasi.name for quasi in QUASI_IDENTIFIERS]


def rows(seed: int, count: int) -> list[tuple[str, ...]]:
    """Patients with few sexes, ages and diagnoses; everything else alike or empty."""
    draw = random.Random(seed)
    given_ = {
        "sex": lambda: draw.choice(["female", "male"]),
        "age": lambda: str(draw.randint(40, 49)),
        "diagnosis": lambda: draw.choice(["IDC", "ILC", "LUAD", "IDC|LUAD"]),
        "country": lambda: "IT",
    }
    return [tuple(given_.get(name, str)() for name in NAMES) for _ in range(count)]


def small(found: list[tuple[str, ...]], levels: tuple[int, ...], k: int) -> int:
    """Patients in classes below k, by the definition."""
    told = Counter(tuple(QUASI_IDENTIFIERS[p].at(level, row[p]) for p, level in enumerate(levels)) for row in found)
    return sum(count for count in told.values() if count < k)


@given(seed=st.integers(0, 500), count=st.integers(5, 80), k=st.integers(2, 12))
@settings(max_examples=40, deadline=None)
def test_the_suggestion_is_enough_and_the_cheapest(seed: int, count: int, k: int) -> None:
    found = rows(seed, count)
    every = Lattice(found)
    best = every.best(k)
    if count < k:
        assert best is None
        return
    assert best is not None
    assert small(found, best, k) <= 0.05 * count
    varying = [NAMES.index(name) for name in ("sex", "age", "diagnosis")]
    for choice in product(*(range(len(QUASI_IDENTIFIERS[place].levels)) for place in varying)):
        other = tuple(dict(zip(varying, choice, strict=True)).get(place, level) for place, level in enumerate(best))
        if small(found, other, k) <= 0.05 * count:
            assert every.kept(other) <= every.kept(best) + 1e-9


@given(seed=st.integers(0, 200), count=st.integers(12, 60), k=st.integers(2, 10))
@settings(max_examples=25, deadline=None)
def test_the_greedy_way_is_enough_too(seed: int, count: int, k: int) -> None:
    found = rows(seed, count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lattice, "MAX_WORK", 1)
        best = Lattice(found).best(k)
    assert best is not None
    assert small(found, best, k) <= 0.05 * count


def test_nothing_is_lost_where_nothing_need_be() -> None:
    alike = [tuple("female" if name == "sex" else "" for name in NAMES)] * 20
    best = Lattice(alike).best(11)
    assert best is not None
    assert Lattice(alike).kept(best) == 1


@pytest.mark.parametrize(
    ("name", "level", "value", "told"),
    [
        ("age", 1, "47", "45-49"),
        ("age", 2, "47", "40-49"),
        ("year", 1, "2015", "2014-2015"),
        ("diagnosis", 1, "IDC", "BREAST"),
        ("diagnosis", 1, "IDC|LUAD|ILC", "BREAST|LUNG"),
        ("diagnosis", 1, "NOPE", "unknown code"),
        ("body_part", 1, "LIVER", "ABDOMEN"),
        ("sex", 1, "male", "*"),
        ("sex", 0, "", ""),
        ("sex", 1, "", "*"),
        ("age", 1, "", ""),
    ],
)
def test_hierarchies(name: str, level: int, value: str, told: str) -> None:
    assert QUASI_IDENTIFIERS[NAMES.index(name)].at(level, value) == told


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.9])
def test_the_journalists_risk_of_a_unique_is_the_closed_form(fraction: float) -> None:
    expected = fraction / (1 - fraction) * math.log(1 / fraction)
    assert journalist_risk(1, fraction) == pytest.approx(expected, rel=1e-3)


@given(size=st.integers(1, 300), fraction=st.floats(0.01, 1))
@settings(max_examples=60, deadline=None)
def test_the_journalist_knows_no_more_than_the_prosecutor(size: int, fraction: float) -> None:
    risk = journalist_risk(size, fraction)
    assert 0 < risk <= 1 / size
    assert risk >= fraction / size * 0.999  # Jensen's inequality: E[1/F] is at least 1/E[F]


def test_the_journalists_risk_by_simulation() -> None:
    draw = random.Random(1)
    size, fraction = 3, 0.2
    populations = [
        size + sum(next(n for n in range(10**6) if draw.random() < fraction) for _ in range(size))
        for _ in range(20_000)
    ]
    expected = sum(1 / population for population in populations) / len(populations)
    assert journalist_risk(size, fraction) == pytest.approx(expected, rel=0.02)


def risk(rows_: tables.Rows, folder: Path, fraction: float | None = None) -> RiskFindings | None:
    with Spool() as spool, Tables() as model:
        spool.fill([])
        if rows_:
            model.load(tables.write(rows_, folder))
        model.complete(spool)
        return check_risk(model, fraction)


def groups(*sizes: int) -> tables.Rows:
    """So many patients alike in each group; everyone in the first group is dead."""
    patients, conditions = [], []
    for group, size in enumerate(sizes):
        for member in range(size):
            key = f"p{group}-{member}"
            patients.append({"patient_key": key, "birth_sex": "female", "country": "IT",
                             "vital_status": "dead" if group == 0 or member % 2 else "alive"})  # fmt: skip
            conditions.append({"condition_id": len(conditions), "patient_key": key, "oncotree_code": "IDC",
                               "age_at_diagnosis": 40.0 + group * 7})  # fmt: skip
    return {"patient": patients, "cancer_condition": conditions}


def test_the_measures_by_hand(tmp_path: Path) -> None:
    found = risk(groups(4, 1, 20), tmp_path)
    assert found is not None
    before = found.before
    assert (before.k, before.patients, before.unique) == (1, 25, 1)
    assert found.quasi_identifiers == ("Age",)
    prosecutor, journalist, marketer = before.attackers
    assert prosecutor.highest == 1
    assert prosecutor.mean == pytest.approx(3 / 25)  # the number of groups over the number of patients
    assert prosecutor.above == pytest.approx(5 / 25)
    assert journalist.mean == prosecutor.mean
    assert (marketer.highest, marketer.mean) == (pytest.approx(3 / 25), pytest.approx(3 / 25))
    (vital,) = before.sensitive
    dead = (4 + 0 + 10) / 25
    assert (vital.variable, vital.diversity) == ("vital_status", 1)
    assert vital.closeness == pytest.approx(max(1 - dead, dead))
    assert {cell.label: cell.count for cell in before.classes if cell.count} == {"1": 1, "3–4": 4, "11–20": 20}


def test_the_suggestion_meets_its_target(tmp_path: Path) -> None:
    found = risk(groups(8, 7, 20), tmp_path)
    assert found is not None
    assert found.after is not None
    assert found.after.k >= TARGET_K
    assert max(one.highest for one in found.after.attackers) <= THRESHOLD + 0.01
    assert [one.changed for one in found.suggestion] == [True]
    assert [offer.k for offer in found.trade_offs] == [11]
    assert found.information_kept is not None
    assert 0 < found.information_kept < 1


def test_a_safe_release_needs_no_suggestion(tmp_path: Path) -> None:
    found = risk(groups(12, 12), tmp_path)
    assert found is not None
    assert (found.suggestion, found.after, found.trade_offs) == ((), None, ())


def test_too_few_patients_have_no_suggestion(tmp_path: Path) -> None:
    found = risk(groups(1, 1), tmp_path)
    assert found is not None
    assert (found.before.k, found.after, found.trade_offs) == (1, None, ())


def test_what_is_missing_for_some_can_be_left_out_too() -> None:
    mixed = [tuple(value if name == "sex" else "" for name in NAMES) for value in ["female"] * 6 + [""] * 6]
    best = Lattice(mixed).best(11)
    assert best is not None
    assert small(mixed, best, 11) == 0


def test_a_suggestion_that_says_nothing_is_none(tmp_path: Path) -> None:
    found = risk(groups(*[1] * 12), tmp_path)
    assert found is not None
    assert found.after is None or found.information_kept


def test_a_sampling_fraction_lowers_the_journalists_risk(tmp_path: Path) -> None:
    found = risk(groups(4, 1, 20), tmp_path, 0.1)
    assert found is not None
    prosecutor, journalist, _ = found.before.attackers
    assert journalist.mean < prosecutor.mean / 2
    assert journalist.highest == pytest.approx(0.1 / 0.9 * math.log(10), rel=1e-3)


def test_imaging_makes_patients_unique(tmp_path: Path) -> None:
    clinical = groups(20)
    joined = groups(20)
    joined["imaging_study"] = [{"study_uid": f"1.{n}", "patient_key": f"p0-{n}"} for n in range(20)]
    joined["imaging_series"] = [
        {"series_uid": f"2.{n}", "study_uid": f"1.{n}", "modality": "CT", "model": f"Scanner {n}"} for n in range(20)
    ]
    alone, together = risk(clinical, tmp_path / "a"), risk(joined, tmp_path / "b")
    assert alone is not None
    assert together is not None
    assert (alone.before.k, together.before.k, together.before.unique) == (20, 1, 20)
    assert [(cell.label, cell.count) for cell in together.influence] == [("Model of the scanner", 20)]


def test_nobody_has_no_risk(tmp_path: Path) -> None:
    assert risk({}, tmp_path) is None
