"""Images against tables: agreement has no finding; each disagreement planted gives its own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset

from oncofed.imaging.quality import Instance, read_instance
from oncofed.prepare.checks.agreement import check_agreement
from oncofed.prepare.checks.findings import AgreementFindings
from oncofed.prepare.checks.spool import Spool
from oncofed.prepare.checks.tables import Tables
from tests.factories import series, tables


def release(seed: int = 1) -> tuple[list[FileDataset], tables.Rows]:
    """A patient's CT and the rows that describe it."""
    made = series.of(series.objects(seed, "CT"), "CT")
    for one in made:
        one.BodyPartExamined, one.PatientAge, one.PatientSex = "CHEST", "060Y", "F"
    first = made[0]
    rows: tables.Rows = {
        "patient": [{"patient_key": first.PatientID, "birth_sex": "female", "population_category": "case"}],
        "cancer_condition": [{"condition_id": 1, "patient_key": first.PatientID, "oncotree_code": "LUAD"}],
        "imaging_study": [
            {"study_uid": first.StudyInstanceUID, "patient_key": first.PatientID, "age_at_imaging": 60.0, "n_series": 1}
        ],
        "imaging_series": [
            {"series_uid": first.SeriesInstanceUID, "study_uid": first.StudyInstanceUID, "modality": "CT",
             "body_part_code": "CHEST", "n_instances": len(made)}
        ],
    }  # fmt: skip
    return made, rows


def agreement(made: list[FileDataset], rows: tables.Rows, folder: Path) -> AgreementFindings:
    images = series.write(made, folder / "images")
    facts = (read_instance(path, images) for path in sorted(images.iterdir()))
    with Spool() as spool, Tables() as model:
        spool.fill(one for one in facts if isinstance(one, Instance))
        model.load(tables.write(rows, folder / "tables"))
        model.complete(spool)
        return check_agreement(model)


def failed(found: AgreementFindings) -> dict[str, int]:
    return {one.check: one.places for one in found.checks if not one.passed}


def test_what_agrees_has_no_finding(tmp_path: Path) -> None:
    found = agreement(*release(), tmp_path)
    assert failed(found) == {}
    assert (found.patients_both, found.patients_images_only, found.patients_tables_only) == (1, 0, 0)


Plant = Callable[[list[FileDataset], tables.Rows], object]
DISAGREEMENTS: dict[str, tuple[Plant, dict[str, int]]] = {
    "sex": (lambda made, rows: rows["patient"][0].update(birth_sex="male"), {"sex-differs": 1}),
    "age": (lambda made, rows: rows["imaging_study"][0].update(age_at_imaging=40.0), {"age-differs": 1}),
    "modality": (lambda made, rows: rows["imaging_series"][0].update(modality="MR"), {"modality-differs": 1}),
    "count": (lambda made, rows: made.pop(), {"series-count": 1}),
    "organ": (
        lambda made, rows: rows["cancer_condition"][0].update(oncotree_code="PRAD"), {"body-part-elsewhere": 1}),
    "mammogram": (
        lambda made, rows: rows["imaging_series"].append({"series_uid": "9", "study_uid": made[0].StudyInstanceUID,
                                                          "modality": "MG", "n_instances": 4}),
        {"mammogram-without-breast": 1}),
    "no images": (lambda made, rows: rows["patient"].append({"patient_key": "p9"}), {"row-without-images": 1}),
    "no study": (
        lambda made, rows: rows["imaging_study"].append({"study_uid": "9", "patient_key": made[0].PatientID}),
        {"study-without-images": 1}),
    "no row": (
        lambda made, rows: made.append(_another(made[0])), {"images-without-row": 1, "study-without-row": 1}),
    "another": (
        lambda made, rows: (rows["patient"].append({"patient_key": "p9"}),
                            rows["imaging_study"][0].update(patient_key="p9")),
        {"study-of-another": 1, "row-without-images": 1}),
}  # fmt: skip


def _another(one: FileDataset) -> FileDataset:
    other = series.again(one)
    other.PatientID, other.StudyInstanceUID, other.SeriesInstanceUID = "p7", "1.2.7", "1.2.7.1"
    return other


@pytest.mark.parametrize("name", DISAGREEMENTS)
def test_a_disagreement_gives_its_finding(tmp_path: Path, name: str) -> None:
    plant, expected = DISAGREEMENTS[name]
    made, rows = release()
    plant(made, rows)
    found = failed(agreement(made, rows, tmp_path))
    found.pop("body-part-elsewhere", None) if name in ("another",) else None
    assert found == expected


def test_whole_body_images_fit_any_tumour(tmp_path: Path) -> None:
    made, rows = release()
    rows["imaging_series"][0]["body_part_code"] = "WHOLEBODY"
    rows["cancer_condition"][0]["oncotree_code"] = "PRAD"
    assert failed(agreement(made, rows, tmp_path)) == {}
