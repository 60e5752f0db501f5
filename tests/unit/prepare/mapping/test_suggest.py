"""Suggestions: a draft that runs, a score and a reason for every column, and nothing taken silently."""

from pathlib import Path

import openpyxl
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
    assert [figure.holds for figure in measured.figures] == [True] * 5
    assert measured.figures[0].at_most == 30
    assert len(said) == 3


GERMAN = "Pat.-Nr.;Geschlecht;Geburtsdatum;Diagnosedatum;ICD-10;PSA (ng/ml);Einheit;Bemerkung;letzter Kontakt"


def german(number: int) -> str:
    """A row as a German tumour board keeps it: dates in three formats, decimal commas, free text."""
    day, month, year = 1 + number % 28, 1 + number % 12, 2010 + number % 9
    dates = (f"{year}-{month:02}-{day:02}", f"{day:02}.{month:02}.{year}", f"{day:02}/{month:02}/{year}")
    code = ("C50.1", "C61", "C34.1")[number % 3]
    sex, seen = "wm"[number % 2], f"{day:02}.{month:02}.{year + 2}"
    return f"P{number:05};{sex};01.02.1950;{dates[number % 3]};{code};{number % 40},5;ng/ml;Frau Groß;{seen}"


def test_a_file_of_a_german_tumour_board(tmp_path: Path) -> None:
    lines = [GERMAN, *(german(number) for number in range(200)), ";" * 8]
    (tmp_path / "board.csv").write_bytes("\r\n".join(lines).encode("cp1252"))
    found = suggest(tmp_path / "board.csv")
    taken = {one.column: one.target for one in found.proposals if one.score >= 0.55 and one.target}
    assert taken == {
        "Pat.-Nr.": "patient",
        "Geschlecht": "sex",
        "Geburtsdatum": "birth",
        "Diagnosedatum": "index",
        "ICD-10": "diagnosis",
        "PSA (ng/ml)": "psa",
        "letzter Kontakt": "contact",
    }
    why = {one.column: one.why for one in found.proposals}
    assert why["Einheit"] == "units such as ng/mL: name it as unit_column of the number it belongs to"
    assert "%m/%d/%Y" not in found.draft
    (tmp_path / "draft.yaml").write_text(found.draft)
    report = map_data(tmp_path / "draft.yaml", tmp_path / "board.csv", tmp_path / "out")
    assert report.findings == ()
    assert report.tables == {"patient": 200, "cancer_condition": 200, "observation": 200}
    ages = rows(tmp_path / "out", "cancer_condition", "age_at_diagnosis::DOUBLE")
    assert all(59 < age < 70 for (age,) in ages)


def test_sheets_are_relations_and_their_heading_is_found(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    first = workbook.active
    assert first is not None
    first.title = "board"
    for row in (["Our registry"], [], ["patient id", "sex", "ECOG"], ["1", "F", 1], ["2", "M", 0]):
        first.append(row)
    second = workbook.create_sheet("markers")
    for row in (["patient id", "ER"], ["1", "positive"], ["2", "negative"]):
        second.append(row)
    workbook.create_sheet("empty")
    workbook.save(tmp_path / "clinic.xlsx")
    found = suggest(tmp_path / "clinic.xlsx")
    assert {(one.relation, one.column, one.target) for one in found.proposals} >= {
        ("board", "patient id", "patient"), ("board", "ECOG", "ecog"), ("markers", "ER", "er")}  # fmt: skip
    (tmp_path / "draft.yaml").write_text(found.draft)
    report = map_data(tmp_path / "draft.yaml", tmp_path / "clinic.xlsx", tmp_path / "out")
    assert report.tables == {"patient": 2, "observation": 4}
    empty = openpyxl.Workbook()
    empty.save(tmp_path / "empty.xlsx")
    with pytest.raises(BadInput, match="no columns are named"):
        suggest(tmp_path / "empty.xlsx")
