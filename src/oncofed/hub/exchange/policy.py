"""May this node call, in the state the hub knows it in? Pure: a node's row and what it says."""

from oncofed.contracts.errors import OncofedError, Refused
from oncofed.contracts.exchange import PROTOCOL, Hello
from oncofed.hub.exchange.models import Node, NodeState


def refusal(node: Node | None, instance: str | None = None) -> OncofedError | None:
    """Why the node may not call (``instance``: the one that polls or answers; None for calls outside a session)."""
    if node is None:
        return Refused("node-unknown")
    if node.state != NodeState.ACTIVE:
        return Refused("node-suspended")
    if instance is not None and instance != node.instance:
        return Refused("node-superseded")
    return None


def check_protocol(protocol: int) -> None:
    """``Refused(protocol-unsupported)`` for a version this hub does not speak."""
    if not 1 <= protocol <= PROTOCOL:
        raise Refused("protocol-unsupported", f"this hub speaks versions 1 to {PROTOCOL}")


def check_hello(node: Node, hello: Hello) -> None:
    """``Refused(node-behind)`` if the hub has seen more of this node than it remembers."""
    repeated = hello.epoch == node.epoch and hello.instance == node.instance
    if (hello.epoch <= node.epoch and not repeated) or hello.ledger_sequence < node.ledger_sequence:
        raise Refused("node-behind", f"the hub has epoch {node.epoch} and ledger entry {node.ledger_sequence}")
