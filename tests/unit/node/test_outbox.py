"""The outbox: written before sending, never changed, and silent nodes rather than unrecorded bytes."""

import sqlite3
from datetime import UTC, datetime

import pytest

from oncofed.contracts.errors import Corrupt, Unreachable
from oncofed.node.outbox import Outbox

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox.sqlite"


def record(outbox, body=b'{"a":1}', **about):
    return outbox.record(now=NOW, destination="https://hub/exchange/v1/results", kind="results", body=body, about=about)


def test_what_was_recorded_is_there_after_a_restart(path):
    outbox = Outbox(path)
    assert record(outbox, b"\x00exact bytes", who="uni-one") == 1
    outbox.close()
    message = Outbox(path).message(1)
    assert message is not None
    assert (message.body, message.sent_at, message.about) == (b"\x00exact bytes", NOW, {"who": "uni-one"})
    assert message.destination == "https://hub/exchange/v1/results"
    assert Outbox(path).message(2) is None


def test_the_newest_stand_first_and_can_be_chosen_by_kind(path):
    outbox = Outbox(path)
    for number in range(3):
        record(outbox, str(number).encode())
    outbox.record(now=NOW, destination="https://hub", kind="poll", body=b"{}")
    assert [one.sequence for one in outbox.newest(2)] == [4, 3]
    assert [one.body for one in outbox.newest(9, kind="results")] == [b"2", b"1", b"0"]
    assert outbox.check() == 4


@pytest.mark.parametrize("statement", ["UPDATE message SET body = x'00'", "DELETE FROM message"])
def test_rows_cannot_be_changed_or_deleted(path, statement):
    record(Outbox(path))
    database = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append only"):
        database.execute(statement)
    database.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE message SET body = x'00' WHERE sequence = 2",
        "UPDATE message SET about = '{}' WHERE sequence = 2",
        "UPDATE message SET sent_at = '2026-01-01' WHERE sequence = 2",
        "DELETE FROM message WHERE sequence = 2",
    ],
)
def test_whoever_gets_around_that_breaks_the_chain(path, statement):
    outbox = Outbox(path)
    for _ in range(3):
        record(outbox, who="uni-one")
    database = sqlite3.connect(path, isolation_level=None)
    for trigger in ("no_update", "no_delete"):
        database.execute(f"DROP TRIGGER {trigger}")
    database.execute(statement)
    database.close()
    with pytest.raises(Corrupt, match="outbox-corrupt"):
        outbox.check()


def test_two_processes_write_one_chain(path):
    one, other = Outbox(path), Outbox(path)
    assert [record(one), record(other), record(one)] == [1, 2, 3]
    assert other.check() == 3


def test_a_full_disk_stops_the_sending_and_leaves_the_chain_whole(path):
    outbox = Outbox(path)
    record(outbox)
    # SQLite's own limit on the size of the file fails exactly as a full disk does (SQLITE_FULL).
    outbox._database.execute("PRAGMA max_page_count = 1")
    with pytest.raises(Unreachable, match="outbox-unwritable"):
        record(outbox, b"x" * 100_000)
    assert Outbox(path).check() == 1
    outbox._database.execute("PRAGMA max_page_count = 100000")
    assert record(outbox, b"x" * 100_000) == 2


def test_an_outbox_that_cannot_be_opened_stops_the_sending(tmp_path):
    with pytest.raises(Unreachable, match="outbox-unwritable"):
        Outbox(tmp_path / "absent" / "outbox.sqlite")


def test_a_closed_outbox_stops_the_sending(path):
    outbox = Outbox(path)
    outbox.close()
    with pytest.raises(Unreachable, match="outbox-unwritable"):
        record(outbox)


def test_a_damaged_file_is_told(path):
    outbox = Outbox(path)
    for number in range(200):
        record(outbox, bytes([number]) * 500)
    outbox.close()
    content = bytearray(path.read_bytes())
    content[8192:40960] = b"\xff" * 32768
    path.write_bytes(content)
    with pytest.raises(Corrupt, match="outbox-corrupt"):
        Outbox(path).check()
