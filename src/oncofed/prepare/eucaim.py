"""The layout of the EUCAIM common data model: 24 CSV tables, two views, and a tree of images; written.

``clinical_data/*.csv``, ``clinical_mandatory_view.csv``, ``imaging_mandatory_view.csv`` and
``imaging_data/{patient}/{study}/{series}/*.dcm``, or ``*.nii.gz`` with its DICOM JSON (EUCAIM/etl-toolset's tables; the
tree as its federated tools expect). The mapping ``eucaim-cdm`` reads it. Dates stay empty: we keep offsets from the
diagnosis only, and that model has columns for both. Codes are those of the hyper-ontology where its search names one
for exactly our code, else ours; numbers are written whole (its SQL types hold no more than 999.99).
"""
# ruff: noqa: S608  (only names of the two models stand in the SQL; paths are quoted)

import contextlib
import csv
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pydicom
from pydicom.dataset import Dataset

from oncofed.contracts.errors import BadInput, OncofedError
from oncofed.files import says_full
from oncofed.imaging.elements import BROKEN
from oncofed.imaging.headers import Unusable
from oncofed.imaging.volumes import read_pair
from oncofed.prepare.eucaim_tables import VIEWS, queries
from oncofed.prepare.mapping.expressions import literal
from oncofed.prepare.mapping.loading import PRESETS
from oncofed.prepare.volumes import SUFFIX, files
from oncofed.warehouse.schema import TABLES

CLINICAL, IMAGING = "clinical_data", "imaging_data"
_CODES = PRESETS / "codes" / "eucaim.tsv"


@dataclass(frozen=True)
class Written:
    """Rows per CSV table, and the images put into the tree; ``not_written``: rows that have no place in it."""

    tables: dict[str, int]
    images: int
    not_written: dict[str, int]


def write_eucaim(
    tables: Path,
    output: Path,
    *,
    dataset_id: str,
    title: str,
    images: Path | None = None,
    left_out: frozenset[str] = frozenset(),
) -> Written:
    """Write the tables in ``tables`` (Parquet of our model) and, if given, de-identified images in EUCAIM's layout.

    Nothing of the patients in ``left_out`` (pseudonyms, as the tables have them) is written.

    ``output`` must not exist or be empty: nothing there is ever overwritten (``BadInput`` ``directory-not-empty``).
    What cannot be written whole leaves nothing (``OncofedError``: ``disk-full``, ``system-refused``; ``OSError``).
    """
    if output.exists() and any(output.iterdir()):
        raise BadInput("directory-not-empty", "the folder for EUCAIM's layout")
    with contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, output, ignore_errors=True)
        try:
            written = _write(tables, output, dataset_id, title, images, left_out)
        except duckdb.IOException as error:
            raise OncofedError("disk-full" if says_full(error) else "system-refused") from error
        undo.pop_all()
    return written


def _write(
    tables: Path, output: Path, dataset_id: str, title: str, images: Path | None, left_out: frozenset[str]
) -> Written:
    (output / CLINICAL).mkdir(parents=True)
    connection = duckdb.connect()
    try:
        _open(connection, tables, left_out)
        tables_of = queries(dataset_id, title)
        for name, query in (*tables_of.items(), *VIEWS.items()):
            folder = output if name in VIEWS else output / CLINICAL
            connection.execute(f"CREATE TABLE e_{name} AS {query}")
            connection.execute(f"COPY e_{name} TO {literal(folder / f'{name}.csv')} (HEADER, DELIMITER ',')")
        rows = {name: _count(connection, f"e_{name}") for name in tables_of}
        lost = {
            "observation": _count(connection, "observation")
            - sum(rows[one] for one in ("tumor_marker_test", "histologic_grade", "tumor_observation"))
            - rows["health_status_assessment"]
            - rows["lab_test_result"],
            "cancer_stage": _count(connection, "cancer_stage") - rows["cancer_stage"],
            "outcome": _count(connection, "outcome"),
            "derived_object": _count(connection, "derived_object"),
        }
    finally:
        connection.close()
    placed = _place_images(images, output / IMAGING, left_out) if images is not None else 0
    return Written(rows, placed, {name: number for name, number in lost.items() if number})


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    ((rows,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(rows)


def _open(connection: duckdb.DuckDBPyConnection, tables: Path, left_out: frozenset[str]) -> None:
    """Our tables (empty ones where a file is absent), dense numbers for conditions, and the table of codes."""
    for name, table in TABLES.items():
        if not table.patients:
            continue
        columns = [column for column in table.columns if column.name != "dataset_id"]
        connection.execute(f"CREATE TABLE {name} ({', '.join(f'{c.name} {c.type}' for c in columns)})")
        file = tables / f"{name}.parquet"
        if file.is_file():
            try:
                connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM read_parquet({literal(file)})")
            except duckdb.Error as error:
                raise BadInput("table-invalid", f"{file.name} is no table of the model") from error
    if left_out:
        _leave_out(connection, left_out)
    if not _count(connection, "patient"):
        raise BadInput("source-empty", "there is no patient.parquet")
    for name, ours, key in (
        ("condition", "cancer_condition", "condition_id"),
        ("study", "imaging_study", "study_uid"),
        ("series", "imaging_series", "series_uid"),
        ("therapy", "treatment", "treatment_id"),
    ):
        connection.execute(f"CREATE TABLE {name} AS SELECT *, row_number() OVER (ORDER BY {key}) AS number FROM {ours}")
    with _CODES.open(encoding="utf-8") as codes:
        rows = list(csv.reader((line for line in codes if not line.startswith("#")), delimiter="\t"))[1:]
    connection.execute(
        """CREATE TABLE code AS SELECT unnest($1::VARCHAR[]) AS kind, unnest($2::VARCHAR[]) AS theirs,
           unnest($3::VARCHAR[]) AS ours""",
        [[row[place] for row in rows] for place in range(3)],
    )
    connection.execute(
        """CREATE MACRO theirs(k, ours_code) AS
           coalesce((SELECT min(c.theirs) FROM code c WHERE c.kind = k AND c.ours = ours_code), ours_code)"""
    )


def _leave_out(connection: duckdb.DuckDBPyConnection, patients: frozenset[str]) -> None:
    """Remove every row of these patients."""
    connection.execute("CREATE TABLE gone AS SELECT unnest($1::VARCHAR[]) AS patient_key", [sorted(patients)])
    theirs = "patient_key IN (SELECT gone.patient_key FROM gone)"
    for of, key, inside in (
        ("cancer_condition", "condition_id", ("cancer_stage", "treatment")),
        ("imaging_study", "study_uid", ("imaging_series", "derived_object")),
    ):
        for table in inside:
            connection.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {of} WHERE {theirs})")
    for table in ("observation", "outcome", "imaging_study", "cancer_condition", "patient"):
        connection.execute(f"DELETE FROM {table} WHERE {theirs}")


def _place_images(images: Path, target: Path, left_out: frozenset[str]) -> int:
    """Put every instance where the tree wants it, by its own (de-identified) header: linked, or copied across disks."""
    placed = 0
    for file in sorted(one for one in images.rglob("*") if one.is_file() and one.name.endswith((".dcm", SUFFIX))):
        try:
            header = _header(file)
        except (*BROKEN, Unusable) as error:
            raise BadInput("file-damaged", f"{file.relative_to(images)}") from error
        levels = [str(header.get(one, "")) for one in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")]
        if not all(level and level not in (".", "..") and not set(level) & set("/\\\0") for level in levels):
            raise BadInput("file-no-series", f"{file.relative_to(images)}")
        if levels[0] in left_out:
            continue
        place = target.joinpath(*levels)
        place.mkdir(parents=True, exist_ok=True)
        for one in files(file):
            try:
                os.link(one, place / one.name)
            except OSError:
                shutil.copyfile(one, place / one.name)
        placed += 1
    return placed


def _header(file: Path) -> Dataset:
    if file.name.endswith(SUFFIX):
        return read_pair(file).dataset
    tags = ["PatientID", "StudyInstanceUID", "SeriesInstanceUID"]
    return pydicom.dcmread(file, specific_tags=list(tags), stop_before_pixels=True)
