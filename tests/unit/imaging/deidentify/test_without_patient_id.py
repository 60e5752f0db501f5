"""An object without Patient ID gets one: its study is a patient of its own, and what comes after finds them by it."""

import pydicom
import pytest
from pydicom.dataset import Dataset

from oncofed.imaging.deidentify import PROFILES, Deidentifier, Profile, compile_policy
from oncofed.trust.pseudonyms import Pseudonyms

PSEUDONYMS = Pseudonyms(b"a secret of at least thirty-two bytes")


def an_object(study: str, **values: str) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = pydicom.uid.CTImageStorage
    dataset.SOPInstanceUID, dataset.StudyInstanceUID = f"{study}.1", study
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.set_original_encoding(is_implicit_vr=False, is_little_endian=True, character_encoding="iso8859")
    return dataset


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
@pytest.mark.parametrize("values", [{}, {"PatientID": ""}, {"PatientID": "  "}])
def test_it_gets_the_pseudonym_of_its_study(profile: Profile, values: dict[str, str]) -> None:
    deidentifier = Deidentifier(compile_policy(profile), PSEUDONYMS)
    one, same, other = (an_object(study, **values) for study in ("1.2.3", "1.2.3", "1.2.4"))
    keys = [deidentifier.apply(dataset).patient_key for dataset in (one, same, other)]
    assert [dataset.PatientID for dataset in (one, same, other)] == keys
    assert keys[0] == keys[1] != keys[2]
    assert all(len(key) == 32 for key in keys)


def test_a_site_that_wants_it_empty_has_it_empty() -> None:
    profile = Profile("site", overrides={"PatientID": "Z"})
    dataset = an_object("1.2.3", PatientID="4711")
    Deidentifier(compile_policy(profile), PSEUDONYMS).apply(dataset)
    assert dataset.PatientID == ""
