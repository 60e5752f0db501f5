"""Anybody can check a certificate and the images it speaks of."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from oncofed.cli.prepare import app
from oncofed.contracts.errors import Corrupt
from oncofed.prepare.certificate import certify
from oncofed.prepare.deidentify import deidentify
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.run import Run, State
from oncofed.prepare.scan import scan
from oncofed.prepare.verify import verify
from oncofed.trust.keys import SigningKey
from oncofed.trust.pseudonyms import Pseudonyms
from tests.factories.source import a_series

KEY = SigningKey.from_bytes(bytes(range(32)))


def secret() -> Pseudonyms:
    return Pseudonyms(b"a secret of the tests, 32 bytes!")


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", "")
    a_series(tmp_path / "source", 2)
    recipe = Recipe(secret, ocr=False)
    with Run.create(tmp_path / "run") as run:
        scan(run, tmp_path / "source")
        deidentify(run, recipe)
        verify(run, recipe)
        certify(run, recipe, KEY)
    return tmp_path / "run" / "certificate.json"


def an_image(certificate: Path) -> Path:
    with Run.open(certificate.parent) as run:
        target = next(run.files(State.VERIFIED)).target
    assert target is not None
    return target


def test_it_says_what_the_certificate_says(certificate: Path) -> None:
    done = CliRunner().invoke(app, ["certificate", str(certificate)], catch_exceptions=False)
    assert f"Signed by {KEY.public}" in done.stdout
    assert "Files: 2, patients: 1, profile research" in done.stdout
    assert "images are those" not in done.stdout


def test_every_image_is_read(certificate: Path) -> None:
    command = ["certificate", str(certificate), "--images", "--key", KEY.public, "--json"]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    facts = json.loads(done.stdout)
    assert (facts["passed"], facts["images_checked"], facts["key"]) == (True, 2, KEY.public)
    told = CliRunner().invoke(app, ["certificate", str(certificate), "--images"], catch_exceptions=False)
    assert "All 2 images are those it speaks of." in told.stdout


@pytest.mark.parametrize("change", ["image", "missing", "list", "no-list"])
def test_other_images_are_refused(certificate: Path, change: str) -> None:
    listed = certificate.parent / "images.sha256"
    if change == "image":
        an_image(certificate).write_bytes(b"another")
    elif change == "missing":
        an_image(certificate).unlink()
    elif change == "list":
        listed.write_bytes(listed.read_bytes().splitlines(keepends=True)[0])
    else:
        listed.unlink()
    done = CliRunner().invoke(app, ["certificate", str(certificate), "--images"])
    assert isinstance(done.exception, Corrupt)
    assert done.exception.code == "certificate-images-differ"


def test_a_changed_certificate_is_refused(certificate: Path) -> None:
    certificate.write_text(certificate.read_text().replace("research", "strict"))
    done = CliRunner().invoke(app, ["certificate", str(certificate)])
    assert isinstance(done.exception, Corrupt)
