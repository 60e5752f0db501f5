"""Where an ultrasound image shows the body: its Sequence of Ultrasound Regions (PS3.3 C.8.5.5).

What lies outside is the scanner's page: banners with name, number, date and hospital. On the public images that carry
regions, blanking it removed every banner and kept 88 to 91 % of the area (docs/explanation/text-in-pixels.md).
"""

from pydicom import Dataset

from oncofed.imaging.elements import BROKEN
from oncofed.imaging.pixels.rectangles import Rectangle, pixels_in
from oncofed.imaging.pixels.risk import number

LEAST, MOST = 0.02, 0.985
"""The part of an image that believable regions cover together: less is a colour bar, more leaves no banner outside."""


def kept_regions(dataset: Dataset) -> tuple[Rectangle, ...]:
    """The regions of tissue, motion and Doppler display; () where there are none that can be believed.

    Locations are of the first and the last pixel, both inside (PS3.3 C.8.5.5.1.1 and .2); regions of colour bars and of
    page graphics (Region Spatial Format 0) are not kept.
    """
    columns, rows = number(dataset, "Columns"), number(dataset, "Rows")
    try:
        items = list(dataset.get("SequenceOfUltrasoundRegions") or ())
    except BROKEN:
        return ()
    found = [_rectangle(item).clipped(columns, rows) for item in items if number(item, "RegionSpatialFormat")]
    found = [one for one in found if one.area]
    if not found:
        return ()
    part = float(pixels_in(found, columns, rows).mean())
    return tuple(sorted(found)) if LEAST <= part <= MOST else ()


def _rectangle(item: Dataset) -> Rectangle:
    corners = ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")
    x0, y0, x1, y1 = (number(item, keyword) for keyword in corners)
    return Rectangle(x0, y0, x1 + 1, y1 + 1)
