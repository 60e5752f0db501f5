"""What every data source is to the warehouse: a thing that fills the tables of an empty shard."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import duckdb

from oncofed.contracts.catalogue import DatasetRecord
from oncofed.trust.pseudonyms import Pseudonyms

Progress = Callable[[str], None]
"""Told in a few words what is being done; never a value of a patient's row."""


@dataclass(frozen=True)
class Filling:
    """What a source fills: the open shard, how identifiers become pseudonyms, whom to tell."""

    connection: duckdb.DuckDBPyConnection
    pseudonyms: Pseudonyms
    progress: Progress


@dataclass(frozen=True)
class Draft:
    """One dataset a source has filled in: its record, and the criteria it can record at all."""

    dataset: DatasetRecord
    supports: tuple[str, ...]


@dataclass(frozen=True)
class SourceReport:
    """What came of reading a source. ``problems``: error code → where (paths relative to the source, at most 100)."""

    drafts: tuple[Draft, ...]
    rows_in: int
    rows_rejected: int = 0
    problems: dict[str, tuple[str, ...]] = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)
    """Counts worth knowing about the source, such as patients that stand in two datasets. Node-private."""


class Source(Protocol):
    """Fills the patients' tables; ids of people and objects only through ``filling.pseudonyms``.

    Raises ``BadInput`` for a source that cannot be used as it is; then nothing is loaded.
    """

    name: str
    mapping_version: str
    """Changes whenever the same input would give other rows."""

    def fill(self, filling: Filling) -> SourceReport:
        """Insert rows into the tables of ``schema.TABLES`` and say which datasets they make."""
        ...
