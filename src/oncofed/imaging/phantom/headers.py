"""The headers that made-up objects share. Every object says that it is synthetic, in four places."""

import hashlib
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

_IMPLEMENTATION = "2.25.119735541064231741560926183957420153872"
_SAID = "Synthetic phantom made by oncofed; no patient"


@dataclass(frozen=True)
class Person:
    """Who the objects are said to be of: made up, but with all that a hospital's header has."""

    name: str = "Synthetic^Phantom"
    number: str = "PHANTOM-0001"
    born: str = "19600101"
    sex: str = "F"
    weight: float = 70.0
    institution: str = "Synthetic Hospital"
    accession: str = "SYN0001"
    study_date: str = "20240102"


def uid(seed: int, *parts: object) -> UID:
    """A UID below 2.25 that is the same for the same seed and parts (PS3.5 B.2)."""
    named = "/".join(("oncofed-phantom", str(seed), *(str(part) for part in parts)))
    return UID(f"2.25.{int.from_bytes(hashlib.sha256(named.encode()).digest()[:16], 'big')}")


def start(sop_class: str, instance: str, person: Person) -> FileDataset:
    """A dataset with patient, study and equipment; the caller adds the series and the rest."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(instance)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    made = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = UID(sop_class), UID(instance)
    made.SyntheticData = "YES"
    made.PatientName, made.PatientID = person.name, person.number
    made.PatientBirthDate, made.PatientSex = person.born, person.sex
    made.PatientWeight = person.weight
    made.PatientComments = _SAID
    made.StudyDate = made.SeriesDate = made.ContentDate = made.AcquisitionDate = person.study_date
    made.StudyTime, made.SeriesTime, made.ContentTime, made.AcquisitionTime = "090000", "090500", "091000", "091000"
    made.AccessionNumber, made.StudyID = person.accession, "1"
    made.ReferringPhysicianName = "Synthetic^Referrer"
    made.InstitutionName = person.institution
    made.Manufacturer, made.ManufacturerModelName = "oncofed", "phantom"
    made.DeviceSerialNumber, made.SoftwareVersions = "1", "1"
    made.StudyDescription = "SYNTHETIC"
    return made


def coded(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def item(**values: Any) -> Dataset:
    """An item with these attributes."""
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def reference(dataset: Dataset) -> Dataset:
    """An item that refers to an object."""
    return item(ReferencedSOPClassUID=dataset.SOPClassUID, ReferencedSOPInstanceUID=dataset.SOPInstanceUID)
