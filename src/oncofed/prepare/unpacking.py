"""Archives among the files of a run: unpacked into the run's private directory, their members files like all others."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from oncofed.prepare.journal import disk_full_told
from oncofed.prepare.progress import Progress
from oncofed.prepare.run import Run, RunFile, Source, State, readable
from oncofed.prepare.sources.archive import ARCHIVE, DEEPEST, NESTED, Limits, Member, unpack


def unpack_all(run: Run, progress: Progress, limits: Limits | None = None) -> None:
    """Unpack every archive that was found; its members are then found files."""
    archives = list(run.files(State.FOUND, where="f.code = ?", given=(ARCHIVE,)))
    if not archives:
        return
    source = run.add_source("archive", run.incoming)
    progress.begin("unpacking archives", len(archives))
    for archive in archives:
        if _depth(run, archive.id) >= DEEPEST:
            run.mark([archive.id], State.QUARANTINED, NESTED)
        else:
            _unpack(run, source, archive, limits)
        progress.advance()
    progress.end()


def _unpack(run: Run, source: Source, archive: RunFile, limits: Limits | None) -> None:
    name = f"archive-{archive.id}"
    with disk_full_told():
        members, code = unpack(archive.path, run.incoming / name, limits)
    with run.transaction():
        _forget_members(run, [archive.id])
        for member in members:
            _register(run, source, archive.id, Path(name), member)
    run.mark([archive.id], State.QUARANTINED if code else State.SKIPPED, code or ARCHIVE)


def _register(run: Run, source: Source, archive: int, directory: Path, member: Member) -> None:
    state = (
        State.FOUND if not member.code else State.QUARANTINED if member.code.startswith("prepare") else State.SKIPPED
    )
    run.connection.execute(
        """INSERT INTO files (source, path, size, mtime_ns, state, code, container, member)
           VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7)
           ON CONFLICT (source, path) DO UPDATE SET size = ?3, state = ?4, code = ?5, member = ?7, accepted = ''""",
        (
            source.id,
            str(directory / (member.place or str(member.number))),
            member.size,
            state.value,
            member.code,
            archive,
            readable(member.name),
        ),
    )


def _depth(run: Run, file: int) -> int:
    """How many archives a file lies in."""
    ((depth,),) = run.connection.execute(
        """WITH RECURSIVE outer_ (id, depth) AS (
               SELECT container, 0 FROM files WHERE id = ?
               UNION ALL SELECT f.container, depth + 1 FROM files f JOIN outer_ ON f.id = outer_.id)
           SELECT max(depth) FROM outer_""",
        (file,),
    ).fetchall()
    return int(depth)


def forget(run: Run, files: Iterable[int]) -> None:
    """Mark files as gone, and all that was unpacked from them, at any depth. Within a transaction."""
    numbers = list(files)
    _mark_gone(run, numbers)
    _forget_members(run, numbers)


def _forget_members(run: Run, containers: list[int]) -> None:
    for container in containers:
        members = [
            number for (number,) in run.connection.execute("SELECT id FROM files WHERE container = ?", (container,))
        ]
        if members:
            forget(run, members)


def _mark_gone(run: Run, files: list[int]) -> None:
    given = [(number,) for number in files]
    run.connection.executemany("DELETE FROM headers WHERE file = ?", given)
    run.connection.executemany("UPDATE files SET state = 'gone', code = '' WHERE id = ?", given)


def tidy(run: Run) -> None:
    """Remove what was unpacked from archives that are gone."""
    for (number,) in run.connection.execute("SELECT id FROM files WHERE state = 'gone'").fetchall():
        shutil.rmtree(run.incoming / f"archive-{number}", ignore_errors=True)
