"""The run's directory and journal: whole or not there, one project, old versions and foreign files refused."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from oncofed.contracts.errors import BadInput, Corrupt, OncofedError
from oncofed.prepare import journal
from oncofed.prepare.deidentify import target_of
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.run import Run, RunFile, State, placed, readable, stored
from oncofed.trust.pseudonyms import Pseudonyms


def test_a_run_is_made_once_and_opened_again(tmp_path: Path) -> None:
    with Run.create(tmp_path / "run", project="trial") as run:
        run.put(colour="red")
    with Run.create(tmp_path / "run", project="trial") as run:
        assert (run.project, run.get("colour"), run.get("size")) == ("trial", "red", "")
    with pytest.raises(BadInput, match="another project"):
        Run.create(tmp_path / "run", project="other")


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no run"):
        Run.open(tmp_path)
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(BadInput, match="something else"):
        Run.create(tmp_path)
    (tmp_path / "journal.sqlite").write_text("no database, but long enough to be looked at as one" * 100)
    with pytest.raises(Corrupt, match="prepare-run-corrupt"):
        Run.open(tmp_path)


def test_a_journal_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path) -> None:
    Run.create(tmp_path / "run").close()
    (tmp_path / "run" / "journal.sqlite-wal").mkdir()
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        Run.open(tmp_path / "run")


def test_a_run_of_another_version(tmp_path: Path) -> None:
    Run.create(tmp_path / "run").close()
    with sqlite3.connect(tmp_path / "run" / "journal.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(BadInput, match="another version"):
        Run.open(tmp_path / "run")


def test_a_stage_says_how_it_ended(tmp_path: Path) -> None:
    with Run.create(tmp_path / "run") as run:
        with run.stage("one") as facts:
            facts["number"] = 7
        with pytest.raises(ValueError, match="trouble"), run.stage("two"):
            raise ValueError("trouble")
        stages = run.stages()
        assert (stages["one"]["state"], stages["one"]["facts"]) == ("done", {"number": 7})
        assert stages["two"]["state"] == "stopped"


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    with Run.create(tmp_path / "run") as run:
        with pytest.raises(sqlite3.ProgrammingError):
            run.put(a="b", c=object())  # type: ignore[arg-type]
        assert run.get("a") == ""


def test_actions_are_counted_over_files(tmp_path: Path) -> None:
    with Run.create(tmp_path / "run") as run:
        source = run.add_source("folder", tmp_path)
        assert run.add_source("folder", tmp_path) == source
        run.connection.executemany(
            "INSERT INTO files (source, path, size, mtime_ns, state, changes) VALUES (1, ?, 1, 1, ?, 5)",
            [("a", "verified"), ("b", "deidentified"), ("c", "quarantined")],
        )
        run.connection.executemany(
            "INSERT INTO changes VALUES (5, ?, ?, 'why')", [("(0010,0010)", "dummy"), ("(0010,0020)", "dummy")]
        )
        assert run.action_counts() == {"dummy": 4}
        assert run.number(State.VERIFIED, State.DEIDENTIFIED) == 2


@pytest.mark.parametrize("name", ["plain", "Größe", os.fsdecode(b"\xff\xfe")])
def test_names_of_files_come_back(name: str) -> None:
    assert placed(stored(name)) == name
    readable(name).encode()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_has_one_name(number: int) -> None:
    with pytest.raises(OncofedError, match="disk-full"), journal.disk_full_told():
        raise OSError(number, "full")
    with pytest.raises(PermissionError), journal.disk_full_told():
        raise PermissionError(errno.EACCES, "denied")


def test_a_full_database_has_it_too(tmp_path: Path) -> None:
    with Run.create(tmp_path / "run") as run:
        ((pages,),) = run.connection.execute("PRAGMA page_count").fetchall()
        run.connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(OncofedError, match="disk-full"):
            run.put(large="x" * 1_000_000)
        with pytest.raises(sqlite3.OperationalError, match="no such table"), journal.disk_full_told():
            run.connection.execute("SELECT * FROM absent")


def test_a_uid_is_no_path(tmp_path: Path) -> None:
    """A profile may keep UIDs as they are; what stands there may be anything."""
    profile = tmp_path / "keeps.toml"
    profile.write_text('options = ["retain_uids"]\n')
    tools = Recipe(lambda: Pseudonyms(bytes(32)), str(profile)).tools
    for uid, kept in (
        ("1.2.3", True),
        ("../../../etc", False),
        ("..", False),
        ("/etc", False),
        ("1" * 65, False),
        ("", False),
    ):
        header = {"PatientID": "P1", "StudyInstanceUID": uid, "SeriesInstanceUID": "1.2", "SOPInstanceUID": "1.3"}
        file = RunFile(
            id=1, path=tmp_path, place="a", size=1, state=State.INDEXED, code="", accepted=frozenset(), rectangles="",
            patient_key="", target=None, header=header, is_volume=False,
        )  # fmt: skip
        _, _, study, series, instance = target_of(file, tools).split("/")
        assert (study == uid) is kept
        assert (series, instance) == ("1.2", "1.3.dcm")
