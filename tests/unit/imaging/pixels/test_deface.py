"""Faces: features go and the brain stays, in CT and MR of any size and form; what cannot be placed is said."""

import copy

import numpy as np
import pytest
from pydicom import Dataset, uid
from pydicom.dataset import FileDataset

from oncofed.bench import prepare_faces
from oncofed.imaging.phantom import Person
from oncofed.imaging.phantom.head import Head, Scan, head, head_series
from oncofed.imaging.phantom.headers import item
from oncofed.imaging.phantom.images import Whose
from oncofed.imaging.pixels import deface
from oncofed.imaging.pixels.deface import NoFace, find_face, shows_a_head, take_out_face
from oncofed.imaging.pixels.frames import Undecodable

WHOSE = Whose(Person(), 3)


def parts(made: Head, changed: np.ndarray) -> tuple[float, float]:
    """The part of the features and of the brain that changed."""
    return tuple(float((changed & mask).sum() / mask.sum()) for mask in (made.features, made.brain))  # type: ignore[return-value]


@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("scale", [0.8, 0.95, 1.05])
def test_the_features_go_and_the_brain_stays(modality: str, scale: float) -> None:
    made = head(scale=scale)
    series = head_series(WHOSE, made, modality)
    before = np.stack([one.pixel_array.copy() for one in series])
    face = find_face(iter(series))
    touched = [take_out_face(one, face) for one in series]
    after = np.stack([one.pixel_array for one in series])
    features, brain = parts(made, prepare_faces.taken(made, face))
    assert features > 0.97
    assert brain < 0.001
    assert (before != after).any(axis=(1, 2)).sum() <= sum(touched) < len(series)
    for one, old, changed in zip(series, before, touched, strict=True):
        assert one.RecognizableVisualFeatures == "NO"
        assert changed or np.array_equal(one.pixel_array, old)
        assert one.pixel_array.min() == old.min()


HARD = (("sagittal", "MR"), ("coronal", "CT"), ("bowed", "MR"), ("raised", "CT"), ("on_a_table", "CT"), ("noisy", "MR"))


@pytest.mark.parametrize(("name", "modality"), HARD)
def test_heads_as_they_come(name: str, modality: str) -> None:
    made = head(Scan(**prepare_faces.SCANS[name]))
    face = prepare_faces.face_of(made, modality)
    assert face is not None
    features, brain = parts(made, prepare_faces.taken(made, face))
    assert features > 0.9
    assert brain < 0.001


@pytest.mark.parametrize("name", prepare_faces.HELD)
def test_heads_of_which_too_little_is_seen_go_to_a_person(name: str) -> None:
    assert prepare_faces.face_of(head(Scan(**prepare_faces.HELD[name]))) is None


def test_slices_that_make_no_volume_go_to_a_person() -> None:
    series = head_series(WHOSE, head())[::8]
    series[3].ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    with pytest.raises(NoFace):
        find_face(series)
    series = head_series(WHOSE, head())[::8]
    for one in series:
        one.ImagePositionPatient = series[0].ImagePositionPatient
    with pytest.raises(NoFace):
        find_face(series)


def enhanced(series: list[FileDataset]) -> FileDataset:
    """The same volume as one multi-frame object with functional groups."""
    one = copy.deepcopy(series[0])
    one.NumberOfFrames = len(series)
    one.SharedFunctionalGroupsSequence = [
        item(
            PlaneOrientationSequence=[item(ImageOrientationPatient=one.ImageOrientationPatient)],
            PixelMeasuresSequence=[item(PixelSpacing=one.PixelSpacing)],
        )
    ]
    one.PerFrameFunctionalGroupsSequence = [
        item(PlanePositionSequence=[item(ImagePositionPatient=each.ImagePositionPatient)]) for each in series
    ]
    one.PixelData = b"".join(each.PixelData for each in series)
    del one.ImagePositionPatient, one.ImageOrientationPatient, one.PixelSpacing
    return one


def test_one_object_of_many_frames() -> None:
    series = head_series(WHOSE, head())
    one = enhanced(series)
    face = find_face([one])
    assert face == find_face(series)
    assert take_out_face(one, face)
    for each in series:
        take_out_face(each, face)
    assert np.array_equal(one.pixel_array, np.stack([each.pixel_array for each in series]))
    del one.PerFrameFunctionalGroupsSequence[-1]
    with pytest.raises(Undecodable):
        take_out_face(one, face)


def test_a_head_cut_below_the_vertex_goes_to_a_person() -> None:
    series = head_series(WHOSE, head())
    with pytest.raises(NoFace):
        find_face(series[:40])
    with pytest.raises(NoFace):
        find_face(series[:1])
    with pytest.raises(NoFace):
        find_face(series[-10:])


def test_air_has_no_face() -> None:
    series = head_series(WHOSE, head())
    for one in series:
        one.PixelData = bytes(len(one.PixelData))
    with pytest.raises(NoFace):
        find_face(series)


def test_a_volume_without_geometry_cannot_be_looked_at() -> None:
    series = head_series(WHOSE, head())
    del series[5].ImagePositionPatient
    with pytest.raises(Undecodable):
        find_face(series)
    series = head_series(WHOSE, head())
    series[0].PixelSpacing = [0, 0]
    with pytest.raises(Undecodable):
        find_face(series)


@pytest.mark.parametrize(
    ("modality", "keyword", "said", "expected"),
    [
        ("CT", "BodyPartExamined", "HEAD", True),
        ("MR", "SeriesDescription", "t1_mprage_brain", True),
        ("CT", "StudyDescription", "PET/CT whole_body", True),
        ("MR", "ProtocolName", "Schädel nativ", True),
        ("CT", "BodyPartExamined", "LIVER", False),
        ("US", "BodyPartExamined", "HEAD", False),
    ],
)
def test_what_calls_itself_a_head(modality: str, keyword: str, said: str, expected: bool) -> None:
    dataset = Dataset()
    dataset.Modality = modality
    setattr(dataset, keyword, said)
    assert shows_a_head(dataset) is expected


def test_a_part_of_the_volume_without_face_is_left_byte_for_byte() -> None:
    series = head_series(WHOSE, head())
    face = find_face(series)
    top = series[-1]
    before = top.PixelData
    assert not take_out_face(top, face)
    assert top.PixelData is before
    assert top.file_meta.TransferSyntaxUID == uid.ExplicitVRLittleEndian


def seen_from_the_side(nose_below: float, length: float = 230.0) -> tuple[np.ndarray, np.ndarray]:
    """Voxels of a flat head, 190 mm deep, with a nose so many mm below the vertex, which is at 0."""
    z, y = np.meshgrid(-np.arange(0.0, length, 2.0), np.arange(-130.0, 96.0, 2.0), indexing="ij")
    inside = (y >= -95) | ((y >= -115) & (np.abs(z + nose_below) < 5))
    return y[inside], z[inside]


def test_the_nose_says_how_far_a_head_is_bowed() -> None:
    skull = deface._Skull(top=0.0, front=-95.0, back=95.0, scale=1.0)
    angles = [deface._bowed(seen_from_the_side(below), skull) for below in (100.0, 125.0, 150.0)]
    assert angles == sorted(angles)
    assert abs(angles[1]) < np.deg2rad(6)
    with pytest.raises(NoFace, match="no nose"):
        deface._bowed(seen_from_the_side(125.0, length=70.0), skull)
    with pytest.raises(NoFace, match="no nose"):
        deface._bowed(seen_from_the_side(400.0), skull)
    far = deface._Skull(top=0.0, front=-95.0, back=-80.0, scale=1.0)
    with pytest.raises(NoFace, match="bowed too far"):
        deface._bowed(seen_from_the_side(170.0), far)
