"""What every shard must satisfy before it is released: unique keys, rows that refer to something, closed vocabularies.

A violation is ``BadInput`` ``table-invalid`` naming table, column and number of rows, never a value.
"""

import duckdb

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import BadInput
from oncofed.contracts.vocabulary import domain
from oncofed.warehouse.extraction import extractions
from oncofed.warehouse.schema import TABLES

_REFERENCES = (
    ("patient", "dataset_id", "dataset", "dataset_id"),
    ("cancer_condition", "patient_key", "patient", "patient_key"),
    ("cancer_stage", "condition_id", "cancer_condition", "condition_id"),
    ("observation", "patient_key", "patient", "patient_key"),
    ("treatment", "condition_id", "cancer_condition", "condition_id"),
    ("outcome", "patient_key", "patient", "patient_key"),
    ("imaging_study", "patient_key", "patient", "patient_key"),
    ("imaging_series", "study_uid", "imaging_study", "study_uid"),
    ("derived_object", "study_uid", "imaging_study", "study_uid"),
)
"""(table, column, table referred to, column there); always within one dataset."""


def check_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Raise at the first rule a table breaks."""
    _check_keys(connection)
    _check_references(connection)
    _check_vocabularies(connection)


def _refuse(table: str, column: str, rows: int, why: str) -> None:
    if rows:
        raise BadInput("table-invalid", f"table {table}, column {column}: {rows} rows {why}")


def _check_keys(connection: duckdb.DuckDBPyConnection) -> None:
    for table in TABLES.values():
        if not table.patients or len(table.key) < 2:
            continue
        key = ", ".join(table.key)
        ((repeated,),) = connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table.name} GROUP BY {key} HAVING count(*) > 1)"
        ).fetchall()
        _refuse(table.name, table.key[-1], repeated, "repeat a key")
    ((bad,),) = connection.execute(
        "SELECT count(*) FROM patient WHERE NOT regexp_full_match(patient_key, '[0-9a-f]{32}')"
    ).fetchall()
    _refuse("patient", "patient_key", bad, "hold no pseudonym")


def _check_references(connection: duckdb.DuckDBPyConnection) -> None:
    for table, column, target, there in _REFERENCES:
        same = "" if target == "dataset" else " AND a.dataset_id = b.dataset_id"
        ((lost,),) = connection.execute(
            f"SELECT count(*) FROM {table} a ANTI JOIN {target} b ON a.{column} = b.{there}{same}"
        ).fetchall()
        _refuse(table, column, lost, f"refer to no row of {target}")


def _check_vocabularies(connection: duckdb.DuckDBPyConnection) -> None:
    coded = [found for name, found in extractions().items() if CRITERIA[name].bands is None]
    cells = " UNION ALL ".join(
        f"SELECT '{found.criterion}' AS criterion, {found.cell} AS code FROM {found.table}"
        f" WHERE {found.where or 'TRUE'}"
        for found in coded
    )
    known = [(found.criterion, code) for found in coded for code in domain(found.criterion)]
    rows = connection.execute(
        f"""WITH present AS (SELECT criterion, code, count(*) AS rows FROM ({cells})
                             WHERE code IS NOT NULL GROUP BY ALL),
                 known AS (SELECT unnest($1::VARCHAR[]) AS criterion, unnest($2::VARCHAR[]) AS code)
            SELECT criterion, sum(rows)::BIGINT FROM present ANTI JOIN known USING (criterion, code)
            GROUP BY criterion ORDER BY criterion""",
        [[criterion for criterion, _ in known], [code for _, code in known]],
    ).fetchall()
    for criterion, strange in rows:
        found = extractions()[criterion]
        _refuse(found.table, found.cell, strange, f"hold no code of the vocabulary of {criterion}")
