"""Tables in files: CSV and REDCap exports, Excel sheets, Parquet, SQLite and DuckDB databases, OMOP exports of these.

A source is a file, or a folder whose files are its relations. Nothing is written to it: databases are opened read-only.
"""
# ruff: noqa: S608  (names and constants are quoted)

import sqlite3
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import duckdb
import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from oncofed.contracts.errors import BadInput, OncofedError
from oncofed.prepare.mapping.expressions import literal, quoted
from oncofed.prepare.mapping.readers.database import of_sqlite_file
from oncofed.prepare.mapping.readers.raw import EVERYTHING, Pick, fill_texts
from oncofed.prepare.mapping.spec import Relation, SourceSpec

_TEXT = {".csv", ".tsv", ".txt"}
_EXCEL = {".xlsx", ".xlsm"}
_DATABASE = {".duckdb", ".sqlite", ".sqlite3", ".db"}
_LARGEST_WORKBOOK = 2_000_000_000
"""Bytes a workbook may have once unpacked; a small file that claims more is refused."""
MISSING = ("", "NA", "N/A", "NULL", "None", "NaN", "nan", "<NA>", "\\N")
"""What files write for nothing, beside what a mapping names."""
Columns = tuple[str, ...]


def nothing_sql(spec: SourceSpec) -> str:
    """What says nothing in this source, as a list of constants."""
    return ", ".join(literal(one) for one in dict.fromkeys((*MISSING, *spec.missing)))


@dataclass(frozen=True)
class Files:
    """A file or folder as a source of relations."""

    connection: duckdb.DuckDBPyConnection
    spec: SourceSpec
    path: Path

    def copy(self, name: str, relation: Relation, pick: Pick = EVERYTHING) -> Columns | None:
        """Make ``raw_<name>``; the columns that were left in a database, or None if the source has no such relation.

        Raises ``BadInput`` ``source-unreadable``.
        """
        own = [one for one, relation in self.spec.relations.items() if not relation.row_of]
        file = _file_of(self.path, name, relation, alone=own == [name])
        if file is None:
            return None
        try:
            return _read(self, file, name, relation, pick)
        except (
            duckdb.Error,
            sqlite3.Error,
            OSError,
            ValueError,
            KeyError,
            zipfile.BadZipFile,
            InvalidFileException,
        ) as error:
            raise BadInput("source-unreadable", f"{file.name} cannot be read as relation {name}") from error


def _file_of(path: Path, name: str, relation: Relation, *, alone: bool) -> Path | None:
    """The file a relation stands in: the source itself (whose name does not count for a relation that is alone), or
    the one of its folder that bears its name.
    """
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


def _read(files: Files, file: Path, name: str, relation: Relation, pick: Pick) -> Columns | None:
    suffix, target, connection = file.suffix.lower(), quoted(f"raw_{name}"), files.connection
    if suffix in _TEXT:
        connection.execute(f"CREATE VIEW {target} AS SELECT * FROM {_csv(files.spec, file, relation)}")
        return ()
    if suffix == ".parquet":
        return _copied(connection, name, f"read_parquet({literal(file)})", pick)
    if suffix in _EXCEL:
        return _read_sheet(connection, file, name, relation)
    return _read_database(connection, file, name, relation, pick)


def _csv(spec: SourceSpec, file: Path, relation: Relation) -> str:
    """SQL: the rows of a text file. What has tabs in its heading is separated by tabs, whatever its name."""
    with file.open("rb") as opened:
        heading = opened.readline(1_000_000)
    delimiter = spec.delimiter or ("\t" if file.suffix.lower() == ".tsv" or b"\t" in heading else "")
    given = f", delim = {literal(delimiter)}" if delimiter else ""
    given += "" if relation.quote else ", quote = '', escape = ''"
    return f"""read_csv({literal(file)}, header = true, all_varchar = true, encoding = {literal(spec.encoding)},
        nullstr = [{nothing_sql(spec)}]{given})"""


def _copied(connection: duckdb.DuckDBPyConnection, name: str, source: str, pick: Pick) -> Columns:
    """``raw_<name>``: (part of) a table of DuckDB as text, lists as their elements separated by spaces."""
    texts = {}
    for column, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall():
        listed = f"array_to_string({quoted(column)}, ' ')"
        texts[column] = listed if kind.endswith("[]") else f"CAST({quoted(column)} AS VARCHAR)"
    taken = pick.of(texts)
    columns = ", ".join(f"{texts[one]} AS {quoted(one)}" for one in taken)
    values = ", ".join(map(literal, pick.values)) or "NULL"
    where = f"WHERE {texts[pick.condition(texts)]} IN ({values})" if pick.where else ""
    connection.execute(f"CREATE TABLE {quoted(f'raw_{name}')} AS SELECT {columns} FROM {source} {where}")
    return tuple(one for one in texts if one not in taken)


def _read_database(
    connection: duckdb.DuckDBPyConnection, file: Path, name: str, relation: Relation, pick: Pick
) -> Columns | None:
    with file.open("rb") as opened:
        begin = opened.read(16)
    if not begin.startswith(b"SQLite format 3"):
        return _read_duckdb(connection, file, name, (relation.table or name).casefold(), pick)
    address = f"{file.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        with of_sqlite_file(lambda: sqlite3.connect(address, uri=True)) as tables:
            return tables.copy(connection, name, relation, pick)
    except OncofedError as error:
        raise ValueError(error.code) from error


def _read_duckdb(
    connection: duckdb.DuckDBPyConnection, file: Path, name: str, wanted: str, pick: Pick
) -> Columns | None:
    connection.execute(f"ATTACH {literal(file)} AS clinic (READ_ONLY)")
    try:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = 'clinic'"
        ).fetchall()
        there = next(((schema, one) for schema, one in tables if one.casefold() == wanted), None)
        if there is None:
            return None
        source = f"clinic.{quoted(there[0])}.{quoted(there[1])}"
        return _copied(connection, name, source, pick)
    finally:
        connection.execute("DETACH clinic")


def _read_sheet(connection: duckdb.DuckDBPyConnection, file: Path, name: str, relation: Relation) -> Columns | None:
    with zipfile.ZipFile(file) as archive:
        if sum(member.file_size for member in archive.infolist()) > _LARGEST_WORKBOOK:
            raise ValueError("the workbook is too large")
    workbook = openpyxl.load_workbook(file, read_only=True, data_only=True)
    try:
        wanted = (relation.sheet or name).casefold()
        titles = {title.casefold(): title for title in workbook.sheetnames}
        if wanted not in titles and (relation.sheet or len(titles) > 1):
            return None
        sheet = workbook[titles.get(wanted, workbook.sheetnames[0])]
        rows = sheet.iter_rows(values_only=True)
        heading = [str(cell).strip() if cell is not None else "" for cell in next(rows, ())]
        places = [place for place, title in enumerate(heading) if title]
        cells = ([row[place] if place < len(row) else None for place in places] for row in rows)
        filled = (row for row in cells if any(cell is not None for cell in row))
        fill_texts(connection, f"raw_{name}", [heading[place] for place in places], filled)
        return ()
    finally:
        workbook.close()
