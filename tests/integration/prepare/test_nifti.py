"""NIfTI with side-cars on the whole road, beside DICOM files of the same patients, up to what search finds."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from oncofed.cli.main import main
from oncofed.cli.prepare_key import key_of
from oncofed.imaging.harmonise import Steps, harmonise
from oncofed.node.settings import read_settings
from oncofed.prepare.certificate import check_images, read_certificate
from oncofed.prepare.deidentify import deidentify
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.run import Run, State
from oncofed.prepare.scan import scan
from oncofed.warehouse import Warehouse
from oncofed.warehouse.compile import everyone
from tests.factories.source import a_series
from tests.factories.volumes import a_volume, an_image

PLAN = """
plan: oncofed/1
sources: [{folder: source}]
run: run
dataset: {id: mixed, title: Mixed}
workers: 1
"""
PLANTED = ("Sørensen", "Sorensen", "SOERENSEN", "A-77004", "Sant’Anna", "Weber", "19500102", "1950-01-02", "20200304")
PLANTED += ("2020-03-04", "4 March", "P1-", "PACS-7", "1.2.826.0.1.3680043.10.999")


def by_simpleitk(path: Path) -> Path:
    """A CT as SimpleITK writes it, with the header of a DICOM file as pydicom writes it."""
    values = np.random.default_rng(7).integers(-1000, 1000, (6, 64, 64)).astype(np.int16)
    image = SimpleITK.GetImageFromArray(values)
    image.SetSpacing((0.9, 0.9, 2.5))
    image.SetMetaData("aux_file", "Sorensen")
    SimpleITK.WriteImage(image, str(path))
    header = Dataset.from_json(Dataset().to_json())
    header.Modality, header.PatientID, header.PatientName = "CT", "P1", "Sørensen^Ann"
    header.PatientBirthDate, header.PatientSex, header.StudyDate = "19500102", "F", "20200304"
    header.StudyInstanceUID, header.SeriesInstanceUID = (f"1.2.826.0.1.3680043.10.999.{part}" for part in ("1", "1.77"))
    header.SOPInstanceUID, header.Manufacturer = "1.2.826.0.1.3680043.10.999.1.77.1", "ACME"
    header.StudyDescription, header.BodyPartExamined = "CT liver, PACS-7", "LIVER"
    path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps([header.to_json_dict()]), "utf-8")
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    a_series(folder / "dicom", 2)
    a_volume(folder / "nifti" / "mr.nii", image=an_image((60, 56, 5), descrip=b"Sorensen", aux_file=b"P1-20200304"))
    a_volume(folder / "nifti" / "alone.nii.gz", image=an_image((3, 3, 3)))
    (folder / "nifti" / "alone.json").unlink()
    by_simpleitk(folder / "nifti" / "ct.nii.gz")
    return folder


def typed(*arguments: object) -> None:
    try:
        main([str(one) for one in arguments])
    except SystemExit as ended:
        if ended.code:
            raise AssertionError(arguments) from ended


def contents(directory: Path) -> dict[str, bytes]:
    """Files with what is packed in them unpacked."""
    found = {}
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            found[str(path.relative_to(directory))] = gzip.decompress(content) if path.suffix == ".gz" else content
    return found


def test_the_whole_road(data_dir: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    typed("prepare", "run", tmp_path / "plan.yaml", "--data-dir", data_dir)
    told = capsys.readouterr()
    assert "this NIfTI volume has no side-car" in told.out + told.err
    run = tmp_path / "run"
    images = read_settings(data_dir).warehouse.parent / "images" / "mixed" / "1"
    released = contents(images)
    assert [Path(name).suffix for name in released].count(".gz") == 2
    for name, content in released.items():
        for planted in PLANTED:
            assert planted not in name
            assert planted.encode() not in content, (name, planted)
    # the voxels are what they were, where they were
    for volume in images.rglob("*.nii.gz"):
        header = json.loads(volume.with_name(volume.name.replace(".nii.gz", ".json")).read_text("utf-8"))
        name = "mr.nii" if header["00080060"]["Value"] == ["MR"] else "ct.nii.gz"
        before, after = nib.load(source / "nifti" / name), nib.load(volume)
        np.testing.assert_array_equal(np.asarray(before.dataobj), np.asarray(after.dataobj))
        np.testing.assert_array_equal(before.affine, after.affine)
        assert SimpleITK.ReadImage(str(volume)).GetSize() == before.shape
    # one person, one pseudonym, and the study of the DICOM files where the side-car names it
    assert len({Path(name).parts[0] for name in released}) == 1
    assert len({Path(name).parts[1] for name in released}) == 2
    # found by search
    warehouse = Warehouse(read_settings(data_dir).warehouse)
    assert warehouse.count(everyone(), [("mixed", "1")], "modality") == {"CT": 1, "MR": 1}
    assert warehouse.count(everyone(), [("mixed", "1")], "body_part") == {"ABDOMEN": 1, "BREAST": 1}
    # said in the certificate, and in the report
    certificate = read_certificate(run / "certificate.json")
    assert check_images(certificate, run) == 6
    assert certificate.statement["files"]["held_back"] == {"file-nifti": 1}
    assert certificate.statement["verification"]["pixels"] == {"same": 4}
    checks = {one["check"]: one["count"] for one in json.loads((run / "report.json").read_bytes())["images"]["checks"]}
    assert checks["volume-nifti"] == 2
    assert not checks["sop-class-missing"] + checks["file-unreadable"] + checks["pixels-undecodable"]
    pictures = json.loads((run / "report.json").read_bytes())["images"]["thumbnails"]
    assert {one["caption"][:2] for one in pictures} == {"CT", "MR"}
    typed("prepare", "eucaim", tmp_path / "layout", "--dataset", "mixed", "--run", run, "--data-dir", data_dir)
    assert len(list((tmp_path / "layout").rglob("*.nii.gz"))) == len(list((tmp_path / "layout").rglob("*.json"))) == 2


def test_two_machines_make_the_same_files(data_dir: Path, source: Path, tmp_path: Path) -> None:
    def made(directory: Path) -> dict[str, str]:
        with Run.create(directory) as run:
            scan(run, source)
            deidentify(run, Recipe(key_of(data_dir)))
            files = [path for path in run.images.rglob("*") if path.is_file()]
            return {str(one.relative_to(directory)): hashlib.sha256(one.read_bytes()).hexdigest() for one in files}

    assert made(tmp_path / "a") == made(tmp_path / "b")


def test_a_real_header_is_kept_where_it_may_be(data_dir: Path, tmp_path: Path) -> None:
    """pydicom’s CT as a side-car: what de-identifying the file gives, the side-car gives."""
    import pydicom

    source = tmp_path / "source"
    real = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    a_volume(source / "x.nii.gz", says=real.to_json_dict())
    (source / "x.dcm").write_bytes(Path(str(get_testdata_file("CT_small.dcm"))).read_bytes())
    with Run.create(tmp_path / "run") as run:
        scan(run, source)
        assert deidentify(run, Recipe(key_of(data_dir))) == 2
        (file,) = run.images.rglob("*.dcm")
        (beside,) = run.images.rglob("*.json")
    assert file.parent == beside.parent
    plain = pydicom.dcmread(file)
    of_volume = Dataset.from_json(json.loads(beside.read_text("utf-8")))
    own = {"SpecificCharacterSet", "SOPInstanceUID", "PixelData"}
    assert {one.keyword for one in plain if one.VR not in ("OB", "OW", "UN", "UL")} - own <= {
        one.keyword for one in of_volume
    }
    for element in of_volume:
        if element.keyword not in own and element.VR != "SQ":
            assert (element.value or "") == (plain[element.tag].value or ""), element.keyword


def test_volumes_of_a_release_are_harmonised(data_dir: Path, source: Path, tmp_path: Path) -> None:
    with Run.create(tmp_path / "run") as run:
        scan(run, source)
        deidentify(run, Recipe(key_of(data_dir)))
        done = harmonise(run.images, tmp_path / "harmonised", Steps(modalities=frozenset({"MR"})))
    (made,) = done.written
    before, after = SimpleITK.ReadImage(str(source / "nifti" / "mr.nii")), SimpleITK.ReadImage(str(made))
    assert after.GetSpacing() == pytest.approx(before.GetSpacing(), abs=1e-4)
    assert after.GetOrigin() == pytest.approx(before.GetOrigin(), abs=1e-3)
    np.testing.assert_allclose(after.GetDirection(), before.GetDirection(), atol=1e-5)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(before), SimpleITK.GetArrayFromImage(after))


_KILLED = """
import os, signal, sys
from pathlib import Path
from oncofed.cli.prepare_key import key_of
from oncofed.prepare.deidentify import deidentify
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.run import Run

put = Path.replace
left = 0

def replace(path, target):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return put(path, target)

for left in range(6):
    process = os.fork()
    if not process:
        Path.replace = replace
        with Run.open(Path(sys.argv[1])) as run:
            deidentify(run, Recipe(key_of(Path(sys.argv[2]))))
        os._exit(0)
    ended = os.waitpid(process, 0)[1]
    files = [path.suffix for path in Path(sys.argv[1], "images").rglob("2.25.*") if path.is_file()]
    print(os.WTERMSIG(ended), *sorted(files))
"""
"""Kills the stage before each time that it puts a file in place: three volumes have six files."""


def test_killed_anywhere_no_volume_stands_without_its_side_car(data_dir: Path, tmp_path: Path) -> None:
    for number in range(3):
        a_volume(tmp_path / "source" / f"{number}.nii.gz", image=an_image((3, 3, 3 + number)))
    with Run.create(tmp_path / "run") as run:
        scan(run, tmp_path / "source")
    program = [sys.executable, "-c", _KILLED, str(tmp_path / "run"), str(data_dir)]
    done = subprocess.run(
        program, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    files = [line.split() for line in done.stdout.splitlines()]
    assert [one[0] for one in files] == ["9"] * 6, done.stderr
    assert files[0] == ["9"]
    assert files[1] == ["9", ".json"]
    assert files[5] == ["9", ".gz", ".gz", ".json", ".json", ".json"]
    with Run.open(tmp_path / "run") as run:
        deidentify(run, Recipe(key_of(data_dir)))
        assert run.number(State.DEIDENTIFIED) == 3
        assert all(file.target and file.target.is_file() for file in run.files(State.DEIDENTIFIED))
