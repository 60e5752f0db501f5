"""Stage deidentify: every indexed file, series by series, into ``images/`` under pseudonyms.

A worker reads a file once, plans its masks, cleans it and puts it in place by one rename. The journal learns of files
when they are on the disk, every few seconds; what a run does again after it was killed has the same result.
"""

import hashlib
import json
import logging
import re
import time
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pydicom
from pydicom import Dataset

from oncofed.contracts.codes import CODES
from oncofed.contracts.errors import OncofedError
from oncofed.files import flush, says_full
from oncofed.imaging import nifti, pixels
from oncofed.imaging.deidentify import Applied
from oncofed.imaging.deidentify.policy import CLEAN_PIXELS, DEFACED
from oncofed.imaging.headers import BROKEN, DAMAGED, UNREADABLE, Unusable
from oncofed.imaging.pixels.deface import Face, take_out_face
from oncofed.prepare import consistency, linkage, volumes
from oncofed.prepare.faces import Faces
from oncofed.prepare.journal import disk_full_told
from oncofed.prepare.parallel import LOST, Here, Lost, Workers
from oncofed.prepare.progress import Progress, Silent
from oncofed.prepare.recipe import Recipe, Tools
from oncofed.prepare.run import Run, RunFile, State
from oncofed.prepare.volumes import CHANGED

_BY_VERIFICATION = (
    "prepare-residual", "prepare-reference-broken", "prepare-pixels-changed", "prepare-output-unreadable",
)  # fmt: skip
"""Codes of the verification: what they say is of the last policy."""
_DISK_FULL = "disk-full"
_FLUSHED_S = 0.5
_IS_UID = re.compile(r"\d+(\.\d+)*", re.ASCII).fullmatch
_FILES, _BYTES = 50, 64 << 20
"""A batch is of one series, and no larger than this (one file may be)."""

_MEASURED = frozenset({"CT", "MR", "PT", "NM"})
_NUMBERS = frozenset({"SamplesPerPixel", "BitsAllocated"})
_DECISIVE = ("SOPClassUID", "Modality", "ImageType", "ConversionType", "BurnedInAnnotation", *sorted(_NUMBERS))
"""Attributes that decide about the risk of text in pixels of these modalities."""

Change = tuple[str, str, str]
Review = tuple[str, str, str, str]


@dataclass(frozen=True)
class Job:
    """One file to de-identify."""

    file: int
    source: Path
    target: str
    size: int
    rectangles: str
    measured: bool
    """Whether the index says that the pixels are measurements of a scanner, without a risk of text."""
    face: Face | str | None = None
    """What is to be taken out of a head; a code where a person must look."""
    accepted: frozenset[str] = frozenset()
    """Codes that a person has let pass."""
    is_volume: bool = False
    """A NIfTI volume with its side-car."""


@dataclass(frozen=True)
class Batch:
    """Jobs of one series."""

    directory: Path
    recipe: Recipe
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a job: ``code`` is "" where the file stands at its target."""

    file: int
    target: str = ""
    patient_key: str = ""
    code: str = ""
    detail: str = ""
    changes: bytes = b""
    risk: str = ""
    review: tuple[Review, ...] = ()


@dataclass
class BatchOutcome:
    """Outcomes of a batch; equal sets of changes are sent once."""

    outcomes: list[Outcome] = field(default_factory=list)
    changes: dict[bytes, tuple[Change, ...]] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        """Whether the disk was full."""
        return any(one.code == _DISK_FULL for one in self.outcomes)


def deidentify(run: Run, recipe: Recipe, *, workers: Workers | None = None, progress: Progress | None = None) -> int:
    """De-identify all that is indexed; the number of files that were done now.

    Another policy than that of the last time takes back what was done, and does it again.

    Raises:
        OncofedError: ``disk-full``: what was done stands, and the next call goes on.
    """
    workers, progress = workers or Here(), progress or Silent()
    with run.stage("deidentify") as facts:
        _begin(run, recipe)
        ((total,),) = run.connection.execute("SELECT count(*) FROM files WHERE state = 'indexed'").fetchall()
        progress.begin("de-identifying", total)
        results = _together(workers.map(deidentify_batch, batches(run, recipe)), progress)
        done = sum(_keep(run, durable) for durable in _flushed(run.directory, results))
        progress.end()
        consistency.withdraw(run)
        linkage.keep(run, recipe.tools)
        facts.update(done=done, profile=recipe.profile, policy=recipe.tools.policy.digest)
    return done


def _together(results: Iterable["BatchOutcome | Lost[Batch]"], progress: Progress) -> Iterator[list["BatchOutcome"]]:
    """Results of some seconds, to be made durable at once; a full disk ends them."""
    waiting: list[BatchOutcome] = []
    since = time.monotonic()
    for result in results:
        found = _lost(result.thing) if isinstance(result, Lost) else result
        waiting.append(found)
        progress.advance(len(found.outcomes))
        if found.full or time.monotonic() - since > _FLUSHED_S:
            yield waiting
            if found.full:
                return
            waiting, since = [], time.monotonic()
    if waiting:
        yield waiting


def _flushed(directory: Path, groups: Iterable[list["BatchOutcome"]]) -> Iterator[list["BatchOutcome"]]:
    """Groups whose files are on the disk: one is flushed while the next is worked on."""
    with ThreadPoolExecutor(1) as beside, disk_full_told():
        before: list[BatchOutcome] = []
        flushing: Future[None] | None = None
        for group in groups:
            if flushing is not None:
                flushing.result()
                yield before
            before, flushing = group, beside.submit(flush, directory)
        if flushing is not None:
            flushing.result()
            yield before


def _begin(run: Run, recipe: Recipe) -> None:
    """Start anew where the policy or the rules of the pixels are others than those of the last time."""
    tools = recipe.tools
    decisive = json.dumps([tools.policy.digest, tools.ocr])
    run.put(profile_given=recipe.profile, ocr="yes" if recipe.ocr else "")
    if run.get("recipe") == decisive:
        return
    with run.transaction():
        run.connection.execute(
            """UPDATE files SET state = 'indexed', code = '' WHERE state IN ('deidentified', 'verified')
               OR (state = 'quarantined' AND (code LIKE 'pixels-%' OR code IN (?, ?, ?, ?)))""",
            _BY_VERIFICATION,
        )
    consistency.withdraw(run)
    run.put(recipe=decisive, policy=tools.policy.digest, profile=tools.policy.profile.name)


def batches(run: Run, recipe: Recipe) -> Iterator[Batch]:
    """What is to be done, in batches of one series each."""
    tools = recipe.tools
    jobs: list[Job] = []
    series, size = "", 0
    face: Face | str | None = None
    faces = Faces(run)
    for file in run.files(State.INDEXED):
        own = file.header.get("SeriesInstanceUID", "")
        own += nifti.FORM if file.is_volume else ""
        if tools.policy.profile.deface and own != series:
            face = None if file.is_volume else faces.of(file)
        if jobs and (own != series or len(jobs) >= _FILES or size + file.size > _BYTES):
            yield Batch(run.directory, recipe, tuple(jobs))
            jobs, size = [], 0
        series = own
        size += file.size
        jobs.append(_job(file, tools, face))
    if jobs:
        yield Batch(run.directory, recipe, tuple(jobs))


def _job(file: RunFile, tools: Tools, face: Face | str | None) -> Job:
    return Job(
        file.id, file.path, target_of(file, tools), file.size, file.rectangles,
        measured=_measured(file), face=face, accepted=file.accepted, is_volume=file.is_volume,
    )  # fmt: skip


def target_of(file: RunFile, tools: Tools) -> str:
    """Where the de-identified file belongs, relative to the run: patient/study/series/instance, under pseudonyms."""
    header, names = file.header, tools.pseudonyms
    key = names.patient(header.get("PatientID", ""), header.get("IssuerOfPatientID", ""))
    uids = [header[name] for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    study, series, instance = (_as_place(tools.uid(uid), tools) for uid in uids)
    suffix = volumes.SUFFIX if file.is_volume else ".dcm"
    return f"images/{key or names.without_patient_id(uids[0])}/{study}/{series}/{instance}{suffix}"


def _as_place(uid: str, tools: Tools) -> str:
    """A UID as the name of a folder or file; one that is none (a profile may keep what stands there) is hashed."""
    return uid if len(uid) <= 64 and _IS_UID(uid) else tools.pseudonyms.own_uid(uid)


def _measured(file: RunFile) -> bool:
    """No risk of text, by what the index has of the header; said only of kinds for which that is enough to know."""
    header = file.header
    if header.get("Modality") not in _MEASURED or "Rows" not in header:
        return False
    known = tuple((keyword, header.get(keyword, "")) for keyword in _DECISIVE)
    return _without_risk(known)


@lru_cache(4096)
def _without_risk(known: tuple[tuple[str, str], ...]) -> bool:
    dataset = Dataset()
    for keyword, value in known:
        if value:
            several = value.split("\\")
            setattr(dataset, keyword, several if len(several) > 1 else int(value) if keyword in _NUMBERS else value)
    dataset.PixelData = b""
    return pixels.assess(dataset).level is pixels.Level.NONE


def deidentify_batch(batch: Batch) -> BatchOutcome:
    """Do a batch; a full disk ends it, any other trouble only its own file."""
    result = BatchOutcome()
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # it logs values that bend the standard
    for job in batch.jobs:
        outcome, changes = _one(batch, job)
        result.outcomes.append(outcome)
        if changes:
            result.changes[outcome.changes] = changes
        if outcome.code == _DISK_FULL:
            break
    return result


class _Held(Exception):
    """A person must look at the pixels first."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def _one(batch: Batch, job: Job) -> tuple[Outcome, tuple[Change, ...]]:
    try:
        return _done(batch, job)
    except _Held as held:
        return Outcome(job.file, code=held.code), ()
    except pixels.Undecodable:
        return Outcome(job.file, code="pixels-undecodable"), ()
    except Unusable as problem:
        return Outcome(job.file, code=problem.code), ()
    except OncofedError as error:
        return Outcome(job.file, code=error.code), ()
    except OSError as error:
        return Outcome(job.file, code=_DISK_FULL if says_full(error) else UNREADABLE), ()
    except BROKEN as error:
        return Outcome(job.file, code=DAMAGED, detail=type(error).__name__), ()


def _done(batch: Batch, job: Job) -> tuple[Outcome, tuple[Change, ...]]:
    tools = batch.recipe.tools
    before = job.source.stat()
    if before.st_size != job.size:
        return Outcome(job.file, code=CHANGED), ()
    target = batch.directory / job.target
    if not target.parent.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    tools.tokens.clear()
    if job.is_volume:
        applied, level = volumes.deidentify(job.source, target, tools, job.accepted)
    else:
        applied, level = _object(job, target, tools)
    if job.source.stat().st_mtime_ns != before.st_mtime_ns:
        volumes.remove(target)
        return Outcome(job.file, code=CHANGED), ()
    digest, changes = _digested(applied.changes)
    return (
        Outcome(
            job.file,
            target=job.target,
            patient_key=applied.patient_key,
            changes=digest,
            risk=level.value,
            review=tuple((*where, token) for where, token in tools.tokens.items()),
        ),
        changes,
    )


def _object(job: Job, target: Path, tools: Tools) -> tuple[Applied, pixels.Level]:
    """De-identify one DICOM file, its pixels too; the risk of text that they had."""
    level = pixels.Level.NONE
    if tools.policy.profile.clean_pixels and not job.measured:
        level = _level(job.source)
    if isinstance(job.face, str) and not job.rectangles:
        raise _Held(job.face)
    face = job.face if isinstance(job.face, Face) else None
    if level is pixels.Level.NONE and face is None:
        applied = tools.deidentifier.file(job.source, target)
    else:
        codes = (*((CLEAN_PIXELS,) if level is not pixels.Level.NONE else ()), *((DEFACED,) if face else ()))

        def clean(dataset: Dataset) -> bool:
            changed = level is not pixels.Level.NONE and _masked(dataset, tools, job, target.parent)
            return (face is not None and take_out_face(dataset, face, spool=target.parent)) or changed

        applied = tools.deidentifier.file(job.source, target, clean, pixel_codes=codes if face else ())
    return applied, level


@lru_cache(256)
def _digested(changes: tuple[Change, ...]) -> tuple[bytes, tuple[Change, ...]]:
    """Changes as they are told, and what tells them apart: files of a series have the same."""
    told = tuple((path, str(action), reason) for path, action, reason in changes)
    return hashlib.sha256(repr(told).encode()).digest(), told


def _level(path: Path) -> pixels.Level:
    """The risk of text in a file's pixels, by its header; only where there is some are the pixels read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        if "Rows" in dataset:
            dataset.PixelData = b""  # not read, but there
        return pixels.assess(dataset).level


def _masked(dataset: Dataset, tools: Tools, job: Job, spool: Path) -> bool:
    """Blank what must not be read in the pixels; whether they changed. ``_Held`` where a person must look first."""
    if job.rectangles:
        rectangles = [pixels.Rectangle(*numbers) for numbers in json.loads(job.rectangles)]
        plan = pixels.plan(dataset, reviewed=rectangles)
    else:
        plan = pixels.plan(dataset, ocr=tools.ocr)
    if plan.quarantine:
        raise _Held(next((code for code in plan.reasons if code in CODES), "pixels-text-suspected"))
    return pixels.apply(dataset, plan, spool=spool)


def _lost(batch: Batch) -> BatchOutcome:
    """A batch whose workers died: its files are held back, as one of them breaks whoever touches it."""
    return BatchOutcome([Outcome(job.file, code=LOST) for job in batch.jobs])


def _keep(run: Run, results: list[BatchOutcome]) -> int:
    """Write batches into the journal; the number of files that are done."""
    done = 0
    with run.transaction():
        for result in results:
            sets = {digest: _change_set(run, digest, rows) for digest, rows in result.changes.items()}
            told = [one for one in result.outcomes if one.code != _DISK_FULL]
            run.connection.executemany(
                """UPDATE files SET state = ?, code = ?, patient_key = ?, target = ?, risk = ?, changes = ?
                   WHERE id = ?""",
                [
                    (_state(one), one.code, one.patient_key, one.target, one.risk, sets.get(one.changes, 0), one.file)
                    for one in told
                ],
            )
            run.connection.executemany(
                """INSERT INTO review (token_hash, code, path, value, occurs) VALUES (?, ?, ?, ?, 1)
                   ON CONFLICT DO UPDATE SET occurs = occurs + 1""",
                [row for one in told for row in one.review],
            )
            done += sum(not one.code for one in told)
    if any(result.full for result in results):
        raise OncofedError(_DISK_FULL)
    return done


def _state(one: Outcome) -> str:
    return (State.QUARANTINED if one.code else State.DEIDENTIFIED).value


def _change_set(run: Run, digest: bytes, rows: tuple[Change, ...]) -> int:
    """The number of a set of changes, which is kept once however many files have it."""
    known = run.connection.execute("SELECT id FROM change_sets WHERE digest = ?", (digest,)).fetchall()
    if known:
        return int(known[0][0])
    number = run.connection.execute("INSERT INTO change_sets (digest) VALUES (?)", (digest,)).lastrowid or 0
    run.connection.executemany("INSERT INTO changes VALUES (?, ?, ?, ?)", [(number, *row) for row in rows])
    return number
