"""The stages after de-identification as calls on a run: map, check, report, and all of a plan in order.

Every stage is idempotent and finds its input in the run; each can be called alone, from a program or a command.
"""

import json
from pathlib import Path

from oncofed.contracts.errors import BadInput
from oncofed.files import write_durably
from oncofed.prepare.checks import Findings, check
from oncofed.prepare.checks.findings import NotReleased
from oncofed.prepare.journal import disk_full_told
from oncofed.prepare.mapping import Database, MappingReport, map_data
from oncofed.prepare.parallel import Workers
from oncofed.prepare.progress import Progress, Silent
from oncofed.prepare.report import write_report
from oncofed.prepare.run import CLINICAL, Run, State
from oncofed.warehouse.sources.prepared import SEAL

FINDINGS, CERTIFICATE = "findings.json", "certificate.json"


def map_clinical(
    run: Run, mapping: Path | str, source: Path | Database, *, progress: Progress | None = None
) -> MappingReport:
    """Map clinical data into ``mapped/``; the stage index joins them with the images. Raises what ``map_data`` does."""
    progress = progress or Silent()
    with run.stage("map") as facts:
        progress.begin("mapping clinical data", None)
        try:
            with disk_full_told():
                run.mapped.mkdir(mode=0o700, exist_ok=True)
                report = map_data(mapping, source, run.mapped)
        finally:
            progress.end()
        run.forget_notes(CLINICAL)
        facts.update(mapping=report.mapping, version=report.version, rows_in=report.rows_in, rows_out=report.rows_out)
    return report


def check_quality(run: Run, *, workers: Workers | None = None, progress: Progress | None = None) -> Findings:
    """Check the quality of what was prepared; the findings stand in ``findings.json`` until the next time.

    Raises:
        BadInput: ``source-empty``: nothing is de-identified yet.
    """
    if not run.number(State.DEIDENTIFIED, State.VERIFIED):
        raise BadInput("source-empty", "nothing is de-identified yet")
    with run.stage("quality") as facts:
        tables = run.tables if (run.tables / SEAL).is_file() else None
        behind = tuple(NotReleased(what=what, code=code, number=number) for what, code, number in run.not_released())
        findings = check(run.images, tables, run.index_file, workers=workers, progress=progress)
        findings = findings.model_copy(update={"not_released": behind})
        with disk_full_told():
            write_durably(run.directory / FINDINGS, findings.model_dump_json().encode())
        facts.update({severity: len(findings.failed(severity)) for severity in ("error", "warning")})
    return findings


def report(run: Run) -> Path:
    """Write ``report.html`` and ``report.json`` from the last findings and certificate; the page's path."""
    file = run.directory / FINDINGS
    if not file.is_file():
        raise BadInput("source-empty", "nothing is checked yet; `oncofed prepare check` does it")
    findings = Findings.model_validate_json(file.read_bytes())
    with run.stage("report"):
        certificate = run.directory / CERTIFICATE
        signed = json.loads(certificate.read_bytes()) if certificate.is_file() else None
        _, page = write_report(findings, signed, run.directory)
    return page
