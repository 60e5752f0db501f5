"""Where the domain apps say what they send and receive. The exchange itself knows no domain."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from oncofed.contracts.catalogue import Publication
from oncofed.contracts.exchange import LedgerEntry, Result
from oncofed.hub.exchange.models import Node, Task

Ended = tuple[Task, Result]
"""A task and the result that ended it."""

Accept = Callable[[Sequence[Ended]], Sequence[str | None]]
"""Called in the accepting transaction with the tasks of one kind that have just ended, each exactly once.

Refusals, and expiries (code ``task-expired``), come the same way. The reply has one entry a task, in order: None where
the result is taken in, or the code for which it is not: the task then ends as refused with that code and the node is
told. What the domain keeps of it, and the event it records, is its own business. Must stay quick: a result may cost the
hub 4 ms in all.
"""

Publish = Callable[[Node, Publication], tuple[str, ...]]
"""Called in one transaction with what a node publishes; what it returns stands in the receipt."""


Entries = Callable[[Result], tuple[LedgerEntry, ...]]
"""The ledger entries inside a result. They are kept of every answer to a task of the node, late ones too: the hub has
seen them, and a node that was restored must learn of them. Must not raise: what cannot be read holds no entries."""


def _no_entries(result: Result) -> tuple[LedgerEntry, ...]:
    return ()


class Kind(NamedTuple):
    """A kind of task."""

    accept: Accept
    entries: Entries


_KINDS: dict[str, Kind] = {}
_publish: list[Publish] = []


def register_kind(kind: str, *, accept: Accept, entries: Entries = _no_entries) -> None:
    """Let tasks of this kind be sent; to be called in an ``AppConfig.ready``."""
    _KINDS[kind] = Kind(accept, entries)


def kind(name: str) -> Kind:
    """The registered kind; KeyError for one that nobody registered (a mistake in the program)."""
    return _KINDS[name]


def register_publication(handler: Publish) -> None:
    """Name the one that takes publications in; to be called in an ``AppConfig.ready``."""
    _publish[:] = [handler]


def publication() -> Publish:
    """The registered one."""
    return _publish[0]
