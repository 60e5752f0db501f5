"""The journal of a run: one SQLite file that says of every file of the source what has become of it.

It holds original identifiers and never leaves the data holder. Mode 0600; write-ahead log, so that a run that is
killed at any moment finds the state of its last whole batch.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from oncofed.contracts.errors import BadInput, Corrupt, OncofedError
from oncofed.files import says_full
from oncofed.imaging.headers import KEYWORDS

VERSION = 1
_HEADER_COLUMNS = ", ".join(f"\"{keyword}\" TEXT NOT NULL DEFAULT ''" for keyword in KEYWORDS)

SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, location TEXT NOT NULL, UNIQUE (kind, location));
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES sources (id),
    path NOT NULL,
    container INTEGER NOT NULL DEFAULT 0,
    member TEXT NOT NULL DEFAULT '',
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    state TEXT NOT NULL,
    code TEXT NOT NULL DEFAULT '',
    accepted TEXT NOT NULL DEFAULT '',
    rectangles TEXT NOT NULL DEFAULT '',
    patient TEXT NOT NULL DEFAULT '',
    patient_key TEXT NOT NULL DEFAULT '',
    target TEXT NOT NULL DEFAULT '',
    risk TEXT NOT NULL DEFAULT '',
    changes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (source, path)
);
CREATE INDEX files_container ON files (container);
CREATE INDEX files_state ON files (state, code);
CREATE TABLE headers (
    file INTEGER PRIMARY KEY REFERENCES files (id) ON DELETE CASCADE,
    transfer_syntax TEXT NOT NULL, byte_level INTEGER NOT NULL, {_HEADER_COLUMNS}
);
CREATE INDEX headers_instance ON headers ("SOPInstanceUID");
CREATE INDEX headers_series ON headers ("SeriesInstanceUID");
CREATE TABLE change_sets (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE);
CREATE TABLE changes (change_set INTEGER NOT NULL, path TEXT NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX changes_set ON changes (change_set);
CREATE TABLE review (
    token_hash TEXT NOT NULL, code TEXT NOT NULL, path TEXT NOT NULL, value TEXT NOT NULL DEFAULT '',
    occurs INTEGER NOT NULL DEFAULT 0, decision TEXT NOT NULL DEFAULT '', decided_at TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (token_hash, code, path)
) WITHOUT ROWID;
CREATE TABLE people (patient_key TEXT PRIMARY KEY, node_key TEXT NOT NULL, bare_key TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE notes (source INTEGER, code TEXT, place TEXT, PRIMARY KEY (source, code, place)) WITHOUT ROWID;
CREATE TABLE stages (
    name TEXT PRIMARY KEY, state TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT NOT NULL DEFAULT '',
    facts TEXT NOT NULL DEFAULT '{{}}'
) WITHOUT ROWID;
PRAGMA user_version = {VERSION};
"""
"""``files.path``: text, or bytes where a name is not UTF-8. ``accepted``: codes that a person has let
pass; ``rectangles``: what a person wants blanked (JSON, [[x0, y0, x1, y1], …]).
``people``: each patient's pseudonym in
the run, and the node's own with and without the issuer. ``container``: the archive (a file) whose ``member`` it is."""


def create(path: Path) -> sqlite3.Connection:
    """A new, empty journal at ``path``, of which nobody sees half: it is built beside it and renamed."""
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    os.close(os.open(beside, os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(beside)
    try:
        connection.executescript(SCHEMA)
    finally:
        connection.close()
    os.replace(beside, path)
    return connect(path)


def connect(path: Path) -> sqlite3.Connection:
    """Open a journal. ``BadInput(prepare-run-unknown)`` where there is none, ``Corrupt`` where it is another file."""
    if not path.is_file():
        raise BadInput("prepare-run-unknown")
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        ((version,),) = connection.execute("PRAGMA user_version").fetchall()
        if version != VERSION:
            raise BadInput("prepare-run-unknown", f"the run was made by another version of oncofed ({version})")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.OperationalError:  # a full disk, a folder that cannot be written: the journal is as it was
        connection.close()
        raise
    except sqlite3.DatabaseError as error:
        connection.close()
        raise Corrupt("prepare-run-corrupt", "journal.sqlite") from error
    except BadInput:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing; what was done before stays whatever happens."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # SQLite ends it itself when the disk is full
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextlib.contextmanager
def disk_full_told() -> Iterator[None]:
    """A full disk or quota as the error ``disk-full``, from whichever layer it comes."""
    try:
        yield
    except OSError as error:
        if says_full(error):
            raise OncofedError("disk-full") from error
        raise
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise OncofedError("disk-full") from error
        raise
