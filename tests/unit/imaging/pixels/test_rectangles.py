"""Rectangles cover what they say, and the table of devices is read as it is meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from oncofed.imaging.pixels.rectangles import Rectangle, devices, for_device, outside, pixels_in

corners = st.tuples(*(st.integers(-5, 40) for _ in range(4)))
rectangles = corners.map(lambda four: Rectangle(*four))


@given(st.lists(rectangles, max_size=6), st.integers(1, 30), st.integers(1, 30))
def test_what_lies_outside_is_the_complement_and_each_pixel_is_named_once(
    kept: list[Rectangle], columns: int, rows: int
) -> None:
    rest = outside(kept, columns, rows)
    assert (pixels_in(rest, columns, rows) == ~pixels_in(kept, columns, rows)).all()
    assert sum(one.area for one in rest) == pixels_in(rest, columns, rows).sum()


@given(rectangles, rectangles)
def test_meeting_and_covering_agree_with_the_pixels(one: Rectangle, other: Rectangle) -> None:
    one, other = one.clipped(40, 40), other.clipped(40, 40)
    both = pixels_in([one], 40, 40) & pixels_in([other], 40, 40)
    if one.area and other.area:
        assert one.meets(other) == both.any()
        assert one.covers(other) == pytest.approx(both.sum() / other.area)
    elif not other.area:
        assert one.covers(other) == 0.0


def test_growing_and_clipping() -> None:
    assert Rectangle(2, 3, 5, 6).grown(1) == Rectangle(1, 2, 6, 7)
    assert Rectangle(-3, -3, 50, 2).clipped(10, 10) == Rectangle(0, 0, 10, 2)
    assert Rectangle(20, 0, 30, 5).clipped(10, 10).area == 0


def test_every_row_of_the_table_names_a_condition_and_a_place() -> None:
    assert len(devices()) > 20
    for device in devices():
        assert device.contains
        assert device.rectangles
        assert all(one.area > 0 for one in device.rectangles)


def scanner(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def test_a_known_device_gets_its_rectangle_cut_to_the_image() -> None:
    page = scanner(Modality="US", ManufacturerModelName="iU22 xMATRIX", Rows=768, Columns=1000)
    assert for_device(page) == (Rectangle(0, 0, 1000, 75),)
    page.Rows = 600
    assert for_device(page) == (Rectangle(0, 0, 800, 59),)
    page.Rows = 500
    assert for_device(page) == ()


def test_texts_are_found_anywhere_in_several_values_whatever_their_case() -> None:
    dose = scanner(
        Modality="CT", Manufacturer="Siemens Healthineers", ImageType=["DERIVED", "SECONDARY"], Rows=860, Columns=1132
    )
    assert for_device(dose) == (Rectangle(0, 0, 1132, 60),)
    del dose.ImageType
    assert for_device(dose) == ()
    assert for_device(Dataset()) == ()
