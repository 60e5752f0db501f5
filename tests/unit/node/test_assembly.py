"""Putting a node together: files that are watched, a ledger that is checked, a log that tells no values."""

import json
import logging
import os
import sqlite3

import pytest

from oncofed.contracts.errors import BadInput, Corrupt
from oncofed.disclosure.live import Question
from oncofed.node import enrolment, identity
from oncofed.node.assembly import JsonLines, Watched, open_context, open_ledger, read_policy, warmed
from oncofed.node.published import write_published
from oncofed.node.settings import read_settings
from tests.factories.nodes import load_synthetic, published


@pytest.fixture
def settings(tmp_path):
    enrolment.init(tmp_path / "node", title="St Anna", country="AT")
    return read_settings(tmp_path / "node", {})


def test_a_file_is_read_again_when_it_changes_and_only_then(tmp_path):
    path, read = tmp_path / "file", []

    def content(file):
        read.append(file)
        return file.read_text() if file.exists() else ""

    watched = Watched(path, content)
    assert [watched(), watched()] == ["", ""]
    assert len(read) == 1
    path.write_text("one")
    assert [watched(), watched()] == ["one", "one"]
    assert len(read) == 2
    os.utime(path, ns=(1, 1))
    assert watched() == "one"
    assert len(read) == 3


def test_an_error_stays_until_the_file_is_repaired(tmp_path):
    path = tmp_path / "policy.toml"
    watched = Watched(path, read_policy)
    with pytest.raises(BadInput, match="missing"):
        watched()
    path.write_text("")
    assert watched().answers.enabled
    path.write_text("[answers]\nfoo = 1")
    for _ in range(2):
        with pytest.raises(BadInput, match="foo"):
            watched()
    path.write_text("[answers]\nenabled = false")
    assert not watched().answers.enabled


def test_new_releases_are_seen_when_they_are_published(settings):
    own = identity.read(settings.keys)
    node = warmed(open_context(settings, own, open_ledger(settings, own)))
    assert node.published().releases == ()
    assert node.ledger_problem is None
    release = load_synthetic(settings.warehouse, "breast", patients=12)
    write_published(settings.published_file, published([release]))
    (seen,) = node.published().releases
    from oncofed.contracts.query import parse

    assert seen.digest == release.digest
    assert node.warehouse.count(parse("").query, [release.name]) == {"": 12}


def test_a_ledger_that_was_altered_is_found_at_the_start(settings):
    own = identity.read(settings.keys)
    ledger = open_ledger(settings, own)
    ledger.commit(Question("1" * 64, None, frozenset()), {"": 1}, charge=(2026, "uni-one", ("breast",)))
    database = sqlite3.connect(settings.ledger_file, isolation_level=None)
    database.execute("UPDATE entry SET body = replace(body, 'uni-one', 'uni-two')")
    database.close()
    assert open_context(settings, own, ledger).ledger_problem == "ledger-broken"


def test_a_warehouse_that_is_damaged_does_not_keep_the_node_from_starting(settings):
    own = identity.read(settings.keys)
    node = open_context(settings, own, open_ledger(settings, own))
    settings.published_file.write_text("{")
    with pytest.raises(Corrupt, match="publication-invalid"):
        node.published()
    assert warmed(node) is node


def test_a_log_line_is_one_json_object():
    record = logging.LogRecord("oncofed.node", logging.WARNING, "file", 1, "hub “%s”\nsilent", ("x",), None)
    said = json.loads(JsonLines().format(record))
    assert said["message"] == "hub “x”\nsilent"
    assert (said["level"], said["logger"]) == ("warning", "oncofed.node")
    assert said["at"].endswith("+00:00")
