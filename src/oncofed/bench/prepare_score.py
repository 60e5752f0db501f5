"""A MIDI-B-style score: of all actions that the answer key requires, how many were taken, and each miss by name.

The whole road runs: scan, de-identify with profile ``research``, verify. A file that is held back passes what must be
gone and fails what must be kept. Text is scored by tokens, with partial credit (as MIDI-B does).
"""

import datetime
import importlib
import importlib.util
import re
import tempfile
import unicodedata
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from oncofed.bench import prepare_planting as key
from oncofed.bench.prepare_planting import Check
from oncofed.bench.report import Figure, Measured
from oncofed.imaging.deidentify.words import cleaned
from oncofed.imaging.elements import BROKEN
from oncofed.prepare.deidentify import deidentify
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.run import Run
from oncofed.prepare.scan import scan
from oncofed.prepare.verify import verify
from oncofed.trust.pseudonyms import Pseudonyms

SEED = 20_260
PATIENTS = 12
PROMISED_PERCENT = 99.9
_TOKEN = re.compile(r"[^\W_]+(?:[./-][^\W_]+)*")


@dataclass(frozen=True)
class Miss:
    """A required action that was not, or not wholly, taken."""

    check: Check
    score: float
    why: str

    def __str__(self) -> str:
        place = ".".join(map(str, self.check.place))
        return f"{self.check.action} {self.check.file} {place}: {self.why}"


@dataclass(frozen=True)
class Score:
    """The outcome: ``required`` and ``taken`` (partial credit counts in part) by action, and the misses."""

    required: Mapping[str, int]
    taken: Mapping[str, float]
    misses: tuple[Miss, ...]

    @property
    def percent(self) -> float:
        """Actions taken of those required."""
        return 100.0 * sum(self.taken.values()) / sum(self.required.values())


def measure(say: Callable[[str], None]) -> Measured:
    """Score the profile ``research`` on made-up patients; each miss is told."""
    with tempfile.TemporaryDirectory(prefix="oncofed-score-") as directory:
        score = run_score(Path(directory), seed=SEED, patients=PATIENTS)
    for miss in score.misses:
        say(f"missed: {miss}")
    figures = [
        Figure("MIDI-B-style score", score.percent, "%", at_least=PROMISED_PERCENT),
        Figure("actions required", float(sum(score.required.values())), "actions"),
        Figure("actions missed", float(len(score.misses)), "actions"),
    ]
    figures += [
        Figure(f"score: {action}", 100.0 * score.taken[action] / number, "%")
        for action, number in score.required.items()
    ]
    return Measured([*figures, *real_descriptions()], [])


def real_descriptions() -> list[Figure]:
    """What the vocabulary leaves of the series descriptions of NCI Imaging Data Commons; none where it is absent.

    Told, not promised: half of what goes is names of software, scanners and trials that nobody lists.
    """
    if importlib.util.find_spec("idc_index_data") is None:
        return []
    table = importlib.import_module("idc_index_data").IDC_INDEX_PARQUET_FILEPATH
    rows = duckdb.execute(
        """SELECT SeriesDescription, count(*) FROM read_parquet(?) WHERE Modality IN ('CT', 'MR', 'PT', 'MG', 'US')
           AND SeriesDescription IS NOT NULL GROUP BY 1""",
        [str(table)],
    ).fetchall()
    tokens = kept = 0
    for description, series in rows:
        tokens += series * len(_tokens(description))
        kept += series * len(_tokens(cleaned(description).text))
    return [Figure("tokens of real series descriptions kept", 100.0 * kept / tokens, "%")]


def run_score(directory: Path, *, seed: int, patients: int) -> Score:
    """Plant, prepare and score below ``directory``."""
    source = directory / "source"
    planted = key.plant(source, seed=seed, patients=patients)
    with Run.create(directory / "run", project="score") as run:
        recipe = Recipe(_secret, profile="research", project="score")
        scan(run, source)
        deidentify(run, recipe)
        verify(run, recipe)
        outputs = {file.place: file.target for file in run.files() if file.target}
        return score(planted.checks, source, outputs)


def _secret() -> Pseudonyms:
    return Pseudonyms(b"the secret of the bench, no more")


def score(checks: Iterable[Check], source: Path, outputs: Mapping[str, Path]) -> Score:
    """Score an answer key against the files written; ``outputs``: place in the source → new file."""
    judge = _Judge()
    by_file: dict[str, list[Check]] = defaultdict(list)
    for check in checks:
        by_file[check.file].append(check)
    required: Counter[str] = Counter()
    taken: dict[str, float] = defaultdict(float)
    misses: list[Miss] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for file, own in by_file.items():
            before = pydicom.dcmread(source / file)
            after = pydicom.dcmread(outputs[file]) if file in outputs else None
            for check in own:
                got, why = judge.judge(check, before, after)
                required[check.action] += 1
                taken[check.action] += got
                if got < 1:
                    misses.append(Miss(check, got, why))
    return Score(dict(required), dict(taken), tuple(misses))


Verdict = tuple[float, str]
_OK: Verdict = (1.0, "")


class _Judge:
    """Judges one check after the other; remembers what UIDs, patients and dates became."""

    def __init__(self) -> None:
        self._uids: dict[str, str] = {}
        self._patients: dict[str, str] = {}
        self._shifts: dict[str, int] = {}

    def judge(self, check: Check, before: Dataset, after: Dataset | None) -> Verdict:
        """How far the action was taken (0 to 1), and what is wrong."""
        if after is None:
            return _OK if check.action in (key.TEXT_REMOVED, key.PIXELS_HIDDEN) else (0.0, "the file was held back")
        if check.action in (key.PIXELS_HIDDEN, key.PIXELS_RETAINED):
            return _hidden(check, after) if check.action == key.PIXELS_HIDDEN else _retained(check, before, after)
        element = find(after, check.place)
        if check.action == key.TEXT_REMOVED:
            return _tokens_gone(check.value, _text(element))
        if element is None:
            return 0.0, "the element is gone"
        if check.action == key.TAG_RETAINED:
            return _OK
        text = _text(element)
        if not text:
            return 0.0, "the value is gone"
        if check.action == key.TEXT_NOTNULL:
            return _OK
        if check.action == key.TEXT_RETAINED:
            return _tokens_kept(check.value, text)
        return self._mapped(check, text)

    def _mapped(self, check: Check, text: str) -> Verdict:
        if check.action == key.UID_CHANGED:
            return _OK if text != check.value else (0.0, "the UID is the original one")
        if check.action == key.UID_CONSISTENT:
            return _consistent(self._uids, check.value, text, "UID")
        if check.action == key.PATID_CONSISTENT:
            if check.value in text:
                return 0.0, "the Patient ID is the original one"
            return _consistent(self._patients, check.value, text, "Patient ID")
        return self._shifted(check, text)

    def _shifted(self, check: Check, text: str) -> Verdict:
        days = _days_between(check.value[:8], text[:8])
        if days is None or check.value[8:] != text[8:]:
            return 0.0, "not a date, or another time"
        if days == 0:
            return 0.0, "the date is the original one"
        if self._shifts.setdefault(check.patient, days) != days:
            return 0.0, "shifted by other days than the patient's first date"
        return _OK


def _consistent(known: dict[str, str], old: str, new: str, what: str) -> Verdict:
    fresh = old not in known and new in known.values()
    if known.setdefault(old, new) != new:
        return 0.0, f"the same {what} became two"
    return (0.0, f"two {what}s became one") if fresh else _OK


def _days_between(old: str, new: str) -> int | None:
    try:
        first, second = (datetime.date(int(day[:4]), int(day[4:6]), int(day[6:8])) for day in (old, new))
    except ValueError:
        return None
    return (second - first).days


def find(dataset: Dataset, place: key.Place) -> DataElement | None:
    """The element at a place of the answer key; None where it, or an item on the way, is gone."""
    item = dataset
    try:
        for name, number in zip(place[:-1:2], place[1::2], strict=True):
            item = item[_tag(name)].value[number]
        found = item[_tag(place[-1])]
    except BROKEN:
        return None
    return found if isinstance(found, DataElement) else None


def _tag(name: str | int) -> Any:
    return int(name, 16) if isinstance(name, str) and re.fullmatch("[0-9A-F]{8}", name) else name


def _text(element: DataElement | None) -> str:
    if element is None or element.value is None:
        return ""
    value = element.value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, pydicom.sequence.Sequence):
        return " ".join(str(item) for item in value)
    return str(value)


def _tokens(text: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return _TOKEN.findall(plain)


def _tokens_gone(value: str, text: str) -> Verdict:
    wanted = _tokens(value)
    left = set(_tokens(text)) & set(wanted)
    return (1 - len(left) / len(set(wanted)), f"{len(left)} tokens are left") if left else _OK


def _tokens_kept(value: str, text: str) -> Verdict:
    wanted, there = _tokens(value), set(_tokens(text))
    lost = [token for token in wanted if token not in there]
    return (1 - len(lost) / len(wanted), f"lost: {' '.join(lost)}") if lost else _OK


def _hidden(check: Check, after: Dataset) -> Verdict:
    x0, y0, x1, y1 = (int(number) for number in check.place)
    box = after.pixel_array[..., y0:y1, x0:x1]
    return _OK if np.ptp(box) == 0 else (0.0, "something can be seen in the box")


def _retained(check: Check, before: Dataset, after: Dataset) -> Verdict:
    old, new = before.pixel_array, after.pixel_array
    if check.place:
        x0, y0, x1, y1 = (int(number) for number in check.place)
        old, new = old[..., y0:y1, x0:x1], new[..., y0:y1, x0:x1]
    return _OK if np.array_equal(old, new) else (0.0, "pixels changed")
