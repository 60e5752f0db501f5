"""Train the small network that finds faint text (`oncofed.imaging.pixels.faint`) and write its weights.

    python tools/train_faint_text.py --minutes 20 --out src/oncofed/imaging/standard/faint_text.npz

Everything it learns from is drawn from a seed: random letters in the fonts of this machine (never Pillow's own font,
with which the bench writes), printed, slanted and joined like handwriting, on made-up grounds and on slices of three
public series of ``../shared/dicom`` that the bench does not measure on. Plain NumPy: no other library is needed.
"""

import argparse
import io
import multiprocessing
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from oncofed.imaging.phantom.pictures import fan, speckle
from oncofed.imaging.pixels import faint
from oncofed.imaging.pixels.frames import pictures

Reals = NDArray[np.float32]
SIDE, EDGE = 128, 40
BATCH = 24
FONTS = (
    "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf", "DejaVuSerif.ttf", "DejaVuSans-Oblique.ttf",
    "LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf", "LiberationMono-Regular.ttf",
    "LiberationSansNarrow-Regular.ttf", "LiberationSerif-Italic.ttf", "NimbusSans-Regular.otf", "NimbusMonoPS-Bold.otf",
    "Z003-MediumItalic.otf", "URWGothic-Book.otf",
)  # fmt: skip
LETTERS = (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789", "0123456789/-.:",
    "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ", "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЫЭЮЯ", "ÄÖÜÉÈÅØÇŁ",
)  # fmt: skip
GROUNDS = ("mr_breast_ucsf06", "pt_sarcoma_sts001", "seg_sr_dcmqi")


# ---- grounds ---------------------------------------------------------------------------------------------------------


def real_grounds(corpus: Path) -> list[NDArray[np.uint8]]:
    """Some forty slices of each of the series that are learned from."""
    found = []
    for folder in GROUNDS:
        paths = sorted((corpus / folder).glob("*.dcm"))
        for path in paths[:: max(len(paths) // 40, 1)]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dataset = pydicom.dcmread(path)
                if dataset.get("Modality") in ("CT", "MR", "PT"):
                    found.append(next(iter(pictures(dataset))))
    return found


def drawn_ground(rng: np.random.Generator, side: int) -> Reals:
    """Clouds, speckle, a fan, or shapes with edges: all that is bright and no text."""
    kind = int(rng.integers(5))
    if kind == 0:
        return speckle(side, side, rng, float(rng.uniform(40, 140))).astype(np.float32)
    if kind == 1:
        page = _fans(int(rng.integers(16)))
        y, x = int(rng.integers(480 - side)), int(rng.integers(640 - side))
        return page[y : y + side, x : x + side]
    clouds = _clouds(rng, side, float(rng.uniform(0.2, 1.6))) * float(rng.uniform(1, 45)) + float(rng.uniform(10, 230))
    if kind == 2:
        return clouds
    image = Image.fromarray(np.clip(clouds, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 14))):
        _shape(draw, rng, side)
    noisy = np.asarray(image, np.float32) + rng.normal(0, float(rng.uniform(0, 12)), (side, side)).astype(np.float32)
    return noisy if kind == 3 else np.asarray(faint.smoothed(noisy))


@cache
def _fans(seed: int) -> Reals:
    return fan(480, 640, np.random.default_rng(seed)).astype(np.float32)


def _clouds(rng: np.random.Generator, side: int, slope: float) -> Reals:
    """Noise whose amplitude falls with frequency, of standard deviation 1."""
    spectrum = np.fft.rfft2(rng.normal(size=(side, side)))
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]) + 1.0 / side
    made = np.fft.irfft2(spectrum / radius**slope, (side, side))
    return np.asarray((made - made.mean()) / made.std(), np.float32)


def _shape(draw: ImageDraw.ImageDraw, rng: np.random.Generator, side: int) -> None:
    x, y = (int(one) for one in rng.integers(-20, side + 20, 2))
    width, height = (int(one) for one in rng.integers(2, 110, 2))
    grey, line = int(rng.integers(256)), int(rng.integers(1, 5))
    kind = int(rng.integers(7))
    if kind == 0:
        draw.ellipse((x, y, x + width, y + height), fill=grey)
    elif kind == 1:
        draw.ellipse((x, y, x + width, y + height), outline=grey, width=line)
    elif kind == 2:
        draw.rectangle((x, y, x + width, y + height), outline=grey, width=line)
    elif kind == 3:
        draw.rectangle((x, y, x + width, y + height), fill=grey)
    elif kind == 4:
        draw.line((x, y, int(rng.integers(side)), int(rng.integers(side))), fill=grey, width=line)
    elif kind == 5:  # a ruler
        step, tick = int(rng.integers(5, 25)), int(rng.integers(2, 8))
        for place in range(0, side, step):
            draw.line((x, place, x + tick, place), fill=grey, width=min(line, 2))
    else:  # a curve of beads: vessels, ribs, calcifications
        for place in range(int(rng.integers(3, 12))):
            size = int(rng.integers(2, 12))
            left, top = x + place * int(rng.integers(4, 20)), y + int(rng.integers(-12, 12))
            draw.ellipse((left, top, left + size, top + size), fill=grey)


def ground(rng: np.random.Generator, real: Sequence[NDArray[np.uint8]], side: int) -> Reals:
    """A square of a ground, real or drawn, turned and mirrored."""
    if not real or rng.random() < 0.45:
        made = drawn_ground(rng, side)
    else:
        one = Image.fromarray(real[int(rng.integers(len(real)))])
        scale = max(float(np.exp(rng.uniform(-0.4, 1.2))), (side + 1) / min(one.size))
        one = one.resize((round(one.width * scale), round(one.height * scale)), Image.Resampling.BICUBIC)
        x, y = int(rng.integers(one.width - side + 1)), int(rng.integers(one.height - side + 1))
        made = np.asarray(one, np.float32)[y : y + side, x : x + side]
        bent = 255 * (made / 255) ** float(np.exp(rng.uniform(-0.8, 0.5)))
        noisy = bent * float(rng.uniform(0.4, 1.0)) + rng.normal(0, float(rng.uniform(0, 6)), made.shape)
        made = np.asarray(noisy, np.float32)
    made = np.rot90(made, int(rng.integers(4)))
    made = 255 - made if rng.random() < 0.15 else made
    return np.asarray(made, np.float32)


# ---- letters ---------------------------------------------------------------------------------------------------------


def ink(rng: np.random.Generator) -> Reals:
    """A word as how much of each pixel it covers, 0 to 1, cut to its box."""
    height = float(rng.uniform(7, 25))
    kind = rng.random()
    if kind < 0.12:
        drawn = _joined(rng, height)
    elif kind < 0.27:
        drawn = _by_hand(rng, height)
    else:
        drawn = _printed(_letters(rng), height, str(rng.choice(FONTS)))
    ys, xs = np.nonzero(drawn > 0.38)
    if not len(ys):
        return ink(rng)
    return drawn[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]


def _letters(rng: np.random.Generator) -> str:
    alphabets = [LETTERS[int(one)] for one in rng.integers(0, len(LETTERS), 2)]
    words = []
    for _ in range(int(rng.integers(1, 3))):
        alphabet = alphabets[int(rng.integers(2))]
        words.append("".join(rng.choice(list(alphabet), int(rng.integers(2, 9)))))
    return str(rng.choice([" ", ",", "^", ", "])).join(words)


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(name, size)


def _printed(text: str, height: float, font: str) -> Reals:
    chosen = _font(font, round(height / 0.72))
    left, top, right, bottom = chosen.getbbox(text)
    image = Image.new("L", (int(right - left) + 6, int(bottom - top) + 6))
    ImageDraw.Draw(image).text((3 - left, 3 - top), text, fill=255, font=chosen)
    return np.asarray(np.asarray(image) / 255, np.float32)


def _by_hand(rng: np.random.Generator, height: float) -> Reals:
    """Letters of uneven size, slant and place, side by side."""
    pieces = []
    for letter in _letters(rng)[:10]:
        drawn = _printed(letter, height * float(rng.uniform(0.8, 1.2)), str(rng.choice(FONTS)))
        image = Image.fromarray(np.pad(drawn * 255, 6).astype(np.uint8))
        turned = np.asarray(image.rotate(float(rng.uniform(-14, 14)), Image.Resampling.BICUBIC), np.float32) / 255
        pieces.append(turned[:, 4:-4])
    rows = max(one.shape[0] for one in pieces) + 8
    page = np.zeros((rows, sum(one.shape[1] for one in pieces)), np.float32)
    x = 0
    for one in pieces:
        y = int(np.clip(rows - one.shape[0] - 4 + rng.normal(0, height * 0.08), 0, rows - one.shape[0]))
        page[y : y + one.shape[0], x : x + one.shape[1]] = np.maximum(
            page[y : y + one.shape[0], x : x + one.shape[1]], one
        )
        x += one.shape[1] - int(rng.integers(0, 4))
    return page


def _joined(rng: np.random.Generator, height: float) -> Reals:
    """Strokes up and down along a line, as joined handwriting has them."""
    points: list[tuple[float, float]] = []
    scale, x = 4, height
    for _ in range(int(rng.integers(4, 12))):
        rise = height * float(rng.choice([0.5, 0.5, 0.55, 1.0])) * float(rng.uniform(0.8, 1.15))
        width, loop, lean = (float(rng.uniform(*span)) for span in ((0.3, 0.6), (0.1, 0.6), (0.0, 0.35)))
        down = 0.5 * height if rng.random() < 0.1 else 0.0
        for turn in np.linspace(0, 2 * np.pi, 20, endpoint=False):
            up = (rise + down) * (1 - np.cos(turn)) / 2 - down
            sway = width * height * turn / (2 * np.pi) - loop * height * 0.5 * np.sin(turn) + lean * up
            points.append(((x + sway) * scale, (2 * height - up) * scale))
        x += width * height
    image = Image.new("L", (int((x + 2 * height) * scale), int(3 * height * scale)))
    pen = max(int(height * float(rng.uniform(0.06, 0.16)) * scale), scale)
    ImageDraw.Draw(image).line(points, fill=255, width=pen, joint="curve")
    small = image.resize((image.width // scale, image.height // scale), Image.Resampling.BOX)
    return np.asarray(np.asarray(small) / 255, np.float32)


# ---- samples ---------------------------------------------------------------------------------------------------------


def sample(rng: np.random.Generator, real: Sequence[NDArray[np.uint8]]) -> tuple[Reals, Reals, Reals]:
    """What the network sees of a square, what it should say of each cell, and how much each cell counts."""
    whole = SIDE + 2 * EDGE
    made = ground(rng, real, whole)
    inside, counted = np.zeros((whole, whole), np.float32), np.ones((whole, whole), np.float32)
    taken = np.zeros((whole, whole), bool)
    for _ in range(int(rng.choice([0, 0, 1, 2, 3, 5]))):
        _plant(made, rng, inside, counted, taken)
    seen = np.clip(made, 0, 255)
    if rng.random() < 0.2:
        held = io.BytesIO()
        Image.fromarray(seen.astype(np.uint8)).save(held, "JPEG", quality=int(rng.integers(40, 95)))
        seen = np.asarray(Image.open(held), np.float32)
    middle = slice(EDGE, EDGE + SIDE)
    view = faint.contrast(np.round(seen))[middle, middle]
    cells = [one[middle, middle].reshape(SIDE // 4, 4, SIDE // 4, 4).mean((1, 3)) for one in (inside, counted)]
    label = (cells[0] >= 0.5).astype(np.float32)
    weight = cells[1] * np.where((cells[0] > 0.02) & (cells[0] < 0.98), 0.2, 1.0)
    return view, label, weight.astype(np.float32)


def _plant(made: Reals, rng: np.random.Generator, inside: Reals, counted: Reals, taken: NDArray[np.bool_]) -> None:
    word = ink(rng)
    word = np.rot90(word, int(rng.choice([1, 3]))) if rng.random() < 0.2 else word
    side = made.shape[0]
    word = word[: side - 4, : side - 4]
    rows, columns = word.shape
    y, x = int(rng.integers(side - rows + 1)), int(rng.integers(side - columns + 1))
    place = slice(y, y + rows), slice(x, x + columns)
    if taken[max(y - 6, 0) : y + rows + 6, max(x - 12, 0) : x + columns + 12].any():
        return
    taken[place] = True
    part = made[place]
    spread = max(float(part.std()), 1.5)
    steps = float(np.exp(rng.uniform(np.log(1.0), np.log(8.0))))
    step = steps * spread if rng.random() < 0.8 else float(rng.uniform(20, 255))
    step = step if rng.random() < 0.7 else -step
    if rng.random() < 0.35:
        after = part + step * word
    else:
        after = part * (1 - word) + word * float(np.clip(part.mean() + step, 0, 255))
    after = np.clip(after, 0, 255)
    gained = float(np.abs(after - part)[word > 0.5].mean()) / spread if (word > 0.5).any() else 0.0
    made[place] = after
    if gained < 1.2 or min(rows, columns) < 5 or max(rows, columns) < 12:
        counted[place] = 0.0  # nobody can say
    else:
        inside[place] = 1.0


def batches(seed: int, corpus: Path) -> Iterator[tuple[Reals, Reals, Reals]]:
    """Batches without end."""
    rng, real = np.random.default_rng(seed), real_grounds(corpus)
    while True:
        several = [sample(rng, real) for _ in range(BATCH)]
        yield tuple(np.stack(parts) for parts in zip(*several, strict=True))  # type: ignore[misc]


def _feed(queue: Any, seed: int, corpus: Path) -> None:
    for batch in batches(seed, corpus):
        queue.put(batch)


# ---- learning --------------------------------------------------------------------------------------------------------


def step(layers: list[faint.Layer], view: Reals, label: Reals, weight: Reals) -> tuple[float, list[Reals]]:
    """Loss (weighted cross-entropy) of a batch, and its gradient by every weight and bias."""
    inputs, outputs, x = [], [], view[..., None]
    for layer in layers:
        inputs.append(x)
        x = faint.convolved(x, layer)
        if layer is not layers[-1]:
            x = np.maximum(x, 0)
        outputs.append(x)
    logit = x[..., 0]
    said = 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
    loss = float((weight * (np.logaddexp(0, logit) - label * logit)).sum() / weight.sum())
    back = (weight * (said - label) / weight.sum())[..., None].astype(np.float32)
    gradients: list[Reals] = []
    for place in reversed(range(len(layers))):
        if place < len(layers) - 1:
            back = back * (outputs[place] > 0)
        back, by_weight = _backward(inputs[place], layers[place], back, first=place == 0)
        gradients = [by_weight, *gradients]
    return loss, gradients


def _backward(x: Reals, layer: faint.Layer, back: Reals, *, first: bool) -> tuple[Reals, Any]:
    """The gradient by the input, and by weights and biases."""
    flat = back.reshape(-1, back.shape[-1])
    by_row = [seen.reshape(-1, seen.shape[-1]).T @ flat for seen in faint.rows_seen(x, layer)]
    by_weight = np.stack(by_row).reshape(layer.weights.shape)
    if first:
        return x, (by_weight, flat.sum(axis=0))
    reach = layer.spread * (layer.weights.shape[0] // 2)
    by_input = np.zeros((x.shape[0], x.shape[1] + 2 * reach, x.shape[2] + 2 * reach, x.shape[3]), np.float32)
    for row, weights in zip(faint.places(x, layer), layer.weights, strict=True):
        for place, each in zip(row, weights, strict=True):
            by_input[place] += (flat @ each.T).reshape(*back.shape[:3], -1)
    return by_input[:, reach : reach + x.shape[1], reach : reach + x.shape[2]], (by_weight, flat.sum(axis=0))


def train(minutes: float, corpus: Path, out: Path, seed: int, start: Path | None) -> None:
    """Learn for so many minutes with Adam (Kingma and Ba 2015) and a rate that falls to nothing; write the weights."""
    rng = np.random.default_rng(seed)
    layers = faint.read_layers(start) if start else faint.new_layers(rng)
    values = [part for layer in layers for part in (layer.weights, layer.bias)]
    means, squares = ([np.zeros_like(one) for one in values] for _ in range(2))
    queue: Any = multiprocessing.Queue(8)
    feeder = multiprocessing.Process(target=_feed, args=(queue, seed + 1, corpus), daemon=True)
    feeder.start()
    began, count, recent = time.monotonic(), 0, 0.7
    while (spent := (time.monotonic() - began) / (60 * minutes)) < 1:
        count += 1
        loss, gradients = step(layers, *queue.get())
        recent = 0.99 * recent + 0.01 * loss
        rate = 3e-3 * min(count / 100, 1.0) * 0.5 * (1 + np.cos(np.pi * spent))
        for value, mean, square, slope in zip(
            values, means, squares, [g for pair in gradients for g in pair], strict=True
        ):
            mean += 0.1 * (slope - mean)
            square += 0.001 * (slope**2 - square)
            value -= rate * (mean / (1 - 0.9**count)) / (np.sqrt(square / (1 - 0.999**count)) + 1e-7)
        if count % 100 == 0:
            print(f"{count} batches, loss {recent:.4f}", flush=True)
            faint.write_layers(out, layers)
    faint.write_layers(out, layers)
    feeder.terminate()


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, default=Path(__file__).parents[2] / "shared" / "dicom")
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    train(given.minutes, given.corpus, given.out, given.seed, given.start)
    return 0


if __name__ == "__main__":
    sys.exit(main())
