"""A folder of files becomes a dataset, whatever else lies in it."""

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pydicom.data
import pytest

from oncofed.contracts.errors import BadInput
from oncofed.warehouse import Loading, Warehouse, load_with
from oncofed.warehouse.compile import everyone
from oncofed.warehouse.shards import DATABASE
from oncofed.warehouse.sources.base import SourceReport
from oncofed.warehouse.sources.dicom_folder import DicomFolderSource, regular_files
from tests.factories.warehouse import PSEUDONYMS, a_record
from tests.unit.warehouse.sources.test_dicom_headers import write

NAME = ("files", "1")


class Folder:
    """A folder, loaded."""

    def __init__(self, path: Path, directory: Path) -> None:
        loading = Loading()
        (self.release,) = load_with(DicomFolderSource(path, a_record("files")), directory, PSEUDONYMS, "1", loading)
        self.report: SourceReport = loading.reports[0]
        self.warehouse = Warehouse(directory)
        self.database = directory / "000001" / DATABASE

    def cells(self, by: str) -> dict[str, int]:
        return self.warehouse.count(everyone(), [NAME], by)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    (made / "deep" / "er").mkdir(parents=True)
    return made


def test_any_nesting_and_each_instance_once(path: Path, tmp_path: Path) -> None:
    write(path / "a.dcm", SOPInstanceUID="1.1")
    write(path / "deep" / "er" / "b", SOPInstanceUID="1.2")
    write(path / "deep" / "copy.dcm", SOPInstanceUID="1.1")
    folder = Folder(path, tmp_path / "w")
    assert vars(folder.release.size) == {"patients": 1, "studies": 1, "series": 1, "instances": 2}
    assert folder.report.facts["files_repeated"] == 1


def test_links_are_followed_but_not_for_ever(path: Path, tmp_path: Path) -> None:
    write(path / "deep" / "a.dcm")
    os.symlink(path, path / "deep" / "er" / "loop")
    os.symlink(path / "gone", path / "dangling.dcm")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write(elsewhere / "b.dcm", SOPInstanceUID="1.2")
    os.symlink(elsewhere, path / "linked")
    os.mkfifo(path / "pipe")
    assert [file.name for file in regular_files(path)] == ["a.dcm", "b.dcm"]
    assert Folder(path, tmp_path / "w").release.size.instances == 2


def test_what_is_left_out_is_reported_by_its_path(path: Path, tmp_path: Path) -> None:
    write(path / "good.dcm")
    (path / "notes.txt").write_text("Mr Smith, born 1950")
    write(path / "deep" / "DICOMDIR", SeriesInstanceUID=None)
    report = Folder(path, tmp_path / "w").report
    assert report.problems == {"file-no-series": ("deep/DICOMDIR",), "file-not-dicom": ("notes.txt",)}
    assert (report.rows_in, report.rows_rejected) == (3, 2)


def test_identifiers_enter_as_keyed_pseudonyms_only(path: Path, tmp_path: Path) -> None:
    identifiers = ["HOSP-4711", "1.2.826.0.1.11111", "1.2.826.0.1.22222", "1.2.826.0.1.33333"]
    patient, study, series, instance = identifiers
    write(
        path / "a.dcm", PatientID=patient, PatientName="Smith^Jane", StudyInstanceUID=study, SeriesInstanceUID=series,
        SOPInstanceUID=instance, Modality="SEG", PatientBirthDate="19510203", StudyDate="20110405",
        ReferringPhysicianName="House", IssuerOfPatientID="St. Elsewhere",
    )  # fmt: skip
    folder = Folder(path, tmp_path / "w")
    folder.warehouse.close()
    stored = folder.database.read_bytes()
    for text in (*identifiers, "Smith", "House", "Elsewhere", "19510203", "20110405", str(path)):
        assert text.encode() not in stored
    with duckdb.connect(str(folder.database), read_only=True) as connection:
        row = connection.execute("SELECT patient_key, study_uid FROM imaging_study").fetchall()
        objects = connection.execute("SELECT object_uid, kind FROM derived_object").fetchall()
    assert row == [(PSEUDONYMS.patient(patient, "St. Elsewhere"), PSEUDONYMS.uid(study))]
    assert objects == [(PSEUDONYMS.uid(instance), "SEG")]


def test_files_without_a_patient_are_a_patient_a_study(path: Path, tmp_path: Path) -> None:
    write(path / "a.dcm", PatientID="", StudyInstanceUID="1.1", SeriesInstanceUID="1.1.1", SOPInstanceUID="1")
    write(path / "b.dcm", PatientID=None, StudyInstanceUID="1.2", SeriesInstanceUID="1.2.1", SOPInstanceUID="2")
    write(path / "c.dcm", PatientID=None, StudyInstanceUID="1.2", SeriesInstanceUID="1.2.2", SOPInstanceUID="3")
    folder = Folder(path, tmp_path / "w")
    assert vars(folder.release.size) == {"patients": 2, "studies": 2, "series": 3, "instances": 3}
    assert folder.report.facts["studies_without_patient_id"] == 2


def test_two_patients_with_one_study_uid_keep_their_own(path: Path, tmp_path: Path) -> None:
    write(path / "a.dcm", PatientID="A", SOPInstanceUID="1", Modality="CT")
    write(path / "b.dcm", PatientID="B", SOPInstanceUID="2", Modality="MR")
    folder = Folder(path, tmp_path / "w")
    assert vars(folder.release.size) == {"patients": 2, "studies": 2, "series": 2, "instances": 2}
    assert folder.cells("modality") == {"CT": 1, "MR": 1}


@pytest.mark.parametrize(
    ("sexes", "cell"), [("FF", "female"), ("FM", "missing"), ("FMF", "missing"), ("FMM", "missing")]
)
def test_contradicting_sexes_are_not_recorded(path: Path, tmp_path: Path, sexes: str, cell: str) -> None:
    for number, sex in enumerate(sexes):
        write(path / f"{number}.dcm", PatientSex=sex, SOPInstanceUID=f"1.{number}")
    assert Folder(path, tmp_path / "w").cells("sex") == {cell: 1}


def test_the_first_recorded_value_of_a_series_stands(path: Path, tmp_path: Path) -> None:
    write(path / "1.dcm", SOPInstanceUID="1", BodyPartExamined=None)
    write(path / "2.dcm", SOPInstanceUID="2", BodyPartExamined="LUNG")
    write(path / "3.dcm", SOPInstanceUID="3", BodyPartExamined="LIVER")
    assert Folder(path, tmp_path / "w").cells("body_part") == {"CHEST": 1}


def test_an_animal(path: Path, tmp_path: Path) -> None:
    write(path / "1.dcm", PatientSpeciesDescription="Canine")
    assert Folder(path, tmp_path / "w").cells("species") == {"dog": 1}


def test_nothing_usable_and_no_folder(path: Path, tmp_path: Path) -> None:
    (path / "notes.txt").write_text("nothing")
    for place, code in ((path, "source-empty"), (path / "none", "source-unreadable")):
        with pytest.raises(BadInput) as caught:
            Folder(place, tmp_path / "w")
        assert caught.value.code == code


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    folder = Folder(Path(pydicom.data.__file__).parent, tmp_path_factory.mktemp("bundled"))
    yield folder
    folder.warehouse.close()


def test_the_files_bundled_with_pydicom(bundled: Folder) -> None:
    assert bundled.release.size.patients >= 30
    assert bundled.release.size.instances >= 100
    assert bundled.report.rows_rejected >= 10
    assert {"file-not-dicom", "file-no-series"} <= set(bundled.report.problems)
    assert {"CT", "MR", "US", "RTSTRUCT"} <= set(bundled.cells("modality"))


def test_the_larger_corpus(shared: Path, tmp_path: Path) -> None:
    folder = Folder(shared / "dicom", tmp_path)
    assert folder.cells("modality").keys() >= {"CT", "MG", "MR", "PT", "SEG", "SM", "SR", "US"}
    assert folder.cells("annotation").keys() >= {"SEG", "SR", "RTSTRUCT"}
    assert folder.cells("body_part")["BREAST"] == 2
    assert folder.report.problems.keys() == {"file-not-dicom"}
