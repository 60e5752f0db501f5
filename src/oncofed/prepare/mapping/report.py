"""What came of a mapping: counts by finding for everybody, rows and values for the data manager only.

The report itself (``mapping-report.json``, the terminal) never holds a value of a patient's row. The row numbers and
the values that no code map knows stand in two files beside it that only the data manager can read (mode 0600).
"""

import csv
import json
import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

REPORT = "mapping-report.json"
ROWS = "mapping-rows.tsv"
VALUES = "mapping-values.tsv"
"""The name ends in .tsv because whatever reads the tables passes over it."""


class Finding(BaseModel):
    """Something to look at: ``rows`` rows of ``relation`` have it in ``column`` on the way to ``target``."""

    model_config = ConfigDict(frozen=True)

    code: str
    relation: str = ""
    column: str = ""
    target: str = ""
    rows: int = 0


class RelationRead(BaseModel):
    """One relation of the source: its rows, and the columns no rule uses and the mapping does not name as ignored."""

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int
    unused: tuple[str, ...] = ()


class MappingReport(BaseModel):
    """The outcome. ``tables``: rows written per table (in a dry run: that would be)."""

    model_config = ConfigDict(frozen=True)

    mapping: str
    version: str
    shape: str
    dry_run: bool
    relations: tuple[RelationRead, ...]
    tables: dict[str, int]
    findings: tuple[Finding, ...]
    rows_in: int
    rows_out: int
    rows_rejected: int
    seconds: float

    def rows_with(self, code: str) -> int:
        """How many rows have findings of this code, over all columns."""
        return sum(finding.rows for finding in self.findings if finding.code == code)


class PrivateDetail(BaseModel):
    """What only the data manager sees: (finding, row number) and (finding, value, rows)."""

    rows: list[tuple[Finding, int]] = []
    values: list[tuple[Finding, str, int]] = []


def write_report(report: MappingReport, detail: PrivateDetail, directory: Path) -> None:
    """Write the report and its two private files; each appears complete or not at all."""
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.model_dump(mode="json"), ensure_ascii=False, indent=1)
    _write(directory / REPORT, [text + "\n"])
    heading = ("code", "relation", "column", "target")
    _write_table(
        directory / ROWS,
        (*heading, "row"),
        ((f.code, f.relation, f.column, f.target, str(row)) for f, row in detail.rows),
    )
    _write_table(
        directory / VALUES,
        (*heading, "value", "rows"),
        ((f.code, f.relation, f.column, f.target, value, str(rows)) for f, value, rows in detail.values),
    )


def _write_table(path: Path, heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    class _Lines(list[str]):
        def write(self, line: str) -> None:
            self.append(line)

    lines = _Lines()
    table = csv.writer(lines, delimiter="\t", lineterminator="\n")
    table.writerow(heading)
    table.writerows(rows)
    _write(path, lines)


def _write(path: Path, lines: Iterable[str]) -> None:
    """A private file, by way of a temporary one."""
    staged = path.with_name(f".{path.name}.part")
    with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.writelines(lines)
    staged.replace(path)
