"""The byte-level reader gives what pydicom gives, on every file there is, or leaves it to pydicom."""

import io
import logging
import struct
from dataclasses import replace
from pathlib import Path

import pydicom.data
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncofed.imaging import headers
from oncofed.imaging.headers import ATTRIBUTES, FileHeader, Unusable, read_header, read_stream, read_with_pydicom

PYDICOM = Path(pydicom.data.__file__).parent
TRICKY = ("CT_small.dcm", "rtplan.dcm", "nested_priv_SQ.dcm", "chrH32.dcm", "test-SR.dcm", "reportsi.dcm")


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """pydicom logs values that bend the standard, thousands of them here."""
    caplog.set_level(logging.CRITICAL, "pydicom")


def both(content: bytes) -> tuple[FileHeader | str, FileHeader | str]:
    """What the two readers make of bytes: a header, or why not."""
    found: list[FileHeader | str] = []
    for reader in (read_stream, read_with_pydicom):
        try:
            found.append(reader(io.BytesIO(content)))
        except Unusable as problem:
            found.append(problem.code)
        except headers.BROKEN:
            found.append(headers.DAMAGED)
    return found[0], found[1]


def files_of_pydicom() -> list[Path]:
    return sorted(path for path in PYDICOM.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc"))


def compared(paths: list[Path]) -> tuple[int, int]:
    """Number of headers, and of those that the byte-level reader gave; fails where the readers differ."""
    read = fast = 0
    for path in paths:
        mine, peer = both(path.read_bytes())
        if isinstance(mine, str) or isinstance(peer, str):
            assert mine == peer, path
            continue
        assert replace(mine, byte_level=False) == peer, path
        read += 1
        fast += mine.byte_level
    return read, fast


def test_same_as_pydicom_on_its_own_files() -> None:
    read, fast = compared(files_of_pydicom())
    assert read > 150
    assert fast > 0.75 * read


def test_same_as_pydicom_on_the_corpus(shared: Path) -> None:
    read, fast = compared(sorted(path for path in (shared / "dicom").rglob("*") if path.is_file()))
    assert read == fast == 481


def test_names_beyond_latin_letters_are_read() -> None:
    name = read_header(PYDICOM / "charset_files" / "chrH31.dcm")["PatientName"]
    assert name == "Yamada^Tarou=山田^太郎=やまだ^たろう"


def test_attributes_stand_in_ascending_order() -> None:
    assert list(ATTRIBUTES) == sorted(ATTRIBUTES)
    assert all(pydicom.datadict.keyword_for_tag(tag) == keyword for tag, (keyword, _) in ATTRIBUTES.items())


def test_a_missing_value_reads_as_nothing() -> None:
    assert read_header(PYDICOM / "test_files" / "CT_small.dcm")["BurnedInAnnotation"] == ""


def test_a_header_longer_than_the_first_window() -> None:
    content = bytearray((PYDICOM / "test_files" / "CT_small.dcm").read_bytes())
    at = content.index(b"\x10\x00\x10\x00PN")
    long = struct.pack("<HH2sHI", 0x000F, 0x0011, b"UN", 0, 300_000) + b"x" * 300_000
    header = read_stream(io.BytesIO(bytes(content[:at] + long + content[at:])))
    assert header.byte_level
    assert header["PatientID"] == "1CT1"


@pytest.mark.parametrize(("content", "code"), [(b"", "file-not-dicom"), (b"GIF89a" * 99, "file-not-dicom")])
def test_what_is_no_dicom(content: bytes, code: str) -> None:
    assert both(content) == (code, code)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="file-unreadable"):
        read_header(tmp_path / "nothing")


def test_a_sequence_said_to_hold_four_gigabytes() -> None:
    content = bytearray((PYDICOM / "test_files" / "CT_small.dcm").read_bytes())
    at = content.index(b"\x10\x00\x10\x00PN")
    lie = struct.pack("<HH2sHI", 0x000F, 0x0011, b"SQ", 0, 0xFFFFFFFE)
    mine, peer = both(bytes(content[:at] + lie + content[at:]))
    assert isinstance(mine, str) == isinstance(peer, str)
    assert not (isinstance(mine, FileHeader) and mine.byte_level)


@pytest.mark.parametrize("depth", [3, 50])
def test_sequences_inside_sequences(depth: int) -> None:
    content = (PYDICOM / "test_files" / "CT_small.dcm").read_bytes()
    at = content.index(b"\x10\x00\x10\x00PN")
    begin = struct.pack("<HH2sHI", 0x000F, 0x0011, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    end = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    mine, peer = both(content[:at] + begin * depth + end * depth + content[at:])
    assert isinstance(mine, FileHeader)
    assert isinstance(peer, FileHeader)
    assert mine.values == peer.values
    assert mine.byte_level == (depth <= 32)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.sampled_from(TRICKY), st.data())
def test_whatever_the_bytes_a_header_or_a_code(name: str, data: st.DataObject) -> None:
    (path,) = list(PYDICOM.rglob(name))[:1]
    content = bytearray(path.read_bytes()[:6_000])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(128, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(132, len(content)))]
    mine, peer = both(bytes(content))
    if isinstance(mine, FileHeader) and mine.byte_level and isinstance(peer, FileHeader):
        for keyword in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            assert mine[keyword] == peer[keyword]


def test_a_character_set_that_is_no_ascii_reads_the_same_on_both_roads() -> None:
    content = (PYDICOM / "test_files" / "CT_small.dcm").read_bytes().replace(b"ISO_IR 100", b"ISO_IR 19\xb2")
    mine, peer = both(content)
    assert isinstance(mine, FileHeader)
    assert replace(mine, byte_level=False) == peer


def test_a_header_that_breaks_off_before_the_series_is_damaged_not_without_one() -> None:
    content = bytearray((PYDICOM / "test_files" / "CT_small.dcm").read_bytes())
    at = content.index(b"\x10\x00\x10\x00PN")
    lie = struct.pack("<HH2sHI", 0x0008, 0x1115, b"SQ", 0, 0xFFFFFFFE)
    assert both(bytes(content[:at] + lie + content[at:])) == ("file-damaged", "file-damaged")
