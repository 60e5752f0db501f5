"""Names and numbers are searched for wherever they stand: those only inside sequences, and identifiers as numbers."""

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from oncofed.imaging.deidentify import PROFILES, Deidentifier, compile_policy
from oncofed.trust.pseudonyms import Pseudonyms

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom, of values that bend the standard
DEIDENTIFIER = Deidentifier(compile_policy(PROFILES["research"]), Pseudonyms(b"s" * 32))


def report(keyword: str, value: str, depth: int) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.34"
    dataset.PatientID = "1"
    dataset.SeriesDescription = f"tumor measurements - {value} manual"
    inner = dataset
    for _ in range(depth):
        item = Dataset()
        inner.ContentSequence = Sequence([item])
        inner = item
    setattr(inner, keyword, value)
    return dataset


@pytest.mark.parametrize("depth", [1, 2, 20])
@pytest.mark.parametrize(
    ("keyword", "value"), [("PersonName", "User2"), ("PersonName", "Okonkwo^Chidi"), ("AccessionNumber", "A2B")]
)
def test_a_name_inside_is_taken_out_of_a_description(keyword: str, value: str, depth: int) -> None:
    dataset = report(keyword, value, depth)
    DEIDENTIFIER.apply(dataset)
    assert dataset.SeriesDescription == "tumor measurements - manual"


@pytest.mark.parametrize(("number", "left"), [("123456", None), ("1234", 1234), ("123457", 123457), ("12", 12)])
def test_a_series_numbered_by_the_patient_id_loses_its_number(number: str, left: int | None) -> None:
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.PatientID = "1234" if number == "1234" else "123456"
    dataset.SeriesNumber = number
    DEIDENTIFIER.apply(dataset)
    assert dataset.SeriesNumber == left


@pytest.mark.parametrize("spelled", ["Müller", "MUELLER", "Muller", "muller"])
def test_other_spellings_of_a_name_go_too(spelled: str) -> None:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.PatientName = "1.2.840.10008.5.1.4.1.1.2", "Müller^Jörg"
    dataset.FilterType = spelled
    dataset.ManufacturerModelName = f"{spelled} 3000"
    DEIDENTIFIER.apply(dataset)
    assert spelled.casefold() not in str(dataset).casefold()


@pytest.mark.parametrize("written", ["QX7-443-9921", "QX7_443_9921", "QX74439921", "qx7 443 9921", "for QX7/443/9921."])
@pytest.mark.parametrize(
    "keyword", ["StationName", "FilterType", "PatientOrientation", "Manufacturer", "ImageComments"]
)
def test_an_identifier_is_found_however_it_is_put_together(keyword: str, written: str) -> None:
    """Also in what an option keeps (the station), in codes and in names of makers."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.PatientID = "1.2.840.10008.5.1.4.1.1.2", "QX7-443-9921"
    dataset.add_new(keyword, "CS" if keyword == "PatientOrientation" else "LO", written)
    DEIDENTIFIER.apply(dataset)
    assert "9921" not in str(dataset.get(keyword, ""))


@pytest.mark.parametrize("written", ["20120304", "2012_03_04", "04.03.2012", "03/04/2012"])
def test_a_date_of_the_header_goes_from_codes_that_hold_a_report_together(written: str) -> None:
    dataset, item = Dataset(), Dataset()
    dataset.SOPClassUID, dataset.PatientID, dataset.StudyDate = "1.2.840.10008.5.1.4.1.1.88.34", "1", "20120304"
    item.add_new("ValueType", "CS", written)
    item.add_new("RelationshipType", "CS", "CONTAINS")
    dataset.ContentSequence = Sequence([item])
    DEIDENTIFIER.apply(dataset)
    assert written not in str(dataset)
    assert "CONTAINS" in str(dataset)


def test_a_patient_who_is_called_like_a_term_breaks_no_report() -> None:
    dataset, item = Dataset(), Dataset()
    dataset.SOPClassUID, dataset.PatientName, dataset.Modality = "1.2.840.10008.5.1.4.1.1.88.34", "Text^Contains", "SR"
    item.ValueType, item.RelationshipType = "CONTAINER", "CONTAINS"
    dataset.ContentSequence = Sequence([item])
    DEIDENTIFIER.apply(dataset)
    assert (item.ValueType, item.RelationshipType, dataset.Modality) == ("CONTAINER", "CONTAINS", "SR")


def test_a_uid_goes_from_a_text_that_is_kept() -> None:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.StationName = "1.2.840.10008.5.1.4.1.1.2", "CT1 1.2.3.4.5.6"
    DEIDENTIFIER.apply(dataset)
    assert "1.2.3.4.5.6" not in str(dataset)
