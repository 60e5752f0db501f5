"""A volume with its side-car: what names it, what it may show, where its slices lie, what of a patient is left."""

import gzip
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from oncofed.contracts.errors import BadInput
from oncofed.imaging import nifti, sidecar, volumes
from oncofed.imaging.harmonise import read_volume
from oncofed.imaging.headers import Unusable
from oncofed.imaging.identifiers import Original, What, gather
from oncofed.imaging.quality import Instance, Unreadable, read_instance
from oncofed.imaging.quality.series import assess
from oncofed.imaging.residual import Expected, Finding
from oncofed.imaging.residual_volume import same_voxels, search_volume
from oncofed.prepare.checks import check
from tests.factories.volumes import a_volume, an_image


def named(path: Path) -> tuple[str, ...]:
    dataset = volumes.identified(volumes.read_pair(path), path)
    return tuple(str(dataset[keyword].value) for keyword in volumes.UIDS)


def test_what_is_not_named_is_the_same_wherever_the_files_lie(tmp_path: Path) -> None:
    one = a_volume(tmp_path / "a" / "x.nii.gz")
    other = tmp_path / "b" / "y.nii.gz"
    other.parent.mkdir()
    shutil.copyfile(one, other)
    shutil.copyfile(sidecar.sidecar_of(one), sidecar.sidecar_of(other))
    assert named(one) == named(other)
    assert all(uid.startswith(volumes.SUPPLIED) and len(uid) <= 64 for uid in named(one))


def test_what_names_a_study_and_a_series(tmp_path: Path) -> None:
    first = named(a_volume(tmp_path / "first.nii"))
    same_day = named(a_volume(tmp_path / "second.nii", image=an_image((3, 3, 3)), EchoTime=0.1))
    later = named(a_volume(tmp_path / "later.nii", AcquisitionDateTime="2021-03-04T10:11:12"))
    another = named(a_volume(tmp_path / "another.nii", PatientID="P2"))
    assert first[0] == same_day[0]
    assert len({first[0], later[0], another[0]}) == 3
    assert len({first[1], same_day[1], later[1], another[1]}) == 4


def test_given_uids_stay_but_that_of_the_instance(tmp_path: Path) -> None:
    """Two volumes of one series may have the same side-car; it names the DICOM file it was taken from."""
    given = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4", "SOPInstanceUID": "1.2.3.4.5"}
    one = named(a_volume(tmp_path / "one.nii", **given))
    two = named(a_volume(tmp_path / "two.nii", image=an_image((3, 3, 3)), **given))
    assert one[:2] == two[:2] == ("1.2.3", "1.2.3.4")
    assert len({one[2], two[2], "1.2.3.4.5"}) == 3


@pytest.mark.parametrize("uid", ["../../x", "Sørensen", "", "1" * 65, "1.2/3", f"{volumes.SUPPLIED}7"])
def test_what_cannot_be_a_uid_is_none(tmp_path: Path, uid: str) -> None:
    assert named(a_volume(tmp_path / "x.nii", StudyInstanceUID=uid))[0].startswith(volumes.SUPPLIED)
    assert named(tmp_path / "x.nii")[0] != uid


def test_what_a_series_must_say_is_taken_from_the_volume(tmp_path: Path) -> None:
    path = a_volume(tmp_path / "x.nii")
    dataset = volumes.identified(volumes.read_pair(path), path)
    assert dataset.StudyDate == "20200304"
    assert [float(one) for one in dataset.PixelSpacing] == pytest.approx([0.8, 0.7])
    assert float(dataset.SliceThickness) == 3
    a_volume(path, SliceThickness=2.5, StudyDate="20200101")
    dataset = volumes.identified(volumes.read_pair(path), path)
    assert (dataset.StudyDate, float(dataset.SliceThickness)) == ("20200101", 2.5)


def test_a_patient_id_that_is_a_sequence_is_none(tmp_path: Path) -> None:
    nested = {"00100020": {"vr": "SQ", "Value": [{"00100020": {"vr": "LO", "Value": ["P1"]}}]}}
    with pytest.raises(Unusable, match="sidecar-incomplete"):
        volumes.read_pair(a_volume(tmp_path / "x.nii", PatientID=None, **nested))


@pytest.mark.parametrize("missing", ["PatientID", "Modality"])
def test_a_side_car_must_name_patient_and_modality(tmp_path: Path, missing: str) -> None:
    with pytest.raises(Unusable, match="sidecar-incomplete"):
        volumes.read_pair(a_volume(tmp_path / "x.nii", **{missing: None}))
    with pytest.raises(Unusable, match="sidecar-incomplete"):
        volumes.read_pair(a_volume(tmp_path / "x.nii", **{missing: " "}))


def test_a_volume_must_be_called_so(tmp_path: Path) -> None:
    path = a_volume(tmp_path / "x.nii").rename(tmp_path / "x")
    with pytest.raises(Unusable, match="file-nifti"):
        volumes.read_pair(path)


@pytest.mark.parametrize(
    ("says", "kind", "shown"),
    [
        ({}, "<i2", False),
        ({"Modality": "CT"}, "<f4", False),
        ({"ImageType": ["DERIVED", "PRIMARY", "ADC"]}, "<f4", False),
        ({"Modality": "SEG"}, "u1", False),
        ({"Modality": "PT"}, "<f4", False),
        ({}, "u1", True),
        ({"ImageType": ["DERIVED", "SECONDARY"]}, "<i2", True),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "SCREENSHOT"]}, "<i2", True),
        ({"BurnedInAnnotation": "YES"}, "<i2", True),
        ({"Modality": "US"}, "<i2", True),
        ({"Modality": "MG"}, "<i2", True),
        ({"Modality": "SM"}, "<i2", True),
        ({"Modality": "anything"}, "<i2", True),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "<i2", True),
    ],
)
def test_which_volumes_a_person_must_see(tmp_path: Path, says: dict[str, object], kind: str, shown: bool) -> None:
    path = a_volume(tmp_path / "x.nii", image=an_image(kind=kind), **says)
    assert volumes.may_show_text(volumes.read_pair(path)) is shown


@pytest.mark.parametrize(
    ("says", "face"),
    [
        ({}, False),
        ({"BodyPart": "HEAD"}, True),
        ({"BodyPart": None}, True),
        ({"BodyPart": "BREAST", "ProtocolName": "whole body"}, True),
        ({"Modality": "CT", "BodyPart": "Skull"}, True),
        ({"Modality": "PT", "BodyPart": "HEAD"}, True),
        ({"Modality": "NM", "BodyPart": "HEAD"}, False),
    ],
)
def test_which_volumes_may_show_a_face(tmp_path: Path, says: dict[str, object], face: bool) -> None:
    pair = volumes.read_pair(a_volume(tmp_path / "x.nii", **says))
    assert volumes.may_show_face(pair.dataset) is face


def test_slices_lie_where_nibabel_puts_them(tmp_path: Path) -> None:
    image = an_image()
    header = nifti.read_header(a_volume(tmp_path / "x.nii", image=image))
    planes = list(volumes.planes(header))
    assert len(planes) == 5
    for number, (position, directions) in enumerate(planes):
        lps = np.diag([-1, -1, 1, 1]) @ image.affine
        np.testing.assert_allclose(position, (lps @ (0, 0, number, 1))[:3], atol=1e-4)
        np.testing.assert_allclose(directions[:3], lps[:3, 0] / 0.7, atol=1e-5)
        np.testing.assert_allclose(directions[3:], lps[:3, 1] / 0.8, atol=1e-5)


def test_a_volume_that_does_not_say_where_it_lies_has_no_planes() -> None:
    image = an_image()
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    assert not list(volumes.planes(nifti.parsed(image.to_bytes())))
    image.set_sform(np.zeros((4, 4)), 1)
    assert not list(volumes.planes(nifti.parsed(image.to_bytes())))
    assert not list(volumes.planes(nifti.parsed(an_image((4, 4)).to_bytes())))


# ---- what is left of a patient ---------------------------------------------------------------------------------------


@pytest.fixture
def original(tmp_path: Path) -> Original:
    return gather(volumes.read_pair(a_volume(tmp_path / "source" / "x.nii.gz")).dataset)


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """A volume and a side-car that say nothing of the patient."""
    return packed(tmp_path / "target" / "x.nii.gz", an_image().to_bytes(), b"{}\n")


def packed(path: Path, content: bytes, beside: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0))
    sidecar.sidecar_of(path).write_bytes(beside)
    return path


def findings(path: Path, original: Original) -> tuple[Finding, ...]:
    return search_volume(path, sidecar.sidecar_of(path), original, Expected(shift_days=-40))


def test_nothing_is_found_in_clean_files(clean: Path, original: Original) -> None:
    clean.write_bytes(b"".join(nifti.clean_volume(clean)))
    assert findings(clean, original) == ()


@pytest.mark.parametrize(
    ("beside", "what"),
    [
        ('{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Sørensen^Ann"}]}}', What.NAME),
        ('{"00080020": {"vr": "DA", "Value": ["20200304"]}}', What.DATE),
        ('{"0008103E": {"vr": "LO", "Value": ["for SOERENSEN"]}}', What.NAME),
        ('{"0040A160": {"vr": "UT", "Value": ["see A-77004"]}}', What.IDENTIFIER),
        ('{"00080080": {"vr": "LO", "Value": ["Ospedale Sant’Anna"]}}', What.PLACE),
        ('{"00091010": {"vr": "LO", "Value": ["x"]}}', What.PRIVATE),
        ("{}  // Sørensen", What.UNREADABLE),
        ("[1]", What.UNREADABLE),
    ],
)
def test_what_a_side_car_still_says_is_found(clean: Path, original: Original, beside: str, what: What) -> None:
    clean.write_bytes(b"".join(nifti.clean_volume(clean)))
    sidecar.sidecar_of(clean).write_text(beside, encoding="utf-8")
    assert what in {one.what for one in findings(clean, original)}


def test_what_only_the_bytes_say_is_found(clean: Path, original: Original) -> None:
    """The last of two equal keys is what a reader of JSON sees."""
    clean.write_bytes(b"".join(nifti.clean_volume(clean)))
    two = '{"0008103E": {"vr": "LO", "Value": ["Sørensen"]}, "0008103E": {"vr": "LO"}}'
    sidecar.sidecar_of(clean).write_text(two, encoding="utf-8")
    assert findings(clean, original) == (Finding(What.NAME, "bytes of the side-car"),)


def test_what_a_header_still_says_is_found(tmp_path: Path, original: Original) -> None:
    image = an_image(descrip=b"Sorensen", aux_file=b"x")
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"hidden"))
    path = packed(tmp_path / "t" / "x.nii.gz", image.to_bytes(), b"{}")
    places = {(one.what, one.place) for one in findings(path, original)}
    assert {(What.META, f"NIfTI {name}") for name in ("descrip", "aux_file", "extensions")} <= places
    assert (What.NAME, "bytes in front of the voxels") in places


def test_a_name_in_the_gzip_header_is_found(tmp_path: Path, clean: Path, original: Original) -> None:
    content = b"".join(nifti.clean_volume(clean))
    with gzip.GzipFile(tmp_path / "target" / "sorensen.nii", "wb", mtime=5) as file:
        file.write(gzip.decompress(content))
    (tmp_path / "target" / "sorensen.nii").rename(clean)
    assert findings(clean, original) == (Finding(What.META, "gzip header"),)


def test_a_volume_that_cannot_be_read_is_told(clean: Path, original: Original) -> None:
    clean.write_bytes(b"nothing")
    assert findings(clean, original) == (Finding(What.UNREADABLE, ""),)


def test_voxels_are_compared_bit_by_bit(tmp_path: Path) -> None:
    source = a_volume(tmp_path / "x.nii")
    target = tmp_path / "y.nii.gz"
    target.write_bytes(b"".join(nifti.clean_volume(source)))
    assert same_voxels(source, target)
    content = gzip.decompress(target.read_bytes())
    target.write_bytes(gzip.compress(content[:-1] + bytes([content[-1] ^ 1])))
    assert not same_voxels(source, target)
    target.write_bytes(gzip.compress(content + b"Sorensen"))
    assert not same_voxels(source, target)
    assert not same_voxels(source, tmp_path / "none.nii.gz")


# ---- as images -------------------------------------------------------------------------------------------------------


def instance(path: Path) -> Instance | Unreadable:
    return read_instance(path, path.parent)


def named_volume(path: Path, image: Any = None, **says: Any) -> Path:
    """A volume as it stands in a release."""
    uids = {keyword: f"1.2.3.{number}" for number, keyword in enumerate(volumes.UIDS)}
    return a_volume(path, image=image, **{**uids, "PatientIdentityRemoved": "YES"} | says)


def test_a_volume_is_a_series_of_slices_to_the_checks(tmp_path: Path) -> None:
    found = instance(named_volume(tmp_path / "x.nii"))
    assert isinstance(found, Instance)
    assert (found.frames, found.rows, found.columns, len(found.planes)) == (5, 6, 7, 5)
    assert found.spacing == pytest.approx((0.8, 0.7))
    assert found.pixels is not None
    assert (found.pixels.frames, found.pixels.low, found.pixels.high) == (5, 0, 96)
    assert found.transfer_syntax == nifti.FORM
    quality = assess([found])
    assert [issue.check for issue in quality.issues] == ["volume-nifti"]
    assert quality.step == pytest.approx(3)


def test_what_cannot_be_read_or_names_no_series_is_told(tmp_path: Path) -> None:
    path = named_volume(tmp_path / "x.nii", SeriesInstanceUID=None)
    assert instance(path) == Unreadable(path="x.nii", code="file-no-series")
    sidecar.sidecar_of(path).unlink()
    assert instance(path) == Unreadable(path="x.nii", code="file-nifti")


def test_numbers_that_are_none_count_as_nothing(tmp_path: Path) -> None:
    values = np.full((4, 4, 4), np.nan, np.float64)
    values[0, 0, 0], values[1, 1, 1] = np.inf, 1e300
    found = instance(named_volume(tmp_path / "x.nii", nib.Nifti1Image(values, np.eye(4))))
    assert isinstance(found, Instance)
    assert found.pixels is not None
    assert (found.pixels.low, found.pixels.blank_frames) == (0, 3)
    assert np.isfinite(found.pixels.deviation)
    assert Instance.model_validate_json(found.model_dump_json()) == found


def test_numbers_without_an_order_are_not_decoded(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((4, 4, 4), np.complex64), np.eye(4))
    found = instance(named_volume(tmp_path / "x.nii", image))
    assert isinstance(found, Instance)
    assert (found.pixels, found.pixel_problem) == (None, "pixels-undecodable")


@pytest.mark.parametrize(
    ("says", "kind", "shown"),
    [
        ({}, "<i2", True),
        ({"WindowCenter": 40, "WindowWidth": 400}, "<f4", True),
        ({"PatientIdentityRemoved": None}, "<i2", False),
        ({}, "u1", False),
    ],
)
def test_the_report_shows_a_slice_of_what_may_be_shown(
    tmp_path: Path, says: dict[str, Any], kind: str, shown: bool
) -> None:
    named_volume(tmp_path / "x.nii", an_image((64, 60, 3), kind), **says)
    pictures = check(tmp_path).images.thumbnails
    assert [(one.width, one.height) for one in pictures] == [(64, 60)] * shown


def test_a_volume_is_read_for_harmonisation_as_simpleitk_reads_it(tmp_path: Path) -> None:
    image = an_image()
    image.header.set_slope_inter(2.0, -5.0)
    path = named_volume(tmp_path / "x.nii", image)
    volume, peer = read_volume([path]), SimpleITK.ReadImage(str(path))
    np.testing.assert_allclose(volume.values, SimpleITK.GetArrayFromImage(peer), rtol=1e-6)
    assert volume.origin == pytest.approx(peer.GetOrigin(), abs=1e-4)
    assert volume.spacing[::-1] == pytest.approx(peer.GetSpacing(), abs=1e-5)
    np.testing.assert_allclose(np.array(volume.axes[::-1]).T.ravel(), peer.GetDirection(), atol=1e-5)


def _sheared() -> Any:
    affine = np.eye(4)
    affine[0, 1] = 0.5
    return nib.Nifti1Image(np.zeros((3, 3, 3), "<i2"), affine)


@pytest.mark.parametrize("image", [an_image((3, 3, 3, 2)), _sheared(), nib.Nifti1Image(np.zeros((3, 3, 3)), None)])
def test_what_is_no_volume_for_harmonisation(tmp_path: Path, image: Any) -> None:
    with pytest.raises(BadInput, match="volume-invalid"):
        read_volume([named_volume(tmp_path / "x.nii", image)])
    (tmp_path / "x.nii").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="volume-invalid"):
        read_volume([tmp_path / "x.nii"])
