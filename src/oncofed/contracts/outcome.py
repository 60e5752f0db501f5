"""What the hub says to people and programs about a search: estimates, nodes, facets. The body of its HTTP API.

Unlike what hub and node say to each other, these types ignore fields they do not know: an older SDK reads a newer hub.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from oncofed.contracts.exchange import CountSource


class Reply(BaseModel):
    """A frozen part of the hub's reply; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Estimate(Reply):
    """A number of patients with its 95 % interval.

    ``value`` is the unbiased sum as it came (it may be negative); ``low`` and ``high`` bound the true number and are
    never negative; ``text`` is how to show it ("≈ 1,240 (±20)", "<10").
    """

    value: int
    low: int
    high: int
    exact: bool
    text: str


class ValueEstimate(Reply):
    """The estimate for one value of a criterion."""

    value: str
    label: str
    estimate: Estimate


class NodeState(StrEnum):
    """How one node stands to one question. All but ``waiting`` are final."""

    WAITING = "waiting"
    ANSWERED = "answered"
    REFUSED = "refused"
    SILENT = "silent"
    UNSUPPORTED = "unsupported"


class NodeOutcome(Reply):
    """One node's part in the answer. ``estimate`` is None where the node lets its number into the total only."""

    node: str
    title: str
    country: str
    state: NodeState
    estimate: Estimate | None = None
    values: tuple[ValueEstimate, ...] = ()
    sources: tuple[CountSource, ...] = ()
    in_total_only: bool = False
    datasets: int = 0
    unsupported: dict[str, tuple[str, ...]] = {}
    """Datasets that cannot record a criterion of the query ("not supported here", which is not zero)."""
    unavailable: tuple[str, ...] = ()
    code: str | None = None
    reason: str = ""
    budget_left: float | None = None


class NotRecorded(Reply):
    """For how many of the patients searched a criterion of the query is not recorded (from the published cubes)."""

    criterion: str
    label: str
    missing: Estimate
    searched: Estimate


class Note(Reply):
    """Something to know when reading the numbers: ``code`` is stable, ``text`` is English."""

    code: str
    text: str


class Outcome(Reply):
    """All that is known about one question now. ``version`` grows with every change; ``complete`` ends it."""

    id: str
    url: str
    query: dict[str, Any]
    text: str
    sentence: str
    by: str | None
    purpose: str
    created_at: datetime
    expires_at: datetime
    version: int
    complete: bool
    total: Estimate | None
    values: tuple[ValueEstimate, ...] = ()
    nodes: tuple[NodeOutcome, ...] = ()
    notes: tuple[Note, ...] = ()
    not_recorded: tuple[NotRecorded, ...] = ()
    budget_left: float | None = None
    """Epsilon the asker's organisation has left at the node where the least is left; None where nothing was spent."""

    @property
    def unanswered(self) -> tuple[NodeOutcome, ...]:
        """The nodes whose patients are not in the total, each with its reason."""
        return tuple(node for node in self.nodes if node.state not in (NodeState.ANSWERED, NodeState.WAITING))


class Facet(Reply):
    """Counts for the values of one criterion beside the query. Not ``available``: only a live count can tell."""

    criterion: str
    label: str
    available: bool
    values: tuple[ValueEstimate, ...] = ()
    datasets: int = 0
    """Datasets that record the criterion, of those searched."""


class Facets(Reply):
    """Counts from the published cubes: free, instant, for anyone."""

    text: str
    sentence: str
    total: Estimate | None
    facets: tuple[Facet, ...]
    datasets: int


class Parsed(Reply):
    """A query as it was understood."""

    query: dict[str, Any]
    text: str
    sentence: str
    key: str
    notes: tuple[str, ...] = ()


class Problem(Reply):
    """The body of every refusal of the API. ``position`` is a pair of character offsets into the query text."""

    code: str
    detail: str
    position: tuple[int, ...] | None = None
    suggestion: str | None = None
