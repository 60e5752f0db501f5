"""The tools on a folder of images: every volume through the same steps, the rest reported."""

import json
from pathlib import Path

import numpy as np
import pytest

from oncofed.contracts.errors import BadInput
from oncofed.imaging.harmonise import NyulScale, Steps, harmonise
from tests.factories import series


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """CT and MR of two people with their annotations, and one broken series."""
    folder = tmp_path / "images"
    for seed in (1, 2):
        series.write(series.objects(seed, "CT", "MR"), folder)
    broken = series.of(series.objects(4), "CT")
    del broken[3]
    series.write(broken, folder)
    (folder / "notes.txt").write_text("no image")
    return folder


def values(path: Path) -> np.ndarray:
    itk = pytest.importorskip("SimpleITK")
    return np.asarray(itk.GetArrayFromImage(itk.ReadImage(str(path))))


def test_every_volume_is_written_with_its_provenance(images: Path, tmp_path: Path) -> None:
    told: list[str] = []
    found = harmonise(images, tmp_path / "out", Steps(spacing=(5, 6, 6), intensity="z-score"), say=told.append)
    assert len(found.written) == 4
    assert [reason for _, reason in found.left_out] == ["slices repeat a position, or their distances are uneven"]
    assert told[-1] == "4 of 5 series"
    for path in found.written:
        volume = values(path)
        assert volume.shape == (8, 32, 32) or volume.shape == (8, 33, 33)
        assert volume.mean() == pytest.approx(0, abs=1e-3)
        beside = json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())
        assert beside["steps"]["intensity"] == "z-score"
        assert path.name.startswith(beside["series"])


def test_modalities_can_be_chosen_and_steps_left_out(images: Path, tmp_path: Path) -> None:
    found = harmonise(images, tmp_path / "out", Steps(modalities=frozenset({"MR"})))
    assert (len(found.written), found.left_out, found.scale) == (2, (), None)
    assert values(found.written[0]).shape == (8, 64, 64)


def test_a_scale_is_learnt_once_and_can_be_given(images: Path, tmp_path: Path) -> None:
    steps = Steps(intensity="nyul", modalities=frozenset({"MR"}))
    first = harmonise(images, tmp_path / "a", steps)
    again = harmonise(images, tmp_path / "b", steps, scale=first.scale)
    assert first.scale == again.scale
    assert [one.read_bytes() for one in first.written] == [one.read_bytes() for one in again.written]
    other = harmonise(images, tmp_path / "c", steps, scale=NyulScale(tuple(range(11))))
    assert other.written[0].read_bytes() != first.written[0].read_bytes()


def test_n4_is_one_of_the_steps(images: Path, tmp_path: Path) -> None:
    pytest.importorskip("SimpleITK")
    plain = harmonise(images, tmp_path / "a", Steps(modalities=frozenset({"MR"})))
    even = harmonise(images, tmp_path / "b", Steps(n4=True, modalities=frozenset({"MR"})))
    assert even.written[0].read_bytes() != plain.written[0].read_bytes()


def test_stacks_of_one_series_are_volumes_of_their_own(tmp_path: Path) -> None:
    made = series.of(series.objects(1, "MR"), "MR")
    later = [series.again(one) for one in made]
    for one in later:
        one.AcquisitionNumber = 2
    found = harmonise(series.write([*made, *later], tmp_path / "images"), tmp_path / "out", Steps())
    uid = made[0].SeriesInstanceUID
    assert [path.name for path in found.written] == [f"{uid}-1.nii.gz", f"{uid}-2.nii.gz"]


def test_blank_volumes_are_left_out(tmp_path: Path) -> None:
    made = series.of(series.objects(1, "MR"), "MR")
    for one in made:
        series.put(one, np.zeros_like(series.pixels(one)))
    folder = series.write(made, tmp_path / "images")
    found = harmonise(folder, tmp_path / "out", Steps(intensity="z-score"))
    assert found.written == ()
    assert found.left_out == ((made[0].SeriesInstanceUID, "there is nothing but one value"),)


def test_bad_requests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="source-unreadable"):
        harmonise(tmp_path / "nowhere", tmp_path, Steps())
    with pytest.raises(BadInput, match="z-score and nyul"):
        Steps(intensity="histogram")
