"""What `oncofed prepare` shows: progress with rate and time left on a terminal, and what stands in a run."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from oncofed.contracts.codes import CODES
from oncofed.prepare.review import QUARANTINE
from oncofed.prepare.run import Run

if TYPE_CHECKING:
    from oncofed.prepare.checks import Findings
    from oncofed.prepare.release import Released
    from oncofed.prepare.review import Group
    from oncofed.prepare.verify import Verification


class Bar:
    """Draws progress on standard error, and nothing where nobody watches."""

    def __init__(self) -> None:
        self._bars = Bars(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._task: TaskID | None = None

    def begin(self, what: str, total: int | None) -> None:
        """A new line."""
        self._bars.start()
        self._task = self._bars.add_task(what, total=total, rate="")

    def advance(self, done: int = 1) -> None:
        """So many more."""
        if self._task is None:
            return
        self._bars.advance(self._task, done)
        speed = self._bars.tasks[self._task].speed
        if speed:
            self._bars.update(self._task, rate=f"{speed:,.0f}/s")

    def end(self) -> None:
        """The line is done."""
        if self._task is not None and self._bars.tasks[self._task].total is None:
            self._bars.update(self._task, total=self._bars.tasks[self._task].completed)
        self._task = None
        self._bars.stop()


_FEW = 2_000


def suited(workers: int, things: int) -> int:
    """How many processes are worth starting: those asked for, else one for each core from 2,000 things on."""
    return workers or (1 if things < _FEW else 0)


def content(run: Run) -> dict[str, int]:
    """How many patients, studies, series and files the index holds that are not left out."""
    ((patients, studies, series, files, size),) = run.connection.execute(
        """SELECT count(DISTINCT f.patient), count(DISTINCT h."StudyInstanceUID"),
                  count(DISTINCT h."SeriesInstanceUID"), count(*), coalesce(sum(f.size), 0)
           FROM headers h JOIN files f ON f.id = h.file WHERE f.state NOT IN ('skipped', 'gone')"""
    ).fetchall()
    return {"patients": patients, "studies": studies, "series": series, "files": files, "bytes": size}


def sentence(found: dict[str, int]) -> str:
    """``content`` in words."""
    return (
        f"{found['files']:,} files ({found['bytes'] / 1e6:,.1f} MB) of {found['patients']:,} patients, "
        f"{found['studies']:,} studies, {found['series']:,} series"
    )


def left_out(run: Run) -> None:
    """Say, code by code, what was quarantined or left out."""
    lines = run.not_released()
    for what, code, number in lines:
        typer.echo(f"  {what:<9} {number:>7,}  {CODES[code].title} [{code}]")
    if any(what == "held back" for what, _, _ in lines):
        typer.echo(f"  `oncofed prepare review --run {_shown(run)}` lists what is held back.")


def facts(run: Run) -> dict[str, Any]:
    """All that `oncofed prepare status --json` says; no value of a patient."""
    return {
        "run": str(run.directory),
        "project": run.project,
        "content": content(run),
        "files": run.counts(),
        "notes": {code: len(places) for code, places in run.notes().items()},
        "unmapped": {code: len(details) for code, details in run.notes(clinical=True).items()},
        "stages": run.stages(),
    }


def next_step(run: Path, command: str, more: str = "") -> None:
    """The next command to type."""
    typer.echo(f"Next: `oncofed prepare {command} --run {shlex.quote(str(run))}{more}`")


def _shown(run: Run) -> str:
    """The run's directory as it can be typed: relative where it lies below the current one."""
    directory, here = run.directory, Path.cwd()
    return shlex.quote(str(directory.relative_to(here) if directory.is_relative_to(here) else directory))


def verified(found: "Verification") -> None:
    """What the second look at every file found."""
    typer.echo(f"{found.verified:,} files verified against their sources.")
    typer.echo(
        f"  references resolved: {found.resolved_before:,} before, {found.resolved_after:,} after; "
        f"leading nowhere: {found.dangling_before:,} before, {found.dangling_after:,} after"
    )
    if found.judged:
        typer.echo(
            f"  dciodvfy, {found.judged:,} files: {found.errors_before:,} errors before, {found.errors_after:,} after"
        )
    for kind, number in sorted(found.findings.items()):
        typer.echo(f"  found {number:,}: {kind}")


def quality(findings: "Findings") -> None:
    """The checks that found something, the worst first."""
    for severity in ("error", "warning"):
        for result in findings.failed(severity):
            typer.echo(f"  {severity:<7} {result.title}")
    if not (findings.failed("error") or findings.failed("warning")):
        typer.echo("  quality: nothing to remark")


def release_facts(made: "Released") -> dict[str, Any]:
    """A release, for programs."""
    return {
        "dataset_id": made.release.dataset.dataset_id,
        "release": made.release.release,
        "digest": made.release.digest,
        "already": made.release.already,
        "images": str(made.images),
        "files": made.files,
        "opted_out": made.opted_out,
        **vars(made.release.size),
    }


def released(made: "Released", as_json: bool) -> None:
    """A release."""
    facts = release_facts(made)
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
        return
    stands = "stood here already with the same data" if made.release.already else "is made"
    typer.echo(
        f"Release {made.release.release} of {facts['dataset_id']} {stands}: {made.release.size.patients:,} patients, "
        f"{made.files:,} images in {made.images}; {made.opted_out:,} patients opted out."
    )
    typer.echo("Next: `oncofed node publish --dry-run` shows what would leave; `oncofed node publish` sends it.")


def waiting(run: Run, groups: "list[Group]") -> None:
    """What waits for a person."""
    if not groups:
        typer.echo("Nothing is held back.")
        return
    table = Table("number", "files", "modality", "why", "code", box=None, pad_edge=False)
    for group in groups:
        table.add_row(str(group.number), f"{group.files:,}", group.modalities, CODES[group.code].title, group.code)
    Console().print(table)
    typer.echo(f"Which files these are stands in {run.directory / QUARANTINE} (private).")
    again = f"`oncofed prepare deidentify --run {_shown(run)}`"
    typer.echo(f"Decide with `--accept NUMBER` or `--reject NUMBER`, then {again} or the plan again.")
