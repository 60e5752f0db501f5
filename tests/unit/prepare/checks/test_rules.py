"""Each rule on clinical tables: sound rows break none; one wrong row breaks the rule meant for it."""

from pathlib import Path
from typing import Any

import pytest

from oncofed.prepare.checks.clinical import check_clinical
from oncofed.prepare.checks.rules import CLINICAL_RULES
from oncofed.prepare.checks.spool import Spool
from oncofed.prepare.checks.tables import Tables
from tests.factories import tables


def broken(rows: tables.Rows, folder: Path) -> dict[str, int]:
    with Spool() as spool, Tables() as model:
        spool.fill([])
        model.load(tables.write(rows, folder))
        model.complete(spool)
        return {result.check: result.places for result in check_clinical(model).checks if not result.passed}


def test_sound_rows_break_no_rule(tmp_path: Path) -> None:
    assert broken(tables.sound(), tmp_path) == {}


def test_names_are_unique_and_every_rule_has_a_meaning() -> None:
    assert len({rule.name for rule in CLINICAL_RULES}) == len(CLINICAL_RULES) > 80
    assert all(rule.title and rule.meaning.endswith(".") for rule in CLINICAL_RULES)


WRONG: list[tuple[str, str, int, dict[str, Any]]] = [
    ("range-birth-year", "patient", 2, {"birth_year": 1790}),
    ("range-age-at-diagnosis", "cancer_condition", 1, {"age_at_diagnosis": 966.0, "diagnosis_year": None}),
    ("range-kvp", "imaging_series", 0, {"kvp": 28000.0}),
    ("range-spacing", "imaging_series", 0, {"spacing_x": 0.0}),
    ("range-dose", "treatment", 0, {"dose_gy": 5000.0}),
    ("range-psa", "observation", 0, {"value_number": -3.0}),
    ("unit-psa", "observation", 0, {"value_unit": "ug/L"}),
    ("unit-psa", "observation", 0, {"value_unit": None}),
    ("pattern-icdo3_topography", "cancer_condition", 0, {"icdo3_topography": "breast"}),
    ("pattern-icdo3_morphology", "cancer_condition", 0, {"icdo3_morphology": "ductal"}),
    ("pattern-icd10", "cancer_condition", 0, {"icd10": "174.9"}),
    ("code-sex", "patient", 2, {"birth_sex": "F"}),
    ("code-diagnosis", "cancer_condition", 0, {"oncotree_code": "NOPE"}),
    ("code-cm", "cancer_stage", 0, {"value": "M9"}),
    ("code-treatment", "treatment", 0, {"type": "magic", "dose_gy": None, "fractions": None}),
    ("code-modality", "imaging_series", 0, {"modality": "XY"}),
    ("sex-and-diagnosis", "patient", 1, {"birth_sex": "female"}),
    ("age-and-birth-year", "patient", 1, {"birth_year": 1940}),
    ("imaging-year", "imaging_study", 0, {"acquisition_year": 2020}),
    ("imaging-age", "imaging_study", 0, {"age_at_imaging": 70.0}),
    ("treatment-order", "treatment", 0, {"end_offset_days": 10}),
    ("dose-without-radiotherapy", "treatment", 0, {"type": "surgery"}),
    ("death-and-status", "patient", 0, {"vital_status": "alive"}),
    ("event-after-death", "outcome", 0, {"offset_days": 901}),
    ("event-after-last-contact", "observation", 0, {"offset_days": 800}),
    ("baseline-after-treatment", "imaging_study", 0, {"offset_days": 200}),
    ("response-before-treatment", "outcome", 0, {"offset_days": 3}),
    ("metastasis-and-stage", "cancer_stage", 1, {"value": "II"}),
    ("control-with-cancer", "patient", 0, {"population_category": "control"}),
    ("case-without-condition", "patient", 2, {"population_category": "case"}),
    ("orphan-cancer-condition", "cancer_condition", 0, {"patient_key": "p9"}),
    ("orphan-treatment", "treatment", 0, {"condition_id": 9}),
    ("orphan-imaging-series", "imaging_series", 0, {"study_uid": "9"}),
    ("repeated-cancer-condition", "cancer_condition", 1, {"condition_id": 1}),
    ("repeated-patient", "patient", 2, {"patient_key": "p2"}),
]
CONSEQUENCES = {
    "event-after-death": {"event-after-last-contact"},
    "control-with-cancer": set(),
    "orphan-cancer-condition": {"case-without-condition"},
    "repeated-cancer-condition": {"case-without-condition"},
    "repeated-patient": {"sex-and-diagnosis", "age-and-birth-year", "control-with-cancer"},
}
"""Rules that the same wrong row cannot but break too."""


@pytest.mark.parametrize(("rule", "table", "row", "values"), WRONG, ids=[f"{w[0]}-{n}" for n, w in enumerate(WRONG)])
def test_a_wrong_row_breaks_its_rule(tmp_path: Path, rule: str, table: str, row: int, values: dict[str, Any]) -> None:
    rows = tables.sound()
    rows[table][row] |= values
    found = broken(rows, tmp_path)
    assert found.pop(rule) >= 1
    assert found.keys() <= CONSEQUENCES.get(rule, set())


def test_every_family_of_rules_was_broken_once() -> None:
    families = {rule.name.partition("-")[0] for rule in CLINICAL_RULES}
    assert {name.partition("-")[0] for name, *_ in WRONG} >= families - {"orphan", "repeated"}
