"""The content digest of a release: keyed, bound to the dataset and the tables' names, blind to when it was loaded.

Rows are hashed one by one (SHA-256 over their JSON form), sorted, and hashed again by table, in 256 buckets so that no
single string grows with the data. The digest is an HMAC over all tables' counts and hashes: it can be published without
letting anyone test a guess about the rows.
"""

import duckdb

from oncofed.contracts.base import canonical_json
from oncofed.trust.pseudonyms import Pseudonyms
from oncofed.warehouse.schema import TABLES, Table


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
    statement = f"""
        WITH hashed AS (SELECT dataset_id, sha256(CAST(json_array({", ".join(_columns(table))}) AS VARCHAR)) AS hash
                        FROM {schema}.{table.name} WHERE coalesce(dataset_id = $1, TRUE)),
             bucket AS (SELECT dataset_id, hash[1:2] AS prefix, count(*) AS rows,
                               sha256(string_agg(hash, '' ORDER BY hash)) AS hash
                        FROM hashed GROUP BY ALL)
        SELECT dataset_id, sum(rows)::BIGINT, sha256(string_agg(prefix || hash, '' ORDER BY prefix))
        FROM bucket GROUP BY dataset_id"""
    return {dataset: (rows, digest) for dataset, rows, digest in connection.execute(statement, [only]).fetchall()}
