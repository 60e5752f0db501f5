"""The bench of speeds measures what it says, on a few files."""

from pathlib import Path

import pytest

from oncofed.bench import prepare, prepare_speed
from oncofed.prepare.parallel import Here


def test_files_are_as_large_as_promised(tmp_path: Path) -> None:
    (path,) = prepare_speed.write_series(tmp_path / "source", 1)
    assert 525_000 < path.stat().st_size < 540_000
    made = prepare_speed.scanner_file(1)
    assert sum(1 for _ in made.iterall()) == 136
    assert sum(element.tag.is_private for element in made) == 14


def test_rates_are_of_work_that_was_done(tmp_path: Path) -> None:
    paths = prepare_speed.write_series(tmp_path / "source", 4)
    figures, peers = prepare_speed._headers(paths)
    assert [figure.name for figure in figures] == ["header_index_files", "header_index_times_pydicom"]
    assert all(figure.value > 0 for figure in (*figures, *peers))
    assert prepare_speed._rate(tmp_path, 4, Here()) > 0
    assert not (tmp_path / "run").exists()
    prepare_speed._copy(tmp_path)


def test_memory_is_that_of_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_speed, "_LARGE", 8 << 20)
    figure = prepare_speed._memory(tmp_path, lambda _: None)
    assert 20 < figure.value < 400
    assert (figure.at_most, figure.unit) == (400, "MiB")


def test_parts_are_measured_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(prepare, "PARTS", {})
    assert prepare.run(["speed"], said.append)["figures"] == []
    assert said == []
