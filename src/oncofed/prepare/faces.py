"""Faces of CT and MR heads, for profiles that take them out: found once a series, from all its files."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pydicom
from pydicom import Dataset

from oncofed.imaging.elements import BROKEN
from oncofed.imaging.pixels import Undecodable
from oncofed.imaging.pixels.deface import MODALITIES, Face, NoFace, find_face, shows_a_head
from oncofed.prepare.run import Run, RunFile

NOT_FOUND = "pixels-face"
"""Code of a head whose face cannot be placed: a person must look."""


def face_of(run: Run, file: RunFile) -> Face | str | None:
    """The face in the series of a file; ``NOT_FOUND`` where a person must look; None where the series shows no head.

    All files of the series in the run count, whatever has become of them, so that each of them gets the same answer.
    """
    series = file.header.get("SeriesInstanceUID", "")
    if file.header.get("Modality") not in MODALITIES or not series or not _is_of_a_head(file.path):
        return None
    paths = [one.path for one in run.files(where='h."SeriesInstanceUID" = ?', given=(series,))]
    try:
        return find_face(_read(paths))
    except (NoFace, Undecodable, *BROKEN):
        return NOT_FOUND


def _is_of_a_head(path: Path) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return shows_a_head(pydicom.dcmread(path, stop_before_pixels=True, force=True))
    except BROKEN:
        return False


def _read(paths: list[Path]) -> Iterator[Dataset]:
    for path in paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path, force=True)
        if "PixelData" in dataset:
            yield dataset
