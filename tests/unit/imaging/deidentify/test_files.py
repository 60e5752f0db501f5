"""From file to file: every real file survives or is refused with a code, nothing else of it changes."""

import errno
import hashlib
import io
import os
import struct
import tempfile
import zlib
from pathlib import Path

import pydicom
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from oncofed.contracts.errors import BadInput, Corrupt, OncofedError, Unreachable
from oncofed.imaging.deidentify import (
    CLEAN_PIXELS,
    DEFACED,
    PROFILES,
    Applied,
    Deidentifier,
    compile_policy,
    reading,
    wellformed,
    writing,
)
from oncofed.trust.pseudonyms import Pseudonyms

NAMES = Pseudonyms(b"s" * 32)
RESEARCH = Deidentifier(compile_policy(PROFILES["research"]), NAMES, durable=False)
FILES = sorted(
    path
    for path in (Path(pydicom.__file__).parent / "data").rglob("*")
    if path.is_file() and path.suffix in ("", ".dcm")
)
REFUSED = {"file-damaged", "file-not-dicom", "file-dicomdir"}

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom warns of its own odd test files


def pixels(path: Path) -> str | None:
    """Digest of the pixel element's value as bytes."""
    dataset = dcmread(path, force=True)
    element = next((dataset.get_item(tag) for tag in (0x7FE00008, 0x7FE00009, 0x7FE00010) if tag in dataset), None)
    return None if element is None or element.value is None else hashlib.sha256(element.value).hexdigest()


def outcome(source: bytes | Path, target: Path) -> Applied | str:
    """What came of a file, or the code it was refused with."""
    try:
        return RESEARCH.file(source, target)
    except OncofedError as refused:
        return refused.code


def check(path: Path, directory: Path) -> str:
    """Clean a file twice; the code it was refused with, or ""."""
    one, other = directory / "one.dcm", directory / "other.dcm"
    before = path.read_bytes()
    applied = outcome(path, one)
    if isinstance(applied, str):
        assert applied in REFUSED
        assert not one.exists()
        return applied
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_from_the_front", lambda _stream, _road: None)
        assert RESEARCH.file(before, other) == applied  # by pydicom alone
        assert one.read_bytes() == other.read_bytes()
    again = Deidentifier(compile_policy(PROFILES["research"]), Pseudonyms(b"s" * 32), durable=False)
    assert again.file(before, other) == applied
    assert one.read_bytes() == other.read_bytes()
    assert path.read_bytes() == before
    assert pixels(one) == pixels(path)
    written = dcmread(one)
    assert not any(one.read_bytes()[:128])
    assert str(written.file_meta.TransferSyntaxUID) == applied.transfer_syntax
    assert {element.keyword for element in written.file_meta} <= {
        "FileMetaInformationGroupLength", "FileMetaInformationVersion", "MediaStorageSOPClassUID",
        "MediaStorageSOPInstanceUID", "TransferSyntaxUID", "ImplementationClassUID", "ImplementationVersionName",
    }  # fmt: skip
    assert written.get("SOPInstanceUID", "") == applied.instance_uid
    for _ in written.iterall():
        pass
    one.unlink()
    return ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_that_comes_with_pydicom(path: Path, tmp_path: Path) -> None:
    code = check(path, tmp_path)
    known = {
        "MR_truncated.dcm": "file-damaged",
        "rtplan_truncated.dcm": "file-damaged",
        "no_meta.dcm": "file-not-dicom",
    }
    if path.suffix == ".dcm" and "DICOMDIR" not in path.name:
        assert code == known.get(path.name, "")


def test_every_file_of_the_corpus(shared: Path, tmp_path: Path) -> None:
    files = sorted((shared / "dicom").rglob("*.dcm"))
    assert len(files) > 400
    assert {check(path, tmp_path) for path in files} == {""}


def small(**more: object) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.826.0.1.99.3"
    dataset.PatientName, dataset.PatientID = "Okonkwo^Adaeze", "MRN-77431"
    dataset.Rows = dataset.Columns = 2
    dataset.BitsAllocated = 8
    dataset.SamplesPerPixel = 1
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    return dataset


def saved(dataset: Dataset, syntax: str = ExplicitVRLittleEndian, *, meta: bool = True) -> bytes:
    buffer = io.BytesIO()
    dataset.file_meta = FileMetaDataset()
    if meta:
        dataset.file_meta.FileMetaInformationGroupLength = 0  # pydicom puts in what is right
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.preamble = b"Okonkwo".ljust(128, b"\0")
        dataset.file_meta.SourceApplicationEntityTitle = "OKONKWO"
        dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.99.3"
        dataset.file_meta.PrivateInformationCreatorUID = "1.2.3"
        dataset.file_meta.PrivateInformation = b"Okonkwo "
        dataset.save_as(buffer, enforce_file_format=False)
    else:
        implicit = syntax == ImplicitVRLittleEndian
        dataset.save_as(buffer, implicit_vr=implicit, little_endian=syntax != ExplicitVRBigEndian)
    return buffer.getvalue()


def test_nothing_of_who_made_the_original_stays_in_the_meta_information(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "a.dcm"
    RESEARCH.file(saved(small(PixelData=b"\1\2\3\4")), target)
    content = target.read_bytes()
    assert b"konkwo" not in content
    assert b"OKONKWO" not in content
    assert b"1.2.826.0.1.99.3" not in content
    assert dcmread(target).file_meta.MediaStorageSOPInstanceUID == NAMES.uid("1.2.826.0.1.99.3")
    assert [path.name for path in target.parent.iterdir()] == ["a.dcm"]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("meta", [True, False])
def test_encodings_stay(syntax: str, meta: bool, tmp_path: Path) -> None:
    item = small()
    dataset = small(PixelData=b"\1\2\3\4", ReferencedSeriesSequence=[item], SeriesDescription="CT Okonkwo")
    dataset["PixelData"].VR = "OB"
    applied = RESEARCH.file(saved(dataset, syntax, meta=meta), tmp_path / "a.dcm")
    written = dcmread(tmp_path / "a.dcm")
    assert applied.transfer_syntax == written.file_meta.TransferSyntaxUID == syntax
    assert (written.Rows, written.PixelData, written.SeriesDescription) == (2, b"\1\2\3\4", "CT")
    assert written.ReferencedSeriesSequence[0].PatientID == written.PatientID == applied.patient_key


def test_a_deflated_file_is_written_inflated(tmp_path: Path) -> None:
    source = saved(small(PixelData=b"\1\2\3\4"), DeflatedExplicitVRLittleEndian)
    assert RESEARCH.file(source, tmp_path / "a.dcm").transfer_syntax == ExplicitVRLittleEndian
    assert dcmread(tmp_path / "a.dcm").PixelData == b"\1\2\3\4"


def test_a_bomb_is_not_inflated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_INFLATED", 1000)
    source = saved(small(PixelData=bytes(100_000)), DeflatedExplicitVRLittleEndian)
    with pytest.raises(Corrupt) as refused:
        RESEARCH.file(source, tmp_path / "a.dcm")
    assert refused.value.code == "file-damaged"


def test_a_syntax_that_contradicts_the_elements_is_corrected(tmp_path: Path) -> None:
    """Meta information says explicit, the elements are implicit: written as what they are."""
    explicit = saved(small(PixelData=b"\1\2\3\4"))
    implicit = saved(small(PixelData=b"\1\2\3\4"), ImplicitVRLittleEndian, meta=False)
    head = explicit[: explicit.index(b"\x08\0\x16\0")]
    assert RESEARCH.file(head + implicit, tmp_path / "a.dcm").transfer_syntax == ImplicitVRLittleEndian
    assert dcmread(tmp_path / "a.dcm").Rows == 2


def test_implicit_elements_under_a_compressed_syntax_are_made_explicit(tmp_path: Path) -> None:
    dataset = small(ReferencedSeriesSequence=[small()], SmallestImagePixelValue=0, PixelRepresentation=0)
    implicit = saved(dataset, ImplicitVRLittleEndian, meta=False)
    explicit = saved(small(), JPEGBaseline8Bit)
    fragment = struct.pack("<HHL", 0xFFFE, 0xE000, 0) + struct.pack("<HHL", 0xFFFE, 0xE000, 4) + b"\1\2\3\4"
    encapsulated = struct.pack("<HHL", 0x7FE0, 0x0010, 0xFFFFFFFF) + fragment + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    head = explicit[: explicit.index(b"\x08\0\x16\0")]
    applied = RESEARCH.file(head + implicit + encapsulated, tmp_path / "a.dcm")
    written = dcmread(tmp_path / "a.dcm")
    assert applied.transfer_syntax == JPEGBaseline8Bit
    assert not written.original_encoding[0]
    assert written.PixelData == fragment
    assert written.ReferencedSeriesSequence[0].Rows == 2


def test_what_stands_behind_the_pixels_is_cleaned_too(tmp_path: Path) -> None:
    dataset = small(PixelData=b"\1\2\3\4", DataSetTrailingPadding=b"Okonkwo ")
    dataset.add_new(0x7FE10010, "LO", "SOMEBODY")
    dataset.add_new(0x7FE11001, "LO", "Okonkwo")
    RESEARCH.file(saved(dataset), tmp_path / "a.dcm")
    assert b"konkwo" not in (tmp_path / "a.dcm").read_bytes()
    assert 0x7FE11001 not in dcmread(tmp_path / "a.dcm")


def test_a_mask_sees_the_original_and_its_pixels_are_written(tmp_path: Path) -> None:
    def mask(dataset: Dataset) -> bool:
        assert dataset.PatientName == "Okonkwo^Adaeze"
        dataset.PixelData = b"\0\0\0\0"
        return True

    applied = RESEARCH.file(saved(small(PixelData=b"\1\2\3\4")), tmp_path / "a.dcm", mask)
    written = dcmread(tmp_path / "a.dcm")
    assert applied.pixels_masked
    assert written.PixelData == b"\0\0\0\0"
    assert CLEAN_PIXELS.value in [code.CodeValue for code in written.DeidentificationMethodCodeSequence]


def test_pixels_are_read_only_where_they_must(tmp_path: Path) -> None:
    def mask(dataset: Dataset) -> bool:
        raise AssertionError

    source = saved(small(PixelData=b"\1\2\3\4"))
    applied = RESEARCH.file(source, tmp_path / "a.dcm", mask, needs_mask=lambda header: "PixelData" in header)
    assert not applied.pixels_masked
    seen: list[bool] = []
    RESEARCH.file(
        source,
        tmp_path / "b.dcm",
        lambda dataset: seen.append("PixelData" in dataset),
        needs_mask=lambda header: header.Rows == 2,
        pixel_codes=(DEFACED,),
    )
    assert seen == [True]
    codes = [code.CodeValue for code in dcmread(tmp_path / "b.dcm").DeidentificationMethodCodeSequence]
    assert codes[-1] == DEFACED.value
    assert CLEAN_PIXELS.value not in codes


def deep(levels: int, *, defined: bool) -> bytes:
    """A sequence in a sequence in a sequence …, as bytes."""
    inner = b""
    for _ in range(levels):
        if defined:
            item = struct.pack("<HHL", 0xFFFE, 0xE000, len(inner)) + inner
            inner = struct.pack("<HH2sHL", 0x0008, 0x1115, b"SQ", 0, len(item)) + item
        else:
            start = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
            end = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
            inner = struct.pack("<HH2sHL", 0x0008, 0x1115, b"SQ", 0, 0xFFFFFFFF) + start + inner + end
    return inner


HEAD = saved(Dataset())
"""Preamble and meta information of an explicit little-endian file."""


@pytest.mark.parametrize("defined", [True, False])
@pytest.mark.parametrize("levels", [50, 5000])
def test_any_depth_is_cleaned_or_refused(levels: int, defined: bool, tmp_path: Path) -> None:
    source = HEAD + deep(levels, defined=defined)
    if levels == 50:
        RESEARCH.file(source, tmp_path / "a.dcm")
        assert dcmread(tmp_path / "a.dcm").ReferencedSeriesSequence
        return
    with pytest.raises(Corrupt):
        RESEARCH.file(source, tmp_path / "a.dcm")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "error", "code"),
    [
        (b"", BadInput, "file-not-dicom"),
        (b"\x08\0", BadInput, "file-not-dicom"),
        (b"not an image" * 100, BadInput, "file-not-dicom"),
        (bytes(128) + b"DICM", Corrupt, "file-damaged"),
        (HEAD + struct.pack("<HH2sHL", 0x0008, 0x1115, b"SQ", 0, 0xFFFFFFFE) + b"x", Corrupt, "file-damaged"),
        (HEAD + struct.pack("<HH2sH", 0x0010, 0x0010, b"PN", 100) + b"Okonkwo", Corrupt, "file-damaged"),
        (HEAD + struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, 100) + b"x", Corrupt, "file-damaged"),
        (HEAD + struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + b"x" * 20, Corrupt, "file-damaged"),
        (HEAD + struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF), Corrupt, "file-damaged"),
    ],
)
def test_what_cannot_be_read_has_a_code(content: bytes, error: type, code: str, tmp_path: Path) -> None:
    with pytest.raises(error) as refused:
        RESEARCH.file(content, tmp_path / "a.dcm")
    assert refused.value.code == code
    assert "konkwo" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_the_directory_of_a_medium_is_refused(tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.FileSetID = "OKONKWO"
    source = saved(dataset)
    with_class = dcmread(io.BytesIO(source))
    with_class.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    buffer = io.BytesIO()
    with_class.save_as(buffer, enforce_file_format=False)
    with pytest.raises(BadInput) as refused:
        RESEARCH.file(buffer.getvalue(), tmp_path / "a.dcm")
    assert refused.value.code == "file-dicomdir"


def test_a_tag_given_twice_counts_once(tmp_path: Path) -> None:
    twice = b"".join(struct.pack("<HH2sH", 0x0010, 0x4000, b"LT", 8) + text for text in (b"Okonkwo ", b"Adaeze  "))
    RESEARCH.file(HEAD + twice, tmp_path / "a.dcm")
    assert b"konkwo" not in (tmp_path / "a.dcm").read_bytes()


CARRIED = small(ReferencedSeriesSequence=[small()], SeriesDescription="CT of Okonkwo", PixelData=b"\1\2\3\4")
CARRIED["PixelData"].VR = "OB"
SOURCE = saved(CARRIED)
IMPLICIT = saved(CARRIED, ImplicitVRLittleEndian)


FLIPS = st.lists(st.tuples(st.integers(132, len(SOURCE) - 1), st.integers(0, 255)), max_size=5)


@settings(max_examples=150)
@given(length=st.integers(0, len(SOURCE)) | st.just(len(SOURCE)), flips=FLIPS)
def test_damaged_bytes_never_do_more_than_be_refused(length: int, flips: list[tuple[int, int]]) -> None:
    """Bits flipped and bytes cut anywhere: a code or a file, never another error and never half a file."""
    content = bytearray(SOURCE)
    for place, value in flips:
        content[place] = value
    with tempfile.TemporaryDirectory() as folder:
        came = outcome(bytes(content[:length]), Path(folder) / "a.dcm")
        assert isinstance(came, Applied) or came in REFUSED
        assert [path.name for path in Path(folder).iterdir()] == (["a.dcm"] if isinstance(came, Applied) else [])


@settings(max_examples=200)
@example(flips=[], implicit=False)
@example(flips=[], implicit=True)
@given(
    flips=st.lists(st.tuples(st.integers(132, len(SOURCE) - 1), st.integers(0, 255)), max_size=3),
    implicit=st.booleans(),
)
def test_both_roads_are_one(flips: list[tuple[int, int]], implicit: bool) -> None:
    """Whatever passes the gate of the byte-level road comes out as pydicom's road writes it."""
    content = bytearray(IMPLICIT if implicit else SOURCE)
    for place, value in flips:
        if place < len(content):
            content[place] = value
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        fast, slow = Path(folder) / "fast.dcm", Path(folder) / "slow.dcm"
        try:
            passed = wellformed.parsed(bytes(content), whole=True)
        except RecursionError:
            passed = None
        assert passed is not None or flips
        came = outcome(bytes(content), fast)
        patch.setattr(reading, "_from_the_front", lambda _stream, _road: None)
        if passed is not None:
            assert outcome(bytes(content), slow) == came
            assert not fast.exists() or fast.read_bytes() == slow.read_bytes()


def test_most_real_files_take_the_byte_level_road(shared: Path) -> None:
    files = sorted((shared / "dicom").rglob("*.dcm"))
    assert all(wellformed.parsed(path.read_bytes(), whole=True) for path in files)


def test_a_long_header_is_read_in_pieces(tmp_path: Path) -> None:
    items = [small(SeriesDescription="liver " * 10) for _ in range(8_000)]
    source = saved(small(ReferencedSeriesSequence=items, PixelData=b"\1\2\3\4"))
    assert len(source) > 1 << 20
    with pytest.raises(wellformed.TooShort):
        wellformed.parsed(source[: 1 << 20], whole=False)
    RESEARCH.file(source, tmp_path / "a.dcm")
    assert len(dcmread(tmp_path / "a.dcm").ReferencedSeriesSequence) == 8_000


def test_a_source_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(Unreachable) as refused:
        RESEARCH.file(tmp_path / "none.dcm", tmp_path / "a.dcm")
    assert refused.value.code == "file-unreadable"


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "disk-full"), (errno.EIO, "file-unreadable")])
def test_a_full_disk_leaves_nothing_behind(
    number: int, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's call is made to fail as a full disk does."""

    def fail(_descriptor: int) -> None:
        raise OSError(number, "failed")

    monkeypatch.setattr(os, "fsync", fail)
    durable = Deidentifier(RESEARCH.policy, NAMES)
    (tmp_path / "a.dcm").write_bytes(b"earlier")
    with pytest.raises(Unreachable) as refused:
        durable.file(SOURCE, tmp_path / "a.dcm")
    assert refused.value.code == code
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"earlier"]


def test_a_long_text_is_written_as_unknown() -> None:
    """A VR with two bytes of length cannot say more than 65,535 bytes (PS3.5 6.2.2)."""
    encoder = writing.Encoder(implicit=False, little=True)
    assert encoder.header(0x00081030, "LO", 70_000) == struct.pack("<HH2sHL", 8, 0x1030, b"UN", 0, 70_000)


def test_memory_does_not_grow_with_the_pixels(tmp_path: Path) -> None:
    """The pixels of a sparse file of a gigabyte are skipped, then copied piece by piece: here only the former."""
    header = saved(small())
    path = tmp_path / "large.dcm"
    with path.open("wb") as stream:
        stream.write(header + struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, 1 << 30))
        stream.truncate(stream.tell() + (1 << 30))
    with path.open("rb") as stream:
        found = reading.read(stream, with_pixels=False)
        assert found.pixels is not None
        assert found.pixels.end - found.pixels.start == 1 << 30
        assert 0x7FE00010 not in found.dataset
        first = next(chunk for chunk in writing.content(found, ExplicitVRLittleEndian) if len(chunk) > 1 << 20)
        assert len(first) <= 1 << 22


def test_inflating_is_what_zlib_says() -> None:
    assert reading._inflate(zlib.compress(b"abc" * 100)[2:-4]) == b"abc" * 100


def element(tag: int, vr: bytes, value: bytes, *, reserved: int = 0) -> bytes:
    """Explicit VR, little endian."""
    if vr in (b"SQ", b"OB", b"UT", b"UN"):
        return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr, reserved, len(value)) + value
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def item(value: bytes, size: int | None = None, tag: int = 0xFFFEE000) -> bytes:
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value) if size is None else size) + value


NAME = element(0x00100010, b"PN", b"Okonkwo^")
ITEM_END, SEQUENCE_END = item(b"", 0, 0xFFFEE00D), item(b"", 0, 0xFFFEE0DD)
OPEN = struct.pack("<HH2sHL", 0x0008, 0x1115, b"SQ", 0, 0xFFFFFFFF)


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        (NAME, True),
        (element(0x00081115, b"SQ", item(NAME)), True),
        (OPEN + item(NAME + ITEM_END, 0xFFFFFFFF) + SEQUENCE_END, True),
        (NAME + NAME, False),  # twice
        (element(0x00100020, b"LO", b"1 ") + NAME, False),  # descending
        (element(0x00100010, b"ZZ", b"1 "), False),
        (element(0x00420011, b"OB", b"1 ", reserved=1), False),
        (element(0x00081115, b"SQ", NAME), False),  # no item
        (element(0x00081115, b"SQ", item(NAME, 999)), False),  # an item longer than its sequence
        (element(0x00081115, b"SQ", item(NAME)[:-3]), False),
        (element(0x00081115, b"SQ", item(NAME) + b"123"), False),
        (element(0x00081115, b"SQ", item(NAME[:-2], 14)), False),  # an element longer than its item
        (element(0x00081115, b"SQ", item(NAME + b"1234")), False),
        (element(0x00081115, b"SQ", item(ITEM_END)), False),  # ends before its length
        (OPEN + item(NAME, 0xFFFFFFFF), False),  # no end
        (OPEN + item(NAME + SEQUENCE_END, 0xFFFFFFFF), False),
        (OPEN + item(NAME + ITEM_END[:-1] + b"\1", 0xFFFFFFFF) + SEQUENCE_END, False),
        (struct.pack("<HH2sHL", 0x0008, 0x1115, b"UN", 0, 0xFFFFFFFF) + SEQUENCE_END, False),
        (NAME[:-1], False),
        (NAME + b"123", False),
        (deep(65, defined=True), False),
    ],
)
def test_the_gate_of_the_byte_level_road(body: bytes, passes: bool, tmp_path: Path) -> None:
    assert (wellformed.parsed(HEAD + body, whole=True) is not None) is passes
    came = outcome(HEAD + body, tmp_path / "a.dcm")
    assert came in REFUSED or b"konkwo" not in (tmp_path / "a.dcm").read_bytes()
    assert isinstance(came, Applied) or not passes


@pytest.mark.parametrize(
    "head",
    [
        b"",
        HEAD[:128] + b"NICE" + HEAD[132:],
        HEAD[:140] + struct.pack("<L", 9) + HEAD[144:],
        HEAD.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.2\0"),
        HEAD.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.1.1\0"),
        HEAD.replace(
            b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0"
        ),  # implicit, it says, before explicit elements
    ],
)
def test_the_gate_stays_shut_for_other_beginnings(head: bytes) -> None:
    assert wellformed.parsed(head + NAME, whole=True) is None


def test_a_meta_information_of_unknown_representations_is_damaged(tmp_path: Path) -> None:
    content = saved(small(PixelData=b"\1\2\3\4"))
    at = content.index(b"\x02\x00\x03\x00UI")
    broken = content[: at - 8] + b"\x02\x00\x02\x00U\xe0\0\0" + content[at:]
    assert outcome(broken, tmp_path / "a.dcm") in REFUSED


def test_both_roads_agree_on_what_pydicom_converts_as_it_reads(tmp_path: Path) -> None:
    content = saved(small(PixelRepresentation=0, BitsStored=8, PixelData=b"\1\2\3\4"))
    path = tmp_path / "source.dcm"
    path.write_bytes(content.replace(b"\x28\x00\x03\x01US", b"\x28\x00\x03\x01IS"))
    assert check(path, tmp_path) == ""
