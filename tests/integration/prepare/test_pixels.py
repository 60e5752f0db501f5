"""Pixels on the whole road: faces in profile `strict`, banners of real ultrasound pages, what waits for a person."""

import shutil
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest

from oncofed.cli.prepare_key import key_of
from oncofed.imaging import phantom, pixels
from oncofed.imaging.phantom.head import head, head_series
from oncofed.imaging.phantom.images import Whose
from oncofed.imaging.pixels.deface import find_face
from oncofed.prepare.deidentify import deidentify
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.run import Run, RunFile, State
from oncofed.prepare.scan import scan
from oncofed.prepare.verify import verify

WHOSE = Whose(phantom.person(6), 6)


def head_files(folder: Path, keep: slice = slice(None)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(head_series(WHOSE, head())[keep]):
        one.save_as(folder / f"{number:03}.dcm", enforce_file_format=True)


def of(run: Run, *states: State) -> list[RunFile]:
    return list(run.files(*states))


def test_strict_takes_the_face_and_research_leaves_it(run: Run, data_dir: Path, tmp_path: Path) -> None:
    head_files(tmp_path / "source")
    scan(run, tmp_path / "source")
    for profile, changes in (("research", False), ("strict", True)):
        deidentify(run, Recipe(key_of(data_dir), profile=profile))
        assert len(of(run, State.DEIDENTIFIED)) == 64
        changed = 0
        for file in of(run, State.DEIDENTIFIED):
            assert file.target is not None
            before, after = pydicom.dcmread(file.path), pydicom.dcmread(file.target)
            changed += not np.array_equal(before.pixel_array, after.pixel_array)
            codes = [item.CodeValue for item in after.DeidentificationMethodCodeSequence]
            assert ("113102" in codes) is changes
            assert after.get("RecognizableVisualFeatures") == ("NO" if changes else None)
        assert bool(changed) is changes
        assert changed < 64
    verify(run, Recipe(key_of(data_dir), profile="strict"))
    assert not [file.code for file in of(run, State.QUARANTINED)]


def test_a_head_without_a_vertex_waits_for_a_person(run: Run, data_dir: Path, tmp_path: Path) -> None:
    head_files(tmp_path / "source", slice(0, 40))
    scan(run, tmp_path / "source")
    deidentify(run, Recipe(key_of(data_dir), profile="strict"))
    held = of(run, State.QUARANTINED)
    assert len(held) == 40
    assert {file.code for file in held} == {"pixels-face"}
    assert not list((run.directory / "images").rglob("*.dcm"))


def positron(folder: Path, frame: str) -> None:
    """Some slices of a PET of the head, made of its MR, in a frame of reference."""
    folder.mkdir()
    for number, one in enumerate(head_series(WHOSE, head(), "MR")[20:40:4]):
        one.Modality, one.SOPClassUID = "PT", pydicom.uid.PositronEmissionTomographyImageStorage
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"{frame}.{number + 1}"
        one.SeriesInstanceUID, one.FrameOfReferenceUID = f"{frame}.99", frame
        one.save_as(folder / f"{number:03}.dcm", enforce_file_format=True)


def test_what_shares_a_frame_of_reference_loses_the_same_face(run: Run, data_dir: Path, tmp_path: Path) -> None:
    made, source = head(), tmp_path / "source"
    head_files(source / "ct")
    (source / "mr").mkdir()
    cut = head_series(WHOSE, made, "MR")[:40:2]  # without its vertex it could not be placed by itself
    for number, one in enumerate(cut):
        one.save_as(source / "mr" / f"{number:03}.dcm", enforce_file_format=True)
    positron(source / "pt", str(cut[0].FrameOfReferenceUID))
    positron(source / "lost", "1.2.3.4")
    scan(run, source)
    deidentify(run, Recipe(key_of(data_dir), profile="strict"))
    face = find_face(head_series(WHOSE, made))
    _, y, z = made.scan.coordinates()
    gone = np.broadcast_to(face.holds(y, z), made.tissue.shape)
    held = of(run, State.QUARANTINED)
    assert {(file.path.parent.name, file.code) for file in held} == {("lost", "pixels-face")}
    assert len(held) == 5
    for file in of(run, State.DEIDENTIFIED):
        assert file.target is not None
        before, after = pydicom.dcmread(file.path), pydicom.dcmread(file.target)
        place = round((float(before.ImagePositionPatient[2]) - float(made.scan.first[2])) / made.grid.distance)
        assert np.array_equal(before.pixel_array[~gone[place]], after.pixel_array[~gone[place]])
        assert np.ptp(after.pixel_array[gone[place]]) == 0 if gone[place].any() else True


def test_an_overlay_in_the_pixels_of_a_scan_is_cleared(run: Run, data_dir: Path, tmp_path: Path) -> None:
    (slice_, *_) = phantom.patient(6, series=("CT",)).objects
    stored = np.frombuffer(slice_.PixelData, "<u2").copy()
    drawn = stored.copy()
    drawn[1000:2000] |= 0x8000
    slice_.PixelData = drawn.tobytes()
    slice_.add_new(0x60000100, "US", 16)
    slice_.add_new(0x60000102, "US", 15)
    (tmp_path / "source").mkdir()
    slice_.save_as(tmp_path / "source" / "one.dcm", enforce_file_format=True)
    scan(run, tmp_path / "source")
    deidentify(run, Recipe(key_of(data_dir)))
    (released,) = of(run, State.DEIDENTIFIED)
    assert released.target is not None
    cleaned = pydicom.dcmread(released.target)
    assert np.array_equal(np.frombuffer(cleaned.PixelData, "<u2"), stored)
    assert "113101" in [item.CodeValue for item in cleaned.DeidentificationMethodCodeSequence]


@pytest.mark.system_program("tesseract")
def test_the_real_pages_with_names(run: Run, data_dir: Path, tmp_path: Path, shared: Path) -> None:
    for name in ("us_burned_in_deid", "us_burned_in_us1"):
        shutil.copytree(shared / "dicom" / name, tmp_path / "source" / name)
    scan(run, tmp_path / "source")
    deidentify(run, Recipe(key_of(data_dir)))
    (released,) = of(run, State.DEIDENTIFIED)
    (held,) = of(run, State.QUARANTINED)
    assert held.code == "pixels-text-suspected"
    assert held.path.parent.name == "us_burned_in_us1"
    assert released.target is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        original, cleaned = pydicom.dcmread(released.path), pydicom.dcmread(released.target)
        wanted = pixels.identifiers(original)
        assert pixels.residual(original, wanted)
        assert pixels.residual(cleaned, wanted) == ()
    assert cleaned.BurnedInAnnotation == "NO"
    assert "113101" in [item.CodeValue for item in cleaned.DeidentificationMethodCodeSequence]


@pytest.mark.system_program("tesseract")
def test_a_mask_that_missed_is_seen_by_the_verification(run: Run, data_dir: Path, tmp_path: Path, shared: Path) -> None:
    shutil.copytree(shared / "dicom" / "us_burned_in_deid", tmp_path / "source")
    scan(run, tmp_path / "source")
    recipe = Recipe(key_of(data_dir))
    deidentify(run, recipe)
    (masked,) = of(run, State.DEIDENTIFIED)
    assert masked.target is not None
    written = pydicom.dcmread(masked.target)
    source = pydicom.dcmread(masked.path)
    written.PixelData = source.PixelData[:-1] + bytes([source.PixelData[-1] ^ 1])
    written["PixelData"].VR = source["PixelData"].VR
    for keyword in ("PhotometricInterpretation", "PlanarConfiguration"):
        setattr(written, keyword, source.get(keyword))
    written.file_meta.TransferSyntaxUID = source.file_meta.TransferSyntaxUID
    written.save_as(masked.target)
    verify(run, recipe)
    (held,) = of(run, State.QUARANTINED)
    assert held.code == "pixels-text-left"
