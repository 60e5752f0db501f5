"""The whole check on the corpus of real files after de-identification, and on the files as they came."""

import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from oncofed.imaging.deidentify.deidentifier import Deidentifier
from oncofed.imaging.deidentify.policy import compile_policy
from oncofed.imaging.deidentify.profile import PROFILES
from oncofed.imaging.elements import BROKEN
from oncofed.prepare.checks import Findings, check
from oncofed.prepare.report.page import page
from oncofed.trust.pseudonyms import Pseudonyms
from tests.factories import series

IDENTIFYING = (
    "PatientName", "PatientID", "AccessionNumber", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID",
    "PatientBirthDate", "StudyDate", "OtherPatientIDs", "ReferringPhysicianName", "InstitutionName",
)  # fmt: skip


@pytest.fixture(scope="module")
def deidentified(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("images")
    worker = Deidentifier(compile_policy(PROFILES["research"]), Pseudonyms(b"s" * 32).for_project("quality"))
    for number, path in enumerate(sorted((shared / "dicom").rglob("*.dcm"))):
        worker.file(path, target / f"{number:04}.dcm")
    return target


@pytest.fixture(scope="module")
def findings(deidentified: Path) -> Findings:
    return check(deidentified)


def test_the_corpus_has_the_findings_we_know_of(findings: Findings) -> None:
    found = {one.check: one.places for one in findings.images.checks if not one.passed}
    assert found == {
        "pixels-constant": 4,  # dcmqi's small CTs have blank slices
        "type-1-missing": 3,
        "type-1c-missing": 1,  # Presentation LUT Shape of grey slides; dciodvfy says so too
        "geometry-mixed": 1,  # one series UID of highdicom's test files holds a CT and an SR of another
        "frame-of-reference-mixed": 1,
        "modality-mixed": 1,
        "instance-repeated": 3,
        "reference-dangling": 8,  # objects whose images are not part of the corpus
    }
    assert findings.images.deidentified_share == 1
    assert findings.images.alike == ()


def test_the_whole_series_are_whole(findings: Findings) -> None:
    sizes = {(one.modality, one.instances): one for one in findings.images.listed}
    for key, step, stacks in ((("CT", 41), 5.0, 1), (("PT", 267), 3.27, 1), (("MR", 102), 2.0, 2)):
        assert (sizes[key].step, sizes[key].stacks, sizes[key].issues) == (step, stacks, ())


def test_the_report_holds_nothing_that_identifies(findings: Findings, shared: Path) -> None:
    told = page(findings) + findings.model_dump_json()
    originals = set()
    for path in (shared / "dicom").rglob("*.dcm"):
        try:
            dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(IDENTIFYING))
            originals |= {str(dataset.get(name) or "").strip() for name in IDENTIFYING}
        except BROKEN:
            continue
    told_words = {value for value in originals if len(value) >= 7}
    assert len(told_words) > 400
    assert {value for value in told_words if value in told} == set()


def test_the_files_as_they_came_must_not_be_released(shared: Path) -> None:
    found = check(shared / "dicom" / "mr_breast_ucsf06")
    failed = {one.check for one in found.failed("error")}
    assert "not-deidentified" in failed
    assert found.images.thumbnails == ()
    assert found.tier is not None
    assert found.tier.tier == 0


ON_WORKERS = """
import sys
from pathlib import Path
from oncofed.prepare.checks import check
from oncofed.prepare.parallel import workers

if __name__ == "__main__":
    with workers(2) as hands:
        found = check(Path(sys.argv[1]), workers=hands)
    print(found == check(Path(sys.argv[1])))
"""


def test_real_workers_find_the_same(tmp_path: Path) -> None:
    """In a process of its own, as the workers of a cluster start by importing its main module."""
    images = series.write(series.objects(1, "CT", "PT"), tmp_path / "images")
    script = tmp_path / "on_workers.py"
    script.write_text(ON_WORKERS)
    done = subprocess.run(
        [sys.executable, str(script), str(images)], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.splitlines()[-1] == "True"
