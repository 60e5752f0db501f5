"""The network is trained on what it is said to be, and down the slope."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import ImageFont

from oncofed.imaging.pixels import faint

TOOL = Path(__file__).parents[3] / "tools" / "train_faint_text.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_faint_text", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_gradient_is_that_of_the_loss(tool: ModuleType) -> None:
    rng = np.random.default_rng(2)
    layers = faint.new_layers(rng)
    view = rng.normal(size=(2, 16, 16)).astype(np.float32)
    label = (rng.random((2, 4, 4)) < 0.4).astype(np.float32)
    weight = rng.random((2, 4, 4)).astype(np.float32)
    before, gradients = tool.step(layers, view, label, weight)
    flat = [slope for pair in gradients for slope in pair]
    values = [part for layer in layers for part in (layer.weights, layer.bias)]
    size = 1e-3 / np.sqrt(sum(float((slope**2).sum()) for slope in flat))
    for value, slope in zip(values, flat, strict=True):
        value -= np.float32(size) * slope
    after, _ = tool.step(layers, view, label, weight)
    expected = size * sum(float((slope**2).sum()) for slope in flat)
    assert before - after == pytest.approx(expected, rel=0.15)


def test_samples_are_the_same_for_the_same_seed(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "_font", lambda _, size: ImageFont.load_default(size))  # whatever fonts are installed
    one, other = (tool.sample(np.random.default_rng(5), ()) for _ in range(2))
    for first, second in zip(one, other, strict=True):
        assert np.array_equal(first, second)
    assert one[0].shape == (tool.SIDE, tool.SIDE)
    assert one[1].shape == one[2].shape == (tool.SIDE // 4, tool.SIDE // 4)
    assert tool.real_grounds(tmp_path) == []
