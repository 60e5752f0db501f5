"""What the verification pass looks at in the files of one patient: runs in a worker, gives findings without values."""

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from oncofed.contracts.errors import OncofedError
from oncofed.imaging import pixel_bytes
from oncofed.imaging.deidentify import CLEAN_PIXELS, DEFACED, Action, Policy, reading
from oncofed.imaging.deidentify.tables import vocabulary
from oncofed.imaging.elements import BROKEN, Element
from oncofed.imaging.headers import Unusable
from oncofed.imaging.identifiers import Original, What, gather
from oncofed.imaging.pixels import Undecodable, identifiers, residual
from oncofed.imaging.references import Mention, read
from oncofed.imaging.residual import Expected, Finding, search
from oncofed.imaging.residual_volume import read_model, same_voxels, search_volume
from oncofed.prepare import validity, volumes
from oncofed.prepare.recipe import Recipe, Tools

RESIDUAL = "prepare-residual"
REFERENCE = "prepare-reference-broken"
PIXELS = "prepare-pixels-changed"
UNREADABLE = "prepare-output-unreadable"
TEXT = "pixels-text-left"

_PIXEL_METHODS = frozenset((CLEAN_PIXELS.value, DEFACED.value))
_LARGE = 1 << 20


@dataclass(frozen=True)
class Job:
    """One de-identified file beside its source."""

    file: int
    source: Path
    target: Path
    judged: bool
    """Whether dciodvfy looks at it."""
    is_volume: bool = False
    """A NIfTI volume with its side-car."""


@dataclass(frozen=True)
class Batch:
    """Files of one patient."""

    patient_key: str
    recipe: Recipe
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Checked:
    """What was found in one file. ``code`` is "" where it may be released; ``pixels``: none, same, masked, changed."""

    file: int
    code: str
    findings: tuple[Finding, ...] = ()
    before: Mention | None = None
    after: Mention | None = None
    pixels: str = "none"
    errors: tuple[int, int] | None = None
    """Errors of dciodvfy before and after."""
    digest: str = ""
    """SHA-256 of the whole new file."""
    beside: str = ""
    """The same of its side-car, if it has one."""


@dataclass(frozen=True)
class BatchChecked:
    """What was found in a batch."""

    patient_key: str
    files: tuple[Checked, ...]


@dataclass
class _Opened:
    job: Job
    source: Dataset
    original: Original
    before: Mention


def check(batch: Batch) -> BatchChecked:
    """Check every file of a batch against its own source and the identifiers of all of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of every value that bends the standard
        tools = batch.recipe.tools
        keeps = kept_by(tools.policy)
        lost: list[Checked] = []
        opened: list[_Opened] = []
        for job in batch.jobs:
            found = _open(job, keeps)
            if isinstance(found, _Opened):
                opened.append(found)
            else:
                lost.append(found)
        everyone = Original().with_those_of([one.original for one in opened])
        expected = _expected(tools, batch.patient_key)
        return BatchChecked(batch.patient_key, (*lost, *(_checked(one, everyone, expected, tools) for one in opened)))


def _open(job: Job, keeps: Callable[[Element], bool]) -> _Opened | Checked:
    try:
        if job.is_volume:
            source = volumes.identified(job.source)
        else:
            source = pydicom.dcmread(job.source, defer_size=_LARGE, force=True)
        return _Opened(job, source, gather(source, keeps), read(source))
    except (*BROKEN, Unusable):
        return Checked(job.file, volumes.CHANGED)


def kept_by(policy: Policy) -> Callable[[Element], bool]:
    """Which elements may stand as they were."""
    actions = policy.level("").actions

    def kept(element: Element) -> bool:
        if element.vr == "UI" and policy.keeps_uids:
            return True
        if element.vr in ("DA", "DT") and policy.keeps_full_dates:
            return True
        return actions.get(element.tag) is Action.KEEP

    return kept


def _expected(tools: Tools, patient_key: str) -> Expected:
    policy = tools.policy
    shift = tools.pseudonyms.date_offset(patient_key, *policy.profile.date_shift_days)
    return Expected(
        shift_days=shift if policy.shifts_dates else None,
        private=policy.keeps_safe_private,
        age_cap=policy.profile.age_cap,
        harmless=frozenset(vocabulary()),
    )


def _checked(opened: _Opened, everyone: Original, expected: Expected, tools: Tools) -> Checked:
    job = opened.job
    if job.is_volume:
        return _checked_volume(opened, everyone, expected)
    try:
        target = pydicom.dcmread(job.target, defer_size=_LARGE)
        after = read(target)
    except BROKEN:
        return Checked(job.file, UNREADABLE)
    if not after.belongs or not after.sop_class:
        return Checked(job.file, UNREADABLE)
    findings = search(job.target, replace(everyone, places=opened.original.places), expected)
    pixels = _pixels(opened, target)
    code = RESIDUAL if any(finding.certain for finding in findings) else PIXELS if pixels == "changed" else ""
    if any(finding.what is What.UNREADABLE for finding in findings):
        code = UNREADABLE
    if pixels == "masked" and tools.ocr:
        code = code or _text_left(opened)
    return Checked(job.file, code, findings, opened.before, after, pixels, _errors(job), _digest(job.target))


def _checked_volume(opened: _Opened, everyone: Original, expected: Expected) -> Checked:
    job = opened.job
    volume, beside = volumes.files(job.target)
    try:
        after = read(read_model(beside))
        digests = _digest(volume), _digest(beside)
    except BROKEN:
        return Checked(job.file, UNREADABLE)
    findings = search_volume(volume, beside, replace(everyone, places=opened.original.places), expected)
    pixels = "same" if same_voxels(job.source, volume) else "changed"
    code = RESIDUAL if any(finding.certain for finding in findings) else PIXELS if pixels == "changed" else ""
    if not after.belongs or any(finding.what is What.UNREADABLE for finding in findings):
        code = UNREADABLE
    return Checked(job.file, code, findings, opened.before, after, pixels, None, *digests)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _pixels(opened: _Opened, target: Dataset) -> str:
    job = opened.job
    if not pixel_bytes.PIXELS & {int(tag) for tag in target.keys() | opened.source.keys()}:
        return "none"
    if pixel_bytes.same(job.source, opened.source, job.target, target):
        return "same"
    written = _methods(target, _PIXEL_METHODS) > _methods(opened.source, _PIXEL_METHODS)
    return "masked" if written else "changed"


def _text_left(opened: _Opened) -> str:
    """The code for masked pixels, as written, in which a word of the source's header can still be read; "" if none."""
    try:
        with opened.job.target.open("rb") as stream:
            written = reading.read(stream, with_pixels=False)
            reading.show_pixels(written)
            found = residual(written.dataset, identifiers(opened.source))
    except Undecodable:
        return UNREADABLE
    except OncofedError:  # no OCR here: what needs it was held back
        return ""
    return TEXT if any(one.identifying for one in found) else ""


def _methods(dataset: Dataset, codes: frozenset[str]) -> int:
    """How many of these codes the object's De-identification Method Code Sequence holds."""
    try:
        return sum(
            str(item.get("CodeValue", "")) in codes for item in dataset.get("DeidentificationMethodCodeSequence") or ()
        )
    except BROKEN:
        return 0


def _errors(job: Job) -> tuple[int, int] | None:
    if not job.judged:
        return None
    before, after = validity.errors(job.source), validity.errors(job.target)
    return None if before is None or after is None else (before.total(), after.total())
