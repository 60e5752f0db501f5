"""Reading text in pictures with the system's ``tesseract``, and knowing an identifier when one is read.

The picture goes to the program through a pipe and its words come back the same way: no picture of a patient is written
to a disk. Without the program nothing is read (``available``), and what would have needed reading goes to a person.
"""

import difflib
import os
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from pydicom import Dataset

from oncofed.contracts.errors import OncofedError
from oncofed.imaging.elements import walk
from oncofed.imaging.pixels.frames import Grey
from oncofed.imaging.pixels.rectangles import Rectangle

PROGRAM = "tesseract"
_SECONDS = 120.0
_MARGIN = 12


@dataclass(frozen=True)
class Word:
    """What was read, where, and how sure the program is (0 to 100). The text may name a patient: it is never logged."""

    text: str
    rectangle: Rectangle
    confidence: float

    def __repr__(self) -> str:
        return f"Word(…, {self.rectangle}, {self.confidence:.0f})"


@cache
def available() -> bool:
    """The program is installed."""
    return shutil.which(PROGRAM) is not None


def read(picture: Grey, *, scale: int = 1, layout: int = 11, ground: int = 0) -> tuple[Word, ...]:
    """The words in a grey picture (rows, columns), as rectangles of that picture.

    ``scale``: how many times the picture is enlarged before reading (small letters need 2 or 3). ``layout``: the
    program's page segmentation mode (11: words anywhere; 6: one block of lines). ``ground``: grey of a margin
    put around the picture.

    Raises:
        OncofedError: the program is missing or failed (code ``pixels-ocr-missing``).
    """
    framed = np.pad(picture, _MARGIN, constant_values=ground)
    large = framed.repeat(scale, axis=0).repeat(scale, axis=1) if scale > 1 else framed
    rows, columns = large.shape
    page = b"P5 %d %d 255\n" % (columns, rows) + large.tobytes()
    return tuple(_words(_run(page, layout), scale))


def _run(page: bytes, layout: int) -> str:
    program = shutil.which(PROGRAM)
    if program is None:
        raise OncofedError("pixels-ocr-missing")
    arguments = [program, "stdin", "stdout", "--psm", str(layout), "--dpi", "150", "tsv"]
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(arguments, input=page, capture_output=True, timeout=_SECONDS, env=environment, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise OncofedError("pixels-ocr-missing", f"tesseract failed: {type(error).__name__}") from None
    return done.stdout.decode("utf-8", "replace")


def _words(table: str, scale: int) -> Iterable[Word]:
    for line in table.splitlines()[1:]:
        cells = line.split("\t")
        if len(cells) < 12 or float(cells[10]) < 0 or not cells[11].strip():
            continue
        left, top, width, height = (int(cell) for cell in cells[6:10])
        edges = (left, top, left + width + scale - 1, top + height + scale - 1)
        yield Word(cells[11].strip(), Rectangle(*(edge // scale - _MARGIN for edge in edges)), float(cells[10]))


# ---- identifiers -----------------------------------------------------------------------------------------------------

_IDENTIFYING = {
    0x00100010: "name",
    0x00101001: "name",
    0x00101005: "name",
    0x00101060: "name",
    0x00100020: "number",
    0x00101000: "number",
    0x00101002: "number",
    0x00080050: "number",
    0x00200010: "number",
    0x00380010: "number",
    0x00401101: "number",
    0x00181000: "number",
    0x00100030: "date",
    0x00080080: "name",
    0x00080081: "name",
    0x00081010: "name",
    0x00081040: "name",
    0x00101040: "name",
    0x00102154: "number",
    0x00402016: "number",
    0x00402017: "number",
}
"""What of a header is looked for in pixels, besides every person's name and every date at any depth."""

_PLAIN = {"DEFAULT", "UNKNOWN", "ANONYMOUS", "NONE", "TEST", "DEPARTMENT", "RADIOLOGY", "HOSPITAL", "CLINIC", "MEDICAL"}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_ALIKE = str.maketrans("0O1I|L!5S8B2Z6G", "OOIIIIISSBBZZGG")
_NEAR = 0.8


def identifiers(dataset: Dataset) -> frozenset[str]:
    """Words that would name this patient, a person, a place or a day of the header; in capitals without marks."""
    found: set[str] = set()
    for element in walk(dataset):
        kind = {"PN": "name", "DA": "date", "DT": "date"}.get(element.vr) or _IDENTIFYING.get(element.tag)
        for text in element.texts if kind else ():
            if kind == "date":
                found.update(_dates(text))
            else:
                found.update(_parts(text))
    return frozenset(found - _PLAIN)


def plain(text: str) -> str:
    """Capitals without accents and with words apart by one space; what is no letter or digit is a space."""
    bare = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return re.sub(r"[\W_]+", " ", bare.upper()).strip()


def _parts(text: str) -> Iterable[str]:
    whole = plain(text)
    yield from (word for word in whole.split() if len(word) >= 3)
    joined = whole.replace(" ", "")
    if any(character.isdigit() for character in joined) and len(joined) >= 4:
        yield joined


def _dates(text: str) -> Iterable[str]:
    """A date as scanners write it, without what stands between its parts."""
    if not re.match(r"\d{8}", text):
        return
    year, month, day = text[:4], text[4:6], text[6:8]
    yield from (year + month + day, day + month + year, month + day + year)
    yield from (day + month + year[2:], month + day + year[2:], str(int(month)) + str(int(day)) + year)
    yield str(int(day)) + str(int(month)) + year
    if 1 <= int(month) <= 12:
        name = _MONTHS[int(month) - 1]
        yield from (day + name + year, str(int(day)) + name + year, name + day + year, day + name + year[2:])


def names_someone(text: str, wanted: frozenset[str]) -> bool:
    """One of the wanted words stands in the text, allowing for letters that are read alike and one in five wrong."""
    whole = plain(text)
    joined = whole.replace(" ", "")
    candidates = {*whole.split(), joined}
    if candidates & wanted:
        return True
    return any(_near(candidate, word) for candidate in candidates for word in wanted)


def _near(candidate: str, word: str) -> bool:
    if len(word) < 4 or len(candidate) < 3:
        return False
    one, other = candidate.translate(_ALIKE), word.translate(_ALIKE)
    if len(other) >= 5 and other in one:
        return True
    if abs(len(one) - len(other)) > 1 + len(other) // 4:
        return False
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio() >= _NEAR
