"""What can happen to a node: killed, doubled, cloned, restored, full, withdrawn. No count is wrong, nothing is lost."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from oncofed.bench.local_federation import CommandFailed, LocalNode
from oncofed.contracts.codes import CODES
from oncofed.contracts.outcome import NodeState
from oncofed.sdk.client import connect
from tests.federation.conftest import Federation, fill, make_node, part, value

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts a small file system")


def refused_with(code: str, failed: pytest.ExceptionInfo[CommandFailed]) -> None:
    assert f"[{code}]" in failed.value.output, failed.value.output
    assert failed.value.status == CODES[code].exit_status


def test_a_node_killed_while_a_question_is_open_answers_after_its_restart(federation: Federation) -> None:
    question = "sex = male and age at diagnosis >= 60 and modality = CT"
    federation.alpha.service.kill()
    with connect(federation.hub.url, federation.ada.token) as hub:
        count = hub.ask(question)
        federation.alpha.start()
        outcome = count.wait()
    assert part(outcome, federation.alpha).state is NodeState.ANSWERED
    assert value(federation.count(question), federation.alpha) == value(outcome, federation.alpha)


def test_killed_again_and_again_while_answering_the_numbers_stay(federation: Federation) -> None:
    questions = [f"sex = female and age at diagnosis >= {age} and modality = MG" for age in (30, 40, 50)]
    for question in questions:
        with connect(federation.hub.url, federation.ada.token) as hub:
            count = hub.ask(question)
            time.sleep(0.02)
            federation.alpha.service.kill()
            federation.alpha.start()
            first = value(count.wait(), federation.alpha)
        federation.alpha.await_session()
        assert value(federation.count(question), federation.alpha) == first
    federation.alpha.command("doctor")


def test_a_second_agent_on_one_data_directory_is_refused(federation: Federation) -> None:
    with pytest.raises(CommandFailed) as failed:
        federation.alpha.command("start")
    refused_with("agent-running", failed)
    assert federation.alpha.service.running


def _copy_of(node: LocalNode, place: Path) -> LocalNode:
    copy = LocalNode(place, node.node_id, title=node.title, country=node.country, organisation=node.organisation)
    shutil.copytree(node.directory, place)
    return copy


def test_of_a_node_and_its_clone_one_serves(federation: Federation, tmp_path: Path) -> None:
    federation.alpha.stop()
    clone = _copy_of(federation.alpha, tmp_path / "clone")
    federation.alpha.start()
    federation.alpha.await_session()
    try:
        clone.start()
        clone.await_session()
        deadline = time.monotonic() + 60
        while federation.alpha.service.running and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not federation.alpha.service.running
        assert "node-superseded" in federation.alpha.service.tail()
    finally:
        clone.stop()
    federation.ensure_serving()
    assert part(
        federation.count("sex = female and age at diagnosis >= 45 and modality = CT"), federation.alpha
    ).state is (NodeState.ANSWERED)


def test_a_node_restored_from_an_old_backup_learns_what_it_has_answered(federation: Federation, tmp_path: Path) -> None:
    saved = tmp_path / "alpha.tar"
    federation.alpha.command("backup", str(saved))
    question = "sex = male and age at diagnosis >= 55 and modality = MR"
    before = federation.count(question)
    spent = federation.alpha.status()["budgets"]
    federation.alpha.stop()
    lost = federation.alpha.directory.rename(tmp_path / "lost")
    federation.alpha.command("restore", str(saved))
    fill_again = ("load", "synthetic", "--dataset", "alpha-synthetic", "--patients", "400", "--seed", "0")
    federation.alpha.command(*fill_again)
    federation.ensure_serving()
    assert federation.alpha.status()["budgets"] == spent
    after = federation.count(question)
    assert value(after, federation.alpha) == value(before, federation.alpha)
    assert federation.alpha.status()["budgets"] == spent
    assert lost.exists()


def test_a_release_withdrawn_while_a_question_is_open_is_named(federation: Federation) -> None:
    federation.alpha.stop()
    try:
        with connect(federation.hub.url, federation.ada.token) as hub:
            count = hub.ask("sex = female and age at diagnosis >= 65 and modality = CT")
            federation.alpha.command("withdraw", "alpha-synthetic")
            federation.alpha.start()
            mine = part(count.wait(), federation.alpha)
        assert mine.estimate is None
        assert mine.code is not None
        assert mine.code in CODES
        assert mine.reason
    finally:
        federation.alpha.command("withdraw", "alpha-synthetic", "--undo")
        federation.alpha.command("publish")


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """A file system of ``megabytes`` in memory."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def no_byte_free(disk: Path) -> Iterator[None]:
    """Keep a disk full, whatever the programs that use it give back meanwhile."""
    ballast, block = disk / "ballast", b"\0" * 2**20
    full, over = threading.Event(), threading.Event()

    def fill_up() -> None:
        with ballast.open("wb", buffering=0) as file:
            while not over.is_set():
                try:
                    file.write(block)  # as much of it as there is room for
                except OSError:
                    full.set()
                    over.wait(0.001)

    with ThreadPoolExecutor(1) as beside:
        filling = beside.submit(fill_up)
        try:
            assert full.wait(30)
            yield
        finally:
            over.set()
            filling.result()
            ballast.unlink()


@needs_root
def test_a_disk_full_while_loading_leaves_what_stood(federation: Federation, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 24) as disk:
        node = make_node(disk, "gamma")
        node.command("init", "--title", "Gamma", "--country", "IT")
        load = ("load", "synthetic", "--dataset", "gamma-synthetic", "--patients")
        node.command(*load, "100", "--release", "1")
        stood = node.status()["releases"]
        with pytest.raises(CommandFailed) as failed:
            node.command(*load, "200000", "--release", "2")
        refused_with("disk-full", failed)
        assert node.status()["releases"] == stood
        node.command(*load, "120", "--release", "3")


@needs_root
def test_a_node_whose_outbox_cannot_write_sends_nothing(federation: Federation, tmp_path: Path) -> None:
    question = "sex = female and age at diagnosis >= 35 and modality = CT"
    with small_disk(tmp_path / "disk", 48) as disk:
        node = make_node(disk, "delta")
        try:
            node.enrol(federation.hub)
            fill(node, seed=5)
            node.start()
            node.await_session()
            with no_byte_free(disk):
                silent = part(federation.count(question), node)
            assert silent.estimate is None
            assert silent.reason
            if not node.service.running:
                node.start()
            node.await_session()
            assert part(federation.count(question), node).state is NodeState.ANSWERED
            node.command("outbox", "check")
        finally:
            node.stop()
            federation.hub.command("node", "suspend", "delta")
