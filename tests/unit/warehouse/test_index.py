"""Masks over dictionaries."""

from hypothesis import given
from hypothesis import strategies as st

from oncofed.contracts.criteria import MISSING
from oncofed.warehouse.index import ValueIndex, _mask

INDEX = ValueIndex(size=5, holders={"CT": 0b00110, "MR": 0b01100}, empty=0b00001)


def test_ids_that_hold_one_of_the_values() -> None:
    assert INDEX.having(["CT"]) == 0b00110
    assert INDEX.having(["CT", "MR"]) == 0b01110
    assert INDEX.having([MISSING, "MR"]) == 0b01101
    assert INDEX.having(["not there"]) == 0
    assert INDEX.everything == 0b11111


def test_bits_are_written_from_the_left() -> None:
    assert INDEX.as_bits(0b00110) == "01100"
    assert INDEX.as_bits(0) == "00000"


@given(st.sets(st.integers(0, 999)))
def test_a_mask_has_the_bits_of_its_ids(ids: set[int]) -> None:
    mask = _mask(sorted(ids), 1000)
    assert {bit for bit in range(1000) if mask >> bit & 1} == ids
