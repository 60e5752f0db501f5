"""Connected pixels and voxels are those that a flood from one of them reaches."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from oncofed.imaging.pixels.connected import boxes, volume_parts

Mask = NDArray[np.bool_]


def flooded(above: Mask, start: tuple[int, int, int]) -> Mask:
    """Corners connect within a slice; from slice to slice, runs that touch by an edge or a corner of the same row."""
    steps = [(0, *step) for step in itertools.product((-1, 0, 1), repeat=2)]
    steps += [(back, 0, across) for back in (-1, 1) for across in (-1, 0, 1)]
    part, waiting = np.zeros_like(above), [start]
    while waiting:
        place = waiting.pop()
        if all(0 <= at < length for at, length in zip(place, above.shape, strict=True)) and above[place] > part[place]:
            part[place] = True
            waiting.extend((place[0] + z, place[1] + y, place[2] + x) for z, y, x in steps)
    return part


def floods(above: Mask) -> set[bytes]:
    starts = zip(*(axis.tolist() for axis in np.nonzero(above)), strict=True)
    return {flooded(above, start).tobytes() for start in starts}


@given(arrays.arrays(bool, st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6))))
def test_parts_of_a_volume_are_floods_the_largest_first(above: Mask) -> None:
    parts = volume_parts(above, 0.0)
    assert {part.tobytes() for part in parts} == floods(above)
    sizes = [int(part.sum()) for part in parts]
    assert sizes == sorted(sizes, reverse=True)
    assert volume_parts(above, 1.0) == [] or all(part.sum() == sizes[0] for part in volume_parts(above, 1.0))


@given(arrays.arrays(bool, st.tuples(st.integers(1, 8), st.integers(1, 8))))
def test_boxes_are_those_of_floods(above: Mask) -> None:
    strength = np.arange(above.size, dtype=np.float64).reshape(above.shape)
    expected = set()
    for part in floods(above[None]):
        inside = np.frombuffer(part, bool).reshape(above.shape)
        ys, xs = np.nonzero(inside)
        box = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
        expected.add((*box, float(strength[inside].max())))
    found, most = boxes(above, strength)
    assert {(*map(int, box), float(one)) for box, one in zip(found, most, strict=True)} == expected
