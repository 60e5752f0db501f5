"""The double promise on real objects: nothing that identifies is left, and every reference leads where it led."""

import json
import warnings
from pathlib import Path

import pytest

from oncofed.bench.prepare_score import run_score
from oncofed.prepare.certificate import certify, check_images, read_certificate
from oncofed.prepare.deidentify import deidentify
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.records import write_records
from oncofed.prepare.run import Run, State
from oncofed.prepare.scan import scan
from oncofed.prepare.verify import Verification, verify
from oncofed.trust.keys import SigningKey
from oncofed.trust.pseudonyms import Pseudonyms


def secret() -> Pseudonyms:
    return Pseudonyms(b"a secret of the tests, 32 bytes!")


def prepared(run: Run, source: Path, profile: str) -> tuple[Recipe, Verification]:
    recipe = Recipe(secret, profile=profile, project="tests")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scan(run, source)
        deidentify(run, recipe)
        return recipe, verify(run, recipe)


@pytest.mark.parametrize("profile", ["research", "minimal", "strict"])
@pytest.mark.system_program("dciodvfy")
def test_segmentations_reports_and_their_images(shared: Path, tmp_path: Path, profile: str) -> None:
    with Run.create(tmp_path / "run", project="tests") as run:
        _, found = prepared(run, shared / "dicom" / "seg_sr_dcmqi", profile)
        assert found.passed
        assert found.files > 0
        assert found.errors_after <= found.errors_before
        assert not set(found.quarantined) & {"prepare-residual", "prepare-reference-broken", "prepare-pixels-changed"}


@pytest.mark.system_program("dciodvfy")
def test_a_structure_set_and_its_images_from_source_to_certificate(shared: Path, tmp_path: Path) -> None:
    with Run.create(tmp_path / "run", project="tests") as run:
        recipe, found = prepared(run, shared / "dicom" / "pt_sarcoma_sts001", "research")
        assert found.passed
        assert (found.resolved_before, found.resolved_after, found.removed) == (346, 346, 0)
        assert found.pixels == {"none": 1, "same": 267}
        assert run.number(State.VERIFIED) == 268
        certify(run, recipe, SigningKey.generate())
        certificate = read_certificate(run.directory / "certificate.json")
        assert check_images(certificate, run.directory) == 268
        papers = [run.directory / "certificate.html", *write_records(run)]
        header = next(run.files(State.VERIFIED)).header
        text = "".join(path.read_text() for path in papers) + json.dumps(certificate.statement)
        for keyword in ("PatientID", "StudyInstanceUID", "StudyDate"):
            assert header[keyword] not in text


@pytest.mark.system_program("tesseract")
def test_the_promised_score(tmp_path: Path) -> None:
    found = run_score(tmp_path, seed=77, patients=2)
    assert found.percent >= 99.9, [str(miss) for miss in found.misses]
