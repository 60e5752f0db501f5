"""Resampling: exact where it can be, equal to SimpleITK inside the volume, true to labels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncofed.contracts.errors import BadInput
from oncofed.imaging.harmonise import Volume, resample

SHAPES = st.tuples(*[st.integers(3, 12)] * 3)
SPACINGS = st.tuples(*[st.floats(0.4, 4)] * 3)


def ramp(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Volume:
    """Values that rise by 1, 2 and 3 a millimetre along slices, rows and columns."""
    z, y, x = (np.arange(length) * step for length, step in zip(shape, spacing, strict=True))
    return Volume((z[:, None, None] + 2 * y[:, None] + 3 * x).astype(np.float32), spacing)


@given(shape=SHAPES, spacing=SPACINGS, factor=st.floats(0.3, 1))
@settings(max_examples=60, deadline=None)
def test_a_finer_grid_keeps_what_is_linear(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], factor: float
) -> None:
    finer = (spacing[0] * factor, spacing[1] * factor, spacing[2] * factor)
    found = resample(ramp(shape, spacing), finer)
    expected = ramp(found.values.shape, finer)
    inside = tuple(slice(0, int((length - 1) / factor) + 1) for length in shape)
    np.testing.assert_allclose(found.values[inside], expected.values[inside], rtol=1e-4, atol=1e-3)
    assert found.spacing == finer


@given(shape=SHAPES, spacing=SPACINGS)
@settings(max_examples=30, deadline=None)
def test_the_same_grid_changes_nothing(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> None:
    volume = ramp(shape, spacing)
    np.testing.assert_array_equal(resample(volume, spacing).values, volume.values)
    np.testing.assert_array_equal(resample(volume, (0, 0, 0)).values, volume.values)


@given(shape=SHAPES, spacing=SPACINGS, new=SPACINGS, seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_labels_stay_labels(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], new: tuple[float, float, float], seed: int
) -> None:
    values = np.random.default_rng(seed).choice([0.0, 1.0, 7.0], shape).astype(np.float32)
    found = resample(Volume(values, spacing), new, labels=True)
    assert set(np.unique(found.values)) <= set(np.unique(values))
    assert found.values[0, 0, 0] == values[0, 0, 0]


def test_it_equals_simpleitk_on_a_finer_grid() -> None:
    itk = pytest.importorskip("SimpleITK")
    values = np.random.default_rng(1).normal(size=(7, 9, 11)).astype(np.float32)
    volume = Volume(values, (3.0, 2.0, 1.5))
    found = resample(volume, (1.1, 0.9, 0.7))
    image = itk.GetImageFromArray(values)
    image.SetSpacing(volume.spacing[::-1])
    filter_ = itk.ResampleImageFilter()
    filter_.SetSize([int(length) for length in found.values.shape[::-1]])
    filter_.SetOutputSpacing(found.spacing[::-1])
    filter_.SetInterpolator(itk.sitkLinear)
    expected = itk.GetArrayFromImage(filter_.Execute(image))
    inside = expected != 0  # outside its grid SimpleITK says 0, we hold the last value
    np.testing.assert_allclose(found.values[inside], expected[inside], atol=1e-4)
    assert inside.mean() > 0.7


def test_a_coarser_grid_does_not_alias() -> None:
    stripes = np.tile([0.0, 100.0], 32).astype(np.float32)
    volume = Volume(np.broadcast_to(stripes, (4, 4, 64)).copy(), (1, 1, 1))
    found = resample(volume, (1, 1, 4))
    assert np.abs(found.values[:, :, 2:-2] - 50).max() < 1


@pytest.mark.parametrize("spacing", [(-1.0, 1.0, 1.0), (1e-9, 1e-9, 1e-9)])
def test_impossible_grids_are_refused(spacing: tuple[float, float, float]) -> None:
    with pytest.raises(BadInput, match="volume-invalid"):
        resample(ramp((4, 4, 4), (1, 1, 1)), spacing)


def test_the_place_in_space_stays() -> None:
    volume = replace(ramp((4, 4, 4), (1, 1, 1)), origin=(1.0, 2.0, 3.0))
    assert resample(volume, (2, 2, 2)).origin == (1.0, 2.0, 3.0)
