"""Budgets of live counts, as pure decisions over what was spent.

A decision sees the questions that were asked and what they cost, never a patient's row or a result: that something is
refused says nothing about the data (Kenthapadi, Mishra and Nissim, PODS 2005). Everything is counted in live counts
(cells), so that no rounding of ε can let one through.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from oncofed.contracts.exchange import LedgerEntry
from oncofed.disclosure.accounting import live_epsilon
from oncofed.disclosure.constants import LINEAGE_COUNTS, ORGANISATION_COUNTS, RELEASES_A_YEAR


@dataclass(frozen=True)
class Limits:
    """How many live counts a year one organisation, and all together, may spend on one lineage.

    A node's policy may lower them; a value above the constant, or below 0, is a ValueError.
    """

    organisation: int = ORGANISATION_COUNTS
    lineage: int = LINEAGE_COUNTS

    def __post_init__(self) -> None:
        for limit, most in ((self.organisation, ORGANISATION_COUNTS), (self.lineage, LINEAGE_COUNTS)):
            if not 0 <= limit <= most:
                raise ValueError(f"a budget lies between 0 and {most} live counts, not {limit}")


@dataclass(frozen=True)
class Spend:
    """Live counts that ``organisation`` has spent on ``lineage`` in ``year``."""

    year: int
    organisation: str
    lineage: str
    counts: int


@dataclass(frozen=True)
class Decision:
    """Whether a question may be answered.

    ``code`` is None (allowed), ``budget-organisation`` or ``budget-lineage``; ``exhausted`` the lineages it is about.
    ``left``: live counts the organisation has left, the least over the lineages asked, after the answer if allowed.
    """

    code: str | None
    exhausted: tuple[str, ...]
    left: int

    @property
    def allowed(self) -> bool:
        """Whether the question may be answered."""
        return self.code is None

    @property
    def epsilon_left(self) -> float:
        """``left`` as ε."""
        return live_epsilon(self.left)


def spends(entries: Iterable[LedgerEntry]) -> list[Spend]:
    """What ledger entries cost: every lineage of a union is charged the whole answer, for all its cells."""
    return [
        Spend(entry.year, entry.organisation, lineage, len(entry.answer))
        for entry in entries
        for lineage in entry.lineages
    ]


def decide(
    spent: Iterable[Spend], *, year: int, organisation: str, lineages: Iterable[str], cost: int, limits: Limits
) -> Decision:
    """May ``organisation`` spend ``cost`` live counts on each of ``lineages`` in ``year``?

    ``spent`` may be summed or single rows, in any order; rows of other years do not count. With ``cost`` 0 it tells
    what is left.
    """
    own: Counter[str] = Counter()
    everyone: Counter[str] = Counter()
    for row in spent:
        if row.year == year:
            everyone[row.lineage] += row.counts
            if row.organisation == organisation:
                own[row.lineage] += row.counts
    asked = sorted(set(lineages))
    left = min((_left(own[name], everyone[name], limits) for name in asked), default=limits.organisation)
    for code, used, limit in (
        ("budget-organisation", own, limits.organisation),
        ("budget-lineage", everyone, limits.lineage),
    ):
        exhausted = tuple(name for name in asked if used[name] + cost > limit)
        if exhausted:
            return Decision(code, exhausted, left)
    return Decision(None, (), left - cost)


def _left(own: int, everyone: int, limits: Limits) -> int:
    return max(0, min(limits.organisation - own, limits.lineage - everyone))


def budget_year(now: datetime, last: int | None) -> int:
    """The year a question is charged to: that of ``now`` in UTC, but never before ``last``, the ledger's latest.

    A clock set back cannot reopen a year; one set forward only spends the coming year's budget early.
    """
    return max(now.astimezone(UTC).year, last if last is not None else 0)


def may_publish(published: int) -> bool:
    """Whether a lineage that has ``published`` cubes this year may publish another: counted, whatever they hold."""
    return published < RELEASES_A_YEAR
