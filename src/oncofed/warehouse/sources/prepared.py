"""Source ``prepared``: what a preparation run has made of images and clinical data, already under pseudonyms.

``RUN/tables`` holds the common data model, one Parquet file a table; nothing in it is replaced on the way in. The
images themselves stay where they are: a warehouse holds what may be searched.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from oncofed.contracts.catalogue import DatasetRecord
from oncofed.contracts.errors import BadInput
from oncofed.trust.pseudonyms import Pseudonyms
from oncofed.warehouse.sources.base import Filling, SourceReport
from oncofed.warehouse.sources.tables import TablesSource

TABLES_FOLDER = "tables"
SEAL = "prepared.json"
"""Beside the tables, written when all of them are there."""


class Unchanged(Pseudonyms):
    """Leaves identifiers as they are, because they are pseudonyms already."""

    def __init__(self) -> None:
        super().__init__(bytes(32))

    def patient(self, patient_id: str, issuer: str = "") -> str:
        """The same."""
        return patient_id

    def uid(self, uid: str) -> str:
        """The same."""
        return uid

    def uids(self, uids: Iterable[str]) -> list[str]:
        """The same."""
        return list(uids)


@dataclass(frozen=True)
class PreparedSource:
    """The run in ``path`` as the dataset ``record`` describes."""

    path: Path
    record: DatasetRecord

    name = "prepared"
    mapping_version = "1"
    issuer = ""

    def fill(self, filling: Filling) -> SourceReport:
        """Insert the tables of the run; ``BadInput(source-unreadable)`` where the run has none that are complete."""
        tables = self.path / TABLES_FOLDER
        if not (tables / SEAL).is_file():
            raise BadInput("source-unreadable", "the run has no tables yet; `oncofed prepare index` makes them")
        return TablesSource(tables, self.record).fill(replace(filling, pseudonyms=Unchanged()))
