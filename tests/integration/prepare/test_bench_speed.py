"""The bench of speeds measures what it says, on a few files."""

import subprocess
from multiprocessing.pool import ThreadPool
from pathlib import Path

import pytest

from oncofed.bench import prepare, prepare_rates, prepare_speed
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


def test_rounds_leave_nothing_behind_and_ratios_are_of_the_same_round(tmp_path: Path) -> None:
    source = tmp_path / "source"
    prepare_speed.write_series(source, 4)
    (tmp_path / "memory").mkdir()
    memory, key = tmp_path / "memory", prepare_speed.key
    with ThreadPool(2) as pool:
        told = [
            prepare_rates._round(source, memory, key, Here()) | prepare_rates._cleaning(source, memory, key, pool)
            for _ in range(3)
        ]
    assert all(rate > 0 for rates in told for rate in rates.values())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["memory", "source"]
    assert not list((tmp_path / "memory").iterdir())
    ours, others = prepare_rates._figures(told)
    by_name = {figure.name: figure for figure in (*ours, *others)}
    assert by_name["deidentify_two_workers_times_one"].value == sorted(one["two"] / one["one"] for one in told)[1]
    assert by_name["deidentify_percent_of_cp"].bound == ">= 20"
    assert {"two cp times one, flushed", "two processes that only clean times one"} <= set(by_name)


def test_without_memory_to_write_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with prepare_rates._in_memory(tmp_path) as place:
        assert place is None or place.is_dir()
    monkeypatch.setattr(prepare_rates, "_MEMORY", tmp_path / "none")
    with prepare_rates._in_memory(tmp_path) as place:
        assert place is None


def test_a_copy_that_fails_is_no_rate(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "folder").mkdir(parents=True)
    with pytest.raises(subprocess.CalledProcessError):
        prepare_rates.copied(source, processes=2)  # without -r it copies no folder


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
