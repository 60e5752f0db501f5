"""A real hub and real nodes as processes over loopback: one small federation a session; faults leave it standing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from oncofed.bench.local_federation import LocalHub, LocalNode, Person
from oncofed.contracts.outcome import NodeOutcome, Outcome
from oncofed.sdk.client import connect

PATIENTS = 400


def make_node(place: Path, node_id: str) -> LocalNode:
    """A node with keys, not enrolled; ``fill`` loads its data."""
    return LocalNode(place / node_id, node_id, title=f"Hospital {node_id}", country="IT", organisation=f"org-{node_id}")


def fill(node: LocalNode, *, seed: int, dataset_class: str = "protected", patients: int = PATIENTS) -> None:
    """Load synthetic patients into an initialised node and publish them."""
    node.command(
        "load", "synthetic", "--dataset", f"{node.node_id}-synthetic", "--patients", str(patients),
        "--seed", str(seed), "--class", dataset_class,
    )  # fmt: skip
    node.command("publish")


@dataclass
class Federation:
    """A serving hub, two nodes (``alpha`` protected, ``beta`` open), and two researchers of two organisations."""

    place: Path
    hub: LocalHub
    alpha: LocalNode
    beta: LocalNode
    ada: Person
    ben: Person

    def count(self, text: str, person: Person | None = None) -> Outcome:
        """The complete outcome of a question."""
        with connect(self.hub.url, (person or self.ada).token) as hub:
            return hub.ask(text, purpose="test").wait()

    def ensure_serving(self) -> None:
        """Start again what a test left ended."""
        if not self.hub.service.running:
            self.hub.start()
        for node in (self.alpha, self.beta):
            if not node.service.running:
                node.start()
                node.await_session()


def part(outcome: Outcome, node: LocalNode) -> NodeOutcome:
    """One node's part of an outcome."""
    return next(one for one in outcome.nodes if one.node == node.node_id)


def value(outcome: Outcome, node: LocalNode) -> int:
    """The number a node answered."""
    estimate = part(outcome, node).estimate
    assert estimate is not None, part(outcome, node)
    return estimate.value


@pytest.fixture(scope="session")
def whole_federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    place = tmp_path_factory.mktemp("federation")
    hub = LocalHub(place / "hub")
    alpha, beta = make_node(place, "alpha"), make_node(place, "beta")
    try:
        hub.start()
        ada = hub.person("ada@example.org", "researcher", "University A", password="a-long-pass-phrase-1")
        ben = hub.person("ben@example.org", "researcher", "University B", password="a-long-pass-phrase-2")
        for seed, (node, dataset_class) in enumerate(((alpha, "protected"), (beta, "open"))):
            node.enrol(hub)
            fill(node, seed=seed, dataset_class=dataset_class)
            node.start()
        for node in (alpha, beta):
            node.await_session()
        yield Federation(place, hub, alpha, beta, ada, ben)
    finally:
        for node in (alpha, beta):
            node.stop()
        hub.stop()


@pytest.fixture
def federation(whole_federation: Federation) -> Federation:
    """The federation, with everything serving."""
    whole_federation.ensure_serving()
    return whole_federation
