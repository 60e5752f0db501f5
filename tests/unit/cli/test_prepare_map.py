"""`oncofed prepare map`: what a data manager sees, and what never stands on the terminal."""

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from oncofed.cli.prepare import app
from oncofed.contracts.errors import BadInput
from tests.factories.mapping import PATIENTS, write_csv, write_mapping

RUNNER = CliRunner()
SEX = PATIENTS.replace("{species: {value: human}}", "{birth_sex: {column: sex, vocabulary: sex}}")


def run(*arguments: object) -> str:
    result = RUNNER.invoke(app, ["map", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return write_csv(tmp_path, "people", "pid,sex,shoe\nSMITH-1,F,40\nSMITH-2,elf,41")


def test_the_presets_are_listed() -> None:
    listed = run("--list")
    assert "eucanimage-uc45-fhir" in listed
    assert "primage" in listed
    assert "[our own reading]" in listed
    assert {"name", "title", "shape", "about"} == set(json.loads(run("--list", "--json"))[0])


def test_a_mapping_tells_what_passed_and_what_did_not(people: Path, tmp_path: Path) -> None:
    mapping = write_mapping(tmp_path, SEX)
    told = run(people, "--mapping", mapping, "--output", tmp_path / "out")
    assert "2 rows gave 2 patient" in told
    assert "1 × value-unmapped: people.sex → patient.birth_sex" in told
    assert "people: no rule uses shoe" in told
    assert "elf" not in told
    assert "SMITH" not in told
    facts = json.loads(run(people, "--mapping", mapping, "--output", tmp_path / "out", "--dry-run", "--json"))
    assert facts["dry_run"] is True
    assert "SMITH" not in json.dumps(facts)
    assert "would give" in run(people, "-m", mapping, "-o", tmp_path / "dry", "--dry-run")


def test_suggestions_are_shown_and_written_for_the_data_manager_only(people: Path, tmp_path: Path) -> None:
    told = run(people, "--suggest", "--output", tmp_path / "s")
    assert "people.sex" in told
    assert "elf" not in told
    assert (tmp_path / "s" / "mapping.yaml").stat().st_mode & 0o077 == 0
    assert "elf" not in run(people, "--suggest", "--json")
    assert "shown with --output" in run(people, "--suggest")


def test_what_is_missing_is_asked_for(people: Path, tmp_path: Path) -> None:
    for arguments in (
        (),
        (people,),
        (people, "-m", "omop-cdm"),
        (people, "-m", "x", "-o", tmp_path, "--run", tmp_path),
    ):
        with pytest.raises(BadInput):
            run(*arguments)
    assert RUNNER.invoke(app, ["map", str(people), "-m", "x", "-o", "o", "--disputed", "maybe"]).exit_code == 2


def test_into_a_run(people: Path, tmp_path: Path) -> None:
    from oncofed.prepare.run import Run

    with Run.create(tmp_path / "run") as opened:
        mapped = opened.mapped
    told = run(people, "-m", write_mapping(tmp_path, SEX), "--run", tmp_path / "run")
    assert "2 patient" in told
    assert (mapped / "patient.parquet").is_file()


def test_a_database_is_named_by_what_holds_its_url(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(tmp_path / "clinic.db") as database:
        database.execute("CREATE TABLE people (pid TEXT, sex TEXT)")
        database.execute("INSERT INTO people VALUES ('SMITH-1', 'F')")
    database.close()
    mapping, out = write_mapping(tmp_path, SEX), tmp_path / "out"
    url = f"sqlite:///{tmp_path}/clinic.db"
    monkeypatch.setenv("CLINIC_URL", url)
    assert "1 rows gave 1 patient" in run("--database-variable", "CLINIC_URL", "-m", mapping, "-o", out)
    kept = tmp_path / "clinic.url"
    kept.touch(0o600)
    kept.write_text(url + "\n")
    assert "1 rows would give" in run("--database-file", kept, "-m", mapping, "-o", out, "--dry-run", "--timeout", 5)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["postgresql://me:hidden-pw@host/omop"], "database-unnamed"),
        (["--database-variable", "postgresql://me:hidden-pw@host/omop"], "database-unnamed"),
        (["--database-variable", "CLINIC_NOT_SET"], "database-unnamed"),
        (["--database-file", "no-such-file"], "database-unnamed"),
        (["people.csv", "--database-variable", "CLINIC_NOT_SET"], "source-unreadable"),
        ([], "source-unreadable"),
    ],
)
def test_no_url_on_the_command_line(tmp_path: Path, arguments: list[str], code: str) -> None:
    with pytest.raises(BadInput) as caught:
        run(*arguments, "-m", write_mapping(tmp_path, SEX), "-o", tmp_path / "out")
    assert caught.value.code == code
    assert "hidden-pw" not in str(caught.value)


def test_a_database_holds_no_fhir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_URL", "sqlite://")
    with pytest.raises(BadInput, match="which no database holds"):
        run("--database-variable", "CLINIC_URL", "-m", "fhir-mcode", "-o", tmp_path / "out")
