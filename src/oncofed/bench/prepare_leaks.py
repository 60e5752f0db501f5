"""What of PS3.15 Table E.1-1 survives de-identification: a CT file with all 619 rows marked, at three depths.

A mark is a value that occurs nowhere else. It is planted at the top level, inside an item of (0008,1115) and inside a
per-frame group (5200,9229), two sequences of which the table says nothing. Afterwards, for each row:

*leak*: the mark is still there though no option keeps it. *wrong*: no leak, yet not an outcome that the table and the
options allow (a D that was emptied, a removed attribute that an option keeps, a date that moved by another number of
days …). What is allowed is read from the table here, not from the compiled policy. One reading is ours: times of day
(TM) and the offset from UTC stay when dates are shifted by whole days, as PS3.15 E.3.6 allows; and seven dates that
anybody can look up (versions of code lists and templates) meet the basic profile, for shifted they betray the shift.
"""

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from pydicom import config, dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pydicom.valuerep import validate_value

from oncofed.bench.prepare_peers import Peer, peers
from oncofed.bench.report import Figure, Measured
from oncofed.imaging.deidentify import Deidentifier, Option, Profile, compile_policy
from oncofed.imaging.deidentify.dates import shifted
from oncofed.imaging.deidentify.policy import PUBLISHED_DATES
from oncofed.imaging.deidentify.tables import (
    CURVES,
    OVERLAY_COMMENTS,
    OVERLAY_DATA,
    PRIVATE,
    Row,
    confidentiality,
)
from oncofed.imaging.elements import BROKEN
from oncofed.trust.pseudonyms import Pseudonyms

ROWS = confidentiality()
DEPTHS: dict[str, tuple[int, ...]] = {"top": (), "unlisted": (0x00081115,), "per_frame": (0x52009229,)}
"""Where the marks stand: the sequences around them."""
SECRET = bytes(range(32))
_PLACES = {CURVES: 0x50003000, OVERLAY_DATA: 0x60003000, OVERLAY_COMMENTS: 0x60004000, PRIVATE: 0x00091001}
_META = 0x00020003
_SAFE_CREATOR, _SAFE = "SIEMENS MR HEADER", 0x0019100C
_NOT_UNIQUE = frozenset({"AS", "DA", "DS", "DT", "IS", "TM", "US"})
"""Representations too short for a mark that can be told anywhere in a file: these are looked up at their place."""
_FIRST_DAY = date(1931, 1, 1)
_ROOT = "1.2.826.0.1.3680043.10.1619"


class Found(NamedTuple):
    """The rows that leaked, and those with another outcome that is not allowed."""

    leaks: tuple[str, ...]
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class Mark:
    """A row with the value planted for it."""

    row: Row
    number: int
    tag: int
    vr: str
    value: Any

    @property
    def text(self) -> str:
        """What to look for inside a sequence or among bytes."""
        return f"LEAK{self.tag:08X}"


@cache
def marks() -> tuple[Mark, ...]:
    """One mark for each of the 619 rows; the object's UID is the same in the file meta information and the dataset."""
    instance = next(number for number, row in enumerate(ROWS) if row.keyword == "SOPInstanceUID")
    return tuple(_mark(instance if row.number == _META else number, row) for number, row in enumerate(ROWS))


def _mark(number: int, row: Row) -> Mark:
    tag = _PLACES.get(row.tag, row.number)
    vr = {CURVES: "OW", OVERLAY_DATA: "OW", OVERLAY_COMMENTS: "LT", PRIVATE: "LO"}.get(row.tag, row.vr)
    return Mark(row, number, tag, vr, _value(number, tag, vr))


def _value(number: int, tag: int, vr: str) -> Any:
    text, day = f"LEAK{tag:08X}", _FIRST_DAY + timedelta(days=number)
    time = f"{number % 24:02d}{number % 60:02d}17.{100_000 + number}"
    values: dict[str, Any] = {
        "AS": f"{number % 80 + 5:03d}Y",
        "DA": f"{day:%Y%m%d}",
        "DS": f"9{number:03d}.5",
        "DT": f"{day:%Y%m%d}{time}",
        "IS": str(900_000 + number),
        "OB": text.encode(),
        "OW": text.encode(),
        "PN": f"{text}^GIVEN{tag:08X}",
        "TM": time,
        "UI": f"{_ROOT}.{number + 1}",
        "UN": text.encode(),
        "UR": f"http://{text.lower()}.example/",
        "US": 40_000 + number,
    }
    return _items(number, tag) if vr == "SQ" else values.get(vr, text)


def _items(number: int, tag: int) -> list[Dataset]:
    """Items as the sequence has them: references with UIDs, content with text, else a local code."""
    item, text = Dataset(), f"LEAK{tag:08X}"
    if tag in (0x00081110, 0x00081111, 0x00081120, 0x00081140, 0x00082112):
        item.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        item.ReferencedSOPInstanceUID = f"{_ROOT}.{number + 1}"
    elif tag in (0x0040A730, 0x00400555, 0x00400610):
        item.ValueType, item.TextValue = "TEXT", text
    elif tag == 0x00700001:
        item.TextObjectSequence = [Dataset()]
        item.TextObjectSequence[0].UnformattedTextValue = text
    else:
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = text, "99LOCAL", text
    return [item]


def template() -> bytes:
    """A real CT image to carry the marks (of pydicom's test files)."""
    return Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()


def planted(depth: tuple[int, ...], carrier: bytes) -> bytes:
    """The carrier with every mark at a depth, as a file."""
    dataset = dcmread(io.BytesIO(carrier))
    inner: Dataset = dataset
    for sequence in depth:
        inner.add_new(sequence, "SQ", [Dataset()])
        inner = inner[sequence].value[0]
    for mark in marks():
        if mark.tag == _META:
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = UID(mark.value)
        else:
            inner.add_new(mark.tag, mark.vr, mark.value)
    inner.add_new(0x00090010, "LO", "A CREATOR")
    inner.add_new(0x60000040, "CS", "G")
    inner.add_new(0x00190010, "LO", _SAFE_CREATOR)
    inner.add_new(_SAFE, "IS", "1000")
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=False)
    return buffer.getvalue()


def at_depth(dataset: Dataset, depth: tuple[int, ...]) -> Dataset | None:
    """The item that held the marks; None where its sequence is gone."""
    inner: Dataset | None = dataset
    for sequence in depth:
        held = inner.get(sequence) if inner is not None else None
        inner = held.value[0] if held is not None and held.value else None
    return inner


def examine(output: bytes, depth: tuple[int, ...], options: frozenset[Option], days: int) -> Found:
    """What an output holds of the marks, judged by the table."""
    dataset = dcmread(io.BytesIO(output), force=True)
    inner = at_depth(dataset, depth) or Dataset()
    leaks, wrong = [], []
    for mark in marks():
        place = dataset.file_meta if mark.tag == _META else inner
        allowed, kept = _allowed(mark, options)
        outcome = _outcome(mark, place, output)
        if outcome == "K" and "K" not in allowed:
            leaks.append(mark.row.keyword)
        elif (kept and outcome != "K") or not _fits(mark, place, outcome, allowed, days):
            wrong.append(mark.row.keyword)
    if (_SAFE in inner) != (Option.RETAIN_SAFE_PRIVATE in options):
        (wrong if Option.RETAIN_SAFE_PRIVATE in options else leaks).append("a private element of the safe list")
    return Found(tuple(leaks), tuple(wrong))


def _allowed(mark: Mark, options: frozenset[Option]) -> tuple[frozenset[str], bool]:
    """Outcomes the table allows (K, X, Z, D, U, C), and whether an option says to keep it."""
    letters = {part[0] for part in mark.row.basic.split("/")}
    given = {mark.row.options[option.column] for option in options if mark.row.options.get(option.column)}
    if not given:
        return frozenset(letters), False
    if mark.row.options.get("modified_dates") and Option.RETAIN_MODIFIED_DATES in options:
        if mark.row.keyword in PUBLISHED_DATES:
            return frozenset(letters), False
        stays = mark.vr == "TM" or mark.row.keyword == "TimezoneOffsetFromUTC"
        return frozenset("KC" if stays else "C") | (letters if mark.vr == "OB" else frozenset()), stays
    if "K" in given:
        return frozenset("K"), True
    return frozenset(letters | {"C"}), False


def _outcome(mark: Mark, place: Dataset, output: bytes) -> str:
    """X: absent, Z: empty, K: the mark is there, D: something else is."""
    if mark.vr not in _NOT_UNIQUE and _stands_in(mark, output):
        return "K"
    element = place.get(mark.tag) if mark.tag in place else None
    if element is None:
        return "X"
    if element.is_empty or (mark.vr == "SQ" and not element.value):
        return "Z"
    return "K" if mark.vr in _NOT_UNIQUE and _same(element.value, mark.value) else "D"


def _stands_in(mark: Mark, output: bytes) -> bool:
    """Anywhere in the file, as bytes."""
    if mark.vr == "UI" or (mark.vr == "SQ" and "ReferencedSOPInstanceUID" in mark.value[0]):
        uid = mark.value if mark.vr == "UI" else mark.value[0].ReferencedSOPInstanceUID
        return any(f"{uid}{end}".encode() in output for end in ("\0", "\\", " ")) or output.count(
            f"{uid}".encode()
        ) > sum(output.count(f"{uid}{digit}".encode()) for digit in range(10))
    return mark.text.encode() in output or mark.text.lower().encode() in output


def _same(value: Any, planted: Any) -> bool:
    return str(value) == str(planted) or value == planted


def _fits(mark: Mark, place: Dataset, outcome: str, allowed: frozenset[str], days: int) -> bool:
    """Whether an outcome is one of those allowed, and a value left is valid."""
    if outcome in ("X", "Z", "K"):
        return outcome in allowed
    value = place[mark.tag].value
    if not allowed & {"D", "Z", "U", "C"} or not _is_valid(mark.vr, value):
        return False
    if "C" in allowed and mark.vr in ("DA", "DT") and mark.row.options.get("modified_dates"):
        return str(value) == shifted(str(mark.value), mark.vr, days) or bool(allowed & {"D"})
    return True


def _is_valid(vr: str, value: Any) -> bool:
    if vr in ("SQ", "OB", "OW", "UN", "US"):
        return True
    try:
        validate_value(vr, str(value), config.RAISE)
    except ValueError:
        return False
    return True


def option_sets() -> Iterator[frozenset[Option]]:
    """Every set of options that may be chosen together: 768 of the 1,024 (dates are kept in full or shifted)."""
    for size in range(len(Option) + 1):
        for chosen in combinations(Option, size):
            if not {Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES} <= set(chosen):
                yield frozenset(chosen)


def cleaned(deidentifier: Deidentifier, source: bytes, directory: Path) -> tuple[bytes, int]:
    """What oncofed makes of a file, and the days by which its dates moved."""
    target = directory / "cleaned.dcm"
    applied = deidentifier.file(source, target)
    least, greatest = deidentifier.policy.profile.date_shift_days
    return target.read_bytes(), deidentifier.pseudonyms.date_offset(applied.patient_key, least, greatest)


class Tally:
    """Leaks and other wrong outcomes over option sets: of each depth the most in any set, and which rows they were."""

    def __init__(self) -> None:
        self.leaks, self.wrong = dict.fromkeys(DEPTHS, 0), dict.fromkeys(DEPTHS, 0)
        self.sets = 0

    def add(self, options: frozenset[Option], files: dict[str, bytes], directory: Path) -> None:
        """Clean the marked files under one set of options and look at what is left."""
        deidentifier = Deidentifier(compile_policy(Profile("bench", options)), Pseudonyms(SECRET))
        self.sets += 1
        for name, depth in DEPTHS.items():
            output, days = cleaned(deidentifier, files[name], directory)
            found = examine(output, depth, options, days)
            self.leaks[name] = max(self.leaks[name], len(found.leaks))
            self.wrong[name] = max(self.wrong[name], len(found.wrong))

    def figures(self, label: str) -> list[Figure]:
        """The promise: nothing at any depth."""
        return [Figure(f"leaks_{label}_{name}", self.leaks[name], f"of {len(ROWS)}", at_most=0) for name in DEPTHS] + [
            Figure(f"wrong_outcomes_{label}_{name}", self.wrong[name], f"of {len(ROWS)}", at_most=0) for name in DEPTHS
        ]


def measure(say: Callable[[str], None], sets: Iterable[frozenset[Option]] | None = None) -> Measured:
    """Leaks of the basic profile and of every set of options, and of the peers as they come."""
    files = {name: planted(depth, template()) for name, depth in DEPTHS.items()}
    basic, every = Tally(), Tally()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        basic.add(frozenset(), files, directory)
        for options in option_sets() if sets is None else sets:
            every.add(options, files, directory)
            if every.sets % 64 == 0:
                say(f"leaks: {every.sets} sets of options")
        others = [figure for name, peer in peers().items() for figure in _peer(name, peer, files, directory)]
    figures = [*basic.figures("basic"), *every.figures("worst_option_set")]
    return Measured([*figures, Figure("option_sets", every.sets, "sets")], others)


def _peer(name: str, peer: Peer, files: dict[str, bytes], directory: Path) -> Iterator[Figure]:
    """A peer's leaks and other outcomes, judged by the basic profile; -1 where it ends with an error."""
    source, target = directory / "marked.dcm", directory / f"{name}.dcm"
    for place, depth in DEPTHS.items():
        source.write_bytes(files[place])
        target.unlink(missing_ok=True)
        try:
            peer(source, target)
            found = examine(target.read_bytes(), depth, frozenset(), 0)
        except BROKEN:
            found = None
        yield Figure(f"{name}_leaks_{place}", -1 if found is None else len(found.leaks), f"of {len(ROWS)}")
        yield Figure(f"{name}_wrong_outcomes_{place}", -1 if found is None else len(found.wrong), f"of {len(ROWS)}")
