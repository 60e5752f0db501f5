"""What can happen to the hub and to the network between: killed, restored, a new key, a cut wire, impatient proxies."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from oncofed.bench.local_federation import LocalHub, LocalNode
from oncofed.contracts.outcome import NodeState
from oncofed.sdk.client import connect
from tests.federation.conftest import Federation, fill, make_node, part, value
from tests.federation.relay import Relay


def test_a_hub_killed_with_a_question_open_finishes_it_after_its_restart(federation: Federation) -> None:
    federation.alpha.stop()
    with connect(federation.hub.url, federation.ada.token) as hub:
        identifier = hub.ask("sex = male and age at diagnosis >= 50 and modality = PT").id
    federation.hub.service.kill()
    federation.hub.start()
    federation.alpha.start()
    with connect(federation.hub.url, federation.ada.token) as hub:
        outcome = hub.count_of(identifier).wait()
    mine = part(outcome, federation.alpha)
    assert mine.state is NodeState.ANSWERED or (mine.state is NodeState.SILENT and mine.reason)
    assert part(outcome, federation.beta).state is NodeState.ANSWERED
    federation.alpha.await_session()


def test_a_silent_node_is_named_with_its_reason(federation: Federation) -> None:
    federation.alpha.stop()
    outcome = federation.count("sex = male and age at diagnosis >= 70 and modality = PT")
    silent = part(outcome, federation.alpha)
    assert silent.state is NodeState.SILENT
    assert silent.reason
    assert silent in outcome.unanswered
    assert outcome.total is not None
    assert outcome.total.value == value(outcome, federation.beta)


def test_nodes_follow_a_new_hub_key(federation: Federation) -> None:
    federation.hub.command("rotate-key")
    federation.hub.stop()
    federation.hub.start()
    time.sleep(1)
    question = "sex = female and age at diagnosis >= 70 and modality = MG"
    outcome = federation.count(question)
    assert {node.state for node in outcome.nodes if node.node in ("alpha", "beta")} == {NodeState.ANSWERED}
    federation.alpha.stop()
    federation.ensure_serving()
    assert value(federation.count(question), federation.alpha) == value(outcome, federation.alpha)


def test_a_hub_restored_from_an_old_backup_gets_the_same_answers(federation: Federation, tmp_path: Path) -> None:
    saved = tmp_path / "hub.tar"
    federation.hub.command("backup", str(saved))
    question = "sex = female and age at diagnosis >= 55 and modality = US"
    before = federation.count(question)
    federation.alpha.stop()  # its session is one the old backup does not know
    federation.ensure_serving()
    federation.hub.stop()
    federation.hub.directory.rename(tmp_path / "lost")
    federation.hub.command("restore", str(saved))
    federation.ensure_serving()
    deadline = time.monotonic() + 60
    while (after := federation.count(question)).unanswered and time.monotonic() < deadline:
        time.sleep(1)
    assert value(after, federation.alpha) == value(before, federation.alpha)


@pytest.fixture(scope="module")
def relay(whole_federation: Federation) -> Iterator[Relay]:
    relay = Relay(whole_federation.hub.port)
    yield relay
    relay.close()


@pytest.fixture(scope="module")
def remote(whole_federation: Federation, relay: Relay) -> Iterator[LocalNode]:
    """A node whose only way to the hub is the relay."""
    node = make_node(whole_federation.place, "remote")
    whole_federation.ensure_serving()
    behind = LocalHub(whole_federation.hub.directory, port=relay.port)
    try:
        node.enrol(behind)
        fill(node, seed=9)
        node.start()
        node.await_session()
        yield node
    finally:
        node.stop()
        whole_federation.hub.command("node", "suspend", "remote")


def test_a_node_whose_network_was_cut_comes_back(federation: Federation, relay: Relay, remote: LocalNode) -> None:
    question = "sex = male and age at diagnosis >= 40 and modality = CT"
    relay.cut()
    with connect(federation.hub.url, federation.ada.token) as hub:
        count = hub.ask(question)
        time.sleep(3)
        relay.mend()
        outcome = count.wait()
    assert part(outcome, remote).state is NodeState.ANSWERED
    assert remote.service.running


def test_a_proxy_that_cuts_long_calls_only_slows_things_down(
    federation: Federation, relay: Relay, remote: LocalNode
) -> None:
    relay.longest_seconds = 3.0
    try:
        for age in (25, 30, 35):
            time.sleep(4)
            outcome = federation.count(f"sex = male and age at diagnosis >= {age} and modality = MR")
            assert part(outcome, remote).state is NodeState.ANSWERED
    finally:
        relay.longest_seconds = None


def test_a_proxy_that_holds_bytes_back_only_slows_things_down(
    federation: Federation, relay: Relay, remote: LocalNode
) -> None:
    relay.hold_seconds = 0.7
    try:
        outcome = federation.count("sex = male and age at diagnosis >= 65 and modality = MR")
        assert part(outcome, remote).state is NodeState.ANSWERED
    finally:
        relay.hold_seconds = 0.0
