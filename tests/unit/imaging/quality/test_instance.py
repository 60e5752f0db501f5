"""One file's facts: from sound, damaged and odd files; and no more memory than a frame needs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from pydicom import config
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless

from oncofed.imaging.quality import Instance, Unreadable, read_instance
from oncofed.imaging.quality import pixels as quality_pixels
from tests.factories import series


@pytest.fixture
def ct() -> FileDataset:
    return series.of(series.objects(1), "CT")[3]


def read(one: FileDataset, directory: Path) -> Instance | Unreadable:
    series.write([one], directory)
    return read_instance(directory / "0000.dcm", directory)


def facts(one: FileDataset, directory: Path) -> Instance:
    found = read(one, directory)
    assert isinstance(found, Instance)
    return found


def test_a_sound_slice(ct: FileDataset, tmp_path: Path) -> None:
    found = facts(ct, tmp_path)
    assert (found.modality, found.rows, found.frames, found.path) == ("CT", 64, 1, "0000.dcm")
    assert found.planes[0].position == tuple(ct.ImagePositionPatient)
    assert found.missing_type_1 == ()
    assert found.identity_removed
    assert found.deidentification_stated
    assert found.pixel_problem == ""
    assert found.pixels is not None
    stored = ct.pixel_array.astype(float)
    assert (found.pixels.low, found.pixels.high) == (stored.min(), stored.max())
    assert found.pixels.mean == pytest.approx(stored.mean(), abs=1e-3)
    assert found.pixels.deviation == pytest.approx(stored.std(), abs=1e-3)
    assert Instance.model_validate_json(found.model_dump_json()) == found


def test_the_header_alone_can_be_read(ct: FileDataset, tmp_path: Path) -> None:
    series.write([ct], tmp_path)
    found = read_instance(tmp_path / "0000.dcm", tmp_path, pixels=False)
    assert isinstance(found, Instance)
    assert (found.pixels, found.pixel_problem) == (None, "")


@pytest.mark.parametrize("name", ["Rows", "ImageType", "PixelSpacing", "RescaleSlope", "FrameOfReferenceUID"])
def test_a_missing_type_1_attribute_is_named(ct: FileDataset, tmp_path: Path, name: str) -> None:
    setattr(ct, name, None) if name != "Rows" else delattr(ct, name)
    assert facts(ct, tmp_path).missing_type_1 == (name,)


def test_constant_and_clipped_pixels(ct: FileDataset, tmp_path: Path) -> None:
    values = series.pixels(ct)
    series.put(ct, np.full_like(values, 17))
    blank = facts(ct, tmp_path / "a").pixels
    values[:10] = 4095
    series.put(ct, values)
    clipped = facts(ct, tmp_path / "b").pixels
    assert blank is not None
    assert clipped is not None
    assert (blank.blank_frames, blank.clipped, blank.likeness) == (1, False, "")
    assert (clipped.blank_frames, clipped.clipped) == (0, True)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda one: delattr(one, "PixelData"), "pixels-missing"),
        (lambda one: setattr(one, "PixelData", one.PixelData[:100]), "pixels-undecodable"),
        (lambda one: setattr(one, "BitsAllocated", 12), "pixels-undecodable"),
        (lambda one: setattr(one, "SamplesPerPixel", 3), "pixels-undecodable"),
        (lambda one: setattr(one, "NumberOfFrames", 5), "pixels-undecodable"),
        (lambda one: delattr(one, "PhotometricInterpretation"), "pixels-undecodable"),
    ],
)
def test_pixels_that_cannot_be_decoded(ct: FileDataset, tmp_path: Path, damage: object, problem: str) -> None:
    damage(ct)  # type: ignore[operator]
    found = facts(ct, tmp_path)
    assert (found.pixels, found.pixel_problem) == (None, problem)


def test_a_damaged_compressed_frame(ct: FileDataset, tmp_path: Path) -> None:
    ct.compress(JPEGLSLossless)
    assert facts(ct, tmp_path / "a").pixel_problem == ""
    broken = bytearray(ct.PixelData)
    broken[60:] = b"\0" * (len(broken) - 60)
    ct.PixelData = bytes(broken)
    assert facts(ct, tmp_path / "b").pixel_problem == "pixels-undecodable"


def test_a_syntax_without_decoder_is_not_called_broken(
    ct: FileDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ct.compress(JPEG2000Lossless)
    decoder = quality_pixels.get_decoder(JPEG2000Lossless)
    monkeypatch.setattr(decoder, "_available", {})
    assert facts(ct, tmp_path).pixel_problem == "pixels-no-decoder"


def test_a_video_is_not_called_broken(ct: FileDataset, tmp_path: Path) -> None:
    ct.compress(JPEGLSLossless)
    ct.file_meta.TransferSyntaxUID = pydicom.uid.MPEG2MPML
    assert facts(ct, tmp_path).pixel_problem == "pixels-no-decoder"


@pytest.mark.parametrize("content", [b"", b"no image", b"\0" * 128 + b"DICM" + b"\xff" * 40])
def test_what_is_no_dicom_is_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    found = read_instance(tmp_path / "x", tmp_path)
    assert isinstance(found, Unreadable)
    assert found.path == "x"


def test_an_object_of_no_series_is_left_out(ct: FileDataset, tmp_path: Path) -> None:
    del ct.SeriesInstanceUID
    found = read(ct, tmp_path)
    assert isinstance(found, Unreadable)
    assert found.code == "file-no-series"


@pytest.mark.parametrize("name", ["InstanceNumber", "SliceThickness", "KVP", "ImagePositionPatient", "PixelSpacing"])
def test_numbers_that_are_none_do_no_harm(ct: FileDataset, tmp_path: Path, name: str) -> None:
    with config.disable_value_validation():
        ct[name]._value = "x1"
        ct[name].VR = "LO"
        found = facts(ct, tmp_path)
    assert found.modality == "CT"


def test_a_position_of_two_numbers_is_no_position(ct: FileDataset, tmp_path: Path) -> None:
    ct.ImagePositionPatient = [1, 2]
    assert facts(ct, tmp_path).planes == ()


def enhanced(ct: FileDataset, frames: int) -> FileDataset:
    """The slice as a multi-frame object with functional groups."""
    values = np.stack([series.pixels(ct) + number for number in range(frames)])
    ct.NumberOfFrames = frames
    series.put(ct, values)
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = ct.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.25], 3
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    ct.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for number in range(frames):
        place, group, content = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [0, 0, 3 * number]
        content.TemporalPositionIndex = 1
        group.PlanePositionSequence = [place]
        if number % 2:
            group.FrameContentSequence = [content]
        groups.append(group)
    ct.PerFrameFunctionalGroupsSequence = groups
    return ct


def test_frames_of_one_object_are_planes_of_their_own(ct: FileDataset, tmp_path: Path) -> None:
    found = facts(enhanced(ct, 5), tmp_path)
    assert [plane.position[2] for plane in found.planes] == [0, 3, 6, 9, 12]
    assert (found.frames, found.spacing, found.thickness) == (5, (0.5, 0.25), 3)
    assert found.pixels is not None
    assert found.pixels.frames == 5


def test_of_very_many_frames_some_are_taken_evenly(
    ct: FileDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality_pixels, "MAX_FRAMES", 4)
    found = facts(enhanced(ct, 9), tmp_path)
    assert found.pixels is not None
    assert (found.pixels.frames, found.frames) == (4, 9)


def test_a_frame_without_position_has_no_plane(ct: FileDataset, tmp_path: Path) -> None:
    one = enhanced(ct, 3)
    del one.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence
    del one.SharedFunctionalGroupsSequence
    assert facts(one, tmp_path).planes == ()


MEMORY = """
import resource, sys
from pathlib import Path
from oncofed.imaging.quality import read_instance
path = Path(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = read_instance(path, path.parent)
assert found.pixels.frames == 300, found
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_is_that_of_a_frame(ct: FileDataset, tmp_path: Path) -> None:
    ct.Rows = ct.Columns = 512
    ct.NumberOfFrames = 300
    ct.PixelData = np.random.default_rng(1).integers(0, 4096, (300, 512, 512), dtype=np.uint16).tobytes()
    series.write([ct], tmp_path)
    path = tmp_path / "0000.dcm"
    assert path.stat().st_size > 150e6
    told = subprocess.run([sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True)
    assert int(told.stdout) * 1024 < 60e6


def test_references_and_segments_of_a_segmentation(tmp_path: Path) -> None:
    made = series.objects(1)
    found = facts(series.of(made, "SEG")[0], tmp_path)
    images = {one.SOPInstanceUID for one in series.of(made, "CT")}
    assert set(found.references) <= images
    assert found.references
    assert found.segments
    assert not found.missing_type_1


def test_every_file_of_pydicom_is_read_or_left_out(tmp_path: Path) -> None:
    folder = Path(pydicom.data.__file__).parent / "test_files"
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".py"]
    assert len(files) > 50
    for path in files:
        found = read_instance(path, path.parent)
        assert isinstance(found, Instance | Unreadable)
        if isinstance(found, Instance):
            assert Instance.model_validate_json(found.model_dump_json()) == found


def test_explicit_little_endian_is_what_is_written(ct: FileDataset, tmp_path: Path) -> None:
    assert facts(ct, tmp_path).transfer_syntax == ExplicitVRLittleEndian


def test_a_file_cut_in_its_header_is_damaged_or_read(ct: FileDataset, tmp_path: Path) -> None:
    series.write([ct], tmp_path)
    whole = (tmp_path / "0000.dcm").read_bytes()
    codes = set()
    for length in range(0, 2400, 7):
        (tmp_path / "cut").write_bytes(whole[:length])
        found = read_instance(tmp_path / "cut", tmp_path)
        codes.add(found.code if isinstance(found, Unreadable) else "")
    assert codes == {"file-not-dicom", "file-damaged", "file-no-series", ""}


def test_fewer_compressed_frames_than_stated(ct: FileDataset, tmp_path: Path) -> None:
    values = np.stack([series.pixels(ct)] * 2)
    ct.NumberOfFrames = 2
    series.put(ct, values)
    ct.compress(JPEGLSLossless)
    ct.NumberOfFrames = 3
    assert facts(ct, tmp_path).pixel_problem == "pixels-undecodable"


def test_numbers_with_a_fraction_have_no_ceiling(ct: FileDataset, tmp_path: Path) -> None:
    values = series.pixels(ct).astype(np.float32)
    for name in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(ct, name)
    ct.BitsAllocated = 32
    ct.FloatPixelData = values.tobytes()
    found = facts(ct, tmp_path)
    assert found.pixels is not None
    assert (found.pixels.high, found.pixels.clipped) == (values.max(), False)


def test_a_file_that_does_not_name_its_syntax(ct: FileDataset, tmp_path: Path) -> None:
    del ct.file_meta.TransferSyntaxUID
    ct.save_as(tmp_path / "0000.dcm", implicit_vr=True, little_endian=True)
    found = read_instance(tmp_path / "0000.dcm", tmp_path)
    assert isinstance(found, Instance)
    assert (found.transfer_syntax, found.pixel_problem) == ("", "pixels-undecodable")
