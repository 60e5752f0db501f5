"""A damaged image that ends GDCM's process is one that cannot be decoded, and the next one can."""

import io
import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from oncofed.imaging import codecs, pixels
from oncofed.imaging.pixels.frames import pictures
from oncofed.imaging.quality import read_instance

LOSSLESS = Path(get_testdata_file("SC_rgb_jpeg_gdcm.dcm", read=False))
NAME = "gdcm-apart"


def damaged() -> bytes:
    """With another third byte of its JPEG, at which GDCM throws what nobody catches."""
    content = LOSSLESS.read_bytes()
    at = content.index(b"\xff\xd8\xff", 132) + 2
    return content[:at] + b"\0" + content[at + 1 :]


def opened(content: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(content))


def test_a_damaged_image_ends_only_the_decoder() -> None:
    with pytest.raises(pixels.Undecodable):
        next(pictures(opened(damaged())))
    assert next(pictures(opened(LOSSLESS.read_bytes()))).shape == (100, 100)


def test_the_check_of_quality_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(damaged())
    found = read_instance(path, tmp_path)
    assert (found.pixels, found.pixel_problem) == (None, "pixels-undecodable")


@pytest.mark.parametrize("name", ["SC_rgb_jpeg_gdcm.dcm", "JPEG2000.dcm", "SC_rgb_jpeg_lossy_gdcm.dcm"])
def test_it_decodes_as_gdcm_does(name: str) -> None:
    """JPEG 2000 and baseline JPEG too, for which others come first."""
    dataset = pydicom.dcmread(get_testdata_file(name, read=False))
    decoder = codecs.get_decoder(dataset.file_meta.TransferSyntaxUID)
    apart, properties = decoder.as_array(dataset, decoding_plugin=NAME, raw=True)
    try:
        decoder.remove_plugin(NAME)
        decoder.add_plugin("gdcm", ("pydicom.pixels.decoders.gdcm", "_decode_frame"))
        here, same = decoder.as_array(dataset, decoding_plugin="gdcm", raw=True)
    finally:
        decoder.remove_plugin("gdcm")
        decoder.add_plugin(NAME, ("oncofed.imaging.codecs", "decode_apart"))
    assert np.array_equal(apart, here)
    assert properties == same


def test_gdcm_is_known_only_apart() -> None:
    for syntax in codecs.DECODER_DEPENDENCIES:
        assert "gdcm" not in codecs.get_decoder(syntax).available_plugins


def served(content: bytes) -> bytes:
    """What the other process answers to these bytes, in this one."""
    given, answers = os.pipe(), io.BytesIO()
    os.write(given[1], content)
    os.close(given[1])
    with os.fdopen(given[0], "rb") as stream:
        codecs._answer_all(stream, answers)
    return answers.getvalue()


def test_the_conversation() -> None:
    dataset = opened(LOSSLESS.read_bytes())
    frame = next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))
    asked = {
        "syntax": str(dataset.file_meta.TransferSyntaxUID), "rows": 100, "columns": 100, "samples_per_pixel": 3,
        "bits_allocated": 8, "bits_stored": 8, "pixel_representation": 0, "planar_configuration": 0,
        "photometric_interpretation": "RGB", "number_of_frames": 1,
    }  # fmt: skip
    question = io.BytesIO()
    codecs._put(question, asked, frame)
    codecs._put(question, asked | {"syntax": "1.2.840.10008.1.2.4.51", "bits_stored": 12}, frame)
    answers = io.BytesIO(served(question.getvalue()))
    told, decoded = codecs._got(answers)
    assert len(decoded) == 30_000
    assert told["rows"] == 100
    assert codecs._got(answers) == ({"error": "NotImplementedError"}, b"")
    assert served(question.getvalue()[:20]) == b""
