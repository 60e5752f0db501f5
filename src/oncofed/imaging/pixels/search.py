"""Finding text in a picture: where words stand, which of them name someone, and which are harmless."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from oncofed.imaging.pixels import text
from oncofed.imaging.pixels.frames import Grey
from oncofed.imaging.pixels.rectangles import Rectangle

_BRIGHT = 176
_LEAST_CONFIDENCE = 40.0
_MARGIN = 2


@dataclass(frozen=True)
class Found:
    """Text in a picture, without the text: where, and what it is to us."""

    rectangle: Rectangle
    identifying: bool
    harmless: bool


def find_text(picture: Grey, wanted: frozenset[str]) -> tuple[Found, ...]:
    """The words of a picture (rows, columns); ``wanted``: identifiers of the header (``text.identifiers``)."""
    bright = np.where(picture >= _BRIGHT, picture, np.uint8(0))
    read = [word for view in (picture, bright) for word in text.read(view, scale=2)]
    return tuple(_judged(word, wanted) for word in read if _believable(word))


def _believable(word: text.Word) -> bool:
    letters = re.sub(r"[\W_]", "", word.text)
    box = word.rectangle
    height, width = box.y1 - box.y0, box.x1 - box.x0
    return len(letters) >= 2 and word.confidence >= _LEAST_CONFIDENCE and 5 <= height <= 90 and width >= height // 2


def _judged(word: text.Word, wanted: frozenset[str]) -> Found:
    identifying = text.names_someone(word.text, wanted)
    return Found(word.rectangle.grown(_MARGIN), identifying, not identifying and harmless(word.text))


def harmless(written: str) -> bool:
    """Every word of it is a scanner's or an anatomist's, or a number with a unit (``standard/pixel_words.txt``)."""
    return all(word in _harmless_words() or _MEASURE.fullmatch(word) for word in text.plain(written).split())


@cache
def _harmless_words() -> frozenset[str]:
    listed = (files("oncofed.imaging") / "standard" / "pixel_words.txt").read_text(encoding="utf-8")
    return frozenset(word for line in listed.splitlines() if not line.startswith("#") for word in line.split())


_MEASURE = re.compile(r"\d{1,3}(\d{0,2})(CM|MM|HZ|KHZ|MHZ|DB|FPS|KV|KVP|MA|MAS|MS|S|BPM|HU|PCT)?")
