"""ComBat: site effects go, what covariates explain stays, test rows do not shape the model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncofed.contracts.errors import BadInput
from oncofed.imaging.harmonise import Combat, learn_combat

SITES = ("a", "b", "c")


def measured(seed: int, patients: int = 60, features: int = 20) -> tuple[np.ndarray, list[str], np.ndarray, np.ndarray]:
    """Features with the effect of an age and of a site; (as measured, sites, ages, without sites)."""
    rng = np.random.default_rng(seed)
    sites = [SITES[place] for place in rng.permutation(np.arange(patients) % 3)]
    age = rng.normal(60, 10, (patients, 1))
    true = rng.normal(50, 5, features) + age * rng.normal(0.5, 0.1, features) + rng.normal(0, 2, (patients, features))
    shift = {site: rng.normal(place * 4, 1, features) for place, site in enumerate(SITES)}
    scale = {site: rng.uniform(0.8, 1.5, features) for site in SITES}
    centre = true.mean(axis=0)
    seen = np.array(
        [(row - centre) * scale[site] + centre + shift[site] for row, site in zip(true, sites, strict=True)]
    )
    return seen, sites, age, true


def between_sites(values: np.ndarray, sites: list[str]) -> float:
    """Share of the variance that lies between sites, the greatest of all features."""
    means = np.array([values[np.array(sites) == site].mean(axis=0) for site in SITES])
    return float((means.var(axis=0) / values.var(axis=0)).max())


@given(seed=st.integers(0, 200))
@settings(max_examples=20, deadline=None)
def test_sites_agree_afterwards_and_age_still_tells(seed: int) -> None:
    seen, sites, age, true = measured(seed)
    found = learn_combat(seen, sites, age).apply(seen, sites, age)
    assert between_sites(found, sites) < between_sites(true, sites) + 0.05
    slopes = np.polyfit(age[:, 0], found, 1)[0]
    expected = np.polyfit(age[:, 0], true, 1)[0]
    assert np.abs(slopes - expected).max() < 0.35


def test_features_without_site_effects_hardly_change() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(10, 1, (300, 30))
    sites = [SITES[place % 3] for place in range(300)]
    found = learn_combat(values, sites).apply(values, sites)
    assert np.abs(found - values).mean() < 0.1


def test_new_rows_are_harmonised_one_by_one() -> None:
    seen, sites, age, _ = measured(3)
    learnt = learn_combat(seen[:50], sites[:50], age[:50])
    together = learnt.apply(seen[50:], sites[50:], age[50:])
    alone = np.vstack([learnt.apply(seen[i : i + 1], sites[i : i + 1], age[i : i + 1]) for i in range(50, 60)])
    np.testing.assert_allclose(together, alone)


def test_the_unit_of_a_feature_does_not_matter() -> None:
    seen, sites, age, _ = measured(4)
    found = learn_combat(seen, sites, age).apply(seen, sites, age)
    scaled = learn_combat(seen * 1000 + 7, sites, age).apply(seen * 1000 + 7, sites, age)
    np.testing.assert_allclose(scaled, found * 1000 + 7, rtol=1e-6)


SEEN = np.array(
    [
        [15.13, 24.87, 35.64],
        [16.2, 25.56, 36.46],
        [19.0, 28.65, 37.0],
        [18.73, 29.38, 40.04],
        [14.27, 26.38, 35.35],
        [18.07, 28.26, 38.48],
        [17.71, 28.34, 37.17],
        [18.87, 26.83, 37.85],
    ]
)
BY_NEUROCOMBAT = np.array(
    [
        [16.7359, 26.4843, 36.8473],
        [17.7063, 27.1493, 37.7311],
        [17.7971, 27.1018, 35.5094],
        [17.0646, 27.8343, 38.808],
        [16.3514, 27.8465, 37.0339],
        [16.4275, 26.7169, 37.1214],
        [16.2229, 26.7923, 35.8574],
        [19.9136, 28.3012, 39.1126],
    ]
)
"""What neuroCombat 0.2.12 makes of ``SEEN`` with these sites and ages."""


def test_it_equals_neurocombat() -> None:
    sites, ages = list("aabbabba"), np.array([[50, 61, 47, 70, 66, 58, 43, 75]]).T
    found = learn_combat(SEEN, sites, ages).apply(SEEN, sites, ages)
    np.testing.assert_allclose(found, BY_NEUROCOMBAT, atol=2e-3)


def test_one_feature_is_centred_without_neighbours() -> None:
    values = np.array([[1.0], [2.0], [3.0], [11.0], [12.0], [13.0]])
    found = learn_combat(values, list("aaabbb")).apply(values, list("aaabbb"))
    assert found[:3].mean() == pytest.approx(found[3:].mean())


@pytest.mark.parametrize(
    ("features", "sites", "covariates"),
    [
        (np.ones((4, 2)), list("aabb"), None),
        (np.random.default_rng(1).normal(size=(4, 2)), list("aaaa"), None),
        (np.random.default_rng(1).normal(size=(4, 2)), list("aaab"), None),
        (np.random.default_rng(1).normal(size=(4, 2)), list("aab"), None),
        (np.full((4, 2), np.nan), list("aabb"), None),
        (np.random.default_rng(1).normal(size=4), list("aabb"), None),
        (np.random.default_rng(1).normal(size=(4, 2)), list("aabb"), np.array([[0], [0], [1], [1]])),
        (np.random.default_rng(1).normal(size=(4, 2)), list("aabb"), np.array([[0], [np.inf], [1], [1]])),
    ],
    ids=["constant", "one site", "one patient", "short", "not finite", "no table", "confounded", "infinite"],
)
def test_what_cannot_be_learnt_from_is_refused(
    features: np.ndarray, sites: list[str], covariates: np.ndarray | None
) -> None:
    with pytest.raises(BadInput, match="combat-invalid"):
        learn_combat(features, sites, covariates)


def learnt() -> Combat:
    seen, sites, age, _ = measured(5)
    return learn_combat(seen, sites, age)


@pytest.mark.parametrize(
    ("sites", "covariates", "columns"), [(["z"], [[60.0]], 20), (["a"], [[60.0]], 3), (["a"], [[]], 20)]
)
def test_what_was_not_learnt_is_refused(sites: list[str], covariates: list[list[float]], columns: int) -> None:
    with pytest.raises(BadInput, match="combat-invalid"):
        learnt().apply(np.ones((1, columns)), sites, np.array(covariates))
