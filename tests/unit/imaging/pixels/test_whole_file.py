"""Masks on the way of a file through de-identification: in memory and, for large pixels, from file to file."""

import io
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.pixels import pixel_array

from oncofed.imaging import pixels
from oncofed.imaging.deidentify import PROFILES, Deidentifier, compile_policy, reading
from oncofed.imaging.pixels import Level, Plan, Rectangle, masks
from oncofed.imaging.pixels.frames import Window
from oncofed.trust.pseudonyms import Pseudonyms

NAMES = (
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "ExplVR_BigEnd.dcm",
    "SC_rgb_rle_2frame.dcm",
    "examples_ybr_color.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "image_dfl.dcm",
)
PLAN = Plan((Rectangle(0, 0, 9, 6),), level=Level.HIGH)


@pytest.fixture(scope="module")
def deidentifier() -> Deidentifier:
    return Deidentifier(compile_policy(PROFILES["research"]), Pseudonyms(bytes(32)))


def read(path: Path | str) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path)


def frames(dataset: Dataset) -> np.ndarray:
    found = pixel_array(dataset)
    return found if int(dataset.get("NumberOfFrames") or 1) > 1 else found[None]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_masked_file_holds_the_mask_and_else_the_same_pixels(
    name: str, large: bool, deidentifier: Deidentifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr(reading, "BIG", 10)
        monkeypatch.setattr(masks, "BIG", 10)
    source, target = Path(str(get_testdata_file(name))), tmp_path / "out.dcm"
    seen: list[type] = []

    def mask(dataset: Dataset) -> bool:
        seen.append(type(dataset["PixelData"].value))
        return pixels.apply(dataset, PLAN, spool=tmp_path)

    applied = deidentifier.file(source, target, mask)
    assert applied.pixels_masked
    assert seen == [Window if large else bytes]
    before, after = frames(read(source)), frames(read(target))
    assert np.array_equal(before[:, 6:], after[:, 6:])
    assert np.array_equal(before[:, :, 10:], after[:, :, 10:])
    assert not np.array_equal(before, after)
    codes = [item.CodeValue for item in read(target).DeidentificationMethodCodeSequence]
    assert "113101" in codes
    assert [path.name for path in tmp_path.iterdir()] == ["out.dcm"]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_mask_that_changes_nothing_leaves_the_bytes(
    name: str, large: bool, deidentifier: Deidentifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr(reading, "BIG", 10)
    source, target = Path(str(get_testdata_file(name))), tmp_path / "out.dcm"
    applied = deidentifier.file(source, target, lambda dataset: pixels.apply(dataset, Plan(level=Level.LOW)))
    assert not applied.pixels_masked
    assert read(target).PixelData == read(source).PixelData
    assert read(target).BurnedInAnnotation == "NO"


def test_large_pixels_are_looked_at_in_their_file(
    deidentifier: Deidentifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BIG", 10)
    source = Path(str(get_testdata_file("examples_palette.dcm")))
    plans = []

    def mask(dataset: Dataset) -> bool:
        plans.append(pixels.plan(dataset, ocr=False))
        return pixels.apply(dataset, plans[0])

    deidentifier.file(source.read_bytes(), tmp_path / "out.dcm", mask)
    assert plans == [pixels.plan(read(source), ocr=False)]
    assert plans[0].reasons == ("regions",)
    assert not read(tmp_path / "out.dcm").pixel_array[:50, :300].any() or plans[0].rectangles


def test_bits_are_cleared_piecewise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "BIG", 10)
    dataset = read(str(get_testdata_file("MR_small.dcm")))
    dataset.BitsStored, dataset.HighBit = 12, 11
    stored = np.frombuffer(dataset.PixelData, "<i2")
    drawn = (stored.view("<u2") & 0x0FFF) | 0x4000
    with io.BytesIO(drawn.tobytes()) as stream:
        dataset.add_new("PixelData", "OW", Window(stream, 0, len(drawn) * 2))
        assert masks.clear_unused_bits(dataset)
    with dataset["PixelData"].value as made:
        cleared = np.frombuffer(made.read(), "<u2")
    assert np.array_equal(cleared & 0x0FFF, drawn & 0x0FFF)
    assert set((cleared >> 12).tolist()) <= {0, 0xF}
