"""The content digest of a release: keyed, bound to the dataset and the tables' names, blind to when it was loaded.

Rows are hashed one by one (SHA-256 over their JSON form), sorted, and hashed again by table, in 256 buckets that need
not be in memory at once. It is an HMAC over all tables' counts and hashes: it can be published without
letting anyone test a guess about the rows.
"""

import hashlib

import duckdb

from oncofed.contracts.base import canonical_json
from oncofed.trust.pseudonyms import Pseudonyms
from oncofed.warehouse.schema import TABLES, Table

_MANY_ROWS = 3_000_000
_PARTS = ("0123", "4567", "89ab", "cdef")
"""Tables with more rows are hashed in four passes by the first digit of their bucket: a quarter of the memory."""


def content_digests(
    connection: duckdb.DuckDBPyConnection, pseudonyms: Pseudonyms, schema: str = "main", only: str | None = None
) -> dict[str, str]:
    """Digest of every dataset in the shard (or of ``only`` that one), by dataset id."""
    tables = [table for table in TABLES.values() if table.patients]
    hashes = {table.name: _table_hashes(connection, table, schema, only) for table in tables}
    rows = connection.execute(f"SELECT dataset_id FROM {schema}.dataset ORDER BY dataset_id").fetchall()
    return {
        dataset: pseudonyms.content(
            canonical_json([dataset, [[t.name, _columns(t), *hashes[t.name].get(dataset, (0, ""))] for t in tables]])
        )
        for (dataset,) in rows
        if only in (None, dataset)
    }


def _columns(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.name != "dataset_id"]


def _table_hashes(
    connection: duckdb.DuckDBPyConnection, table: Table, schema: str, only: str | None
) -> dict[str, tuple[int, str]]:
    """Number of rows and hash of their contents in one table, by dataset."""
    ((rows,),) = connection.execute(f"SELECT count(*) FROM {schema}.{table.name}").fetchall()
    passes = _PARTS if rows > _MANY_ROWS else ("".join(_PARTS),)
    buckets: dict[str, list[tuple[str, int, str]]] = {}
    for part in passes:
        for dataset, bucket, count, digest in _bucket_hashes(connection, table, schema, (only, part)):
            buckets.setdefault(dataset, []).append((bucket, count, digest))
    return {
        dataset: (
            sum(count for _, count, _ in found),
            hashlib.sha256("".join(prefix + digest for prefix, _, digest in sorted(found)).encode()).hexdigest(),
        )
        for dataset, found in buckets.items()
    }


def _bucket_hashes(
    connection: duckdb.DuckDBPyConnection, table: Table, schema: str, narrowed: tuple[str | None, str]
) -> list[tuple[str, str, int, str]]:
    """Dataset, bucket, number of rows and hash of the buckets whose name begins with one of the digits given."""
    spread = next(column.name for column in table.columns if column.name != "dataset_id")
    statement = f"""
        WITH placed AS (SELECT *, md5(CAST({spread} AS VARCHAR))[1:2] AS bucket FROM {schema}.{table.name}
                        WHERE coalesce(dataset_id = $1, TRUE)),
             hashed AS (SELECT dataset_id, bucket,
                               sha256(CAST(json_array({", ".join(_columns(table))}) AS VARCHAR)) AS hash
                        FROM placed WHERE contains($2, bucket[1:1]))
        SELECT dataset_id, bucket, count(*), sha256(string_agg(hash, '' ORDER BY hash))
        FROM hashed GROUP BY dataset_id, bucket"""
    return connection.execute(statement, list(narrowed)).fetchall()
