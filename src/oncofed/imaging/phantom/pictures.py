"""Made-up pictures for tests of text in pixels: an ultrasound fan of speckle, and words written into it.

Speckle is the logarithm of a Rayleigh-distributed amplitude (Wagner et al. 1983), smoothed along the beam. Nothing here
comes from a patient; the words are drawn from a list of made-up names and numbers.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from oncofed.imaging.pixels.rectangles import Rectangle

Grey = NDArray[np.uint8]

_FIRST = ("ANNA", "BRUNO", "CHIARA", "DAVID", "ELENA", "FELIX", "GRETA", "HUGO", "INES", "JONAS", "KARIN", "LUCA")
_LAST = ("MOREAU", "NOVAK", "OLIVEIRA", "PAPADAKIS", "QUERCIA", "ROSSI", "SCHMIDT", "TAMM", "URBAN", "VIRTANEN")
_PLACES = ("ST MARY HOSPITAL", "KLINIKUM NORD", "OSPEDALE CIVICO", "CENTRE LEON", "CITY CLINIC")


@dataclass(frozen=True)
class Planted:
    """A word written into a picture: what, where (the box of its inked pixels), and how large (height of a capital)."""

    text: str
    rectangle: Rectangle
    size: int


def speckle(rows: int, columns: int, rng: np.random.Generator, level: float = 110.0) -> Grey:
    """Speckle all over, mean grey about ``level``; (rows, columns)."""
    amplitude = rng.rayleigh(1.0, (rows, columns + 4))
    smooth = sum(amplitude[:, shift : shift + columns] for shift in range(5)) / 5.0
    grey = level + 45.0 * np.log2(np.maximum(smooth, 0.05))
    return np.asarray(np.clip(grey, 0, 230), dtype=np.uint8)


def fan(rows: int, columns: int, rng: np.random.Generator) -> Grey:
    """An ultrasound page: a sector of speckle on black, a bright line of a membrane and a dark cyst in it."""
    picture = np.zeros((rows, columns), dtype=np.uint8)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    apex_x, apex_y = columns / 2.0, -0.1 * rows
    distance, angle = np.hypot(x - apex_x, y - apex_y), np.arctan2(x - apex_x, y - apex_y)
    inside = (np.abs(angle) < 0.75) & (distance > 0.22 * rows) & (distance < 1.02 * rows)
    tissue = speckle(rows, columns, rng, float(rng.uniform(70, 130)))
    membrane = np.abs(distance - rows * (0.5 + 0.05 * np.sin(6 * angle))) < rows * 0.008
    tissue = np.where(membrane, np.minimum(tissue.astype(int) + 70, 235), tissue).astype(np.uint8)
    centre = rows * rng.uniform(0.5, 0.8), columns * rng.uniform(0.4, 0.6)
    cyst = np.hypot(y - centre[0], x - centre[1]) < rows * rng.uniform(0.04, 0.1)
    picture[inside] = np.where(cyst, tissue // 6, tissue)[inside]
    return picture


def words(count: int, rng: np.random.Generator) -> tuple[str, ...]:
    """Made-up names, numbers, dates and places as scanners write them."""
    kinds = (
        lambda: f"{rng.choice(_LAST)},{rng.choice(_FIRST)}",
        lambda: str(rng.choice(_LAST)),
        lambda: f"{rng.integers(10**6, 10**8)}",
        lambda: f"{rng.integers(1, 29):02}/{rng.integers(1, 13):02}/{rng.integers(1930, 2025)}",
        lambda: f"{rng.integers(1930, 2025)}-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}",
        lambda: str(rng.choice(_PLACES)),
        lambda: f"MRN:{rng.integers(10**5, 10**7)}",
    )
    return tuple(kinds[int(rng.integers(len(kinds)))]() for _ in range(count))


def write(picture: Grey, text: str, corner: tuple[int, int], *, size: int, grey: int = 255) -> Planted | None:
    """Write into the picture, in place, ``corner`` = (column, row) of its top left; None when it does not fit whole.

    ``size``: the height of a capital letter in pixels.
    """
    ink = _ink(text, size)
    (height, width), (x, y) = ink.shape, corner
    if x < 0 or y < 0 or y + height > picture.shape[0] or x + width > picture.shape[1]:
        return None
    place = picture[y : y + height, x : x + width]
    weight = ink.astype(np.float32) / 255.0
    place[:] = np.round(place * (1 - weight) + grey * weight).astype(np.uint8)
    return Planted(text, Rectangle(x, y, x + width, y + height), size)


@cache
def _ink(text: str, size: int) -> Grey:
    """How much of each pixel the letters cover, 0 to 255, cut to their box."""
    font = ImageFont.load_default(size / 0.73)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(image).text((2 - left, 2 - top), text, fill=255, font=font)
    drawn = np.asarray(image)
    ys, xs = np.nonzero(drawn > 96)
    return drawn[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].copy()


def plant(
    picture: Grey, count: int, rng: np.random.Generator, *, sizes: tuple[int, ...], greys: tuple[int, ...]
) -> tuple[Planted, ...]:
    """Write up to ``count`` words at places that do not touch; in place."""
    taken = np.zeros(picture.shape, dtype=bool)
    done: list[Planted] = []
    for text in words(count, rng):
        size, grey = int(rng.choice(sizes)), int(rng.choice(greys))
        height, width = _ink(text, size).shape
        for _ in range(40):
            x = int(rng.integers(4, max(picture.shape[1] - width - 4, 5)))
            y = int(rng.integers(4, max(picture.shape[0] - height - 4, 5)))
            if taken[max(y - 8, 0) : y + height + 8, max(x - 24, 0) : x + width + 24].any():
                continue
            one = write(picture, text, (x, y), size=size, grey=grey)
            if one is not None:
                taken[y : y + height, x : x + width] = True
                done.append(one)
            break
    return tuple(done)
