"""What identifies a patient is found where it is written otherwise than in its own attribute; what does not stays."""

import unicodedata

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from oncofed.imaging.deidentify import PROFILES, Deidentifier, Option, Profile, compile_policy
from oncofed.imaging.identifiers import gather
from oncofed.imaging.residual import Expected, search_dataset
from oncofed.trust.pseudonyms import Pseudonyms

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom, of values that bend the standard
DEIDENTIFIERS = [Deidentifier(compile_policy(PROFILES[name]), Pseudonyms(b"s" * 32)) for name in ("research", "strict")]


FILTER = "M\u00fcnkelbach".encode()


def patient(patient_id: str = "00918273", name: str = "Okonkwo^Adaeze", birth: str = "19610312") -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = name, patient_id, birth
    dataset.StudyDate, dataset.AccessionNumber = "20200304", "A5566778"
    return dataset


NUMBERS = [
    ("00918273", "918273"), ("7788991^^^KLINIK^MR", "7788991"), ("PAT-7788991", "7788991"), ("P1", "5566778"),
]  # fmt: skip


@pytest.mark.parametrize("deidentifier", DEIDENTIFIERS)
@pytest.mark.parametrize(("patient_id", "written"), NUMBERS)
def test_a_number_without_zeros_or_what_stands_around_it(
    deidentifier: Deidentifier, patient_id: str, written: str
) -> None:
    dataset = patient(patient_id)
    dataset.SequenceName, dataset.FilterType, dataset.SeriesNumber = written, f"case {written}", written
    deidentifier.apply(dataset)
    assert written not in str(dataset)


@pytest.mark.parametrize(("patient_id", "written"), NUMBERS)
def test_the_second_look_finds_it_too(patient_id: str, written: str) -> None:
    cleaned = Dataset()
    cleaned.FilterType = f"case {written}"
    assert search_dataset(cleaned, gather(patient(patient_id)), Expected())


@pytest.mark.parametrize("deidentifier", DEIDENTIFIERS)
@pytest.mark.parametrize("birth", ["19610312", "1961.03.12"])
@pytest.mark.parametrize(
    "written",
    ["12.03.61", "12.3.1961", "3/12/1961", "12 Mar 61", "12-MAR-1961", "12 March 1961", "March 12, 1961", "120361",
     "61-03-12", "1961-03-12", "4 March 2020", "04-Mar-2020"],
)  # fmt: skip
def test_a_day_as_people_write_it(deidentifier: Deidentifier, birth: str, written: str) -> None:
    dataset = patient(birth=birth)
    dataset.SequenceName = written
    deidentifier.apply(dataset)
    assert written not in str(dataset)


def test_numbers_that_are_only_like_a_day_stay() -> None:
    dataset = patient(birth="19000101")
    dataset.SequenceName, dataset.ReconstructionDiameter = "010100", "12.0361"
    DEIDENTIFIERS[0].apply(dataset)
    assert (dataset.SequenceName, str(dataset.ReconstructionDiameter)) == ("010100", "12.0361")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_a_name_composed_or_not(form: str, written: str) -> None:
    dataset = patient(name=unicodedata.normalize(form, "M\u00fcnkelbach^Thea"))
    dataset.FilterType = unicodedata.normalize(written, "M\u00fcnkelbach")
    DEIDENTIFIERS[0].apply(dataset)
    assert "nkelbach" not in str(dataset)


@pytest.mark.parametrize("written", ["WuLi", "LIWU", "wuli_2"])
def test_two_short_names_in_one_word(written: str) -> None:
    dataset = patient(name="Wu^Li")
    dataset.FilterType = written
    DEIDENTIFIERS[0].apply(dataset)
    assert written not in str(dataset)


@pytest.mark.parametrize("written", ["1\\00918273", "00918273\\2", "918273\\2"])
def test_a_number_among_others(written: str) -> None:
    dataset = patient()
    dataset.ExposuresOnPlate = 1
    dataset.RotationOffset = written
    DEIDENTIFIERS[0].apply(dataset)
    assert "918273" not in str(dataset)


def test_a_birth_date_is_looked_for_where_other_dates_stay() -> None:
    full = Profile("full", frozenset({Option.RETAIN_FULL_DATES}))
    dataset = patient()
    dataset.SequenceName, dataset.FilterType, dataset.PatientBirthDate = "12.03.1961", "20200304", "19610312"
    Deidentifier(compile_policy(full), Pseudonyms(b"s" * 32)).apply(dataset)
    assert "1961" not in str(dataset)
    assert (dataset.FilterType, dataset.StudyDate) == ("20200304", "20200304")


@pytest.mark.parametrize("keyword", ["RequestedProcedureID", "InsurancePlanIdentification", "ServiceEpisodeID"])
@pytest.mark.parametrize(("number", "stays"), [("RP556677", False), ("12", True)])
def test_numbers_of_procedures_and_stays(keyword: str, number: str, stays: bool) -> None:
    dataset = patient()
    setattr(dataset, keyword, number)
    dataset.FilterType = f"case {number}"
    DEIDENTIFIERS[0].apply(dataset)
    assert (number in str(dataset.get("FilterType", ""))) is stays


@pytest.mark.parametrize("written", ["Birkenpfad 7", "at birkenpfad 7", "Zwoelfbuchen"])
def test_a_part_of_an_address(written: str) -> None:
    dataset = patient()
    dataset.PatientAddress = "Birkenpfad 7, 79100 Zwoelfbuchen"
    dataset.InstitutionAddress = "Klinikum\r\nZwoelfbuchen"
    dataset.FilterType = written
    DEIDENTIFIERS[0].apply(dataset)
    assert written not in str(dataset)


def test_a_part_that_is_a_usual_word_is_not_looked_for() -> None:
    dataset = patient()
    dataset.InstitutionName = "Zwoelfbuchen, Radiology Department, University Hospital"
    dataset.FilterType = "Radiology Department"
    DEIDENTIFIERS[0].apply(dataset)
    assert dataset.FilterType == "Radiology Department"


def test_the_same_bytes_in_another_character_set_are_looked_at_again() -> None:
    """What stood harmless in one file of a patient is a name in the next."""
    told = []
    for character_set, encoding in (("ISO_IR 100", "latin-1"), ("ISO_IR 192", "utf-8")):
        dataset = patient(name="")
        dataset.SpecificCharacterSet = character_set
        for tag, vr, text in ((0x00100010, "PN", "M\u00fcnkelbach^Th".encode(encoding)), (0x00181160, "SH", FILTER)):
            content = text + b" " * (len(text) % 2)
            dataset._dict[BaseTag(tag)] = RawDataElement(BaseTag(tag), vr, len(content), content, 0, False, True, True)
        DEIDENTIFIERS[0].apply(dataset)
        told.append(str(dataset.get("FilterType", "")))
    assert "nkelbach" not in told[1]
