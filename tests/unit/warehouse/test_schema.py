"""The tables are those of the published model, and they can be made."""

import json
from pathlib import Path

import duckdb
import pytest

from oncofed.warehouse.schema import TABLES

OURS = {
    ("patient", "species"),
    ("imaging_study", "age_at_imaging"),
    ("imaging_series", "derived_body_part_code"),
    ("derived_object", "study_uid"),
    ("derived_object", "annotator_count"),
    ("derived_object", "annotator_type"),
}
"""Columns the model lacks; the module says why each stands here."""

TYPES = {
    "text": "VARCHAR",
    "text pk": "VARCHAR",
    "char(2)": "VARCHAR",
    "char(64)": "VARCHAR",
    "pk": "VARCHAR",
    "int": "INTEGER",
    "smallint": "SMALLINT",
    "bigint": "BIGINT",
    "bigint pk": "BIGINT",
    "real": "REAL",
    "double precision": "DOUBLE",
    "numeric": "DOUBLE",
    "numeric(4,1)": "DECIMAL(4,1)",
    "bool": "BOOLEAN",
    "timestamptz": "TIMESTAMPTZ",
    "text[]": "VARCHAR[]",
    "jsonb": "JSON",
    "bytea pk": "BLOB",
}


def published(shared: Path) -> dict[str, dict[str, str]]:
    model = json.loads((shared / "facts/data-model/minimal_cancer_imaging_cdm.json").read_text())
    tables: dict[str, dict[str, str]] = {}
    for name, columns in model["tables"].items():
        table = tables.setdefault(name.split(" ")[0], {})
        for column in columns:
            names, kinds = column["column"].split(","), column["type"].split(",")
            if column["type"] == "numeric(4,1)":
                kinds = [column["type"]]
            for place, one in enumerate(names):
                table[one] = kinds[min(place, len(kinds) - 1)]
    return tables


def test_tables_and_columns_are_those_of_the_model(shared: Path) -> None:
    model = published(shared)
    assert set(TABLES) == set(model)
    for name, columns in model.items():
        ours = {column.name: column.type for column in TABLES[name].columns}
        added = {column for column in set(ours) - set(columns) if column != "dataset_id"}
        assert {(name, column) for column in added} <= OURS
        assert set(columns) <= set(ours)
        for column, kind in columns.items():
            if kind != "fk":
                assert ours[column] == TYPES[kind], (name, column)


def test_every_table_of_patients_says_which_dataset_its_rows_belong_to() -> None:
    for table in TABLES.values():
        if table.patients:
            assert table.key[0] == "dataset_id"


def test_identifiers_are_marked_for_pseudonyms() -> None:
    for table in TABLES.values():
        for column in table.columns:
            if column.name == "patient_key":
                assert column.pseudonym == "patient"
            if column.name.endswith("_uid"):
                assert column.pseudonym == "uid", (table.name, column.name)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_can_be_made(name: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(TABLES[name].ddl())
        made = [row[0] for row in connection.execute(f"DESCRIBE {name}").fetchall()]
    assert made == [column.name for column in TABLES[name].columns]
