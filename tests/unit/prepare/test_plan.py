"""A plan is read strictly, and its paths are relative to it."""

from pathlib import Path

import pytest

from oncofed.contracts.catalogue import DatasetClass
from oncofed.contracts.errors import BadInput
from oncofed.prepare.mapping import Database
from oncofed.prepare.plan import FolderSource, PacsSource, WebSource, read_plan


def plan(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    return path


def test_the_least_plan(tmp_path: Path) -> None:
    read = read_plan(plan(tmp_path, "plan: oncofed/1\nsources: [{folder: images}]\n"))
    assert read.sources == (FolderSource(folder=tmp_path / "images"),)
    assert (read.run, read.profile, read.ocr, read.dataset) == (tmp_path / "oncofed-run", "research", True, None)


def test_everything_a_plan_can_say(tmp_path: Path) -> None:
    text = """
plan: oncofed/1
sources:
  - folder: /data
  - {dicomweb: "https://pacs.example/dicom-web", query: {StudyDate: "20200101"}, user: me}
  - {pacs: "ARCHIVE@10.0.0.5:104", port: 11113}
run: ../run
project: trial
profile: own.toml
ocr: false
clinical: {mapping: map.yaml, source: data.csv}
dataset: {id: breast, title: Breast, class: open, release: "2"}
workers: 3
"""
    read = read_plan(plan(tmp_path, text))
    folder, web, pacs = read.sources
    assert isinstance(folder, FolderSource)
    assert folder.folder == Path("/data")
    assert isinstance(web, WebSource)
    assert web.query == {"StudyDate": "20200101"}
    assert isinstance(pacs, PacsSource)
    assert pacs.port == 11113
    assert read.profile == str(tmp_path / "own.toml")
    assert read.clinical is not None
    assert (read.clinical.mapping, read.clinical.source) == (str(tmp_path / "map.yaml"), tmp_path / "data.csv")
    assert read.dataset is not None
    assert read.dataset.record.dataset_class is DatasetClass.OPEN


@pytest.mark.parametrize("preset", ["eucanimage-fhir", "omop"])
def test_a_preset_is_no_path(tmp_path: Path, preset: str) -> None:
    text = f"plan: oncofed/1\nsources: [{{folder: a}}]\nclinical: {{mapping: {preset}, source: b}}\n"
    read = read_plan(plan(tmp_path, text))
    assert read.clinical is not None
    assert read.clinical.mapping == preset


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "plan.yaml"),
        ("plan: oncofed/2\nsources: [{folder: a}]", "plan"),
        ("plan: oncofed/1\nsources: []", "sources"),
        ("plan: oncofed/1", "sources"),
        ("plan: oncofed/1\nsources: [{folder: a}]\nsecret: x", "secret"),
        ("plan: oncofed/1\nsources: [{pacs: nowhere}]", "sources.0"),
        ("plan: oncofed/1\nsources: [{dicomweb: 'ftp://a'}]", "sources.0"),
        ("plan: oncofed/1\nsources: [{folder: a}]\ndataset: {id: 'No Such Name'}", "dataset.id"),
        ("plan: oncofed/1\nsources: [{folder: a}]\ndataset: {id: breast, release: 1.10}", "write it in quotes"),
        ("plan: oncofed/1\nsources: [{folder: a}]\ndataset: {id: breast, release: yes}", "dataset.release"),
        ("plan: oncofed/1\nsources: [{folder: a}]\nworkers: -1", "workers"),
        ("a: [", "YAML"),
        ("!!python/object/apply:os.system ['true']", "YAML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(BadInput, match=r"prepare-plan-invalid") as caught:
        read_plan(plan(tmp_path, text))
    assert place in str(caught.value)


def test_a_release_may_be_a_number(tmp_path: Path) -> None:
    dataset = read_plan(
        plan(tmp_path, "plan: oncofed/1\nsources: [{folder: a}]\ndataset: {id: breast, release: 2}")
    ).dataset
    assert dataset is not None
    assert dataset.release == "2"


def test_no_plan(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="prepare-plan-invalid"):
        read_plan(tmp_path / "nothing.yaml")


@pytest.mark.parametrize(
    "clinical",
    [
        "{mapping: m.yaml}",
        "{mapping: m.yaml, source: data.csv, database: {variable: URL}}",
        "{mapping: m.yaml, database: {}}",
        "{mapping: m.yaml, database: {variable: URL, file: clinic.url}}",
        "{mapping: m.yaml, database: {url: postgresql://me:pw@host/x}}",
    ],
)
def test_clinical_data_come_from_one_place(tmp_path: Path, clinical: str) -> None:
    text = f"plan: oncofed/1\nsources: [{{folder: images}}]\nclinical: {clinical}\n"
    with pytest.raises(BadInput, match="clinical") as caught:
        read_plan(plan(tmp_path, text))
    assert "pw" not in str(caught.value)


def test_a_database_named_by_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clinical = "{mapping: omop-cdm, database: {variable: CLINIC_URL}}"
    text = f"plan: oncofed/1\nsources: [{{folder: images}}]\nclinical: {clinical}\n"
    read = read_plan(plan(tmp_path, text))
    assert read.clinical is not None
    monkeypatch.setenv("CLINIC_URL", "sqlite://")
    assert read.clinical.origin() == Database("sqlite://")


@pytest.mark.parametrize("text", ["run: 2020-99-99", "run: !!int x", "run: !!bool x", "run: !!timestamp x", "[" * 5000])
def test_values_that_yaml_cannot_mean(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(BadInput, match="prepare-plan-invalid"):
        read_plan(tmp_path / "plan.yaml")
