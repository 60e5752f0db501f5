"""One scale of intensities: z-score, Nyúl's landmarks, N4."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncofed.contracts.errors import BadInput, OncofedError
from oncofed.imaging.harmonise import NyulScale, Volume, foreground, learn_nyul, n4, z_score
from oncofed.imaging.harmonise.intensity import PERCENTILES, SCALE


def noise(seed: int, gain: float = 1.0, offset: float = 0.0) -> Volume:
    """Three tissues over background, as a scanner with this gain and offset gives them."""
    rng = np.random.default_rng(seed)
    tissue = rng.choice([0, 60, 110, 160], (8, 32, 32), p=[0.4, 0.2, 0.2, 0.2]) + rng.normal(0, 6, (8, 32, 32))
    return Volume((tissue * gain + offset).astype(np.float32), (3.0, 1.0, 1.0))


@given(gain=st.floats(0.01, 100), offset=st.floats(-1e3, 1e3), seed=st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_z_score_does_not_see_gain_and_offset(gain: float, offset: float, seed: int) -> None:
    found = z_score(noise(seed, gain, offset)).values
    np.testing.assert_allclose(found, z_score(noise(seed)).values, atol=2e-2)
    assert found.mean() == pytest.approx(0, abs=1e-3)
    assert found.std() == pytest.approx(1, abs=1e-3)


def test_z_score_inside_a_mask() -> None:
    volume = noise(1)
    mask = foreground(volume.values)
    inside = z_score(volume, mask).values[mask]
    assert (inside.mean(), inside.std()) == (pytest.approx(0, abs=1e-3), pytest.approx(1, abs=1e-3))


@pytest.mark.parametrize("mask", [None, np.zeros((2, 2, 2), dtype=bool)])
def test_a_blank_volume_has_no_z_score(mask: np.ndarray | None) -> None:
    with pytest.raises(BadInput, match="volume-invalid"):
        z_score(Volume(np.full((2, 2, 2), 3, dtype=np.float32), (1, 1, 1)), mask)


@given(gain=st.floats(0.1, 30), offset=st.floats(-500, 500))
@settings(max_examples=30, deadline=None)
def test_scanners_agree_on_the_standard_scale(gain: float, offset: float) -> None:
    scale = learn_nyul([noise(1), noise(2, 3.0, 100.0), noise(3, 0.5)])
    first, other = scale.apply(noise(4)).values, scale.apply(noise(4, gain, offset)).values
    np.testing.assert_allclose(first, other, atol=0.1)


def test_the_scale_rises_from_end_to_end() -> None:
    scale = learn_nyul(noise(seed, 1 + seed) for seed in range(4))
    assert len(scale.landmarks) == len(PERCENTILES)
    assert (scale.landmarks[0], scale.landmarks[-1]) == SCALE
    assert list(scale.landmarks) == sorted(scale.landmarks)


@given(seed=st.integers(0, 30))
@settings(max_examples=20, deadline=None)
def test_order_is_kept(seed: int) -> None:
    volume = noise(seed)
    found = learn_nyul([noise(99)]).apply(volume).values
    order = np.argsort(volume.values, axis=None)
    assert (np.diff(found.ravel()[order]) >= -1e-4).all()


def test_percentiles_that_coincide_do_no_harm() -> None:
    values = np.zeros((4, 16, 16), dtype=np.float32)
    values[:, :8] = 50
    values[:, :2] = 90
    found = NyulScale(learn_nyul([noise(1)]).landmarks).apply(Volume(values, (1, 1, 1)))
    assert np.isfinite(found.values).all()


def test_a_scale_needs_volumes_that_vary() -> None:
    with pytest.raises(BadInput, match="volume-invalid"):
        learn_nyul([])
    with pytest.raises(BadInput, match="volume-invalid"):
        learn_nyul([Volume(np.ones((2, 4, 4), dtype=np.float32), (1, 1, 1))])


def test_n4_evens_out_a_field() -> None:
    pytest.importorskip("SimpleITK")
    rng = np.random.default_rng(1)
    tissue = np.full((16, 48, 48), 100.0) + rng.normal(0, 1, (16, 48, 48))
    tissue[:, :6] = tissue[:, -6:] = 1.0
    field = np.linspace(0.6, 1.4, 48)[None, None, :]
    volume = Volume((tissue * field).astype(np.float32), (2.0, 1.0, 1.0))
    mask = np.zeros(volume.values.shape, dtype=bool)
    mask[:, 6:-6] = True
    found = n4(volume, mask, shrink=2)
    before, after = (values[mask].std() / values[mask].mean() for values in (volume.values, found.values))
    assert after < before / 3
    assert found.values.shape == volume.values.shape


def test_n4_finds_its_own_mask() -> None:
    pytest.importorskip("SimpleITK")
    found = n4(noise(1), iterations=(2,))
    assert np.isfinite(found.values).all()


def test_without_simpleitk_n4_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    with pytest.raises(OncofedError, match="package-missing"):
        n4(noise(1))
