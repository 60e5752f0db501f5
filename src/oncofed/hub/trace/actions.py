"""The only way an event is written."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.db import transaction

from oncofed.hub.core.rows import add_all
from oncofed.hub.trace.models import Event


class Fact(NamedTuple):
    """An event that is about to be recorded."""

    kind: str
    by: str
    subject: str
    body: Mapping[str, Any]


def record(*, kind: str, by: str, subject: str, body: Mapping[str, Any] | None = None) -> Event:
    """Write one event into the caller's transaction: it stands if, and only if, what it tells of stands.

    ``kind`` is noun.verb ("node.enrolled"), ``by`` a person's id, ``node:<id>`` or ``operator``. ``body`` holds names,
    codes and canonical queries; never an image, a patient's row or an exact count of protected data.
    Raises ``TransactionManagementError`` outside a transaction.
    """
    _require_transaction()
    return Event.objects.create(kind=kind, by=by, subject=subject, body=dict(body or {}))


def record_all(facts: Iterable[Fact]) -> None:
    """Write several events at once, in their order; otherwise as ``record``."""
    _require_transaction()
    add_all(Event(kind=fact.kind, by=fact.by, subject=fact.subject, body=dict(fact.body)) for fact in facts)


def _require_transaction() -> None:
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("an event is recorded in the transaction of what it tells of")
