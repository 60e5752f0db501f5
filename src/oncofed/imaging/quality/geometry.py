"""Slices in space: stacks within a series, missing and duplicate slices, uneven distances, tilt.

A slice's place is its position projected on the normal of its plane (mm). A series may hold several stacks (phases,
b-values, echoes): where positions repeat, the first attribute that tells the repetitions apart splits them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SAME_PLACE_MM = 0.01
UNEVEN_SHARE = 0.05
MISSING_FROM = 1.5
"""A distance of at least this many usual ones is a gap of missing slices."""
_UNIT = 1e-3
_SHEAR_MM = 0.5

Vector = np.ndarray[Any, Any]
Orientation = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Slice:
    """One plane: position (mm), direction cosines, what tells it from others, Instance Number, and a name for it."""

    position: tuple[float, float, float]
    orientation: Orientation
    discriminators: tuple[str, ...] = ()
    number: int | None = None
    name: str = ""


@dataclass(frozen=True)
class Geometry:
    """What the slices of a series add up to; lengths in mm. ``step``: the usual distance between slices."""

    stacks: int = 0
    step: float | None = None
    extent: float | None = None
    missing: int = 0
    duplicates: int = 0
    uneven: bool = False
    unsorted: bool = False
    sheared: bool = False
    orientations: int = 0
    invalid: int = 0


def geometry(slices: Iterable[Slice]) -> Geometry:
    """The geometry of a series; all zero where no slice says where it lies."""
    given = list(slices)
    valid = [one for one in given if orthonormal(one.orientation)]
    stacks = [_stack(part) for part in split(valid)]
    measured = [stack for stack in stacks if stack.step]
    return Geometry(
        stacks=len(stacks),
        step=round(float(np.median([stack.step for stack in measured if stack.step])), 4) if measured else None,
        extent=max((stack.extent for stack in stacks if stack.extent), default=None),
        missing=sum(stack.missing for stack in stacks),
        duplicates=sum(stack.duplicates for stack in stacks),
        uneven=any(stack.uneven for stack in stacks),
        unsorted=any(stack.unsorted for stack in stacks),
        sheared=any(stack.sheared for stack in stacks),
        orientations=len({_direction(one) for one in valid}),
        invalid=len(given) - len(valid),
    )


def split(slices: Iterable[Slice]) -> list[list[Slice]]:
    """The stacks of a series: slices of one direction each, none at the place of another where that can be avoided."""
    by_direction: dict[tuple[float, ...], list[Slice]] = defaultdict(list)
    for one in slices:
        by_direction[_direction(one)].append(one)
    return [part for group in by_direction.values() for part in _stacks(group)]


def _direction(one: Slice) -> tuple[float, ...]:
    return tuple(round(cosine, 3) + 0.0 for cosine in one.orientation)


def orthonormal(orientation: Orientation) -> bool:
    """Both directions have length 1 and stand at right angles, within a thousandth."""
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    lengths = (abs(float(np.linalg.norm(direction)) - 1) for direction in (row, column))
    return all(length < _UNIT for length in lengths) and abs(float(row @ column)) < _UNIT


def _places(slices: Sequence[Slice]) -> Vector:
    normal = _normal(slices[0].orientation)
    return np.array([one.position for one in slices]) @ normal


def _normal(orientation: Orientation) -> Vector:
    return np.cross(np.array(orientation[:3]), np.array(orientation[3:]))


def _stacks(slices: list[Slice]) -> list[list[Slice]]:
    """Split where positions repeat, by the fewest leading discriminators that tell all repetitions apart."""
    places = np.round(_places(slices) / SAME_PLACE_MM).astype(np.int64)
    if len(set(places.tolist())) == len(slices):
        return [slices]
    width = min(len(one.discriminators) for one in slices)
    choices = [(index,) for index in range(width)] + [tuple(range(index + 1)) for index in range(1, width)]
    best = [slices]
    for choice in choices:
        parts: dict[tuple[str, ...], list[Slice]] = defaultdict(list)
        for one in slices:
            parts[tuple(one.discriminators[index] for index in choice)].append(one)
        found = list(parts.values())
        if _repeats(found) == 0 and len(found) < len(slices):
            return found
        if _repeats(found) < _repeats(best) and len(found) <= len(slices) // 2:
            best = found
    return best


def _repeats(parts: list[list[Slice]]) -> int:
    return sum(len(part) - len(set(np.round(_places(part) / SAME_PLACE_MM).tolist())) for part in parts)


def _stack(slices: list[Slice]) -> Geometry:
    """One stack by itself."""
    places = _places(slices)
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    steps = np.diff(ordered)
    apart = steps[steps > SAME_PLACE_MM]
    duplicates = int((steps <= SAME_PLACE_MM).sum())
    if not len(apart):
        return Geometry(duplicates=duplicates)
    usual = float(np.median(apart))
    holes = np.round(apart[apart > MISSING_FROM * usual] / usual).astype(int) - 1
    near = apart[apart <= MISSING_FROM * usual]
    return Geometry(
        step=usual,
        extent=round(float(ordered[-1] - ordered[0]), 3),
        missing=int(holes.sum()) if len(apart) > 2 else 0,
        duplicates=duplicates,
        uneven=bool(len(near) > 1 and (np.abs(near - usual) > UNEVEN_SHARE * usual).any()),
        unsorted=_unsorted([slices[index].number for index in order]),
        sheared=_sheared(slices, order),
    )


def _unsorted(numbers: list[int | None]) -> bool:
    """Numbers in the order of the places neither rise nor fall throughout."""
    known = [number for number in numbers if number is not None]
    if len(known) < 3 or max(Counter(known).values()) > 1:
        return False
    return known not in (sorted(known), sorted(known, reverse=True))


def _sheared(slices: list[Slice], order: Vector) -> bool:
    """Slices shift within their own plane from first to last."""
    first, last = (np.array(slices[index].position) for index in (order[0], order[-1]))
    normal = _normal(slices[0].orientation)
    across = (last - first) - normal * float((last - first) @ normal)
    return bool(np.linalg.norm(across) > _SHEAR_MM)
