"""What is left of the original identifiers in the bytes of a file, whatever a parser makes of them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from oncofed.imaging.comments import comments
from oncofed.imaging.elements import raw_elements
from oncofed.imaging.identifiers import Original, What

Found = set[tuple[What, str, bool]]

HEADER = "bytes of the header"
"""The region of all that is no long value; what elements show of it is told with their places."""
COMMENT = "comment in the pixels"

_UID = re.compile(rb"[0-9]+(?:\.[0-9]+){3,}")
_DAY = re.compile(rb"(?<![0-9A-Za-z.])(?:18|19|20)[0-9]{6}(?![A-Za-z])")
_ENCODINGS = (
    "utf-8", "latin-1", "iso8859-2", "iso8859-5", "iso8859-7", "shift_jis", "euc_kr", "gb18030", "utf-16-le",
)  # fmt: skip
_BLOCK, _OVERLAP = 1 << 20, 256
_LARGE = 1 << 16
_PIXEL_GROUP = 0x7FE0
_UNDEFINED = 0xFFFFFFFF
_SHORTEST, _SHORTEST_IN_PIXELS = 4, 7


def search_bytes(
    path: Path,
    dataset: Dataset,
    original: Original,
    moved: frozenset[str] | None,
    in_text: Callable[[str], set[tuple[What, bool]]],
) -> Found:
    """(what, region, certain) of what stands in the bytes of the file that ``dataset`` was read from.

    Values of more than 64 KiB and pixels are searched for names and identifiers of at least 7 bytes (comments inside
    compressed frames), all other bytes for UIDs, names and identifiers too, and for the original dates unless ``moved``
    (the dates after the shift) is unknown. Deflated bytes say nothing; only their preamble is looked at. Comments
    inside compressed frames are searched by ``in_text``, as texts are.
    """
    found: Found = set()
    said: set[bytes] = set()
    sought = _written(original)
    with path.open("rb") as stream:
        begin = stream.read(132)
        if begin[128:] == b"DICM" and begin[:128].strip(b"\0"):
            found.add((What.META, "preamble", True))
        if dataset.file_meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            return found
        size = path.stat().st_size
        for start, end, is_bulk in _regions(dataset, size):
            for piece in _pieces(stream, start, end):
                found |= _in_bulk(piece, sought) if is_bulk else _in_header(piece, sought, original, moved)
                said.update(comments(piece) if is_bulk else ())
    told = {one for comment in said for one in in_text(comment.decode("latin-1").replace(":", "-"))}
    return found | {(what, COMMENT, certain) for what, certain in told}


def search_text(content: bytes, original: Original, moved: frozenset[str] | None) -> set[tuple[What, bool]]:
    """(what, certain) of what stands in bytes that are no pixels, sought as in a header; see ``search_bytes``."""
    return {(what, certain) for what, _, certain in _in_header(content, _written(original), original, moved)}


def _written(original: Original) -> dict[bytes, What]:
    """Names and identifiers in every encoding in which they may stand, ASCII letters in lower case."""
    found: dict[bytes, What] = {}
    for text, what in original.spelled.items():
        for encoding in _ENCODINGS[: 1 if text.isascii() else None] + _ENCODINGS[-1:]:
            try:
                found[text.encode(encoding).lower()] = what
            except UnicodeEncodeError:
                continue
    return {text: what for text, what in found.items() if len(text) >= _SHORTEST}


def _regions(dataset: Dataset, size: int) -> Iterator[tuple[int, int, bool]]:
    """(start, end, whether it is the value of one long element), together the whole file."""
    start = 0
    for element in raw_elements(dataset):
        if not isinstance(element, RawDataElement) or element.value_tell < start:
            continue
        undefined = element.length == _UNDEFINED
        if element.length > _LARGE and (element.tag >> 16 == _PIXEL_GROUP or not undefined):
            end = size if undefined else min(size, element.value_tell + element.length)
            yield start, element.value_tell, False
            yield element.value_tell, end, True
            start = end
    yield start, size, False


def _pieces(stream: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """The bytes from ``start`` to ``end`` in overlapping pieces."""
    stream.seek(start)
    tail = b""
    while start < end and (block := stream.read(min(_BLOCK, end - start))):
        yield tail + block
        start += len(block)
        tail = block[-_OVERLAP:]


def _in_bulk(piece: bytes, sought: dict[bytes, What]) -> Found:
    lower = piece.lower()
    long = ((text, what) for text, what in sought.items() if len(text) >= _SHORTEST_IN_PIXELS and b"\0" not in text)
    return {(what, "bytes of the pixels", True) for text, what in long if text in lower}


def _in_header(piece: bytes, sought: dict[bytes, What], original: Original, moved: frozenset[str] | None) -> Found:
    lower = piece.lower()
    found = {(what, HEADER, True) for text, what in sought.items() if _stands_in(lower, text)}
    if any(uid.decode() in original.uids for uid in _UID.findall(piece)):
        found.add((What.UID, HEADER, True))
    days = {day.decode() for day in _DAY.findall(piece)}
    if moved is not None and not days.isdisjoint(original.dates - moved):
        found.add((What.DATE, HEADER, False))
    return found


def _stands_in(lower: bytes, text: bytes) -> bool:
    """Whether ``text`` stands there as words of its own."""
    place = lower.find(text)
    while place >= 0:
        before, after = lower[place - 1 : place] if place else b"", lower[place + len(text) : place + len(text) + 1]
        if not before.isalnum() and not after.isalnum():
            return True
        place = lower.find(text, place + 1)
    return False
