"""A series as a volume and as NIfTI, read again by SimpleITK: the same numbers in the same place."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from oncofed.contracts.errors import BadInput
from oncofed.imaging.harmonise import Volume, read_volume, write_nifti
from tests.factories import series


def written(made: list[FileDataset], directory: Path) -> list[Path]:
    return sorted(series.write(made, directory).iterdir())


def test_a_series_in_any_order(tmp_path: Path) -> None:
    made = series.of(series.objects(1), "CT")
    found = read_volume(reversed(written(made, tmp_path)))
    made.sort(key=lambda one: float(one.ImagePositionPatient[2]))
    expected = np.stack([one.pixel_array.astype(float) - 1024 for one in made])
    np.testing.assert_array_equal(found.values, expected)
    assert found.spacing == (5.0, 3.0, 3.0)
    assert found.origin == tuple(made[0].ImagePositionPatient)
    assert found.axes == ((0, 0, 1), (0, 1, 0), (1, 0, 0))


def test_one_slice_is_as_thick_as_it_says(tmp_path: Path) -> None:
    found = read_volume(written(series.of(series.objects(1), "CT")[:1], tmp_path))
    assert found.spacing[0] == 5.0


def test_nifti_is_what_simpleitk_makes_of_the_same_series(tmp_path: Path) -> None:
    itk = pytest.importorskip("SimpleITK")
    made = series.of(series.objects(1), "CT")
    for one in made:  # an oblique volume
        one.ImageOrientationPatient = [0.8, 0.6, 0, -0.6, 0.8, 0]
    files = written(made, tmp_path / "dicom")
    write_nifti(read_volume(files), tmp_path / "x.nii.gz", {"b": 1, "a": "ü"})
    found = itk.ReadImage(str(tmp_path / "x.nii.gz"))
    reader = itk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "dicom")))
    expected = reader.Execute()
    np.testing.assert_array_equal(itk.GetArrayFromImage(found), itk.GetArrayFromImage(expected).astype(float))
    np.testing.assert_allclose(found.GetSpacing(), expected.GetSpacing(), rtol=1e-6)
    np.testing.assert_allclose(found.GetOrigin(), expected.GetOrigin(), rtol=1e-5)
    np.testing.assert_allclose(found.GetDirection(), expected.GetDirection(), atol=1e-6)
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": "ü", "b": 1}


def test_the_same_volume_gives_the_same_bytes(tmp_path: Path) -> None:
    volume = Volume(np.arange(24, dtype=np.float32).reshape(2, 3, 4), (1, 1, 1))
    for name in ("a", "b"):
        write_nifti(volume, tmp_path / f"{name}.nii.gz", {})
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def _set(name: str, value: object) -> Callable[[list[FileDataset]], object]:
    return lambda made: setattr(made[2], name, value)


@pytest.mark.parametrize(
    "plant",
    [
        lambda made: made.clear(),
        lambda made: made.pop(3),
        lambda made: made.append(series.again(made[1])),
        _set("PixelSpacing", [1, 1]),
        _set("ImageOrientationPatient", [0, 1, 0, 1, 0, 0]),
        _set("ImagePositionPatient", None),
        lambda made: delattr(made[0], "PixelData"),
        lambda made: [setattr(one, "ImageOrientationPatient", [1, 0, 0, 1, 0, 0]) for one in made],
    ],
    ids=["empty", "hole", "double", "spacing", "direction", "no position", "no pixels", "impossible"],
)
def test_what_is_no_volume_is_refused(tmp_path: Path, plant: Callable[[list[FileDataset]], object]) -> None:
    made = series.of(series.objects(1), "CT")
    plant(made)
    with pytest.raises(BadInput, match="volume-invalid"):
        read_volume(written(made, tmp_path))


def test_colour_is_no_volume(tmp_path: Path) -> None:
    (one, *_) = series.of(series.objects(1), "CT")
    one.SamplesPerPixel, one.PhotometricInterpretation, one.PlanarConfiguration = 3, "RGB", 0
    one.BitsAllocated, one.BitsStored, one.HighBit = 8, 8, 7
    one.PixelData = bytes(64 * 64 * 3)
    with pytest.raises(BadInput, match="frames or colours"):
        read_volume(written([one], tmp_path))
