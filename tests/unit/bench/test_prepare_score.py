"""The score judges what it must: nothing done scores nothing, each wrong outcome is a miss, and a road is scored."""

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from oncofed.bench import prepare_planting as key
from oncofed.bench import prepare_score
from oncofed.bench.prepare_planting import ACTIONS, Planted, plant
from oncofed.bench.prepare_score import Miss, run_score, score


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Planted]:
    folder = tmp_path_factory.mktemp("planted")
    return folder, plant(folder, seed=3, patients=1)


def outputs(folder: Path) -> dict[str, Path]:
    return {str(path.relative_to(folder)): path for path in folder.rglob("*.dcm")}


def test_all_ten_actions_are_required(planted: tuple[Path, Planted]) -> None:
    assert {check.action for check in planted[1].checks} == set(ACTIONS)
    assert planted[1].files == len(outputs(planted[0])) == 20


def test_the_same_seed_plants_the_same(planted: tuple[Path, Planted], tmp_path: Path) -> None:
    again = plant(tmp_path, seed=3, patients=1)
    assert again.checks == planted[1].checks
    assert plant(tmp_path / "other", seed=4, patients=1).checks != again.checks


def test_what_is_left_as_it_was_fails_what_must_go_and_passes_what_must_stay(planted: tuple[Path, Planted]) -> None:
    folder, answers = planted
    found = score(answers.checks, folder, outputs(folder))
    for action in (key.TEXT_REMOVED, key.DATE_SHIFTED, key.UID_CHANGED, key.PATID_CONSISTENT, key.PIXELS_HIDDEN):
        assert found.taken[action] == 0, action
    for action in (key.TAG_RETAINED, key.TEXT_NOTNULL, key.TEXT_RETAINED, key.UID_CONSISTENT, key.PIXELS_RETAINED):
        assert found.taken[action] == found.required[action], action


def test_what_is_held_back_passes_what_must_go_and_fails_what_must_stay(planted: tuple[Path, Planted]) -> None:
    found = score(planted[1].checks, planted[0], {})
    assert found.taken[key.TEXT_REMOVED] == found.required[key.TEXT_REMOVED]
    assert found.taken[key.PIXELS_HIDDEN] == found.required[key.PIXELS_HIDDEN]
    assert sum(found.taken.values()) == found.taken[key.TEXT_REMOVED] + found.taken[key.PIXELS_HIDDEN]


def misses(planted: tuple[Path, Planted], tmp_path: Path, change: Callable[[Dataset], object]) -> list[Miss]:
    """What is missed more when one file of the source is changed like this."""
    folder, answers = planted
    shutil.copytree(folder, tmp_path / "changed")
    changed = outputs(tmp_path / "changed")
    path = changed["p000/1/1/2.dcm"]
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)
    before = {miss.check for miss in score(answers.checks, folder, outputs(folder)).misses}
    return [miss for miss in score(answers.checks, folder, changed).misses if miss.check not in before]


@pytest.mark.parametrize(
    ("change", "action", "why"),
    [
        (lambda d: d.pop("SliceThickness"), key.TAG_RETAINED, "the element is gone"),
        (lambda d: setattr(d, "StudyTime", ""), key.TEXT_RETAINED, "the value is gone"),
        (lambda d: setattr(d, "PatientWeight", "1"), key.TEXT_RETAINED, "lost"),
        (lambda d: setattr(d, "SeriesInstanceUID", "2.25.1"), key.UID_CONSISTENT, "became two"),
        (lambda d: setattr(d, "PixelData", bytes(len(d.PixelData))), key.PIXELS_RETAINED, "pixels changed"),
    ],
)
def test_each_wrong_outcome_is_a_miss(
    planted: tuple[Path, Planted], tmp_path: Path, change: Callable[[Dataset], object], action: str, why: str
) -> None:
    found = misses(planted, tmp_path, change)
    assert any(miss.check.action == action and why in miss.why for miss in found)
    assert "p000/1/1/2.dcm" in {miss.check.file for miss in found}
    assert all(str(miss).startswith(miss.check.action) for miss in found)


def test_two_uids_that_become_one_are_a_miss(planted: tuple[Path, Planted], tmp_path: Path) -> None:
    found = misses(planted, tmp_path, lambda d: setattr(d, "SOPInstanceUID", d.StudyInstanceUID))
    assert any("two UIDs became one" in miss.why for miss in found)


@pytest.mark.parametrize(
    ("day", "why"),
    [("20240101", "shifted by other days"), ("unknown!", "not a date"), ("", "the value is gone")],
)
def test_dates(planted: tuple[Path, Planted], tmp_path: Path, day: str, why: str) -> None:
    folder, answers = planted
    dated = [check for check in answers.checks if check.action == key.DATE_SHIFTED][:2]
    shutil.copytree(folder, tmp_path / "changed")
    path = tmp_path / "changed" / dated[0].file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom, of the day that is none
        dataset = pydicom.dcmread(path)
        dataset.StudyDate, dataset.SeriesDate = "20050101", day
        dataset.save_as(path)
    found = score(dated, folder, outputs(tmp_path / "changed"))
    assert [miss.why for miss in found.misses if why in miss.why]


def test_partial_credit_for_tokens(planted: tuple[Path, Planted]) -> None:
    found = [
        prepare_score._tokens_gone("Anna Brown 12", "scan of brown"),
        prepare_score._tokens_kept("T2 axial breast", "t2 breast"),
        prepare_score._tokens_gone("Müller", "MULLER"),
    ]
    assert [round(number, 3) for number, _ in found] == [0.667, 0.667, 0.0]


def test_the_whole_road_is_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")  # no other program: pixels that would need one are masked by region or held back
    found = run_score(tmp_path, seed=5, patients=1)
    assert found.percent > 90
    assert found.taken[key.TEXT_REMOVED] == found.required[key.TEXT_REMOVED]
    assert found.taken[key.UID_CONSISTENT] > 0


def test_the_measure_has_its_promise_and_tells_each_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_score, "PATIENTS", 1)
    monkeypatch.setattr(prepare_score, "real_descriptions", list)
    told: list[str] = []
    figures, peers = prepare_score.measure(told.append)
    assert figures[0].name == "MIDI-B-style score"
    assert figures[0].at_least == 99.9
    missed = next(figure.value for figure in figures if figure.name == "actions missed")
    assert len([line for line in told if line.startswith("missed: ")]) == missed
    assert {f"score: {action}" for action in ACTIONS} <= {figure.name for figure in figures}
    assert peers == []


def test_real_descriptions_are_told_where_they_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert prepare_score.real_descriptions() == []
