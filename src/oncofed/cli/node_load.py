"""`oncofed node load`: bring a data source into the node's warehouse as a new, immutable release."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from oncofed.contracts.catalogue import DatasetClass, DatasetRecord
from oncofed.contracts.errors import BadInput
from oncofed.node import identity
from oncofed.node.settings import Settings, data_directory, read_settings
from oncofed.trust.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from oncofed.warehouse import Release
    from oncofed.warehouse.sources.base import Source, SourceReport

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Load data as a new release. Nothing leaves the node by this."
)

Directory = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="The node's data directory; else ONCOFED_DATA is read.", show_default="./oncofed-node"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ReleaseName = Annotated[str, typer.Option("--release", help="Name of the release; a release never changes.")]
Class = Annotated[
    DatasetClass,
    typer.Option("--class", help="“open” only for data that are public: they are counted exactly, without a budget."),
]
OptOuts = Annotated[
    Path | None,
    typer.Option(help="Text file of patients to leave out: a Patient ID a line, its issuer after a tab if it has one."),
]
DatasetId = Annotated[str, typer.Option("--dataset", help="The dataset's identifier: lower case, digits, hyphens.")]


def settings_of(data_dir: Path | None) -> Settings:
    """The settings of the node that is meant."""
    return read_settings(data_directory(data_dir))


def told(as_json: bool, facts: dict[str, Any], sentence: str) -> None:
    """Print the outcome of a command, for a program or for a person."""
    typer.echo(json.dumps(facts, ensure_ascii=False, indent=1) if as_json else sentence)


def progress(words: str) -> None:
    """Say what is being done, if a person is watching."""
    if sys.stderr.isatty():
        typer.echo(f"  {words} …", err=True)


@app.command()
def idc(
    collections: Annotated[str, typer.Option(help="Collections of Imaging Data Commons, separated by commas.")] = "",
    programme: Annotated[str, typer.Option(help="Programmes, separated by commas (TCGA, CPTAC …).")] = "",
    everything: Annotated[bool, typer.Option("--all", help="All collections.")] = False,
    release: ReleaseName = "1",
    dataset_class: Class = DatasetClass.PROTECTED,
    opt_outs: OptOuts = None,
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Load metadata of NCI Imaging Data Commons: one dataset a collection (package idc-index-data)."""
    from oncofed.warehouse.sources.idc import ISSUER, IdcSource

    named, programmes = _split(collections), _split(programme)
    if not everything and not named and not programmes:
        raise BadInput("source-empty", "name --collections or --programme, or say --all")
    source = IdcSource(collections=named, programmes=programmes, dataset_class=dataset_class)
    _load(source, settings_of(data_dir), release, opt_outs, as_json, issuer=ISSUER)


@app.command(name="dicom-folder")
def dicom_folder(
    path: Annotated[Path, typer.Argument(help="A folder of DICOM files, nested in any way.")],
    dataset: DatasetId,
    title: Annotated[str, typer.Option(help="The dataset's title.")] = "",
    release: ReleaseName = "1",
    dataset_class: Class = DatasetClass.PROTECTED,
    opt_outs: OptOuts = None,
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Load the headers of DICOM files; no pixel is read, no identifier kept but as a keyed pseudonym."""
    from oncofed.warehouse.sources.dicom_folder import DicomFolderSource

    record = record_of(dataset, title, dataset_class)
    _load(DicomFolderSource(path, record), settings_of(data_dir), release, opt_outs, as_json)


@app.command()
def tables(
    path: Annotated[Path, typer.Argument(help="A folder of Parquet or CSV files in the common data model's shape.")],
    dataset: DatasetId,
    title: Annotated[str, typer.Option(help="The dataset's title.")] = "",
    release: ReleaseName = "1",
    dataset_class: Class = DatasetClass.PROTECTED,
    opt_outs: OptOuts = None,
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Load tables that are already in the shape of the common data model."""
    from oncofed.warehouse.sources.tables import TablesSource

    record = record_of(dataset, title, dataset_class)
    _load(TablesSource(path, record), settings_of(data_dir), release, opt_outs, as_json)


@app.command()
def prepared(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="The directory of an `oncofed prepare` run.")],
    dataset: DatasetId,
    title: Annotated[str, typer.Option(help="The dataset's title.")] = "",
    release: ReleaseName = "1",
    dataset_class: Class = DatasetClass.PROTECTED,
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Load the tables of a preparation run; `oncofed prepare release` does that and keeps the images, too."""
    from oncofed.prepare import optouts
    from oncofed.prepare.release import must_be_ready
    from oncofed.prepare.run import Run
    from oncofed.warehouse.sources.prepared import PreparedSource

    settings = settings_of(data_dir)
    with Run.open(path) as run:
        must_be_ready(run)
        left_out = optouts.left_out(run, optouts.read(settings.directory))
    source = PreparedSource(path, record_of(dataset, title, dataset_class))
    _load(source, settings, release, left_out, as_json)


@app.command()
def synthetic(
    dataset: DatasetId = "synthetic",
    patients: Annotated[int, typer.Option(min=1, help="How many patients.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same patients.")] = 1,
    title: Annotated[str, typer.Option(help="The dataset's title.")] = "",
    release: ReleaseName = "1",
    dataset_class: Class = DatasetClass.PROTECTED,
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Generate clinically coherent cases with markers, stages and treatments, always labelled synthetic."""
    from oncofed.warehouse.sources.synthetic import SyntheticSource

    record = record_of(dataset, title or "Synthetic cases", dataset_class)
    _load(SyntheticSource(record, patients, seed), settings_of(data_dir), release, None, as_json)


def _split(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


def record_of(dataset: str, title: str, dataset_class: DatasetClass) -> DatasetRecord:
    """The dataset as the warehouse knows it; ``BadInput(dataset-id-invalid)``."""
    try:
        return DatasetRecord(dataset_id=dataset, title=title or dataset, dataset_class=dataset_class)
    except ValidationError as error:
        raise BadInput("dataset-id-invalid", f"“{dataset}”") from error


def _load(
    source: "Source",
    settings: Settings,
    release: str,
    opt_outs: Path | frozenset[str] | None,
    as_json: bool,
    *,
    issuer: str = "",
) -> None:
    from oncofed.warehouse import Loading, load_with

    begun = time.monotonic()
    pseudonyms = identity.read(settings.keys).pseudonyms
    left_out = _opt_outs(opt_outs, pseudonyms, issuer) if isinstance(opt_outs, Path) else opt_outs or frozenset()
    loading = Loading(opt_outs=left_out, progress=progress)
    releases = load_with(source, settings.warehouse, pseudonyms, release, loading)
    seconds = time.monotonic() - begun
    report = loading.reports[-1]
    facts = {
        "releases": [_facts(one) for one in releases],
        "rows_read": report.rows_in,
        "rows_rejected": report.rows_rejected,
        "problems": report.problems,
        "facts": report.facts,
        "seconds": round(seconds, 2),
    }
    patients = sum(one.size.patients for one in releases)
    told(as_json, facts, f"Loaded {len(releases)} datasets, {patients:,} patients, in {seconds:.1f} s.")
    if not as_json:
        _tell_more(releases, report)


def _facts(release: "Release") -> dict[str, Any]:
    return {
        "dataset_id": release.dataset.dataset_id,
        "release": release.release,
        "digest": release.digest,
        "class": release.dataset.dataset_class.value,
        "already": release.already,
        **vars(release.size),
    }


def _tell_more(releases: "tuple[Release, ...]", report: "SourceReport") -> None:
    already = [one.dataset.dataset_id for one in releases if one.already]
    if already:
        typer.echo(f"{len(already)} stood here already with the same data: {', '.join(already[:5])}")
    for code, places in report.problems.items():
        shown = ", ".join(places[:5]) + (" …" if len(places) > 5 else "")
        typer.echo(f"Skipped {len(places)} ({code}): {shown}")
    typer.echo("Next: `oncofed node publish --dry-run` shows what would leave; `oncofed node publish` sends it.")


def _opt_outs(path: Path, pseudonyms: Pseudonyms, issuer: str) -> frozenset[str]:
    """Pseudonyms of the patients a text file names: ``ID`` or ``ID<tab>issuer`` a line, ``#`` begins a remark."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("source-unreadable", f"the list of opt-outs, {path}") from error
    rows = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    return frozenset(pseudonyms.patient(row[0], row[1] if len(row) > 1 else issuer) for row in rows)
