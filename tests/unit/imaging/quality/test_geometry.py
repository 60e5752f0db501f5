"""Slices in space: whatever the direction, order and number of stacks, holes and doubles are found and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncofed.imaging.quality.geometry import Slice, geometry, orthonormal, split

STEPS = st.floats(0.3, 12)
SIZES = st.integers(4, 30)


def directions(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and normal of a random plane."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q[:, 0], q[:, 1], np.cross(q[:, 0], q[:, 1])


def stack(seed: int, size: int, step: float, *tags: str) -> list[Slice]:
    row, column, normal = directions(seed)
    start = np.random.default_rng(seed + 1).normal(size=3) * 100
    orientation = tuple(float(part) for part in (*row, *column))
    return [
        Slice(tuple(float(part) for part in start + normal * step * place), orientation, tags, place + 1, str(place))  # type: ignore[arg-type]
        for place in range(size)
    ]


@given(seed=st.integers(0, 999), size=SIZES, step=STEPS, data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_whole_stack_has_no_findings_in_any_order(seed: int, size: int, step: float, data: st.DataObject) -> None:
    found = geometry(data.draw(st.permutations(stack(seed, size, step))))
    assert (found.stacks, found.missing, found.duplicates, found.orientations, found.invalid) == (1, 0, 0, 1, 0)
    assert (found.uneven, found.sheared, found.unsorted) == (False, False, False)
    assert found.step == pytest.approx(step, rel=1e-3)
    assert found.extent == pytest.approx(step * (size - 1), abs=1e-2)


@given(seed=st.integers(0, 999), size=st.integers(8, 30), step=STEPS, data=st.data())
@settings(max_examples=60, deadline=None)
def test_slices_taken_from_the_middle_are_missed(seed: int, size: int, step: float, data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.integers(1, size - 2), min_size=1, max_size=size // 4))
    rest = [one for place, one in enumerate(stack(seed, size, step)) if place not in gone]
    found = geometry(rest)
    assert (found.missing, found.duplicates) == (len(gone), 0)


@given(seed=st.integers(0, 999), size=SIZES, step=STEPS, data=st.data())
@settings(max_examples=40, deadline=None)
def test_slices_given_twice_are_doubles(seed: int, size: int, step: float, data: st.DataObject) -> None:
    given_ = stack(seed, size, step)
    twice = data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=size))
    found = geometry([*given_, *(given_[place] for place in twice)])
    assert (found.duplicates, found.missing) == (len(twice), 0)


@given(seed=st.integers(0, 999), size=SIZES, phases=st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_phases_are_told_apart_by_what_differs(seed: int, size: int, phases: int) -> None:
    slices = [one for phase in range(phases) for one in stack(seed, size, 2.0, "same", f"phase {phase}", "1")]
    found = geometry(slices)
    assert (found.stacks, found.duplicates) == (phases, 0)
    assert {len(part) for part in split(slices)} == {size}


def test_a_time_stamp_on_every_slice_does_not_hide_doubles() -> None:
    first = stack(3, 10, 2.0)
    stamped = [
        Slice(one.position, one.orientation, (f"{number}",), one.number) for number, one in enumerate([*first, *first])
    ]
    assert geometry(stamped).duplicates == 10


def test_doubles_of_one_phase_are_found_beside_the_others() -> None:
    slices = [one for phase in range(2) for one in stack(5, 8, 3.0, f"phase {phase}")]
    found = geometry([*slices, slices[0]])
    assert (found.stacks, found.duplicates) == (2, 1)


def test_two_directions_are_two_stacks() -> None:
    found = geometry([*stack(1, 5, 2.0), *stack(2, 5, 2.0)])
    assert (found.stacks, found.orientations, found.missing) == (2, 2, 0)


def test_uneven_distances_are_told() -> None:
    slices = stack(4, 10, 4.0)
    moved = Slice((*slices[5].position[:2], slices[5].position[2] + 0.9), slices[5].orientation, (), 6)
    assert geometry([*slices[:5], moved, *slices[6:]]).uneven


def test_numbers_against_the_positions_are_told() -> None:
    slices = stack(6, 6, 1.0)
    numbers = [1, 2, 4, 3, 5, 6]
    shuffled = [Slice(one.position, one.orientation, (), n) for one, n in zip(slices, numbers, strict=True)]
    falling = [Slice(one.position, one.orientation, (), 9 - place) for place, one in enumerate(slices)]
    unnumbered = [Slice(one.position, one.orientation) for one in slices]
    assert geometry(shuffled).unsorted
    assert not geometry(falling).unsorted
    assert not geometry(unnumbered).unsorted


def test_a_tilted_gantry_is_told() -> None:
    axial = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    tilted = [Slice((0.0, 0.7 * place, 2.0 * place), axial, (), place) for place in range(5)]
    found = geometry(tilted)
    assert found.sheared
    assert found.step == 2.0


@pytest.mark.parametrize("orientation", [(1, 0, 0, 1, 0, 0), (2, 0, 0, 0, 1, 0), (0,) * 6, (1, 0, 0, 0.5, 0.5, 0)])
def test_impossible_directions_are_counted(orientation: tuple[float, ...]) -> None:
    assert not orthonormal(orientation)  # type: ignore[arg-type]
    assert geometry([Slice((0, 0, 0), orientation)]).invalid == 1  # type: ignore[arg-type]


def test_nothing_has_no_geometry() -> None:
    found = geometry([])
    assert (found.stacks, found.step, found.extent) == (0, None, None)


def test_one_slice_is_a_stack_without_a_step() -> None:
    found = geometry(stack(1, 1, 1.0))
    assert (found.stacks, found.step, found.missing) == (1, None, 0)
