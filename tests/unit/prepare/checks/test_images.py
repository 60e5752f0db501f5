"""The check of a folder of images: what needs the whole release, and what may be shown of it."""

import base64
import copy
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileDataset

from oncofed.prepare.checks import images as checked
from oncofed.prepare.checks.findings import ImageFindings
from oncofed.prepare.checks.images import check_images
from oncofed.prepare.checks.spool import Spool
from oncofed.prepare.checks.thumbnails import MAX_THUMBNAILS, may_be_shown
from tests.factories import series


def check(folder: Path) -> ImageFindings:
    with Spool() as spool:
        return check_images(folder, spool)


def failed(found: ImageFindings) -> dict[str, tuple[int, int]]:
    return {one.check: (one.places, one.count) for one in found.checks if not one.passed}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Two made-up patients, de-identified."""
    for seed in (1, 2):
        series.write(series.objects(seed, "CT", "PT"), tmp_path / f"p{seed}")
    return tmp_path


def test_a_sound_release(release: Path) -> None:
    found = check(release)
    assert failed(found) == {}
    assert (found.patients, found.studies, found.series) == (2, 2, 12)
    assert found.instances == found.files == len(list(release.rglob("*.dcm")))
    assert (found.standard_share, found.deidentified_share, found.dangling) == (1, 1, 0)
    assert found.references > 20
    assert {picture.caption for picture in found.thumbnails} == {"CT, 8 images", "PT, 8 images"}
    assert len(found.thumbnails) == 4


def test_files_that_are_none_are_left_out(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checked, "MAX_LEFT_OUT", 2)
    for number in range(3):
        (release / f"note{number}").write_text("no image")
    found = check(release)
    assert failed(found) == {"file-unreadable": (3, 3)}
    assert ([one.path for one in found.left_out], found.left_out_count) == (["note0", "note1"], 3)


def test_lost_images_leave_references_dangling(release: Path) -> None:
    gone = 0
    for path in sorted((release / "p1").iterdir()):
        from pydicom import dcmread

        if dcmread(path, stop_before_pixels=True).Modality == "CT":
            path.unlink()
            gone += 1
    found = check(release)
    assert gone == 8
    assert "reference-dangling" in failed(found)
    assert found.dangling > 0


def _person(one: FileDataset, number: int) -> FileDataset:
    """The same image under another person's identifiers."""
    other = copy.deepcopy(one)
    other.PatientID = f"person {number}"
    other.StudyInstanceUID, other.SeriesInstanceUID = f"1.2.{number}", f"1.2.{number}.1"
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = f"1.2.{number}.{one.InstanceNumber}"
    return other


def test_one_person_under_two_pseudonyms(release: Path) -> None:
    ct = series.of(series.objects(1, "CT"), "CT")
    series.write([_person(one, 9) for one in ct], release / "p9")
    found = check(release)
    (pair,) = found.alike
    assert {pair.first, pair.second} == {ct[0].PatientID, "person 9"}
    assert (pair.images, pair.exact) == (8, 8)
    assert set(failed(found)) == {"near-duplicate"}


def test_a_rescaled_copy_is_alike_but_not_equal(release: Path) -> None:
    ct = [_person(one, 9) for one in series.of(series.objects(1, "CT"), "CT")]
    for one in ct:
        series.put(one, (series.pixels(one) // 2 + 7).astype(np.uint16))
    series.write(ct, release / "p9")
    (pair,) = check(release).alike
    assert pair.exact == 0
    assert pair.images >= 4


def test_of_very_many_images_one_a_series_is_compared(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncofed.prepare.checks.alike.MAX_COMPARED", 1)
    series.write([_person(one, 9) for one in series.of(series.objects(1, "CT"), "CT")], release / "p9")
    (pair,) = check(release).alike
    assert pair.exact == 8


def test_a_series_of_two_patients(release: Path) -> None:
    (one, *_) = series.of(series.objects(1, "CT"), "CT")
    other = series.again(one)
    other.PatientID = "another"
    series.put(other, series.pixels(other)[::-1, ::-1])
    series.write([other], release / "x")
    found = failed(check(release))
    assert found["series-shared"] == (2, 2)


def test_the_worst_series_are_listed_first(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checked, "MAX_LISTED", 3)
    ct = [_person(one, 9) for one in series.of(series.objects(5, "CT"), "CT")]
    del ct[3].PixelData
    series.write(ct, release / "z")
    found = check(release)
    assert len(found.listed) == 3
    assert found.listed[0].patient == "person 9"
    assert found.listed[0].issues[0].check == "pixels-missing"


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({}, True),
        ({"PatientIdentityRemoved": "NO"}, False),
        ({"PatientIdentityRemoved": None}, False),
        ({"BurnedInAnnotation": "YES"}, False),
        ({"Modality": "US"}, False),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, False),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, False),
    ],
)
def test_only_what_is_safe_is_shown(values: dict[str, object], shown: bool) -> None:
    (one, *_) = series.of(series.objects(1), "CT")
    del one.PixelData
    for name, value in values.items():
        setattr(one, name, value)
    assert may_be_shown(one) is shown


def test_a_screen_is_shown_once_its_pixels_were_cleaned() -> None:
    (one, *_) = series.of(series.objects(1), "CT")
    one.Modality = "US"
    assert not may_be_shown(one)
    cleaned = Dataset()
    cleaned.CodeValue = "113101"
    one.DeidentificationMethodCodeSequence = [cleaned]
    assert may_be_shown(one)


def test_files_that_do_not_say_they_are_deidentified_are_never_shown(tmp_path: Path) -> None:
    made = series.of(series.objects(1, "CT"), "CT")
    for one in made:
        del one.PatientIdentityRemoved
    assert check(series.write(made, tmp_path)).thumbnails == ()


def pictures(found: ImageFindings) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one.png)))) for one in found.thumbnails]


def test_pictures_are_small_and_show_the_window(tmp_path: Path) -> None:
    made = series.of(series.objects(1, "CT"), "CT")
    for one in made:
        large = np.kron(series.pixels(one), np.ones((4, 4), dtype=np.uint16))
        one.Rows = one.Columns = 256
        series.put(one, large)
    (picture,) = pictures(check(series.write(made, tmp_path)))
    assert picture.shape == (144, 144)
    assert (picture.min(), picture.max()) == (0, 255)  # window 40 ± 200 HU: air is black, bone white


def test_inverted_images_are_shown_as_they_are_read(tmp_path: Path) -> None:
    first, second = (series.of(series.objects(1, "MR"), "MR") for _ in range(2))
    for one in second:
        one.PhotometricInterpretation = "MONOCHROME1"
    normal, inverted = (
        pictures(check(series.write(made, tmp_path / str(number))))[0] for number, made in enumerate((first, second))
    )
    assert np.abs(normal.astype(int) + inverted.astype(int) - 255).max() <= 1


def test_colour_and_blank_images_can_be_shown(tmp_path: Path) -> None:
    (colour, *_) = series.of(series.objects(1, "CT"), "CT")
    colour.Modality = "DX"
    colour.SamplesPerPixel, colour.PhotometricInterpretation, colour.PlanarConfiguration = 3, "RGB", 0
    colour.BitsAllocated, colour.BitsStored, colour.HighBit = 8, 8, 7
    colour.PixelData = bytes(range(256)) * 48
    (blank, *_) = series.of(series.objects(2, "PT"), "PT")
    series.put(blank, np.zeros_like(series.pixels(blank)))
    found = check(series.write([colour, blank], tmp_path))
    assert sorted(one.shape for one in pictures(found)) == [(64, 64), (64, 64, 3)]


def test_what_cannot_be_drawn_is_left_out(tmp_path: Path) -> None:
    (one, *_) = series.of(series.objects(1, "CT"), "CT")
    one.PixelData = one.PixelData[:64]
    assert check(series.write([one], tmp_path)).thumbnails == ()


def test_no_more_pictures_than_fit(tmp_path: Path) -> None:
    ct = series.of(series.objects(1, "CT"), "CT")[0]
    series.write([_person(ct, number) for number in range(MAX_THUMBNAILS + 3)], tmp_path)
    assert len(check(tmp_path).thumbnails) == MAX_THUMBNAILS
