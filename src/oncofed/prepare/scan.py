"""Stage scan: list the source, read the headers of what is new or changed, and say what does not fit together.

Listing and reading are two steps, each kept in the journal batch by batch: a scan that is killed goes on where it was,
and one that is repeated reads only what is new or changed. The source is opened for reading only.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oncofed.contracts.errors import BadInput
from oncofed.imaging.headers import DAMAGED, KEYWORDS, NO_SERIES, Unusable, read_header
from oncofed.prepare import consistency, index
from oncofed.prepare.parallel import Here, Workers
from oncofed.prepare.progress import Progress, Silent
from oncofed.prepare.run import Run, Source, State, placed, stored
from oncofed.prepare.sources.folder import Entry, walk

DICOMDIR = "file-dicomdir"
_DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
_LISTED = 2_000
_BATCH = 200


@dataclass(frozen=True)
class Scanned:
    """What a scan found: files seen, new or changed, gone; headers read; what does not fit together."""

    seen: int
    new: int
    gone: int
    headers: int
    codes: dict[str, int]


@dataclass(frozen=True)
class _Batch:
    """Files to read in one go."""

    folder: str
    files: tuple[tuple[int, str], ...]


_Row = tuple[Any, ...]


def scan(run: Run, folder: Path, *, workers: Workers | None = None, progress: Progress | None = None) -> Scanned:
    """Bring the run up to date with what lies in ``folder``.

    Raises:
        BadInput: ``source-unreadable``: there is no such folder; ``source-empty``: it holds no file, though files of
            it are known (an unmounted disk is not an empty source), or no usable DICOM at all.
    """
    if not folder.is_dir():
        raise BadInput("source-unreadable", "there is no such folder")
    if run.directory == folder.absolute() or run.directory in folder.absolute().parents:
        raise BadInput("source-unreadable", "the folder lies in the run's own directory")
    with run.stage("scan") as facts:
        source = run.add_source("folder", folder)
        return scan_source(run, source, workers or Here(), progress or Silent(), facts)


def scan_source(run: Run, source: Source, workers: Workers, progress: Progress, facts: dict[str, Any]) -> Scanned:
    """``scan`` of a registered source, inside a stage."""
    seen, new, gone = _list(run, source, progress)
    headers = _read_headers(run, workers, progress)
    consistency.judge(run)
    index.export(run)
    codes = {code: number for by_code in run.counts().values() for code, number in by_code.items() if code}
    facts.update(seen=seen, new=new, gone=gone, headers=headers, codes=codes)
    ((usable,),) = run.connection.execute("SELECT count(*) FROM headers").fetchall()
    if not usable:
        raise BadInput("source-empty", f"{seen:,} files, none of them usable DICOM")
    return Scanned(seen, new, gone, headers, codes)


def _list(run: Run, source: Source, progress: Progress) -> tuple[int, int, int]:
    """Compare what lies there with what is known; numbers of files seen, new or changed, and gone."""
    connection = run.connection
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS seen (path PRIMARY KEY, size INTEGER, mtime_ns INTEGER)")
    connection.execute("DELETE FROM seen")
    progress.begin("listing files", None)
    seen = 0
    for part in _parts(_entries(run, source), _LISTED):
        rows = [(stored(entry.place), entry.size, entry.mtime_ns) for entry in part]
        connection.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", rows)
        seen += len(part)
        progress.advance(len(part))
    progress.end()
    known = _number(run, "SELECT count(*) FROM files WHERE source = ? AND state <> 'gone'", source.id)
    if known and not seen:
        raise BadInput("source-empty", "files of this source are known, but now it holds none; is a disk unmounted?")
    stale = _targets(
        run,
        """SELECT target FROM files f LEFT JOIN seen s ON s.path = f.path WHERE f.source = ? AND f.target <> ''
           AND (s.path IS NULL OR s.size <> f.size OR s.mtime_ns <> f.mtime_ns)""",
        source.id,
    )
    for target in stale:
        (run.directory / target).unlink(missing_ok=True)
    with run.transaction():
        gone = _forget(run, source)
        new = connection.execute(
            """INSERT INTO files (source, path, size, mtime_ns, state)
               SELECT ?, path, size, mtime_ns, 'found' FROM seen WHERE TRUE
               ON CONFLICT (source, path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,
                   state = 'found', code = '', accepted = '', patient = '', patient_key = '', target = '', risk = ''
               WHERE files.size <> excluded.size OR files.mtime_ns <> excluded.mtime_ns OR files.state = 'gone'""",
            (source.id,),
        ).rowcount
    return seen, new, gone


def _entries(run: Run, source: Source) -> Iterator[Entry]:
    """Regular files outside the run's own directory; obstacles become notes of the run."""
    inside = run.directory.is_relative_to(source.folder)
    own = str(run.directory.relative_to(source.folder)) if inside else None
    for found in walk(source.folder):
        if own is not None and Path(found.place).is_relative_to(own):
            continue
        if isinstance(found, Entry):
            yield found
        else:
            run.note(found.code, found.place)


def _forget(run: Run, source: Source) -> int:
    """Mark files that are no longer there."""
    gone = "source = ? AND state <> 'gone' AND path NOT IN (SELECT path FROM seen)"
    run.connection.execute(f"DELETE FROM headers WHERE file IN (SELECT id FROM files WHERE {gone})", (source.id,))  # noqa: S608
    return run.connection.execute(
        f"UPDATE files SET state = 'gone', code = '', target = '' WHERE {gone}",  # noqa: S608
        (source.id,),
    ).rowcount


def _targets(run: Run, statement: str, *given: object) -> list[str]:
    return [target for (target,) in run.connection.execute(statement, given)]


def _number(run: Run, statement: str, *given: object) -> int:
    ((number,),) = run.connection.execute(statement, given).fetchall()
    return int(number)


def _read_headers(run: Run, workers: Workers, progress: Progress) -> int:
    total = _number(run, "SELECT count(*) FROM files WHERE state = 'found'")
    progress.begin("reading headers", total)
    done = 0
    for rows in workers.map(read_batch, _batches(run)):
        _keep(run, rows)
        done += len(rows)
        progress.advance(len(rows))
    progress.end()
    return done


def _batches(run: Run) -> Iterator[_Batch]:
    """Files that were found and not yet read, source by source."""
    for source in run.sources():
        last = -1
        while True:
            rows = run.connection.execute(
                "SELECT id, path FROM files WHERE state = 'found' AND source = ? AND id > ? ORDER BY id LIMIT ?",
                (source.id, last, _BATCH),
            ).fetchall()
            if not rows:
                break
            last = rows[-1][0]
            yield _Batch(source.location, tuple((number, placed(path)) for number, path in rows))


def read_batch(batch: _Batch) -> list[_Row]:
    """For each file: id, code or "", then the header's columns (None where there is no header)."""
    return [_read(number, Path(batch.folder, place)) for number, place in batch.files]


def _read(number: int, path: Path) -> _Row:
    try:
        header = read_header(path)
    except Unusable as problem:
        return (number, problem.code, None)
    code = ""
    if header["SOPClassUID"] == _DIRECTORY_CLASS or path.name.upper() == "DICOMDIR":
        code = DICOMDIR
    elif not (header["StudyInstanceUID"] and header["SeriesInstanceUID"] and header["SOPInstanceUID"]):
        code = NO_SERIES
    if code:
        return (number, code, None)
    values = (header[keyword] for keyword in KEYWORDS)
    return (number, "", (number, header.transfer_syntax, int(header.byte_level), *values))


def _keep(run: Run, rows: list[_Row]) -> None:
    columns = ", ".join("?" * (len(KEYWORDS) + 3))
    with run.transaction():
        for number, code, header in rows:
            run.connection.execute("DELETE FROM headers WHERE file = ?", (number,))
            if header is None:
                state = State.QUARANTINED if code == DAMAGED else State.SKIPPED
                run.connection.execute("UPDATE files SET state = ?, code = ? WHERE id = ?", (state.value, code, number))
                continue
            run.connection.execute(f"INSERT INTO headers VALUES ({columns})", header)  # noqa: S608
            named = dict(zip(KEYWORDS, header[3:], strict=True))
            run.connection.execute(
                "UPDATE files SET state = 'indexed', code = '', patient = ? WHERE id = ?",
                (patient_of(named), number),
            )


def patient_of(header: dict[str, str]) -> str:
    """What makes two files the same patient's: Patient ID within its issuer; without one, the study."""
    if header["PatientID"]:
        return f"{header['IssuerOfPatientID']}\x1f{header['PatientID']}"
    return f"\x1e{header['StudyInstanceUID']}"


def _parts(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    things = iter(entries)
    while part := list(itertools.islice(things, size)):
        yield part
