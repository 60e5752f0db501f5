"""Exact samplers of integer noise from a keyed stream of bits. No floating point takes part in a draw.

Floating-point Laplace noise leaks the true value through its low bits (Mironov, CCS 2012). These samplers compare
uniform integers only and are exact: Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy"
(NeurIPS 2020), algorithms 1 (Bernoulli of exp(-γ)), 2 (discrete Laplace, which is the two-sided geometric) and 3
(discrete Gaussian). Privacy of a draw: two-sided geometric with ε on a count that one person changes by 1 is ε-DP
(Ghosh, Roughgarden and Sundararajan, STOC 2009); discrete Gaussian with σ² is 1/(2σ²)-zCDP (theorem 4 there).
"""

import hmac
import math
from fractions import Fraction


class KeyedStream:
    """Uniform integers from HMAC-SHA-256 in counter mode: the same key gives the same stream, everywhere and for ever.

    HMAC-SHA-256 is a pseudo-random function; who does not hold the key cannot tell the stream from fair coins.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < 32:
            raise ValueError("the key of a noise stream needs at least 32 bytes")
        self._key = key
        self._block = 0
        self._pool = 0
        self._bits = 0

    def below(self, bound: int) -> int:
        """A uniform integer in [0, ``bound``), ``bound`` >= 1, by rejection (no modulo bias)."""
        width = (bound - 1).bit_length()
        while True:
            while self._bits < width:
                block = hmac.digest(self._key, self._block.to_bytes(8, "big"), "sha256")
                self._block += 1
                self._pool = (self._pool << 256) | int.from_bytes(block, "big")
                self._bits += 256
            self._bits -= width
            number = self._pool >> self._bits
            self._pool &= (1 << self._bits) - 1
            if number < bound:
                return number


def bernoulli_exp(stream: KeyedStream, numerator: int, denominator: int) -> bool:
    """True with probability exp(-numerator/denominator); both integers, numerator >= 0, denominator >= 1."""
    while numerator > denominator:
        if not _bernoulli_exp_unit(stream, 1, 1):
            return False
        numerator -= denominator
    return _bernoulli_exp_unit(stream, numerator, denominator)


def _bernoulli_exp_unit(stream: KeyedStream, numerator: int, denominator: int) -> bool:
    """The case γ <= 1: the length of a run of Bernoulli(γ/k), k = 1, 2, … is odd with probability exp(-γ)."""
    k = 1
    while stream.below(denominator * k) < numerator:
        k += 1
    return k % 2 == 1


def two_sided_geometric(stream: KeyedStream, epsilon: Fraction) -> int:
    """A draw X with P(X = x) = (1 - q)/(1 + q) · q^|x|, q = exp(-``epsilon``), ``epsilon`` > 0.

    Mean 0; standard deviation ``geometric_sd(epsilon)`` (14.1 for ε = 1/10).
    """
    if epsilon <= 0:
        raise ValueError("epsilon must be positive")
    return _discrete_laplace(stream, epsilon.numerator, epsilon.denominator)


def _discrete_laplace(stream: KeyedStream, s: int, t: int) -> int:
    """Algorithm 2: P(x) ∝ exp(-|x|·s/t)."""
    while True:
        u = stream.below(t)
        if not _bernoulli_exp_unit(stream, u, t):
            continue
        v = 0
        while _bernoulli_exp_unit(stream, 1, 1):
            v += 1
        magnitude = (u + t * v) // s
        if stream.below(2):
            if magnitude:
                return -magnitude
        else:
            return magnitude


def discrete_gaussian(stream: KeyedStream, variance: Fraction) -> int:
    """A draw X with P(X = x) ∝ exp(-x²/(2·``variance``)), ``variance`` > 0.

    Mean 0, standard deviation at most √variance.
    """
    if variance <= 0:
        raise ValueError("the variance must be positive")
    top, bottom = variance.numerator, variance.denominator
    t = math.isqrt(top // bottom) + 1
    scale = 2 * top * bottom * t * t
    while True:
        y = _discrete_laplace(stream, 1, t)
        # exp(-(|y| - σ²/t)² / (2σ²)) with σ² = top/bottom, brought to one denominator
        distance = abs(y) * t * bottom - top
        if bernoulli_exp(stream, distance * distance, scale):
            return y


def geometric_sd(epsilon: Fraction) -> float:
    """Standard deviation of ``two_sided_geometric``: √(2q)/(1 - q), q = exp(-ε). For display and tests only."""
    q = math.exp(-epsilon)
    return math.sqrt(2 * q) / (1 - q)


def geometric_quantile(epsilon: Fraction, coverage: float) -> int:
    """The least m with P(|X| <= m) >= ``coverage`` for a two-sided geometric X. For display and tests only."""
    q = math.exp(-epsilon)
    # P(|X| > m) = 2·q^(m+1) / (1 + q)
    return max(0, math.ceil(math.log((1 - coverage) * (1 + q) / 2) / math.log(q)) - 1)
