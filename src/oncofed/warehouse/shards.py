"""Shards on disk: what one load leaves behind, and the releases in it.

A shard is a directory ``<warehouse>/<number>/`` with ``data.duckdb`` (the tables and their projection, never changed)
and ``manifest.json`` (its releases). It appears by one atomic rename; what is not renamed yet is called ``.loading-…``
and is rubbish as soon as nobody holds the load lock.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from pydantic import ValidationError

from oncofed.contracts.catalogue import DatasetRecord
from oncofed.contracts.errors import Corrupt, Refused, Unreachable
from oncofed.files import says_full

DATABASE = "data.duckdb"
MANIFEST = "manifest.json"
FORMAT = 1
STAGING_PREFIX = ".loading-"
_LOCK = ".load.lock"


@dataclass(frozen=True)
class ExactSize:
    """How much a release holds, exactly. Node-private."""

    patients: int
    studies: int
    series: int
    instances: int


@dataclass(frozen=True)
class Release:
    """One immutable release of a dataset in this warehouse. ``already``: this load found it loaded, equal by digest."""

    dataset: DatasetRecord
    release: str
    digest: str
    loaded_at: datetime
    supports: tuple[str, ...]
    vocabulary_version: str
    size: ExactSize
    already: bool = field(default=False, compare=False)

    @property
    def name(self) -> tuple[str, str]:
        """Dataset and release: what names it within a warehouse."""
        return self.dataset.dataset_id, self.release

    def as_json(self) -> dict[str, Any]:
        """The entry of the manifest."""
        return {
            "dataset": self.dataset.model_dump(mode="json"),
            "release": self.release,
            "digest": self.digest,
            "loaded_at": self.loaded_at.isoformat(),
            "supports": list(self.supports),
            "vocabulary_version": self.vocabulary_version,
            "size": vars(self.size),
        }

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> "Release":
        """The release an entry of a manifest describes."""
        return cls(
            dataset=DatasetRecord.model_validate(entry["dataset"]),
            release=entry["release"],
            digest=entry["digest"],
            loaded_at=datetime.fromisoformat(entry["loaded_at"]),
            supports=tuple(entry["supports"]),
            vocabulary_version=entry["vocabulary_version"],
            size=ExactSize(**entry["size"]),
        )


@dataclass(frozen=True)
class Shard:
    """One shard: where it is, and its releases by their number in the projection (removed ones are left out)."""

    path: Path
    releases: dict[int, Release]

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return self.path / DATABASE


def read_shards(directory: Path) -> tuple[Shard, ...]:
    """The shards of a warehouse in the order of their loading. ``Corrupt`` if a manifest cannot be understood."""
    if not directory.is_dir():
        return ()
    paths = sorted(path for path in directory.iterdir() if path.name.isdigit() and (path / MANIFEST).is_file())
    return tuple(_read_shard(path) for path in paths)


def _read_shard(path: Path) -> Shard:
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            raise Corrupt("release-corrupt", f"shard {path.name} has format {manifest['format']}, not {FORMAT}")
        releases = {int(number): Release.from_json(entry) for number, entry in manifest["releases"].items()}
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise Corrupt("release-corrupt", f"the manifest of shard {path.name} cannot be read") from error
    return Shard(path, releases)


def write_manifest(path: Path, releases: dict[int, Release]) -> None:
    """Write the manifest into a shard's directory, whole or not at all."""
    entries = {str(number): release.as_json() for number, release in releases.items()}
    fresh = path / f"{MANIFEST}.new"
    fresh.write_text(json.dumps({"format": FORMAT, "releases": entries}, indent=1), encoding="utf-8")
    sync(fresh)
    fresh.rename(path / MANIFEST)
    sync(path)


def forget_release(directory: Path, name: tuple[str, str]) -> None:
    """Take one release out of its manifest; a shard with none left is deleted. ``Refused`` if there is none."""
    with load_lock(directory):
        for shard in read_shards(directory):
            left = {number: release for number, release in shard.releases.items() if release.name != name}
            if len(left) == len(shard.releases):
                continue
            write_manifest(shard.path, left)
            if not left:
                shutil.rmtree(shard.path)
            return
    raise Refused("release-unknown", f"{name[0]} {name[1]}")


@contextmanager
def load_lock(directory: Path) -> Iterator[None]:
    """One writer at a time per warehouse, over all processes; waits for the one before."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def staging(directory: Path) -> Iterator[Path]:
    """An empty directory to build a shard in, gone afterwards unless renamed; removes what crashed loads left.

    Call it under ``load_lock``. ``Unreachable`` with code ``disk-full`` when the device has no space left.
    """
    for leftover in directory.glob(f"{STAGING_PREFIX}*"):
        shutil.rmtree(leftover)
    path = directory / f"{STAGING_PREFIX}{os.getpid()}"
    path.mkdir()
    try:
        yield path
    except (OSError, duckdb.Error) as error:
        if isinstance(error, duckdb.OutOfMemoryException) and not says_full(error):
            raise Refused("load-memory") from error
        if says_full(error):
            raise Unreachable("disk-full", "loading stopped; the releases that stood before are untouched") from error
        raise
    finally:
        shutil.rmtree(path, ignore_errors=True)


def adopt(staged: Path, directory: Path) -> Path:
    """Make a staged shard part of the warehouse: durable first, then visible, by one rename."""
    numbers = [int(path.name) for path in directory.iterdir() if path.name.isdigit()]
    final = directory / f"{max(numbers, default=0) + 1:06d}"
    for part in (staged / DATABASE, staged / MANIFEST, staged):
        sync(part)
    staged.rename(final)
    sync(directory)
    return final


def sync(path: Path) -> None:
    """fsync of a file or directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def known_release(shards: tuple[Shard, ...], name: tuple[str, str]) -> Release | None:
    """The release of that name as it stands, marked as standing already."""
    for shard in shards:
        for release in shard.releases.values():
            if release.name == name:
                return replace(release, already=True)
    return None
