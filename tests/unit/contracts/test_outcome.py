"""The API's replies: an older client reads a newer hub, and who did not answer is named."""

from oncofed.contracts.outcome import NodeOutcome, NodeState, Note, Outcome


def node(name: str, state: NodeState) -> NodeOutcome:
    return NodeOutcome(node=name, title=name, country="DE", state=state)


def test_nodes_that_did_not_answer_are_named() -> None:
    nodes = [node(state.value, state) for state in NodeState]
    outcome = Outcome.model_construct(nodes=tuple(nodes))
    assert {one.node for one in outcome.unanswered} == {"refused", "silent", "unsupported"}


def test_fields_of_a_newer_hub_are_ignored() -> None:
    assert Note.model_validate({"code": "x", "text": "y", "colour": "z"}) == Note(code="x", text="y")
