"""Columns of Python values on their way into DuckDB.

Arrow arrays of text are made by its builder: ``pyarrow.array`` would import pandas first, two seconds for nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
from pyarrow.lib import StringBuilder

from oncofed.warehouse.schema import Table


def append_texts(connection: duckdb.DuckDBPyConnection, table: str, *columns: Sequence[str]) -> None:
    """Insert rows of text given as equally long columns, in the order of the table's columns; any number of them."""
    arrays = []
    for column in columns:
        builder = StringBuilder()
        builder.append_values(column)
        arrays.append(builder.finish())
    names = [f"c{number}" for number in range(len(columns))]
    append_arrow(connection, table, pa.Table.from_arrays(arrays, names=names))


def append_arrow(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Insert an Arrow table whose columns are the target's, in order."""
    connection.from_arrow(rows).insert_into(table)


def append_rows(connection: duckdb.DuckDBPyConnection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows of a table of the model given by column; what a row lacks is null. For thousands, not millions."""
    given = list(rows)
    columns = [[row.get(column.name) for row in given] for column in table.columns]
    values = ", ".join(f"unnest(${place}::{column.type}[])" for place, column in enumerate(table.columns, start=1))
    connection.execute(f"INSERT INTO {table.name} SELECT {values}", columns)


def column_values(connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object] = ()) -> list[Any]:
    """The first column of a query's result as Python values (without the tuples that ``fetchall`` would make)."""
    values: list[Any] = connection.sql(query, params=list(parameters)).to_arrow_table().column(0).to_pylist()
    return values
