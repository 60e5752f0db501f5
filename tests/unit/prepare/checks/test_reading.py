"""Reading a release on workers: the same findings in whatever order they come, and a file that kills is told alone."""

import os
import random
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oncofed.prepare.checks import check
from oncofed.prepare.checks.reading import LOST, Batch, read_all, read_batch
from oncofed.prepare.parallel import Here, Lost
from oncofed.prepare.progress import Silent
from tests.factories import series

KILLER = "killer.dcm"


class Shuffled:
    """Workers whose results come in another order each time."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)

    def map(self, function: Callable[[Any], Any], things: Iterable[Any]) -> Iterator[Any]:
        results = [function(thing) for thing in things]
        self._draw.shuffle(results)
        return iter(results)


class Mortal:
    """Workers that die of a file of this name."""

    def map(self, function: Callable[[Any], Any], things: Iterable[Batch]) -> Iterator[Any]:
        for batch in things:
            yield Lost(batch) if any(file.name == KILLER for file in batch.files) else function(batch)


def mortal(batch: Batch) -> tuple[Any, ...]:
    """Reads a batch, and dies of a file of this name."""
    if batch.files[0].name == KILLER:
        os.kill(os.getpid(), signal.SIGKILL)  # what a codec with a fault does
    return read_batch(batch)


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> Mortal:
    """A file of this name kills workers, and the process that it is read in afterwards."""
    monkeypatch.setattr("oncofed.prepare.checks.reading.read_batch", mortal)
    return Mortal()


class Told(Silent):
    """Progress as it was told."""

    def __init__(self) -> None:
        self.parts: list[list[Any]] = []

    def begin(self, what: str, total: int | None) -> None:
        self.parts.append([what, total, 0])

    def advance(self, done: int = 1) -> None:
        self.parts[-1][2] += done


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Two patients who share an image, a series of two patients, and files that are none."""
    for seed in (1, 2):
        series.write(series.objects(seed, "CT", "PT"), tmp_path / f"p{seed}")
    for number, one in enumerate(series.of(series.objects(1, "CT"), "CT")):
        one.PatientID = "another"
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"1.2.{number}"
        series.write([one], tmp_path / "p9")
    for number in range(3):
        (tmp_path / f"note{number}").write_text("no image")
    return tmp_path


@pytest.mark.parametrize("seed", [1, 2])
def test_the_findings_do_not_depend_on_the_order(release: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncofed.prepare.checks.reading._FILES", 3)
    monkeypatch.setattr("oncofed.prepare.checks.alike.MAX_COMPARED", seed)  # one image a series is compared
    assert check(release, workers=Shuffled(seed)) == check(release)


def test_progress_knows_what_is_to_be_done(release: Path) -> None:
    told = Told()
    found = check(release, progress=told)
    files = len([path for path in release.rglob("*") if path.is_file()])
    series_ = found.images.series + 1  # one belongs to two patients
    assert told.parts == [["reading images", files, files], ["judging series", series_, series_]]


def test_a_file_that_kills_its_worker_is_lost_alone_and_told_with_a_code(release: Path, killing: Mortal) -> None:
    whole = check(release, workers=Here()).images
    (release / "p1" / "0004.dcm").rename(release / "p1" / KILLER)
    found = check(release, workers=killing).images
    assert found.left_out_count == whole.left_out_count + 1
    assert {one.code: one.path for one in found.left_out}[LOST] == f"p1/{KILLER}"
    (unreadable,) = (one for one in found.checks if one.check == "file-unreadable")
    assert (unreadable.places, unreadable.of) == (4, whole.files)
    assert found.instances == whole.instances - 1


def test_a_file_that_is_innocent_of_its_batch_s_death_is_read(release: Path) -> None:
    (release / "p1" / "0004.dcm").rename(release / "p1" / KILLER)
    found = list(read_all(release / "p1", Mortal(), Silent()))
    assert {getattr(one, "code", "") for one in found} == {""}
