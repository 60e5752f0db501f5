"""How an outcome is shown, without a hub."""

import io
from datetime import UTC, datetime

from rich.console import Console

from oncofed.cli.search import followed, print_outcome, progress_line, remarks
from oncofed.contracts.outcome import Estimate, NodeOutcome, NodeState, NotRecorded, Outcome

FORTY = Estimate(value=40, low=0, high=95, exact=False, text="≈ 40 (±55)")


def node(name: str, state: NodeState, **more: object) -> NodeOutcome:
    return NodeOutcome.model_validate(
        {"node": name, "title": name.title(), "country": "DE", "state": state, "datasets": 2, **more}
    )


NODES = (
    node("north", NodeState.ANSWERED, estimate=FORTY, sources=["live"], unsupported={"x": ["her2"]}),
    node("south", NodeState.ANSWERED, in_total_only=True, sources=["live"]),
    node("west", NodeState.SILENT, reason="offline since 2026-01-01 00:00 UTC"),
    node("east", NodeState.WAITING),
)


def outcome(**more: object) -> Outcome:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    fields = {
        "id": "1", "url": "https://hub/search/answers/1/", "query": {}, "text": "modality = MR",
        "sentence": "Human patients with MR.", "by": None, "purpose": "", "created_at": moment, "expires_at": moment,
        "version": 3, "complete": True, "total": FORTY, "nodes": NODES, "budget_left": 4.5,
        "not_recorded": [NotRecorded(criterion="sex", label="Sex", missing=FORTY, searched=FORTY)],
    }  # fmt: skip
    return Outcome.model_validate({**fields, **more})


def shown(one: Outcome) -> str:
    console = Console(file=io.StringIO(), width=160)
    print_outcome(one, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_all_that_matters_is_shown() -> None:
    text = shown(outcome())
    assert "Total: ≈ 40 (±55)" in text
    assert "in the total" in text
    assert "- West: offline since 2026-01-01 00:00 UTC" in text
    assert "- Sex: ≈ 40 (±55) of ≈ 40 (±55) patients searched" in text
    assert "Budget left (epsilon, where the least is left): 4.5" in text
    assert "no node answered" in shown(outcome(total=None))
    assert "Budget" not in shown(outcome(budget_left=None))


def test_remarks_of_a_node() -> None:
    assert remarks(NODES[0]) == "1 more do not record what is asked"
    assert remarks(NODES[2]) == "offline since 2026-01-01 00:00 UTC"
    assert remarks(NODES[3]) == ""


def test_progress_says_how_far_it_is() -> None:
    assert progress_line(outcome()).plain == "3 of 4 nodes have answered: ≈ 40 (±55) so far"
    assert progress_line(outcome(total=None)).plain == "3 of 4 nodes have answered"


class Waiting:
    """A question that becomes complete in two steps (as ``sdk.Count``)."""

    def __init__(self) -> None:
        self.outcome = outcome(complete=False, version=0, total=None)

    def wait(self, progress: object = None) -> Outcome:
        for step in (outcome(complete=False), outcome()):
            self.outcome = step
            if callable(progress):
                progress(step)
        return self.outcome


def test_progress_is_for_terminals_only() -> None:
    terminal, file = io.StringIO(), io.StringIO()
    assert followed(Waiting(), Console(file=terminal, force_terminal=True, width=100)).complete
    assert "nodes have answered" in terminal.getvalue()
    assert followed(Waiting(), Console(file=file)).complete
    assert file.getvalue() == ""
