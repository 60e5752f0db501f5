"""Shards on disk: whole or not at all."""

import errno
import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from oncofed.contracts.errors import Corrupt, Refused, Unreachable
from oncofed.warehouse.shards import (
    DATABASE,
    MANIFEST,
    ExactSize,
    Release,
    adopt,
    forget_release,
    known_release,
    load_lock,
    read_shards,
    staging,
    write_manifest,
)
from tests.factories.warehouse import a_record


def a_release(dataset_id: str = "one", release: str = "1") -> Release:
    return Release(
        a_record(dataset_id), release, "0" * 64, datetime(2026, 1, 2, tzinfo=UTC), ("sex",), "v", ExactSize(1, 2, 3, 4)
    )


def a_shard(directory: Path, *releases: Release) -> Path:
    with load_lock(directory), staging(directory) as staged:
        (staged / DATABASE).write_bytes(b"")
        write_manifest(staged, dict(enumerate(releases)))
        return adopt(staged, directory)


def test_what_is_adopted_is_read_back(tmp_path: Path) -> None:
    first, second = a_shard(tmp_path, a_release("one")), a_shard(tmp_path, a_release("two"), a_release("three"))
    assert (first.name, second.name) == ("000001", "000002")
    shards = read_shards(tmp_path)
    assert [list(shard.releases.values()) for shard in shards] == [
        [a_release("one")],
        [a_release("two"), a_release("three")],
    ]
    assert not list(tmp_path.glob(".loading*"))


def test_a_warehouse_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_shards(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "releases": {"0": {}}}'])
def test_a_damaged_manifest_is_said_to_be_corrupt(tmp_path: Path, text: str) -> None:
    path = a_shard(tmp_path, a_release())
    (path / MANIFEST).write_text(text)
    with pytest.raises(Corrupt) as caught:
        read_shards(tmp_path)
    assert caught.value.code == "release-corrupt"


def test_a_format_of_another_time_is_not_guessed_at(tmp_path: Path) -> None:
    path = a_shard(tmp_path, a_release())
    (path / MANIFEST).write_text(json.dumps({"format": 2, "releases": {}}))
    with pytest.raises(Corrupt, match="format 2"):
        read_shards(tmp_path)


def test_a_release_is_forgotten_and_the_last_one_takes_the_files_along(tmp_path: Path) -> None:
    a_shard(tmp_path, a_release("zero"))
    path = a_shard(tmp_path, a_release("one"), a_release("two"))
    forget_release(tmp_path, ("one", "1"))
    assert read_shards(tmp_path)[1].releases == {1: a_release("two")}
    forget_release(tmp_path, ("two", "1"))
    assert not path.exists()
    with pytest.raises(Refused):
        forget_release(tmp_path, ("two", "1"))


def test_known_releases_are_marked(tmp_path: Path) -> None:
    a_shard(tmp_path, a_release("one"))
    found = known_release(read_shards(tmp_path), ("one", "1"))
    assert found is not None
    assert found.already
    assert known_release(read_shards(tmp_path), ("one", "2")) is None


def test_what_a_crash_left_is_cleaned_at_the_next_load(tmp_path: Path) -> None:
    leftover = tmp_path / ".loading-4711"
    leftover.mkdir()
    (leftover / DATABASE).write_bytes(b"half")
    with load_lock(tmp_path), staging(tmp_path) as staged:
        assert not leftover.exists()
        assert staged.is_dir()
    assert not staged.exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        duckdb.IOException('IO Error: Could not write file "x": No space left on device'),
    ],
)
def test_a_full_disk_is_said_so(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(Unreachable) as caught, staging(tmp_path):
        raise error
    assert caught.value.code == "disk-full"
    assert not list(tmp_path.glob(".loading*"))


def test_too_little_memory_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught, staging(tmp_path):
        raise duckdb.OutOfMemoryException("Out of Memory Error: could not allocate block")
    assert caught.value.code == "load-memory"


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), staging(tmp_path):
        raise PermissionError("no")
