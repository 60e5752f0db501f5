"""What a task is answered from: one plain object, so that tests and attacks can build a node without files."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

from oncofed.contracts.catalogue import Marginal
from oncofed.contracts.query import Query
from oncofed.node.ledger import Ledger
from oncofed.node.policy import Policy
from oncofed.node.published import Published


class Counts(Protocol):
    """Where exact counts come from: ``oncofed.warehouse.Warehouse``, or a fake that behaves as it does."""

    def count(self, query: Query, releases: Collection[tuple[str, str]], by: str | None = None) -> dict[str, int]:
        """Distinct patients that match over the union of (dataset, release), by cell of ``by``."""


Marginals = Callable[[str, frozenset[str]], Marginal | None]
"""From the published cube of the release with that digest: the marginal over exactly those criteria, or None."""


def _no_cubes(_digest: str, _criteria: frozenset[str]) -> Marginal | None:
    return None


@dataclass(frozen=True)
class NodeContext:
    """A node while it answers.

    ``policy`` and ``published`` are called for every task, so that a change counts at once; ``policy`` raises
    ``BadInput(policy-invalid)`` while the file is broken. ``ledger_problem``: a code, if what was answered before is
    not known for certain (after a restore): then there is no live count.
    """

    noise_secret: bytes
    warehouse: Counts
    ledger: Ledger
    policy: Callable[[], Policy] = Policy
    published: Callable[[], Published] = Published
    marginals: Marginals = field(default=_no_cubes)
    ledger_problem: str | None = None
