import errno
import json
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from oncofed import __version__
from oncofed.cli import main as command
from oncofed.cli.main import NOUNS, Noun, main
from oncofed.contracts.codes import CODES
from oncofed.contracts.errors import QueryError
from oncofed.sdk.credentials import SignIn, credentials


def run(*arguments: str) -> int:
    """The exit status of a command line."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person who never signed in anywhere."""
    for name in ("ONCOFED_HUB", "ONCOFED_TOKEN", "ONCOFED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ONCOFED_DATA", str(tmp_path))
    return tmp_path


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"oncofed {__version__}\n"


def test_the_help_names_every_noun_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert all(noun in shown for noun in NOUNS)
    program = "import sys\nfrom oncofed.cli.main import main\ntry:\n main(['--help'])\nexcept SystemExit: pass\n"
    program += "print(sorted({'pandas', 'httpx', 'django', 'duckdb', 'lark'} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_an_error_ends_with_its_status_and_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("search", "modality = MR") == CODES["hub-unknown"].exit_status == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "[hub-unknown]" in shown.err
    assert "oncofed login URL" in shown.err
    assert "oncofed explain hub-unknown" in shown.err


def test_a_missing_package_names_the_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "noun_without_package.py").write_text("import package_that_is_not_there")
    monkeypatch.syspath_prepend(str(tmp_path))
    lazy = command.LazyNoun("hub", Noun("noun_without_package:app", "about", "hub"))
    with pytest.raises(Exception, match=r"package_that_is_not_there is missing; it comes with oncofed\[hub\]"):
        lazy.load()
    with pytest.raises(ModuleNotFoundError):
        command.LazyNoun("x", Noun("oncofed.cli.nonsense:app", "about")).load()


def test_a_query_is_pointed_at() -> None:
    from oncofed.cli.search import point_at
    from oncofed.contracts.errors import Position

    error = QueryError("query-unknown-criterion", "no “modalty”", position=Position(0, 7))
    point_at(error, "modalty = MR")
    assert command.message(error).splitlines()[1:3] == ["  modalty = MR", "  ^^^^^^^"]
    plain = QueryError("query-syntax", "no")
    point_at(plain, "x")
    assert len(command.message(plain).splitlines()) == 2


def test_output_into_a_closed_pipe_ends_without_a_traceback() -> None:
    writer = subprocess.Popen(
        [sys.executable, "-m", "oncofed", "explain", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()  # before anything is written
    with writer.stderr:
        complaint = writer.stderr.read()
    assert writer.wait(30) == 1
    assert "Traceback" not in complaint


@pytest.mark.parametrize("code", ["hub-unknown", "[hub-unknown]"])
def test_a_code_is_explained(capsys: pytest.CaptureFixture[str], code: str) -> None:
    assert run("explain", code) == 0
    shown = capsys.readouterr().out
    assert CODES["hub-unknown"].title in shown
    assert "exit status 2: bad input" in shown


def test_an_unknown_code_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "hub-unknwon") == 2
    assert "did you mean “hub-unknown”?" in capsys.readouterr().err
    assert run("explain", "zzzzzz") == 2


def test_all_codes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain") == 0
    assert "hub-unknown" in capsys.readouterr().out
    assert run("explain", "--json") == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["code"] for entry in entries] == sorted(CODES)
    assert run("explain", "hub-unknown", "--json") == 0
    assert json.loads(capsys.readouterr().out)["next"] == CODES["hub-unknown"].next_step


def test_the_doctor_looks_at_this_computer(capsys: pytest.CaptureFixture[str], nobody: Path) -> None:
    assert run("doctor") == 0
    shown = capsys.readouterr().out
    assert f"ok   oncofed: {__version__}" in shown
    assert "sign-ins: none stored" in shown
    assert "hub: none chosen" in shown


@pytest.mark.network  # the refused connection to the loopback interface is what the doctor finds
def test_the_doctor_minds_who_can_read_the_token(capsys: pytest.CaptureFixture[str], nobody: Path) -> None:
    kept = credentials()
    kept.keep("http://127.0.0.1:9", SignIn("secret"))
    assert run("doctor", "--json") == 6  # nobody listens there
    found = {one["name"]: one["good"] for one in json.loads(capsys.readouterr().out)}
    assert (found["sign-ins"], found["hub"]) == (True, False)
    kept.path.chmod(0o644)
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o644
    assert run("doctor") == 6
    assert "others can read" in capsys.readouterr().out


def test_what_to_count_must_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("search", "--hub", "http://127.0.0.1:9") == 2
    assert "say what to count" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "disk-full"), (errno.EROFS, "path-unusable"), (errno.EMFILE, "system-refused")],
)
def test_what_the_system_refuses_has_a_code(number: int, code: str) -> None:
    assert command.refusal(OSError(number, "any"), []).code == code


def test_only_what_was_typed_of_a_path_is_told(tmp_path: Path) -> None:
    inside = OSError(errno.EACCES, "denied", str(tmp_path / "Rossi^Anna" / "1.dcm"))
    for typed in ((str(tmp_path),), (f"--run={tmp_path}", "1"), ("--run", str(tmp_path))):
        said = str(command.refusal(inside, ("prepare", *typed)))
        assert said.startswith(f"{tmp_path}: Permission denied [path-unusable]")
        assert "Rossi" not in said
    assert str(command.refusal(inside, ("prepare", "scan", "elsewhere"))).startswith("Permission denied [")


def test_a_damaged_database_has_a_code(tmp_path: Path) -> None:
    (tmp_path / "damaged.sqlite").write_bytes(b"no database at all, but long enough" * 100)
    connection = sqlite3.connect(tmp_path / "damaged.sqlite")
    with pytest.raises(sqlite3.DatabaseError) as caught:
        connection.execute("SELECT * FROM sqlite_master")
    connection.close()
    assert command.refusal(caught.value, []).code == "database-damaged"
    assert command.refusal(sqlite3.OperationalError("database is locked"), []).code == "system-refused"
