"""NIfTI volumes in a run: found with their side-cars, each fault under its own code, changed when either file is."""

import gzip
import os
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom._dicom_dict import DicomDictionary

from oncofed.contracts.errors import BadInput
from oncofed.imaging import nifti
from oncofed.imaging.headers import Unusable
from oncofed.imaging.sidecar import MOST, sidecar_of
from oncofed.prepare import review, volumes
from oncofed.prepare.deidentify import deidentify, target_of
from oncofed.prepare.eucaim import write_eucaim
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.run import Run, RunFile, State
from oncofed.prepare.scan import scan
from oncofed.prepare.verify import verify
from oncofed.trust.pseudonyms import Pseudonyms
from tests.factories.source import a_file, a_series
from tests.factories.volumes import SAYS, a_volume, an_image


def key() -> Pseudonyms:
    return Pseudonyms(b"k" * 32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    a_series(made / "dicom", 1)
    return made


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with Run.create(tmp_path / "run") as made:
        yield made


def codes(run: Run) -> dict[str, int]:
    return {code: number for by_code in run.counts().values() for code, number in by_code.items() if code}


def the_volume(run: Run) -> RunFile:
    (file,) = [one for one in run.files() if one.is_volume]
    return file


def test_a_volume_stands_in_the_index_with_what_its_side_car_says(run: Run, folder: Path) -> None:
    a_volume(folder / "sub" / "x.nii.gz")
    scanned = scan(run, folder)
    assert (scanned.headers, scanned.codes) == (3, {"file-sidecar": 1})
    header = the_volume(run).header
    assert (header["PatientID"], header["Modality"], header["BodyPartExamined"]) == ("P1", "MR", "BREAST")
    assert header["StudyDate"] == "20200304"


def test_each_fault_has_its_own_code_and_the_scan_goes_on(run: Run, folder: Path) -> None:
    a_volume(folder / "alone.nii.gz")
    (folder / "alone.json").unlink()
    a_volume(folder / "nobody.nii", PatientID=None)
    a_volume(folder / "kind.nii", Modality="")
    a_volume(folder / "text.nii")
    (folder / "text.json").write_text("PatientID: P1")
    a_volume(folder / "large.nii")
    (folder / "large.json").write_bytes(b"[" + b" " * MOST)
    a_volume(folder / "deep.nii")
    (folder / "deep.json").write_bytes(b"[" * 5000)
    a_volume(folder / "cut.nii.gz").write_bytes(gzip.compress(an_image().to_bytes())[:60])
    a_volume(folder / "noise.nii.gz").write_bytes(b"no volume")
    a_volume(folder / "unnamed.nii").rename(folder / "unnamed")
    (folder / "pair.hdr").write_bytes(an_image().to_bytes().replace(b"n+1\0", b"ni1\0"))
    scan(run, folder)
    assert run.counts()["quarantined"] == {
        "file-nifti": 2,
        "sidecar-incomplete": 2,
        "sidecar-invalid": 1,
        "sidecar-too-large": 2,
        "nifti-damaged": 2,
        "nifti-two-files": 1,
    }
    assert run.counts()["skipped"] == {"file-sidecar": 7, "file-not-dicom": 1}
    review.write_lists(run)
    assert (run.directory / review.QUARANTINE).read_text().count("\theld back\t") == 10


def test_a_change_of_either_file_is_seen(run: Run, folder: Path) -> None:
    path = a_volume(folder / "x.nii.gz", BodyPart="LIVER")
    scan(run, folder)
    assert scan(run, folder).new == 0
    status = sidecar_of(path).stat()
    a_volume(path, BodyPart="COLON")
    os.utime(sidecar_of(path), ns=(status.st_atime_ns, status.st_mtime_ns - 5_000_000_000))
    scan(run, folder)
    assert the_volume(run).header["BodyPartExamined"] == "COLON"
    sidecar_of(path).unlink()
    scan(run, folder)
    assert codes(run) == {"file-nifti": 1}
    a_volume(path)
    scan(run, folder)
    assert the_volume(run).state is State.INDEXED
    path.unlink()
    scan(run, folder)
    assert codes(run) == {"file-not-dicom": 1}


def test_a_dicom_file_with_the_name_of_a_volume_is_one(run: Run, folder: Path) -> None:
    a_file(folder / "x.nii", 7)
    scan(run, folder)
    assert not any(file.is_volume for file in run.files())
    assert deidentify(run, Recipe(key)) == 2


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_pairs_come_out_of_archives(run: Run, folder: Path, tmp_path: Path, kind: str) -> None:
    a_volume(tmp_path / "in" / "x.nii.gz")
    a_volume(tmp_path / "in" / "y.nii", image=an_image((3, 3, 3)))
    (tmp_path / "in" / "dataset_description.json").write_text("{}")
    files = sorted((tmp_path / "in").iterdir())
    if kind == "zip":
        with zipfile.ZipFile(folder / "a.zip", "w") as packed:
            for file in files:
                packed.write(file, f"sub/{file.name}")
    else:
        with tarfile.open(folder / "a.tar.gz", "w:gz") as packed:
            for file in files:
                packed.add(file, f"sub/{file.name}")
    scan(run, folder)
    assert codes(run) == {"file-sidecar": 2, "file-not-dicom": 1, "file-archive": 1}
    assert sum(file.is_volume for file in run.files(State.INDEXED)) == 2
    assert deidentify(run, Recipe(key)) == 3


# ---- from the index to the files -------------------------------------------------------------------------------------


def test_a_person_sees_what_may_show_text_or_a_face(run: Run, folder: Path) -> None:
    a_volume(folder / "x.nii.gz", BodyPart="HEAD", ImageType=["DERIVED", "SECONDARY"])
    recipe = Recipe(key, profile="strict")
    scan(run, folder)
    for code in ("pixels-text-suspected", "pixels-face"):
        deidentify(run, recipe)
        assert run.counts()["quarantined"] == {code: 1}
        (group,) = review.groups(run)
        with pytest.raises(BadInput, match="rectangle"):
            review.accept(run, group.number, [(0, 0, 5, 5)])
        review.accept(run, group.number)
    deidentify(run, recipe)
    assert the_volume(run).state is State.DEIDENTIFIED


def test_a_head_among_dicom_files_of_its_series_does_not_hide_their_face(run: Run, folder: Path) -> None:
    given = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4"}
    a_volume(folder / "x.nii.gz", BodyPart="HEAD", **given)
    for number in (11, 12):
        a_file(folder / f"{number}.dcm", number, BodyPartExamined="HEAD", FrameOfReferenceUID="1.2.9", **given)
    scan(run, folder)
    deidentify(run, Recipe(key, profile="strict"))
    assert run.counts()["quarantined"] == {"pixels-face": 3}


@pytest.mark.parametrize("profile", ["research", "strict"])
@pytest.mark.parametrize("form", ["keyword", "tag"])
def test_a_name_in_any_attribute_of_the_dictionary_goes(run: Run, folder: Path, form: str, profile: str) -> None:
    """At the top and in a sequence, whatever the attribute: the side-car is under the same rules as a header."""
    texts = {
        keyword: (f"{tag:08X}", vr)
        for tag, (vr, _, _, _, keyword) in DicomDictionary.items()
        if keyword and vr in ("LO", "SH", "ST", "LT", "UT", "UC", "PN", "AE", "CS", "UR")
    }
    texts = {keyword: of for keyword, of in texts.items() if keyword not in SAYS and of[0] not in _OWN}
    if form == "keyword":
        said = dict.fromkeys(texts, "SØRENSEN")
        nested = {"RequestAttributesSequence": [said]}
    else:
        said = {tag: {"vr": vr, "Value": [_named(vr)]} for tag, vr in texts.values()}
        nested = {"00400275": {"vr": "SQ", "Value": [said]}}
    a_volume(folder / "x.nii.gz", **(said | nested))
    scan(run, folder)
    deidentify(run, Recipe(key, profile=profile))
    target = the_volume(run).target
    assert target is not None
    assert b"\xc3\x98RENSEN" not in sidecar_of(target).read_bytes()
    assert verify(run, Recipe(key, profile=profile)).verified == 2


_OWN = {"00080005", "00100021", "00280301"}
"""Character set, issuer (it would be another patient's), Burned In Annotation (a person would have to look)."""


def _named(vr: str) -> object:
    return {"Alphabetic": "SØRENSEN"} if vr == "PN" else "SØRENSEN"


def test_what_changed_since_it_was_indexed_is_held_back(run: Run, folder: Path) -> None:
    path = a_volume(folder / "x.nii.gz")
    scan(run, folder)
    a_volume(path, PatientID="P2")
    deidentify(run, Recipe(key))
    assert run.counts()["quarantined"] == {"prepare-file-changed": 1}
    assert not list(run.images.rglob("*.json"))


def test_what_changes_meanwhile_leaves_nothing(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = a_volume(folder / "x.nii.gz")
    scan(run, folder)
    given = nifti.clean_volume

    def touched(source: Path) -> Iterator[bytes]:
        yield from given(source)
        os.utime(sidecar_of(path), ns=(1, 1))

    monkeypatch.setattr(nifti, "clean_volume", touched)
    file = the_volume(run)
    tools = Recipe(key).tools
    target = run.directory / target_of(file, tools)
    with pytest.raises(Unusable, match="prepare-file-changed"):
        volumes.deidentify(file.path, target, tools, ())
    assert not any(one.exists() for one in volumes.files(target))


def test_the_side_car_stands_before_the_volume(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends it in between: there is no volume without its side-car."""
    a_volume(folder / "x.nii.gz")
    scan(run, folder)
    put: list[str] = []
    given = volumes.write
    monkeypatch.setattr(
        volumes, "write", lambda chunks, path, **how: (put.append(path.suffix), given(chunks, path, **how))
    )
    deidentify(run, Recipe(key))
    assert put == [".json", ".gz"]


def test_a_volume_that_turns_out_damaged_is_held_back_with_nothing_left(run: Run, folder: Path) -> None:
    path = a_volume(folder / "x.nii.gz")
    content = an_image().to_bytes()
    path.write_bytes(gzip.compress(content[:-10]))
    scan(run, folder)
    deidentify(run, Recipe(key))
    assert run.counts()["quarantined"] == {"nifti-damaged": 1}
    assert not [one for one in run.images.rglob("*") if one.is_file() and one.suffix != ".dcm"]


def test_retained_uids_never_let_a_supplied_one_out(run: Run, folder: Path, tmp_path: Path) -> None:
    """A supplied UID is made of the Patient ID without a key: whoever guesses the one could test it by the other."""
    profile = tmp_path / "own.toml"
    profile.write_text('options = ["retain_uids", "retain_modified_dates"]')
    a_volume(folder / "x.nii.gz", SeriesInstanceUID="1.2.3.4.5")
    scan(run, folder)
    assert deidentify(run, Recipe(key, profile=str(profile))) == 2
    target = the_volume(run).target
    assert target is not None
    assert target.parent.name == "1.2.3.4.5"
    assert "2.25.0." not in str(target) + sidecar_of(target).read_text()
    verification = verify(run, Recipe(key, profile=str(profile)))
    assert verification.verified == 2


def test_verification_holds_back_what_was_changed_afterwards(run: Run, folder: Path) -> None:
    a_volume(folder / "x.nii.gz")
    scan(run, folder)
    deidentify(run, Recipe(key))
    target = the_volume(run).target
    assert target is not None
    good = sidecar_of(target).read_text(encoding="utf-8")
    for change, code in (
        (lambda: sidecar_of(target).write_text(good.replace("T2", "Sørensen"), encoding="utf-8"), "prepare-residual"),
        (lambda: sidecar_of(target).write_text("{}"), "prepare-output-unreadable"),
        (lambda: sidecar_of(target).unlink(), "prepare-output-unreadable"),
        (lambda: target.write_bytes(gzip.compress(an_image(kind="<u2").to_bytes()[:-2] + b"xy")), "prepare-residual"),
    ):
        change()
        verify(run, Recipe(key))
        assert run.counts()["quarantined"] == {code: 1}
        run.mark([the_volume(run).id], State.INDEXED)
        deidentify(run, Recipe(key))
    content = bytearray(gzip.decompress(the_volume(run).target.read_bytes()))
    content[-1] ^= 1
    the_volume(run).target.write_bytes(gzip.compress(content, mtime=0))
    raw = bytearray(the_volume(run).target.read_bytes())
    raw[8:10] = b"\0\xff"
    the_volume(run).target.write_bytes(raw)
    verify(run, Recipe(key))
    assert run.counts()["quarantined"] == {"prepare-pixels-changed": 1}


def test_verification_needs_the_source(run: Run, folder: Path) -> None:
    path = a_volume(folder / "x.nii.gz")
    scan(run, folder)
    deidentify(run, Recipe(key))
    sidecar_of(path).write_text("{}")
    verify(run, Recipe(key))
    assert run.counts()["quarantined"] == {"prepare-file-changed": 1}


def test_eucaim_takes_no_volume_without_its_header(tmp_path: Path, run: Run, folder: Path) -> None:
    from oncofed.prepare.tables import index

    scan(run, folder)
    deidentify(run, Recipe(key))
    index(run, Recipe(key))
    (run.images / "x.nii.gz").write_bytes(b"")
    with pytest.raises(BadInput, match="file-damaged"):
        write_eucaim(run.tables, tmp_path / "layout", dataset_id="d", title="d", images=run.images)
