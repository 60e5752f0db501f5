"""Rectangles of pixels, and those that are known to hold text on images of a device (``standard/devices.tsv``)."""

import csv
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from oncofed.imaging.pixels.risk import number, words


@dataclass(frozen=True, order=True)
class Rectangle:
    """Columns ``x0`` to ``x1`` and rows ``y0`` to ``y1`` of every frame, counted from 0, the ends not included."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def area(self) -> int:
        """Pixels inside; 0 for one that is empty."""
        return max(self.x1 - self.x0, 0) * max(self.y1 - self.y0, 0)

    def grown(self, by: int) -> "Rectangle":
        """The same with ``by`` pixels more on every side (fewer where negative)."""
        return Rectangle(self.x0 - by, self.y0 - by, self.x1 + by, self.y1 + by)

    def clipped(self, columns: int, rows: int) -> "Rectangle":
        """What of it lies inside an image."""
        x0, x1 = (min(max(x, 0), columns) for x in (self.x0, self.x1))
        y0, y1 = (min(max(y, 0), rows) for y in (self.y0, self.y1))
        return Rectangle(x0, y0, x1, y1)

    def meets(self, other: "Rectangle") -> bool:
        """Some pixel lies in both."""
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1

    def covers(self, other: "Rectangle") -> float:
        """The part of the other's pixels that lie in this one, 0 to 1."""
        both = Rectangle(max(self.x0, other.x0), max(self.y0, other.y0), min(self.x1, other.x1), min(self.y1, other.y1))
        return both.area / other.area if other.area else 0.0


def pixels_in(rectangles: Iterable[Rectangle], columns: int, rows: int) -> NDArray[np.bool_]:
    """True where any of the rectangles lies; (rows, columns)."""
    inside = np.zeros((rows, columns), dtype=bool)
    for one in rectangles:
        cut = one.clipped(columns, rows)
        inside[cut.y0 : cut.y1, cut.x0 : cut.x1] = True
    return inside


def outside(kept: Sequence[Rectangle], columns: int, rows: int) -> tuple[Rectangle, ...]:
    """Disjoint rectangles that together cover the image but for ``kept``, from the top."""
    inside = [cut for cut in (one.clipped(columns, rows) for one in kept) if cut.area]
    edges = sorted({0, rows, *(y for one in inside for y in (one.y0, one.y1))})
    found: list[Rectangle] = []
    for top, bottom in itertools.pairwise(edges):
        left = 0
        for one in sorted(one for one in inside if one.y0 <= top and one.y1 >= bottom):
            if one.x0 > left:
                found.append(Rectangle(left, top, one.x0, bottom))
            left = max(left, one.x1)
        if left < columns:
            found.append(Rectangle(left, top, columns, bottom))
    return tuple(found)


@dataclass(frozen=True)
class Device:
    """One row of the table: which images it speaks of, and where these carry text. An empty condition always holds."""

    contains: tuple[tuple[str, str], ...]
    rows: int | None
    columns: int | None
    rectangles: tuple[Rectangle, ...]

    def fits(self, dataset: Dataset) -> bool:
        """Every condition holds; texts are looked for anywhere in the value, whatever their case."""
        if self.rows not in (None, number(dataset, "Rows")) or self.columns not in (None, number(dataset, "Columns")):
            return False
        return all(text in "\\".join(words(dataset, keyword)) for keyword, text in self.contains)


_CONDITIONS = {
    "modality": "Modality",
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "image_type": "ImageType",
    "series_description": "SeriesDescription",
    "burned_in": "BurnedInAnnotation",
}


@cache
def devices() -> tuple[Device, ...]:
    """The table of devices, in its order."""
    table = files("oncofed.imaging") / "standard" / "devices.tsv"
    lines = [line for line in table.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return tuple(_device(row) for row in csv.DictReader(lines, delimiter="\t"))


def _device(row: dict[str, str]) -> Device:
    corners = [[int(number) for number in one.split(",")] for one in row["rectangles"].split()]
    return Device(
        contains=tuple((_CONDITIONS[name], row[name].upper()) for name in _CONDITIONS if row[name]),
        rows=int(row["rows"]) if row["rows"] else None,
        columns=int(row["columns"]) if row["columns"] else None,
        rectangles=tuple(Rectangle(x, y, x + width, y + height) for x, y, width, height in corners),
    )


def for_device(dataset: Dataset) -> tuple[Rectangle, ...]:
    """The rectangles of every row that fits, cut to the image; none when the table does not know the device."""
    columns, rows = number(dataset, "Columns"), number(dataset, "Rows")
    found = {one.clipped(columns, rows) for device in devices() if device.fits(dataset) for one in device.rectangles}
    return tuple(sorted(one for one in found if one.area))
