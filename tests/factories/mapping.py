"""Sources and mappings for the tests of clinical mapping, and what came of them."""

from pathlib import Path
from typing import Any

import duckdb

from oncofed.prepare.mapping import MappingReport

HEADER = """
mapping: oncofed/1
name: tested
version: "1"
title: A mapping under test
patient: pid
"""

PATIENTS = """
source:
  format: csv
  relations:
    people: {file: "people.csv"}
tables:
  patient:
    - from: people
      columns: {species: {value: human}}
"""


def write_mapping(folder: Path, text: str, name: str = "tested.yaml", *, header: str = HEADER) -> Path:
    """A mapping file in a folder."""
    path = folder / name
    path.write_text(header + text, encoding="utf-8")
    return path


def write_csv(folder: Path, name: str, text: str) -> Path:
    """``name``.csv with the lines of ``text`` (indentation does not count)."""
    path = folder / f"{name}.csv"
    path.write_text("\n".join(line.strip() for line in text.strip().splitlines()) + "\n", encoding="utf-8")
    return path


def rows(folder: Path, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Rows of a mapped table, sorted; all columns but the numbers the engine gives, or those named."""
    file = folder / f"{table}.parquet"
    if not file.exists():
        return []
    with duckdb.connect() as connection:
        described = connection.execute(f"DESCRIBE FROM '{file}'").fetchall()
        numbers = ("condition_id", "stage_id", "observation_id", "treatment_id")
        names = columns or tuple(name for name, *_ in described if name not in numbers)
        return sorted(connection.execute(f"SELECT {', '.join(names)} FROM '{file}'").fetchall(), key=str)


def counted(report: MappingReport) -> dict[tuple[str, str, str], int]:
    """Findings as (code, column, target) → rows."""
    return {(one.code, one.column, one.target): one.rows for one in report.findings}
