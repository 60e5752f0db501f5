"""Reading nodes and tasks."""

from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from oncofed.contracts import exchange as wire
from oncofed.hub.exchange.models import AnsweredEntry, Invitation, KeyRotation, Node, NodeState

ONLINE_WITHIN = timedelta(seconds=75)
"""A node polls again after at most MAX_WAIT_SECONDS, and back-off adds to it."""


def nodes() -> QuerySet[Node]:
    """All nodes that may call, with their organisations, by title."""
    return Node.objects.filter(state=NodeState.ACTIVE).select_related("organisation")


def online(node: Node, now: datetime | None = None) -> bool:
    """Whether the node was heard of lately."""
    now = now or timezone.now()
    return node.last_seen_at is not None and now - node.last_seen_at <= ONLINE_WITHIN


def open_invitations() -> QuerySet[Invitation]:
    """Invitations that can still be used."""
    return Invitation.objects.filter(used_at=None, expires_at__gt=timezone.now()).select_related("organisation")


def rotations() -> tuple[wire.KeyRotation, ...]:
    """The chain of the hub's keys, oldest rotation first."""
    rows = KeyRotation.objects.order_by("id").values_list("old", "new", "signature")
    return tuple(wire.KeyRotation(old=old, new=new, signature=signature) for old, new, signature in rows)


def answered_since(node: Node, sequence: int) -> wire.Answered:
    """Ledger entries the hub has from the node after ``sequence``, oldest first, at most 1000 in one reply."""
    rows = AnsweredEntry.objects.filter(node=node, sequence__gt=sequence).order_by("sequence")[:1000]
    entries = tuple(wire.LedgerEntry.model_validate(row.entry) for row in rows)
    return wire.Answered(entries=entries, last=node.ledger_sequence, epoch=node.epoch)
