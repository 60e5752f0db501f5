"""What de-identification does to whole sets of real files: references, validity, original dates and UIDs left.

Over pydicom's own test files and, where it lies beside the repository, the corpus of ``../shared/dicom``; the same for
every peer that is installed. Files that a tool cannot do are counted and left out of its comparison, before and after.
"""

import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pydicom
from pydicom import data as pydicom_data
from pydicom.dataset import Dataset

import oncofed
from oncofed.bench.prepare_peers import Peer, peers
from oncofed.bench.report import Figure, Measured
from oncofed.contracts.errors import OncofedError
from oncofed.imaging.deidentify import PROFILES, Deidentifier, compile_policy
from oncofed.imaging.deidentify.tables import vocabulary
from oncofed.imaging.elements import BROKEN
from oncofed.imaging.identifiers import Original, What, gather, is_day
from oncofed.imaging.references import Comparison, Mention, compare, graph, read
from oncofed.imaging.residual import Expected, search
from oncofed.prepare import validity
from oncofed.prepare.verification import kept_by
from oncofed.trust.pseudonyms import Pseudonyms

SHARED = Path(oncofed.__file__).parents[3] / "shared" / "dicom"
"""Beside the repository, when oncofed runs from a checkout of it."""
PYDICOM = Path(pydicom_data.__file__).parent / "test_files"
_JUDGED_OF_A_SERIES = 1
_REFUSED = (*BROKEN, OncofedError, AssertionError, StopIteration)


@dataclass(frozen=True)
class Instance:
    """One original file: what points where, and what must not be found again."""

    path: Path
    label: str
    mention: Mention
    original: Original
    study_date: str


@dataclass
class Outcome:
    """What one tool made of a set of files."""

    files: int = 0
    refused: int = 0
    comparison: Comparison | None = None
    with_findings: dict[What, int] = field(default_factory=dict)
    places: list[tuple[str, What, str]] = field(default_factory=list)
    judged: int = 0
    errors_before: int = 0
    errors_after: int = 0


def measure(say: Callable[[str], None]) -> Measured:
    """Our own profile ``research`` with its promises, and the peers."""
    originals = list(instances(folder for folder in (SHARED, PYDICOM) if folder.is_dir()))
    say(f"{len(originals)} original files")
    own = examine(originals, ours())
    for place, what, where in own.places:
        say(f"left: {what} in {place} at {where}")
    figures = own_figures(own)
    beside: list[Figure] = []
    for name, peer in peers().items():
        say(name)
        beside += peer_figures(name, examine(originals, peer))
    return Measured(figures, beside)


def ours() -> Peer:
    """oncofed with profile ``research``, pixels as they are."""
    deidentifier = Deidentifier(compile_policy(PROFILES["research"]), Pseudonyms(bytes(range(32))))

    def run(source: Path, target: Path) -> None:
        deidentifier.file(source, target)

    return run


def instances(folders: Iterable[Path]) -> Iterator[Instance]:
    """All files below the folders that are objects of a study, once each place."""
    keeps = kept_by(compile_policy(PROFILES["research"]))
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            try:
                dataset = _read(path)
                mention = read(dataset)
            except BROKEN:
                continue
            if mention.sop_class and mention.belongs:
                label = f"{folder.name}/{path.relative_to(folder)}"
                yield Instance(path, label, mention, gather(dataset, keeps), str(dataset.get("StudyDate", "")))


def _read(path: Path) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, stop_before_pixels=True)


def examine(originals: Iterable[Instance], tool: Peer) -> Outcome:
    """Run a tool over the files and compare what it wrote with what there was."""
    outcome = Outcome()
    before: dict[str, Mention] = {}
    after: dict[str, Mention] = {}
    judged: dict[object, int] = {}
    with tempfile.TemporaryDirectory(prefix="oncofed-references-") as directory, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, one in enumerate(originals):
            target = Path(directory, f"{number:06}.dcm")
            try:
                tool(one.path, target)
                dataset = _read(target)
                after[one.label] = read(dataset)
            except _REFUSED:
                outcome.refused += 1
                continue
            before[one.label] = one.mention
            outcome.files += 1
            _findings(outcome, one, target, dataset)
            series = tuple(sorted(one.mention.belongs.items()))[-2:]
            judged[series] = judged.get(series, 0) + 1
            if judged[series] <= _JUDGED_OF_A_SERIES:
                _judge(outcome, one.path, target)
            target.unlink()
    outcome.comparison = compare(graph(before.items()), graph(after.items()))
    return outcome


def _findings(outcome: Outcome, one: Instance, target: Path, dataset: Dataset) -> None:
    shift = _shift(one.study_date, str(dataset.get("StudyDate", "")))
    found = search(target, one.original, Expected(shift, private=True, age_cap=None, harmless=frozenset(vocabulary())))
    certain = [finding for finding in found if finding.certain]
    for what in {finding.what for finding in certain}:
        outcome.with_findings[what] = outcome.with_findings.get(what, 0) + 1
    outcome.places += [(one.label, finding.what, finding.place) for finding in certain]


def _shift(before: str, after: str) -> int | None:
    """By how many days a tool moved the study's date; None where it did not, or removed it."""
    if not (is_day(before) and is_day(after)) or before == after:
        return None
    return (datetime.strptime(after, "%Y%m%d") - datetime.strptime(before, "%Y%m%d")).days


def _judge(outcome: Outcome, source: Path, target: Path) -> None:
    before, after = validity.errors(source), validity.errors(target)
    if before is not None and after is not None:
        outcome.judged += 1
        outcome.errors_before += before.total()
        outcome.errors_after += after.total()


def own_figures(own: Outcome) -> list[Figure]:
    """The promises of the issue: references after = before, errors after ≤ before, no original date or UID."""
    comparison = own.comparison or compare(graph(()), graph(()))
    figures = [
        Figure("files de-identified", float(own.files), "files"),
        Figure("files refused", float(own.refused), "files"),
        Figure("references resolved before", float(comparison.resolved_before), "references"),
        Figure(
            "references resolved after", float(comparison.resolved_after), "references",
            at_least=float(comparison.resolved_before),
        ),
        Figure("references broken", float(comparison.broken.total()), "references", at_most=0),
        Figure("objects out of their series or study", float(len(comparison.regrouped)), "objects", at_most=0),
        Figure("files with original UIDs", float(own.with_findings.get(What.UID, 0)), "files", at_most=0),
        Figure("files with original dates", float(own.with_findings.get(What.DATE, 0)), "files", at_most=0),
        Figure("files with original names or numbers", float(_personal(own.with_findings)), "files", at_most=0),
    ]  # fmt: skip
    if own.judged:
        figures += [
            Figure("dciodvfy errors before", float(own.errors_before), f"errors in {own.judged} files"),
            Figure(
                "dciodvfy errors after", float(own.errors_after), f"errors in {own.judged} files",
                at_most=float(own.errors_before),
            ),
        ]  # fmt: skip
    return figures


def peer_figures(name: str, peer: Outcome) -> list[Figure]:
    """The same of a peer, without promises."""
    return [Figure(f"{name}: {one.name}", one.value, one.unit) for one in own_figures(peer)]


def _personal(found: Mapping[What, int]) -> int:
    """The most files that any one of these kinds was found in."""
    return max(found.get(what, 0) for what in (What.NAME, What.IDENTIFIER, What.CONTACT))
