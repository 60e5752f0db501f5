"""Verification finds whatever is wrong with a new file, each under its code; a sound run passes whole."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from oncofed.prepare import validity, verify
from oncofed.prepare.deidentify import deidentify
from oncofed.prepare.parallel import Here, Lost
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.run import Run, RunFile, State
from oncofed.prepare.scan import scan
from oncofed.prepare.verification import Batch, check
from oncofed.trust.pseudonyms import Pseudonyms
from tests.factories.source import GIVEN, ROOT, a_file, a_patient, a_series


def secret() -> Pseudonyms:
    return Pseudonyms(b"a secret of the tests, 32 bytes!")


RECIPE = Recipe(secret, profile="research", project="tests", ocr=False)


@pytest.fixture(autouse=True)
def without_dciodvfy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The program is another test's matter, and slow."""
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    a_series(made / "ct", 3)
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = GIVEN["SOPClassUID"], f"{ROOT}.1.1.2"
    points = {"SeriesInstanceUID": f"{ROOT}.1.2", "SOPInstanceUID": f"{ROOT}.1.2.1"}
    a_file(made / "points.dcm", 1, ReferencedImageSequence=Sequence([item]), **points)
    a_patient(made, "Qvortrup", 2)
    return made


@pytest.fixture
def run(tmp_path: Path, folder: Path) -> Iterator[Run]:
    with Run.create(tmp_path / "run", project="tests") as made:
        scan(made, folder)
        deidentify(made, RECIPE)
        yield made


def the_file(run: Run, name: str) -> RunFile:
    return next(file for file in run.files() if file.place.endswith(name))


def tamper(run: Run, name: str, change: Callable[[Dataset], Any]) -> None:
    target = the_file(run, name).target
    assert target is not None
    dataset = pydicom.dcmread(target)
    change(dataset)
    dataset.save_as(target)


def held_back(run: Run) -> dict[str, str]:
    return {file.place: file.code for file in run.files(State.QUARANTINED)}


def test_a_sound_run_passes_whole(run: Run) -> None:
    found = verify.verify(run, RECIPE)
    assert found.passed
    assert (found.files, found.verified, found.patients) == (6, 6, 2)
    assert found.quarantined == {}
    assert (found.resolved_before, found.resolved_after, found.removed) == (1, 1, 0)
    assert found.pixels == {"same": 6}
    assert found.judged == 0
    assert {file.state for file in run.files()} == {State.VERIFIED}
    assert run.stages()["verify"]["facts"]["verified"] == 6


def put(keyword: str, value: str) -> Callable[[Dataset], None]:
    return lambda dataset: setattr(dataset, keyword, value)


def put_inside(dataset: Dataset) -> None:
    item = Dataset()
    item.ReferencedSOPInstanceUID = f"{ROOT}.1.1.3"
    dataset.SourceImageSequence = Sequence([item])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (put("ImageComments", "for Dr Sørensen"), "name"),
        (put("SeriesDescription", "SORENSEN ANN"), "name"),
        (put("StudyDate", "20200304"), "original date"),
        (put("ImageComments", "seen on 4 March 2020"), "original date"),
        (put_inside, "original UID"),
        (lambda dataset: dataset.file_meta.__setattr__("SourceApplicationEntityTitle", "CT7"), "file meta information"),
        (put("PatientAge", "101Y"), "age above the cap"),
    ],
)
def test_what_identifies_is_found_and_held_back(run: Run, change: Callable[[Dataset], None], what: str) -> None:
    tamper(run, "001.dcm", change)
    found = verify.verify(run, RECIPE)
    assert not found.passed
    assert found.findings == {what: 1}
    assert held_back(run) == {"ct/001.dcm": "prepare-residual"}
    assert the_file(run, "001.dcm").target is None


def test_what_stands_only_in_another_file_of_the_patient_is_sought_too(run: Run, folder: Path, tmp_path: Path) -> None:
    a_file(folder / "other.dcm", 7, ReferringPhysicianName="Okonkwo^Chidi", SOPInstanceUID=f"{ROOT}.1.1.7")
    with Run.create(tmp_path / "second", project="tests") as second:
        scan(second, folder)
        deidentify(second, RECIPE)
        tamper(second, "001.dcm", put("ImageComments", "Okonkwo"))
        verify.verify(second, RECIPE)
        assert held_back(second) == {"ct/001.dcm": "prepare-residual"}


def test_a_changed_pixel_is_found(run: Run) -> None:
    def flip(dataset: Dataset) -> None:
        dataset.PixelData = bytes([dataset.PixelData[0] ^ 1]) + dataset.PixelData[1:]

    tamper(run, "002.dcm", flip)
    assert verify.verify(run, RECIPE).pixels == {"same": 5, "changed": 1}
    assert held_back(run) == {"ct/002.dcm": "prepare-pixels-changed"}


def test_a_changed_pixel_that_is_written_down_is_a_mask(run: Run) -> None:
    def mask(dataset: Dataset) -> None:
        dataset.PixelData = bytes(len(dataset.PixelData))
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "113101", "DCM", "Clean Pixel Data Option"
        dataset.DeidentificationMethodCodeSequence.append(code)

    tamper(run, "002.dcm", mask)
    found = verify.verify(run, RECIPE)
    assert found.passed
    assert found.pixels == {"same": 5, "masked": 1}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("003.dcm", put("SeriesInstanceUID", "2.25.99")),
        ("003.dcm", put("StudyInstanceUID", "2.25.99")),
        (
            "points.dcm",
            lambda dataset: dataset.ReferencedImageSequence[0].__setattr__("ReferencedSOPInstanceUID", "2.25.9"),
        ),
    ],
)
def test_a_broken_reference_or_series_is_found(run: Run, name: str, change: Callable[[Dataset], None]) -> None:
    tamper(run, name, change)
    found = verify.verify(run, RECIPE)
    assert not found.passed
    assert found.broken + found.regrouped > 0
    assert any(place.endswith(name) for place in held_back(run))
    assert set(held_back(run).values()) == {"prepare-reference-broken"}


def test_a_reference_that_is_gone_with_its_sequence_is_told_and_not_held_back(run: Run) -> None:
    tamper(run, "points.dcm", lambda dataset: dataset.pop("ReferencedImageSequence"))
    found = verify.verify(run, RECIPE)
    assert found.passed
    assert (found.removed, found.resolved_after) == (1, 0)


@pytest.mark.parametrize("content", [b"", b"no dicom", None])
def test_a_new_file_that_cannot_be_read_is_held_back(run: Run, content: bytes | None) -> None:
    target = the_file(run, "001.dcm").target
    assert target is not None
    if content is None:
        target.unlink()
    else:
        target.write_bytes(content)
    verify.verify(run, RECIPE)
    assert held_back(run) == {"ct/001.dcm": "prepare-output-unreadable"}


def test_a_new_file_without_its_uids_is_held_back(run: Run) -> None:
    def strip(dataset: Dataset) -> None:
        for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            delattr(dataset, keyword)

    tamper(run, "001.dcm", strip)
    verify.verify(run, RECIPE)
    assert held_back(run)["ct/001.dcm"] == "prepare-output-unreadable"


def test_a_source_that_is_gone_is_told(run: Run, folder: Path) -> None:
    (folder / "ct" / "001.dcm").unlink()
    verify.verify(run, RECIPE)
    assert held_back(run)["ct/001.dcm"] == "prepare-file-changed"


def test_what_a_person_accepted_passes(run: Run) -> None:
    tamper(run, "001.dcm", put("ImageComments", "Sørensen"))
    number = the_file(run, "001.dcm").id
    run.connection.execute("UPDATE files SET accepted = 'prepare-residual' WHERE id = ?", (number,))
    assert verify.verify(run, RECIPE).findings == {"name": 1}
    assert held_back(run) == {}


def test_again_only_patients_with_something_new(run: Run, folder: Path) -> None:
    first = verify.verify(run, RECIPE)
    assert list(verify.batches(run, RECIPE)) == []
    assert verify.verify(run, RECIPE) == first
    a_patient(folder, "Third", 1)
    scan(run, folder)
    deidentify(run, RECIPE)
    assert [len(batch.jobs) for batch in verify.batches(run, RECIPE)] == [1]
    again = verify.verify(run, RECIPE)
    assert (again.files, again.patients) == (7, 3)


def test_patients_with_many_files_are_checked_in_parts_and_judged_whole(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "_FILES", 2)
    assert sorted(len(batch.jobs) for batch in verify.batches(run, RECIPE)) == [2, 2, 2]
    found = verify.verify(run, RECIPE)
    assert found.passed
    assert found.resolved_after == 1


def test_a_batch_that_kills_its_worker_is_held_back(run: Run) -> None:
    class Dying(Here):
        def map(self, function: Any, things: Any) -> Iterator[Any]:
            for thing in things:
                yield Lost(thing) if len(thing.jobs) == 4 else function(thing)

    found = verify.verify(run, RECIPE, workers=Dying())
    assert found.quarantined == {"prepare-output-unreadable": 4}
    assert found.verified == 2


@pytest.mark.parametrize("profile", ["strict", "minimal"])
def test_other_profiles_pass_too(tmp_path: Path, folder: Path, profile: str) -> None:
    recipe = Recipe(secret, profile=profile, project="tests", ocr=False)
    with Run.create(tmp_path / "other", project="tests") as run:
        scan(run, folder)
        deidentify(run, recipe)
        assert verify.verify(run, recipe).passed


def test_what_a_policy_keeps_is_no_finding(tmp_path: Path, folder: Path) -> None:
    profile = tmp_path / "own.toml"
    options = '["retain_full_dates", "retain_uids", "retain_institution"]'
    profile.write_text(f'name = "own"\nbased_on = "minimal"\noptions = {options}\n')
    recipe = Recipe(secret, profile=str(profile), project="tests", ocr=False)
    with Run.create(tmp_path / "other", project="tests") as run:
        scan(run, folder)
        deidentify(run, recipe)
        found = verify.verify(run, recipe)
        assert found.findings == {}
        assert found.passed


def test_batches_cross_to_workers_without_keys(run: Run) -> None:
    batch: Batch = next(verify.batches(run, RECIPE))
    assert b"a secret of the tests" not in repr(batch).encode()
    assert check(batch).patient_key == batch.patient_key


@pytest.mark.system_program("dciodvfy")
def test_errors_before_and_after(run: Run, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert validity.installed()
    found = verify.verify(run, RECIPE)
    assert found.judged == 3
    assert found.errors_after <= found.errors_before


def test_without_the_program_there_is_no_judgement(folder: Path) -> None:
    assert not validity.installed()
    assert validity.errors(folder / "points.dcm") is None


def test_a_program_that_hangs_gives_no_judgement(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "dciodvfy"
    program.parent.mkdir()
    program.write_text(f"#!{shutil.which('sh', path='/bin:/usr/bin')}\nexec /bin/sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr(validity, "_TIMEOUT", 0.1)
    assert validity.errors(folder / "points.dcm") is None
