"""Listing and indexing a source: only what is new or changed, and every bad thing under a code of its own."""

import gzip
import os
import shutil
import warnings
from pathlib import Path

import pyarrow.parquet as pq
import pydicom
import pytest

from oncofed.contracts.errors import BadInput, Refused
from oncofed.prepare import review
from oncofed.prepare.parallel import Lost
from oncofed.prepare.run import Run, State
from oncofed.prepare.scan import Scanned, scan
from tests.factories.source import ROOT, a_file, a_patient, a_series


def codes(run: Run) -> dict[str, int]:
    """Number of files and remarks by code."""
    found = {code: number for by_code in run.counts().values() for code, number in by_code.items() if code}
    return found | {code: len(places) for code, places in run.notes().items()}


def states(run: Run) -> dict[str, int]:
    return {state: sum(by_code.values()) for state, by_code in run.counts().items()}


def test_what_is_there_is_indexed(run: Run, folder: Path) -> None:
    a_series(folder / "a" / "b", 3)
    a_patient(folder, "P2", 2)
    assert scan(run, folder) == Scanned(seen=5, new=5, gone=0, headers=5, codes={})
    rows = pq.read_table(run.index_file).to_pylist()
    assert {row["PatientID"] for row in rows} == {"P1", "P2"}
    assert {row["PatientName"] for row in rows} == {"Sørensen^Ann", "P2^Test"}
    assert [row["place"] for row in rows][:1] == [os.path.join("a", "b", "001.dcm")]


def test_again_only_what_is_new_or_changed(run: Run, folder: Path) -> None:
    files = a_series(folder, 3)
    scan(run, folder)
    assert scan(run, folder) == Scanned(seen=3, new=0, gone=0, headers=0, codes={})
    a_file(files[0], 1, PatientSex="O")
    a_file(folder / "new.dcm", 9)
    files[2].unlink()
    assert scan(run, folder) == Scanned(seen=3, new=2, gone=1, headers=2, codes={})
    assert states(run) == {"indexed": 3, "gone": 1}
    a_file(files[2], 3)
    assert scan(run, folder).new == 1


def test_nobody_else_may_read_what_is_known(run: Run, folder: Path) -> None:
    a_series(folder)
    scan(run, folder)
    assert run.directory.stat().st_mode & 0o077 == 0
    for path in run.directory.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_source_is_not_changed(run: Run, folder: Path) -> None:
    files = a_series(folder)
    before = [(path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode) for path in files]
    for path in files:
        path.chmod(0o400)
    folder.chmod(0o500)
    scan(run, folder)
    folder.chmod(0o700)
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in files] == [one[:2] for one in before]
    assert len(list(folder.iterdir())) == 3


def test_an_empty_source_that_was_not_empty_changes_nothing(run: Run, folder: Path) -> None:
    for path in a_series(folder):
        path.rename(path.with_name(path.name + ".moved"))
    scan(run, folder)
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(BadInput, match="unmounted"):
        scan(run, folder)
    assert states(run) == {"indexed": 3}


def test_no_folder_and_nothing_usable(run: Run, folder: Path) -> None:
    with pytest.raises(BadInput, match="no such folder"):
        scan(run, folder / "nothing")
    (folder / "letter.dcm").write_text("Dear colleague")
    with pytest.raises(BadInput, match="source-empty"):
        scan(run, folder)
    assert codes(run) == {"file-not-dicom": 1}


def test_the_run_may_lie_in_the_source_but_not_the_other_way(tmp_path: Path) -> None:
    a_series(tmp_path)
    with Run.create(tmp_path / "run") as run:
        scan(run, tmp_path)
        assert scan(run, tmp_path).seen == 3
        (run.directory / "images").mkdir()
        with pytest.raises(BadInput, match="own directory"):
            scan(run, run.directory / "images")


def test_links_that_loop_break_or_repeat(run: Run, folder: Path) -> None:
    a_series(folder / "a", 2)
    (folder / "a" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "self").symlink_to(folder / "self")
    (folder / "nowhere").symlink_to(folder / "nothing")
    (folder / "twice.dcm").symlink_to(folder / "a" / "001.dcm")
    os.mkfifo(folder / "pipe")
    scan(run, folder)
    assert codes(run) == {
        "prepare-link-loop": 2,
        "prepare-link-broken": 1,
        "prepare-file-special": 1,
        "file-repeated": 1,
    }
    (folder / "nowhere").unlink()
    scan(run, folder)
    assert "prepare-link-broken" not in codes(run)


def test_what_may_not_be_read(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root everything may be read, so the refusal is the operating system's words without its deed."""
    a_series(folder / "open")
    locked = a_file(folder / "locked.dcm", 8)
    (folder / "closed").mkdir()
    opened, listed = Path.open, os.scandir

    def refuse(path: Path, *arguments, **named):
        if path == locked:
            raise PermissionError(13, "denied")
        return opened(path, *arguments, **named)

    def refuse_list(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "denied")
        return listed(path)

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(os, "scandir", refuse_list)
    scan(run, folder)
    assert run.counts()["quarantined"] == {"file-unreadable": 1}
    assert run.notes() == {"file-unreadable": ["closed"]}


def test_names_that_are_no_text(run: Run, folder: Path) -> None:
    path = os.fsencode(a_file(folder / "plain.dcm"))
    os.rename(path, os.fsencode(folder) + b"/\xff\xfe.dcm")
    scan(run, folder)
    (file,) = run.files(State.INDEXED)
    assert file.path.exists()
    assert scan(run, folder).new == 0


def test_a_damaged_file_is_held_back(run: Run, folder: Path) -> None:
    path = a_file(folder / "one.dcm")
    a_file(folder / "two.dcm", 2)
    path.write_bytes(path.read_bytes()[:140] + b"\xff" * 40)
    scan(run, folder)
    assert run.counts()["quarantined"] == {"file-damaged": 1}


def test_a_file_without_series_is_left_out(run: Run, folder: Path) -> None:
    a_file(folder / "one.dcm", SeriesInstanceUID=None)
    a_file(folder / "two.dcm", 2)
    scan(run, folder)
    assert run.counts()["skipped"] == {"file-no-series": 1}


def test_one_identifier_of_several_people(run: Run, folder: Path) -> None:
    a_patient(folder / "x", "P7", PatientSex="M", PatientBirthDate="19400101", PatientName="Berg^Ola")
    a_patient(folder / "y", "P8", PatientID="P7")
    a_series(folder / "z")
    scan(run, folder)
    assert run.counts()["quarantined"] == {"prepare-patient-shared-id": 4}
    assert states(run)["indexed"] == 3


@pytest.mark.parametrize(
    ("one", "other", "held"),
    [
        ({}, {}, False),
        ({"PatientName": "SORENSEN, Ann"}, {"PatientName": "Sorensen^Ann^^Dr"}, False),
        ({"PatientName": "Ann^Sørensen"}, {"PatientName": "Holm^Ann"}, False),  # married
        ({"PatientName": "Ann^Sørensen"}, {"PatientName": "Holm^Eva"}, True),
        ({"PatientName": ""}, {"PatientName": "Holm^Eva"}, False),
        ({"PatientBirthDate": "19500102"}, {"PatientBirthDate": ""}, False),
        ({"PatientBirthDate": "19500102"}, {"PatientBirthDate": "19500201"}, True),
        ({"PatientSex": "F"}, {"PatientSex": "O"}, False),
        ({"PatientSex": "F"}, {"PatientSex": "M"}, True),
        ({"IssuerOfPatientID": "north"}, {"IssuerOfPatientID": "south", "PatientName": "Holm^Eva"}, False),
    ],
)
def test_who_is_the_same_person(run: Run, folder: Path, one: dict, other: dict, held: bool) -> None:
    a_file(folder / "one.dcm", 1, **one)
    another = {"StudyInstanceUID": f"{ROOT}.2", "SeriesInstanceUID": f"{ROOT}.2.1"}
    a_file(folder / "two.dcm", 2, **another, **other)
    scan(run, folder)
    assert codes(run) == ({"prepare-patient-shared-id": 2} if held else {})


def test_one_person_with_two_identifiers(run: Run, folder: Path) -> None:
    a_patient(folder, "P3", PatientName="Dahl^Per", PatientBirthDate="19440203", PatientSex="M")
    a_patient(folder, "P4", PatientName="DAHL Per", PatientBirthDate="19440203", PatientSex="M")
    a_patient(folder, "P5", PatientName="Dahl^Per", PatientBirthDate="19440204", PatientSex="M")
    scan(run, folder)
    assert codes(run) == {"prepare-patient-two-ids": 4}


def test_one_study_of_two_patients(run: Run, folder: Path) -> None:
    a_file(folder / "one.dcm", 1, PatientID="P1")
    a_file(folder / "two.dcm", 2, PatientID="P9", PatientBirthDate="")
    scan(run, folder)
    assert codes(run) == {"prepare-patient-two-ids": 2}


def test_two_different_files_of_one_instance(run: Run, folder: Path) -> None:
    a_file(folder / "a.dcm", 1)
    a_file(folder / "b.dcm", 1)
    a_file(folder / "c.dcm", 1, SeriesNumber=2)
    scan(run, folder)
    assert codes(run) == {"prepare-instance-conflict": 2, "file-repeated": 1}
    (folder / "c.dcm").unlink()
    scan(run, folder)
    assert codes(run) == {"file-repeated": 1}


def test_a_dicomdir_is_left_out_and_what_it_names_looked_for(run: Run, folder: Path) -> None:
    medium = Path(pydicom.data.__file__).parent / "test_files" / "dicomdirtests"
    shutil.copytree(medium, folder / "cd", ignore=shutil.ignore_patterns("DICOMDIR-*"))
    scan(run, folder)
    assert run.counts()["skipped"]["file-dicomdir"] >= 1
    assert "prepare-dicomdir-missing" not in codes(run)
    named = folder / "cd" / "77654033" / "CR1" / "6154"
    named.rename(folder / "elsewhere")
    for _ in range(2):
        scan(run, folder)
        assert run.notes()["prepare-dicomdir-missing"] == [os.path.join("cd", "77654033", "CR1", "6154")]
    (folder / "elsewhere").rename(named)
    scan(run, folder)
    assert run.notes() == {}


def test_one_process_at_a_time(run: Run, folder: Path) -> None:
    a_series(folder)
    with Run.open(run.directory) as other, other.working(), pytest.raises(Refused, match="prepare-run-busy"):
        scan(run, folder)
    scan(run, folder)


def test_a_worker_that_dies_holds_its_batch_back(run: Run, folder: Path) -> None:
    a_series(folder)

    class Dying:
        def map(self, _function, things):
            return (Lost(thing) for thing in things)

    with pytest.raises(BadInput, match="source-empty"):
        scan(run, folder, workers=Dying())
    assert run.counts()["quarantined"] == {"file-damaged": 3}


def test_progress_is_told(run: Run, folder: Path) -> None:
    a_series(folder)
    told: list[tuple[str, int | None]] = []
    done: list[int] = []

    class Told:
        def begin(self, what, total):
            told.append((what, total))

        def advance(self, number=1):
            done.append(number)

        def end(self):
            pass

    scan(run, folder, progress=Told())
    assert told == [("listing files", None), ("reading headers", 3)]
    assert sum(done) == 6


def test_nifti_is_told_apart_from_archives_and_rubbish(run: Run, folder: Path) -> None:
    """That it is damaged is found out by reading it: with a side-car or without."""
    nifti = b"\x5c\x01\0\0" + b"\0" * 340 + b"n+1\0" + b"\0" * 400
    (folder / "sub-01_T1w.nii").write_bytes(nifti)
    (folder / "sub-02_T1w.nii.gz").write_bytes(gzip.compress(nifti))
    (folder / "sub-02_T1w.json").write_text("{}")
    a_series(folder / "dicom", 1)
    scan(run, folder)
    assert codes(run) == {"nifti-damaged": 2, "file-sidecar": 1}


def test_what_is_not_released_is_listed_and_counted(run: Run, folder: Path) -> None:
    a_series(folder, 2)
    (folder / "two\tcells\nand lines.dcm").write_text("Dear colleague")
    a_file(folder / "conflict.dcm", 1, SeriesNumber=3, Modality="SMITH")
    (folder / "nowhere").symlink_to(folder / "nothing")
    scan(run, folder)
    review.write_lists(run)
    _, *rows = [line.split("\t") for line in (run.directory / review.QUARANTINE).read_text().splitlines()]
    assert [(row[1], row[2]) for row in rows] == [
        ("held back", "prepare-instance-conflict"),
        ("held back", "prepare-instance-conflict"),
        ("left out", "file-not-dicom"),
        ("no file", "prepare-link-broken"),
    ]
    assert [row[3] for row in rows[2:]] == ["two cells and lines.dcm", "nowhere"]
    assert {len(row) for row in rows} == {7}
    assert run.not_released() == [
        ("held back", "prepare-instance-conflict", 2),
        ("left out", "file-not-dicom", 1),
        ("no file", "prepare-link-broken", 1),
    ]
    assert [group.modalities for group in review.groups(run)] == ["CT, other"]


def test_a_dicomdir_that_is_bent_stops_nothing(run: Run, folder: Path) -> None:
    """Without preamble, and naming a file by what no file can be named."""
    medium = Path(pydicom.data.__file__).parent / "test_files" / "dicomdirtests" / "DICOMDIR"
    content = medium.read_bytes()
    (folder / "bare").mkdir()
    (folder / "bare" / "DICOMDIR").write_bytes(content[132:])
    (folder / "long").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(medium)
        dataset.DirectoryRecordSequence[3].ReferencedFileID = ["A" * 300]
        dataset.save_as(folder / "long" / "DICOMDIR")
    (folder / "number").mkdir()
    at = content.index(b"\x04\x00\x00\x15CS")  # ReferencedFileID as a number
    (folder / "number" / "DICOMDIR").write_bytes(content[:at] + b"\x04\x00\x00\x15US" + content[at + 6 :])
    a_series(folder / "good", 1)
    scan(run, folder)
    assert run.counts()["skipped"] == {"file-dicomdir": 3}
    assert os.path.join("long", "A" * 300) in run.notes()["prepare-dicomdir-missing"]
