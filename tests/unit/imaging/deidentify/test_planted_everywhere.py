"""Identifiers of the patient planted at random into the texts of real objects: none is found again, in any spelling."""

import random
import warnings
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from oncofed.imaging.deidentify import PROFILES, Deidentifier, compile_policy
from oncofed.imaging.deidentify.tables import vocabulary
from oncofed.imaging.identifiers import gather
from oncofed.imaging.residual import Expected, search
from oncofed.prepare.verification import kept_by
from oncofed.trust.pseudonyms import Pseudonyms

NAMES = (
    "CT_small.dcm",
    "MR_small_bigendian.dcm",
    "reportsi.dcm",
    "rtplan.dcm",
    "rtdose.dcm",
    "liver_1frame.dcm",
    "JPEG2000.dcm",
)
OWN = {
    "PatientName": "Kowalczyk^Zdzislawa",
    "PatientID": "QX7-443-9921",
    "AccessionNumber": "ACC99182",
    "StudyDate": "20120304",
    "ReferringPhysicianName": "Okonkwo^Chidiebere",
    "PatientBirthDate": "19500607",
    "InstitutionName": "Saint Elsewhere Clinic",
}
WRITTEN = (
    "Kowalczyk", "ZDZISLAWA KOWALCZYK", "QX7-443-9921", "qx7 443 9921", "ACC99182", "20120304", "2012-03-04",
    "Dr Okonkwo", "Saint Elsewhere Clinic", "07.06.1950", "Kowalczyk^Zdzislawa",
)  # fmt: skip
TEXTS = frozenset(("LO", "SH", "ST", "LT", "UT", "UC", "CS", "AE"))
NEEDED = frozenset((*OWN, "SpecificCharacterSet", "Modality"))


def leaves(dataset: Dataset) -> Iterator[DataElement]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from leaves(item)
        elif element.VR in TEXTS and element.keyword not in NEEDED:
            yield element


def planted(name: str, path: Path, rng: random.Random) -> int:
    """Write the file with a third of its texts holding an identifier; how many."""
    dataset = pydicom.dcmread(get_testdata_file(name, read=False))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in OWN.items():
        setattr(dataset, keyword, value)
    number = 0
    for element in leaves(dataset):
        if rng.random() < 0.35:
            text = rng.choice((*WRITTEN, str(dataset.SOPInstanceUID)))
            code = "".join(one if one.isalnum() else "_" for one in text.upper())[:16]
            element.value = code if element.VR == "CS" else rng.choice((f"{text} axial", f"T2 {text}", text))
            number += 1
    dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0D, "CS", "KOWALCZYK")
    dataset.save_as(path)
    return number


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_planted_is_found_again(name: str, profile: str, tmp_path: Path) -> None:
    policy, names = compile_policy(PROFILES[profile]), Pseudonyms(bytes(range(32)))
    deidentifier = Deidentifier(policy, names)
    source, target = tmp_path / "source.dcm", tmp_path / "target.dcm"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom, of values too long for their representation
        for seed in range(6):
            assert planted(name, source, random.Random(seed)) > 0
            original = gather(pydicom.dcmread(source), kept_by(policy))
            applied = deidentifier.file(source, target)
            shift = names.date_offset(applied.patient_key, *policy.profile.date_shift_days)
            expected = Expected(
                shift if policy.shifts_dates else None, policy.keeps_safe_private, harmless=frozenset(vocabulary())
            )
            assert [one for one in search(target, original, expected) if one.certain] == [], seed
