"""Risk of re-identification: every measure against a naive implementation written from the definitions alone.

The suggestion is applied to the rows by hand; what is left must then be what it promises.
"""

import math
import random
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncofed.prepare.checks.findings import RiskFindings, RiskState
from oncofed.prepare.checks.generalise import MAX_SUPPRESSED, QUASI_IDENTIFIERS
from oncofed.prepare.checks.risk import TARGET_K, THRESHOLD, check_risk
from oncofed.prepare.checks.spool import Spool
from oncofed.prepare.checks.tables import Tables
from tests.factories import tables

Person = dict[str, str]
"""What an outsider knows of a patient (by the name of the quasi-identifier), and the secrets."""
SECRETS = ("stage", "vital_status")


def people(seed: int, count: int) -> list[Person]:
    draw = random.Random(seed)
    return [
        {
            "sex": draw.choice(["female", "male"]),
            "age": str(draw.choice([41, 42, 47, 58, 63])),
            "diagnosis": draw.choice(["IDC", "ILC", "LUAD"]),
            "modality": draw.choice(["CT", "CT|MR"]),
            "vital_status": draw.choice(["alive", "dead", ""]),
            "stage": draw.choice(["I", "II", "IV", ""]),
        }
        for _ in range(count)
    ]


def rows(everyone: list[Person]) -> tables.Rows:
    """The same people as tables, clinical and imaging."""
    found: tables.Rows = {name: [] for name in ("patient", "cancer_condition", "cancer_stage", "imaging_study",
                                                "imaging_series")}  # fmt: skip
    for number, one in enumerate(everyone):
        key = f"p{number}"
        found["patient"].append(
            {"patient_key": key, "birth_sex": one["sex"], "vital_status": one["vital_status"] or None}
        )
        found["cancer_condition"].append({"condition_id": number, "patient_key": key, "oncotree_code": one["diagnosis"],
                                          "age_at_diagnosis": float(one["age"])})  # fmt: skip
        if one["stage"]:
            found["cancer_stage"].append({"stage_id": number, "condition_id": number, "axis": "group",
                                          "value": one["stage"]})  # fmt: skip
        found["imaging_study"].append({"study_uid": f"1.{number}", "patient_key": key})
        for place, modality in enumerate(one["modality"].split("|")):
            found["imaging_series"].append(
                {"series_uid": f"2.{number}.{place}", "study_uid": f"1.{number}", "modality": modality}
            )
    return {name: own for name, own in found.items() if own}


def measured(everyone: list[Person], folder: Path, fraction: float | None = None) -> RiskFindings:
    with Spool() as spool, Tables() as model:
        spool.fill([])
        model.load(tables.write(rows(everyone), folder))
        model.complete(spool)
        found = check_risk(model, fraction)
    assert found is not None
    return found


def groups(everyone: list[Person], told: dict[str, int]) -> list[list[Person]]:
    """People alike in all quasi-identifiers, each told at its level."""
    by_kind: dict[tuple[str, ...], list[Person]] = defaultdict(list)
    for one in everyone:
        by_kind[tuple(q.at(told.get(q.name, 0), one.get(q.name, "")) for q in QUASI_IDENTIFIERS)].append(one)
    return list(by_kind.values())


def in_population(size: int, fraction: float) -> float:
    """E[1/F], F - size negative binomial: the sum over all F, each with its probability."""
    total, probability = 0.0, fraction**size
    for more in range(20_000):
        total += probability / (size + more)
        probability *= (size + more) / (more + 1) * (1 - fraction)
    return total


def assert_as_defined(state: RiskState, classes: list[list[Person]], fraction: float | None) -> None:
    patients = [len(group) for group in classes for _ in group]
    assert state.patients == len(patients)
    assert state.k == min(patients)
    assert state.unique == patients.count(1)
    risks = {size: in_population(size, fraction) if fraction else 1 / size for size in set(patients)}
    attackers = {one.name: one for one in state.attackers}
    for name, each in (
        ("prosecutor", [1 / size for size in patients]),
        ("journalist", [risks[size] for size in patients]),
    ):
        assert attackers[name].highest == pytest.approx(max(each), rel=1e-3)
        assert attackers[name].mean == pytest.approx(sum(each) / len(each), rel=1e-3)
        assert attackers[name].above == pytest.approx(sum(risk > THRESHOLD for risk in each) / len(each))
    marketer = sum(risks[size] for size in patients) / len(patients)
    assert [attackers["marketer"].mean, attackers["marketer"].highest] == pytest.approx([marketer] * 2, rel=1e-3)
    for secret in SECRETS:
        told = [one for one in state.sensitive if one.variable == secret]
        assert [(one.diversity, pytest.approx(one.closeness)) for one in told] == defined(classes, secret)


def defined(classes: list[list[Person]], secret: str) -> list[tuple[int, float]]:
    """l and t of a secret over those of whom it is recorded; none where it does not vary."""
    recorded = [[one[secret] for one in group if one[secret]] for group in classes]
    every = [value for group in recorded for value in group]
    if len(set(every)) < 2:
        return []
    groups_ = [group for group in recorded if group]
    apart = [
        sum(abs(group.count(value) / len(group) - every.count(value) / len(every)) for value in set(every)) / 2
        for group in groups_
    ]
    return [(min(len(set(group)) for group in groups_), max(apart))]


@given(seed=st.integers(0, 10_000), count=st.integers(1, 120), fraction=st.sampled_from([None, 0.1, 0.4]))
@settings(max_examples=6, deadline=None)
def test_the_measures_are_those_of_the_definitions(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int, fraction: float | None
) -> None:
    everyone = people(seed, count)
    found = measured(everyone, tmp_path_factory.mktemp("tables"), fraction)
    assert_as_defined(found.before, groups(everyone, {}), fraction)
    influence = {cell.label: cell.count for cell in found.influence}
    for quasi in QUASI_IDENTIFIERS:
        if quasi.label in influence:
            without = groups(everyone, {quasi.name: len(quasi.levels) - 1})
            assert influence[quasi.label] == found.before.unique - sum(len(group) == 1 for group in without)


@given(seed=st.integers(0, 10_000), count=st.integers(TARGET_K, 200))
@settings(max_examples=6, deadline=None)
def test_the_suggestion_reaches_its_target_when_it_is_applied(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int
) -> None:
    everyone = people(seed, count)
    found = measured(everyone, tmp_path_factory.mktemp("tables"))
    if found.after is None:
        assert found.before.k >= TARGET_K or not found.trade_offs or found.trade_offs[-1].k < TARGET_K
        return
    levels = {
        quasi.name: [level.words for level in quasi.levels].index(step.level)
        for step in found.suggestion
        for quasi in QUASI_IDENTIFIERS
        if quasi.name == step.variable
    }
    every = groups(everyone, levels)
    kept = [group for group in every if len(group) >= TARGET_K]
    left_out = count - sum(len(group) for group in kept)
    assert left_out == found.after.suppressed <= MAX_SUPPRESSED * count
    assert_as_defined(found.after, kept, None)
    assert max(one.highest for one in found.after.attackers) <= 1 / TARGET_K
    assert found.information_kept is not None
    assert math.isclose(found.trade_offs[-1].information_kept, found.information_kept)
