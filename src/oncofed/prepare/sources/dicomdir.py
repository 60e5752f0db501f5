"""The directory of a medium (DICOMDIR, PS3.10): the files it names that are not there."""

import warnings
from pathlib import Path, PurePosixPath

import pydicom
from pydicom.multival import MultiValue

from oncofed.imaging.elements import BROKEN

MISSING = "prepare-dicomdir-missing"
OUTSIDE = "prepare-dicomdir-outside"


def absent(dicomdir: Path) -> list[tuple[str, str]]:
    """(place below the medium, code) of every file that the directory names and that is missing or lies outside."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns with the offending name
            dataset = pydicom.dcmread(dicomdir, specific_tags=["DirectoryRecordSequence"])
            records = [record.get("ReferencedFileID") for record in dataset.get("DirectoryRecordSequence") or ()]
    except BROKEN:
        return []
    found: list[tuple[str, str]] = []
    for parts in records:
        if not parts:
            continue
        several = isinstance(parts, MultiValue | list)
        place = PurePosixPath(*map(str, parts if several else [parts]))
        if place.is_absolute() or ".." in place.parts:
            found.append((place.name, OUTSIDE))
        elif not any(_stands(dicomdir.parent / spelled) for spelled in (place, str(place).lower())):
            found.append((str(place), MISSING))
    return found


def _stands(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name longer than names can be
        return False
