"""What every reader gives: tables of text in DuckDB, and what of the source it did not read."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import NoneType

import duckdb
import pyarrow as pa

from oncofed.contracts.errors import BadInput
from oncofed.prepare.mapping.expressions import quoted
from oncofed.warehouse.sources.columns import append_texts

_BATCH = 50_000
_EXACT = 2**53
"""From here on a floating-point number is not exactly one whole number."""


@dataclass
class Raw:
    """The relations a source has: relation → name of its table of text in DuckDB."""

    tables: dict[str, str] = field(default_factory=dict)
    unread: dict[str, int] = field(default_factory=dict)
    """Kind of thing in the source (a FHIR resource type) that nothing reads → how many."""
    left: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Relation → its columns that were left in the database, as the mapping does not name them."""


@dataclass(frozen=True)
class Pick:
    """The part of a relation to read: of its columns those named (folded), of its rows those with these values."""

    columns: frozenset[str] | None = None
    """None: all."""
    where: str = ""
    values: tuple[str, ...] = ()

    def of(self, columns: Iterable[str]) -> list[str]:
        """Those of a relation's columns that are read: one at least, so that its rows can be counted."""
        there = list(columns)
        return [one for one in there if self.columns is None or one.casefold() in self.columns] or there[:1]

    def condition(self, columns: Iterable[str]) -> str:
        """The column that must have one of the values. Raises ``BadInput`` ``mapping-column-unknown``."""
        for one in columns:
            if one.casefold() == self.where:
                return one
        raise BadInput("mapping-column-unknown", f"there is no column “{self.where}”")


EVERYTHING = Pick()


def cell_text(cell: object) -> str:
    """A cell as text: dates in ISO form, whole numbers without a point, "" for nothing; ``ValueError`` for bytes."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == datetime.min.time() else cell.isoformat(sep=" ")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float | Decimal):
        return str(int(cell)) if math.isfinite(cell) and -_EXACT < cell == int(cell) < _EXACT else str(cell)
    if isinstance(cell, list):
        return " ".join(cell_text(one) for one in cell)
    if isinstance(cell, bytes | bytearray | memoryview):
        return bytes(cell).decode("utf-8")
    return str(cell)


def create_texts(connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]) -> None:
    """An empty table of text. Raises ``ValueError`` if there is no column, or one twice."""
    if len({column.casefold() for column in columns}) < len(columns) or not columns:
        raise ValueError("the heading names a column twice, or none")
    connection.execute(f"CREATE TABLE {quoted(table)} ({', '.join(f'{quoted(one)} VARCHAR' for one in columns)})")


def is_view(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether a relation that was read is a view of its file, to be read when it is used."""
    query = "SELECT 1 FROM duckdb_views() WHERE NOT internal AND view_name = $1"
    return bool(connection.execute(query, [table]).fetchall())


def drop(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Drop a relation that was read."""
    connection.execute(f"DROP {'VIEW' if is_view(connection, table) else 'TABLE'} {quoted(table)}")


def fill_texts(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """A table of text from rows of cells, in batches."""
    create_texts(connection, table, columns)
    batch: list[Sequence[object]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            insert_cells(connection, table, batch)
            batch = []
    insert_cells(connection, table, batch)


def insert_cells(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[object]]) -> None:
    """Insert equally long rows of cells as text. Raises ``ValueError`` for cells that are none."""
    if not rows:
        return
    try:
        append_texts(connection, table, *(_texts(column) for column in zip(*rows, strict=True)))
    except (pa.ArrowInvalid, UnicodeError) as error:
        raise ValueError("a cell holds no valid text") from error


def _texts(cells: Sequence[object]) -> Sequence[str]:
    """A column as text; most columns are text or whole numbers throughout, and then it is done at once."""
    kinds = set(map(type, cells))
    if kinds == {str}:
        return cells  # type: ignore[return-value]  # just looked at
    if kinds == {int}:
        return list(map(str, cells))
    if kinds == {str, NoneType}:
        return ["" if one is None else str(one) for one in cells]
    return [cell_text(cell) for cell in cells]
