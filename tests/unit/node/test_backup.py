"""Backup and restore: everything that cannot be made again, or an error."""

import errno
import io
import json
import tarfile

import pytest

from oncofed.contracts.errors import Corrupt, Refused, Unreachable
from oncofed.disclosure.live import Question
from oncofed.node import enrolment, identity
from oncofed.node.assembly import open_ledger
from oncofed.node.backup import backup, restore
from oncofed.node.outbox import Outbox
from oncofed.node.settings import read_settings
from tests.factories.nodes import NOW

QUESTION = Question("1" * 64, None, frozenset({"a" * 64}))


@pytest.fixture
def settings(tmp_path):
    enrolment.init(tmp_path / "node", title="St “Anna” \\ \n\x7f", country="AT")
    return read_settings(tmp_path / "node", {})


def test_a_restored_node_is_the_same_node(settings, tmp_path):
    own = identity.read(settings.keys)
    ledger = open_ledger(settings, own)
    entry = ledger.commit(QUESTION, {"": 7}, charge=(2026, "uni-one", ("breast",)))
    outbox = Outbox(settings.outbox_file)
    outbox.record(now=NOW, destination="https://hub", kind="poll", body=b"{}")
    names = backup(settings, tmp_path / "backup.tar", now=NOW)  # ledger and outbox are still open
    assert {"keys/secret", "keys/node.key", "ledger.sqlite", "outbox.sqlite", "policy.toml"} <= set(names)
    assert (tmp_path / "backup.tar").stat().st_mode & 0o777 == 0o600

    assert restore(tmp_path / "backup.tar", tmp_path / "new") == [one for one in names if "oncofed-node" not in one]
    again = read_settings(tmp_path / "new", {})
    assert again.title == settings.title
    twin = identity.read(again.keys)
    assert (twin.key.public, twin.secret) == (own.key.public, own.secret)
    assert open_ledger(again, twin).find(QUESTION) == entry
    assert Outbox(again.outbox_file).check() == 1
    assert not list(settings.directory.glob("tmp*"))


def test_nothing_is_overwritten(settings, tmp_path):
    backup(settings, tmp_path / "backup.tar")
    with pytest.raises(Refused, match="directory-not-empty"):
        backup(settings, tmp_path / "backup.tar")
    with pytest.raises(Refused, match="directory-not-empty"):
        restore(tmp_path / "backup.tar", settings.directory)


def test_where_it_cannot_be_written_there_is_none(settings, tmp_path):
    with pytest.raises(FileNotFoundError):  # the command tells it as path-unusable
        backup(settings, tmp_path / "absent" / "backup.tar")
    assert not (tmp_path / "absent").exists()


def test_a_full_disk_is_told(settings, tmp_path, monkeypatch):
    def full(*_args, **_options):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("oncofed.node.backup.write_durably", full)
    with pytest.raises(Unreachable, match="disk-full"):
        backup(settings, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()


def repacked(path, change):
    """The backup with its files changed by ``change``."""
    with tarfile.open(path) as tar:
        contents = {entry.name: tar.extractfile(entry).read() for entry in tar}
    change(contents)
    with tarfile.open(path, "w") as tar:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def without_secret(contents):
    manifest = json.loads(contents["oncofed-node-backup.json"])
    del manifest["files"]["keys/secret"], contents["keys/secret"]
    contents["oncofed-node-backup.json"] = json.dumps(manifest).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda contents: contents.pop("policy.toml"),
        lambda contents: contents.pop("oncofed-node-backup.json"),
        lambda contents: contents.update({"keys/secret": b"other"}),
        lambda contents: contents.update({"oncofed-node-backup.json": b"[]"}),
        without_secret,
    ],
)
def test_an_altered_backup_is_refused(settings, tmp_path, change):
    path = tmp_path / "backup.tar"
    backup(settings, path)
    repacked(path, change)
    with pytest.raises(Corrupt, match="backup-unreadable"):
        restore(path, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_only_files_of_a_node_are_unpacked(settings, tmp_path):
    path = tmp_path / "backup.tar"
    backup(settings, path)
    repacked(path, lambda contents: contents.update({"../evil": b"x", "keys/other": b"x"}))
    restore(path, tmp_path / "new")
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "new" / "keys" / "other").exists()


@pytest.mark.parametrize("content", [b"", b"no tar"])
def test_what_is_no_backup_is_told(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(Corrupt, match="backup-unreadable"):
        restore(tmp_path / "file", tmp_path / "new")
