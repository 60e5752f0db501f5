"""Which node may call: the truth table of states, instances, epochs and ledgers. And the task's state machine."""

import pytest

from oncofed.contracts.errors import Refused
from oncofed.contracts.exchange import Hello
from oncofed.hub.exchange import policy
from oncofed.hub.exchange.models import OPEN_STATES, TRANSITIONS, Node, NodeState, TaskState


def node(**more: object) -> Node:
    return Node(node_id="n", state=NodeState.ACTIVE, epoch=5, instance="i", ledger_sequence=3, **more)


@pytest.mark.parametrize(
    ("state", "instance", "code"),
    [
        (NodeState.ACTIVE, None, None),
        (NodeState.ACTIVE, "i", None),
        (NodeState.ACTIVE, "j", "node-superseded"),
        (NodeState.SUSPENDED, None, "node-suspended"),
        (NodeState.SUSPENDED, "i", "node-suspended"),
        (NodeState.SUSPENDED, "j", "node-suspended"),
    ],
)
def test_who_may_call(state: NodeState, instance: str | None, code: str | None):
    one = node()
    one.state = state
    refused = policy.refusal(one, instance)
    assert (refused.code if refused else None) == code


def test_nobody_knows_a_stranger():
    refused = policy.refusal(None)
    assert refused is not None
    assert refused.code == "node-unknown"


@pytest.mark.parametrize("epoch", [4, 5, 6, 9])
@pytest.mark.parametrize("instance", ["i", "j"])
@pytest.mark.parametrize("ledger", [2, 3, 4])
def test_hello(epoch: int, instance: str, ledger: int):
    hello = Hello(software="s", instance=instance, epoch=epoch, ledger_sequence=ledger)
    fresh = epoch > 5 or (epoch == 5 and instance == "i")
    if fresh and ledger >= 3:
        policy.check_hello(node(), hello)
        return
    with pytest.raises(Refused) as caught:
        policy.check_hello(node(), hello)
    assert caught.value.code == "node-behind"


def test_every_state_has_its_transitions_and_ends_are_ends():
    assert set(TRANSITIONS) == set(TaskState)
    assert {state for state, following in TRANSITIONS.items() if following} == set(OPEN_STATES)
    reached = {state for following in TRANSITIONS.values() for state in following}
    assert reached == set(TaskState)
