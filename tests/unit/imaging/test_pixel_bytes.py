"""Pixels are compared as they stand in the files: any bit that changed counts, and nothing else does."""

import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from oncofed.imaging.pixel_bytes import digest, same

FILES = [
    "CT_small.dcm",  # explicit VR little endian
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "image_dfl.dcm",  # deflated
    "JPEG2000.dcm",  # encapsulated
    "MR_small_RLE.dcm",
    "SC_rgb_rle_2frame.dcm",  # several fragments
]


def opened(path: Path) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, defer_size=1024)


def rewritten(name: str, path: Path, *, flip: bool = False) -> Path:
    """The file written anew with another header, and one bit of its pixels changed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(get_testdata_file(name, read=False))
        dataset.PatientName, dataset.ImageComments = "Another", "longer than before"
        if flip:
            value = bytearray(dataset.PixelData)
            value[len(value) // 2] ^= 1
            dataset["PixelData"].value = bytes(value)
        dataset.save_as(path)
    return path


@pytest.mark.parametrize("name", FILES)
def test_another_header_leaves_the_pixels_the_same(name: str, tmp_path: Path) -> None:
    source, target = Path(get_testdata_file(name, read=False)), rewritten(name, tmp_path / "a")
    assert digest(source, opened(source)) != b""
    assert same(source, opened(source), target, opened(target))


@pytest.mark.parametrize("name", FILES)
def test_one_bit_is_seen(name: str, tmp_path: Path) -> None:
    source, target = Path(get_testdata_file(name, read=False)), rewritten(name, tmp_path / "a", flip=True)
    assert not same(source, opened(source), target, opened(target))


def test_a_dataset_in_memory_has_the_same_digest(tmp_path: Path) -> None:
    path = Path(get_testdata_file("CT_small.dcm", read=False))
    dataset = pydicom.dcmread(path)
    assert dataset.PixelData
    assert digest(path, dataset) == digest(path, opened(path))


def test_no_pixels_have_no_digest() -> None:
    path = Path(get_testdata_file("rtplan.dcm", read=False))
    assert digest(path, opened(path)) == b""


def test_fragments_that_are_none_are_not_the_same(tmp_path: Path) -> None:
    source = Path(get_testdata_file("JPEG2000.dcm", read=False))
    dataset = opened(source)
    content = bytearray(source.read_bytes())
    start = next(element.value_tell for element in dataset.values() if element.tag == 0x7FE00010)
    content[start : start + 4] = b"\0\0\0\0"
    (tmp_path / "a").write_bytes(content)
    assert not same(source, dataset, tmp_path / "a", dataset)
