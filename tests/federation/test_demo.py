"""`make demo` with ``DEMO=once``: the main job. It answers, ends with 0 and leaves nothing running."""

import subprocess
import sys
from pathlib import Path

import pytest

from oncofed.bench.local_federation import CommandFailed, command, fresh_directory
from oncofed.cli.demo_hospitals import AURORA, BELLAVISTA, CARITAS, DUNA, EVORA, hospital_of


def test_the_demo_answers_and_leaves_nothing_running(tmp_path: Path) -> None:
    place = tmp_path / "demo"
    done = subprocess.run(
        [sys.executable, "-m", "oncofed", "demo", "--directory", str(place), "--once"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("MR of the breast in women over 50", "true count", "researcher@example.org", "181 datasets"):
        assert words in done.stdout
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not [line for line in listing.splitlines() if str(place) in line]
    for log in place.glob("*.log"):
        assert "Traceback" not in log.read_text()


def test_the_demo_does_not_touch_a_directory_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="not empty"):
        fresh_directory(tmp_path)
    with pytest.raises(CommandFailed, match="not empty"):
        command("demo", "--directory", str(tmp_path), "--once")
    assert (tmp_path / "thesis.tex").exists()


def test_every_collection_goes_to_one_hospital() -> None:
    assert hospital_of("tcga", "Breast Cancer") is BELLAVISTA
    assert hospital_of("tcga", "Lung Adenocarcinoma") is CARITAS
    assert hospital_of("qin", "Lung Cancer") is AURORA
    assert hospital_of("community", "Melanoma") is DUNA
    assert hospital_of("cptac", "Lung Adenocarcinoma") is EVORA
