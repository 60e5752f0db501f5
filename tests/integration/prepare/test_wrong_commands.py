"""What data managers type wrongly: each ends with a code and a next step on standard error, and changes nothing."""

import logging
import re
from pathlib import Path

import pytest

from oncofed.cli.main import main
from oncofed.contracts.codes import CODES
from oncofed.node import enrolment
from oncofed.prepare.run import Run
from tests.factories.source import a_series

CASES = [
    ("path-unusable", "prepare scan source --run file/run"),
    ("prepare-run-unknown", "prepare scan source --run file"),
    ("prepare-run-unknown", "prepare run plan.yaml"),
    ("path-unusable", "prepare deidentify --run run --data-dir file"),
    ("path-unusable", "prepare harmonise source file"),
    ("path-unusable", "prepare eucaim file --dataset x1 --run run"),
    ("path-unusable", "node init --title X --country IT --data-dir file"),
    ("path-unusable", "node status --data-dir file"),
    ("path-unusable", "node backup file/x.tar"),
    ("path-unusable", "hub init --data-dir file"),
    ("settings-invalid", "node init --title= --country IT --data-dir other"),
    ("invitation-invalid", "node enrol --token-file bytes"),
    ("backup-unreadable", "node restore absent --data-dir other"),
    ("source-empty", "node load idc --collections ,"),
    ("release-name-invalid", "prepare release --dataset x1 --run run --release ../x"),
    ("release-name-invalid", "prepare release --dataset x1 --run run --release .."),
    ("dataset-id-invalid", "prepare eucaim new --dataset X_1 --run run"),
    ("source-empty", "prepare harmonise empty new"),
    ("volume-invalid", "prepare harmonise source new --spacing 0,1,1"),
    ("volume-invalid", "prepare harmonise source new --spacing nan,1,1"),
    ("source-unreadable", "prepare certificate absent"),
    ("prepare-peer-invalid", "prepare fetch dicomweb nonsense --run new"),
    ("prepare-peer-invalid", "prepare receive --title seventeen-letters --run new"),
    ("prepare-scheduler-silent", "prepare scan source --run new --scheduler nonsense"),
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node, a run that nothing was done in, and some things that are not what they should be."""
    monkeypatch.setattr(logging, "raiseExceptions", False)  # other tests leave handlers of streams that are closed now
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONCOFED_DATA", str(tmp_path / "node"))
    enrolment.init(tmp_path / "node", title="Hospital", country="IT")
    a_series(tmp_path / "source")
    Run.create(tmp_path / "run").close()
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "plan.yaml").write_text("plan: oncofed/1\nsources: [{folder: source}]\nrun: file\n")
    return tmp_path


def typed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Status, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


@pytest.mark.parametrize(("code", "line"), CASES, ids=[line for _, line in CASES])
def test_each_has_a_code_and_changes_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], code: str, line: str
) -> None:
    before = {path for path in place.rglob("*") if "new" not in path.parts}
    status, out, err = typed(capsys, *line.split())
    assert (status, out) == (CODES[code].exit_status, "")
    assert re.search(rf"^Error: [^\n]+\[{code}\]\. [^\n]+\nMore: oncofed explain {code}\n$", err), err
    after = {path for path in place.rglob("*") if "new" not in path.relative_to(place).parts}
    assert {path for path in after - before if path.name not in ("lock", "incoming")} == set()


@pytest.mark.parametrize(
    "line",
    [
        "prepare scan source --run new --workers 100000",
        "prepare review --run run --rectangle 1,2,3,4",
        "node load synthetic --dataset x1 --seed -1",
    ],
)
def test_an_option_that_cannot_be_is_told_as_usage(place: Path, capsys: pytest.CaptureFixture[str], line: str) -> None:
    status, out, err = typed(capsys, *line.split())
    assert (status, out) == (2, "")
    assert "Invalid value for" in err


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("sources: [{dicomweb: nonsense}]", "sources.0.dicomweb.dicomweb"),
        ("sources: [{pacs: nonsense}]", "sources.0.pacs.pacs"),
        ("sources: [{folder: source, port: 1}]", "sources.0.folder.port"),
        ("sources: [{folder: source}]\ndataset: {id: x1, release: ../x}", "dataset.release"),
    ],
)
def test_a_plan_says_which_entry_of_which_source_is_wrong(
    place: Path, capsys: pytest.CaptureFixture[str], entry: str, told: str
) -> None:
    (place / "plan.yaml").write_text(f"plan: oncofed/1\n{entry}\n")
    status, _, err = typed(capsys, "prepare", "run", "plan.yaml")
    assert (status, f"Error: {told}: " in err) == (2, True), err


def test_a_journal_that_breaks_while_it_is_read_is_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = place / "run" / "journal.sqlite"
    content = journal.read_bytes()
    journal.write_bytes(content[:4096] + b"\x07" * (len(content) - 4096))
    status, out, err = typed(capsys, "prepare", "status", "--run", "run")
    assert (status, out) == (5, "")
    assert "[prepare-run-corrupt]" in err


def test_the_next_command_can_be_typed_where_a_name_has_a_space(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = typed(capsys, "prepare", "scan", "source", "--run", "a run")
    assert "--run 'a run'`" in out
