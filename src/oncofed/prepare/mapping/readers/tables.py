"""Tables in files: CSV and REDCap exports, Excel sheets, Parquet, SQLite and DuckDB databases, OMOP exports of these.

A source is a file, or a folder whose files are its relations. Nothing is written to it: databases are opened read-only.
"""
# ruff: noqa: S608  (names and constants are quoted)

import lzma
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from fnmatch import fnmatchcase
from pathlib import Path

import duckdb
import openpyxl
import pyarrow as pa
from openpyxl.utils.exceptions import InvalidFileException

from oncofed.contracts.errors import BadInput
from oncofed.prepare.mapping.expressions import literal, quoted
from oncofed.prepare.mapping.spec import Relation, SourceSpec
from oncofed.warehouse.sources.columns import append_texts

_TEXT = {".csv", ".tsv", ".txt"}
_EXCEL = {".xlsx", ".xlsm"}
_DATABASE = {".duckdb", ".sqlite", ".sqlite3", ".db"}
_BROKEN = (
    duckdb.Error, sqlite3.Error, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, InvalidFileException,
    OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RuntimeError,
)  # fmt: skip
"""What the readers of damaged tables, workbooks and databases raise."""
_LARGEST_WORKBOOK = 2_000_000_000
"""Bytes a workbook may have once unpacked; a small file that claims more is refused."""
_BATCH = 50_000
MISSING = ("", "NA", "N/A", "NULL", "None", "NaN", "nan", "<NA>", "\\N")
"""What files write for nothing, beside what a mapping names."""


def nothing_sql(spec: SourceSpec) -> str:
    """What says nothing in this source, as a list of constants."""
    return ", ".join(literal(one) for one in dict.fromkeys((*MISSING, *spec.missing)))


def read_tables(connection: duckdb.DuckDBPyConnection, spec: SourceSpec, path: Path) -> dict[str, str]:
    """Relation → name of a table of text in DuckDB, for those of the mapping's relations that the source has."""
    wanted = {name: relation for name, relation in spec.relations.items() if not relation.row_of}
    found: dict[str, str] = {}
    for name, relation in wanted.items():
        file = _file_of(path, name, relation, alone=len(wanted) == 1)
        if file is None:
            continue
        try:
            there = _read(connection, spec, file, name, relation)
        except _BROKEN as error:
            raise BadInput("source-unreadable", f"{file.name} cannot be read as relation {name}") from error
        if there:
            found[name] = f"raw_{name}"
    return found


def _file_of(path: Path, name: str, relation: Relation, *, alone: bool) -> Path | None:
    """The file a relation stands in: the source itself, or the one of its folder that bears its name."""
    if path.is_file():
        several = path.suffix.lower() in (_EXCEL | _DATABASE)
        pattern = relation.file or f"{name}.*"
        return path if alone or several or fnmatchcase(path.name.lower(), pattern.lower()) else None
    readable = _TEXT | _EXCEL | _DATABASE | {".parquet"}
    pattern = (relation.file or f"{relation.table or name}.*").lower()
    files = [one for one in sorted(path.iterdir()) if one.is_file() and one.suffix.lower() in readable]
    matching = [one for one in files if fnmatchcase(one.name.lower(), pattern)]
    if len(matching) > 1:
        raise BadInput("source-unreadable", f"relation {name}: {len(matching)} files are named {pattern}")
    if matching:
        return matching[0]
    containers = [one for one in files if one.suffix.lower() in (_EXCEL | _DATABASE)]
    return containers[0] if len(containers) == 1 and not relation.file else None


def _read(connection: duckdb.DuckDBPyConnection, spec: SourceSpec, file: Path, name: str, relation: Relation) -> bool:
    """Make ``raw_<name>``; False if the file does not hold the relation."""
    suffix, target = file.suffix.lower(), quoted(f"raw_{name}")
    if suffix in _TEXT:
        delimiter = spec.delimiter or ("\t" if suffix == ".tsv" else "")
        given = f", delim = {literal(delimiter)}" if delimiter else ""
        connection.execute(
            f"""CREATE VIEW {target} AS SELECT * FROM read_csv({literal(file)}, header = true, all_varchar = true,
                encoding = {literal(spec.encoding)}, nullstr = [{nothing_sql(spec)}]{given})"""
        )
        return True
    if suffix == ".parquet":
        connection.execute(f"CREATE TABLE {target} AS SELECT * FROM read_parquet({literal(file)})")
        return _as_text(connection, target)
    if suffix in _EXCEL:
        return _read_sheet(connection, file, name, relation)
    return _read_database(connection, file, name, relation)


def _as_text(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """All columns as text; lists as their elements separated by spaces."""
    columns = []
    for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall():
        column = quoted(name)
        listed = f"array_to_string({column}, ' ')" if kind.endswith("[]") else f"CAST({column} AS VARCHAR)"
        columns.append(f"{listed} AS {column}")
    connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT {', '.join(columns)} FROM {table}")
    return True


def _read_database(connection: duckdb.DuckDBPyConnection, file: Path, name: str, relation: Relation) -> bool:
    wanted = (relation.table or name).casefold()
    with file.open("rb") as opened:
        begin = opened.read(16)
    if not begin.startswith(b"SQLite format 3"):
        return _read_duckdb(connection, file, name, wanted)
    database = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
        there = next((one for (one,) in tables if one.casefold() == wanted), None)
        if there is None:
            return False
        cursor = database.execute(f"SELECT * FROM {quoted(there)}")
        _fill(connection, name, [column[0] for column in cursor.description], cursor)
    finally:
        database.close()
    return True


def _read_duckdb(connection: duckdb.DuckDBPyConnection, file: Path, name: str, wanted: str) -> bool:
    connection.execute(f"ATTACH {literal(file)} AS clinic (READ_ONLY)")
    try:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = 'clinic'"
        ).fetchall()
        there = next(((schema, one) for schema, one in tables if one.casefold() == wanted), None)
        if there is None:
            return False
        source = f"clinic.{quoted(there[0])}.{quoted(there[1])}"
        connection.execute(f"CREATE TABLE {quoted(f'raw_{name}')} AS SELECT * FROM {source}")
    finally:
        connection.execute("DETACH clinic")
    return _as_text(connection, quoted(f"raw_{name}"))


def _read_sheet(connection: duckdb.DuckDBPyConnection, file: Path, name: str, relation: Relation) -> bool:
    with zipfile.ZipFile(file) as archive:
        if sum(member.file_size for member in archive.infolist()) > _LARGEST_WORKBOOK:
            raise ValueError("the workbook is too large")
    workbook = openpyxl.load_workbook(file, read_only=True, data_only=True)
    try:
        wanted = (relation.sheet or name).casefold()
        titles = {title.casefold(): title for title in workbook.sheetnames}
        if wanted not in titles and (relation.sheet or len(titles) > 1):
            return False
        sheet = workbook[titles.get(wanted, workbook.sheetnames[0])]
        rows = sheet.iter_rows(values_only=True)
        heading = [str(cell).strip() if cell is not None else "" for cell in next(rows, ())]
        places = [place for place, title in enumerate(heading) if title]
        cells = ([row[place] if place < len(row) else None for place in places] for row in rows)
        filled = (row for row in cells if any(cell is not None for cell in row))
        _fill(connection, name, [heading[place] for place in places], filled)
    finally:
        workbook.close()
    return True


def cell_text(cell: object) -> str:
    """A cell as text: dates in ISO form, whole numbers without a point, "" for nothing."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == datetime.min.time() else cell.isoformat(sep=" ")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell)


def _fill(
    connection: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Insert rows of cells as text into ``raw_<name>``, in batches."""
    if len({column.casefold() for column in columns}) < len(columns) or not columns:
        raise ValueError("the heading names a column twice, or none")
    table = f"raw_{name}"
    connection.execute(f"CREATE TABLE {quoted(table)} ({', '.join(f'{quoted(one)} VARCHAR' for one in columns)})")
    batch: list[list[str]] = []
    for row in rows:
        batch.append([cell_text(cell) for cell in row])
        if len(batch) == _BATCH:
            insert_texts(connection, table, batch)
            batch.clear()
    insert_texts(connection, table, batch)


def insert_texts(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[str]]) -> None:
    """Insert equally long rows of text."""
    if rows:
        try:
            append_texts(connection, table, *(list(column) for column in zip(*rows, strict=True)))
        except (pa.ArrowInvalid, UnicodeEncodeError) as error:
            raise ValueError("a cell holds no valid text") from error


def note_unread(connection: duckdb.DuckDBPyConnection, unread: Mapping[str, int]) -> None:
    """Keep, for the report, how many things of which kind a reader found and does not read (table ``unread``)."""
    connection.execute(
        "CREATE TABLE unread AS SELECT unnest($1::VARCHAR[]) AS kind, unnest($2::BIGINT[]) AS number",
        [list(unread), list(unread.values())],
    )
