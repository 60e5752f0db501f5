"""Adding up privacy: zero-concentrated differential privacy (zCDP), and what it means as (ε, δ).

Neighbours differ by one patient of one release, present or absent. Bun and Steinke, "Concentrated Differential
Privacy" (TCC 2016): ρ of independent releases add up; ρ-zCDP is (ρ + 2·√(ρ·ln(1/δ)), δ)-DP for every δ; an ε-DP release
is ε²/2-zCDP.
"""

import math
from collections.abc import Iterable
from fractions import Fraction

from oncofed.disclosure.constants import DELTA, LIVE_EPSILON


def epsilon_of(rho: float | Fraction, delta: float = DELTA) -> float:
    """ε that ``rho``-zCDP guarantees at ``delta``."""
    return float(rho) + 2 * math.sqrt(float(rho) * math.log(1 / delta))


def gaussian_rho(squared_sensitivity: int, variance: Fraction) -> Fraction:
    """ρ of discrete Gaussian noise on counts that one patient moves by at most √``squared_sensitivity`` (L2)."""
    return Fraction(squared_sensitivity) / (2 * variance)


def gaussian_variance(squared_sensitivity: int, rho: Fraction) -> Fraction:
    """The variance at which all those counts together cost ``rho``."""
    return Fraction(squared_sensitivity) / (2 * rho)


def live_rho(counts: int) -> Fraction:
    """ρ of ``counts`` live counts."""
    return counts * LIVE_EPSILON**2 / 2


def live_epsilon(counts: int) -> float:
    """ε of ``counts`` live counts by plain addition: no δ, what the ledger charges and shows."""
    return float(counts * LIVE_EPSILON)


def yearly_epsilon(cube_rhos: Iterable[Fraction], counts: int, delta: float = DELTA) -> float:
    """ε at ``delta`` of the cubes and the live counts of one lineage in one year at one node, for a patient in all."""
    return epsilon_of(sum(cube_rhos, live_rho(counts)), delta)
