"""How fast preparation is on this machine: header index, de-identification, two workers, and what a worker needs.

The files are made up, like those of a scanner: CT of 512 × 512, 0.53 MB, 136 elements, some nested, 14 private. They
lie in the cache of the file system for everybody: what is compared is the work on them. Peers do the same files, and
their rates are the best of some rounds; those of the whole stage are compared in ``prepare_rates``.
"""

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian

from oncofed.bench.prepare_peers import peers
from oncofed.bench.prepare_rates import compare
from oncofed.bench.report import Figure, Measured
from oncofed.imaging.headers import read_header
from oncofed.prepare.recipe import Recipe
from oncofed.trust.pseudonyms import Pseudonyms

FILES = 1000
_SOME = 40
"""Files that a peer does: enough for its rate."""
_ROUNDS = 3
_LARGE = 2 << 30
_ATTRIBUTES = (
    *("SOPClassUID", "SOPInstanceUID", "StudyDate", "SeriesDate", "AccessionNumber", "Modality", "Manufacturer"),
    *("StudyDescription", "SeriesDescription", "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "KVP"),
    *("BodyPartExamined", "SliceThickness", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber"),
)
_ROOT = "1.2.826.0.1.3680043.10.998"


def key() -> Pseudonyms:
    """The pseudonyms of a bench; workers call this, too."""
    return Pseudonyms(b"a secret of 32 bytes for benches")


def scanner_file(number: int, *, series: int = 1) -> FileDataset:
    """One slice as a scanner writes it."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID(f"{_ROOT}.1.{series}.{number}")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    made.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    made.PatientName, made.PatientID, made.PatientBirthDate = "Bench^Ann", "B1", "19500607"
    made.StudyInstanceUID, made.SeriesInstanceUID = f"{_ROOT}.1", f"{_ROOT}.1.{series}"
    made.FrameOfReferenceUID, made.Modality = f"{_ROOT}.1.9", "CT"
    made.SeriesNumber, made.InstanceNumber = series, number
    made.ImagePositionPatient, made.ImageOrientationPatient = [0, 0, number], [1, 0, 0, 0, 1, 0]
    _describe(made)
    made.SliceLocation = f"{2.5 * number:.1f}"
    made.AcquisitionTime = made.ContentTime = f"10{number // 60 % 60:02}{number % 60:02}.{number % 997:03}"
    made.XRayTubeCurrent, made.Exposure = str(150 + number % 97), str(80 + number % 53)
    _nest(made)
    block = made.private_block(0x0019, "BENCH SCANNER 1.0", create=True)
    for element in range(13):
        block.add_new(element, "LO", f"value {element}")
    made.set_pixel_data(_noise(number % 8), "MONOCHROME2", 12, generate_instance_uid=False)
    return made


def _describe(made: Dataset) -> None:
    """Attributes with values that are the same in all slices."""
    texts = {"PatientSex": "F", "PatientAge": "066Y", "StudyDescription": "CT ABDOMEN", "SeriesDescription": "PORTAL"}
    texts |= {"Manufacturer": "ACME", "ManufacturerModelName": "Bench", "InstitutionName": "General Hospital"}
    texts |= dict.fromkeys(("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"), "20200304")
    texts |= dict.fromkeys(("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime"), "101112.500")
    texts |= {"AccessionNumber": "A77", "StudyID": "1", "StationName": "CT1", "ProtocolName": "Abdomen"}
    texts |= {"ReferringPhysicianName": "Ref^Dr", "OperatorsName": "Op^E", "BodyPartExamined": "ABDOMEN"}
    texts |= {"SliceThickness": "2", "KVP": "120", "RescaleSlope": "1", "RescaleIntercept": "-1024"}
    texts |= {"ConvolutionKernel": "B30f", "SoftwareVersions": "VA1", "DeviceSerialNumber": "12345"}
    texts |= {"ExposureTime": "500", "XRayTubeCurrent": "200", "Exposure": "100", "FilterType": "FLAT"}
    texts |= {"GantryDetectorTilt": "0", "TableHeight": "150", "RotationDirection": "CW", "FocalSpots": "1.2"}
    texts |= {"DataCollectionDiameter": "500", "ReconstructionDiameter": "400", "DistanceSourceToDetector": "1040"}
    texts |= {"PatientPosition": "HFS", "PositionReferenceIndicator": "", "SliceLocation": "10", "PatientWeight": "70"}
    for keyword, value in texts.items():
        setattr(made, keyword, value)
    made.PixelSpacing, made.WindowCenter, made.WindowWidth = [0.8, 0.8], [40, 300], [400, 2000]
    for number in range(40):  # what scanners write besides
        made.add_new(0x00189300 + number, "FD", float(number))


def _nest(made: Dataset) -> None:
    """References to other images, and the procedure that was asked for."""
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = CTImageStorage, f"{_ROOT}.7"
    made.ReferencedImageSequence = [reference, reference]
    request = Dataset()
    request.ScheduledProcedureStepDescription, request.RequestedProcedureID = "CT Abdomen", "R1"
    made.RequestAttributesSequence = [request]
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "77477000", "SCT", "Computed tomography"
    made.ProcedureCodeSequence = [code]


@functools.cache
def _noise(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    return np.random.default_rng(seed).integers(0, 4096, (512, 512), dtype=np.uint16)


def write_series(folder: Path, files: int) -> list[Path]:
    """So many slices, 100 in a series."""
    folder.mkdir(parents=True)
    paths = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(files):
            path = folder / f"{number:05}.dcm"
            scanner_file(number, series=1 + number // 100).save_as(path, enforce_file_format=True)
            paths.append(path)
    return paths


def measure(say: Callable[[str], None], files: int = FILES) -> Measured:
    """All figures; the peers do a part of the files."""
    with tempfile.TemporaryDirectory(prefix="oncofed-bench-") as place:
        directory = Path(place)
        say(f"writing {files:,} CT files")
        paths = write_series(directory / "source", files)
        figures, others = _headers(paths)
        say("de-identifying")
        more, rates = _deidentification(directory, paths, say)
        memory = [_memory(directory, say)]
    return Measured([*figures, *more, *memory], [*others, *rates])


def _headers(paths: list[Path]) -> tuple[list[Figure], list[Figure]]:
    ours = _best(lambda: [read_header(path) for path in paths], len(paths))
    some = paths[:300]
    peer = _best(lambda: [_with_pydicom(path) for path in some], len(some))
    return (
        [
            Figure("header_index_files", ours, "1/s"),
            Figure("header_index_times_pydicom", ours / peer, "times", at_least=5),
        ],
        [Figure("header_index_files pydicom", peer, "1/s")],
    )


def _with_pydicom(path: Path) -> list[object]:
    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    return [dataset.get(name) for name in _ATTRIBUTES]


def _best(work: Callable[[], object], number: int) -> float:
    """The best rate of some rounds, in things a second."""
    return number / min(_seconds(work) for _ in range(_ROUNDS))


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _deidentification(
    directory: Path, paths: list[Path], say: Callable[[str], None]
) -> tuple[list[Figure], list[Figure]]:
    ours, others = compare(directory / "source", key, say)
    alone = max(_alone_rate(directory, paths[:_SOME]) for _ in range(_ROUNDS))
    fastest = 0.0
    for name, peer in peers().items():
        say(f"de-identifying: {name}")
        rate = _best(lambda: [peer(path, directory / "peer.dcm") for path in paths[:_SOME]], _SOME)  # noqa: B023
        others.append(Figure(f"deidentify_files {name}", rate, "1/s"))
        fastest = max(fastest, rate)
    if fastest:
        ours.append(Figure("deidentify_times_fastest_peer", alone / fastest, "times", at_least=4))
    return [*ours, Figure("deidentify_files_without_journal", alone, "1/s")], others


def _alone_rate(directory: Path, paths: list[Path]) -> float:
    """Files a second of what the peers do, too: from a file to a file, nothing flushed, no journal."""
    place = directory / "alone"
    place.mkdir()
    clean = Recipe(key).tools.deidentifier.file
    seconds = _seconds(lambda: [clean(path, place / path.name) for path in paths])
    shutil.rmtree(place)
    return len(paths) / seconds


def _memory(directory: Path, say: Callable[[str], None]) -> Figure:
    """Most memory of a process that de-identifies a multi-frame file of 2 GB, its program included."""
    say("de-identifying a file of 2 GB")
    source = directory / "large.dcm"
    write_large(source, _LARGE)
    command = [sys.executable, "-m", "oncofed.bench.prepare_speed", str(source), str(directory / "large-out.dcm")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"})
    source.unlink()
    return Figure("deidentify_memory_2_gb_file", json.loads(done.stdout)["mib"], "MiB", at_most=400)


def write_large(path: Path, size: int) -> None:
    """An enhanced CT whose pixels take ``size`` bytes (a sparse file: nothing but zeros)."""
    made = scanner_file(0)
    del made.PixelData
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    made.NumberOfFrames = size // (512 * 512 * 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.save_as(path, enforce_file_format=True)
    with path.open("r+b") as stream:
        stream.seek(0, os.SEEK_END)
        stream.write(b"\xe0\x7f\x10\x00OW\0\0" + size.to_bytes(4, "little"))
        stream.truncate(stream.tell() + size)


def _alone(source: Path, target: Path) -> Iterator[str]:
    """De-identify one file in this process, and say how much memory that took.

    ``VmHWM`` is of this program alone; ``getrusage`` would count in the memory of whoever started it.
    """
    Recipe(key).tools.deidentifier.file(source, target)
    with contextlib.suppress(FileNotFoundError):
        target.unlink()
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    yield json.dumps({"mib": peak / 1024})


if __name__ == "__main__":
    sys.stdout.writelines(_alone(Path(sys.argv[1]), Path(sys.argv[2])))
