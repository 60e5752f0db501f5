"""Where text stands in a picture, found by its shape: rows of letters of one size, each far brighter than its ground.

Letters are connected pixels above a threshold, over a few thresholds and both polarities (white on black, black on
white). Letters of like height that stand beside each other make a line; a line counts when it is level and when its
letters stand out. Reading them is another question (``search``); what looks like writing is blanked though nobody could
read it. The idea is that of connected-component text detection (Neumann and Matas 2012); the rules are ours.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oncofed.imaging.pixels.connected import connected, runs, touching
from oncofed.imaging.pixels.frames import Grey
from oncofed.imaging.pixels.rectangles import Rectangle

Ints = NDArray[np.int64]
_SUMS = np.uint32
"""Sums of grey values of a picture of up to 16 million pixels."""
Reals = NDArray[np.float64]

THRESHOLDS = (80, 120, 160, 200, 240)
"""Grey values above which a pixel may belong to a letter."""
_HEIGHTS = (5, 72)
_CONTRAST = 55.0
_TOUCHING = 20
"""Height in pixels up to which letters of one word may run together."""
_LETTERS_HIGH = 9
"""A letter is at most so great a part of the picture's height, when it is more than ``_TOUCHING``."""
_LETTERS = 3
_STROKES = 1.35
_STARK = 100.0
_MOST_LETTERS = 20_000


@dataclass(frozen=True)
class _Letters:
    """Connected pixels that may be letters: boxes (ends not included), pixels, runs over all rows, contrast."""

    x0: Ints
    y0: Ints
    x1: Ints
    y1: Ints
    area: Ints
    strokes: Ints
    contrast: Reals

    @property
    def heights(self) -> Ints:
        return self.y1 - self.y0

    @property
    def widths(self) -> Ints:
        return self.x1 - self.x0

    def __len__(self) -> int:
        return len(self.x0)

    def __getitem__(self, chosen: Any) -> "_Letters":
        parts = (self.x0, self.y0, self.x1, self.y1, self.area, self.strokes, self.contrast)
        return _Letters(*(part[chosen] for part in parts))


def lines_of_text(picture: Grey) -> tuple[Rectangle, ...]:
    """Rectangles around rows of letters in a picture (rows, columns), joined where they meet, from the top."""
    found: list[Rectangle] = []
    for view in (picture, 255 - picture):
        for threshold in THRESHOLDS:
            letters = _letters(view, threshold)
            found.extend(_lines(letters[letters.contrast >= _CONTRAST]))
    return _joined(found)


# ---- connected pixels ------------------------------------------------------------------------------------------------


def _letters(picture: Grey, threshold: int) -> _Letters:
    """Connected pixels (8 neighbours) above the threshold that have the size of a letter."""
    rows, starts, ends = runs(picture >= threshold)
    if not len(rows):
        none = np.zeros(0, np.int64)
        return _Letters(none, none, none, none, none, none, np.zeros(0))
    labels = connected(len(rows), *touching(rows, starts, ends, picture.shape[1]))
    names, labels = np.unique(labels, return_inverse=True)
    count = len(names)
    lengths = ends - starts
    x0, y0 = np.full(count, picture.shape[1]), np.full(count, picture.shape[0])
    x1, y1 = np.zeros(count, np.int64), np.zeros(count, np.int64)
    np.minimum.at(x0, labels, starts)
    np.minimum.at(y0, labels, rows)
    np.maximum.at(x1, labels, ends)
    np.maximum.at(y1, labels, rows + 1)
    area = np.bincount(labels, lengths, count).astype(np.int64)
    along = np.pad(np.cumsum(picture, axis=1, dtype=_SUMS), ((0, 0), (1, 0)))
    inside = np.bincount(labels, along[rows, ends] - along[rows, starts], count)
    chosen = _letter_sized(x1 - x0, y1 - y0, area, picture.shape[0])
    strokes = np.bincount(labels, minlength=count)
    found = _Letters(x0, y0, x1, y1, area, strokes, inside.astype(np.float64))[chosen]
    return _outlined(found, along)


def _outlined(letters: _Letters, along: NDArray[np.uint32]) -> _Letters:
    """The same with their contrast: mean grey of the letter less the mean of what else is in and around its box."""
    table = np.pad(np.cumsum(along, axis=0, dtype=_SUMS), ((1, 0), (0, 0)))
    rows, columns = along.shape
    top, bottom = np.maximum(letters.y0 - 1, 0), np.minimum(letters.y1 + 1, rows)
    left, right = np.maximum(letters.x0 - 1, 0), np.minimum(letters.x1 + 1, columns - 1)
    total = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
    ground = (bottom - top) * (right - left) - letters.area
    contrast = letters.contrast / letters.area - (total.astype(np.float64) - letters.contrast) / np.maximum(ground, 1)
    return _Letters(letters.x0, letters.y0, letters.x1, letters.y1, letters.area, letters.strokes, contrast)


def _letter_sized(widths: Ints, heights: Ints, area: Ints, rows: int) -> NDArray[np.bool_]:
    low, high = _HEIGHTS[0], min(_HEIGHTS[1], max(rows // _LETTERS_HIGH, _TOUCHING))
    sized = (heights >= low) & (heights <= high) & (area >= low)
    sized &= widths <= np.where(heights <= _TOUCHING, 12.0, 1.6) * heights
    return sized & (area >= 0.1 * widths * heights)


# ---- lines -----------------------------------------------------------------------------------------------------------


def _lines(letters: _Letters) -> list[Rectangle]:
    if len(letters) < 1 or len(letters) > _MOST_LETTERS:
        return []
    groups = connected(len(letters), *_neighbours(letters))
    found = []
    for group in np.unique(groups):
        line = letters[groups == group]
        if _is_written(line):
            found.append(Rectangle(int(line.x0.min()), int(line.y0.min()), int(line.x1.max()), int(line.y1.max())))
    return found


def _neighbours(letters: _Letters) -> tuple[Ints, Ints]:
    """Pairs of like height at one level with less than a space and a half between them."""
    order = np.argsort(letters.x0, kind="stable")
    one: list[Ints] = []
    other: list[Ints] = []
    x0, x1, heights = letters.x0[order], letters.x1[order], letters.heights[order]
    y0, y1 = letters.y0[order], letters.y1[order]
    for place in range(len(order)):
        reach = int(np.searchsorted(x0, x1[place] + 1.5 * _HEIGHTS[1], "right"))
        later = np.arange(place + 1, reach)
        taller = np.maximum(heights[later], heights[place])
        near = x0[later] - x1[place] <= 1.2 * taller
        like = np.minimum(heights[later], heights[place]) >= 0.45 * taller
        shared = np.minimum(y1[later], y1[place]) - np.maximum(y0[later], y0[place])
        level = shared >= 0.5 * np.minimum(heights[later], heights[place])
        chosen = later[near & like & level]
        one.append(np.full(len(chosen), order[place]))
        other.append(order[chosen])
    return np.concatenate(one), np.concatenate(other)


def _is_written(line: _Letters) -> bool:
    """Enough letters of like height, level below or above, made of strokes; two are enough when they match closely."""
    typical = float(np.median(line.heights))
    if float(line.strokes.sum()) < _STROKES * float(line.widths.sum()) or _height(line) > 2.0 * typical:
        return False
    alone = line.widths / (0.9 * typical)
    letters = len(line) if typical > _TOUCHING else int(np.maximum(np.round(alone), 1).sum())
    if letters < _LETTERS:
        return letters == 2 and _is_pair(line)
    slack = max(1.0, 0.12 * typical)
    return max(_level(line.y0, slack), _level(line.y1, slack)) >= 0.6


def _height(line: _Letters) -> int:
    return int(line.y1.max() - line.y0.min())


def _level(edges: Ints, slack: float) -> float:
    """The part of the edges that lie within ``slack`` rows of the middle one."""
    return float((np.abs(edges - np.median(edges)) <= slack).mean())


def _is_pair(line: _Letters) -> bool:
    """Two letters of the same height side by side, very bright on their ground: initials, a sex, a short code."""
    if len(line) != 2 or min(_level(line.y0, 0.5), _level(line.y1, 0.5)) < 1.0 or line.contrast.min() < _STARK:
        return False
    height = int(line.heights[0])
    gap = int(line.x0.max() - line.x1.min())
    return 8 <= height <= 2 * _TOUCHING and 0 <= gap <= 0.6 * height and bool((line.widths >= 0.3 * height).all())


def _joined(found: list[Rectangle]) -> tuple[Rectangle, ...]:
    """Rectangles that share half of the smaller one become one."""
    waiting = sorted(found, key=lambda one: -one.area)
    kept: list[Rectangle] = []
    for one in waiting:
        if not any(other.covers(one) > 0.8 for other in kept):
            kept.append(one)
    return tuple(sorted(kept, key=lambda one: (one.y0, one.x0)))
