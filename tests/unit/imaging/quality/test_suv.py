"""PET: what SUV needs is missed when it is gone, and doubted when it cannot be right."""

import pytest
from pydicom import DataElement, config
from pydicom.dataset import Dataset

from oncofed.imaging.quality.suv import suv_gaps, suv_oddities
from tests.factories import series


@pytest.fixture
def pet() -> Dataset:
    one: Dataset = series.of(series.objects(1, "PT"), "PT")[0]
    return one


def dose(pet: Dataset) -> Dataset:
    item: Dataset = pet.RadiopharmaceuticalInformationSequence[0]
    return item


def test_a_phantom_is_computable(pet: Dataset) -> None:
    assert suv_gaps(pet) == ()
    assert suv_oddities(pet) == ()


@pytest.mark.parametrize("name", ["Units", "PatientWeight", "DecayCorrection", "CorrectedImage"])
def test_what_is_gone_is_missed(pet: Dataset, name: str) -> None:
    delattr(pet, name)
    assert any(gap.startswith(name) for gap in suv_gaps(pet))


@pytest.mark.parametrize("name", ["RadionuclideTotalDose", "RadionuclideHalfLife"])
def test_what_is_gone_from_the_dose_is_missed(pet: Dataset, name: str) -> None:
    delattr(dose(pet), name)
    assert suv_gaps(pet) == (name,)


def test_without_any_dose_all_of_it_is_missed(pet: Dataset) -> None:
    del pet.RadiopharmaceuticalInformationSequence
    assert set(suv_gaps(pet)) == {"RadionuclideTotalDose", "RadionuclideHalfLife", "RadiopharmaceuticalStartTime"}


def test_values_that_are_uptake_already_need_nothing(pet: Dataset) -> None:
    del pet.RadiopharmaceuticalInformationSequence
    pet.Units = "GML"
    assert suv_gaps(pet) == ()


@pytest.mark.parametrize("weight", ["0", "-70", ""])
def test_a_weight_of_nothing_is_no_weight(pet: Dataset, weight: str) -> None:
    pet.PatientWeight = weight
    assert suv_gaps(pet) == ("PatientWeight",)


def test_corrections_may_be_one_value_or_stated_by_the_decay_correction(pet: Dataset) -> None:
    pet.CorrectedImage, pet.DecayCorrection = "ATTN", "START"
    assert suv_gaps(pet) == ()
    pet.DecayCorrection = "NONE"
    assert suv_gaps(pet) == ("CorrectedImage (ATTN, DECY)",)


def test_the_injection_may_be_a_date_and_time(pet: Dataset) -> None:
    for name in ("RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime"):
        if name in dose(pet):
            delattr(dose(pet), name)
    assert suv_gaps(pet) == ("RadiopharmaceuticalStartTime",)
    dose(pet).RadiopharmaceuticalStartDateTime = f"{pet.SeriesDate}080000.00"
    assert suv_gaps(pet) == ()


@pytest.mark.parametrize("time", ["9900", "x", "24", ""])
def test_a_time_that_is_none_is_missed(pet: Dataset, time: str) -> None:
    for name in ("SeriesTime", "AcquisitionTime"):
        pet[name] = DataElement(name, "TM", time, validation_mode=config.IGNORE)
    assert "SeriesTime or AcquisitionTime" in suv_gaps(pet)


def test_values_out_of_reason_are_doubted(pet: Dataset) -> None:
    pet.PatientWeight = 900
    dose(pet).RadionuclideTotalDose = 370  # MBq where Bq belong
    assert suv_oddities(pet) == ("PatientWeight", "RadionuclideTotalDose")


@pytest.mark.parametrize("days", ["20190101", "20290101"])
def test_dates_shifted_apart_are_doubted(pet: Dataset, days: str) -> None:
    dose(pet).RadiopharmaceuticalStartDateTime = f"{days}080000"
    assert suv_oddities(pet) == ("time from injection to scan",)
