"""Sums, intervals and their words."""

import math
import random

import pytest

from oncofed.disclosure.display import Part, caution, estimate, margin, total
from oncofed.disclosure.live import SIGMA

Q = math.exp(-0.1)
WIDTH = 400
ONE_DRAW = [(1 - Q) / (1 + Q) * Q ** abs(x) for x in range(-WIDTH, WIDTH + 1)]


def convolved(draws: int) -> dict[int, float]:
    """The exact distribution of a sum of live draws (cut at ±400 each: 1e-17 is lost)."""
    distribution = {0: 1.0}
    single = {x: p for x, p in enumerate(ONE_DRAW, -WIDTH) if p > 1e-12}
    for _ in range(draws):
        added: dict[int, float] = {}
        for x, p in distribution.items():
            for y, q in single.items():
                added[x + y] = added.get(x + y, 0.0) + p * q
        distribution = {x: p for x, p in added.items() if p > 1e-12}
    return distribution


@pytest.mark.parametrize("draws", [1, 2, 3, 5, 8])
def test_the_interval_covers_what_it_says(draws: int) -> None:
    width = margin([Part(0, SIGMA)] * draws)
    covered = sum(p for x, p in convolved(draws).items() if abs(x) <= width)
    assert 0.945 <= covered <= 0.965


def test_the_margin_of_a_sum_grows_with_the_root_of_its_parts() -> None:
    assert margin([Part(5, SIGMA)]) == 30
    assert margin([Part(5, SIGMA)] * 30) == math.ceil(1.959964 * SIGMA * math.sqrt(30))
    assert margin([Part(5, 10.0)]) == 20
    assert margin([Part(5, 0.0), Part(1, 0.0)]) == 0
    assert margin([Part(5, 0.0), Part(1, SIGMA)]) == 30
    assert margin([]) == 0


def test_thirty_empty_hospitals_add_up_to_zero_on_average() -> None:
    rng = random.Random(7)
    noises = list(range(-WIDTH, WIDTH + 1))
    trials = 3000
    draws = rng.choices(noises, ONE_DRAW, k=30 * trials)
    values = [estimate([Part(n, SIGMA) for n in draws[i * 30 : i * 30 + 30]]).value for i in range(trials)]
    assert abs(sum(values) / trials) < 4.9 * SIGMA * math.sqrt(30 / trials)


def test_parts_are_added_as_they_came() -> None:
    parts = [Part(-7, 3.0), Part(4, 4.0), Part(1, 0.0)]
    assert total(parts) == Part(-2, 5.0)
    assert estimate(parts).value == -2


def test_exact_counts_are_shown_exactly() -> None:
    shown = estimate([Part(1230, 0.0), Part(4, 0.0)])
    assert (shown.value, shown.low, shown.high, shown.exact, shown.text) == (1234, 1234, 1234, True, "1,234")
    assert estimate([Part(3, 0.0)]).text == "3"
    assert caution([Part(0, 0.0)]) is None


def test_protected_counts_are_rounded_only_when_shown() -> None:
    shown = estimate([Part(1237, SIGMA)])
    assert (shown.value, shown.low, shown.high, shown.exact) == (1237, 1207, 1267, False)
    assert shown.text == "≈ 1,235 (±30)"
    assert estimate([Part(1238, SIGMA)]).text == "≈ 1,240 (±30)"
    assert caution([Part(1237, SIGMA)]) is None


@pytest.mark.parametrize("count", [9, 0, -12])
def test_small_sums_say_how_many_could_still_be_there(count: int) -> None:
    shown = estimate([Part(count, SIGMA)])
    assert shown.low == 0
    assert shown.high == max(0, count) + 30
    assert shown.text == f"<10, possibly up to {5 * math.ceil(shown.high / 5)}"


def test_a_sum_far_below_zero_is_no_proof_of_none() -> None:
    assert estimate([Part(-60, SIGMA)] * 30).high == margin([Part(0, SIGMA)] * 30)


def test_what_is_shown_says_how_little_zero_proves() -> None:
    one = caution([Part(12, SIGMA)])
    assert one is not None
    assert one.code == "near-zero"
    assert one.text == (
        "One hospital without a single case gives zero on average, by chance up to 30 more or less. "
        "This total cannot be told apart from none: anything up to 45 patients would look like this."
    )
    many = caution([Part(-3, SIGMA)] * 30)
    assert many is not None
    assert many.text.startswith("30 hospitals without a case add up to zero on average")
