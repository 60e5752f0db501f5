"""A hospital's folder in which everything is wrong that can be, and some things are right.

Every bad file names a made-up patient of its own in its elements and in its file name, so that whatever is told of it
anywhere else shows.
"""

import io
import os
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pydicom
import pydicom.data
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from tests.factories.source import ROOT, a_file, a_series

NAME, NUMBER, DEEP = "Zzybrowska", "QXMRN", "Wrzeszcz"
"""What every planted name, number and nested name begins with."""
CHARSET_FILES = sorted((Path(pydicom.data.__file__).parent / "charset_files").glob("*.dcm"))

HELD = {
    "truncated": "file-damaged",
    "wrong-length": "file-damaged",
    "four-gigabytes": "file-damaged",
    "outside.zip": "prepare-archive-path",
    "bomb.zip": "prepare-archive-bomb",
    "unreadable": "file-unreadable",
    "shared-one": "prepare-patient-shared-id",
    "shared-other": "prepare-patient-shared-id",
    "split-one": "prepare-patient-two-ids",
    "split-other": "prepare-patient-two-ids",
}
"""Held back for a person to look at."""
LEFT = {"no-dicom": "file-not-dicom"}
"""Left out: there is nothing to decide."""
PLACES = {"loop": "prepare-link-loop", "closed": "file-unreadable", "absent": "prepare-dicomdir-missing"}
"""No files: links and folders."""
TAKEN = (
    "mis-encoded", "wrong-vr", "deflated", "big-endian", "implicit", "nested", "group-lengths", "twice", "without-meta",
)  # fmt: skip
"""Bent, but understood: released, clean and readable."""


def named(kind: str) -> str:
    """The file or folder of a bad thing: it bears the patient's name."""
    stem, dot, suffix = kind.partition(".")
    return f"{NAME} {stem}{dot}{suffix}"


def bad_folder(folder: Path) -> None:
    """Everything of ``HELD``, ``LEFT``, ``PLACES`` and ``TAKEN``, pydicom's charset files, and three good slices."""
    a_series(folder / "good", 3)
    for number, (kind, change) in enumerate(_CHANGES.items(), 10):
        path = _one(folder, kind, number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path.write_bytes(change(path.read_bytes()))
    _archives(folder)
    (folder / f"{named('no-dicom')}.dcm").write_text(f"Dear {NAME}, {NUMBER}00")
    (folder / named("loop")).symlink_to(folder, target_is_directory=True)
    _one(folder / named("closed"), "inside", 60)
    os.chmod(folder / named("closed"), 0)
    os.chmod(_one(folder, "unreadable", 61), 0)
    _medium(folder)
    _people(folder)
    _charsets(folder / "charsets")


def _one(folder: Path, kind: str, number: int, **values: object) -> Path:
    """One image of a patient of its own."""
    study = f"{ROOT}.{number}"
    own = {
        "PatientName": f"{NAME}{number}^Ann",
        "PatientID": f"{NUMBER}{number}",
        "PatientBirthDate": f"19{number:02}0101",
        "AccessionNumber": f"ACC{NUMBER}{number}",
        "StudyInstanceUID": study,
        "SeriesInstanceUID": f"{study}.1",
        "SOPInstanceUID": f"{study}.1.1",
        "FrameOfReferenceUID": f"{study}.9",
        "SpecificCharacterSet": "ISO_IR 100",
    } | values
    return a_file(folder / f"{named(kind)}.dcm", 1, **own)


def _at(content: bytes, tag: int) -> int:
    """Where an explicit element begins."""
    return content.index(struct.pack("<HH", tag >> 16, tag & 0xFFFF), 132)


def _with(content: bytes, tag: int, piece: bytes) -> bytes:
    """A piece put in before an element."""
    at = _at(content, tag)
    return content[:at] + piece + content[at:]


def _saved(content: bytes, syntax: str) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(content))
    pixels = dataset.pixel_array
    dataset.file_meta.TransferSyntaxUID = syntax
    little = syntax != ExplicitVRBigEndian
    dataset["PixelData"].VR = "OW"
    dataset.PixelData = pixels.astype("<u2" if little else ">u2").tobytes()
    dataset.set_original_encoding(syntax == ImplicitVRLittleEndian, little)
    buffer = io.BytesIO()
    Dataset.save_as(dataset, buffer, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=little)
    return buffer.getvalue()


def _deflated(content: bytes) -> bytes:
    syntax = pydicom.dcmread(io.BytesIO(content))
    syntax.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    buffer = io.BytesIO()
    syntax.save_as(buffer)
    return buffer.getvalue()


def _nested(content: bytes) -> bytes:
    """A name fifty items down."""
    dataset = pydicom.dcmread(io.BytesIO(content))
    inner = dataset
    for _ in range(50):
        item = Dataset()
        inner.ReferencedSeriesSequence = Sequence([item])
        inner = item
    inner.PatientName = f"{DEEP}^Ann"
    inner.PatientComments = f"{DEEP} fell ill"
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def _group_lengths(content: bytes) -> bytes:
    for tag in (0x00100010, 0x00080005):
        content = _with(content, tag, struct.pack("<HH2sHL", tag >> 16, 0, b"UL", 4, 9999))
    return content


def _wrong_vr(content: bytes) -> bytes:
    """The name as a code string, a number as text, the accession number as bytes."""
    for tag, vr in ((0x00100010, b"CS"), (0x00280030, b"LO"), (0x00080050, b"UI")):
        at = _at(content, tag)
        content = content[: at + 4] + vr + content[at + 6 :]
    return content


def _mis_encoded(content: bytes) -> bytes:
    """Latin-1 in a file that says UTF-8."""
    at = _at(content, 0x00080005)
    content = content[: at + 8] + b"ISO_IR 192" + content[at + 18 :]
    return content.replace(b"^Ann", b"^\xc4n\xfc")


_CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[:-100],
    "wrong-length": lambda content: content.replace(b"\x10\x00\x30\x00DA\x08\x00", b"\x10\x00\x30\x00DA\x07\x00"),
    "four-gigabytes": lambda content: _with(
        content, 0x00100010, struct.pack("<HH2sHL", 0x0008, 0x1115, b"SQ", 0, 0xFFFFFFFE)
    ),
    "mis-encoded": _mis_encoded,
    "wrong-vr": _wrong_vr,
    "deflated": _deflated,
    "big-endian": lambda content: _saved(content, ExplicitVRBigEndian),
    "implicit": lambda content: _saved(content, ImplicitVRLittleEndian),
    "nested": _nested,
    "group-lengths": _group_lengths,
    "twice": lambda content: _with(
        content, 0x00100020, b"\x10\x00\x10\x00PN\x12\x00" + f"{DEEP}^Double".encode().ljust(18)
    ),
    "without-meta": lambda content: content[144 + struct.unpack("<L", content[140:144])[0] :],
}


def _archives(folder: Path) -> None:
    inside = _one(folder, "outside", 50)
    with zipfile.ZipFile(folder / named("outside.zip"), "w") as made:
        made.writestr(f"../../{NAME}50.dcm", inside.read_bytes())
    inside.unlink()
    with zipfile.ZipFile(folder / named("bomb.zip"), "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(f"{NAME}51.dcm", bytes(128) + b"DICM" + bytes(8 << 20))
    sound = _one(folder, "packed", 52)
    with tarfile.open(folder / f"{named('packed')}.tar.gz", "w:gz") as packed:
        packed.add(sound, f"{NAME} 52/1.dcm")
    sound.unlink()


def _medium(folder: Path) -> None:
    """A DICOMDIR that names a file which is not there, by a name that is none by the standard."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(
            Path(pydicom.data.__file__).parent / "test_files" / "dicomdirtests" / "DICOMDIR-nopatient"
        )
        (record,) = dataset.DirectoryRecordSequence[:1]
        record.ReferencedFileID = named("absent")
        dataset.DirectoryRecordSequence = [record]
        dataset.save_as(folder / "DICOMDIR")


def _people(folder: Path) -> None:
    """Two patients of one ID, and one patient of two IDs."""
    _one(folder, "shared-one", 70, PatientID=f"{NUMBER}70", PatientName=f"{NAME}70^Ann")
    _one(folder, "shared-other", 71, PatientID=f"{NUMBER}70", PatientName=f"{DEEP}^Eva")
    who = {"PatientName": f"{NAME}72^Ann", "PatientBirthDate": "19440203"}
    _one(folder, "split-one", 72, **who)
    _one(folder, "split-other", 73, **who)


def _charsets(folder: Path) -> None:
    """pydicom's files of character sets, each with what makes it belong to a series; its texts as they are."""
    folder.mkdir()
    for number, path in enumerate(CHARSET_FILES, 100):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path)
            dataset.PatientID = f"{NUMBER}{number}"
            dataset.PatientBirthDate = f"1{number}0101"
            study = f"{ROOT}.{number}"
            dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, f"{study}.1"
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{study}.1.1"
            if "SOPClassUID" not in dataset:
                dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
            dataset.save_as(folder / path.name, enforce_file_format=False)
