"""Source ``tables``: Parquet or CSV files that are already in the common data model's shape, one per table.

``patient.parquet``, ``imaging_series.csv`` … with the columns of the model; columns that may be empty can be absent,
unknown ones are refused. ``dataset_id`` is not a column of the files: one folder is one dataset. Identifiers of
patients and UIDs may be the hospital's own: keyed pseudonyms replace them on the way in, whatever they look like.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from oncofed.contracts.catalogue import DatasetRecord
from oncofed.contracts.errors import BadInput
from oncofed.contracts.vocabulary import nearest
from oncofed.trust.pseudonyms import Pseudonyms
from oncofed.warehouse.extraction import Extraction, extractions
from oncofed.warehouse.schema import TABLES, Column, Table
from oncofed.warehouse.sources.base import Draft, Filling, SourceReport
from oncofed.warehouse.sources.columns import append_texts, column_values

_READERS = {".parquet": "read_parquet($1)", ".csv": "read_csv($1, header = true, all_varchar = true)"}
LOADABLE = tuple(table.name for table in TABLES.values() if table.patients)
_BATCH = 200_000


@dataclass(frozen=True)
class TablesSource:
    """The files in ``path`` as the dataset ``record`` describes."""

    path: Path
    record: DatasetRecord

    name = "tables"
    mapping_version = "1"
    issuer = ""

    def fill(self, filling: Filling) -> SourceReport:
        """Check every file against its table and insert it."""
        files = dict(self._files())
        if "patient" not in files:
            raise BadInput("source-empty", "there is no patient.parquet or patient.csv")
        rows = 0
        for name in (name for name in LOADABLE if name in files):
            filling.progress(f"reading {name}")
            table, columns = TABLES[name], _read(filling.connection, files[name], TABLES[name])
            _check(filling.connection, table, columns)
            _name_anew(filling.connection, filling.pseudonyms, table, columns)
            rows += self._insert(filling.connection, table, columns)
        supports = tuple(name for name, found in extractions().items() if _occurs(filling.connection, found))
        return SourceReport(drafts=(Draft(self.record, supports),), rows_in=rows)

    def _files(self) -> Iterator[tuple[str, Path]]:
        if not self.path.is_dir():
            raise BadInput("source-unreadable", "there is no such folder")
        seen: set[str] = set()
        for file in sorted(self.path.iterdir()):
            name, reader = file.stem, _READERS.get(file.suffix.lower())
            if reader is None:
                continue
            if name not in LOADABLE:
                near = nearest(LOADABLE, name)
                hint = f"; did you mean “{near}”?" if near else ""
                raise BadInput("table-invalid", f"the model has no table “{name}” to load ({file.name}){hint}")
            if name in seen:
                raise BadInput("table-invalid", f"table {name} is given twice, as Parquet and as CSV")
            seen.add(name)
            yield name, file

    def _insert(self, connection: duckdb.DuckDBPyConnection, table: Table, columns: dict[str, Column]) -> int:
        cast = ", ".join(f"CAST({name} AS {column.type})" for name, column in columns.items())
        connection.execute(
            f"INSERT INTO {table.name} (dataset_id, {', '.join(columns)}) SELECT $1, {cast} FROM arrived",
            [self.record.dataset_id],
        )
        ((rows,),) = connection.execute("SELECT count(*) FROM arrived").fetchall()
        connection.execute("DROP TABLE arrived")
        return int(rows)


def _read(connection: duckdb.DuckDBPyConnection, file: Path, table: Table) -> dict[str, Column]:
    """The file as temporary table ``arrived``; its columns as the model knows them."""
    try:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE arrived AS SELECT * FROM {_READERS[file.suffix.lower()]}", [str(file)]
        )
    except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException) as error:
        raise BadInput("table-invalid", f"table {table.name}: {file.name} cannot be read") from error
    known = {column.name: column for column in table.columns if column.name != "dataset_id"}
    given = [name for name, *_ in connection.execute("DESCRIBE arrived").fetchall()]
    for name in given:
        if name not in known:
            near = nearest(known, name)
            hint = f"; did you mean “{near}”?" if near else ""
            raise BadInput("table-invalid", f"table {table.name} has no column “{name[:64]}”{hint}")
    for name, column in known.items():
        if column.required and name not in given:
            raise BadInput("table-invalid", f"table {table.name}, column {name}: the column is missing")
    return {name: known[name] for name in given}


def _check(connection: duckdb.DuckDBPyConnection, table: Table, columns: dict[str, Column]) -> None:
    """Every value fits its type, required ones are there, numbers are finite."""
    for name, column in columns.items():
        number = f"TRY_CAST({name} AS {column.type})"
        finite = f"OR NOT isfinite({number})" if column.type in ("DOUBLE", "REAL") else ""
        ((unfit, empty),) = connection.execute(
            f"""SELECT count(*) FILTER ({name} IS NOT NULL AND ({number} IS NULL {finite})),
                       count(*) FILTER ({name} IS NULL OR CAST({name} AS VARCHAR) = '') FROM arrived"""
        ).fetchall()
        if unfit:
            raise BadInput("table-invalid", f"table {table.name}, column {name}: {unfit} rows are no {column.type}")
        if empty and column.required:
            raise BadInput("table-invalid", f"table {table.name}, column {name}: {empty} rows are empty")


def _name_anew(
    connection: duckdb.DuckDBPyConnection, pseudonyms: Pseudonyms, table: Table, columns: dict[str, Column]
) -> None:
    """Replace identifiers in ``arrived`` by their pseudonyms."""
    for name, column in columns.items():
        if not column.pseudonym:
            continue
        connection.execute("CREATE OR REPLACE TEMP TABLE renamed (old VARCHAR, new VARCHAR)")
        old = column_values(
            connection, f"SELECT DISTINCT CAST({name} AS VARCHAR) FROM arrived WHERE {name} IS NOT NULL"
        )
        for begin in range(0, len(old), _BATCH):
            part = old[begin : begin + _BATCH]
            new = pseudonyms.patients(part) if column.pseudonym == "patient" else pseudonyms.uids(part)
            append_texts(connection, "renamed", part, new)
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE arrived AS
                SELECT a.* REPLACE (r.new AS {name})
                FROM arrived a LEFT JOIN renamed r ON r.old = CAST(a.{name} AS VARCHAR)"""
        )
        connection.execute("DROP TABLE renamed")


def _occurs(connection: duckdb.DuckDBPyConnection, extraction: Extraction) -> bool:
    """Some row records the criterion: an empty column says as little as an absent one."""
    found = connection.execute(
        f"""SELECT 1 FROM {extraction.table}
            WHERE {extraction.where or "TRUE"} AND ({extraction.cell}) IS NOT NULL LIMIT 1"""
    ).fetchall()
    return bool(found)
