"""Near-duplicates: what an export, a copy or a mask does to an image keeps its hash; another anatomy does not."""

import io
import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.data import get_testdata_file

from oncofed.imaging.phantom.cohort import patient
from oncofed.imaging.quality import Instance, read_instance
from oncofed.imaging.quality.likeness import MOST_BITS_APART, likeness, near_duplicates

REAL = ("CT_small.dcm", "MR_small.dcm")


def bits_apart(first: str, second: str) -> int:
    return (int(first, 16) ^ int(second, 16)).bit_count()


def real(name: str) -> np.ndarray:
    path = get_testdata_file(name)
    return np.asarray(pydicom.dcmread(str(path)).pixel_array, dtype=float)


def _jpeg(values: np.ndarray) -> np.ndarray:
    grey = (255 * (values - values.min()) / np.ptp(values)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(grey).save(file, format="JPEG", quality=60)
    return np.asarray(Image.open(file))


CHANGES = {
    "brighter": lambda v: v * 1.7 + 300,
    "noisy": lambda v: v + np.random.default_rng(1).normal(0, np.ptp(v) * 0.01, v.shape),
    "twice the size": lambda v: np.kron(v, np.ones((2, 2))),
    "jpeg": _jpeg,
    "8 bits": lambda v: (v / v.max() * 255).astype(np.uint8),
    "colour": lambda v: np.stack([v] * 3, axis=2),
}


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_recognised(name: str, change: str) -> None:
    values = real(name)
    assert bits_apart(likeness(values), likeness(CHANGES[change](values))) <= MOST_BITS_APART


def test_made_up_trunks_are_not_alike() -> None:
    people = [
        (
            seed,
            likeness(next(o for o in patient(seed, series=("CT",)).objects if o.InstanceNumber == 12).pixel_array),
        )
        for seed in range(4)
    ]
    assert list(near_duplicates(people)) == []


def test_real_people_are_not_alike(shared: Path) -> None:
    people, numbers = {}, {}
    for path in sorted((shared / "dicom").rglob("*.dcm")):
        found = read_instance(path, shared)
        if isinstance(found, Instance) and found.pixels and found.pixels.likeness:
            people[found.uid] = (numbers.setdefault(found.patient, len(numbers)), found.pixels.likeness)
    assert len(people) > 150
    assert len({patient for patient, _ in people.values()}) > 5
    assert list(near_duplicates(people.values())) == []


@pytest.mark.parametrize("values", [np.zeros((64, 64)), np.full((64, 64), 7), np.arange(64.0).reshape(8, 8)])
def test_what_shows_nothing_has_no_hash(values: np.ndarray) -> None:
    assert likeness(values) == ""


@st.composite
def prints(draw: st.DrawFn) -> list[tuple[int, str]]:
    """Hashes of some patients, many of them within a few bits of each other."""
    centres = draw(st.lists(st.integers(0, 2**256 - 1), min_size=1, max_size=3))
    flips = st.lists(st.integers(0, 255), max_size=20)
    return [
        (
            draw(st.integers(0, 2)),
            f"{draw(st.sampled_from(centres)) ^ sum(1 << bit for bit in set(draw(flips))):064x}",
        )
        for _ in range(draw(st.integers(2, 12)))
    ]


@given(found=prints())
@settings(max_examples=150, deadline=None)
def test_the_search_finds_exactly_the_pairs_within_the_bound(found: list[tuple[int, str]]) -> None:
    expected = {
        (first, second)
        for (first, a), (second, b) in itertools.combinations(enumerate(found), 2)
        if a[0] != b[0] and bits_apart(a[1], b[1]) <= MOST_BITS_APART
    }
    told = list(near_duplicates(found))
    assert {(pair.first, pair.second) for pair in told} == expected
    assert len(told) == len(expected)


def test_a_background_that_thousands_share_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncofed.imaging.quality.likeness.MAX_IN_BUCKET", 3)
    same = [(number, "ab" * 32) for number in range(4)]
    assert list(near_duplicates(same)) == []
    assert len(list(near_duplicates(same[:3]))) == 3


def test_a_pair_is_found_by_what_is_not_crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncofed.imaging.quality.likeness.MAX_IN_BUCKET", 2)
    shared = "abcd" + "0123456789ab" * 5
    crowd = [(9, "abcd" + f"{number:04x}" * 15) for number in range(1, 4)]
    told = list(near_duplicates([(1, shared), *crowd, (2, shared)]))
    assert [(one.first, one.second, one.bits) for one in told] == [(0, 4, 0)]


def test_of_an_image_that_all_have_only_some_pairs_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncofed.imaging.quality.likeness.MAX_PARTNERS", 2)
    told = list(near_duplicates([(number, "ab" * 32) for number in range(5)]))
    assert Counter(one.first for one in told) == {0: 2, 1: 2, 2: 2, 3: 1}


def test_nothing_is_alike_among_none() -> None:
    assert list(near_duplicates([])) == []
