"""Names and numbers that stand only inside sequences are searched for in the rest of the object, too."""

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
