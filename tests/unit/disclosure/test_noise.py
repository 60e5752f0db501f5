"""The samplers against the exact probabilities of their distributions, at fixed seeds."""

import math
from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.disclosure.noise import (
    KeyedStream,
    bernoulli_exp,
    discrete_gaussian,
    geometric_quantile,
    geometric_sd,
    two_sided_geometric,
)

DRAWS = 20_000
FIRST_GEOMETRIC = [-1, 1, 16, -3, -16, -15, -1, 9]
FIRST_GAUSSIAN = [-8, -17, -7, 21, 20, 14, -16, -11]


def stream(seed: int = 1) -> KeyedStream:
    return KeyedStream(seed.to_bytes(32, "big"))


def chi_square_passes(draws: list[int], probability: Callable[[int], float]) -> bool:
    """Chi-square of ``draws`` over the integers expected at least 10 times; the rest is one bin. False alarm: 1e-6."""
    counts, size = Counter(draws), len(draws)
    width = next(x for x in range(10**6) if probability(x) * size < 10)
    observed = [counts[x] for x in range(-width + 1, width)]
    expected = [probability(x) * size for x in range(-width + 1, width)]
    rest = size - sum(expected)
    statistic = sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))
    statistic += (size - sum(observed) - rest) ** 2 / rest
    freedom = len(observed)
    # Wilson and Hilferty: the cube root of chi-square over its freedom is nearly normal
    normal = ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    return bool(abs(normal) < 4.9)


@pytest.mark.parametrize("epsilon", [Fraction(1, 10), Fraction(1, 2), Fraction(7, 3)])
def test_two_sided_geometric_has_its_exact_distribution(epsilon: Fraction) -> None:
    source = stream()
    q = math.exp(-epsilon)
    draws = [two_sided_geometric(source, epsilon) for _ in range(DRAWS)]
    assert chi_square_passes(draws, lambda x: (1 - q) / (1 + q) * q ** abs(x))


@pytest.mark.parametrize("variance", [Fraction(1, 3), Fraction(4), Fraction(8881, 100)])
def test_discrete_gaussian_has_its_exact_distribution(variance: Fraction) -> None:
    source = stream()
    whole = sum(math.exp(-x * x / (2 * variance)) for x in range(-400, 401))
    draws = [discrete_gaussian(source, variance) for _ in range(DRAWS)]
    assert chi_square_passes(draws, lambda x: math.exp(-x * x / (2 * variance)) / whole)


def test_the_chi_square_notices_a_wrong_distribution() -> None:
    source = stream()
    q = math.exp(-0.11)
    draws = [two_sided_geometric(source, Fraction(1, 10)) for _ in range(DRAWS)]
    assert not chi_square_passes(draws, lambda x: (1 - q) / (1 + q) * q ** abs(x))


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 1), (1, 3), (1, 1), (5, 2), (9, 2)])
def test_bernoulli_exp_has_its_probability(numerator: int, denominator: int) -> None:
    source = stream()
    truth = math.exp(-numerator / denominator)
    share = sum(bernoulli_exp(source, numerator, denominator) for _ in range(DRAWS)) / DRAWS
    assert abs(share - truth) <= 4.9 * math.sqrt(truth * (1 - truth) / DRAWS)


def test_noise_is_unbiased() -> None:
    source = stream(2)
    geometric = [two_sided_geometric(source, Fraction(1, 10)) for _ in range(DRAWS)]
    assert abs(sum(geometric) / DRAWS) < 4.9 * geometric_sd(Fraction(1, 10)) / math.sqrt(DRAWS)
    gaussian = [discrete_gaussian(source, Fraction(100)) for _ in range(DRAWS)]
    assert abs(sum(gaussian) / DRAWS) < 4.9 * 10 / math.sqrt(DRAWS)


@given(st.binary(min_size=32, max_size=64), st.integers(1, 2**300))
def test_the_stream_is_a_function_of_its_key_and_stays_in_bounds(key: bytes, bound: int) -> None:
    one, other = KeyedStream(key), KeyedStream(key)
    numbers = [one.below(bound) for _ in range(8)]
    assert numbers == [other.below(bound) for _ in range(8)]
    assert all(0 <= number < bound for number in numbers)


def test_the_stream_is_uniform() -> None:
    source = stream()
    counts = Counter(source.below(6) for _ in range(DRAWS))
    statistic = sum((counts[face] - DRAWS / 6) ** 2 / (DRAWS / 6) for face in range(6))
    assert statistic < 37  # chi-square with 5 degrees of freedom, 1e-6


def test_the_stream_does_not_repeat_itself() -> None:
    source = stream()
    numbers = [source.below(2**128) for _ in range(1000)]
    assert len(set(numbers)) == 1000
    assert numbers[0] != stream(2).below(2**128)


def test_the_first_draws_never_change() -> None:
    """A ledger restored on another machine or a later version must find the same noise."""
    source = stream()
    assert [two_sided_geometric(source, Fraction(1, 10)) for _ in range(8)] == FIRST_GEOMETRIC
    source = stream()
    assert [discrete_gaussian(source, Fraction(100)) for _ in range(8)] == FIRST_GAUSSIAN


def test_parameters_must_make_sense() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        KeyedStream(b"short")
    with pytest.raises(ValueError, match="positive"):
        two_sided_geometric(stream(), Fraction(0))
    with pytest.raises(ValueError, match="positive"):
        discrete_gaussian(stream(), Fraction(-1))


@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.95, 0.99])
def test_the_quantile_is_the_least_that_covers(coverage: float) -> None:
    q = math.exp(-0.1)

    def covered(m: int) -> float:
        return 1 - 2 * q ** (m + 1) / (1 + q)

    m = geometric_quantile(Fraction(1, 10), coverage)
    assert covered(m) >= coverage > covered(m - 1)


def test_a_quantile_is_never_negative() -> None:
    assert geometric_quantile(Fraction(5), 0.5) == 0
