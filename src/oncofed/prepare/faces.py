"""Faces of heads, for profiles that take them out: found once a frame of reference, from all files of its best series.

What shares a frame of reference is cut along the same plane: a CT and an MR of one head, the PET with its CT. A PET
shows a face and no skin to place it by, so one without its CT or MR waits for a person.
"""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pydicom
from pydicom import Dataset

from oncofed.imaging.elements import BROKEN
from oncofed.imaging.pixels import Undecodable
from oncofed.imaging.pixels.deface import MODALITIES, Face, NoFace, find_face, shows_a_head
from oncofed.prepare.run import Run, RunFile

NOT_FOUND = "pixels-face"
"""Code of a head whose face cannot be placed: a person must look."""

_SKIN = ("CT", "MR")
"""Modalities by whose skin a face is placed, the better one first."""


class Faces:
    """The faces of a run, each found when it is first asked for."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._known: dict[tuple[str, str], Face | str | None] = {}

    def of(self, file: RunFile) -> Face | str | None:
        """The face in a file's frame of reference, or series where it names none.

        ``NOT_FOUND`` where a person must look; None where no series of it calls itself one of a head. All files in the
        run count, whatever has become of them, so that each of them gets the same answer.
        """
        if file.header.get("Modality") not in MODALITIES:
            return None
        for keyword in ("FrameOfReferenceUID", "SeriesInstanceUID"):
            uid = file.header.get(keyword, "")
            if uid:
                if (keyword, uid) not in self._known:
                    self._known[keyword, uid] = self._found(keyword, uid)
                return self._known[keyword, uid]
        return None

    def _found(self, keyword: str, uid: str) -> Face | str | None:
        several: dict[str, list[RunFile]] = defaultdict(list)
        for one in self._run.files(where=f'h."{keyword}" = ?', given=(uid,)):
            if one.header.get("Modality") in MODALITIES and not one.is_volume:
                several[one.header.get("SeriesInstanceUID", "")].append(one)
        if not any(_is_of_a_head(files[0].path) for files in several.values()):
            return None
        for files in _best_first(several.values()):
            try:
                return find_face(_read([one.path for one in files]))
            except (NoFace, Undecodable, *BROKEN):
                continue
        return NOT_FOUND


def _best_first(series: Iterable[list[RunFile]]) -> list[list[RunFile]]:
    """Series that show skin: CT before MR, many images before few."""
    ranks = {modality: place for place, modality in enumerate(_SKIN)}
    shown = [files for files in series if files[0].header.get("Modality") in ranks]
    return sorted(shown, key=lambda files: (ranks[files[0].header["Modality"]], -len(files)))


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
