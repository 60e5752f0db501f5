"""The records of releases as this node made them once, kept by release digest: a cube is never made a second time.

Another cube of the same release would be a second look at the same patients. What is kept is what was published, so
that the node answers from the very numbers the hub has.
"""

import sqlite3
from functools import lru_cache
from pathlib import Path

from oncofed.contracts.catalogue import DatasetClass, Marginal, ReleaseRecord

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS record (
    digest TEXT NOT NULL, class TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (digest, class)
) STRICT;
CREATE TABLE IF NOT EXISTS marginal (
    digest TEXT NOT NULL, criteria TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (digest, criteria)
) STRICT;
"""
_REMEMBERED = 64


class Cubes:
    """The records in the file ``path``. One thread at a time; several processes may use it."""

    def __init__(self, path: Path | str) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._database.executescript(_SCHEMA)
        self.marginal = lru_cache(maxsize=_REMEMBERED)(self._marginal)
        """From the protected cube of a release: the marginal over exactly these criteria, or None."""

    def record(self, digest: str, dataset_class: DatasetClass) -> ReleaseRecord | None:
        """The record made of that release when its dataset was of that class."""
        row = self._database.execute(
            "SELECT body FROM record WHERE digest = ? AND class = ?", (digest, dataset_class.value)
        ).fetchone()
        return ReleaseRecord.model_validate_json(row[0]) if row else None

    def keep(self, record: ReleaseRecord) -> None:
        """Keep a record for good; one that is kept already stays."""
        key = (record.digest, record.dataset.dataset_class.value)
        marginals = [one for one in (record.cube.population, *record.cube.marginals) if one is not None]
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute("INSERT OR IGNORE INTO record VALUES (?, ?, ?)", (*key, record.canonical_bytes()))
        if record.dataset.dataset_class is DatasetClass.PROTECTED:
            self._database.executemany(
                "INSERT OR IGNORE INTO marginal VALUES (?, ?, ?)",
                [(record.digest, _name(one.criteria), one.canonical_bytes()) for one in marginals],
            )
        self._database.execute("COMMIT")
        self.marginal.cache_clear()

    def _marginal(self, digest: str, criteria: frozenset[str]) -> Marginal | None:
        row = self._database.execute(
            "SELECT body FROM marginal WHERE digest = ? AND criteria = ?", (digest, _name(criteria))
        ).fetchone()
        return Marginal.model_validate_json(row[0]) if row else None

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _name(criteria: frozenset[str] | tuple[str, ...]) -> str:
    return "+".join(sorted(criteria))
