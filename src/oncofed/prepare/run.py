"""A preparation run: one directory, in which every stage finds what those before it have left.

RUN/                    mode 0700: it holds original identifiers
  journal.sqlite        what has become of every file (``journal``)
  index.parquet         the original headers, one row a file
  incoming/             files that came over the network or out of archives, as they came
  images/               P/S/E/I.dcm, P/S/E/I.nii.gz with I.json: de-identified, under pseudonyms
  clinical/             tables of the mapping, under pseudonyms
  tables/               the common data model of images and clinical data, ready for the warehouse
  report.html|json, certificate.html|json, quarantine.tsv
"""

import contextlib
import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from oncofed.contracts.errors import BadInput, Corrupt, OncofedError, Refused
from oncofed.imaging.headers import KEYWORDS
from oncofed.imaging.nifti import FORM
from oncofed.prepare import journal

JOURNAL = "journal.sqlite"
CLINICAL = -1
"""In place of the number of a source: the clinical data."""


class State(StrEnum):
    """What has become of a file of the source."""

    FOUND = "found"
    INDEXED = "indexed"
    DEIDENTIFIED = "deidentified"
    VERIFIED = "verified"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"
    GONE = "gone"


@dataclass(frozen=True, kw_only=True)
class RunFile:
    """One file of the source. ``path`` is where it can be read; ``place`` is relative to its source (private)."""

    id: int
    path: Path
    place: str
    size: int
    state: State
    code: str
    accepted: frozenset[str]
    rectangles: str
    patient_key: str
    target: Path | None
    """The de-identified file, absolute; None before it was made."""
    header: Mapping[str, str]
    """Original values of ``imaging.headers.ATTRIBUTES`` by keyword; private."""
    is_volume: bool
    """A NIfTI volume; its side-car lies beside it."""


@dataclass(frozen=True)
class Source:
    """Where files come from: ``folder`` is the directory under which they lie now."""

    id: int
    kind: str
    location: str

    @property
    def folder(self) -> Path:
        """The directory that the files' paths are relative to."""
        return Path(self.location)


class Run:
    """An open run. One process at a time works on it; others may read."""

    def __init__(self, directory: Path, connection: sqlite3.Connection) -> None:
        self.directory = directory
        self.connection = connection
        self._lock: int | None = None

    @classmethod
    def create(cls, directory: Path, *, project: str = "") -> Self:
        """Make the directory of a new run, or open the one that stands there.

        Raises:
            BadInput: ``prepare-run-unknown``: the directory holds something else, or is of another project.
        """
        directory = directory.absolute()
        if (directory / JOURNAL).exists():
            run = cls.open(directory)
            if run.project != project:
                run.close()
                raise BadInput("prepare-run-unknown", f"{directory} is the run of another project")
            return run
        if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
            raise BadInput("prepare-run-unknown", f"{directory} holds something else")
        with journal.disk_full_told():
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
            connection = journal.create(directory / JOURNAL)
        run = cls(directory, connection)
        with journal.transaction(connection):
            run._put("project", project)
            run._put("created_at", _now())
        return run

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open a run that stands; ``BadInput(prepare-run-unknown)`` where there is none."""
        directory = directory.absolute()
        try:
            return cls(directory, journal.connect(directory / JOURNAL))
        except BadInput as error:
            raise BadInput("prepare-run-unknown", error.detail or f"{directory} holds no run") from error

    def close(self) -> None:
        """Let go of the journal and the lock."""
        self.connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.close()
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise Corrupt("prepare-run-corrupt", "journal.sqlite") from error

    @property
    def images(self) -> Path:
        """The de-identified images."""
        return self.directory / "images"

    @property
    def tables(self) -> Path:
        """The tables that the warehouse loads; nothing identifying."""
        return self.directory / "tables"

    @property
    def mapped(self) -> Path:
        """The clinical tables of the mapping, under the hospital's own identifiers; private."""
        return self.directory / "mapped"

    @property
    def incoming(self) -> Path:
        """Original files that came over the network or out of archives; private."""
        return self.directory / "incoming"

    @property
    def index_file(self) -> Path:
        """The original headers; private."""
        return self.directory / "index.parquet"

    @property
    def project(self) -> str:
        """The project whose pseudonyms are used; "" for the node's own."""
        return self.get("project")

    def get(self, key: str) -> str:
        """A fact about the run, "" where it is not known."""
        rows = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchall()
        return str(rows[0][0]) if rows else ""

    def put(self, **facts: str) -> None:
        """Keep facts about the run."""
        with self.transaction():
            for key, value in facts.items():
                self._put(key, value)

    def _put(self, key: str, value: str) -> None:
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Changes of the journal, all or none; a full disk is ``disk-full``."""
        with journal.disk_full_told(), journal.transaction(self.connection):
            yield

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Hold the run for this process; ``Refused(prepare-run-busy)`` while another one works on it."""
        if self._lock is not None:
            yield
            return
        self._lock = os.open(self.directory / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Refused("prepare-run-busy") from error
            yield
        finally:
            os.close(self._lock)
            self._lock = None

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[dict[str, Any]]:
        """A stage's work under the run's lock; what is put into the dictionary is kept as facts about the stage."""
        facts: dict[str, Any] = {}
        with self.working():
            self._stage(name, "running", _now(), "", facts)
            started = _now()
            try:
                yield facts
            except BaseException:
                with contextlib.suppress(sqlite3.Error, OncofedError):
                    self._stage(name, "stopped", started, _now(), facts)
                raise
            self._stage(name, "done", started, _now(), facts)

    def _stage(self, name: str, state: str, started: str, finished: str, facts: dict[str, Any]) -> None:
        row = (name, state, started, finished, json.dumps(facts, ensure_ascii=False, default=str))
        with journal.disk_full_told():
            self.connection.execute("INSERT OR REPLACE INTO stages VALUES (?, ?, ?, ?, ?)", row)

    def stages(self) -> dict[str, dict[str, Any]]:
        """Every stage that was begun: its state, when, and its facts."""
        rows = self.connection.execute("SELECT * FROM stages ORDER BY started_at").fetchall()
        return {
            name: {"state": state, "started_at": begun, "finished_at": ended, "facts": json.loads(facts)}
            for name, state, begun, ended, facts in rows
        }

    def add_source(self, kind: str, location: Path) -> Source:
        """Register where files come from; the same place is registered once."""
        where = str(location.absolute())
        self.connection.execute("INSERT OR IGNORE INTO sources (kind, location) VALUES (?, ?)", (kind, where))
        ((number,),) = self.connection.execute(
            "SELECT id FROM sources WHERE kind = ? AND location = ?", (kind, where)
        ).fetchall()
        return Source(number, kind, where)

    def sources(self) -> list[Source]:
        """All registered sources."""
        return [Source(*row) for row in self.connection.execute("SELECT id, kind, location FROM sources ORDER BY id")]

    def files(self, *states: State, where: str = "", given: tuple[Any, ...] = ()) -> Iterator[RunFile]:
        """Files in any of the states (all, if none is named), in the order of patient, study, series, instance.

        ``where`` is a further condition of SQL over ``f`` (files) and ``h`` (headers) with the parameters ``given``.
        """
        reader = sqlite3.connect(self.directory / JOURNAL, timeout=30)
        reader.row_factory = sqlite3.Row
        conditions = [f"f.state IN ({', '.join('?' * len(states))})"] if states else []
        conditions += [f"({where})"] if where else []
        try:
            rows = reader.execute(
                f"""SELECT f.id AS file_id, f.*, s.location, c.path AS held_in, h.*
                    FROM files f JOIN sources s ON s.id = f.source
                    LEFT JOIN headers h ON h.file = f.id LEFT JOIN files c ON c.id = f.container
                    {"WHERE " + " AND ".join(conditions) if conditions else ""}
                    ORDER BY f.patient, h."StudyInstanceUID", h."SeriesInstanceUID", h."SOPInstanceUID", f.path""",  # noqa: S608
                (*map(str, states), *given),
            )
            for row in rows:
                yield self._file(row)
        finally:
            reader.close()

    def _file(self, row: sqlite3.Row) -> RunFile:
        path = placed(row["path"])
        return RunFile(
            id=row["file_id"],
            path=Path(row["location"], path),
            place=f"{placed(row['held_in'])}!{row['member']}" if row["container"] else path,
            size=row["size"],
            state=State(row["state"]),
            code=row["code"],
            accepted=frozenset(filter(None, row["accepted"].split(","))),
            rectangles=row["rectangles"],
            patient_key=row["patient_key"],
            target=self.directory / row["target"] if row["target"] else None,
            header={name: value for name, value in zip(KEYWORDS, row[-len(KEYWORDS) :], strict=True) if value},
            is_volume=row["transfer_syntax"] == FORM,
        )

    def mark(self, ids: Iterable[int], state: State, code: str = "") -> None:
        """Set state and code of files. The code says why a file is quarantined or skipped."""
        with self.transaction():
            self.connection.executemany(
                "UPDATE files SET state = ?, code = ? WHERE id = ?", ((state.value, code, one) for one in ids)
            )

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of files by state and code."""
        found: dict[str, dict[str, int]] = {}
        for state, code, number in self.connection.execute(
            "SELECT state, code, count(*) FROM files GROUP BY state, code ORDER BY state, code"
        ):
            found.setdefault(state, {})[code] = number
        return found

    def not_released(self) -> list[tuple[str, str, int]]:
        """What is not released, and why: (held back, left out, no file, unmapped; code; how many), in this order."""
        words = {State.QUARANTINED.value: "held back", State.SKIPPED.value: "left out"}
        found = [
            (words[state], code, number)
            for state, codes in self.counts().items()
            if state in words
            for code, number in codes.items()
        ]
        found += [("no file", code, len(places)) for code, places in self.notes().items()]
        return found + [("unmapped", code, len(details)) for code, details in self.notes(clinical=True).items()]

    def number(self, *states: State) -> int:
        """How many files are in one of the states."""
        found = self.counts()
        return sum(sum(found.get(state, {}).values()) for state in states)

    def action_counts(self) -> dict[str, int]:
        """How often each action was taken on an attribute, over all de-identified files."""
        return dict(
            self.connection.execute(
                """SELECT c.action, count(*) FROM files f JOIN changes c ON c.change_set = f.changes
                   WHERE f.state IN ('deidentified', 'verified') GROUP BY c.action ORDER BY c.action"""
            ).fetchall()
        )

    def note(self, code: str, place: str, source: int = 0) -> None:
        """Keep a remark about a place of a source that is no file of its own (a directory, a missing file)."""
        with journal.disk_full_told():
            self.connection.execute("INSERT OR IGNORE INTO notes VALUES (?, ?, ?)", (source, code, readable(place)))

    def notes(self, *, clinical: bool = False) -> dict[str, list[str]]:
        """Remarks by code, about places, or about the clinical data; the texts are private."""
        found: dict[str, list[str]] = {}
        query = "SELECT DISTINCT code, place FROM notes WHERE (source = ?) = ? ORDER BY code, place"
        for code, place in self.connection.execute(query, (CLINICAL, clinical)):
            found.setdefault(code, []).append(place)
        return found

    def forget_notes(self, source: int) -> None:
        """Forget the remarks about a source, which is about to be looked at again."""
        with journal.disk_full_told():
            self.connection.execute("DELETE FROM notes WHERE source = ?", (source,))


def stored(place: str) -> str | bytes:
    """A path as the journal keeps it: text, or bytes where the name is not UTF-8."""
    try:
        place.encode()
    except UnicodeEncodeError:
        return os.fsencode(place)
    return place


def placed(kept: str | bytes) -> str:
    """The path that ``stored`` kept."""
    return os.fsdecode(kept) if isinstance(kept, bytes) else kept


def readable(place: str) -> str:
    """A path as it can be shown and written as UTF-8, whatever bytes it is made of."""
    return place.encode(errors="surrogateescape").decode(errors="replace")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
