"""The gates refuse what they must refuse: a gate that never fails is worth nothing."""

import ast
import json
from pathlib import Path

import pytest

from tests.skips import SHARED_ABSENT, SYSTEM_PROGRAM, forbidden_in_ci
from tools import coverage_gates, new_environment, style_gates, system_packages

LONG_FUNCTION = "def long():\n" + "    x = 1\n" * 61


def summary(covered: int, missing: int) -> dict[str, int]:
    return {
        "num_statements": covered + missing,
        "num_branches": 0,
        "covered_lines": covered,
        "covered_branches": 0,
        "missing_lines": missing,
        "missing_branches": 0,
    }


def report(**missing: int) -> dict:
    files = {prefix: 0 for prefix in coverage_gates.COMPLETE}
    files = {path if path.endswith(".py") else f"{path}a.py": count for path, count in files.items()}
    files |= {"src/oncofed/cli/main.py": 0} | {path.replace("__", "/") + ".py": n for path, n in missing.items()}
    entries = {
        path: {"summary": summary(100 - n, n), "missing_lines": list(range(n)), "missing_branches": []}
        for path, n in files.items()
    }
    total = summary(100 * len(files) - sum(files.values()), sum(files.values()))
    return {"totals": total, "files": entries}


def test_complete_coverage_passes() -> None:
    assert coverage_gates.gaps(report()) == []


def test_one_line_missing_in_disclosure_fails() -> None:
    (line,) = coverage_gates.gaps(report(src__oncofed__disclosure__noise=1))
    assert line.startswith("src/oncofed/disclosure/noise.py must be covered completely")


def test_too_little_in_all_fails_and_names_the_worst_file() -> None:
    found = coverage_gates.gaps(report(src__oncofed__hub__views=60))
    assert found[0].startswith("coverage is 91.4")
    assert found[1].split() == ["60", "uncovered", "in", "src/oncofed/hub/views.py"]


def test_a_place_that_was_not_measured_fails() -> None:
    content = report()
    del content["files"]["src/oncofed/node/outbox.py"]
    assert coverage_gates.gaps(content) == ["nothing of src/oncofed/node/outbox.py was measured"]


def test_coverage_gate_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report()))
    assert coverage_gates.main(str(path)) == 0
    path.write_text(json.dumps(report(src__oncofed__trust__keys=2)))
    assert coverage_gates.main(str(path)) == 1
    assert "trust/keys.py" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "source", "breach"),
    [
        ("a.py", "x = 1\n" * 601, "601 lines"),
        ("a.py", LONG_FUNCTION, "long has 61 lines"),
        ("a.py", "try:\n    x = 1\nexcept Exception:\n    x = 2\n", "broad except"),
        ("a.py", "try:\n    x = 1\nexcept (ValueError, BaseException):\n    x = 2\n", "broad except"),
        ("a.py", "try:\n    x = 1\nexcept:\n    x = 2\n", "broad except"),
        ("__init__.py", "def work():\n    pass\n", "only re-exports"),
        ("__init__.py", "x = 1\n", "only re-exports"),
        ("utils.py", "x = 1\n", "is called utils"),
    ],
)
def test_style_breaches(tmp_path: Path, name: str, source: str, breach: str) -> None:
    path = tmp_path / name
    path.write_text(source)
    (line,) = style_gates.breaches(path)
    assert breach in line
    assert style_gates.main([str(tmp_path)]) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.py", "x = 1\n" * 600),
        ("a.py", 'def long():\n    """Doc."""\n' + "    x = 1\n" * 60),
        ("a.py", "try:\n    x = 1\nexcept Exception:\n    raise\n"),
        ("__init__.py", '"""Doc."""\nfrom a import b\n__all__ = ["b"]\n__version__: str = "1"\n'),
        ("__init__.py", "def __getattr__(name):\n    pass\n"),
        ("__init__.py", "if TYPE_CHECKING:\n    import a\n"),
    ],
)
def test_what_is_allowed_passes(tmp_path: Path, name: str, source: str) -> None:
    (tmp_path / name).write_text(source)
    assert style_gates.main([str(tmp_path)]) == 0


def test_the_nodes_loop_may_catch_everything(tmp_path: Path) -> None:
    path = tmp_path / "oncofed" / "node" / "agent.py"
    path.parent.mkdir(parents=True)
    path.write_text("try:\n    x = 1\nexcept Exception:\n    x = 2\n")
    assert list(style_gates.breaches(path)) == []


def test_empty_functions_have_no_lines() -> None:
    (function,) = ast.parse('def f():\n    """Doc."""\n').body
    assert isinstance(function, ast.FunctionDef)
    assert style_gates.body_lines(function) == 0


@pytest.mark.parametrize(
    ("reason", "shared_is_there", "forbidden"),
    [
        (f"Skipped: {SYSTEM_PROGRAM}: chromium is missing", False, True),
        (f"Skipped: {SHARED_ABSENT}: the corpus", True, True),
        (f"Skipped: {SHARED_ABSENT}: the corpus", False, False),
        ("Skipped: not on this platform", True, False),
    ],
)
def test_which_skips_ci_refuses(reason: str, shared_is_there: bool, forbidden: bool) -> None:
    assert forbidden_in_ci(reason, shared_is_there=shared_is_there) is forbidden


def missing_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One program that is nowhere, and an apt-get that does nothing but write down how it was called."""
    listed = tmp_path / "list.toml"
    listed.write_text('[[program]]\nprogram = "nosuch"\npackage = "nosuch-pkg"\nneeded_by = "a"\nsince = "1"\n')
    path = tmp_path / "bin"
    path.mkdir()
    apt = path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n[ -z "$APT_FAILS" ]\n')
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path}:/usr/bin:/bin")
    entries = system_packages.programs(listed)
    monkeypatch.setattr(system_packages, "programs", lambda: entries)


def test_a_missing_program_is_installed_with_apt_lists_refreshed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing_program(tmp_path, monkeypatch)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(system_packages, "privilege", lambda: ())
    assert system_packages.main("install") == 0
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["update -q", "install -q -y --no-install-recommends nosuch-pkg"]


def test_where_it_may_not_install_it_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing_program(tmp_path, monkeypatch)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(system_packages, "privilege", lambda: None)
    assert system_packages.main("install") == 0
    assert "nosuch is missing (a needs it): sudo apt-get install nosuch-pkg" in capsys.readouterr().err
    assert not (tmp_path / "calls").exists()
    assert system_packages.main("check") == system_packages.MISSING


def test_in_ci_a_program_that_stays_missing_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing_program(tmp_path, monkeypatch)
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("APT_FAILS", "1")
    monkeypatch.setattr(system_packages, "privilege", lambda: ())
    assert system_packages.main("install") == system_packages.MISSING
    assert (tmp_path / "calls").read_text().splitlines() == ["update -q"]


def test_the_list_itself_is_readable() -> None:
    assert "chromium" in {program.program for program in system_packages.programs()}


def test_an_old_python_is_told_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(new_environment, "OLDEST", (99, 0))
    assert new_environment.main(str(tmp_path / "env")) == 6
    assert "needs Python 3.11" in capsys.readouterr().err
    assert not (tmp_path / "env").exists()
