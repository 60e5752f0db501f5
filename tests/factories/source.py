"""A hospital's files: small DICOM objects with identifiers, as they come from a scanner."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

ROOT = "1.2.826.0.1.3680043.10.999"

GIVEN: dict[str, Any] = {
    "SOPClassUID": CTImageStorage,
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "PatientID": "P1",
    "PatientName": "Sørensen^Ann",
    "SpecificCharacterSet": "ISO_IR 192",
    "PatientBirthDate": "19500102",
    "PatientSex": "F",
    "StudyDate": "20200304",
    "StudyTime": "101112",
    "AccessionNumber": "A77",
    "Modality": "CT",
    "Manufacturer": "ACME",
    "StudyInstanceUID": f"{ROOT}.1",
    "SeriesInstanceUID": f"{ROOT}.1.1",
    "FrameOfReferenceUID": f"{ROOT}.1.9",
    "StudyID": "1",
    "SeriesNumber": 1,
    "RescaleIntercept": "-1024",
    "RescaleSlope": "1",
    "PositionReferenceIndicator": "",
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "PixelSpacing": [0.5, 0.5],
    "SliceThickness": "2",
    "KVP": "120",
}


def a_file(path: Path, number: int = 1, **values: Any) -> Path:
    """Instance ``number`` of a series, 16×16 pixels, with ``values`` over ``GIVEN`` (None leaves one out)."""
    own = {
        "SOPInstanceUID": f"{ROOT}.1.1.{number}",
        "InstanceNumber": number,
        "ImagePositionPatient": [0, 0, 2 * number],
    }
    given = GIVEN | own | values
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = given["SOPClassUID"]
    meta.MediaStorageSOPInstanceUID = given["SOPInstanceUID"]
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in given.items():
            if value is not None:
                setattr(dataset, name, value)
        gradient = np.add.outer(np.arange(16), np.arange(16)).astype(np.uint16) + 40 + number
        dataset.set_pixel_data(gradient, "MONOCHROME2", 12, generate_instance_uid=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(path, enforce_file_format=True)
    return path


def a_series(folder: Path, slices: int = 3, **values: Any) -> list[Path]:
    """A series of several slices in a folder of its own."""
    return [a_file(folder / f"{number:03}.dcm", number, **values) for number in range(1, slices + 1)]


def a_patient(folder: Path, name: str, slices: int = 2, **values: Any) -> list[Path]:
    """One study with one series of another patient, whose identifiers all derive from ``name``."""
    number = sum(name.encode())
    study = f"{ROOT}.{number}"
    named = {
        "PatientID": name,
        "PatientName": f"{name}^Test",
        "PatientBirthDate": f"19{number % 90 + 10}0607",
        "StudyInstanceUID": study,
        "SeriesInstanceUID": f"{study}.1",
        "AccessionNumber": f"A{number}",
    } | values
    return [
        a_file(folder / name / f"{n}.dcm", n, SOPInstanceUID=f"{study}.1.{n}", **named) for n in range(1, slices + 1)
    ]
