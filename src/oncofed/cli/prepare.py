"""`oncofed prepare`: turn what a hospital has into a release that may be searched and computed on."""

import json
from pathlib import Path
from typing import Annotated

import typer

from oncofed.cli import prepare_show as show
from oncofed.cli.node_load import Directory
from oncofed.cli.prepare_key import key_of
from oncofed.prepare.run import Run, State

app = typer.Typer(no_args_is_help=True, help="Turn a hospital's images into a release. The source is never changed.")

RunDirectory = Annotated[
    Path, typer.Option("--run", help="The run's directory: private, all that is known and made lies there.")
]
Workers = Annotated[
    int, typer.Option("--workers", min=0, help="Processes; 0: one for each core when there is enough to do.")
]
Scheduler = Annotated[
    str, typer.Option(help="A Dask cluster, tcp://… or tls://…; its workers need the same folders and data directory.")
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
def deidentify(
    run: RunDirectory = DEFAULT_RUN,
    profile: Annotated[str, typer.Option(help="research, minimal, strict, or a TOML file of your own.")] = "research",
    ocr: Annotated[bool, typer.Option("--ocr/--no-ocr", help="Look for text in pixels that may hold some.")] = True,
    workers: Workers = 0,
    scheduler: Scheduler = "",
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """De-identify all that is indexed and not held back; again: only what is left."""
    from oncofed.prepare.deidentify import deidentify as run_stage
    from oncofed.prepare.parallel import workers as working
    from oncofed.prepare.recipe import Recipe

    with Run.open(run) as opened:
        recipe = Recipe(key_of(data_dir), profile, opened.project, ocr)
        ready = opened.number(State.INDEXED)
        with working(show.suited(workers, ready), scheduler) as hands:
            done = run_stage(opened, recipe, workers=hands, progress=show.Bar())
        if as_json:
            typer.echo(json.dumps({"done": done} | show.facts(opened), indent=1, ensure_ascii=False))
            return
        typer.echo(f"{done:,} files de-identified into {opened.images}.")
        show.left_out(opened)
        typer.echo(f"Next: `oncofed prepare check --run {run}`")


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
