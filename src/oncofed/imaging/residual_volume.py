"""What is left of the original identifiers in a de-identified NIfTI volume and its side-car, and whether voxels moved.

Apart from what wrote them: the side-car is read by pydicom alone, and both files are searched byte by byte.
"""

import json
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset

from oncofed.imaging import nifti
from oncofed.imaging.elements import BROKEN
from oncofed.imaging.headers import Unusable
from oncofed.imaging.identifiers import Original, What
from oncofed.imaging.residual import Expected, Finding, moved, search_dataset
from oncofed.imaging.residual_bytes import search_text

BEGIN = "bytes in front of the voxels"
SIDECAR = "bytes of the side-car"
_PLAIN_GZIP = b"\x1f\x8b\x08\0\0\0\0\0"
"""No name, no comment, no time."""


def read_model(path: Path) -> Dataset:
    """The dataset of a file in the DICOM JSON model. Raises what pydicom raises."""
    dataset = Dataset.from_json(json.loads(path.read_text(encoding="utf-8")))
    dataset.file_meta = FileMetaDataset()
    return dataset


def search_volume(volume: Path, beside: Path, original: Original, expected: Expected) -> tuple[Finding, ...]:
    """All that is left of ``original`` in the two files, each kind and place once, in order."""
    try:
        found = set(search_dataset(read_model(beside), original, expected))
        header, begin = nifti.before_voxels(volume)
        with volume.open("rb") as stream:
            packed = stream.read(len(_PLAIN_GZIP))
        places = ((BEGIN, begin), (SIDECAR, beside.read_bytes()))
    except (*BROKEN, Unusable):
        return (Finding(What.UNREADABLE, ""),)
    if packed != _PLAIN_GZIP:
        found.add(Finding(What.META, "gzip header"))
    found |= {Finding(What.META, f"NIfTI {name}") for name in header.texts()}
    if begin[len(header.raw) :].strip(b"\0"):
        found.add(Finding(What.META, "NIfTI extensions"))
    told = {finding.what for finding in found}
    for place, content in places:
        hits = search_text(content, original, moved(original, expected))
        found |= {Finding(what, place, certain) for what, certain in hits if what not in told}
    return tuple(sorted(found))


def same_voxels(source: Path, target: Path) -> bool:
    """Whether the voxels are the same, bit by bit, and nothing stands behind the new ones."""
    try:
        return nifti.digest(source) == nifti.digest(target, most_behind=0)
    except (OSError, Unusable):
        return False
