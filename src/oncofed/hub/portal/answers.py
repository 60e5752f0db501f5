"""What the page says about an answer as it comes in. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from oncofed.contracts.criteria import CRITERIA, MISSING
from oncofed.contracts.outcome import NodeOutcome, NodeState, Outcome, ValueEstimate


@dataclass(frozen=True)
class Tally:
    """How far an answer has come; ``datasets`` at ``asked`` nodes; ``top`` ends the scale of the bars."""

    done: int
    all: int
    top: int
    datasets: int
    asked: int


def shown(outcome: Outcome) -> dict[str, object]:
    """The context of ``parts/answer.html``."""
    answered = [node for node in outcome.nodes if node.state is NodeState.ANSWERED]
    others = [node for node in outcome.nodes if node.state is not NodeState.ANSWERED]
    waiting = sum(node.state is NodeState.WAITING for node in others)
    tally = Tally(
        done=len(outcome.nodes) - waiting,
        all=len(outcome.nodes),
        top=max(map(_reach, answered), default=1) or 1,
        datasets=sum(node.datasets for node in outcome.nodes),
        asked=sum(node.datasets > 0 for node in outcome.nodes),
    )
    return {
        "outcome": outcome,
        "answered": sorted(answered, key=lambda node: (node.estimate is None, -_reach(node), node.title)),
        "unanswered": sorted(others, key=lambda node: (node.state is NodeState.WAITING, node.title)),
        "tally": tally,
        "announcement": _announcement(outcome, tally),
        "rows": rows(outcome.by, outcome.values),
        "rows_of": [(node, rows(outcome.by, node.values)) for node in answered] if outcome.by else [],
    }


@dataclass(frozen=True)
class Rows:
    """The rows of a breakdown: those that stand out, and those that cannot be told from nobody."""

    clear: tuple[ValueEstimate, ...]
    faint: tuple[ValueEstimate, ...]


def rows(by: str | None, values: Sequence[ValueEstimate]) -> Rows:
    """Bands in their order, other values by their number; *not recorded* last."""
    ordered = list(values)
    if by is not None and not CRITERIA[by].bands:
        ordered.sort(key=lambda row: (row.value == MISSING, -row.estimate.value))
    clear = tuple(row for row in ordered if row.estimate.low > 0)
    return Rows(clear, tuple(row for row in ordered if row.estimate.low == 0))


def _reach(node: NodeOutcome) -> int:
    if node.estimate is None:
        return 0
    return node.estimate.value if node.estimate.exact else node.estimate.high


def _announcement(outcome: Outcome, tally: Tally) -> str:
    if outcome.total is None and outcome.values:
        words = {"done": tally.done, "all": tally.all}
        return _("%(done)d of %(all)d hospitals have answered") % words
    if outcome.total is None:
        return _("No hospital gave a number") if outcome.complete else _("The hospitals are asked")
    if outcome.complete:
        return _("Complete: %(number)s patients") % {"number": outcome.total.text}
    told = {"number": outcome.total.text, "done": tally.done, "all": tally.all}
    return _("%(number)s patients so far, %(done)d of %(all)d hospitals") % told
