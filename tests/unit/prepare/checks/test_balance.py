"""Imbalance and bias: the statistics against closed forms and simulation, the findings on planted bias."""

import math
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.prepare.checks.balance import check_balance, cramers_v, evenness, surely_more
from oncofed.prepare.checks.findings import BalanceFindings
from oncofed.prepare.checks.spool import Spool
from oncofed.prepare.checks.tables import Tables
from tests.factories import tables

COUNTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=1), st.integers(1, 10**6), min_size=2)


@given(counts=COUNTS)
def test_evenness_lies_between_none_and_all(counts: dict[str, int]) -> None:
    found = evenness(counts)
    assert found is not None
    assert 0 <= found <= 1
    equal = evenness(dict.fromkeys(counts, 5))
    assert equal == pytest.approx(1)
    assert found <= equal + 1e-12


@pytest.mark.parametrize("counts", [{}, {"a": 3}, {"a": 0, "b": 0}])
def test_evenness_of_nothing_is_none(counts: dict[str, int]) -> None:
    assert evenness(counts) is None


def test_cramers_v_at_its_ends() -> None:
    same = [(letter, letter) for letter in "abc"] * 100
    assert cramers_v(Counter(same)) == pytest.approx(1, abs=1e-6)
    every = [(one, other) for one in "abc" for other in "xyz"] * 100
    assert cramers_v(Counter(every)) == 0
    assert cramers_v({("a", "x"): 50}) is None
    assert cramers_v({}) is None


def test_cramers_v_of_chance_is_near_none() -> None:
    draw = random.Random(1)
    found = [cramers_v(Counter((draw.choice("abcdef"), draw.choice("uvwxyz")) for _ in range(60))) for _ in range(200)]
    assert sum(value for value in found if value is not None) / len(found) < 0.09  # uncorrected it is about 0.27


@given(st.integers(1, 500), st.data())
def test_surely_more_is_never_mutual_and_needs_a_difference(of: int, data: st.DataObject) -> None:
    one, other = (data.draw(st.integers(0, of)) for _ in range(2))
    more, less = surely_more((one, of), (other, of)), surely_more((other, of), (one, of))
    assert not (more and less)
    assert not more or one > other


def test_newcombe_1998_example() -> None:
    # Newcombe's example (a): 56/70 and 48/80 differ by 0.0524 to 0.3339
    assert surely_more((56, 70), (48, 80))
    assert not surely_more((52, 70), (48, 80))


def balance(rows: tables.Rows, folder: Path) -> BalanceFindings:
    with Spool() as spool, Tables() as model:
        spool.fill([])
        model.load(tables.write(rows, folder))
        model.complete(spool)
        return check_balance(model)


def cohort(count: int = 200) -> tables.Rows:
    """Every second patient has breast cancer and was imaged by one firm, the others lung cancer and another."""
    patients, conditions, stages, studies, images = [], [], [], [], []
    for number in range(count):
        key, breast = f"p{number}", number % 2 == 0
        patients.append({"patient_key": key, "birth_sex": "female" if number % 10 else "male"})
        conditions.append({"condition_id": number, "patient_key": key, "oncotree_code": "IDC" if breast else "LUAD",
                           "age_at_diagnosis": 40.0 + number % 45})  # fmt: skip
        if number % 45 > 30 or number % 3 == 0:  # staged always when old, rarely when young
            stages.append({"stage_id": number, "condition_id": number, "axis": "group", "timing": "c", "value": "II"})
        studies.append({"study_uid": f"1.{number}", "patient_key": key})
        images.append({"series_uid": f"2.{number}", "study_uid": f"1.{number}", "modality": "CT",
                       "manufacturer_norm": "ge" if breast else "siemens"})  # fmt: skip
    return {"patient": patients, "cancer_condition": conditions, "cancer_stage": stages, "imaging_study": studies,
            "imaging_series": images}  # fmt: skip


def test_a_short_cut_is_flagged(tmp_path: Path) -> None:
    found = balance(cohort(), tmp_path)
    strongest = found.associations[0]
    assert (strongest.target, strongest.acquisition) == ("Diagnosis", "Manufacturer")
    assert strongest.strength == pytest.approx(1, abs=1e-6)
    assert strongest.flagged


def test_imbalance_is_told(tmp_path: Path) -> None:
    found = {one.name: one for one in balance(cohort(), tmp_path).distributions}
    assert found["sex"].imbalanced
    assert found["sex"].largest_share == pytest.approx(0.9)
    assert not found["diagnosis"].imbalanced
    assert found["diagnosis"].evenness == pytest.approx(1)
    assert [cell.label for cell in found["diagnosis"].cells] == ["Breast", "Lung"]
    assert found["stage"].missing > 0


def test_unequal_missingness_is_told(tmp_path: Path) -> None:
    found = balance(cohort(900), tmp_path).missingness
    (one,) = [one for one in found if one.group == "Age at diagnosis"]
    assert (one.variable, one.fullest) == ("Stage group", "70 and over")
    assert one.difference > 0.3


def test_few_patients_give_no_associations(tmp_path: Path) -> None:
    assert balance(cohort(20), tmp_path).associations == ()


def test_codes_that_are_unknown_have_a_bar_of_their_own(tmp_path: Path) -> None:
    rows = cohort(40)
    rows["cancer_condition"][0]["oncotree_code"] = "NOPE"
    (found,) = [one for one in balance(rows, tmp_path).distributions if one.name == "diagnosis"]
    assert "unknown code" in [cell.label for cell in found.cells]


def test_many_values_are_gathered(tmp_path: Path) -> None:
    rows = cohort(60)
    codes = [
        "IDC",
        "LUAD",
        "PRAD",
        "COAD",
        "HCC",
        "PAAD",
        "CCRCC",
        "HGSOC",
        "MEL",
        "GB",
        "STAD",
        "BLCA",
        "THPA",
        "UCEC",
    ]
    codes += ["CESC", "MM", "AML"]
    for number, row in enumerate(rows["cancer_condition"]):
        row["oncotree_code"] = codes[number % len(codes)]
    (found,) = [one for one in balance(rows, tmp_path).distributions if one.name == "diagnosis"]
    assert found.cells[-1].label.endswith(" others")
    assert sum(cell.count for cell in found.cells) == 60


def test_entropy_by_hand() -> None:
    expected = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75)) / math.log(2)
    assert evenness({"a": 1, "b": 3}) == pytest.approx(expected)
