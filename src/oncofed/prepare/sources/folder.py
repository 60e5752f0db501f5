"""Walking a folder: every regular file once, whatever links and permissions lie in the way."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from oncofed.imaging.headers import UNREADABLE

LOOP = "prepare-link-loop"
BROKEN_LINK = "prepare-link-broken"
SPECIAL = "prepare-file-special"


@dataclass(frozen=True)
class Entry:
    """A regular file below the root; ``place`` is relative to it."""

    place: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Obstacle:
    """Something that is no file to read: ``code`` says what."""

    place: str
    code: str


def walk(root: Path) -> Iterator[Entry | Obstacle]:
    """All below ``root`` in stable order. Links are followed, each directory is visited once, so no loop lasts."""
    seen: set[tuple[int, int]] = set()
    waiting = [""]
    while waiting:
        place = waiting.pop()
        try:
            status = os.stat(root / place)
            identity = (status.st_dev, status.st_ino)
            with os.scandir(root / place) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield Obstacle(place, _obstacle(error))
            continue
        if identity in seen:
            yield Obstacle(place, LOOP)
            continue
        seen.add(identity)
        below: list[str] = []
        for entry in entries:
            found = _looked_at(entry, os.path.join(place, entry.name))
            if isinstance(found, str):
                below.append(found)
            else:
                yield found
        waiting += reversed(below)


def _looked_at(entry: os.DirEntry[str], place: str) -> Entry | Obstacle | str:
    """A file, an obstacle, or the place of a directory."""
    try:
        status = entry.stat()
    except OSError as error:
        return Obstacle(place, _obstacle(error))
    if stat.S_ISDIR(status.st_mode):
        return place
    if not stat.S_ISREG(status.st_mode):
        return Obstacle(place, SPECIAL)
    return Entry(place, status.st_size, status.st_mtime_ns)


def _obstacle(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return BROKEN_LINK
    return LOOP if error.errno == 40 else UNREADABLE  # ELOOP
