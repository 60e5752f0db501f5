"""What every shard must satisfy before it is released: unique keys, rows that refer to something, closed vocabularies.

A violation is ``BadInput`` ``table-invalid`` naming table, column and number of rows, never a value.
"""

import duckdb

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import BadInput
from oncofed.contracts.vocabulary import domain
from oncofed.warehouse.extraction import Extraction, extractions
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
    for extraction in extractions().values():
        if CRITERIA[extraction.criterion].bands is None:
            _check_vocabulary(connection, extraction)


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


def _check_vocabulary(connection: duckdb.DuckDBPyConnection, extraction: Extraction) -> None:
    ((strange,),) = connection.execute(
        f"SELECT count(*) FROM {extraction.table} WHERE {extraction.where or 'TRUE'} AND {extraction.cell} IS NOT NULL"
        f" AND {extraction.cell} NOT IN (SELECT unnest($1::VARCHAR[]))",
        [list(domain(extraction.criterion))],
    ).fetchall()
    column = extraction.cell
    _refuse(extraction.table, column, strange, f"hold no code of the vocabulary of {extraction.criterion}")
