"""Faint text: a small convolutional network says where a picture looks like writing, whatever its contrast.

Letters no brighter than the speckle around them make no connected pixels, so ``detection`` cannot see them; but they
make a texture of strokes. The picture's local contrast goes through six layers of filters (30,000 weights,
``standard/faint_text.npz``, learned by ``tools/train_faint_text.py`` from random letters alone), at its own size, at
half and at a quarter, so that letters of 7 to 100 pixels are seen. It knows no word and reads nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oncofed.imaging.pixels.connected import boxes
from oncofed.imaging.pixels.rectangles import Rectangle

Reals = NDArray[np.float32]

_NEAR, _AROUND = 14, 40
"""Pixels to each side over which the ground's grey and its unrest are taken."""
_UNREST = 2.0
"""Least standard deviation of grey values that counts: less is rounding."""
_MOST = 4.0
CELL = 4
"""The network answers for squares of so many pixels on a side."""


@dataclass(frozen=True)
class Layer:
    """Filters (rows, columns, inputs, outputs), biases, the step between answers, and between a filter's pixels."""

    weights: Reals
    bias: Reals
    stride: int
    spread: int


_FORM = ((5, 1, 16, 2, 1), (3, 16, 24, 2, 1), (3, 24, 32, 1, 1), (3, 32, 32, 1, 2), (3, 32, 32, 1, 4), (1, 32, 1, 1, 1))
"""Size, inputs, outputs, stride and spread of each layer."""


def new_layers(rng: np.random.Generator) -> list[Layer]:
    """Layers that have learned nothing (He et al. 2015)."""
    made = []
    for size, inputs, outputs, stride, spread in _FORM:
        scale = np.sqrt(2.0 / (size * size * inputs))
        weights = rng.normal(0, scale, (size, size, inputs, outputs)).astype(np.float32)
        made.append(Layer(weights, np.zeros(outputs, np.float32), stride, spread))
    return made


def write_layers(path: Path, layers: list[Layer]) -> None:
    """Weights and biases as 16-bit numbers."""
    parts = {f"{kind}{place}": value.astype(np.float16) for place, layer in enumerate(layers)
             for kind, value in (("weights", layer.weights), ("bias", layer.bias))}  # fmt: skip
    np.savez_compressed(path, **parts)  # type: ignore[arg-type]


def read_layers(path: Path) -> list[Layer]:
    """What ``write_layers`` wrote."""
    with np.load(path) as held:
        return [
            Layer(held[f"weights{place}"].astype(np.float32), held[f"bias{place}"].astype(np.float32), *form[3:])
            for place, form in enumerate(_FORM)
        ]


@cache
def layers() -> tuple[Layer, ...]:
    """The layers that come with oncofed."""
    with as_file(files("oncofed.imaging") / "standard" / "faint_text.npz") as path:
        return tuple(read_layers(path))


def convolved(x: Reals, layer: Layer) -> Reals:
    """(pictures, rows, columns, inputs) through the filters, zero beyond the edge."""
    outputs = layer.weights.shape[-1]
    total: Reals | None = None
    for seen, weights in zip(rows_seen(x, layer), layer.weights, strict=True):
        answers = seen.reshape(-1, seen.shape[-1]) @ weights.reshape(-1, outputs)
        total = answers + layer.bias if total is None else np.add(total, answers, out=total)
    return total.reshape(*seen.shape[:3], outputs)  # type: ignore[union-attr]


def rows_seen(x: Reals, layer: Layer) -> Iterator[Reals]:
    """What each row of a filter sees, over all answers: (pictures, rows, columns, filter columns × inputs)."""
    reach = layer.spread * (layer.weights.shape[0] // 2)
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    for row in places(x, layer):
        yield np.concatenate([padded[place] for place in row], axis=-1)


def places(x: Reals, layer: Layer) -> list[list[tuple[slice, slice, slice]]]:
    """Where each pixel of a filter looks in the padded input, over all answers; row by row of the filter."""
    rows, columns = (-(-length // layer.stride) for length in x.shape[1:3])
    starts = [place * layer.spread for place in range(layer.weights.shape[0])]
    return [
        [(slice(None), _every(top, rows, layer.stride), _every(left, columns, layer.stride)) for left in starts]
        for top in starts
    ]


def _every(start: int, count: int, stride: int) -> slice:
    return slice(start, start + (count - 1) * stride + 1, stride)


# ---- what the network sees -------------------------------------------------------------------------------------------


def smoothed(picture: NDArray[Any]) -> Reals:
    """Each pixel with a half of its neighbours (1 2 1 in both directions)."""
    wide = np.pad(picture.astype(np.float32), 1, mode="edge")
    tall = (wide[:-2] + 2 * wide[1:-1] + wide[2:]) / 4
    return np.asarray((tall[:, :-2] + 2 * tall[:, 1:-1] + tall[:, 2:]) / 4, np.float32)


def contrast(picture: NDArray[Any]) -> Reals:
    """How far each pixel is from the grey around it, in standard deviations of its surroundings, −4 to 4."""
    apart = picture.astype(np.float32) - _mean_around(picture.astype(np.float32), _NEAR)
    unrest = np.sqrt(np.maximum(_mean_around(apart * apart, _AROUND), _UNREST**2))
    return np.clip(apart / unrest, -_MOST, _MOST).astype(np.float32)


def _mean_around(picture: Reals, reach: int) -> Reals:
    """Mean over the square of ``reach`` pixels to each side; beyond the edge the edge goes on."""
    side = 2 * reach + 1
    wide = np.pad(picture, ((reach + 1, reach), (reach + 1, reach)), mode="edge")
    sums = wide.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    total = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.asarray(total / (side * side), np.float32)


def reduced(picture: NDArray[Any], times: int) -> Reals:
    """The picture at a part of its size: the mean of so many pixels in both directions."""
    rows, columns = (length // times * times for length in picture.shape)
    cells = picture[:rows, :columns].reshape(rows // times, times, columns // times, times)
    return np.asarray(cells.mean(axis=(1, 3)), np.float32)


# ---- what it says ----------------------------------------------------------------------------------------------------

_SIZES = (1, 2, 4)
_LEAST_SIDE, _LEAST_HALVED = 16, 128
"""Least side of a picture that is looked at, and of one made smaller."""
_CERTAIN, _JOINED, _FILLED = 1.5, -0.5, 0.6
"""Logarithms of odds: a place of writing has a cell above the first, reaches as far as the second, and its box has the
third on average, as writing fills its box and tissue does not."""
_LONG, _HIGH, _SLIM = 4, 12, 1.75
"""Cells: least length of a place of writing (two letters of the least size), and most of its shorter side; and how much
longer than high it is at least, as symbols and marks are not."""
_PART = 6
"""The shorter side is at most such a part of the picture's, when it is more than ``_PIXELS``."""
_PIXELS = 60
_MARGIN = 3


def writing(picture: NDArray[Any]) -> tuple[Rectangle, ...]:
    """Rectangles of a grey picture (rows, columns) that look like writing of any contrast, turned or not."""
    rows, columns = picture.shape
    found = []
    for times in _SIZES:
        if min(rows, columns) < (_LEAST_SIDE if times == 1 else _LEAST_HALVED * times):
            break
        most = min(_HIGH, max(_PIXELS, min(rows, columns) / _PART) / (CELL * times))
        for box in _places(answers(reduced(picture, times)), most):
            x0, y0, x1, y1 = (CELL * times * edge for edge in box)
            found.append(Rectangle(x0, y0, x1, y1).grown(_MARGIN * times).clipped(columns, rows))
    return tuple(found)


def _places(said: Reals, most: float) -> Iterator[tuple[int, ...]]:
    """Boxes of cells that are shaped and filled like words, at most so many cells high."""
    around, strongest = boxes(said > _JOINED, said)
    for x0, y0, x1, y1 in around[strongest > _CERTAIN].tolist():
        short, long = sorted((x1 - x0, y1 - y0))
        if long >= max(_LONG, _SLIM * short) and short <= most and said[y0:y1, x0:x1].mean() >= _FILLED:
            yield x0, y0, x1, y1


def answers(picture: NDArray[Any]) -> Reals:
    """For each cell the logarithm of the odds that it is of a word."""
    x = contrast(picture)[None, ..., None]
    *inner, last = layers()
    for layer in inner:
        x = np.maximum(convolved(x, layer), 0)
    return np.asarray(convolved(x, last)[0, ..., 0])
