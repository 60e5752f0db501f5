"""NIfTI headers and voxels, beside nibabel: the same numbers, no text, and nothing that grows without end."""

import gzip
import io
import struct
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oncofed.imaging import nifti
from oncofed.imaging.headers import Unusable
from tests.factories.volumes import an_image

_numbers = st.floats(-1, 1, allow_nan=False, width=32)


def _swapped(image: Any, order: str) -> Any:
    """The image with its header in this byte order."""
    header = image.header.as_byteswapped(order)
    return type(image)(np.asarray(image.dataobj).astype(np.dtype("i2").newbyteorder(order)), None, header)


def _header(image: Any) -> bytes:
    """The header of an image as it is given, which ``to_bytes`` would put right."""
    header = image.header.copy()
    header["vox_offset"] = header.sizeof_hdr + 4
    return header.binaryblock


def _written(path: Path, content: bytes, *, packed: bool) -> Path:
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


def _read(content: bytes, version: int) -> Any:
    kind = nib.Nifti1Image if version == 1 else nib.Nifti2Image
    return kind.from_bytes(content)


@settings(max_examples=60, deadline=None)
@given(
    version=st.sampled_from([1, 2]),
    order=st.sampled_from("<>"),
    packed=st.booleans(),
    junk=st.binary(min_size=252, max_size=252),
    extensions=st.lists(st.binary(min_size=1, max_size=90), max_size=3),
    behind=st.binary(max_size=40),
)
def test_texts_and_extensions_go_and_all_else_stays(
    tmp_path_factory: pytest.TempPathFactory, version, order, packed, junk, extensions, behind
) -> None:
    image = _swapped(an_image(version=version), order)
    for content in extensions:
        image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", content))
    raw = bytearray(image.to_bytes())
    layout = nifti._layout(version)
    for _, start, end in layout.texts:
        raw[start:end] = junk[: end - start]
    source = _written(tmp_path_factory.mktemp("n") / "x.nii", bytes(raw) + behind, packed=packed)
    new = gzip.decompress(b"".join(nifti.clean_volume(source)))
    old, made = _read(bytes(raw), version), _read(new, version)
    for name in ("descrip", "aux_file", "intent_name", *(("db_name", "data_type") if version == 1 else ())):
        assert not made.header[name].item()
    assert not made.header.extensions
    assert made.header.endianness == order
    kept = set(made.header.keys()) - {name for name, _, _ in layout.texts} - {"vox_offset"}
    for name in kept:
        np.testing.assert_array_equal(made.header[name], old.header[name], err_msg=name)
    begin, size = old.dataobj.offset, 2 * 7 * 6 * 5
    assert new[layout.size + 4 :] == bytes(raw[begin : begin + size])
    assert new[layout.size : layout.size + 4] == bytes(4)
    assert len(junk.strip(b"\0")) < 4 or junk[:80].strip(b"\0") not in new


@settings(max_examples=60, deadline=None)
@given(
    version=st.sampled_from([1, 2]),
    quaternion=st.tuples(_numbers, _numbers, _numbers).filter(lambda q: sum(one * one for one in q) < 0.99),
    qfac=st.sampled_from([-1.0, 1.0]),
    codes=st.sampled_from([(0, 0), (1, 0), (0, 2), (1, 4)]),
)
@example(version=2, quaternion=(0.0, 1.0, 0.0), qfac=-1.0, codes=(1, 0))
def test_the_place_of_voxels_is_that_of_nibabel(version, quaternion, qfac, codes) -> None:
    image = an_image(version=version)
    header = image.header
    header["pixdim"][0] = qfac
    header["quatern_b"], header["quatern_c"], header["quatern_d"] = quaternion
    header["qform_code"], header["sform_code"] = codes
    found = nifti.parsed(_header(image))
    assert found.shape == (7, 6, 5)
    assert found.spacing == pytest.approx((0.7, 0.8, 3.0))
    if codes == (0, 0):
        assert found.affine is None
    else:
        np.testing.assert_allclose(found.affine, header.get_best_affine()[:3], atol=1e-4)


@pytest.mark.parametrize(("unit", "factor"), [("unknown", 1), ("meter", 1000), ("mm", 1), ("micron", 0.001)])
def test_lengths_are_told_in_mm(unit: str, factor: float) -> None:
    image = an_image()
    image.header.set_xyzt_units(unit, "sec")
    found = nifti.parsed(_header(image))
    assert found.spacing[2] == pytest.approx(3 * factor)
    assert found.affine[2][3] == pytest.approx(12.5 * factor)


@pytest.mark.parametrize("kind", ["u1", "i1", "<i2", ">u2", "<i4", "<u4", "<i8", "<u8", ">f4", "<f8"])
def test_slices_are_those_of_nibabel(tmp_path: Path, kind: str) -> None:
    image = an_image((4, 3, 3, 2), kind)
    nib.save(image, tmp_path / "x.nii.gz")
    header = nifti.read_header(tmp_path / "x.nii.gz")
    assert (header.n_frames, header.bits, header.coloured) == (6, np.dtype(kind).itemsize * 8, False)
    values = np.asarray(nib.load(tmp_path / "x.nii.gz").dataobj)
    for index, frame in zip((1, 4, 5), nifti.frames(tmp_path / "x.nii.gz", (1, 4, 5)), strict=True):
        np.testing.assert_array_equal(frame, values[:, :, index % 3, index // 3].T)


def test_colours_are_three_numbers(tmp_path: Path) -> None:
    colours = np.arange(4 * 3 * 2 * 3, dtype="u1").reshape(4, 3, 2, 3)
    stored = np.ascontiguousarray(colours).view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    nib.save(nib.Nifti1Image(stored, np.eye(4)), tmp_path / "x.nii")
    header = nifti.read_header(tmp_path / "x.nii")
    assert (header.coloured, header.bits, header.ceiling) == (True, 8, 255)
    (frame,) = nifti.frames(tmp_path / "x.nii", [1])
    np.testing.assert_array_equal(frame, colours[:, :, 1].transpose(1, 0, 2))


def test_numbers_without_an_order_have_no_slices(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2), np.complex64), np.eye(4)), tmp_path / "x.nii")
    with pytest.raises(ValueError, match="order"):
        list(nifti.frames(tmp_path / "x.nii", [0]))


def test_the_same_volume_gives_the_same_bytes_and_says_nothing_of_the_file(tmp_path: Path) -> None:
    content = an_image().to_bytes()
    with gzip.GzipFile(tmp_path / "sorensen.nii.gz", "wb", mtime=1_600_000_000) as packed:
        packed.write(content)
    plain = _written(tmp_path / "other.nii", content, packed=False)
    one, other = (b"".join(nifti.clean_volume(path)) for path in (tmp_path / "sorensen.nii.gz", plain))
    assert one == other
    assert one[:8] == b"\x1f\x8b\x08\0\0\0\0\0"
    assert nifti.digest(plain) == nifti.digest(tmp_path / "sorensen.nii.gz")


def _with(offset: int, form: str, *values: float) -> bytes:
    raw = bytearray(an_image().to_bytes())
    struct.pack_into(form, raw, offset, *values)
    return bytes(raw)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "nifti-damaged"),
        (b"not a volume at all" * 40, "nifti-damaged"),
        (_with(344, "4s", b"ni1\0"), "nifti-two-files"),
        (_with(344, "4s", b"abcd"), "nifti-damaged"),
        (_with(40, "<h", 8), "nifti-damaged"),
        (_with(40, "<h", 0), "nifti-damaged"),
        (_with(42, "<h", -3), "nifti-damaged"),
        (_with(70, "<h", 3), "nifti-damaged"),
        (_with(72, "<h", 8), "nifti-damaged"),
        (_with(108, "<f", float("nan")), "nifti-damaged"),
        (_with(108, "<f", 348), "nifti-damaged"),
        (_with(108, "<f", 1e9), "nifti-damaged"),
        (_with(40, "<5h", 4, 32767, 32767, 32767, 32767), "nifti-damaged"),
    ],
)
def test_a_header_that_does_not_hold_together(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(Unusable, match=code):
        nifti.read_header(_written(tmp_path / "x.nii.gz", content, packed=True))


def test_what_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="file-unreadable"):
        nifti.read_header(tmp_path / "x.nii")


def test_places_beyond_all_bodies_are_none() -> None:
    image = an_image()
    image.header["srow_x"] = (1, 0, 0, float("inf"))
    image.header["pixdim"][3] = float("nan")
    found = nifti.parsed(_header(image))
    assert found.affine is None
    assert found.spacing[2] == 0


@pytest.mark.parametrize("cut", [100, 349, 400])
@pytest.mark.parametrize("packed", [False, True])
def test_a_volume_that_ends_too_early(tmp_path: Path, cut: int, packed: bool) -> None:
    content = an_image().to_bytes()
    short = content[:cut] if not packed else gzip.compress(content)[: cut // 4]
    path = tmp_path / "x.nii.gz"
    path.write_bytes(short)
    with pytest.raises(Unusable, match="nifti-damaged"):
        list(nifti.clean_volume(path))


def test_a_bomb_is_not_unpacked_beyond_what_its_header_says(tmp_path: Path) -> None:
    """64 MiB of zeros behind a volume of 420 bytes: given up after the fixed limit."""
    content = an_image().to_bytes()
    held = io.BytesIO()
    with gzip.GzipFile(fileobj=held, mode="wb", compresslevel=1) as packed:
        packed.write(content)
        for _ in range(64):
            packed.write(bytes(1 << 20))
    path = tmp_path / "x.nii.gz"
    path.write_bytes(held.getvalue())
    pieces = []
    with pytest.raises(Unusable, match="nifti-damaged"):
        pieces.extend(nifti.clean_volume(path))
    assert sum(map(len, pieces)) < 1000


def test_names_and_content_tell_what_is_a_volume() -> None:
    one, two = an_image().to_bytes(), an_image(version=2).to_bytes()
    assert nifti.is_nifti(one)
    assert nifti.is_nifti(two)
    assert not nifti.is_nifti(b"\0" * 600)
    assert nifti.is_named_nifti("A.NII.GZ")
    assert not nifti.is_named_nifti("A.nii.json")
