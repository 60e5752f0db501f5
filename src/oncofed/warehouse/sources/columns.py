"""Columns of Python values on their way into DuckDB, by way of Arrow (many times faster than parameters)."""

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa


def append_rows(connection: duckdb.DuckDBPyConnection, table: str, *columns: Sequence[object]) -> None:
    """Insert rows given as equally long columns, in the order of the table's columns."""
    append_arrow(connection, table, pa.table(list(columns), names=[f"c{number}" for number in range(len(columns))]))


def append_arrow(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Insert an Arrow table whose columns are the target's, in order."""
    connection.from_arrow(rows).insert_into(table)


def column_values(connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object] = ()) -> list[Any]:
    """The first column of a query's result as Python values (without the tuples that ``fetchall`` would make)."""
    values: list[Any] = connection.sql(query, params=list(parameters)).to_arrow_table().column(0).to_pylist()
    return values
