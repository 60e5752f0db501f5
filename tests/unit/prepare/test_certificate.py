"""The certificate says what was done and found, holds no value of a patient, and cannot be changed unnoticed."""

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from oncofed.contracts.errors import BadInput, Corrupt
from oncofed.prepare.certificate import Certificate, certify, describe, read_certificate
from oncofed.prepare.deidentify import deidentify
from oncofed.prepare.papers import render
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.records import Particulars, write_records
from oncofed.prepare.run import Run, State
from oncofed.prepare.scan import scan
from oncofed.prepare.verify import verify
from oncofed.trust.keys import SigningKey
from oncofed.trust.pseudonyms import Pseudonyms
from tests.factories.source import GIVEN, ROOT, a_patient, a_series

KEY = SigningKey.from_bytes(bytes(range(32)))
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


def secret() -> Pseudonyms:
    return Pseudonyms(b"a secret of the tests, 32 bytes!")


RECIPE = Recipe(secret, profile="research", project="tests", ocr=False)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
    folder = tmp_path / "source-of-Sørensen"
    a_series(folder / "ct", 3)
    a_patient(folder, "Qvortrup", 2)
    (folder / "Sørensen.txt").write_text("no image")
    with Run.create(tmp_path / "run", project="tests") as made:
        scan(made, folder)
        deidentify(made, RECIPE)
        verify(made, RECIPE)
        yield made


def test_it_says_what_was_done_and_found(run: Run) -> None:
    statement = certify(run, RECIPE, KEY, now=NOW).statement
    assert statement["made_at"] == "2026-05-06T07:08:09+00:00"
    assert statement["files"] == {
        "found": 6,
        "released": 5,
        "held_back": {},
        "left_out": {"file-not-dicom": 1},
        "accepted_by_a_person": {},
        "no_file": {},
    }
    assert statement["patients"] == 2
    assert statement["actions"]["uid"] >= 4 * 5
    assert statement["verification"]["passed"]
    assert statement["policy"]["profile"] == "research"
    assert statement["policy"]["digest"] == RECIPE.tools.policy.digest
    assert statement["policy"]["dates"] == "shifted"
    assert "PatientSex" in statement["policy"]["kept"]
    assert ["113100", "Basic Application Confidentiality Profile"] in statement["policy"]["method_codes"]


def test_the_list_of_images_is_of_these_images(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    statement = certify(run, RECIPE, KEY).statement
    listed = (run.directory / "images.sha256").read_bytes()
    assert statement["images"] == {"files": 5, "list_sha256": hashlib.sha256(listed).hexdigest()}
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    command = ["sha256sum", "--check", "--quiet", "images.sha256"]
    assert subprocess.run(command, cwd=run.directory, check=False).returncode == 0
    target = next(run.files(State.VERIFIED)).target
    assert target is not None
    target.write_bytes(target.read_bytes() + b"\0\0")
    assert subprocess.run(command, cwd=run.directory, check=False, capture_output=True).returncode == 1


def test_no_value_of_a_patient_is_in_any_paper(run: Run) -> None:
    certify(run, RECIPE, KEY)
    write_records(run)
    names = ("certificate.json", "certificate.html", "images.sha256", "dpia.md", "processing-record.md")
    text = "".join((run.directory / name).read_text() for name in names)
    for value in (
        "Sørensen",
        "Qvortrup",
        "19500102",
        "20200304",
        ROOT,
        str(GIVEN["AccessionNumber"]) + '"',
        "no image",
    ):
        assert value not in text
    assert str(run.directory.parent) not in text


def test_it_can_be_read_and_is_the_same(run: Run) -> None:
    certificate = certify(run, RECIPE, KEY)
    path = run.directory / "certificate.json"
    assert read_certificate(path) == certificate
    assert read_certificate(path, key=KEY.public).passed
    assert path.stat().st_mode & 0o077 == 0


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all single values."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path


def test_no_single_value_can_be_changed(run: Run) -> None:
    certify(run, RECIPE, KEY)
    path = run.directory / "certificate.json"
    whole = path.read_text()
    for place in list(leaves(json.loads(whole))):
        changed = json.loads(whole)
        inner = changed
        for key in place[:-1]:
            inner = inner[key]
        old = inner[place[-1]]
        inner[place[-1]] = not old if isinstance(old, bool) else old + 1 if isinstance(old, int) else f"{old}x"
        path.write_text(json.dumps(changed))
        with pytest.raises(Corrupt, match="certificate-invalid"):
            read_certificate(path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"statement": {}, "key": "", "signature": ""}', "\x00"])
def test_what_is_no_certificate_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "certificate.json"
    path.write_text(content)
    with pytest.raises(Corrupt, match="certificate-invalid"):
        read_certificate(path)


def test_one_that_is_not_there_or_of_another_key_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match="certificate-invalid"):
        read_certificate(tmp_path / "absent.json")
    certify(run, RECIPE, KEY)
    with pytest.raises(Corrupt, match="another key"):
        read_certificate(run.directory / "certificate.json", key=SigningKey.generate().public)


@pytest.mark.parametrize("state", [State.INDEXED, State.DEIDENTIFIED])
def test_nothing_unverified_is_certified(run: Run, state: State) -> None:
    run.mark([next(run.files(State.VERIFIED)).id], state)
    with pytest.raises(BadInput, match="prepare-not-verified"):
        certify(run, RECIPE, KEY)
    assert not (run.directory / "certificate.json").exists()


def test_an_empty_run_is_not_certified(tmp_path: Path) -> None:
    with Run.create(tmp_path / "empty") as empty, pytest.raises(BadInput, match="prepare-not-verified"):
        certify(empty, RECIPE, KEY)


def test_what_was_held_back_and_accepted_is_told(run: Run) -> None:
    first, second, *_ = run.files(State.VERIFIED)
    run.mark([first.id], State.QUARANTINED, "prepare-residual")
    run.connection.execute("UPDATE files SET accepted = 'pixels-text-suspected' WHERE id = ?", (second.id,))
    certificate = certify(run, RECIPE, KEY)
    files = certificate.statement["files"]
    assert (files["held_back"], files["accepted_by_a_person"]) == (
        {"prepare-residual": 1},
        {"pixels-text-suspected": 1},
    )
    page = (run.directory / "certificate.html").read_text()
    assert "This image may show who the patient is" in page
    assert "Something that identifies was found" in page
    write_records(run)
    assert "Let pass by a person" in (run.directory / "dpia.md").read_text()


def test_the_page_is_whole_and_loads_nothing(run: Run) -> None:
    certificate = certify(run, RECIPE, KEY, now=NOW)
    page = (run.directory / "certificate.html").read_text()
    assert certificate.signature in page
    assert "they remain personal data" in page
    assert not re.search(r"<(?:script|img|link|iframe)\b|https?://", page)
    assert len(re.findall(r"<h1\b", page)) == 1


def test_the_page_shows_what_did_not_pass(run: Run) -> None:
    statement = certify(run, RECIPE, KEY).statement
    statement["verification"] |= {"passed": False, "findings": {"name": 2}, "broken": 3}
    statement["policy"] |= {"overrides": {"StudyDate": "K"}, "dates": "removed", "deface": True, "options": []}
    page = render("certificate.html", certificate=Certificate(statement, KEY.public, "s"), statement=statement)
    assert "Something was found" in page
    assert "StudyDate K" in page
    assert "removed from CT and MR of the head" in page


def test_a_project_with_a_hostile_name_is_shown_as_text(run: Run) -> None:
    statement = certify(run, RECIPE, KEY).statement | {"project": "<script>alert(1)</script>"}
    page = render("certificate.html", certificate=Certificate(statement, KEY.public, "s"), statement=statement)
    assert "<script>" not in page


def test_records_are_filled_and_leave_gaps_for_people(run: Run) -> None:
    certify(run, RECIPE, KEY, now=NOW)
    dpia, record = (path.read_text() for path in write_records(run))
    assert "5 files of 2 patients are in the release" in dpia
    assert "**[to fill in: name and contact]**" in dpia
    assert RECIPE.tools.policy.digest in dpia
    assert RECIPE.tools.policy.digest in record
    known = Particulars("Clinic A", "Officer B", "Research C", "Article D", "ten years")
    dpia, record = (path.read_text() for path in write_records(run, known))
    assert all(text in record for text in ("Clinic A", "Officer B", "Research C", "Article D", "ten years"))
    assert "Clinic A" in dpia


def test_records_need_a_certificate(run: Run) -> None:
    with pytest.raises(Corrupt, match="certificate-invalid"):
        write_records(run)


@pytest.mark.parametrize(("profile", "dates"), [("strict", "removed"), ("minimal", "shifted"), ("research", "shifted")])
def test_a_policy_in_words(profile: str, dates: str) -> None:
    described = describe(Recipe(secret, profile=profile).tools.policy)
    assert described["dates"] == dates
    assert bool(described["date_shift_days"]) is (dates == "shifted")
    assert described["deface"] is (profile == "strict")


def test_a_policy_that_keeps_dates_says_so(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('based_on = "strict"\noptions = ["retain_full_dates"]\n')
    assert describe(Recipe(secret, profile=str(own)).tools.policy)["dates"] == "kept"
