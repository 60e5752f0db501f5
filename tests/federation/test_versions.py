"""N-1 speaks with N: a hub of the next protocol version, and the nodes of today."""

from pathlib import Path

from oncofed.bench.local_federation import LocalHub
from oncofed.contracts.exchange import PROTOCOL
from oncofed.contracts.outcome import NodeState
from oncofed.sdk.client import connect
from tests.federation.conftest import fill, make_node, part

NEXT_VERSION = """
import sys
import oncofed.contracts.exchange as exchange
exchange.PROTOCOL += 1
from oncofed.cli.main import main
main(sys.argv[1:])
"""
"""The command, with the protocol's version raised before anything else reads it."""


def test_a_hub_of_the_next_version_serves_a_node_of_this_one(tmp_path: Path) -> None:
    hub = LocalHub(tmp_path / "hub")
    hub.service.launcher = ("-c", NEXT_VERSION)
    node = make_node(tmp_path, "elder")
    try:
        hub.start()
        person = hub.person("eve@example.org", "researcher", "University E", password="a-long-pass-phrase-3")
        node.enrol(hub)
        fill(node, seed=3)
        node.start()
        node.await_session()
        with connect(hub.url, person.token) as client:
            outcome = client.ask("sex = female and age at diagnosis >= 50 and modality = MR").wait()
        assert part(outcome, node).state is NodeState.ANSWERED
    finally:
        node.stop()
        hub.stop()
    assert PROTOCOL == 1  # this process, and so the node's, is of the version before
