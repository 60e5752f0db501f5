"""`oncofed prepare run`: a plan carried out, and what came of it."""

import json
from pathlib import Path

import typer

from oncofed.cli import prepare_show as show
from oncofed.cli.node_load import settings_of
from oncofed.cli.prepare_key import key_of
from oncofed.contracts.errors import OncofedError
from oncofed.node import identity
from oncofed.prepare.carry_out import CarriedOut, Surroundings, carry_out
from oncofed.prepare.plan import Plan
from oncofed.prepare.release import Node
from oncofed.prepare.run import Run


def execute(plan: Plan, data_dir: Path | None, as_json: bool) -> None:
    """Carry out a plan and tell."""
    settings = settings_of(data_dir)
    own = identity.read(settings.keys)
    around = Surroundings(Node(settings.directory, own.pseudonyms), key_of(data_dir), own.key, show.Bar(), _warn)
    done = carry_out(plan, around)
    if as_json:
        typer.echo(json.dumps(_facts(done), indent=1, ensure_ascii=False, default=str))
    else:
        _tell(done)
    if done.unmapped is not None:
        raise done.unmapped


def _tell(done: CarriedOut) -> None:
    show.verified(done.verification)
    show.quality(done.findings)
    with Run.open(done.run) as run:
        show.left_out(run)
    typer.echo(f"Look at {done.report}.")
    if done.released is not None:
        show.released(done.released, as_json=False)


def _warn(unmapped: OncofedError) -> None:
    typer.echo(f"The clinical data are not mapped: {unmapped}", err=True)
    typer.echo("The images go on meanwhile; no release is made without the clinical data.", err=True)


def _facts(done: CarriedOut) -> dict[str, object]:
    with Run.open(done.run) as run:
        facts: dict[str, object] = show.facts(run)
    facts |= {"verification": vars(done.verification), "report": str(done.report)}
    if done.released is not None:
        facts["release"] = show.release_facts(done.released)
    return facts
