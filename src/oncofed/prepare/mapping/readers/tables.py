"""Tables in files: CSV and REDCap exports, Excel sheets, Parquet, SQLite and DuckDB databases, OMOP exports of these.

A source is a file, or a folder whose files are its relations. Nothing is written to it: databases are opened read-only.
"""
# ruff: noqa: S608  (names and constants are quoted)

import codecs
import lzma
import shutil
import sqlite3
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

import duckdb
import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from oncofed.contracts.errors import BadInput, OncofedError
from oncofed.prepare.mapping.expressions import literal, quoted
from oncofed.prepare.mapping.readers.database import of_sqlite_file
from oncofed.prepare.mapping.readers.raw import EVERYTHING, Pick, fill_texts
from oncofed.prepare.mapping.spec import Relation, SourceSpec

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
_PART = 1 << 20
_UNTITLED = "column "
_ROWS_LOOKED_AT = 20
_MOST_COLUMNS = 2_000
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
        except _BROKEN as error:
            raise BadInput("source-unreadable", _why(self.spec, file, name)) from error


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


def _why(spec: SourceSpec, file: Path, name: str) -> str:
    if file.suffix.lower() in _TEXT and (found := encoding_of(file)) != spec.encoding:
        return f"{file.name} is not written in {spec.encoding}; it seems to be {found}: say `encoding: {found}`"
    return f"{file.name} cannot be read as relation {name}"


def encoding_of(file: Path) -> str:
    """How a text file seems to be written: UTF-16 by its mark, UTF-8 if all of it is, else as Windows does."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with file.open("rb") as opened:
        begin = opened.read(2)
        if begin in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        opened.seek(0)
        try:
            while part := opened.read(_PART):
                decoder.decode(part)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "windows-1252"
    return "utf-8"


def _read(files: Files, file: Path, name: str, relation: Relation, pick: Pick) -> Columns | None:
    suffix, target, connection = file.suffix.lower(), quoted(f"raw_{name}"), files.connection
    if suffix in _TEXT and files.spec.encoding == "windows-1252":
        with _in_utf8(connection, file) as copy:
            connection.execute(f"CREATE TABLE {target} AS SELECT * FROM {_csv(files.spec, copy, relation)}")
        return ()
    if suffix in _TEXT:
        connection.execute(f"CREATE VIEW {target} AS SELECT * FROM {_csv(files.spec, file, relation)}")
        return ()
    if suffix == ".parquet":
        return _copied(connection, name, f"read_parquet({literal(file)})", pick)
    if suffix in _EXCEL:
        return _read_sheet(connection, file, name, relation)
    return _read_database(connection, file, name, relation, pick)


@contextmanager
def _in_utf8(connection: duckdb.DuckDBPyConnection, file: Path) -> Iterator[Path]:
    """A copy in UTF-8 of a file in Windows-1252, which DuckDB does not read; beside what DuckDB spills, then gone."""
    ((spill,),) = connection.execute("SELECT current_setting('temp_directory')").fetchall()
    beside = Path(spill or "").parent
    with tempfile.TemporaryDirectory(dir=beside if beside.is_absolute() and beside.is_dir() else None) as place:
        copy = Path(place) / file.name
        with file.open(encoding="cp1252", newline="") as given, copy.open("w", encoding="utf-8", newline="") as made:
            shutil.copyfileobj(given, made, _PART)
        yield copy


def _csv(spec: SourceSpec, file: Path, relation: Relation) -> str:
    """SQL: the rows of a text file. What has tabs in its heading is separated by tabs, whatever its name."""
    with file.open("rb") as opened:
        for _ in range(relation.header):
            heading = opened.readline(1_000_000)
    delimiter = spec.delimiter or ("\t" if file.suffix.lower() == ".tsv" or b"\t" in heading else "")
    given = f", delim = {literal(delimiter)}" if delimiter else ""
    given += "" if relation.quote else ", quote = '', escape = ''"
    given += f", skip = {relation.header - 1}" if relation.header > 1 else ""
    encoding = "utf-8" if spec.encoding == "windows-1252" else spec.encoding
    return f"""read_csv({literal(file)}, header = true, all_varchar = true, encoding = {literal(encoding)},
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
        rows = islice(sheet.iter_rows(values_only=True), relation.header - 1, None)
        heading = next(rows, ())
        width = max(len(heading), min(sheet.max_column or 0, _MOST_COLUMNS))
        titles_of_columns = _titles((*heading, *(None,) * (width - len(heading))))
        cells = ((*row, *(None,) * (width - len(row)))[:width] for row in rows)
        fill_texts(connection, f"raw_{name}", titles_of_columns, cells)
        _drop_empty(connection, f"raw_{name}", titles_of_columns)
        return ()
    finally:
        workbook.close()


def _titles(cells: Sequence[object]) -> list[str]:
    """A sheet's heading: a column without a title is called by its letter, the second of one title ``title_1``."""
    titles: list[str] = []
    for place, cell in enumerate(cells, start=1):
        title = str(cell).strip() if cell is not None else ""
        title = title or f"{_UNTITLED}{get_column_letter(place)}"
        same = sum(one.casefold() == title.casefold() for one in titles)
        titles.append(f"{title}_{same}" if same else title)
    return titles


def _drop_empty(connection: duckdb.DuckDBPyConnection, table: str, titles: Sequence[str]) -> None:
    """Leave out columns that have neither a title nor any cell."""
    for title in titles:
        if not title.startswith(_UNTITLED):
            continue
        found = connection.execute(f"SELECT 1 FROM {quoted(table)} WHERE {quoted(title)} <> '' LIMIT 1").fetchall()
        if not found:
            connection.execute(f"ALTER TABLE {quoted(table)} DROP COLUMN {quoted(title)}")


def heading_rows(file: Path) -> dict[str, int]:
    """Sheet → the row that looks like its heading: of the first twenty the first with the most different texts."""
    workbook = openpyxl.load_workbook(file, read_only=True, data_only=True)
    try:
        found = {}
        for sheet in workbook.worksheets:
            rows = islice(sheet.iter_rows(values_only=True), _ROWS_LOOKED_AT)
            texts = [len({cell for cell in row if isinstance(cell, str)}) for row in rows]
            if len(texts) > 1:
                found[sheet.title] = 1 + texts.index(max(texts))
        return found
    finally:
        workbook.close()
