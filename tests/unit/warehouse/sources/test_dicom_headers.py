"""One header: what is read, what is left out."""

import warnings
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from oncofed.warehouse.sources.dicom_headers import Unusable, age_in_years, read_header, sequence_type


def write(path: Path, preamble: bool = True, **values: Any) -> Path:
    """A small DICOM file with the values given over a complete header; None leaves an attribute out."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128 if preamble else None)
    given = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": "1.2.3.4",
        "StudyInstanceUID": "1.2",
        "SeriesInstanceUID": "1.2.3",
        "PatientID": "P1",
        "Modality": "CT",
    } | values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in given.items():
            if value is not None:
                setattr(dataset, name, value)
        dataset.save_as(path, enforce_file_format=preamble)
    return path


def read(tmp_path: Path, **values: Any):
    return read_header(write(tmp_path / "one.dcm", **values))


def item(**values: Any) -> Dataset:
    made = Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def test_codes_and_numbers_of_a_series(tmp_path: Path) -> None:
    header = read(
        tmp_path,
        Modality="MR",
        PatientSex="F",
        PatientAge="066Y",
        StudyDate="20120304",
        BodyPartExamined="THORAX",
        Laterality="L",
        Manufacturer="SIEMENS",
        ManufacturerModelName="Skyra",
        MagneticFieldStrength="15000",
        SliceThickness="2.5",
        PixelSpacing=["0.5", "0.6"],
        SeriesDescription="t1_vibe_dyn",
        ContrastBolusAgent="Gadovist",
    )
    assert header.patient == {"birth_sex": "female", "species": "human"}
    assert header.study == {"acquisition_year": 2012, "age_at_imaging": 66.0}
    expected = {
        "modality": "MR",
        "body_part_code": "CHEST",
        "laterality": "left",
        "manufacturer_norm": "siemens",
        "model": "Skyra",
        "field_strength_t": 1.5,
        "slice_thickness_mm": 2.5,
        "spacing_x": 0.6,
        "spacing_y": 0.5,
        "contrast": "unspecified",
        "sequence_type": "dce",
        "transfer_syntax": str(ExplicitVRLittleEndian),
    }
    assert {name: header.series[name] for name in expected} == expected


def test_what_is_absent_is_not_recorded(tmp_path: Path) -> None:
    header = read(tmp_path, Modality=None, PatientID=None)
    assert header.patient_id == ""
    assert header.study == {"acquisition_year": None, "age_at_imaging": None}
    assert {name for name, value in header.series.items() if value is not None} == {"transfer_syntax"}


@pytest.mark.parametrize(
    ("described", "agent", "phase"),
    [("LIVER ARTERIAL", "Ultravist", "arterial"), ("portal venous", "x", "portal_venous"),
     ("5 min delay", "x", "delayed"),
     ("abdomen", "none", "none"), ("arterial", None, None)],
)  # fmt: skip
def test_contrast_phases(tmp_path: Path, described: str, agent: str | None, phase: str | None) -> None:
    assert read(tmp_path, SeriesDescription=described, ContrastBolusAgent=agent).series["contrast"] == phase


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("066Y", 66.0),
        ("018M", 1.5),
        ("026W", 0.5),
        ("000D", 0.0),
        ("90", 90.0),
        ("000Y", None),
        ("155Y", None),
        ("", None),
    ],
)
def test_ages(text: str, age: float | None) -> None:
    assert age_in_years(text) == age


def test_an_age_between_two_dates(tmp_path: Path) -> None:
    assert read(tmp_path, PatientBirthDate="19500701", StudyDate="20120101").study["age_at_imaging"] == 61.5
    assert read(tmp_path, PatientBirthDate="18000101", StudyDate="20120101").study["age_at_imaging"] is None
    assert read(tmp_path, PatientBirthDate="20130101", StudyDate="20120101").study["age_at_imaging"] is None


@pytest.mark.parametrize(
    ("described", "kind"),
    [("ax t2 flair", "flair"), ("t1_mprage +c", "t1_contrast"), ("t2*", "t2_star"), ("3-plane loc", "localizer"),
     ("ep2d_diff_adc", "adc"), ("sag t2 tse", "t2"), ("report", None)],
)  # fmt: skip
def test_mr_sequences(described: str, kind: str | None) -> None:
    assert sequence_type(described) == kind


def test_a_tracer_by_its_name_or_its_code(tmp_path: Path) -> None:
    named = [item(Radiopharmaceutical="FDG -- fluorodeoxyglucose")]
    coded = [item(RadiopharmaceuticalCodeSequence=[item(CodeMeaning="Fluorodeoxyglucose F^18^")])]
    unknown = [item(Radiopharmaceutical="Solution")]
    found = [
        read(tmp_path, Modality="PT", RadiopharmaceuticalInformationSequence=given).series["tracer"]
        for given in (named, coded, unknown)
    ]
    assert found == ["fdg", "fdg", None]


def test_what_an_annotation_was_made_on(tmp_path: Path) -> None:
    one = [item(SeriesInstanceUID="1.9")]
    assert read(tmp_path, Modality="SEG", ReferencedSeriesSequence=one).source_series_uid == "1.9"
    two = [item(SeriesInstanceUID="1.9"), item(SeriesInstanceUID="1.8")]
    assert read(tmp_path, Modality="SEG", ReferencedSeriesSequence=two).source_series_uid == ""
    studies = [item(RTReferencedSeriesSequence=one)]
    frames = [item(RTReferencedStudySequence=studies)]
    assert read(tmp_path, Modality="RTSTRUCT", ReferencedFrameOfReferenceSequence=frames).source_series_uid == "1.9"
    segments = [item(SegmentNumber=1), item(SegmentNumber=2)]
    assert read(tmp_path, Modality="SEG", SegmentSequence=segments).n_segments == 2


@pytest.mark.parametrize("missing", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
def test_a_file_of_no_series(tmp_path: Path, missing: str) -> None:
    with pytest.raises(Unusable) as caught:
        read(tmp_path, **{missing: None})
    assert caught.value.code == "file-no-series"


def test_a_header_without_preamble_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "bare.dcm")
    path.write_bytes(path.read_bytes()[132:])
    assert read_header(path).study_uid == "1.2"


@pytest.mark.parametrize("content", [b"", b"hello", b"\x08\x00" + b"\xff" * 300, b"\0" * 500])
def test_other_files_are_no_dicom(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.dcm"
    path.write_bytes(content)
    with pytest.raises(Unusable) as caught:
        read_header(path)
    assert caught.value.code in ("file-not-dicom", "file-damaged", "file-no-series")


def test_every_truncation_of_a_file_is_read_or_reported(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.dcm", PixelSpacing=["0.5", "0.6"]).read_bytes()
    path = tmp_path / "cut.dcm"
    codes = set()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        try:
            read_header(path)
        except Unusable as problem:
            codes.add(problem.code)
    assert "file-not-dicom" in codes
    assert codes <= {"file-not-dicom", "file-damaged", "file-no-series"}


def test_a_file_that_cannot_be_opened_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(Unusable) as caught:
        read_header(tmp_path / "gone.dcm")
    assert caught.value.code == "file-damaged"


def test_a_number_that_is_none(tmp_path: Path) -> None:
    header = read(tmp_path, SliceThickness="0", KVP="-5")
    assert header.series["slice_thickness_mm"] == 0
    assert header.series["kvp"] is None
