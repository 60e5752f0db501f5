"""Text that is hard to see, on real and made-up grounds: what is found of it, and what where there is none.

Words are planted by a seed, in Pillow's own font (in which the network was not trained), by how far they stand out of
their ground: 8, 4, 2 or 1 times its standard deviation (σ, the median over squares of 16 pixels, at least 2 greys).
*Covered*: 90 % of the word's box. Grounds: ultrasound speckle of two real images, a CT of the liver, a mammogram, an
X-ray, speckle and a fan that are made up – none of which the network has learned from – and an MR of a series of which
it has seen other slices. *Clean*: pictures without text; *flagged* ones would be held for a person or blanked in part.
"""

import itertools
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.data import get_testdata_file

from oncofed.bench.prepare_references import SHARED
from oncofed.bench.report import Figure
from oncofed.imaging.phantom import pictures
from oncofed.imaging.pixels.frames import pictures as frames_of
from oncofed.imaging.pixels.rectangles import Rectangle, pixels_in

Grey = NDArray[np.uint8]
Find = Callable[[Grey], Iterable[Rectangle]]
_COVERED = 0.9
_WORDS = 8


@dataclass(frozen=True)
class Kind:
    """How words of a kind are written: ``steps`` in σ (0: white), opaque or added to the ground, in which form."""

    steps: float
    through: bool = False
    sizes: tuple[int, ...] = (10, 14, 20)
    form: str = "printed"


KINDS = {
    "white": Kind(0),
    "8_sigma": Kind(8),
    "4_sigma": Kind(4),
    "2_sigma": Kind(2),
    "1_sigma": Kind(1),
    "4_sigma_see_through": Kind(4, through=True),
    "2_sigma_see_through": Kind(2, through=True),
    "4_sigma_dark": Kind(-4),
    "small_6_sigma": Kind(6, sizes=(8,)),
    "large_4_sigma": Kind(4, sizes=(40, 56)),
    "turned_white": Kind(0, form="turned"),
    "turned_4_sigma": Kind(4, form="turned"),
    "greek_white": Kind(0, form="greek"),
    "cyrillic_white": Kind(0, form="cyrillic"),
    "cyrillic_4_sigma": Kind(4, form="cyrillic"),
    "handwritten_8_sigma": Kind(8, sizes=(16, 24), form="handwritten"),
    "handwritten_4_sigma": Kind(4, sizes=(16, 24), form="handwritten"),
    "initials_white": Kind(0, sizes=(12, 16, 24), form="initials"),
    "letter_white": Kind(0, sizes=(12, 16, 24), form="letter"),
}
_SCRIPTS = {"greek": ("ΠΑΠΑΔΑΚΗΣ ΓΙΩΡΓΟΣ", "ΕΛΕΝΗ ΔΗΜΟΥ"), "cyrillic": ("ИВАНОВА ЮЛИЯ", "ЖУКОВ ДМИТРИЙ")}
_SCRIPT_FONT = "DejaVuSans.ttf"


# ---- grounds ---------------------------------------------------------------------------------------------------------


def seen(path: Path | str) -> Grey:
    """The first frame as one looks at it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return next(iter(frames_of(pydicom.dcmread(path, force=True))))


def _of(folder: str, place: float = 0.5) -> Grey:
    paths = sorted((SHARED / folder).glob("*.dcm"))
    return seen(paths[int(place * len(paths))])


def _sized(picture: Grey, times: float) -> Grey:
    image = Image.fromarray(picture)
    return np.asarray(image.resize((round(image.width * times), round(image.height * times)), Image.Resampling.BICUBIC))


def grounds() -> dict[str, Grey]:
    """The grounds, smaller ones enlarged; only those of pydicom and made-up ones where there is no corpus."""
    rng = np.random.default_rng(5)
    found = {
        "heart_us": _sized(seen(str(get_testdata_file("examples_ybr_color.dcm")))[20:140, 95:215], 4),
        "speckle": pictures.speckle(480, 640, rng),
        "fan": pictures.fan(480, 640, rng),
    }
    if SHARED.is_dir():
        found["muscle_us"] = np.pad(_of("us_burned_in_us1", 0)[114:146, 20:600], ((0, 328), (0, 0)), mode="reflect")
        found["ct"] = _of("ct_liver_crlm1004")
        found["mr"] = _sized(_of("mr_breast_ucsf06"), 2)
        found["mg"] = _of("mg_cbis_ddsm", 0)
        found["dx"] = _sized(seen(SHARED / "seg_sr_ann_highdicom" / "0001_dx_image.dcm"), 4)
    return found


def clean() -> Iterator[Grey]:
    """Pictures without text: of the corpus, of pydicom, and made up."""
    for place in range(3):
        rng = np.random.default_rng([100, place])
        yield from (pictures.fan(768, 1024, rng), pictures.speckle(768, 1024, rng))
    for name in ("693_J2KI.dcm", "CT_small.dcm", "MR_small.dcm", "examples_overlay.dcm", "JPEG2000.dcm"):
        yield seen(str(get_testdata_file(name)))
    if SHARED.is_dir():
        for folder, step in (("ct_liver_crlm1004", 3), ("mr_breast_ucsf06", 8), ("pt_sarcoma_sts001", 16)):
            for path in sorted((SHARED / folder).glob("*.dcm"))[:-1:step]:
                yield seen(path)
        yield from (seen(path) for path in sorted((SHARED / "seg_sr_dcmqi").glob("00[01]*_0000*.dcm")))
        yield _of("mg_cbis_ddsm", 0)
        yield seen(SHARED / "seg_sr_ann_highdicom" / "0001_dx_image.dcm")


# ---- words -----------------------------------------------------------------------------------------------------------


def ink(kind: Kind, word: str, rng: np.random.Generator) -> Grey:
    """A word of a kind as how much of each pixel it covers, 0 to 255."""
    size = int(rng.choice(kind.sizes))
    if kind.form == "handwritten":
        return handwriting(size, rng)
    if kind.form in ("initials", "letter"):
        word = "".join(rng.choice(list("ABCDEFGHKMNPRSTUVWXZ"), 2 if kind.form == "initials" else 1))
    if kind.form in _SCRIPTS:
        word = str(rng.choice(_SCRIPTS[kind.form]))
    word = word.split(" ")[0][:6] if size > 30 else word
    font = (
        ImageFont.truetype(_SCRIPT_FONT, size / 0.73) if kind.form in _SCRIPTS else ImageFont.load_default(size / 0.73)
    )
    left, top, right, bottom = font.getbbox(word)
    image = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8))
    ImageDraw.Draw(image).text((4 - left, 4 - top), word, fill=255, font=font)
    drawn = _cut(np.asarray(image))
    return np.rot90(drawn, int(rng.choice((1, 3)))) if kind.form == "turned" else drawn


def _cut(drawn: Grey) -> Grey:
    ys, xs = np.nonzero(drawn > 96)
    return drawn[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]


def handwriting(height: int, rng: np.random.Generator) -> Grey:
    """Loops along a line, low and high ones, as joined handwriting has them."""
    count, scale = int(rng.integers(5, 10)), 4
    points, x = [], 8.0
    for _ in range(count):
        rise = height * (0.5 if rng.random() < 0.65 else 1.0) * float(rng.uniform(0.85, 1.1))
        width = height * float(rng.uniform(0.35, 0.55))
        for turn in np.linspace(0, 2 * np.pi, 24, endpoint=False):
            up = rise * (1 - np.cos(turn)) / 2
            sway = width * turn / (2 * np.pi) - 0.45 * width * np.sin(turn) + 0.25 * up
            points.append(((x + sway) * scale, (1.6 * height - up) * scale))
        x += width
    image = Image.new("L", (int((x + height) * scale), 2 * height * scale))
    ImageDraw.Draw(image).line(points, fill=255, width=max(height * scale // 11, scale), joint="curve")
    return _cut(np.asarray(image.resize((image.width // scale, image.height // scale), Image.Resampling.BOX)))


def unrest(picture: Grey) -> float:
    """σ: the median standard deviation of squares of 16 pixels that are not black."""
    rows, columns = (length // 16 * 16 for length in picture.shape)
    cells = picture[:rows, :columns].reshape(rows // 16, 16, columns // 16, 16).swapaxes(1, 2).reshape(-1, 256)
    lit = cells[cells.mean(axis=1) > 12]
    return max(float(np.median(lit.std(axis=1))), 2.0) if len(lit) else 2.0


def planted(ground: Grey, kind: Kind, rng: np.random.Generator) -> tuple[Grey, list[Rectangle]]:
    """A ground with words of a kind on its tissue, apart from each other, and where they are."""
    picture, taken = ground.copy(), np.zeros(ground.shape, dtype=bool)
    places: list[Rectangle] = []
    for word in pictures.words(_WORDS, rng):
        drawn = ink(kind, word, rng)
        height, width = drawn.shape
        for _ in range(60 if height + 8 < ground.shape[0] and width + 8 < ground.shape[1] else 0):
            x, y = int(rng.integers(4, ground.shape[1] - width - 3)), int(rng.integers(4, ground.shape[0] - height - 3))
            part = ground[y : y + height, x : x + width].astype(float)
            grey = 255.0 if not kind.steps else float(part.mean()) + kind.steps * unrest(ground)
            near = taken[max(y - 10, 0) : y + height + 10, max(x - 24, 0) : x + width + 24].any()
            if near or part.mean() < 15 or not 0 <= grey <= 255:
                continue
            weight = drawn / 255.0
            opaque = part * (1 - weight) + weight * grey
            after = part + weight * (grey - part.mean()) if kind.through else opaque
            picture[y : y + height, x : x + width] = np.clip(np.round(after), 0, 255).astype(np.uint8)
            taken[y : y + height, x : x + width] = True
            places.append(Rectangle(x, y, x + width, y + height))
            break
    return picture, places


# ---- figures ---------------------------------------------------------------------------------------------------------


def recall(find: Find, kind: str, on: dict[str, Grey]) -> tuple[int, int]:
    """Words of a kind that are covered, and words planted."""
    covered = count = 0
    for place, ground in enumerate(on.values()):
        picture, boxes = planted(ground, KINDS[kind], np.random.default_rng([place, list(KINDS).index(kind)]))
        blanked = pixels_in(find(picture), picture.shape[1], picture.shape[0])
        parts = [float(blanked[box.y0 : box.y1, box.x0 : box.x1].mean()) for box in boxes]
        covered, count = covered + sum(part >= _COVERED for part in parts), count + len(parts)
    return covered, count


def _drawable(kind: Kind) -> bool:
    """The fonts for it are installed."""
    try:
        return kind.form not in _SCRIPTS or bool(ImageFont.truetype(_SCRIPT_FONT, 12))
    except OSError:
        return False


def figures(find: Find, kinds: Iterable[str] = tuple(KINDS), most: int | None = None) -> list[Figure]:
    """The part covered of each kind, false alarms on (at most so many) clean pictures, and seconds."""
    on, made = grounds(), []
    for kind in kinds:
        if _drawable(KINDS[kind]):
            covered, count = recall(find, kind, on)
            made.append(Figure(f"hard_text_{kind}", round(100.0 * covered / count, 1), f"% of {count} words"))
    areas, seconds = [], []
    for picture in itertools.islice(clean(), most):
        started = time.perf_counter()
        areas.append(float(pixels_in(find(picture), picture.shape[1], picture.shape[0]).mean()))
        seconds.append(time.perf_counter() - started)
    return [
        *made,
        Figure(
            "hard_text_clean_flagged",
            round(100.0 * float(np.mean(np.array(areas) > 0)), 1),
            f"% of {len(areas)} pictures",
        ),
        Figure("hard_text_clean_area", round(100.0 * float(np.mean(areas)), 3), "% of clean pictures"),
        Figure("hard_text_seconds", round(float(np.median(seconds)), 2), "s a clean picture"),
    ]
