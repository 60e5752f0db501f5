"""Text in pixels: how many planted words a plan covers, what it blanks for nothing, and what tesseract alone would do.

Planted: made-up pages of 1,024 × 768 pixels (``imaging.phantom``) with names, numbers, dates and places, capitals 8 to
20 pixels high: on black, on an ultrasound fan, on plain speckle, and dark on white. A word is *covered* when 90 % of
its box is blanked, and *read* when tesseract's line holds it. *False area* is the part of a picture without text that
would be blanked. *Words that stand out* are all but grey ones on speckle. Hard text and faces: ``prepare_faint_text``
and ``prepare_faces``.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from oncofed.bench import prepare_faces, prepare_faint_text
from oncofed.bench.report import Figure, Measured
from oncofed.imaging.phantom import pictures
from oncofed.imaging.pixels import text
from oncofed.imaging.pixels.detection import lines_of_text
from oncofed.imaging.pixels.rectangles import Rectangle, pixels_in
from oncofed.imaging.pixels.search import find_text, read_lines

ROWS, COLUMNS = 768, 1024
GROUNDS = ("black", "fan", "speckle", "white")
_COVERED = 0.9
_WORDS_A_PAGE = 30
_SIZES = (8, 10, 14, 20)
Find = Callable[[pictures.Grey], Iterable[Rectangle]]


@dataclass
class Tally:
    """Words by what they stand on and how bright they are; areas of pages without a word; seconds."""

    words: dict[str, list[bool]] = field(default_factory=dict)
    read: list[bool] = field(default_factory=list)
    false_area: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def share(self, *kinds: str) -> float:
        """Per cent covered of these kinds of words, of all without one."""
        chosen = [one for kind in kinds or tuple(self.words) for one in self.words[kind]]
        return round(100.0 * sum(chosen) / len(chosen), 1)


def page(ground: str, rng: np.random.Generator) -> pictures.Grey:
    """A page without a word."""
    if ground == "fan":
        return pictures.fan(ROWS, COLUMNS, rng)
    if ground == "speckle":
        return pictures.speckle(ROWS, COLUMNS, rng)
    return np.full((ROWS, COLUMNS), 240 if ground == "white" else 0, dtype=np.uint8)


def ours(picture: pictures.Grey) -> list[Rectangle]:
    """What a plan would blank, were every word unknown."""
    return [one.rectangle for one in find_text(picture, frozenset())]


def alone(scale: int) -> Find:
    """Tesseract's own words on the whole page, as other tools use it."""
    return lambda picture: [word.rectangle for word in text.read(picture, scale=scale)]


def covered(find: Find, pages: int, grounds: Sequence[str] = GROUNDS) -> Tally:
    """The tally of one way of finding, over so many pages on every ground."""
    tally = Tally()
    for seed in range(pages):
        for ground in grounds:
            rng = np.random.default_rng([seed, GROUNDS.index(ground)])
            empty = page(ground, rng)
            tally.false_area.append(_area(find(empty)))
            for name, grey in (("dark", 20),) if ground == "white" else (("white", 255), ("grey", 170)):
                picture = empty.copy()
                planted = pictures.plant(picture, _WORDS_A_PAGE, rng, sizes=_SIZES, greys=(grey,))
                started = time.perf_counter()
                blanked = pixels_in(find(picture), COLUMNS, ROWS)
                tally.seconds.append(time.perf_counter() - started)
                tally.words.setdefault(f"{name}_on_{ground}", []).extend(_covered(planted, blanked))
                if find is ours and ground == "black":
                    tally.read.extend(_read(picture, planted))
    return tally


def _area(rectangles: Iterable[Rectangle]) -> float:
    return float(pixels_in(rectangles, COLUMNS, ROWS).mean())


def _covered(planted: Sequence[pictures.Planted], blanked: np.typing.NDArray[np.bool_]) -> list[bool]:
    boxes = [one.rectangle for one in planted]
    return [bool(blanked[box.y0 : box.y1, box.x0 : box.x1].mean() >= _COVERED) for box in boxes]


def _read(picture: pictures.Grey, planted: Sequence[pictures.Planted]) -> list[bool]:
    lines = read_lines(picture, lines_of_text(picture))
    return [
        any(line.rectangle.meets(one.rectangle) and text.plain(one.text) in text.plain(line.text) for line in lines)
        for one in planted
    ]


def _figures(tally: Tally) -> list[Figure]:
    visible = tuple(kind for kind in tally.words if kind not in ("grey_on_speckle", "grey_on_fan"))
    return [
        Figure("text_words", sum(len(one) for one in tally.words.values()), "words planted"),
        Figure("text_covered", tally.share(*visible), "% of words that stand out", at_least=99.0),
        *(Figure(f"text_covered_{kind}", tally.share(kind), "% of words") for kind in tally.words),
        Figure("text_read_on_black", round(100.0 * sum(tally.read) / len(tally.read), 1), "% of words"),
        Figure(
            "text_false_area",
            round(100.0 * float(np.mean(tally.false_area)), 3),
            "% of pages without text",
            at_most=0.5,
        ),
        Figure("text_seconds", round(float(np.median(tally.seconds)), 2), "s a page"),
    ]


def _peer(name: str, tally: Tally) -> list[Figure]:
    return [
        Figure(f"{name}_text_covered", tally.share(), "% of words"),
        Figure(f"{name}_text_false_area", round(100.0 * float(np.mean(tally.false_area)), 3), "% of pages"),
        Figure(f"{name}_text_seconds", round(float(np.median(tally.seconds)), 2), "s a page"),
    ]


def measure(
    say: Callable[[str], None], pages: int = 3, grounds: Sequence[str] = GROUNDS, *, quick: bool = False
) -> Measured:
    """Text found on so many pages of each ground, beside tesseract alone; hard text; faces.

    Without tesseract: faces only. ``quick``: a few heads and words, to see that it runs.
    """
    faces = prepare_faces.figures(2, ("straight",), ()) if quick else prepare_faces.figures()
    say("faces")
    if not text.available():
        say("text in pixels: tesseract is missing")
        return Measured(faces, [])
    figures = _figures(covered(ours, pages, grounds))
    say("text in pixels: ours")
    hard = prepare_faint_text.figures(ours, ("4_sigma",), 2) if quick else prepare_faint_text.figures(ours)
    peers = [figure for scale in (1, 2) for figure in _peer(f"tesseract_x{scale}", covered(alone(scale), 1, grounds))]
    return Measured([*figures, *hard, *faces], peers)
