"""Suggestions: a draft that runs, a score and a reason for every column, and nothing taken silently."""

from pathlib import Path

import pytest

from oncofed.bench.prepare_mapping import measure, write_registry
from oncofed.contracts.errors import BadInput
from oncofed.prepare.mapping import map_data
from oncofed.prepare.mapping.suggest import suggest
from tests.factories.mapping import counted, rows, write_csv


def test_a_registry_nobody_has_mapped(tmp_path: Path) -> None:
    write_registry(tmp_path, 400)
    found = suggest(tmp_path / "registry.csv")
    taken = {one.column: one.target for one in found.proposals if one.score >= 0.55}
    assert taken == {
        "pid": "patient",
        "sex": "sex",
        "born": "birth",
        "diagnosed": "index",
        "seen": "contact",
        "icd": "diagnosis",
        "ct": "ct",
        "cn": "cn",
        "cm": "cm",
        "therapy": "treatment",
        "treated": "date",
        "psa": "psa",
        "her2": "her2",
        "ecog": "ecog",
    }
    assert {one.column for one in found.proposals} == {*taken, "psa_unit"}
    assert all(one.why for one in found.proposals)
    assert "REVIEW" in found.draft
    (tmp_path / "draft.yaml").write_text(found.draft)
    report = map_data(tmp_path / "draft.yaml", tmp_path / "registry.csv", tmp_path / "out")
    assert report.tables["patient"] == 400
    assert report.tables["cancer_condition"] > 250
    assert counted(report)["value-unmapped", "icd", "cancer_condition.oncotree_code"] > 0  # C99 is no cancer we know
    assert report.relations[0].unused == ("treated",)
    ages = rows(tmp_path / "out", "patient", "last_contact_offset_days")
    assert all(days >= 365 for (days,) in ages)


def test_codes_are_proposed_by_likeness_and_the_rest_is_left_to_be_reported(tmp_path: Path) -> None:
    write_csv(tmp_path, "people", "patient_id,sex,treatment\n1,femal,chemotherapie\n2,Male,zzzz\n3,male,surgery")
    found = suggest(tmp_path)
    codes = {one.column: {value: code for value, code, _ in one.codes} for one in found.proposals}
    assert codes["sex"] == {"femal": "female", "Male": "male", "male": "male"}
    assert codes["treatment"]["chemotherapie"] == "chemotherapy"
    assert "zzzz" not in found.draft


def test_what_names_a_person_is_never_taken(tmp_path: Path) -> None:
    write_csv(tmp_path, "people", "patient_id,surname,comments,empty,mrn\n1,Smith,words,,7\n2,Jones,words,,8")
    found = {one.column: one for one in suggest(tmp_path / "people.csv").proposals}
    assert found["surname"].target == found["comments"].target == found["mrn"].target == ""
    assert found["patient_id"].target == "patient"
    assert found["empty"].target == ""


def test_two_identifiers_only_the_better_names_the_patient(tmp_path: Path) -> None:
    write_csv(tmp_path, "people", "sample_id,patient_id\n1,2\n3,4")
    found = {one.column: one.target for one in suggest(tmp_path / "people.csv").proposals}
    assert found == {"sample_id": "", "patient_id": "patient"}


def test_morphology_and_stage_groups(tmp_path: Path) -> None:
    write_csv(tmp_path, "people", "pid,morphology,stage\n1,8500/3,IIA\n2,8520/3,IV\n3,9999/3,I")
    found = suggest(tmp_path / "people.csv")
    (tmp_path / "draft.yaml").write_text(found.draft)
    map_data(tmp_path / "draft.yaml", tmp_path / "people.csv", tmp_path / "out")
    assert rows(tmp_path / "out", "cancer_condition", "oncotree_code") == [("IDC",), ("ILC",)]
    assert rows(tmp_path / "out", "cancer_stage", "axis", "value") == [("group", "IIA"), ("group", "IV")]


def test_nothing_to_suggest_for(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="source-empty"):
        suggest(tmp_path)
    with pytest.raises(BadInput, match="source-unreadable"):
        suggest(tmp_path / "nowhere")


def test_the_benchmark_measures_what_it_says() -> None:
    said: list[str] = []
    measured = measure(said.append, rows=2000)
    assert [figure.holds for figure in measured.figures] == [True] * 4
    assert measured.figures[0].at_most == 30
    assert len(said) == 2
