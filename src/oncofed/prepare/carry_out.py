"""Carrying out a plan: all stages in order, each only as far as something is left to do."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from oncofed.contracts.errors import OncofedError
from oncofed.prepare import fetching, parallel, review, stages, tables
from oncofed.prepare.certificate import certify
from oncofed.prepare.checks import Findings
from oncofed.prepare.deidentify import deidentify
from oncofed.prepare.plan import FolderSource, Plan, WebSource
from oncofed.prepare.progress import Progress, Silent
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.records import write_records
from oncofed.prepare.release import Node, Released, release
from oncofed.prepare.run import CLINICAL, Run, State
from oncofed.prepare.scan import scan
from oncofed.prepare.sources.dicomweb import Archive
from oncofed.prepare.sources.pacs import Peer
from oncofed.prepare.sources.scp import Listening
from oncofed.prepare.verify import Verification, verify
from oncofed.trust.keys import SigningKey
from oncofed.trust.pseudonyms import Pseudonyms

FEW = 2_000
"""Files for which no further process is started."""


@dataclass(frozen=True)
class Surroundings:
    """What a plan does not say: where the node is, how workers read its key, what signs, whom to tell."""

    node: Node
    key: Callable[[], Pseudonyms]
    signing: SigningKey
    progress: Progress = field(default_factory=Silent)
    unmapped: Callable[[OncofedError], None] = field(default=lambda _: None)
    """Told at once if the clinical data cannot be mapped."""


@dataclass(frozen=True)
class CarriedOut:
    """What came of a plan. ``released``: None where it names no dataset, or its clinical data could not be mapped."""

    run: Path
    verification: Verification
    findings: Findings
    report: Path
    released: Released | None
    unmapped: OncofedError | None = None


def carry_out(plan: Plan, around: Surroundings) -> CarriedOut:
    """Do what the plan says; again, after whatever has stopped it: only what is left or new.

    Clinical data that cannot be mapped end nothing: the images go on, up to a release, which is not made without them.
    Raises whatever another stage raises; what was done before stands.
    """
    recipe = Recipe(around.key, plan.profile, plan.project, plan.ocr)
    progress = around.progress
    with Run.create(plan.run, project=plan.project) as run, run.working():
        unmapped = _map_first(run, plan, around)
        _bring_in(run, plan, progress)
        count = plan.workers or (1 if run.number(State.INDEXED, State.DEIDENTIFIED) < FEW else 0)
        with parallel.workers(count, plan.scheduler) as hands:
            deidentify(run, recipe, workers=hands, progress=progress)
            verification = verify(run, recipe, workers=hands, progress=progress)
            tables.index(run, recipe, progress=progress)
            findings = stages.check_quality(run, workers=hands, progress=progress)
        certify(run, recipe, around.signing)
        write_records(run)
        review.write_lists(run)
        page = stages.report(run)
        made = None
        if plan.dataset is not None and unmapped is None:
            made = release(run, around.node, plan.dataset.record, plan.dataset.release, progress=progress)
        return CarriedOut(run.directory, verification, findings, page, made, unmapped)


def _map_first(run: Run, plan: Plan, around: Surroundings) -> OncofedError | None:
    """Map the clinical data, or why that cannot be: told before hours of work, not after them, and kept in the run."""
    if plan.clinical is None:
        run.forget_notes(CLINICAL)
        return None
    try:
        stages.map_clinical(run, plan.clinical.mapping, plan.clinical.origin(), progress=around.progress)
    except OncofedError as error:
        run.forget_notes(CLINICAL)
        run.note(error.code, str(error), CLINICAL)
        around.unmapped(error)
        return error
    return None


def _bring_in(run: Run, plan: Plan, progress: Progress) -> None:
    """Bring the run up to date with every source, and with what was received meanwhile."""
    with parallel.workers(plan.workers or 1, plan.scheduler) as hands:
        for source in plan.sources:
            if isinstance(source, FolderSource):
                scan(run, source.folder, workers=hands, progress=progress)
            elif isinstance(source, WebSource):
                password = os.environ.get(source.password_variable, "")
                archive = Archive(source.dicomweb, source.user, password)
                fetching.from_web(run, archive, source.query, progress=progress)
            else:
                peer = Peer.parse(source.pacs, source.own_title)
                listening = Listening(source.own_title, port=source.port)
                fetching.from_pacs(run, peer, source.query, listening, progress=progress)
        fetching.scan_incoming(run, hands, progress)
