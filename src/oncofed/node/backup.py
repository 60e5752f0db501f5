"""A backup of everything that cannot be made again: keys, secrets, budgets, answers, outbox, policy, published cubes.

The warehouse is not in it: loaded again from its source with the same secret, a release has the same digest. A restored
node asks the hub what it has answered since before it answers anything (``session``).
"""

import hashlib
import io
import json
import sqlite3
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from oncofed.contracts.errors import Corrupt, Refused, Unreachable
from oncofed.files import says_full, write_durably
from oncofed.node.settings import Settings

_MANIFEST = "oncofed-node-backup.json"
_FILES = ("node.toml", "policy.toml", "published.json", "withdrawn.json")
_KEYS = ("keys/node.key", "keys/secret", "keys/hub.json")
_DATABASES = ("ledger.sqlite", "outbox.sqlite", "cubes.sqlite")
_REQUIRED = frozenset({"node.toml", "policy.toml", "keys/node.key", "keys/secret"})


def backup(settings: Settings, target: Path, *, now: datetime | None = None) -> list[str]:
    """Write a tar file (mode 0600) that holds the node, consistent even while the agent runs; the names in it.

    ``Refused(directory-not-empty)`` if ``target`` exists, ``Unreachable(disk-full)``, ``OSError`` where the
    path cannot be written: then there is no such file.
    """
    if target.exists():
        raise Refused("directory-not-empty", f"{target} exists")
    present = [name for name in (*_KEYS, *_FILES) if (settings.directory / name).exists()]
    contents = {name: (settings.directory / name).read_bytes() for name in present}
    try:
        for name in _DATABASES:
            if (settings.directory / name).exists():
                contents[name] = _snapshot(settings.directory / name)
        contents[_MANIFEST] = _manifest(contents, now or datetime.now(UTC))
        write_durably(target, _tar(contents))
    except OSError as error:
        if not says_full(error):
            raise
        raise Unreachable("disk-full") from error
    return sorted(contents)


def restore(source: Path, directory: Path) -> list[str]:
    """Unpack a backup into an absent or empty directory; the names in it.

    ``Corrupt(backup-unreadable)`` if anything is missing or altered, ``Refused(directory-not-empty)``.
    """
    if directory.exists() and any(directory.iterdir()):
        raise Refused("directory-not-empty", f"{directory} is not empty")
    contents = _checked(source)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / "keys").mkdir(mode=0o700)
    for name in sorted(contents, key=lambda name: name == "node.toml"):  # the settings last: they make it a node
        write_durably(directory / name, contents[name])
    return sorted(contents)


def _snapshot(path: Path) -> bytes:
    """A consistent copy of a SQLite file that may be in use (its online backup)."""
    with tempfile.TemporaryDirectory(dir=path.parent) as passing:
        copy = Path(passing) / path.name
        origin, twin = sqlite3.connect(path), sqlite3.connect(copy)
        try:
            origin.backup(twin)
            twin.execute("PRAGMA journal_mode = DELETE")
        finally:
            twin.close()
            origin.close()
        return copy.read_bytes()


def _manifest(contents: dict[str, bytes], now: datetime) -> bytes:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return json.dumps({"format": 1, "made_at": now.isoformat(), "files": digests}, indent=1, sort_keys=True).encode()


def _tar(contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in sorted(contents.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _checked(source: Path) -> dict[str, bytes]:
    """The files of a backup, if they are exactly those its manifest names."""
    allowed = {*_KEYS, *_FILES, *_DATABASES, _MANIFEST}
    try:
        with tarfile.open(source) as tar:
            found = {entry.name: tar.extractfile(entry) for entry in tar if entry.isreg() and entry.name in allowed}
            contents = {name: file.read() for name, file in found.items() if file is not None}
        digests = json.loads(contents.pop(_MANIFEST))["files"]
    except (OSError, tarfile.TarError, KeyError, ValueError, TypeError) as error:
        why = getattr(error, "strerror", None) or "no backup of a node"
        raise Corrupt("backup-unreadable", f"{source}: {why}") from error
    if digests != {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}:
        raise Corrupt("backup-unreadable", f"{source}: a file is missing or altered")
    if not _REQUIRED.issubset(contents):
        raise Corrupt("backup-unreadable", f"{source}: it holds no whole node")
    return contents
