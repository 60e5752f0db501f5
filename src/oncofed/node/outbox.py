"""The outbox: an append-only record of every byte this node ever sent, on the disk before it is sent.

One SQLite file. Rows are never changed or deleted (triggers refuse it), and each carries a digest over itself and the
row before, so that a missing or altered row shows. What is written is the exact body; ``about`` says in words of this
hospital what it was (who asked, which question) and never leaves.

A message that is repeated without change while an agent runs (the poll for tasks) stands here once per session.
"""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from oncofed.contracts.base import canonical_json
from oncofed.contracts.errors import Corrupt, Unreachable

GENESIS = "0" * 64
"""What the first row names as the row before."""

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS message (
    sequence INTEGER PRIMARY KEY, sent_at TEXT NOT NULL, destination TEXT NOT NULL, kind TEXT NOT NULL,
    about TEXT NOT NULL, body BLOB NOT NULL, digest TEXT NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON message BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON message BEGIN SELECT RAISE(ABORT, 'append only'); END;
"""


class Sent(NamedTuple):
    """One message that left, or was about to leave when the node stopped."""

    sequence: int
    sent_at: datetime
    destination: str
    kind: str
    about: dict[str, object]
    body: bytes
    digest: str


class Outbox:
    """The outbox in the file ``path``. One thread at a time; several processes may write."""

    def __init__(self, path: Path) -> None:
        try:
            self._database = sqlite3.connect(path, isolation_level=None, timeout=30)
            self._database.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise Unreachable("outbox-unwritable", str(error)) from error

    def record(
        self, *, now: datetime, destination: str, kind: str, body: bytes, about: Mapping[str, object] | None = None
    ) -> int:
        """Write down what is about to be sent; it is on the disk when this returns.

        Raises ``Unreachable(outbox-unwritable)`` if it cannot be written: then nothing may be sent.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            last = self._database.execute("SELECT sequence, digest FROM message ORDER BY sequence DESC LIMIT 1")
            sequence, previous = last.fetchone() or (0, GENESIS)
            words = json.dumps(dict(about or {}), ensure_ascii=False, sort_keys=True)
            row = (sequence + 1, now.isoformat(), destination, kind, words, body)
            self._database.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, _digest(previous, row)))
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):  # some failures have rolled back already
                self._database.execute("ROLLBACK")
            raise Unreachable("outbox-unwritable", str(error)) from error
        return int(row[0])

    def newest(self, limit: int, *, kind: str | None = None) -> list[Sent]:
        """The latest messages, newest first."""
        found = self._database.execute(
            "SELECT * FROM message WHERE ?1 IS NULL OR kind = ?1 ORDER BY sequence DESC LIMIT ?2", (kind, limit)
        )
        return [_sent(row) for row in found]

    def message(self, sequence: int) -> Sent | None:
        """One message, or None."""
        row = self._database.execute("SELECT * FROM message WHERE sequence = ?", (sequence,)).fetchone()
        return _sent(row) if row else None

    def check(self) -> int:
        """Number of messages, if they are an unbroken chain; ``Corrupt(outbox-corrupt)`` names the first other."""
        previous, count = GENESIS, 0
        for row in self._rows():
            count += 1
            if row[0] != count or row[6] != _digest(previous, row[:6]):
                raise Corrupt("outbox-corrupt", f"message {row[0]} does not follow the one before it")
            previous = row[6]
        return count

    def _rows(self) -> Iterator[tuple[int, str, str, str, str, bytes, str]]:
        try:
            yield from self._database.execute("SELECT * FROM message ORDER BY sequence")
        except sqlite3.DatabaseError as error:
            raise Corrupt("outbox-corrupt", str(error)) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _digest(previous: str, row: tuple[int, str, str, str, str, bytes]) -> str:
    """Over the row before and every field of this one."""
    *fields, body = row
    return hashlib.sha256(canonical_json([previous, *fields, hashlib.sha256(body).hexdigest()])).hexdigest()


def _sent(row: tuple[int, str, str, str, str, bytes, str]) -> Sent:
    sequence, sent_at, destination, kind, about, body, digest = row
    return Sent(sequence, datetime.fromisoformat(sent_at), destination, kind, json.loads(about), body, digest)
