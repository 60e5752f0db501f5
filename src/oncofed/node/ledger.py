"""The node's durable memory of what it answered: the first answer to a question is final, and every answer is charged.

One SQLite file, ``synchronous=FULL``: an entry is on the disk before its answer goes anywhere. Beside the entries stand
the results that the hub has not confirmed yet (sent again after a restart), the cubes that were published (charged by
year), and the session's epoch.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from oncofed.contracts.errors import Corrupt, Unreachable
from oncofed.contracts.exchange import LedgerEntry, Result
from oncofed.disclosure.budget import Spend
from oncofed.disclosure.ledger_chain import check, next_entry
from oncofed.disclosure.live import Question
from oncofed.trust.keys import SigningKey

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS entry (
    sequence INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, year INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS charge (
    lineage TEXT NOT NULL, year INTEGER NOT NULL, organisation TEXT NOT NULL, counts INTEGER NOT NULL,
    PRIMARY KEY (lineage, year, organisation)
) STRICT;
CREATE TABLE IF NOT EXISTS unconfirmed (
    task_id TEXT PRIMARY KEY, result TEXT NOT NULL, about TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS published (
    digest TEXT PRIMARY KEY, lineage TEXT NOT NULL, year INTEGER NOT NULL, epsilon REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS session (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL) STRICT;
"""


class Unconfirmed(NamedTuple):
    """A result on its way, and what it answers in this hospital's words."""

    result: Result
    about: dict[str, object]


class Ledger:
    """The ledger in the file ``path`` (``:memory:`` for tests). One thread at a time.

    Every method raises ``Unreachable(disk-full)`` when the disk does not take a change: then nothing was changed.
    """

    def __init__(self, path: Path | str, key: SigningKey) -> None:
        self._key = key
        self._database = sqlite3.connect(path, isolation_level=None, timeout=30)
        with _told():
            self._database.executescript(_SCHEMA)

    # ---- first answers ----------------------------------------------------------------------------------------------

    def last(self) -> LedgerEntry | None:
        """The latest entry."""
        row = self._database.execute("SELECT body FROM entry ORDER BY sequence DESC LIMIT 1").fetchone()
        return LedgerEntry.model_validate_json(row[0]) if row else None

    def find(self, question: Question) -> LedgerEntry | None:
        """The first, and so the final, answer to ``question``."""
        row = self._database.execute("SELECT body FROM entry WHERE key = ?", (question.digest,)).fetchone()
        return LedgerEntry.model_validate_json(row[0]) if row else None

    def commit(
        self, question: Question, answer: dict[str, int], *, charge: tuple[int, str, tuple[str, ...]]
    ) -> LedgerEntry:
        """File ``answer`` as final and charge it (year, organisation, lineages); a first answer stays."""
        with self._transaction():
            if known := self.find(question):
                return known
            entry = next_entry(self.last(), question, answer, charge=charge, key=self._key)
            self._insert(entry)
        return entry

    def entries(self) -> Iterator[LedgerEntry]:
        """All entries, in order."""
        for (body,) in self._database.execute("SELECT body FROM entry ORDER BY sequence"):
            yield LedgerEntry.model_validate_json(body)

    def adopt(self, entries: Sequence[LedgerEntry]) -> None:
        """Take back entries that this node had made and lost; they must have been checked to continue the chain."""
        with self._transaction():
            for entry in entries:
                self._insert(entry)

    def check(self) -> int:
        """Number of entries, if they are an unbroken chain signed by this node; else ``Corrupt(ledger-broken)``."""
        try:
            entries = list(self.entries())
        except (sqlite3.DatabaseError, ValueError) as error:
            raise Corrupt("ledger-broken", str(error)) from error
        check(entries, self._key.public)
        return len(entries)

    def _insert(self, entry: LedgerEntry) -> None:
        self._database.execute(
            "INSERT INTO entry VALUES (?, ?, ?, ?)", (entry.sequence, entry.key, entry.year, entry.model_dump_json())
        )
        self._database.executemany(
            "INSERT INTO charge VALUES (?, ?, ?, ?)"
            " ON CONFLICT (lineage, year, organisation) DO UPDATE SET counts = counts + excluded.counts",
            [(lineage, entry.year, entry.organisation, len(entry.answer)) for lineage in entry.lineages],
        )

    # ---- budgets ----------------------------------------------------------------------------------------------------

    def spent(self, year: int, lineages: Iterable[str] | None = None) -> list[Spend]:
        """What was spent in ``year``, summed per organisation and lineage; of all lineages or those named."""
        found = self._database.execute(
            "SELECT year, organisation, lineage, counts FROM charge WHERE year = ? ORDER BY lineage, organisation",
            (year,),
        )
        wanted = None if lineages is None else set(lineages)
        return [Spend(*row) for row in found if wanted is None or row[2] in wanted]

    def latest_year(self) -> int | None:
        """The latest year anything was charged to."""
        row = self._database.execute("SELECT max(year) FROM (SELECT year FROM entry UNION SELECT year FROM published)")
        return row.fetchone()[0]  # type: ignore[no-any-return]

    def publish(self, release_digest: str, *, lineage: str, year: int, epsilon: float) -> None:
        """Charge a cube that is about to be published; one that was charged before costs nothing more."""
        with self._transaction():
            self._database.execute(
                "INSERT INTO published VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (release_digest, lineage, year, epsilon),
            )

    def published(self, year: int) -> list[tuple[str, str, float]]:
        """(digest, lineage, ε) of the cubes charged to ``year``."""
        return self._database.execute(
            "SELECT digest, lineage, epsilon FROM published WHERE year = ? ORDER BY lineage", (year,)
        ).fetchall()

    def was_published(self, release_digest: str) -> bool:
        """Whether this release's cube was charged in any year."""
        return bool(self._database.execute("SELECT 1 FROM published WHERE digest = ?", (release_digest,)).fetchone())

    # ---- results not confirmed, and the session ---------------------------------------------------------------------

    def keep(self, unconfirmed: Iterable[Unconfirmed]) -> None:
        """Remember results until the hub has confirmed them.

        A power cut (not the end of the process) may lose the latest; their answers stand in the ledger all the same.
        """
        rows = [(one.result.task_id, one.result.model_dump_json(), json.dumps(one.about)) for one in unconfirmed]
        with self._transaction(durable=False):
            self._database.executemany("INSERT OR REPLACE INTO unconfirmed VALUES (?, ?, ?)", rows)

    def unconfirmed(self, limit: int) -> list[Unconfirmed]:
        """The oldest results the hub has not confirmed."""
        rows = self._database.execute("SELECT result, about FROM unconfirmed ORDER BY rowid LIMIT ?", (limit,))
        return [Unconfirmed(Result.model_validate_json(result), json.loads(about)) for result, about in rows]

    def confirm(self, task_ids: Iterable[str]) -> None:
        """The hub has these results, or has said that it will not take them."""
        with self._transaction(durable=False):
            self._database.executemany("DELETE FROM unconfirmed WHERE task_id = ?", [(one,) for one in task_ids])

    @property
    def epoch(self) -> int:
        """Epoch of the latest session; 0 before the first."""
        row = self._database.execute("SELECT epoch FROM session").fetchone()
        return int(row[0]) if row else 0

    def open_session(self, epoch: int) -> None:
        """Remember the session's epoch."""
        with self._transaction():
            self._database.execute("INSERT OR REPLACE INTO session VALUES (1, ?)", (epoch,))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def _transaction(self, *, durable: bool = True) -> Iterator[None]:
        """All or nothing; on the disk at the end if ``durable`` (else soon)."""
        with _told():
            self._database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")


@contextmanager
def _told() -> Iterator[None]:
    """Say a failure of the disk in oncofed's words."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise Unreachable("disk-full", f"the ledger cannot be written: {error}") from error
