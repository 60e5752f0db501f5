"""`oncofed prepare`: turn what a hospital has into a release that may be searched and computed on."""

import json
from pathlib import Path
from typing import Annotated

import typer

from oncofed.cli import prepare_show as show
from oncofed.prepare.run import Run

app = typer.Typer(no_args_is_help=True, help="Turn a hospital's images into a release. The source is never changed.")

RunDirectory = Annotated[
    Path, typer.Option("--run", help="The run's directory: private, all that is known and made lies there.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_RUN = Path("oncofed-run")


@app.command()
def scan(
    source: Annotated[Path, typer.Argument(help="A folder of DICOM files, nested in any way.")],
    run: RunDirectory = DEFAULT_RUN,
    project: Annotated[
        str, typer.Option(help="Pseudonyms of a project of their own, linked to no other; else the node's.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List a source and index its headers; again: only what is new or changed."""
    from oncofed.prepare.scan import scan as scan_folder

    with Run.create(run, project=project) as opened:
        scanned = scan_folder(opened, source, progress=show.Bar())
        if as_json:
            typer.echo(json.dumps(vars(scanned) | {"content": show.content(opened)}, indent=1))
            return
        typer.echo(f"{scanned.seen:,} files seen, {scanned.new:,} of them new or changed, {scanned.gone:,} gone.")
        typer.echo(f"The run holds {show.sentence(show.content(opened))}.")
        show.left_out(opened)
        typer.echo(f"Next: `oncofed prepare deidentify --run {run}`")


@app.command()
def status(run: RunDirectory = DEFAULT_RUN, as_json: AsJson = False) -> None:
    """Say what stands in a run: content, stages, what is held back or left out."""
    with Run.open(run) as opened:
        facts = show.facts(opened)
        if as_json:
            typer.echo(json.dumps(facts, indent=1, ensure_ascii=False))
            return
        typer.echo(f"{opened.directory}: {show.sentence(facts['content'])}.")
        for name, stage in facts["stages"].items():
            typer.echo(f"  {name:<12} {stage['state']:<8} {stage['started_at']}")
        show.left_out(opened)
