"""Stage verify: every de-identified file is read again and compared with its source, by other code than made it.

Per file: what identifies the patient anywhere in it, pixels that changed although no mask was planned, and of each
series one file's errors by dciodvfy before and after. Per patient: whether every reference among the objects leads
where it led. What does not pass is quarantined with a code; a person may accept it (``oncofed prepare review``).
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field

from oncofed.imaging.references import Kind, Mention, compare, graph
from oncofed.prepare import consistency, validity
from oncofed.prepare.parallel import Here, Lost, Workers
from oncofed.prepare.progress import Progress, Silent
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.run import Run, RunFile, State
from oncofed.prepare.verification import REFERENCE, UNREADABLE, Batch, BatchChecked, Checked, Job, check

_FILES = 500
_TABLE = (
    """CREATE TABLE IF NOT EXISTS verifications (patient_key TEXT PRIMARY KEY, found TEXT NOT NULL) WITHOUT ROWID"""
)


@dataclass
class PatientFound:
    """What the verification of one patient's files found; numbers and places only.

    ``findings``: [file, kind, place, certain]. ``references``: SOP class → [resolved before, after, dangling before,
    after]. ``broken``, ``removed``, ``regrouped``: [file, kind of reference, number].
    """

    files: int = 0
    findings: list[tuple[int, str, str, bool]] = field(default_factory=list)
    references: dict[str, list[int]] = field(default_factory=dict)
    broken: list[tuple[int, str, int]] = field(default_factory=list)
    removed: list[tuple[int, str, int]] = field(default_factory=list)
    regrouped: list[tuple[int, str, int]] = field(default_factory=list)
    pixels: dict[str, int] = field(default_factory=dict)
    judged: list[tuple[int, int, int]] = field(default_factory=list)
    """[file, errors before, errors after] by dciodvfy."""
    digests: list[tuple[int, str]] = field(default_factory=list)
    """[file, SHA-256] of every new file, whether it passed or not."""
    beside: list[tuple[int, str]] = field(default_factory=list)
    """[file, SHA-256] of the side-cars of volumes."""


@dataclass(frozen=True)
class Verification:
    """The verification of a whole run, in numbers."""

    patients: int
    files: int
    verified: int
    quarantined: dict[str, int]
    findings: dict[str, int]
    uncertain: dict[str, int]
    resolved_before: int
    resolved_after: int
    dangling_before: int
    dangling_after: int
    references: dict[str, list[int]]
    broken: int
    removed: int
    regrouped: int
    pixels: dict[str, int]
    judged: int
    errors_before: int
    errors_after: int

    @property
    def passed(self) -> bool:
        """Whether nothing at all was found."""
        return not (self.findings or self.broken or self.regrouped or self.pixels.get("changed", 0))


def verify(
    run: Run, recipe: Recipe, *, workers: Workers | None = None, progress: Progress | None = None
) -> Verification:
    """Verify the files of every patient of whom one was de-identified since the last time; all that is known then."""
    workers, progress = workers or Here(), progress or Silent()
    with run.stage("verify") as facts:
        run.connection.execute(_TABLE)
        sizes = _open_patients(run)
        progress.begin("verifying", sum(sizes.values()))
        waiting: dict[str, list[Checked]] = defaultdict(list)
        for result in workers.map(check, batches(run, recipe)):
            found = _lost(result.thing) if isinstance(result, Lost) else result
            own = waiting[found.patient_key]
            own.extend(found.files)
            if len(own) == sizes[found.patient_key]:
                _keep(run, found.patient_key, waiting.pop(found.patient_key))
            progress.advance(len(found.files))
        progress.end()
        consistency.withdraw(run)
        verification = verified(run)
        facts.update(asdict(verification))
    return verification


def _open_patients(run: Run) -> dict[str, int]:
    """Patients of whom a file is still to be verified, with the number of all their files that stand."""
    return dict(
        run.connection.execute(
            """SELECT patient_key, count(*) FROM files WHERE state IN ('deidentified', 'verified')
               AND patient_key IN (SELECT patient_key FROM files WHERE state = 'deidentified') GROUP BY patient_key"""
        ).fetchall()
    )


def batches(run: Run, recipe: Recipe) -> Iterator[Batch]:
    """All files of those patients, each patient's in batches."""
    judge = validity.installed()
    jobs: list[Job] = []
    patient, series = "", ""
    waiting = "f.patient_key IN (SELECT patient_key FROM files WHERE state = 'deidentified')"
    for file in run.files(State.DEIDENTIFIED, State.VERIFIED, where=waiting):
        if jobs and (file.patient_key != patient or len(jobs) >= _FILES):
            yield Batch(patient, recipe, tuple(jobs))
            jobs = []
        own = series if file.is_volume else file.header.get("SeriesInstanceUID", "")
        jobs.append(_job(run, file, judge and own != series))
        patient, series = file.patient_key, own
    if jobs:
        yield Batch(patient, recipe, tuple(jobs))


def _job(run: Run, file: RunFile, judged: bool) -> Job:
    return Job(file.id, file.path, file.target or run.images / "missing", judged, file.is_volume)


def _lost(batch: Batch) -> BatchChecked:
    return BatchChecked(batch.patient_key, tuple(Checked(job.file, UNREADABLE) for job in batch.jobs))


def _keep(run: Run, patient_key: str, files: list[Checked]) -> None:
    """Write down what was found about a patient, and the new state of every file."""
    found = judge_patient(files)
    codes = {one.file: one.code for one in files}
    for number, _, _ in (*found.broken, *found.regrouped):
        codes[number] = codes[number] or REFERENCE
    accepted = {file.id: file.accepted for file in run.files(where="f.patient_key = ?", given=(patient_key,))}
    with run.transaction():
        run.connection.execute(
            "INSERT OR REPLACE INTO verifications VALUES (?, ?)", (patient_key, json.dumps(asdict(found)))
        )
        for number, code in codes.items():
            passes = not code or code in accepted.get(number, ())
            state = State.VERIFIED if passes else State.QUARANTINED
            run.connection.execute(
                "UPDATE files SET state = ?, code = ? WHERE id = ?", (state.value, "" if passes else code, number)
            )


def judge_patient(files: Iterable[Checked]) -> PatientFound:
    """Fold the findings of all files of one patient; here the references among them are compared."""
    files = list(files)
    found = PatientFound(len(files))
    for one in files:
        found.findings += [(one.file, str(finding.what), finding.place, finding.certain) for finding in one.findings]
        found.pixels[one.pixels] = found.pixels.get(one.pixels, 0) + 1
        if one.digest:
            found.digests.append((one.file, one.digest))
        if one.beside:
            found.beside.append((one.file, one.beside))
        if one.errors:
            found.judged.append((one.file, *one.errors))
    both = [(one.file, one.before, one.after) for one in files if one.before and one.after]
    _references(found, both)
    return found


def _references(found: PatientFound, files: list[tuple[int, Mention, Mention]]) -> None:
    before = graph((_label(number), mention) for number, mention, _ in files)
    after = graph((_label(number), mention) for number, _, mention in files)
    for place, of in enumerate((before, after)):
        for sop_class, (resolved, dangling) in of.by_class().items():
            counts = found.references.setdefault(sop_class, [0, 0, 0, 0])
            counts[place], counts[place + 2] = resolved, dangling
    comparison = compare(before, after)
    found.broken = [(int(label), str(kind), n) for (label, kind), n in sorted(comparison.broken.items())]
    found.removed = [
        (int(label), str(kind), n) for (label, kind), n in sorted(comparison.removed.items()) if kind is not Kind.SYSTEM
    ]
    found.regrouped = [(int(label), str(kind), 1) for label, kind in comparison.regrouped]


def _label(number: int) -> str:
    return f"{number:012d}"


def results(run: Run) -> Iterator[PatientFound]:
    """What was found about every patient who was verified and of whom a file stands or was held back by it."""
    run.connection.execute(_TABLE)
    rows = run.connection.execute(
        "SELECT found FROM verifications WHERE patient_key IN (SELECT patient_key FROM files WHERE state <> 'gone')"
    ).fetchall()
    return (PatientFound(**json.loads(found)) for (found,) in rows)


def verified(run: Run) -> Verification:
    """All that the verification knows about a run, in numbers."""
    totals: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    uncertain: Counter[str] = Counter()
    pixels: Counter[str] = Counter()
    references: dict[str, list[int]] = {}
    for one in results(run):
        totals.update(patients=1, files=one.files, judged=len(one.judged))
        for name, rows in (("broken", one.broken), ("removed", one.removed), ("regrouped", one.regrouped)):
            totals[name] += sum(number for _, _, number in rows)
        totals["errors_before"] += sum(before for _, before, _ in one.judged)
        totals["errors_after"] += sum(after for _, _, after in one.judged)
        for _, what, _, certain in one.findings:
            (findings if certain else uncertain)[what] += 1
        pixels.update(one.pixels)
        for sop_class, counts in one.references.items():
            known = references.setdefault(sop_class, [0, 0, 0, 0])
            references[sop_class] = [a + b for a, b in zip(known, counts, strict=True)]
    sums = [sum(counts[place] for counts in references.values()) for place in range(4)]
    states = run.counts()
    return Verification(
        patients=totals["patients"],
        files=totals["files"],
        verified=sum(states.get(State.VERIFIED.value, {}).values()),
        quarantined=states.get(State.QUARANTINED.value, {}),
        findings=dict(sorted(findings.items())),
        uncertain=dict(sorted(uncertain.items())),
        resolved_before=sums[0],
        resolved_after=sums[1],
        dangling_before=sums[2],
        dangling_after=sums[3],
        references=references,
        broken=totals["broken"],
        removed=totals["removed"],
        regrouped=totals["regrouped"],
        pixels=dict(sorted(pixels.items())),
        judged=totals["judged"],
        errors_before=totals["errors_before"],
        errors_after=totals["errors_after"],
    )
