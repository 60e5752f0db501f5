"""`oncofed prepare`: turn what a hospital has into a release that may be searched and computed on."""

import json
import logging
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from oncofed.cli import prepare_certificate, prepare_fetch, prepare_map
from oncofed.cli import prepare_show as show
from oncofed.cli.node_load import Class, DatasetId, Directory, record_of, settings_of, told
from oncofed.cli.prepare_key import key_of
from oncofed.contracts.catalogue import DatasetClass
from oncofed.contracts.errors import BadInput
from oncofed.node import identity
from oncofed.prepare.run import Run, State

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Turn a hospital's images into a release. The source is never changed.",
)
optouts_app = typer.Typer(no_args_is_help=True, help="Patients who have said no: left out of the next release.")
app.add_typer(optouts_app, name="optouts")
app.add_typer(prepare_fetch.app, name="fetch")

RunDirectory = Annotated[
    Path, typer.Option("--run", help="The run's directory: private, all that is known and made lies there.")
]
Workers = Annotated[
    int, typer.Option("--workers", min=0, max=1024, help="Processes; 0: one for each core when there is enough to do.")
]
Scheduler = Annotated[
    str, typer.Option(help="A Dask cluster, tcp://… or tls://…; its workers need the same folders and data directory.")
]
Project = prepare_fetch.Project
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_RUN = Path("oncofed-run")


@app.callback()
def _prepare() -> None:
    """Turn a hospital's images into a release. The source is never changed."""
    identity.umask()
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # it logs values that bend the standard
    warnings.filterwarnings("ignore", category=UserWarning)  # ... and warns of them


@app.command()
def scan(
    source: Annotated[Path, typer.Argument(help="A folder of DICOM files, nested in any way, or a DICOMDIR.")],
    run: RunDirectory = DEFAULT_RUN,
    project: Project = "",
    workers: Workers = 1,
    scheduler: Scheduler = "",
    as_json: AsJson = False,
) -> None:
    """List a source and index its headers; again: only what is new or changed."""
    from oncofed.prepare.parallel import workers as working
    from oncofed.prepare.scan import scan as run_stage

    folder = source.parent if source.is_file() and source.name.upper() == "DICOMDIR" else source
    with Run.create(run, project=project) as opened, working(workers, scheduler) as hands:
        scanned = run_stage(opened, folder, workers=hands, progress=show.Bar())
        if as_json:
            typer.echo(json.dumps(vars(scanned) | {"content": show.content(opened)}, indent=1))
            return
        typer.echo(f"{scanned.seen:,} files seen, {scanned.new:,} of them new or changed, {scanned.gone:,} gone.")
        typer.echo(f"The run holds {show.sentence(show.content(opened))}.")
        show.left_out(opened)
        show.next_step(run, "deidentify")


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
        with working(show.suited(workers, opened.number(State.INDEXED)), scheduler) as hands:
            done = run_stage(opened, recipe, workers=hands, progress=show.Bar())
        if as_json:
            typer.echo(json.dumps({"done": done} | show.facts(opened), indent=1, ensure_ascii=False))
            return
        typer.echo(f"{done:,} files de-identified into {opened.images}.")
        show.left_out(opened)
        show.next_step(run, "index")


app.command(name="map")(prepare_map.map_command)


@app.command()
def index(run: RunDirectory = DEFAULT_RUN, data_dir: Directory = None, as_json: AsJson = False) -> None:
    """Make the tables of the common data model from the images and, if mapped, the clinical data."""
    from oncofed.prepare.recipe import recipe_of
    from oncofed.prepare.tables import index as run_stage

    with Run.open(run) as opened:
        rows = run_stage(opened, recipe_of(opened, key_of(data_dir)), progress=show.Bar())
        told(as_json, {"rows": rows}, "Rows: " + ", ".join(f"{name} {number:,}" for name, number in rows.items()) + ".")
        if not as_json:
            show.next_step(run, "check")


@app.command()
def check(
    run: RunDirectory = DEFAULT_RUN,
    workers: Workers = 0,
    scheduler: Scheduler = "",
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Read every de-identified file again, compare it with its source, then check the quality of images and tables.

    Tables that speak of images held back by it are made anew.
    """
    from oncofed.prepare.parallel import workers as working
    from oncofed.prepare.recipe import recipe_of
    from oncofed.prepare.stages import check_quality
    from oncofed.prepare.tables import are_old
    from oncofed.prepare.tables import index as index_stage
    from oncofed.prepare.verify import verify

    with Run.open(run) as opened:
        recipe = recipe_of(opened, key_of(data_dir))
        count = opened.number(State.DEIDENTIFIED, State.VERIFIED)
        with working(show.suited(workers, count), scheduler) as hands:
            verification = verify(opened, recipe, workers=hands, progress=show.Bar())
            if are_old(opened):
                index_stage(opened, recipe, progress=show.Bar())
            findings = check_quality(opened, workers=hands, progress=show.Bar())
        if as_json:
            facts = {"verification": vars(verification), "quality": findings.model_dump(mode="json")}
            typer.echo(json.dumps(facts, indent=1, ensure_ascii=False, default=str))
            return
        show.verified(verification)
        show.quality(findings)
        show.left_out(opened)
        show.next_step(run, "report")


@app.command()
def report(run: RunDirectory = DEFAULT_RUN, data_dir: Directory = None, as_json: AsJson = False) -> None:
    """Sign the certificate and write the report: one page to look at, one file for programs."""
    from oncofed.prepare import review as reviews
    from oncofed.prepare.certificate import certify
    from oncofed.prepare.recipe import recipe_of
    from oncofed.prepare.records import write_records
    from oncofed.prepare.stages import report as run_stage

    own = identity.read(settings_of(data_dir).keys)
    with Run.open(run) as opened:
        certify(opened, recipe_of(opened, key_of(data_dir)), own.key)
        write_records(opened)
        reviews.write_lists(opened)
        page = run_stage(opened)
        told(as_json, {"report": str(page)}, f"Look at {page}, and at certificate.html beside it.")
        if not as_json:
            show.next_step(run, "release", " --dataset NAME")


@app.command()
def release(
    dataset: DatasetId,
    run: RunDirectory = DEFAULT_RUN,
    title: Annotated[str, typer.Option(help="The dataset's title.")] = "",
    name: Annotated[str, typer.Option("--release", help="Name of the release; a release never changes.")] = "1",
    dataset_class: Class = DatasetClass.PROTECTED,
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Bring images and tables into the node as a new release; earlier ones stay."""
    from oncofed.prepare.release import Node
    from oncofed.prepare.release import release as run_stage

    settings = settings_of(data_dir)
    node = Node(settings.directory, identity.read(settings.keys).pseudonyms)
    with Run.open(run) as opened:
        made = run_stage(opened, node, record_of(dataset, title, dataset_class), name, progress=show.Bar())
    show.released(made, as_json)


@app.command()
def status(run: RunDirectory = DEFAULT_RUN, as_json: AsJson = False) -> None:
    """Say what stands in a run: content, stages, what is held back or left out."""
    with Run.open(run) as opened:
        facts = show.facts(opened)
        if as_json:
            typer.echo(json.dumps(facts, indent=1, ensure_ascii=False))
            return
        typer.echo(f"{opened.directory}: {show.sentence(facts['content'])}.")
        for stage, about in facts["stages"].items():
            typer.echo(f"  {stage:<12} {about['state']:<8} {about['started_at']}")
        show.left_out(opened)


@app.command()
def review(
    run: RunDirectory = DEFAULT_RUN,
    accept: Annotated[list[int] | None, typer.Option(help="Let the files of this number pass.")] = None,
    reject: Annotated[list[int] | None, typer.Option(help="Leave the files of this number out for good.")] = None,
    rectangle: Annotated[
        list[str] | None, typer.Option(help="With --accept: blank x0,y0,x1,y1 (pixels) on every frame.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what waits for a person, or decide it. File names and words are in private files of the run only."""
    from oncofed.prepare import review as reviews

    rectangles = [_rectangle(text) for text in rectangle or ()]
    if rectangles and not accept:
        raise typer.BadParameter("goes with --accept NUMBER", param_hint="--rectangle")
    with Run.open(run) as opened:
        passed = sum(reviews.accept(opened, number, rectangles) for number in accept or ())
        left = sum(reviews.reject(opened, number) for number in reject or ())
        reviews.write_lists(opened)
        groups = reviews.groups(opened)
        if as_json:
            facts: dict[str, Any] = {"accepted": passed, "rejected": left, "waiting": [vars(one) for one in groups]}
            typer.echo(json.dumps(facts, indent=1))
            return
        if accept or reject:
            typer.echo(f"{passed:,} files let pass, {left:,} left out.")
        show.waiting(opened, groups)


def _rectangle(text: str) -> tuple[int, ...]:
    numbers = text.split(",")
    if len(numbers) != 4 or not all(number.strip().isdigit() for number in numbers):
        raise typer.BadParameter("four numbers: x0,y0,x1,y1", param_hint="--rectangle")
    return tuple(int(number) for number in numbers)


app.command()(prepare_certificate.certificate)


@app.command()
def linkage(
    pseudonym: Annotated[str, typer.Argument(help="The Patient ID of a de-identified image.")],
    run: RunDirectory = DEFAULT_RUN,
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Say whose images these are, where the profile keeps a linkage table. Prints an identifier: mind who looks on."""
    from oncofed.prepare import linkage as linkages

    with Run.open(run) as opened:
        found = linkages.behind(opened, pseudonym, key_of(data_dir)())
    people = [{"patient_id": one.patient_id, "issuer": one.issuer} for one in found]
    lines = [f"{one.patient_id}  (issuer {one.issuer})" if one.issuer else one.patient_id for one in found]
    told(as_json, {"pseudonym": pseudonym, "people": people}, "\n".join(lines))


@app.command()
def harmonise(
    images: Annotated[Path, typer.Argument(help="Images of a release.")],
    target: Annotated[
        Path, typer.Argument(help="Folder for the volumes (NIfTI, and a JSON that says how each was made).")
    ],
    spacing: Annotated[str, typer.Option(help="Resample to z,y,x in millimetres, such as 3,1,1.")] = "",
    n4: Annotated[bool, typer.Option("--n4", help="Correct the bias field first (needs SimpleITK).")] = False,
    intensity: Annotated[str, typer.Option(help="One scale for all: z-score or nyul.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make volumes of a release's series that compare: resampled, bias-corrected, on one intensity scale."""
    from oncofed.imaging.harmonise import Steps
    from oncofed.imaging.harmonise import harmonise as make

    steps = Steps(_spacing(spacing), n4=n4, intensity=intensity)
    made = make(images, target, steps)
    reasons = [{"series": series, "why": why} for series, why in made.left_out]
    told(
        as_json,
        {"written": [str(path) for path in made.written], "left_out": reasons},
        f"{len(made.written):,} volumes in {target}; {len(reasons):,} series left out (--json says why).",
    )


@app.command()
def eucaim(
    target: Annotated[Path, typer.Argument(help="A new folder for the layout.")],
    dataset: DatasetId,
    title: Annotated[str, typer.Option(help="The dataset's title.")] = "",
    run: RunDirectory = DEFAULT_RUN,
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Write a run in EUCAIM's layout: 24 tables, two views, the tree of images. Reading: `map --mapping eucaim-cdm`.

    Without the patients who opted out, as in a release.
    """
    from oncofed.prepare import optouts
    from oncofed.prepare.eucaim import write_eucaim
    from oncofed.prepare.release import must_be_ready

    record_of(dataset, title, DatasetClass.PROTECTED)
    with Run.open(run) as opened:
        must_be_ready(opened)
        gone = optouts.left_out(opened, optouts.read(settings_of(data_dir).directory))
        made = write_eucaim(
            opened.tables, target, dataset_id=dataset, title=title or dataset, images=opened.images, left_out=gone
        )
    lost = {name: number for name, number in made.not_written.items() if number}
    told(
        as_json,
        {"tables": made.tables, "images": made.images, "not_written": lost},
        f"{sum(made.tables.values()):,} rows and {made.images:,} images in {target}."
        + "".join(f"\n  no place in the layout for {number:,} rows of {name}" for name, number in lost.items()),
    )


def _spacing(text: str) -> tuple[float, float, float] | None:
    if not text:
        return None
    try:
        z, y, x = (float(number) for number in text.split(","))
    except ValueError:
        raise typer.BadParameter("three numbers: z,y,x", param_hint="--spacing") from None
    return z, y, x


@optouts_app.command(name="import")
def optouts_import(
    listed: Annotated[
        Path, typer.Argument(metavar="LIST", help="Text: a Patient ID a line, its issuer after a tab if it has one.")
    ],
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Remember patients who opted out, as pseudonyms only; the next release leaves them out."""
    from oncofed.prepare import optouts

    settings = settings_of(data_dir)
    done = optouts.add(settings.directory, listed, identity.read(settings.keys).pseudonyms, datetime.now(UTC))
    told(
        as_json,
        {"named": done.named, "new": done.new},
        f"{done.named:,} patients named, {done.new:,} of them new. They are left out from the next release on.",
    )


@app.command(name="run")
def run_plan(
    plan: Annotated[Path, typer.Argument(help="A plan: see docs/reference/prepare.md.")],
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Do all that a plan says, from the source to the release; again: only what is left or new."""
    from oncofed.cli.prepare_run import execute
    from oncofed.prepare.plan import read_plan

    if not plan.is_file():
        raise BadInput("prepare-plan-invalid", f"there is no file {plan}")
    execute(read_plan(plan), data_dir, as_json)


app.command()(prepare_fetch.receive)
