"""What Table E.1-1 does not list and identifies nonetheless, or is known to nobody."""

from typing import Any

import pytest
from pydicom.dataset import Dataset

from oncofed.imaging.deidentify import PROFILES, Deidentifier, Option, Profile, compile_policy
from oncofed.imaging.deidentify.dates import shifted
from oncofed.imaging.deidentify.tables import beyond
from oncofed.trust.pseudonyms import Pseudonyms

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom, of values that bend the standard
NAMES = Pseudonyms(b"s" * 32)
RESEARCH, STRICT = (Deidentifier(compile_policy(PROFILES[name]), NAMES) for name in ("research", "strict"))


def cleaned(deidentifier: Deidentifier, *elements: tuple[int, str, Any]) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.PatientName, dataset.PatientID = "Okonkwo^Adaeze", "MRN-77431"
    for element in elements:
        dataset.add_new(*element)
    deidentifier.apply(dataset)
    return dataset


def overlay(group: int, kind: str) -> list[tuple[int, str, Any]]:
    return [
        (group << 16 | 0x0010, "US", 8),
        (group << 16 | 0x0011, "US", 8),
        (group << 16 | 0x0040, "CS", kind),
        (group << 16 | 0x3000, "OW", bytes(8)),
    ]


@pytest.mark.parametrize("row", beyond(), ids=lambda row: row.keyword)
def test_what_stands_beyond_the_table_goes(row: Any) -> None:
    dataset = cleaned(STRICT, (row.number, row.vr, "S36-3-12"))
    assert "S36-3-12" not in str(dataset)
    devices = Deidentifier(compile_policy(Profile("p", frozenset({Option.RETAIN_DEVICE}))), NAMES)
    assert (row.number in cleaned(devices, (row.number, row.vr, "S36-3-12"))) is (row.options.get("device") == "K")


def test_a_site_may_want_it_otherwise() -> None:
    site = Deidentifier(compile_policy(Profile("p", overrides={"DeviceID": "K"})), NAMES)
    assert cleaned(site, (0x00181003, "LO", "S36-3-12")).DeviceID == "S36-3-12"


@pytest.mark.parametrize("deidentifier", [RESEARCH, STRICT])
@pytest.mark.parametrize(("vr", "value"), [("UN", b"Tel 0761-123456 "), ("OB", b"19870605"), ("LO", "Weberling Rolf")])
def test_values_of_attributes_that_nobody_knows_go(deidentifier: Deidentifier, vr: str, value: Any) -> None:
    dataset = cleaned(deidentifier, (0x00189FFE, vr, value), (0x00189FFC, "US", 7), (0x00189FFA, "LO", "axial T2"))
    held = dataset.get_item(0x00189FFE)
    assert held is None or held.value != value
    assert "Weberling" not in str(dataset)
    assert dataset[0x00189FFC].value == 7
    assert dataset[0x00189FFA].value == "axial T2"


def test_texts_of_an_overlay_that_stays() -> None:
    text = [(0x60000045, "LO", "Weberling"), (0x60000051, "US", 1), (0x60001234, "LO", "Weberling")]
    dataset = cleaned(RESEARCH, *overlay(0x6000, "R"), *text)
    assert "Weberling" not in str(dataset)
    assert {0x60000010, 0x60000040, 0x60000051, 0x60003000} <= {int(tag) for tag, _ in dataset.items()}
    kept = cleaned(RESEARCH, *overlay(0x6000, "R"), (0x60000045, "LO", "AUTOMATED"))
    assert kept[0x60000045].value == "AUTOMATED"


@pytest.mark.parametrize("deidentifier", [RESEARCH, STRICT])
def test_overlays_and_curves_beyond_those_that_there_may_be(deidentifier: Deidentifier) -> None:
    curve = [(0x50200010, "US", 2), (0x50203000, "OW", bytes(8))]
    dataset = cleaned(deidentifier, *overlay(0x6020, "G"), *curve)
    assert not [tag for tag, _ in dataset.items() if int(tag) >> 24 in (0x50, 0x60)]


@pytest.mark.parametrize("tag", [0x7FE00008, 0x7FE00009, 0x7FE00010])
def test_pixels_inside_a_sequence_go(tag: int) -> None:
    item = Dataset()
    item.add_new(tag, "OW", bytes(8))
    item.ReferencedFrameNumber = 1
    dataset = cleaned(RESEARCH, (0x00081140, "SQ", [item]))
    assert tag not in dataset.ReferencedImageSequence[0]
    assert dataset.ReferencedImageSequence[0].ReferencedFrameNumber == 1


def test_a_harmless_private_text_that_came_as_bytes_is_read_as_text() -> None:
    creator = (0x00190010, "LO", "GEMS_ACQU_01")
    dataset = cleaned(RESEARCH, creator, (0x0019109E, "OB", b"Dr. Weberling 12.03.1987"))
    held = dataset.get_item(0x0019109E)
    assert held is None or b"Weberling" not in bytes(str(held.value), "ascii")


@pytest.mark.parametrize(
    ("unit", "age", "told"), [("mo", "1150", "1080"), ("d", "35000", "32872"), ("mo", "600", "600")]
)
def test_an_age_in_a_report_is_capped_in_any_unit(unit: str, age: str, told: str) -> None:
    item, measured = Dataset(), Dataset()
    item.ConceptNameCodeSequence, measured.MeasurementUnitsCodeSequence = [Dataset()], [Dataset()]
    item.ConceptNameCodeSequence[0].CodeValue = "121033"
    measured.MeasurementUnitsCodeSequence[0].CodeValue = unit
    measured.NumericValue = age
    item.MeasuredValueSequence = [measured]
    dataset = cleaned(RESEARCH, (0x0040A730, "SQ", [item]))
    assert str(dataset.ContentSequence[0].MeasuredValueSequence[0].NumericValue) == told


@pytest.mark.parametrize(
    ("value", "vr", "moved"),
    [
        ("19000101", "DA", "19000101"),
        ("1900.01.01", "DA", "1900.01.01"),
        ("19000101-20200304", "DA", "19000101-20200303"),
        ("19000101000000", "DT", "19000101000000"),
        ("19000101 Okonkwo", "DT", None),
        ("19000101 Okonkwo", "DA", None),
    ],
)
def test_only_the_date_that_stands_for_none_stays(value: str, vr: str, moved: str | None) -> None:
    assert shifted(value, vr, -1) == moved


def test_a_uid_that_is_none_does_not_stay_where_uids_do() -> None:
    keeping = Deidentifier(compile_policy(Profile("p", frozenset({Option.RETAIN_UIDS}))), NAMES)
    dataset = cleaned(keeping, (0x00200052, "UI", "Weberling"), (0x0020000D, "UI", "1.2.826.0.1.99.7"))
    assert dataset.FrameOfReferenceUID == NAMES.own_uid("Weberling")
    assert dataset.StudyInstanceUID == "1.2.826.0.1.99.7"
