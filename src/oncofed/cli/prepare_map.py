"""`oncofed prepare map`: clinical data from any source to the common data model, by one small declarative file."""

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oncofed.contracts.errors import BadInput

if TYPE_CHECKING:
    from oncofed.prepare.mapping import Database, MappingReport

TIMEOUT_S = 600
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def map_command(
    source: Annotated[
        Path | None, typer.Argument(help="File or folder: CSV, REDCap, Excel, Parquet, SQLite, DuckDB, FHIR, e-forms.")
    ] = None,
    mapping: Annotated[str, typer.Option("--mapping", "-m", help="A mapping file, or the name of a preset.")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the tables and the report.")] = None,
    run: Annotated[Path | None, typer.Option(help="Map into this preparation run instead of a folder.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write the report only, into --output.")] = False,
    disputed: Annotated[
        str, typer.Option(help="Values whose code book contradicts itself: published, labels or leave-out.")
    ] = "",
    suggest: Annotated[bool, typer.Option("--suggest", help="Propose a mapping for SOURCE, to be reviewed.")] = False,
    database_variable: Annotated[
        str, typer.Option(help="Instead of SOURCE: the environment variable that holds a database's URL.")
    ] = "",
    database_file: Annotated[
        Path | None, typer.Option(help="Instead of SOURCE: a file, readable by you only, with a database's URL.")
    ] = None,
    schema: Annotated[
        list[str] | None, typer.Option(help="Where the database's tables stand; may be repeated.")
    ] = None,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds one statement of the database may take.")] = TIMEOUT_S,
    list_presets: Annotated[bool, typer.Option("--list", help="List the mappings that come with oncofed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Map clinical data (SOURCE) into the common data model. Every value and row that did not pass is reported."""
    if list_presets:
        _list(as_json)
        return
    if suggest and source is not None:
        _suggest(source, output, as_json)
        return
    origin = _origin(source, database_variable, database_file, (schema or (), timeout))
    if not mapping or (output is None) == (run is None):
        raise BadInput("mapping-unknown", "name a mapping with --mapping, and either --output or --run")
    if disputed not in ("", "published", "labels", "leave-out"):
        raise typer.BadParameter("choose published, labels or leave-out", param_hint="--disputed")
    if run is not None:
        _tell(_into_run(run, mapping, origin), run, as_json)
        return
    from oncofed.prepare.mapping import MappingOptions, map_data

    folder = output or Path()
    options = MappingOptions(disputed=disputed)
    report = map_data(mapping, origin, folder, dry_run=dry_run, progress=_progress, options=options)
    _tell(report, folder, as_json)


def _origin(
    source: Path | None, variable: str, file: Path | None, more: "tuple[Sequence[str], int]"
) -> "Path | Database":
    """What is mapped: files, or a database by whatever holds its URL."""
    from oncofed.prepare.mapping import Database

    if sum((source is not None, bool(variable), file is not None)) != 1:
        raise BadInput("source-unreadable", "name one source: SOURCE, --database-variable or --database-file")
    if variable:
        return Database.of_variable(variable, *more)
    if file is not None:
        return Database.of_file(file, *more)
    if re.match(r"[\w+]+:/", str(source)):
        raise BadInput("database-unnamed", "a URL on the command line can be read by everybody on this computer")
    return source or Path()


def _into_run(directory: Path, mapping: str, source: "Path | Database") -> "MappingReport":
    from oncofed.prepare.run import Run
    from oncofed.prepare.stages import map_clinical

    with Run.open(directory) as opened:
        return map_clinical(opened, mapping, source)


def _progress(words: str) -> None:
    if sys.stderr.isatty():
        typer.echo(f"  {words} …", err=True)


def _list(as_json: bool) -> None:
    from oncofed.prepare.mapping import load_mapping, preset_names

    presets = [load_mapping(name).mapping for name in preset_names()]
    if as_json:
        facts = [{"name": m.name, "title": m.title, "shape": m.shape, "about": m.about.strip()} for m in presets]
        typer.echo(json.dumps(facts, ensure_ascii=False, indent=1))
        return
    for one in presets:
        typer.echo(f"{one.name:28} {one.title}{' [our own reading]' if one.shape == 'own-reading' else ''}")


def _suggest(source: Path, output: Path | None, as_json: bool) -> None:
    from oncofed.prepare.mapping.suggest import suggest

    found = suggest(source)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        log = json.dumps([vars(one) for one in found.proposals], ensure_ascii=False, indent=1)
        for name, text in (("mapping.yaml", found.draft), ("mapping-review.json", log)):
            with open(
                os.open(output / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
            ) as file:
                file.write(text)
    if as_json:
        shown = [{name: value for name, value in vars(one).items() if name != "codes"} for one in found.proposals]
        typer.echo(json.dumps(shown, ensure_ascii=False, indent=1))
        return
    for one in sorted(found.proposals, key=lambda p: -p.score):
        typer.echo(f"{one.score:4.2f}  {one.relation}.{one.column:30} {one.target or '–':20} {one.why}")
    where = f"written to {output / 'mapping.yaml'}" if output else "shown with --output FOLDER"
    typer.echo(f"A draft is {where}. Review every line before you use it.")


def _tell(report: "MappingReport", output: Path, as_json: bool) -> None:
    from oncofed.prepare.mapping.report import ROWS, VALUES

    if as_json:
        typer.echo(report.model_dump_json(indent=1))
        return
    verb = "would give" if report.dry_run else "gave"
    tables = ", ".join(f"{rows:,} {table}" for table, rows in report.tables.items())
    typer.echo(f"{report.rows_in:,} rows {verb} {tables or 'nothing'} in {report.seconds:.1f} s.")
    for one in report.findings:
        place = " ".join(
            part
            for part in (f"{one.relation}.{one.column}".strip("."), f"→ {one.target}" if one.target else "")
            if part
        )
        typer.echo(f"  {one.rows:>8,} × {one.code}: {place}")
    for relation in report.relations:
        if relation.unused:
            typer.echo(f"  {relation.name}: no rule uses {', '.join(relation.unused)}")
    if report.findings:
        typer.echo(f"Rows and values, for you only: {output / ROWS}, {output / VALUES}")
