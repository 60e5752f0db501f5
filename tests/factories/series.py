"""Series of made-up patients as files, sound or with a defect planted: what the checks of quality are tried on."""

import copy
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from oncofed.imaging.phantom.anatomy import Grid
from oncofed.imaging.phantom.cohort import patient

GRID = Grid(slices=8, rows=64, columns=64)
Change = Callable[[list[FileDataset]], object]


@cache
def _made(seed: int, modalities: tuple[str, ...]) -> tuple[FileDataset, ...]:
    return patient(seed, series=modalities, grid=GRID).objects


def objects(seed: int = 1, *modalities: str) -> list[FileDataset]:
    """Fresh copies of a made-up patient's objects (CT with SEG and SR by default), as de-identified ones are marked."""
    made = [copy.deepcopy(one) for one in _made(seed, modalities or ("CT",))]
    for one in made:
        mark(one)
    return made


def mark(one: Dataset) -> None:
    """Say that the object is de-identified, and how."""
    one.PatientIdentityRemoved = "YES"
    one.BurnedInAnnotation = "NO"
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "113100", "DCM", "Basic Application …"
    one.DeidentificationMethodCodeSequence = Sequence([item])


def of(made: Iterable[FileDataset], modality: str) -> list[FileDataset]:
    """The objects of one modality."""
    return [one for one in made if one.Modality == modality]


def write(made: Iterable[FileDataset], directory: Path) -> Path:
    """Write the objects as files 0000.dcm …; the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    start = len(list(directory.iterdir()))
    for number, one in enumerate(made, start=start):
        one.save_as(directory / f"{number:04}.dcm", enforce_file_format=True)
    return directory


def pixels(one: FileDataset) -> np.ndarray:
    """The stored values, to be changed and given back to ``put``."""
    return one.pixel_array.copy()


def put(one: FileDataset, values: np.ndarray) -> None:
    """Store ``values`` as the pixels."""
    one.PixelData = np.ascontiguousarray(values).tobytes()


def again(one: FileDataset) -> FileDataset:
    """A copy under a SOP Instance UID of its own."""
    other = copy.deepcopy(one)
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return other
