"""Made-up patients in made-up files: identities planted by a seed, and the answer key of what must become of each.

The form of the MIDI-B challenge (arXiv 2507.23608): ten kinds of action, each required of one element of one file.
Names, addresses and numbers are drawn from lists that were written down here without looking at any vocabulary of
oncofed; some names are ordinary words, as people's names are.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from oncofed.imaging.phantom.pictures import fan, write

TAG_RETAINED, TEXT_NOTNULL, TEXT_RETAINED, TEXT_REMOVED = (
    "tag_retained",
    "text_notnull",
    "text_retained",
    "text_removed",
)
DATE_SHIFTED, UID_CHANGED, UID_CONSISTENT = "date_shifted", "uid_changed", "uid_consistent"
PATID_CONSISTENT, PIXELS_HIDDEN, PIXELS_RETAINED = "patid_consistent", "pixels_hidden", "pixels_retained"
ACTIONS = (
    TAG_RETAINED, TEXT_NOTNULL, TEXT_RETAINED, TEXT_REMOVED, DATE_SHIFTED, UID_CHANGED, UID_CONSISTENT,
    PATID_CONSISTENT, PIXELS_HIDDEN, PIXELS_RETAINED,
)  # fmt: skip

Place = tuple[str | int, ...]
"""Keywords or tags in hexadecimal, and item numbers: ``("RequestAttributesSequence", 0, "RequestedProcedureID")``."""

_FAMILY = """
    Abernathy Baumgartner Castellanos Dijkstra Eriksson Fernandes Grzybowski Hakobyan Ivanovic Jankauskas Kovalenko
    Lindqvist Mbeki Nakamura Obradovic Papageorgiou Quintero Rasmussen Szymanski Tsvetkov Umarov Vasconcelos Wisniewski
    Xanthopoulos Yilmaz Zimmermann Brown Young Stone White Müller Ørsted Łukasz Åkesson Dvořák Peña Gonçalves Brûlé
"""
_GIVEN = """
    Agnieszka Bartolomeo Cosima Dragomir Eleftheria Friedrich Guadalupe Hildegard Ignatius Jolanta Katarzyna Leopold
    Marguerite Nikolaos Ottavia Przemyslaw Rosalind Siegfried Theodora Ulrike Valentina Wolfgang Yevgenia Zbigniew
    Ana Ivo Léa Jörg Grace Hope
"""
_STREETS = ("Lindenstrasse", "Rua das Flores", "Elm Grove", "Calle Mayor", "Via Garibaldi", "Ulica Dluga", "Kerkstraat")
_TOWNS = ("Brunnthal", "Vila Verde", "Oakham", "Alcorcon", "Ferrara", "Zgierz", "Zwolle", "Uppsala", "Kavala")
_HOSPITALS = ("Santa Rosalia Hospital", "Klinikum Brunnthal", "Oakham Royal Infirmary", "Hospital Vila Verde")
_SERIES = {
    "CT": (
        "CT ABDOMEN W CONTRAST",
        "Thorax 1.5 B30f",
        "ARTERIAL PHASE 3mm",
        "Portal venous axial 5.0",
        "LUNG 1.0 I70f",
    ),
    "MR": (
        "T2 TSE axial",
        "ep2d diff b50 b800 ADC",
        "DCE dyn VIBRANT sagittal",
        "T1 fat sat post contrast",
        "STIR coronal",
    ),
    "PT": ("PET AC whole body", "PET WB FDG 3D", "PET NAC"),
    "US": ("Breast left", "Liver transverse", "Thyroid right longitudinal"),
    "MG": ("L CC", "R MLO", "L MLO tomosynthesis"),
    "SEG": ("Liver tumor segmentation", "Prostate lesion segmentation"),
    "SR": ("Measurement report",),
}
_SOP_CLASSES = {
    "CT": pydicom.uid.CTImageStorage,
    "MR": pydicom.uid.MRImageStorage,
    "PT": pydicom.uid.PositronEmissionTomographyImageStorage,
    "US": pydicom.uid.UltrasoundImageStorage,
    "MG": pydicom.uid.DigitalMammographyXRayImageStorageForPresentation,
    "SEG": pydicom.uid.SegmentationStorage,
    "SR": pydicom.uid.Comprehensive3DSRStorage,
}


@dataclass(frozen=True)
class Check:
    """One required action. ``value``: what was there; for text, the tokens that must stay or go."""

    action: str
    file: str
    place: Place
    value: str = ""
    patient: str = ""


@dataclass(frozen=True)
class Person:
    """A made-up patient."""

    family: str
    given: str
    number: str
    birth: date
    street: str
    town: str
    phone: str
    hospital: str
    physician: str
    accession: str
    sex: str

    @property
    def name(self) -> str:
        """As DICOM writes it."""
        return f"{self.family}^{self.given}"


@dataclass
class Planted:
    """The folder's answer key."""

    checks: list[Check] = field(default_factory=list)
    files: int = 0


def person(rng: random.Random) -> Person:
    """One made-up patient."""
    return Person(
        family=rng.choice(_FAMILY.split()),
        given=rng.choice(_GIVEN.split()),
        number=f"{rng.choice('ABKMPX')}{rng.randrange(10**6, 10**7)}",
        birth=date(1935, 1, 1) + timedelta(days=rng.randrange(20_000)),
        street=f"{rng.randrange(1, 200)} {rng.choice(_STREETS)}",
        town=rng.choice(_TOWNS),
        phone=f"+{rng.randrange(30, 49)} {rng.randrange(100, 999)} {rng.randrange(100000, 999999)}",
        hospital=rng.choice(_HOSPITALS),
        physician=f"{rng.choice(_FAMILY.split())}^{rng.choice(_GIVEN.split())}",
        accession=f"ACC{rng.randrange(10**5, 10**6)}",
        sex=rng.choice("MF"),
    )


def plant(folder: Path, *, seed: int, patients: int) -> Planted:
    """Write the files of ``patients`` made-up patients below ``folder`` and give the answer key. Seeded."""
    rng = random.Random(seed)
    planted = Planted()
    for number in range(patients):
        _Writer(
            folder / f"p{number:03}", rng, person(rng), planted, root=f"1.3.6.1.4.1.5962.{seed}.{number + 1}"
        ).write()
    return planted


class _Writer:
    """Writes the two studies of one patient."""

    def __init__(self, folder: Path, rng: random.Random, who: Person, planted: Planted, root: str) -> None:
        self._folder, self._rng, self._who, self._planted, self._root = folder, rng, who, planted, root
        self._days = [date(2009, 3, 1) + timedelta(days=rng.randrange(4000)) for _ in range(2)]
        self._file = ""

    def write(self) -> None:
        """Both studies: CT, MR, PET, ultrasound, mammogram, and a segmentation and report about the CT."""
        for study, day in enumerate(self._days, start=1):
            images = [self._image("CT", study, 1, number, day) for number in range(1, 4)]
            for series, modality in enumerate(("MR", "MR", "PT", "US", "MG"), start=2):
                self._image(modality, study, series, 1, day)
            self._about(images, "SEG", study, 8, day)
            self._about(images, "SR", study, 9, day)

    def _add(self, action: str, *place: str | int, value: str = "") -> None:
        self._planted.checks.append(Check(action, self._file, place, value, self._who.number))

    def _put(
        self, dataset: Dataset, keyword: str, value: Any, *actions: str, inside: Place = (), text: str = ""
    ) -> None:
        """Set an attribute and require actions of it; ``text``: the tokens that a text action is about."""
        setattr(dataset, keyword, value)
        for action in actions:
            self._add(action, *inside, keyword, value=text or str(value))

    def _general(self, modality: str, study: int, series: int, number: int, day: date) -> Dataset:
        rng, who = self._rng, self._who
        self._file = f"{self._folder.name}/{study}/{series}/{number}.dcm"
        dataset = Dataset()
        dataset.SpecificCharacterSet = "ISO_IR 192"
        self._put(dataset, "SOPClassUID", _SOP_CLASSES[modality], TAG_RETAINED, TEXT_RETAINED)
        self._put(dataset, "Modality", modality, TAG_RETAINED, TEXT_RETAINED)
        uids = {
            "SOPInstanceUID": f"{self._root}.{study}.{series}.{number}",
            "StudyInstanceUID": f"{self._root}.{study}",
            "SeriesInstanceUID": f"{self._root}.{study}.{series}",
            "FrameOfReferenceUID": f"{self._root}.{study}.99",
        }
        for keyword, uid in uids.items():
            self._put(dataset, keyword, uid, UID_CHANGED, UID_CONSISTENT, TEXT_NOTNULL)
        written = day.strftime("%Y%m%d")
        for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
            self._put(dataset, keyword, written, DATE_SHIFTED)
        self._put(dataset, "AcquisitionDateTime", f"{written}1{rng.randrange(10)}2015.5", DATE_SHIFTED)
        for keyword in ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime"):
            self._put(
                dataset, keyword, f"{rng.randrange(8, 18):02}{rng.randrange(60):02}30", TAG_RETAINED, TEXT_RETAINED
            )
        self._put(dataset, "PatientID", who.number, PATID_CONSISTENT, TEXT_NOTNULL)
        self._put(dataset, "PatientSex", who.sex, TAG_RETAINED)
        self._put(dataset, "PatientAge", f"{(day - who.birth).days // 365:03}Y", TAG_RETAINED)
        self._put(dataset, "PatientWeight", str(rng.randrange(45, 110)), TAG_RETAINED, TEXT_RETAINED)
        self._identities(dataset)
        self._texts(dataset, modality)
        self._elsewhere(dataset)
        self._nested(dataset, day)
        self._private(dataset)
        return dataset

    def _identities(self, dataset: Dataset) -> None:
        who = self._who
        values = {
            "PatientName": who.name,
            "PatientBirthDate": who.birth.strftime("%Y%m%d"),
            "PatientAddress": f"{who.street}, {who.town}",
            "PatientTelephoneNumbers": who.phone,
            "OtherPatientIDs": f"X{who.number}",
            "AccessionNumber": who.accession,
            "InstitutionName": who.hospital,
            "InstitutionAddress": f"1 {self._rng.choice(_STREETS)}, {who.town}",
            "ReferringPhysicianName": who.physician,
            "OperatorsName": f"{self._rng.choice(_FAMILY.split())}^{self._rng.choice(_GIVEN.split())}",
            "PerformingPhysicianName": who.physician,
            "StudyID": f"S{self._rng.randrange(10**5)}",
            "PatientMotherBirthName": f"{self._rng.choice(_FAMILY.split())}^{self._rng.choice(_GIVEN.split())}",
            "MedicalRecordLocator": f"MRL{who.number}",
            "CurrentPatientLocation": f"Ward 3, {who.hospital}",
        }
        for keyword, value in values.items():
            self._put(dataset, keyword, value, TEXT_REMOVED)

    def _identity(self) -> tuple[str, str]:
        """A piece of text that identifies, and those of its tokens that must go."""
        who, rng = self._who, self._rng
        day = rng.choice(self._days)
        physician = who.physician.partition("^")[0]
        forms: tuple[Callable[[], tuple[str, str]], ...] = (
            lambda: (f"{who.family}, {who.given}", f"{who.family} {who.given}"),
            lambda: (f"{who.given} {who.family}".upper(), f"{who.family} {who.given}"),
            lambda: (f"MRN {who.number}", who.number),
            lambda: (f"pt {who.family.lower()} dob {who.birth:%d/%m/%Y}", f"{who.family} {who.birth:%d/%m/%Y}"),
            lambda: (f"Dr. {physician} {day:%Y-%m-%d}", f"{physician} {day:%Y-%m-%d}"),
            lambda: (f"acc {who.accession}", who.accession),
            lambda: (
                f"{who.hospital}",
                who.hospital.split()[-1] if "Hospital V" in who.hospital else who.hospital.split()[1],
            ),
            lambda: (f"lives at {who.street}", who.street),
            lambda: (f"tel {who.phone}", who.phone.rpartition(" ")[2]),
            lambda: (f"{who.family}_{who.given}_{day:%Y%m%d}", f"{who.family} {who.given} {day:%Y%m%d}"),
        )
        other = rng.choice(_FAMILY.split())
        more: tuple[Callable[[], tuple[str, str]], ...] = (
            lambda: (f"Dr. {other}", other),
            lambda: (f"{who.given}.{who.family}@mail.example".lower(), f"{who.given}.{who.family}".lower()),
            lambda: (f"cf {self._root}.1.2.3.4", f"{self._root}.1.2.3.4"),
            lambda: (f"{who.family.upper()}^{who.given.upper()}", f"{who.family} {who.given}"),
            lambda: (f"id={who.number};name={who.family}", f"{who.number} {who.family}"),
        )
        return rng.choice((*forms, *more))()

    def _texts(self, dataset: Dataset, modality: str) -> None:
        """Descriptions: some clean, some with an identity behind or before what is worth keeping."""
        for keyword in (
            "SeriesDescription",
            "StudyDescription",
            "ProtocolName",
            "ImageComments",
            "AdditionalPatientHistory",
        ):
            useful = self._rng.choice(_SERIES[modality])
            if keyword != "SeriesDescription" and self._rng.random() < 0.5:
                self._put(dataset, keyword, useful, TEXT_RETAINED, TAG_RETAINED)
                continue
            identity, gone = self._identity()
            text = f"{useful} {identity}" if self._rng.random() < 0.6 else f"{identity} {useful}"
            self._put(dataset, keyword, text[:64] if keyword != "ImageComments" else text)
            self._add(TEXT_RETAINED, keyword, value=useful)
            self._add(TEXT_REMOVED, keyword, value=gone)

    def _elsewhere(self, dataset: Dataset) -> None:
        """Identities in texts of which the table says nothing."""
        for keyword in ("FilterType", "ScanOptions", "LossyImageCompressionMethod"):
            if self._rng.random() < 0.5:
                self._put(dataset, keyword, self._who.number, TEXT_REMOVED)
        identity, gone = self._identity()
        self._put(dataset, "AcquisitionDeviceProcessingDescription", f"SHARP {identity}"[:64], TEXT_REMOVED, text=gone)
        self._put(dataset, "ContributionDescription", f"{identity} saw it", TEXT_REMOVED, text=gone)

    def _nested(self, dataset: Dataset, day: date) -> None:
        """Identities inside sequences, listed in the table or not, and inside their items' items."""
        who, request, code = self._who, Dataset(), Dataset()
        inside: Place = ("RequestAttributesSequence", 0)
        for keyword, value in (
            ("RequestedProcedureID", f"RP{who.accession}"),
            ("ScheduledProcedureStepID", f"SPS{who.accession}"),
            ("AccessionNumber", who.accession),
        ):
            self._put(request, keyword, value, TEXT_REMOVED, inside=inside)
        dataset.RequestAttributesSequence = Sequence([request])
        inside = ("AnatomicRegionSequence", 0)
        for keyword, value in (("CodeValue", "10200004"), ("CodingSchemeDesignator", "SCT"), ("CodeMeaning", "Liver")):
            self._put(code, keyword, value, TAG_RETAINED, TEXT_RETAINED, inside=inside)
        self._put(code, "PatientName", who.name, TEXT_REMOVED, inside=inside)
        inner = Dataset()
        self._put(inner, "OperatorsName", who.name, TEXT_REMOVED, inside=(*inside, "AnatomicRegionModifierSequence", 0))
        self._put(
            inner,
            "AcquisitionDate",
            day.strftime("%Y%m%d"),
            DATE_SHIFTED,
            inside=(*inside, "AnatomicRegionModifierSequence", 0),
        )
        code.AnatomicRegionModifierSequence = Sequence([inner])
        dataset.AnatomicRegionSequence = Sequence([code])

    def _private(self, dataset: Dataset) -> None:
        """Private elements: a known diffusion b-value, and identities under an unknown creator, nested too."""
        who = self._who
        block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
        block.add_new(0x0C, "IS", "800")
        self._add(TAG_RETAINED, "0019100C")
        self._add(TEXT_RETAINED, "0019100C", value="800")
        block = dataset.private_block(0x0033, "HOSPITAL RIS 1.0", create=True)
        block.add_new(0x01, "LO", who.name)
        self._add(TEXT_REMOVED, "00331001", value=who.name)
        block.add_new(0x02, "UN", f"{who.number} {who.street}".encode())
        self._add(TEXT_REMOVED, "00331002", value=who.number)
        item = Dataset()
        item.PatientName = who.name
        block.add_new(0x03, "SQ", Sequence([item]))
        self._add(TEXT_REMOVED, "00331003", 0, "PatientName", value=who.name)

    def _image(self, modality: str, study: int, series: int, number: int, day: date) -> Dataset:
        dataset = self._general(modality, study, series, number, day)
        for keyword, value in {
            "Manufacturer": "SIEMENS",
            "ManufacturerModelName": "Aera",
            "SliceThickness": "3",
            "PixelSpacing": ["0.7", "0.7"],
            "ImagePositionPatient": ["-100", "-90.5", str(number * 3)],
            "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
            "InstanceNumber": str(number),
            "BodyPartExamined": "LIVER",
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        }.items():
            self._put(dataset, keyword, value, TAG_RETAINED)
        if modality == "PT":
            self._tracer(dataset, day)
        if modality == "US":
            self._ultrasound(dataset)
        else:
            generator = np.random.default_rng(self._rng.randrange(2**32))
            _pixels(dataset, _tissue(generator))
            self._add(PIXELS_RETAINED)
        self._save(dataset)
        return dataset

    def _tracer(self, dataset: Dataset, day: date) -> None:
        item = Dataset()
        inside: Place = ("RadiopharmaceuticalInformationSequence", 0)
        start = day.strftime("%Y%m%d")
        self._put(item, "RadiopharmaceuticalStartDateTime", f"{start}081500", DATE_SHIFTED, inside=inside)
        self._put(item, "RadiopharmaceuticalStartTime", "081500", TAG_RETAINED, TEXT_RETAINED, inside=inside)
        self._put(item, "RadionuclideTotalDose", "350000000", TAG_RETAINED, TEXT_RETAINED, inside=inside)
        self._put(item, "RadionuclideHalfLife", "6586.2", TAG_RETAINED, TEXT_RETAINED, inside=inside)
        dataset.RadiopharmaceuticalInformationSequence = Sequence([item])
        self._put(dataset, "Units", "BQML", TAG_RETAINED, TEXT_RETAINED)
        self._put(dataset, "DecayCorrection", "START", TAG_RETAINED, TEXT_RETAINED)

    def _ultrasound(self, dataset: Dataset) -> None:
        """An image with a banner of name, number, day and hospital above its region."""
        generator = np.random.default_rng(self._rng.randrange(2**32))
        picture = np.zeros((400, 640), dtype=np.uint8)
        picture[80:, :] = fan(320, 640, generator)
        who = self._who
        line = f"{who.family}, {who.given}  {who.number}".encode("ascii", "replace").decode()
        for row, text in ((8, line), (40, f"{self._days[0]:%d/%m/%Y}  {who.hospital}")):
            put = write(picture, text, (10, row), size=16)
            if put is not None:
                box = put.rectangle
                self._add(PIXELS_HIDDEN, box.x0, box.y0, box.x1, box.y1)
        region = Dataset()
        region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
        region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 80
        region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 639, 399
        region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
        region.PhysicalDeltaX = region.PhysicalDeltaY = 0.02
        dataset.SequenceOfUltrasoundRegions = Sequence([region])
        _pixels(dataset, picture)
        self._add(PIXELS_RETAINED, 0, 80, 640, 400)

    def _about(self, images: list[Dataset], modality: str, study: int, series: int, day: date) -> None:
        """A segmentation or a report that points at the images."""
        dataset = self._general(modality, study, series, 1, day)
        if modality == "SEG":
            self._segments(dataset, images)
        else:
            self._report(dataset, images)
        self._save(dataset)

    def _segments(self, dataset: Dataset, images: list[Dataset]) -> None:
        instances = []
        for number, image in enumerate(images):
            item = Dataset()
            inside: Place = ("ReferencedSeriesSequence", 0, "ReferencedInstanceSequence", number)
            self._put(item, "ReferencedSOPClassUID", image.SOPClassUID, TAG_RETAINED, TEXT_RETAINED, inside=inside)
            self._put(
                item, "ReferencedSOPInstanceUID", image.SOPInstanceUID, UID_CHANGED, UID_CONSISTENT, inside=inside
            )
            instances.append(item)
        series = Dataset()
        self._put(
            series, "SeriesInstanceUID", images[0].SeriesInstanceUID, UID_CHANGED, UID_CONSISTENT,
            inside=("ReferencedSeriesSequence", 0),
        )  # fmt: skip
        series.ReferencedInstanceSequence = Sequence(instances)
        dataset.ReferencedSeriesSequence = Sequence([series])
        segment = Dataset()
        for keyword, value in (("SegmentNumber", 1), ("SegmentLabel", "Tumor"), ("SegmentAlgorithmType", "MANUAL")):
            self._put(segment, keyword, value, TAG_RETAINED, TEXT_RETAINED, inside=("SegmentSequence", 0))
        dataset.SegmentSequence = Sequence([segment])

    def _report(self, dataset: Dataset, images: list[Dataset]) -> None:
        dataset.ValueType = "CONTAINER"
        text, number, image, name = Dataset(), Dataset(), Dataset(), Dataset()
        text.RelationshipType = number.RelationshipType = image.RelationshipType = name.RelationshipType = "CONTAINS"
        text.ValueType, number.ValueType, image.ValueType, name.ValueType = "TEXT", "NUM", "IMAGE", "PNAME"
        for place, (item, code, meaning) in enumerate(
            (
                (number, "410668003", "Length"),
                (image, "260753009", "Source"),
                (text, "121071", "Finding"),
                (name, "121008", "Observer"),
            )
        ):
            item.ConceptNameCodeSequence = Sequence([_code(code, meaning)])
            inside: Place = ("ContentSequence", place, "ConceptNameCodeSequence", 0)
            if item in (number, image):
                self._add(TEXT_RETAINED, *inside, "CodeMeaning", value=meaning)
        identity, gone = self._identity()
        text.TextValue = f"Seen with {identity}"
        self._add(TEXT_REMOVED, "ContentSequence", 2, "TextValue", value=gone)
        self._put(name, "PersonName", self._who.physician, TEXT_REMOVED, inside=("ContentSequence", 3))
        measured, sop = Dataset(), Dataset()
        self._put(
            measured, "NumericValue", "23.5", TAG_RETAINED, TEXT_RETAINED,
            inside=("ContentSequence", 0, "MeasuredValueSequence", 0),
        )  # fmt: skip
        number.MeasuredValueSequence = Sequence([measured])
        sop.ReferencedSOPClassUID = images[0].SOPClassUID
        self._put(
            sop, "ReferencedSOPInstanceUID", images[0].SOPInstanceUID, UID_CHANGED, UID_CONSISTENT,
            inside=("ContentSequence", 1, "ReferencedSOPSequence", 0),
        )  # fmt: skip
        image.ReferencedSOPSequence = Sequence([sop])
        dataset.ContentSequence = Sequence([number, image, text, name])
        self._put(dataset, "VerifyingObserverName", self._who.physician, TEXT_REMOVED)

    def _save(self, dataset: Dataset) -> None:
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        path = self._folder.parent / self._file
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(path, enforce_file_format=True)
        self._planted.files += 1


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "SCT" if len(value) > 6 else "DCM", meaning
    return code


def _tissue(generator: np.random.Generator) -> np.ndarray[Any, np.dtype[Any]]:
    """A smooth body with a brighter nodule and the noise of a detector; 256 by 256, 12 bits."""
    y, x = np.mgrid[0:256, 0:256].astype(np.float32)
    body = 900.0 * (np.hypot(x - 128, y - 128) < 110)
    at = generator.uniform(90, 160, 2)
    nodule = 600.0 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 200.0)
    picture = np.clip(body + nodule + generator.normal(300, 25, x.shape), 0, 4095)
    return np.asarray(picture, dtype=np.uint16)


def _pixels(dataset: Dataset, picture: np.ndarray[Any, np.dtype[Any]]) -> None:
    dataset.Rows, dataset.Columns = picture.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    bits = picture.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelData = picture.tobytes()
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
