"""Which objects are looked at: the truth table of the risk classes, and headers that are not what they should be."""

from typing import Any

import pytest
from pydicom import Dataset
from pydicom import uid as uids
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from oncofed.imaging.pixels.risk import Level, Risk, assess, number, overlay_in_pixels, words

CT: dict[str, Any] = {
    "SOPClassUID": uids.CTImageStorage,
    "Modality": "CT",
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "SamplesPerPixel": 1,
    "BitsAllocated": 16,
    "BitsStored": 12,
    "PixelData": b"\0\0",
}


def image(**changes: Any) -> Dataset:
    made = Dataset()
    for keyword, value in (CT | changes).items():
        if value is not None:
            setattr(made, keyword, value)
    return made


TABLE = [
    ({}, Level.NONE, "measured"),
    ({"PixelData": None}, Level.NONE, "no-pixels"),
    ({"PixelData": None, "FloatPixelData": b"\0\0\0\0"}, Level.NONE, "computed"),
    ({"SOPClassUID": uids.SegmentationStorage, "Modality": "SEG"}, Level.NONE, "computed"),
    ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.7", "Modality": "SEG"}, Level.NONE, "computed"),
    ({"BurnedInAnnotation": "YES"}, Level.HIGH, "burned-in-annotation"),
    ({"BurnedInAnnotation": "NO"}, Level.NONE, "measured"),
    ({"BurnedInAnnotation": "NO", "Modality": "US"}, Level.HIGH, "screen-modality"),
    ({"SOPClassUID": uids.SecondaryCaptureImageStorage}, Level.HIGH, "screen-modality"),
    ({"ConversionType": "DF"}, Level.HIGH, "scanned"),
    ({"ConversionType": "SYN"}, Level.NONE, "measured"),
    ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, Level.HIGH, "captured"),
    ({"ImageType": ["DERIVED", "SECONDARY", "DOSE_INFO"]}, Level.HIGH, "captured"),
    ({"ImageType": ["DERIVED", "SECONDARY", "MPR"]}, Level.LOW, "derived"),
    ({"ImageType": ["DERIVED", "PRIMARY"]}, Level.LOW, "derived"),
    ({"SamplesPerPixel": 3}, Level.HIGH, "colour-of-a-scanner"),
    ({"BitsAllocated": 8}, Level.HIGH, "colour-of-a-scanner"),
    ({"Modality": "MG"}, Level.LOW, "projection"),
    ({"Modality": "HC"}, Level.LOW, "other-modality"),
    ({"Modality": None}, Level.HIGH, "no-modality"),
    ({"Modality": "SM", "SOPClassUID": uids.VLWholeSlideMicroscopyImageStorage}, Level.NONE, "measured"),
    (
        {
            "Modality": "SM",
            "SOPClassUID": uids.VLWholeSlideMicroscopyImageStorage,
            "ImageType": ["ORIGINAL", "PRIMARY", "LABEL", "NONE"],
        },
        Level.HIGH,
        "slide-label",
    ),
    ({"SOPClassUID": uids.EncapsulatedPDFStorage, "PixelData": None}, Level.HIGH, "document"),
    ({"EncapsulatedDocument": b"%PDF", "PixelData": None}, Level.HIGH, "document"),
]


@pytest.mark.parametrize(("changes", "level", "reason"), TABLE)
def test_the_class_of_an_object(changes: dict[str, Any], level: Level, reason: str) -> None:
    found = assess(image(**changes))
    assert found.level is level
    assert reason in found.reasons


def test_an_overlay_in_unused_bits_makes_an_image_one_to_look_at() -> None:
    dataset = image()
    dataset.add_new(0x60020102, "US", 12)
    assert overlay_in_pixels(dataset)
    assert assess(dataset) == Risk(Level.LOW, ("overlay-bits",))
    dataset.BurnedInAnnotation = "YES"
    assert assess(dataset).reasons == ("burned-in-annotation", "overlay-bits")


def test_an_overlay_of_its_own_is_none_in_the_pixels() -> None:
    dataset = image()
    dataset.add_new(0x60000102, "US", 0)
    assert not overlay_in_pixels(dataset)
    dataset.add_new(0x60000102, "US", 15)
    dataset.BitsStored = 16
    assert not overlay_in_pixels(dataset)


def raw(tag: int, vr: str, value: bytes) -> RawDataElement:
    return RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)


def test_an_overlay_position_as_it_stands_in_the_file() -> None:
    dataset = image()
    dataset[0x60000102] = raw(0x60000102, "US", b"\x0c\x00")
    assert overlay_in_pixels(dataset)


def test_values_that_are_not_what_the_standard_says_do_not_raise() -> None:
    dataset = image()
    dataset[0x00280002] = raw(0x00280002, "US", b"\x01")
    dataset[0x00280008] = raw(0x00280008, "IS", b"many")
    assert words(dataset, "SamplesPerPixel") == ()
    assert number(dataset, "NumberOfFrames") == 0
    assert assess(dataset).level is Level.NONE
