"""The search for what is left: planted identifiers are found wherever they stand, and a clean file is clean."""

import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_charset_files, get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit

from oncofed.imaging.identifiers import Original, What, gather, plain
from oncofed.imaging.residual import Expected, Finding, search, search_dataset

CT = "1.2.840.10008.5.1.4.1.1.2"


def original() -> Dataset:
    """The header of a made-up patient."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.9.77.1"
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = CT, "1.2.826.0.1.3680043.9.77.1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.9.77.2", "1.2.826.0.1.3680043.9.77.3"
    dataset.StudyDate, dataset.AcquisitionDateTime = "20120304", "20120306101112"
    dataset.PatientName, dataset.PatientID = "Kowalczyk^Żaneta^M", "AB-1234/77"
    dataset.PatientBirthDate, dataset.AccessionNumber = "19500607", "ACC998877"
    dataset.InstitutionName, dataset.PatientAddress = "Saint Elsewhere Clinic", "17 Rosewood Avenue"
    dataset.ReferringPhysicianName = "Okonkwo^Chidi"
    return dataset


def clean() -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = CT
    dataset.file_meta.MediaStorageSOPInstanceUID = "2.25.11"
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = CT, "2.25.11"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "2.25.12", "2.25.13"
    dataset.StudyDate, dataset.AcquisitionDateTime = "20111204", "20111206101112"
    dataset.PatientName, dataset.PatientID, dataset.PatientAge = "4f2a", "4f2a", "061Y"
    dataset.SeriesDescription = "T1 axial, seen 61 times"
    dataset.ImageComments = ""
    return dataset


def saved(dataset: Dataset, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(path, enforce_file_format=True)
    return path


SHIFTED = Expected(shift_days=-91)


def found(dataset: Dataset, expected: Expected = SHIFTED) -> set[What]:
    return {finding.what for finding in search_dataset(dataset, gather(original()), expected)}


def test_a_clean_file_is_clean(tmp_path: Path) -> None:
    assert search(saved(clean(), tmp_path / "a"), gather(original()), SHIFTED) == ()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Kowalczyk", What.NAME),
        ("patient KOWALCZYK moved", What.NAME),
        ("żaneta", What.NAME),
        ("zaneta", What.NAME),
        ("Dr. Okonkwo reads", What.NAME),
        ("AB-1234/77", What.IDENTIFIER),
        ("ab1234/77", What.IDENTIFIER),
        ("no. AB1234-77.", What.IDENTIFIER),
        ("(ACC998877)", What.IDENTIFIER),
        ("lives 17 rosewood avenue", What.CONTACT),
        ("SAINT ELSEWHERE CLINIC, ward 3", What.PLACE),
        ("born 7 June 1950", What.DATE),
        ("07.06.1950", What.DATE),
        ("see 20120304", What.DATE),
        ("at 2012-03-06", What.DATE),
        ("cf 1.2.826.0.1.3680043.9.77.3 there", What.UID),
    ],
)
@pytest.mark.parametrize("keyword", ["ImageComments", "SeriesDescription", "StudyID"])
def test_free_text_that_identifies_is_found(keyword: str, text: str, what: What) -> None:
    dataset = clean()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        setattr(dataset, keyword, text)
    assert found(dataset) == {what}


@pytest.mark.parametrize("text", ["Kowalczykowa", "zan", "AB-1234", "rosewood", "20120305", "clinic", "M", "1950"])
def test_text_that_only_resembles_is_not(text: str) -> None:
    dataset = clean()
    dataset.ImageComments = text
    assert found(dataset) == set()


class TestPlaces:
    def test_an_item_at_any_depth(self) -> None:
        dataset = clean()
        inner = dataset
        for _ in range(50):
            item = Dataset()
            inner.ContentSequence = Sequence([item])
            inner = item
        inner.TextValue = "Kowalczyk"
        (finding,) = search_dataset(dataset, gather(original()), SHIFTED)
        assert finding == Finding(What.NAME, "(0040,A730)[0]." * 50 + "(0040,A160)")

    def test_a_reference_that_was_not_mapped(self) -> None:
        dataset = clean()
        item = Dataset()
        item.ReferencedSOPInstanceUID = original().SOPInstanceUID
        dataset.SourceImageSequence = Sequence([item])
        assert found(dataset) == {What.UID}

    def test_file_meta_and_preamble(self, tmp_path: Path) -> None:
        dataset = clean()
        dataset.file_meta.SourceApplicationEntityTitle = "ELSEWHERE"
        dataset.file_meta.ImplementationVersionName = "KOWALCZYK"
        dataset.preamble = b"K".ljust(128, b"\0")
        findings = search(saved(dataset, tmp_path / "a"), gather(original()), SHIFTED)
        assert {(finding.what, finding.place) for finding in findings} == {
            (What.META, "(0002,0016)"),
            (What.META, "preamble"),
            (What.NAME, "(0002,0013)"),
        }

    def test_private_elements(self) -> None:
        dataset = clean()
        dataset.private_block(0x0011, "ACME", create=True).add_new(0x01, "LO", "nothing")
        assert found(dataset) == {What.PRIVATE}
        assert found(dataset, Expected(-91, private=True)) == set()
        dataset.private_block(0x0011, "ACME").add_new(0x02, "LO", "Kowalczyk")
        assert found(dataset, Expected(-91, private=True)) == {What.NAME}

    @pytest.mark.parametrize("encoding", ["utf-8", "iso8859-2", "utf-16-le"])
    def test_bytes_of_no_text(self, encoding: str, tmp_path: Path) -> None:
        dataset = clean()
        dataset.private_block(0x0011, "ACME", create=True).add_new(0x01, "OB", "..Żaneta..".encode(encoding))
        findings = search(saved(dataset, tmp_path / "a"), gather(original()), Expected(-91, private=True))
        assert findings == (Finding(What.NAME, "bytes of the header"),)

    def test_bytes_with_a_date_or_uid(self, tmp_path: Path) -> None:
        dataset = clean()
        value = b"\x01\x0220120304\x00 1.2.826.0.1.3680043.9.77.2\0"
        dataset.private_block(0x0011, "ACME", create=True).add_new(0x01, "UN", value)
        path = saved(dataset, tmp_path / "a")
        findings = search(path, gather(original()), Expected(-91, private=True))
        assert set(findings) == {
            Finding(What.DATE, "bytes of the header", certain=False),
            Finding(What.UID, "bytes of the header"),
        }
        assert {f.what for f in search(path, gather(original()), Expected(None, private=True))} == {What.UID}

    def test_bytes_behind_the_dataset(self, tmp_path: Path) -> None:
        path = saved(clean(), tmp_path / "a")
        trailing = pydicom.DataElement(0xFFFCFFFC, "OB", b"padding Okonkwo padding ")
        dataset = clean()
        dataset.add(trailing)
        assert search(saved(dataset, path), gather(original()), SHIFTED) == (Finding(What.NAME, "bytes of the header"),)

    def test_a_comment_in_a_compressed_frame(self, tmp_path: Path) -> None:
        dataset = clean()
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        frame = b"\xff\xd8\xff\xfe\x00\x0bKowalczyk" + bytes(200_000) + b"\xff\xd9"
        dataset.PixelData = encapsulate([frame])
        dataset["PixelData"].VR = "OB"
        assert search(saved(dataset, tmp_path / "a"), gather(original()), SHIFTED) == (
            Finding(What.NAME, "bytes of the pixels"),
            Finding(What.NAME, "comment in the pixels"),
        )

    @pytest.mark.parametrize("segment", [b"\xff\xfe", b"\xff\xe1", b"\xff\xed", b"\xff\x64"])
    @pytest.mark.parametrize(
        ("comment", "what"),
        [(b"seen by Okonkwo", What.NAME), (b"M. Ann", What.NAME), (b"2012:03:04 10:11", What.DATE),
         (b"4 March 2012", What.DATE), (b"CharLS 2.4, quality 90", None)],
    )  # fmt: skip
    def test_short_words_and_days_in_a_comment(
        self, segment: bytes, comment: bytes, what: What | None, tmp_path: Path
    ) -> None:
        begin = b"\xff\x4f\xff\x51\0\4\0\0" if segment == b"\xff\x64" else b"\xff\xd8\xff\xe0\0\4\0\0"
        end = b"\xff\x90" if segment == b"\xff\x64" else b"\xff\xda"
        said = segment + (len(comment) + 2).to_bytes(2) + comment
        dataset, before = clean(), original()
        before.PatientName = "Ann^M"
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        dataset.PixelData = encapsulate([begin + said + end + b"\1" * 70_000])
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
        dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
        found = search(tmp_path / "a.dcm", gather(before), Expected(-91))
        told = {Finding(what, "comment in the pixels")} if what else set()
        assert {one for one in found if one.place != "bytes of the pixels"} == told

    def test_long_pixels_and_what_follows_them(self, tmp_path: Path) -> None:
        dataset = clean()
        dataset.Rows, dataset.PixelData = 1, bytes(3_000_000) + b"okonkwo!" + bytes(100)
        dataset["PixelData"].VR = "OB"
        dataset.add(pydicom.DataElement(0xFFFCFFFC, "OB", b"ACC998877 "))
        assert {(f.what, f.place) for f in search(saved(dataset, tmp_path / "a"), gather(original()), SHIFTED)} == {
            (What.NAME, "bytes of the pixels"),
            (What.IDENTIFIER, "bytes of the header"),
        }

    def test_a_deflated_file(self, tmp_path: Path) -> None:
        dataset = clean()
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        path = saved(dataset, tmp_path / "a")
        assert search(path, gather(original()), SHIFTED) == ()
        dataset.ImageComments = "Kowalczyk"
        assert {f.what for f in search(saved(dataset, path), gather(original()), SHIFTED)} == {What.NAME}


class TestDates:
    def test_a_date_that_was_not_moved(self) -> None:
        dataset = clean()
        dataset.StudyDate = "20120304"
        assert found(dataset) == {What.DATE}

    def test_a_date_time_that_was_not_moved(self) -> None:
        dataset = clean()
        dataset.FrameReferenceDateTime = "20120306101112.5+0100"
        assert found(dataset) == {What.DATE}

    def test_a_moved_date_that_meets_another_original_one_is_none(self) -> None:
        first, second = original(), clean()
        first.SeriesDate = "20111204"  # the study's date after the shift
        assert search_dataset(second, gather(first), SHIFTED) == ()
        second.SeriesDate = "20111204"  # but at its own place it is the original
        assert {finding.what for finding in search_dataset(second, gather(first), SHIFTED)} == {What.DATE}

    def test_dates_that_the_policy_keeps_are_not_sought(self) -> None:
        dataset = clean()
        dataset.StudyDate = "20120304"
        kept = gather(original(), kept=lambda element: element.tag == 0x00080020)
        assert search_dataset(dataset, kept, SHIFTED) == ()


class TestAges:
    @pytest.mark.parametrize(("age", "left"), [("090Y", False), ("091Y", True), ("104Y", True), ("104M", False)])
    def test_above_the_cap(self, age: str, left: bool) -> None:
        dataset = clean()
        dataset.PatientAge = age
        assert (What.AGE in found(dataset)) is left
        assert What.AGE not in found(dataset, Expected(-91, age_cap=None))


class TestUnchanged:
    def test_a_short_identifier_is_found_at_its_own_place_only(self) -> None:
        first, second = original(), clean()
        first.PatientID = second.PatientID = "7"
        second.InstanceNumber = "7"
        assert search_dataset(second, gather(first), SHIFTED) == (Finding(What.IDENTIFIER, "(0010,0020)"),)

    def test_a_placeholder_names_nobody(self) -> None:
        first, second = original(), clean()
        first.PatientName = second.PatientName = "ANONYMOUS"
        assert search_dataset(second, gather(first), SHIFTED) == ()


def test_a_name_that_is_an_ordinary_word_is_uncertain() -> None:
    first, second = original(), clean()
    first.PatientName, second.SeriesDescription = "Axial^Zoe", "T1 axial"
    expected = Expected(-91, harmless=frozenset({"axial"}))
    assert search_dataset(second, gather(first), expected) == (Finding(What.NAME, "(0008,103E)", certain=False),)


@pytest.mark.parametrize("keyword", ["Manufacturer", "BodyPartExamined"])
def test_a_name_among_things_is_uncertain(keyword: str) -> None:
    dataset = clean()
    setattr(dataset, keyword, "KOWALCZYK")
    (finding,) = search_dataset(dataset, gather(original()), SHIFTED)
    assert not finding.certain


def test_what_other_files_of_the_patient_hold_is_sought_too() -> None:
    second = clean()
    second.ImageComments = "Kowalczyk"
    empty = gather(clean())
    assert search_dataset(second, Original(places=empty.places).with_those_of([gather(original())]), SHIFTED) != ()


def test_what_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"no dicom at all")
    assert search(tmp_path / "a", Original(), SHIFTED) == (Finding(What.UNREADABLE, ""),)


def test_an_original_never_shows_itself() -> None:
    assert "owalczyk" not in repr(gather(original()))


@pytest.mark.parametrize("path", get_charset_files("*.dcm"), ids=lambda path: Path(path).name)
def test_names_in_every_character_set_are_found_in_text_and_bytes(path: str, tmp_path: Path) -> None:
    """pydicom's character set files: the name at its own place, in a comment, and in bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        sought = gather(dataset)
        named = [
            str(element.value) for element in dataset.iterall() if element.VR == "PN" and str(element.value).strip("^=")
        ]
    assert {f.what for f in search(Path(path), sought, SHIFTED)} >= {What.NAME, What.UID}
    for name in named:
        target = clean()
        target.ImageComments = f"about {name.replace('^', ' ').replace('=', ' ')}"
        assert found_names(target, sought), name


def found_names(dataset: Dataset, sought: Original) -> bool:
    return What.NAME in {finding.what for finding in search_dataset(dataset, sought, SHIFTED)}


def test_plain_form() -> None:
    assert plain("  Żółć_and-ÅNGSTRÖM (1) ") == "zolc and angstrom 1"


@pytest.mark.parametrize("length", [1000, 2000, 3000, 30_000])
def test_a_truncated_file_does_not_hide_what_it_holds(length: int, tmp_path: Path) -> None:
    content = get_testdata_file("CT_small.dcm", read=False)
    (tmp_path / "a").write_bytes(Path(content).read_bytes()[:length])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        findings = search(tmp_path / "a", gather(pydicom.dcmread(content)), SHIFTED)
    assert {finding.what for finding in findings} & {What.UNREADABLE, What.UID}
