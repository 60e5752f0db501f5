"""The bench of references sees what tools do to files: one that copies, one that breaks, one that refuses, ours."""

import shutil
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from oncofed.bench import prepare_references
from oncofed.bench.prepare_peers import Peer
from oncofed.bench.prepare_references import (
    Instance,
    Outcome,
    examine,
    instances,
    measure,
    ours,
    own_figures,
    peer_figures,
)
from oncofed.imaging.identifiers import What
from tests.factories.source import GIVEN, ROOT, a_file, a_series


@pytest.fixture
def originals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Instance]:
    monkeypatch.setenv("PATH", "")
    folder = tmp_path / "files"
    a_series(folder, 3)
    items = []
    for number in (1, 2):
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = GIVEN["SOPClassUID"], f"{ROOT}.1.1.{number}"
        items.append(item)
    a_file(folder / "points.dcm", 9, ReferencedImageSequence=Sequence(items))
    (folder / "notes.txt").write_text("no image")
    return list(instances([folder]))


def figures(outcome: Outcome) -> dict[str, tuple[float, bool]]:
    return {one.name: (one.value, one.holds) for one in own_figures(outcome)}


def test_files_that_are_no_objects_are_not_among_them(originals: list[Instance]) -> None:
    assert [Path(one.label).name for one in originals] == ["001.dcm", "002.dcm", "003.dcm", "points.dcm"]


def test_a_tool_that_copies_leaves_everything(originals: list[Instance]) -> None:
    outcome = examine(originals, lambda source, target: shutil.copyfile(source, target))
    found = figures(outcome)
    assert found["references resolved after"] == (2, True)
    assert found["files with original UIDs"] == (4, False)
    assert found["files with original dates"] == (4, False)
    assert found["files with original names or numbers"] == (4, False)
    assert What.NAME in outcome.with_findings


def test_a_tool_that_draws_uids_anew_breaks_references(originals: list[Instance]) -> None:
    def tool(source: Path, target: Path) -> None:
        dataset = pydicom.dcmread(source)
        for element in dataset.iterall():
            if element.keyword in (
                "SOPInstanceUID",
                "ReferencedSOPInstanceUID",
                "SeriesInstanceUID",
                "StudyInstanceUID",
            ):
                element.value = generate_uid(entropy_srcs=[str(source), element.keyword])
        dataset.save_as(target)

    found = figures(examine(originals, tool))
    assert found["references resolved after"] == (0, False)
    assert found["references broken"] == (2, False)
    assert found["objects out of their series or study"][1] is False


def test_what_a_tool_refuses_is_counted_and_left_out(originals: list[Instance]) -> None:
    own: Peer = ours()

    def tool(source: Path, target: Path) -> None:
        if source.name == "points.dcm":
            raise ValueError
        own(source, target)

    outcome = examine(originals, tool)
    assert (outcome.files, outcome.refused) == (3, 1)
    assert figures(outcome)["references resolved before"] == (0, True)


def test_our_own_tool_keeps_its_promises(originals: list[Instance]) -> None:
    outcome = examine(originals, ours())
    assert all(holds for _, holds in figures(outcome).values())
    assert figures(outcome)["references resolved after"] == (2, True)
    assert outcome.places == []


@pytest.mark.system_program("dciodvfy")
def test_errors_are_judged_once_a_series(originals: list[Instance], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    outcome = examine(originals, ours())
    assert outcome.judged == 1
    assert figures(outcome)["dciodvfy errors after"][1]


def test_the_measure_sets_peers_beside(
    tmp_path: Path, originals: list[Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = originals[0].path.parent
    monkeypatch.setattr(prepare_references, "SHARED", folder)
    monkeypatch.setattr(prepare_references, "PYDICOM", tmp_path / "absent")
    monkeypatch.setattr(prepare_references, "peers", lambda: {"copy": shutil.copyfile})
    told: list[str] = []
    own, beside = measure(told.append)
    assert all(figure.holds for figure in own)
    assert {figure.name for figure in beside} == {f"copy: {figure.name}" for figure in own}
    assert all(figure.bound is None for figure in beside)
    assert told == ["4 original files", "copy"]


def test_what_is_left_is_told_by_place(
    tmp_path: Path, originals: list[Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_references, "SHARED", originals[0].path.parent)
    monkeypatch.setattr(prepare_references, "PYDICOM", tmp_path / "absent")
    monkeypatch.setattr(prepare_references, "peers", dict)
    monkeypatch.setattr(prepare_references, "ours", lambda: shutil.copyfile)
    told: list[str] = []
    measure(told.append)
    assert any(line.startswith("left: original UID in files/001.dcm at ") for line in told)
    assert not any("rensen" in line for line in told)


def test_figures_of_a_peer_promise_nothing() -> None:
    assert all(figure.bound is None for figure in peer_figures("nobody", Outcome()))
