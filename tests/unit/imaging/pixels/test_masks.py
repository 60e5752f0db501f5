"""Masks: no pixel outside them changes, in any transfer syntax; nothing inside them is left."""

import io
import warnings
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, uid
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate_extended, generate_frames
from pydicom.pixels import pixel_array

from oncofed.imaging.pixels import masks
from oncofed.imaging.pixels.frames import Undecodable, Window, layout, opened, projection, stored, syntax
from oncofed.imaging.pixels.masks import blank, clear_unused_bits
from oncofed.imaging.pixels.rectangles import Rectangle, pixels_in

REAL = [
    ("MR_small_implicit.dcm", uid.ImplicitVRLittleEndian),
    ("MR_small_bigendian.dcm", uid.ExplicitVRBigEndian),
    ("ExplVR_BigEnd.dcm", uid.ExplicitVRBigEndian),
    ("SC_rgb_small_odd_big_endian.dcm", uid.ExplicitVRBigEndian),
    ("SC_ybr_full_422_uncompressed.dcm", uid.ExplicitVRLittleEndian),
    ("examples_palette.dcm", uid.ExplicitVRLittleEndian),
    ("rtdose.dcm", uid.ImplicitVRLittleEndian),
    ("MR_small_RLE.dcm", uid.RLELossless),
    ("SC_rgb_rle_16bit_2frame.dcm", uid.RLELossless),
    ("SC_rgb_rle_32bit.dcm", uid.ExplicitVRLittleEndian),  # 32 bits in RLE are not in the standard
    ("rtdose_rle.dcm", uid.ExplicitVRLittleEndian),
    ("MR_small_jp2klossless.dcm", uid.JPEG2000Lossless),
    ("GDCMJ2K_TextGBR.dcm", uid.JPEG2000Lossless),
    ("J2K_pixelrep_mismatch.dcm", uid.JPEG2000Lossless),
    ("693_J2KI.dcm", uid.JPEG2000Lossless),
    ("MR_small_jpeg_ls_lossless.dcm", uid.JPEGLSLossless),
    ("JPEGLSNearLossless_16.dcm", uid.JPEGLSLossless),
    ("SC_rgb_jls_lossy_sample.dcm", uid.JPEGLSLossless),
    ("SC_rgb_jpeg_gdcm.dcm", uid.JPEG2000Lossless),
    ("SC_rgb_dcmtk_+eb+cy+np.dcm", uid.RLELossless),
    ("SC_rgb_dcmtk_+eb+cr.dcm", uid.JPEG2000Lossless),
    ("SC_rgb_small_odd_jpeg.dcm", uid.RLELossless),
    ("examples_ybr_color.dcm", uid.RLELossless),
]


def real(name: str) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(str(get_testdata_file(name)))


def reread(dataset: Dataset) -> Dataset:
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(written)
        return pydicom.dcmread(io.BytesIO(written.getvalue()))


def frames_of(dataset: Dataset) -> np.ndarray[Any, Any]:
    """(frames, rows, columns, …) as a reader sees them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pixel_array(dataset)
    return found if int(dataset.get("NumberOfFrames") or 1) > 1 else found[None]


@pytest.mark.parametrize(("name", "written_as"), REAL)
def test_real_files_of_every_syntax_keep_each_pixel_outside(name: str, written_as: str) -> None:
    dataset = real(name)
    before = frames_of(dataset)
    box = Rectangle(0, 0, max(dataset.Columns // 6 * 2, 1), max(dataset.Rows // 4, 1))
    inside = pixels_in([box], dataset.Columns, dataset.Rows)
    assert blank(dataset, [box])
    after = reread(dataset)
    assert syntax(after) == written_as
    seen = frames_of(after)
    assert np.array_equal(seen[:, ~inside], before[:, ~inside])
    for frame in seen[:, inside]:
        assert (frame == frame[0]).all()
    assert (0xFFFE, 0xE0DD) not in after


def by_gdcm(name: str, kind: str, target: Path) -> Dataset:
    """The same image in a syntax that pydicom has no file of."""
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(get_testdata_file(name)))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, kind)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return pydicom.dcmread(target)


@pytest.mark.parametrize("kind", ["JPEGLosslessProcess14", "JPEGLosslessProcess14_1", "DeflatedExplicitVRLittleEndian"])
@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm"])
def test_lossless_syntaxes_of_which_there_is_no_file(name: str, kind: str, tmp_path: Path) -> None:
    dataset = by_gdcm(name, kind, tmp_path / "made.dcm")
    before = frames_of(real(name))
    assert syntax(dataset).is_encapsulated is (kind != "DeflatedExplicitVRLittleEndian")
    box = Rectangle(3, 5, 40, 30)
    assert blank(dataset, [box])
    after = reread(dataset)
    inside = pixels_in([box], dataset.Columns, dataset.Rows)
    seen = frames_of(after)
    assert np.array_equal(seen[:, ~inside], before[:, ~inside])
    assert np.ptp(seen[:, inside]) == 0
    assert after.get("LossyImageCompression") == real(name).get("LossyImageCompression")


def test_black_is_a_value_the_frame_has_and_the_darkest_one() -> None:
    ct = real("CT_small.dcm")
    darkest = frames_of(ct).min()
    blank(ct, [Rectangle(40, 40, 60, 60)])
    assert (frames_of(ct)[0, 40:60, 40:60] == darkest).all()
    inverted = real("CT_small.dcm")
    inverted.PhotometricInterpretation = "MONOCHROME1"
    brightest = frames_of(inverted).max()
    blank(inverted, [Rectangle(40, 40, 60, 60)])
    assert (frames_of(inverted)[0, 40:60, 40:60] == brightest).all()


def test_a_lossy_image_stays_said_to_be_lossy() -> None:
    dataset = real("SC_rgb_jls_lossy_line.dcm")
    dataset.LossyImageCompression = "00"
    (one,) = generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData, dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = encapsulate_extended([one])
    blank(dataset, [Rectangle(0, 0, 5, 5)])
    assert dataset.LossyImageCompression == "01"
    assert "ExtendedOffsetTable" not in dataset
    assert "ExtendedOffsetTableLengths" not in dataset


def test_nothing_to_blank_changes_nothing() -> None:
    dataset = real("MR_small_RLE.dcm")
    before = dataset.PixelData
    assert not blank(dataset, [])
    assert not blank(dataset, [Rectangle(500, 500, 600, 600)])
    assert dataset.PixelData == before


def made(shape: tuple[int, int, int], **form: Any) -> Dataset:
    """Native pixels, each byte another than its neighbours."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = form.pop("syntax", uid.ExplicitVRLittleEndian)
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = shape
    dataset.SamplesPerPixel = form.pop("samples", 1)
    dataset.BitsAllocated = dataset.BitsStored = form.pop("bits", 8)
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = form.pop("signed", 0)
    dataset.PhotometricInterpretation = form.pop("photometric", "MONOCHROME2")
    if dataset.SamplesPerPixel > 1:
        dataset.PlanarConfiguration = form.pop("planar", 0)
    count = shape[0] * shape[1] * shape[2] * dataset.SamplesPerPixel
    if dataset.PhotometricInterpretation.endswith("422"):
        count = count // 3 * 2
    size = dataset.BitsAllocated // 8
    data = np.random.default_rng(5).integers(1, 255, count * size, dtype=np.uint8).tobytes()
    dataset.add_new("PixelData", form.pop("vr", "OB" if size == 1 else "OW"), data + b"\0" * (len(data) % 2))
    return dataset


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from([(1, "MONOCHROME2"), (1, "MONOCHROME1"), (3, "RGB"), (3, "YBR_FULL")]),
    st.sampled_from([8, 16, 32]),
    st.sampled_from([0, 1]),
    st.sampled_from([0, 1]),
    st.tuples(*(st.integers(0, 9) for _ in range(4))),
)
def test_native_bytes_outside_stay_byte_for_byte(
    shape: tuple[int, int, int],
    kind: tuple[int, str],
    bits: int,
    planar: int,
    signed: int,
    corners: tuple[int, int, int, int],
) -> None:
    samples, photometric = kind
    dataset = made(shape, samples=samples, photometric=photometric, bits=bits, planar=planar, signed=signed)
    before = dataset.PixelData
    inside = pixels_in([Rectangle(*corners)], shape[2], shape[1])
    assert blank(dataset, [Rectangle(*corners)]) == bool(inside.any())
    arranged = (shape[0], samples, *shape[1:]) if planar and samples > 1 else (*shape, samples)
    axis = 1 if planar and samples > 1 else 3
    count = int(np.prod(arranged)) * bits // 8
    old, new = (
        np.moveaxis(np.frombuffer(data[:count], f"<u{bits // 8}").reshape(arranged), axis, -1)
        for data in (before, dataset.PixelData)
    )
    assert np.array_equal(old[:, ~inside], new[:, ~inside])
    for frame in new[:, inside]:
        assert (frame == frame[:1]).all()
    assert len(dataset.PixelData) == len(before)


def test_two_pixels_that_share_their_colour_go_together() -> None:
    dataset = made((2, 4, 8), samples=3, photometric="YBR_FULL_422")
    before = np.frombuffer(dataset.PixelData, np.uint8).reshape(2, 4, 4, 4)
    blank(dataset, [Rectangle(3, 1, 5, 2)])
    after = np.frombuffer(dataset.PixelData, np.uint8).reshape(2, 4, 4, 4)
    assert (after[:, 1, 1:3] == (0, 0, 128, 128)).all()
    changed = (before != after).any(axis=3)
    changed[:, 1, 1:3] = False
    assert not changed.any()


def test_bytes_swapped_in_words_of_big_endian_files() -> None:
    dataset = made((2, 2, 4), syntax=uid.ExplicitVRBigEndian, vr="OW")
    plain = np.frombuffer(dataset.PixelData, "u2").byteswap().tobytes()
    blank(dataset, [Rectangle(0, 0, 1, 2)])
    after = np.frombuffer(dataset.PixelData, "u2").byteswap().tobytes()
    old, new = (np.frombuffer(data, np.uint8).reshape(2, 2, 4) for data in (plain, after))
    assert np.array_equal(old[:, :, 1:], new[:, :, 1:])
    assert (new[:, :, 0] == old.min(axis=(1, 2))[:, None]).all()


@pytest.mark.parametrize(
    "dataset",
    [
        made((3, 3, 3), syntax=uid.ExplicitVRBigEndian, vr="OW"),  # odd frames of bytes in words
        made((1, 4, 4), bits=64),
        made((1, 4, 4), samples=2),
        made((0, 4, 4)),
        made((1, 4, 5), samples=3, photometric="YBR_FULL_422"),
        real("MR_truncated.dcm"),
        real("JPEG2000-embedded-sequence-delimiter.dcm"),
        real("liver_1frame.dcm"),
    ],
)
def test_what_cannot_be_masked_is_left_as_it_was(dataset: Dataset) -> None:
    before = dataset.PixelData
    with pytest.raises(Undecodable):
        blank(dataset, [Rectangle(0, 0, 2, 2)])
    assert dataset.PixelData == before


def test_compressed_frames_of_another_size_than_the_header_says() -> None:
    dataset = real("MR_small_jp2klossless.dcm")
    dataset.Rows = 32
    before = dataset.PixelData
    with pytest.raises(Undecodable):
        blank(dataset, [Rectangle(0, 0, 2, 2)])
    assert dataset.PixelData == before


def test_an_encoder_that_loses_something_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = real("MR_small_jp2klossless.dcm")
    monkeypatch.setitem(
        masks.LOSSLESS, uid.JPEG2000Lossless, uid.JPEG2000
    )  # a syntax for which nothing lossless is set
    before = frames_of(dataset)
    blank(dataset, [Rectangle(0, 0, 8, 8)])
    assert syntax(dataset) == uid.ExplicitVRLittleEndian
    assert np.array_equal(frames_of(reread(dataset))[:, 8:], before[:, 8:])


def test_large_pixels_go_through_a_file_that_pydicom_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "BIG", 100)
    for name in ("SC_rgb_rle_2frame.dcm", "rtdose.dcm"):
        dataset = real(name)
        before = frames_of(dataset)
        blank(dataset, [Rectangle(0, 0, 3, 3)], spool=tmp_path)
        assert not isinstance(dataset["PixelData"].value, bytes)
        after = frames_of(reread(dataset))
        assert np.array_equal(after[:, 3:], before[:, 3:])
        assert not list(tmp_path.iterdir())
        dataset["PixelData"].value.close()


def test_pixels_are_read_from_a_window_of_a_file(tmp_path: Path) -> None:
    dataset = made((4, 6, 6), bits=16)
    whole = dataset.PixelData
    path = tmp_path / "pixels"
    path.write_bytes(b"before" + whole + b"after")
    with path.open("rb") as stream:
        dataset.add_new("PixelData", "OW", Window(stream, 6, len(whole)))
        assert np.array_equal(np.concatenate([frame for frame, _ in stored(dataset)]).tobytes(), whole)
        assert projection(dataset).frames == 4
        assert opened(dataset).read() == whole
        blank(dataset, [Rectangle(0, 0, 6, 6)])
    assert len(set(np.frombuffer(dataset.PixelData, "<u2").reshape(4, -1)[0].tolist())) == 1


def test_a_window_reads_as_a_file_does() -> None:
    window = Window(io.BytesIO(b"0123456789"), 2, 5)
    assert window.readable()
    assert window.seekable()
    assert window.read(2) == b"23"
    assert window.tell() == 2
    assert window.seek(-1, io.SEEK_END) == 4
    assert window.read() == b"6"
    assert window.read(5) == b""
    assert window.seek(-9, io.SEEK_CUR) == 0
    assert window.read(None) == b"23456"


def test_bits_that_the_image_does_not_use_are_cleared() -> None:
    dataset = made((1, 2, 2), bits=16)
    dataset.BitsStored, dataset.HighBit = 12, 11
    dataset.PixelData = np.array([0xF123, 0x0FFF, 0x1000, 0x0001], "<u2").tobytes()
    assert clear_unused_bits(dataset)
    assert np.frombuffer(dataset.PixelData, "<u2").tolist() == [0x123, 0xFFF, 0, 1]
    assert not clear_unused_bits(dataset)


def test_the_sign_of_a_sample_reaches_up_into_the_unused_bits() -> None:
    dataset = made((1, 2, 2), bits=16, signed=1)
    dataset.BitsStored, dataset.HighBit = 12, 11
    dataset.PixelData = np.array([-5, 5, -2048, 2047], "<i2").tobytes()
    assert not clear_unused_bits(dataset)
    dataset.PixelData = np.array([0x1FFB, 5, 0xF800, 0x17FF], "<u2").tobytes()
    assert clear_unused_bits(dataset)
    assert np.frombuffer(dataset.PixelData, "<i2").tolist() == [-5, 5, -2048, 2047]


def test_no_unused_bits_to_clear() -> None:
    assert not clear_unused_bits(made((1, 2, 2)))
    assert not clear_unused_bits(real("MR_small_RLE.dcm"))


def test_the_layout_of_real_files() -> None:
    found = layout(real("SC_ybr_full_422_uncompressed.dcm"))
    assert found.halved
    assert found.frame_bytes == 100 * 100 * 2


def test_a_palette_that_cannot_be_read_gives_its_first_entry() -> None:
    dataset = made((1, 4, 4), photometric="PALETTE COLOR")
    blank(dataset, [Rectangle(0, 0, 2, 2)])
    assert (np.frombuffer(dataset.PixelData, np.uint8).reshape(4, 4)[:2, :2] == 0).all()


def test_frames_that_are_missing_are_not_made_up() -> None:
    dataset = real("SC_rgb_rle_2frame.dcm")
    dataset.NumberOfFrames = 3
    before = dataset.PixelData
    with pytest.raises(Undecodable):
        blank(dataset, [Rectangle(0, 0, 2, 2)])
    assert dataset.PixelData == before
