"""Finding text in a picture: where it stands, which of it names someone, and which is harmless.

Three ways look at the same picture: rows of letters by their shape (``detection``), each enlarged and read by itself;
the whole page as tesseract sees it, bright pixels only; and a network that knows the texture of writing, whatever its
contrast (``faint``). What the first and the last find and nobody can read is text all the same.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np
from PIL import Image

from oncofed.imaging.pixels import faint, text
from oncofed.imaging.pixels.detection import lines_of_text
from oncofed.imaging.pixels.frames import Grey
from oncofed.imaging.pixels.rectangles import Rectangle, pixels_in

_BRIGHT = 176
_SURE, _QUITE_SURE = 60.0, 80.0
_FAIRLY_SURE = 40.0
_MARGIN = 2
_LINE_HEIGHT = 48
_GAP = 24
_LINES_A_PAGE = 60
_READ_WIDTH = 0.7
_SEEN = 0.6
"""Part of a place of the network that rows of letters found otherwise may cover, so that it says nothing new."""
_TILE, _OVERLAP = 1536, 384
"""Pixels on a side of what is looked at at once, and of what two neighbours share."""


@dataclass(frozen=True)
class Found:
    """Text in a picture, without the text: where, and what it is to us."""

    rectangle: Rectangle
    identifying: bool
    harmless: bool
    faint: bool = False
    """Only the network saw it: it may be no text at all."""


@dataclass(frozen=True)
class Line:
    """A row of letters and what was read of it; the text may name a patient and is never logged."""

    rectangle: Rectangle
    words: tuple[text.Word, ...] = ()
    faint: bool = False

    def __repr__(self) -> str:
        return f"Line({self.rectangle}, {len(self.words)} words)"

    @property
    def text(self) -> str:
        """The words in order, a space between them."""
        return " ".join(word.text for word in sorted(self.words, key=lambda word: word.rectangle))

    @property
    def wholly_read(self) -> bool:
        """Words cover most of the width, each read with some confidence."""
        width = self.rectangle.x1 - self.rectangle.x0
        read = sum(word.rectangle.x1 - word.rectangle.x0 for word in self.words)
        return read >= _READ_WIDTH * width and all(word.confidence >= _FAIRLY_SURE for word in self.words)


def find_text(picture: Grey, wanted: frozenset[str], *, with_faint: bool = True) -> tuple[Found, ...]:
    """The text of a picture (rows, columns); ``wanted``: identifiers of the header (``text.identifiers``).

    ``with_faint``: the network looks, too. A large picture is looked at in tiles that overlap, and read as a whole page
    only where a tile has a row of letters.

    Raises:
        OncofedError: tesseract is missing or failed.
    """
    rows, columns = picture.shape
    tiles = [(y, x) for y in _starts(rows) for x in _starts(columns)]
    found: dict[Rectangle, Found] = {}
    for y, x in tiles:
        for line in _lines(picture[y : y + _TILE, x : x + _TILE], with_faint, thrifty=len(tiles) > 1):
            one = _judged(line, wanted)
            place = one.rectangle
            moved = Rectangle(place.x0 + x, place.y0 + y, place.x1 + x, place.y1 + y)
            found.setdefault(moved, replace(one, rectangle=moved))
    return tuple(found.values())


def _starts(length: int) -> range:
    """Where tiles begin that cover so many pixels, each sharing ``_OVERLAP`` with the next."""
    return range(0, max(length - _OVERLAP, 1), _TILE - _OVERLAP)


def _lines(picture: Grey, with_faint: bool, *, thrifty: bool) -> tuple[Line, ...]:
    lines = read_lines(picture, lines_of_text(picture))
    bright = np.where(picture >= _BRIGHT, picture, np.uint8(0))
    if bright.any() and (lines or not thrifty):
        words = [word for word in text.read(bright, scale=2) if _believable(word)]
        lines += tuple(
            Line(word.rectangle, (word,))
            for word in words
            if not any(line.rectangle.covers(word.rectangle) > 0.5 for line in lines)
        )
    return lines + (_faint(picture, lines) if with_faint else ())


def _faint(picture: Grey, lines: Sequence[Line]) -> tuple[Line, ...]:
    """What only the network sees, read where its contrast is made full."""
    rows, columns = picture.shape
    seen = pixels_in([line.rectangle.grown(line.rectangle.y1 - line.rectangle.y0) for line in lines], columns, rows)
    places = [one for one in faint.writing(picture) if seen[one.y0 : one.y1, one.x0 : one.x1].mean() < _SEEN]
    if not places:
        return ()
    clear = np.asarray(128 + 31.75 * faint.contrast(faint.smoothed(picture)), dtype=np.uint8)
    return tuple(replace(line, faint=True) for line in read_lines(clear, places))


def _judged(line: Line, wanted: frozenset[str]) -> Found:
    identifying = text.names_someone(line.text, wanted)
    nothing = not identifying and line.wholly_read and harmless(line.text)
    height = line.rectangle.y1 - line.rectangle.y0
    beside = Rectangle(
        line.rectangle.x0 - height // 3, line.rectangle.y0, line.rectangle.x1 + height // 3, line.rectangle.y1
    )
    return Found(beside.grown(_MARGIN), identifying, nothing, line.faint)


def _believable(word: text.Word) -> bool:
    letters = re.sub(r"[\W_]", "", word.text)
    if len(letters) < 2:
        return False
    box = word.rectangle
    height, width = box.y1 - box.y0, box.x1 - box.x0
    shaped = 5 <= height <= 90 and 0.35 <= width / (height * len(letters)) <= 1.6
    return shaped and word.confidence >= (_SURE if len(letters) > 2 else _QUITE_SURE)


# ---- reading lines ---------------------------------------------------------------------------------------------------


def read_lines(picture: Grey, lines: Sequence[Rectangle]) -> tuple[Line, ...]:
    """Each line with what was read of it: enlarged to one height, black on white, many on a page under each other."""
    done: list[Line] = []
    for start in range(0, len(lines), _LINES_A_PAGE):
        done.extend(_read_page(picture, lines[start : start + _LINES_A_PAGE]))
    return tuple(done)


def _read_page(picture: Grey, lines: Sequence[Rectangle]) -> list[Line]:
    strips = [_enlarged(picture, line) for line in lines]
    page = np.full((len(strips) * (_LINE_HEIGHT + _GAP) + _GAP, max(one.shape[1] for one in strips) + 2 * _GAP), 255)
    for place, strip in enumerate(strips):
        top = _GAP + place * (_LINE_HEIGHT + _GAP)
        page[top : top + strip.shape[0], _GAP : _GAP + strip.shape[1]] = strip
    words: list[list[text.Word]] = [[] for _ in lines]
    for word in text.read(np.asarray(page, dtype=np.uint8), layout=6, ground=255):
        middle = (word.rectangle.y0 + word.rectangle.y1) // 2 - _GAP // 2
        place = min(max(middle // (_LINE_HEIGHT + _GAP), 0), len(lines) - 1)
        words[place].append(_back(word, lines[place], strips[place].shape[1]))
    return [Line(line, tuple(read)) for line, read in zip(lines, words, strict=True)]


def _enlarged(picture: Grey, line: Rectangle) -> Grey:
    """The line as black letters on white, ``_LINE_HEIGHT`` high."""
    box = line.grown(1).clipped(picture.shape[1], picture.shape[0])
    cut = picture[box.y0 : box.y1, box.x0 : box.x1]
    if np.median(cut) < (int(cut.min()) + int(cut.max())) / 2:
        cut = 255 - cut
    width = max(round(cut.shape[1] * _LINE_HEIGHT / cut.shape[0]), 1)
    image = Image.fromarray(cut).resize((width, _LINE_HEIGHT), Image.Resampling.BICUBIC)
    grey = np.asarray(image, dtype=np.float32)
    low, high = float(grey.min()), float(grey.max())
    return np.asarray((grey - low) * (255.0 / max(high - low, 1.0)), dtype=np.uint8)


def _back(word: text.Word, line: Rectangle, width: int) -> text.Word:
    """The word with its place in the picture."""
    scale = (line.x1 - line.x0) / width
    x0, x1 = (line.x0 + round((x - _GAP) * scale) for x in (word.rectangle.x0, word.rectangle.x1))
    return text.Word(word.text, Rectangle(x0, line.y0, x1, line.y1), word.confidence)


# ---- harmless words --------------------------------------------------------------------------------------------------

_UNITS = "CM|MM|HZ|KHZ|MHZ|DB|FPS|KV|KVP|MA|MAS|MS|S|BPM|HU"
_MEASURE = re.compile(rf"[A-Z]?\d{{1,3}}({_UNITS})?|\d{{4}}({_UNITS})")
_MOST_DIGITS = 6


def harmless(written: str) -> bool:
    """Every word of it is a scanner's or an anatomist's, or a short number (``standard/pixel_words.txt``).

    Seven digits or more in one line may be a date or a number of a patient, however they are parted.
    """
    said = text.plain(written).split()
    if not said or sum(one.isdigit() for one in written) > _MOST_DIGITS:
        return False
    return all(word in _harmless_words() or _MEASURE.fullmatch(word) for word in said)


@cache
def _harmless_words() -> frozenset[str]:
    listed = (files("oncofed.imaging") / "standard" / "pixel_words.txt").read_text(encoding="utf-8")
    return frozenset(word for line in listed.splitlines() if not line.startswith("#") for word in line.split())
