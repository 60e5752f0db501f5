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
from oncofed.imaging.headers import (
    DAMAGED,
    KEYWORDS,
    NO_SERIES,
    NOT_DICOM,
    UNREADABLE,
    FileHeader,
    Unusable,
    read_header,
)
from oncofed.prepare import consistency, index, unpacking, volumes
from oncofed.prepare.parallel import Here, Lost, Workers
from oncofed.prepare.progress import Progress, Silent
from oncofed.prepare.run import Run, Source, State, placed, stored
from oncofed.prepare.sources import dicomdir
from oncofed.prepare.sources.archive import ARCHIVE, is_archive
from oncofed.prepare.sources.folder import Entry, walk

DICOMDIR = "file-dicomdir"
_DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
_LISTED = 2_000
_BATCH = 200
_OF_DICOMDIRS = 0
"""In place of the number of a source: what the DICOMDIRs of all sources name."""
_STATES = {ARCHIVE: State.FOUND} | dict.fromkeys((DAMAGED, UNREADABLE, *volumes.CODES), State.QUARANTINED)
"""What becomes of a file with such a code; all others are left out."""


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
    consistency.withdraw(run)
    unpacking.tidy(run)
    headers = _read_headers(run, workers, progress)
    _look_for_absent(run)
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
    run.forget_notes(source.id)
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
    with run.transaction():
        gone = _forget(run, source)
        new = connection.execute(
            """INSERT INTO files (source, path, size, mtime_ns, state)
               SELECT ?, path, size, mtime_ns, 'found' FROM seen WHERE TRUE
               ON CONFLICT (source, path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,
                   state = 'found', code = '', accepted = '', rectangles = '', patient = '', patient_key = '', risk = ''
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
        if source.kind == "incoming" and found.place.endswith(".part"):
            continue  # still coming in
        if isinstance(found, Entry):
            yield volumes.marked(found, source.folder)
        else:
            run.note(found.code, found.place, source.id)


def _forget(run: Run, source: Source) -> int:
    """Mark files that are no longer there, and what was unpacked from them."""
    gone = run.connection.execute(
        """SELECT id FROM files WHERE source = ? AND state <> 'gone' AND path NOT IN (SELECT path FROM seen)""",
        (source.id,),
    ).fetchall()
    unpacking.forget(run, [number for (number,) in gone])
    return len(gone)


def _number(run: Run, statement: str, *given: object) -> int:
    ((number,),) = run.connection.execute(statement, given).fetchall()
    return int(number)


def _read_headers(run: Run, workers: Workers, progress: Progress) -> int:
    """Read what was found and not yet read, then what comes out of the archives among it."""
    done = 0
    while total := _number(run, "SELECT count(*) FROM files WHERE state = 'found'"):
        progress.begin("reading headers", total)
        for rows in workers.map(read_batch, _batches(run)):
            if isinstance(rows, Lost):
                rows = [(number, DAMAGED, None) for number, _ in rows.thing.files]
            _keep(run, rows)
            done += len(rows)
            progress.advance(len(rows))
        progress.end()
        unpacking.unpack_all(run, progress)
    return done


def _batches(run: Run) -> Iterator[_Batch]:
    """Files that were found and not yet read, source by source."""
    for source in run.sources():
        last = -1
        while True:
            rows = run.connection.execute(
                """SELECT id, path FROM files WHERE state = 'found' AND code = '' AND source = ? AND id > ?
                   ORDER BY id LIMIT ?""",
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
        header = _header(path)
    except Unusable as problem:
        return (number, problem.code, None)
    code = ""
    if header.media_class == _DIRECTORY_CLASS:
        code = DICOMDIR
    elif not header["SOPInstanceUID"]:
        code = DAMAGED
    elif not (header["StudyInstanceUID"] and header["SeriesInstanceUID"]):
        code = NO_SERIES
    if code:
        return (number, code, None)
    values = (header[keyword] for keyword in KEYWORDS)
    return (number, "", (number, header.transfer_syntax, int(header.byte_level), *values))


def _header(path: Path) -> FileHeader:
    """The header of a DICOM file, or of a volume with its side-car; ``Unusable`` says what else it is."""
    try:
        return read_header(path)
    except Unusable as problem:
        if problem.code != NOT_DICOM:
            raise
    try:
        with path.open("rb") as stream:
            begin = stream.read(512)
    except OSError:
        raise Unusable(UNREADABLE) from None
    if volumes.is_volume(path, begin):
        return volumes.read_header(path)
    if volumes.is_sidecar(path):
        raise Unusable(volumes.TAKEN)
    raise Unusable(ARCHIVE if is_archive(begin) else NOT_DICOM)


def _keep(run: Run, rows: list[_Row]) -> None:
    columns = ", ".join("?" * (len(KEYWORDS) + 3))
    with run.transaction():
        for number, code, header in rows:
            run.connection.execute("DELETE FROM headers WHERE file = ?", (number,))
            if header is None:
                run.connection.execute(
                    "UPDATE files SET state = ?, code = ? WHERE id = ?",
                    (_STATES.get(code, State.SKIPPED), code, number),
                )
                continue
            run.connection.execute(f"INSERT INTO headers VALUES ({columns})", header)  # noqa: S608
            named = dict(zip(KEYWORDS, header[3:], strict=True))
            run.connection.execute(
                "UPDATE files SET state = 'indexed', code = '', patient = ? WHERE id = ?",
                (patient_of(named), number),
            )


def _look_for_absent(run: Run) -> None:
    """Note the files that a DICOMDIR names and that are not there, as it is now."""
    run.forget_notes(_OF_DICOMDIRS)
    for file in run.files(State.SKIPPED, where="f.code = ?", given=(DICOMDIR,)):
        for place, code in dicomdir.absent(file.path):
            run.note(code, str(Path(file.place).parent / place), _OF_DICOMDIRS)


def patient_of(header: dict[str, str]) -> str:
    """What makes two files the same patient's: Patient ID within its issuer; without one, the study."""
    if header["PatientID"]:
        return f"{header['IssuerOfPatientID']}\x1f{header['PatientID']}"
    return f"\x1e{header['StudyInstanceUID']}"


def _parts(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    things = iter(entries)
    while part := list(itertools.islice(things, size)):
        yield part
