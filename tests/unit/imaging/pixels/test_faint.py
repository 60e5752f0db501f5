"""Writing is found whatever its contrast and direction; the network computes what its layers say."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from oncofed.imaging.phantom import pictures
from oncofed.imaging.pixels import faint
from oncofed.imaging.pixels.rectangles import pixels_in

SHAPE = (256, 384)


def convolved_slowly(x: np.ndarray, layer: faint.Layer) -> np.ndarray:
    size = layer.weights.shape[0]
    reach = layer.spread * (size // 2)
    padded = np.pad(x, ((reach, reach), (reach, reach), (0, 0)))
    rows, columns = (-(-length // layer.stride) for length in x.shape[:2])
    out = np.zeros((rows, columns, layer.weights.shape[3]))
    for row in range(rows):
        for column in range(columns):
            for i in range(size):
                for j in range(size):
                    pixel = padded[row * layer.stride + i * layer.spread, column * layer.stride + j * layer.spread]
                    out[row, column] += pixel @ layer.weights[i, j]
    return out + layer.bias


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 2), st.integers(1, 3), st.sampled_from([1, 3, 5]))
def test_a_layer_is_a_sum_over_its_filters(rows: int, columns: int, stride: int, spread: int, size: int) -> None:
    rng = np.random.default_rng(rows * 100 + columns)
    weights = rng.normal(size=(size, size, 2, 3)).astype(np.float32)
    layer = faint.Layer(weights, rng.normal(size=3).astype(np.float32), stride, spread)
    x = rng.normal(size=(2, rows, columns, 2)).astype(np.float32)
    expected = np.stack([convolved_slowly(one, layer) for one in x])
    assert np.allclose(faint.convolved(x, layer), expected, atol=1e-4)


def test_layers_come_back_as_they_were_written(tmp_path: Path) -> None:
    made = faint.new_layers(np.random.default_rng(1))
    faint.write_layers(tmp_path / "w.npz", made)
    for one, other in zip(faint.read_layers(tmp_path / "w.npz"), made, strict=True):
        assert np.allclose(one.weights, other.weights, rtol=1e-3, atol=1e-4)
        assert (one.stride, one.spread) == (other.stride, other.spread)


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20))), st.integers(0, 60))
def test_contrast_has_bounds_and_no_brightness(picture: np.ndarray, brighter: int) -> None:
    seen = faint.contrast(picture)
    assert seen.shape == picture.shape
    assert np.abs(seen).max() <= 4
    assert np.allclose(faint.contrast(picture.astype(np.int32) + brighter), seen, atol=1e-2)


def covered(picture: pictures.Grey, planted: tuple[pictures.Planted, ...]) -> int:
    found = pixels_in(faint.writing(picture), picture.shape[1], picture.shape[0])
    boxes = [one.rectangle for one in planted]
    return sum(bool(found[box.y0 : box.y1, box.x0 : box.x1].mean() >= 0.9) for box in boxes)


@pytest.mark.parametrize("grey", [170, 60])
def test_most_grey_words_on_speckle_are_found(grey: int) -> None:
    rng = np.random.default_rng(4)
    picture = pictures.speckle(*SHAPE, rng)
    planted = pictures.plant(picture, 6, rng, sizes=(12, 16, 20), greys=(grey,))
    assert len(planted) >= 5
    assert covered(picture, planted) >= 0.6 * len(planted)


def test_words_that_are_turned_are_found() -> None:
    rng = np.random.default_rng(4)
    picture = pictures.speckle(*SHAPE, rng)
    planted = pictures.plant(picture, 6, rng, sizes=(12, 16, 20), greys=(255,))
    turned = faint.writing(np.ascontiguousarray(np.rot90(picture)))
    assert sum(one.area for one in turned) > 0.6 * sum(one.rectangle.area for one in planted)


def test_pages_without_writing_are_silent() -> None:
    rng = np.random.default_rng(3)
    assert faint.writing(pictures.speckle(*SHAPE, rng)) == ()
    assert faint.writing(np.zeros(SHAPE, np.uint8)) == ()


@pytest.mark.parametrize("shape", [(1, 1), (3, 90), (17, 16)])
def test_small_pictures_have_an_answer(shape: tuple[int, int]) -> None:
    assert faint.writing(np.full(shape, 9, np.uint8)) == ()
