"""The minimum set of annotations, item by item."""

import pytest

from oncofed.imaging.quality.annotation import Segment, segments
from tests.factories import series

WHOLE = {"number": True, "label": True, "description": True, "method": "MANUAL", "algorithm": False, "coded": True}


@pytest.mark.parametrize(
    ("item", "value", "gap"),
    [
        ("number", False, "number"),
        ("label", False, "label"),
        ("description", False, "description"),
        ("method", "", "method"),
        ("coded", False, "code"),
        ("method", "AUTOMATIC", "algorithm"),
    ],
)
def test_each_item_is_missed_by_itself(item: str, value: object, gap: str) -> None:
    assert Segment(**WHOLE).gaps == ()  # type: ignore[arg-type]
    assert gap in Segment(**(WHOLE | {item: value})).gaps  # type: ignore[arg-type]


def test_segments_of_a_segmentation() -> None:
    (seg,) = series.of(series.objects(1), "SEG")
    found = segments(seg)
    assert len(found) == len(seg.SegmentSequence)
    assert all(one.number and one.label and one.coded and one.label_code for one in found)
    del seg.SegmentSequence[0].SegmentLabel
    assert "label" in segments(seg)[0].gaps


def test_regions_of_a_structure_set() -> None:
    (rtstruct,) = series.of(series.objects(1, "PT"), "RTSTRUCT")
    found = segments(rtstruct)
    assert len(found) == len(rtstruct.StructureSetROISequence)
    assert all(one.number and one.label for one in found)
    del rtstruct.RTROIObservationsSequence
    assert not any(one.coded for one in segments(rtstruct))


def test_an_image_has_none() -> None:
    assert segments(series.of(series.objects(1), "CT")[0]) == ()
