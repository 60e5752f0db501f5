"""Sizes: noisy, then banded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.disclosure.sizes import band, build, build_open

EXACT = {"patients": 4321, "studies": 9000, "series": 80_000, "instances": 6_000_000}


@given(st.integers(-(10**6), 10**9))
def test_every_number_lies_in_its_band(number: int) -> None:
    found = band(number)
    assert found.high is not None
    assert found.low <= max(0, number) < found.high
    assert found.low == 0 or found.high / found.low in (2, 2.5)


@pytest.mark.parametrize(
    ("number", "low", "high"),
    [
        (-40, 0, 10),
        (0, 0, 10),
        (9, 0, 10),
        (10, 10, 20),
        (49, 20, 50),
        (50, 50, 100),
        (999, 500, 1000),
        (2000, 2000, 5000),
    ],
)
def test_bands_are_one_two_five(number: int, low: int, high: int) -> None:
    assert (band(number).low, band(number).high) == (low, high)


def test_protected_sizes_are_keyed_by_secret_and_release() -> None:
    small = {"patients": 45, "studies": 100, "series": 900, "instances": 60_000}
    first = build(small, secret=b"s" * 32, digest="a" * 64)
    assert build(small, secret=b"s" * 32, digest="a" * 64) == first
    others = [build(small, secret=b"s" * 32, digest=f"{i:064x}") for i in range(30)]
    assert any(other != first for other in others)


def test_large_sizes_land_in_their_band() -> None:
    size = build(EXACT, secret=b"s" * 32, digest="a" * 64)
    assert [one.low for one in (size.patients, size.studies, size.series, size.instances)] == [
        2000,
        5000,
        50_000,
        5_000_000,
    ]


def test_open_sizes_are_exact() -> None:
    size = build_open(EXACT)
    assert (size.series.low, size.series.high) == (80_000, 80_001)
