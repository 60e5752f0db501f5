"""Names and numbers are searched for wherever they stand: those only inside sequences, and identifiers as numbers."""

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from oncofed.imaging.deidentify import PROFILES, Deidentifier, compile_policy
from oncofed.trust.pseudonyms import Pseudonyms

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
