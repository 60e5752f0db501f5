"""Ultrasound regions: which are believed, and what they keep."""

from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from oncofed.imaging.pixels.rectangles import Rectangle, outside
from oncofed.imaging.pixels.regions import kept_regions


def region(x0: int, y0: int, x1: int, y1: int, spatial_format: int = 1) -> Dataset:
    made = Dataset()
    made.RegionSpatialFormat = spatial_format
    made.RegionLocationMinX0, made.RegionLocationMinY0 = x0, y0
    made.RegionLocationMaxX1, made.RegionLocationMaxY1 = x1, y1
    return made


def page(*regions: Dataset) -> Dataset:
    made = Dataset()
    made.Rows, made.Columns = 100, 200
    made.SequenceOfUltrasoundRegions = list(regions)
    return made


def test_the_last_pixel_of_a_region_belongs_to_it() -> None:
    assert kept_regions(page(region(10, 20, 99, 79))) == (Rectangle(10, 20, 100, 80),)


def test_several_regions_are_kept_and_page_graphics_are_not() -> None:
    assert kept_regions(page(region(0, 50, 99, 99), region(100, 50, 199, 99), region(0, 0, 199, 20, 0))) == (
        Rectangle(0, 50, 100, 100),
        Rectangle(100, 50, 200, 100),
    )


@pytest.mark.parametrize(
    "regions",
    [
        (),
        (region(0, 0, 199, 99),),  # the whole page: no banner lies outside
        (region(0, 0, 3, 3),),  # a colour bar
        (region(50, 50, 40, 40),),  # turned round
        (region(300, 300, 400, 400),),  # beside the image
    ],
)
def test_regions_that_say_nothing_are_not_believed(regions: tuple[Dataset, ...]) -> None:
    assert kept_regions(page(*regions)) == ()
    assert kept_regions(Dataset()) == ()


def test_regions_of_real_images_leave_the_banner_outside(shared: Path) -> None:
    (path,) = (shared / "dicom" / "us_burned_in_deid").glob("*.dcm")
    for dataset in (pydicom.dcmread(path), pydicom.dcmread(str(get_testdata_file("examples_palette.dcm")))):
        kept = kept_regions(dataset)
        rest = outside(kept, dataset.Columns, dataset.Rows)
        assert any(one.covers(Rectangle(0, 0, dataset.Columns // 2, 50)) == 1.0 for one in rest)
        assert sum(one.area for one in rest) < 0.4 * dataset.Columns * dataset.Rows


def test_a_sequence_that_cannot_be_read_is_none() -> None:
    made = page()
    made[0x00186011] = RawDataElement(Tag(0x00186011), "SQ", 6, b"\x08\x00\x05\x00\xff\xff", 0, False, True)
    assert kept_regions(made) == ()
