"""ComBat: features measured at several sites on one scale, keeping what covariates explain.

Source: Johnson, Li and Rabinovic 2007 (Biostatistics 8:118), parametric empirical Bayes. Location and scale of each
site are learnt once and applied to new rows, so that test data never shape the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oncofed.contracts.errors import BadInput

Matrix = np.ndarray[Any, Any]
_CONVERGED, _MOST_STEPS, _NOTHING = 1e-6, 1_000, 1e-12


@dataclass(frozen=True)
class Combat:
    """A learnt harmonisation. Rows are patients, columns features; per site and feature a shift and a scale."""

    sites: tuple[str, ...]
    intercept: Matrix
    effects: Matrix
    deviation: Matrix
    shift: Matrix
    scale: Matrix

    def apply(self, features: Matrix, sites: Sequence[str], covariates: Matrix | None = None) -> Matrix:
        """``features`` (n × p) without the effect of their site.

        Raises:
            BadInput: ``combat-invalid``: a site that was not learnt, or shapes that do not fit.
        """
        unknown = set(sites) - set(self.sites)
        if unknown:
            raise BadInput("combat-invalid", f"{len(unknown)} sites were not among those learnt from")
        values, design = _checked(features, sites, covariates)
        if values.shape[1] != len(self.intercept) or design.shape[1] != len(self.effects):
            raise BadInput("combat-invalid", "other features or covariates than those learnt from")
        kept = self.intercept + design @ self.effects
        place = np.array([self.sites.index(site) for site in sites])
        standard = (values - kept) / self.deviation
        return np.asarray((standard - self.shift[place]) / np.sqrt(self.scale[place]) * self.deviation + kept)


def learn_combat(features: Matrix, sites: Sequence[str], covariates: Matrix | None = None) -> Combat:
    """Learn from ``features`` (n × p, finite), the site of each row, and ``covariates`` (n × q) whose effect is kept.

    Raises:
        BadInput: ``combat-invalid``: fewer than two sites, a site with one row, a constant feature, or covariates that
            cannot be told apart from sites.
    """
    values, extra = _checked(features, sites, covariates)
    names = tuple(sorted(set(sites)))
    membership = np.array([[float(site == name) for name in names] for site in sites])
    counts = membership.sum(axis=0)
    if len(names) < 2 or counts.min() < 2:
        raise BadInput("combat-invalid", "at least two sites with two patients each are needed")
    design = np.hstack([membership, extra])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise BadInput("combat-invalid", "a covariate says no more than the site does")
    coefficients = np.linalg.lstsq(design, values, rcond=None)[0]
    intercept = counts / len(values) @ coefficients[: len(names)]
    effects = coefficients[len(names) :]
    deviation = np.sqrt(np.mean((values - design @ coefficients) ** 2, axis=0))
    if (deviation <= _NOTHING * (1 + np.abs(values).max(axis=0))).any():
        raise BadInput("combat-invalid", "a feature does not vary")
    standard = (values - intercept - extra @ effects) / deviation
    estimates = [_empirical_bayes(standard[membership[:, place] == 1]) for place in range(len(names))]
    shift, scale = (np.array(part) for part in zip(*estimates, strict=True))
    return Combat(names, intercept, effects, deviation, shift, scale)


def _checked(features: Matrix, sites: Sequence[str], covariates: Matrix | None) -> tuple[Matrix, Matrix]:
    values = np.asarray(features, dtype=np.float64)
    extra = np.zeros((len(values), 0)) if covariates is None else np.asarray(covariates, dtype=np.float64)
    fits = values.ndim == 2 and extra.ndim == 2 and len(values) == len(sites) == len(extra)
    if not fits or not np.isfinite(values).all() or not np.isfinite(extra).all():
        raise BadInput("combat-invalid", "features and covariates must be finite, with one row a patient")
    return values, extra


def _empirical_bayes(standard: Matrix) -> tuple[Matrix, Matrix]:
    """Shift and scale of one site, drawn towards those of all its features."""
    count = len(standard)
    mean, variance = standard.mean(axis=0), standard.var(axis=0, ddof=1)
    if standard.shape[1] < 2 or variance.var(ddof=1) == 0:
        return mean, variance
    prior_mean, prior_variance = mean.mean(), mean.var(ddof=1)
    middle, spread = variance.mean(), variance.var(ddof=1)
    shape, rate = (2 * spread + middle**2) / spread, (middle * spread + middle**3) / spread
    shift, scale = mean, variance
    for _ in range(_MOST_STEPS):
        new_shift = (count * prior_variance * mean + scale * prior_mean) / (count * prior_variance + scale)
        squares = ((standard - new_shift) ** 2).sum(axis=0)
        new_scale = (rate + squares / 2) / (count / 2 + shape - 1)
        moved = max(_relative(new_shift, shift), _relative(new_scale, scale))
        shift, scale = new_shift, new_scale
        if moved < _CONVERGED:
            break
    return shift, scale


def _relative(new: Matrix, old: Matrix) -> float:
    return float((np.abs(new - old) / np.maximum(np.abs(old), _CONVERGED)).max())
