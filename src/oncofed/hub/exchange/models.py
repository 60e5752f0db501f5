"""Nodes, the tasks they are given, and what came back. Payloads are opaque here."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone

from oncofed.hub.accounts.models import Organisation


def make_task_id() -> str:
    """A fresh random identifier: 32 hexadecimal digits."""
    return uuid.uuid4().hex


class NodeState(models.TextChoices):
    """``active`` nodes may call; ``suspended`` ones are refused until an operator lets them in again."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Node(models.Model):
    """A hospital's node as the hub knows it."""

    node_id = models.SlugField(primary_key=True, max_length=63)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="nodes")
    title = models.CharField(max_length=200)
    country = models.CharField(max_length=2)
    public_key = models.CharField(max_length=43, unique=True)
    state = models.CharField(max_length=16, choices=NodeState.choices, default=NodeState.ACTIVE)
    epoch = models.BigIntegerField(default=0)
    instance = models.CharField(max_length=200, blank=True)
    ledger_sequence = models.BigIntegerField(default=0)
    """The greatest ledger sequence any accepted answer carried."""
    enrolled_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    software = models.CharField(max_length=200, blank=True)

    class Meta:
        """In the order of a list."""

        ordering = ("title",)

    def __str__(self) -> str:
        return self.title


class Invitation(models.Model):
    """A way in for one node, once. Only the SHA-256 of its secret is kept."""

    digest = models.CharField(max_length=64, primary_key=True)
    node_id = models.SlugField(max_length=63)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="invitations")
    title = models.CharField(max_length=200, blank=True)
    country = models.CharField(max_length=2)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"invitation for {self.node_id}"


class TaskState(models.TextChoices):
    """Where a task stands; see ``TRANSITIONS``."""

    QUEUED = "queued"
    LEASED = "leased"
    ANSWERED = "answered"
    REFUSED = "refused"
    EXPIRED = "expired"


TRANSITIONS: dict[TaskState, frozenset[TaskState]] = {
    TaskState.QUEUED: frozenset({TaskState.LEASED, TaskState.EXPIRED}),
    # An instance that ended (a new session) or a lease that ran out puts the task back.
    TaskState.LEASED: frozenset({TaskState.QUEUED, TaskState.ANSWERED, TaskState.REFUSED, TaskState.EXPIRED}),
    TaskState.ANSWERED: frozenset(),
    TaskState.REFUSED: frozenset(),
    TaskState.EXPIRED: frozenset(),
}
OPEN_STATES = (TaskState.QUEUED, TaskState.LEASED)


class Task(models.Model):
    """One piece of work for one node. ``code`` says why it was refused or expired."""

    task_id = models.CharField(primary_key=True, max_length=32, default=make_task_id)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="tasks")
    kind = models.CharField(max_length=64)
    payload = models.JSONField()
    asker = models.JSONField()
    state = models.CharField(max_length=16, choices=TaskState.choices, default=TaskState.QUEUED)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    code = models.CharField(max_length=64, blank=True)
    result = models.JSONField(null=True, blank=True)
    """The accepted ``contracts.exchange.Result``, as JSON."""

    class Meta:
        """Polls look up a node's open tasks; the sweep looks up what is overdue."""

        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["node", "created_at"], name="exchange_task_open", condition=models.Q(state__in=OPEN_STATES)
            ),
            models.Index(
                fields=["expires_at"], name="exchange_task_overdue", condition=models.Q(state__in=OPEN_STATES)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.task_id} for {self.node_id}"


class AnsweredEntry(models.Model):
    """A ledger entry that came with an accepted answer: given back to a node that was restored from a backup."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="answered_entries")
    sequence = models.BigIntegerField()
    entry = models.JSONField()

    class Meta:
        """One entry a sequence."""

        constraints = [models.UniqueConstraint(fields=("node", "sequence"), name="exchange_entry_once")]
        ordering = ("sequence",)

    def __str__(self) -> str:
        return f"{self.node_id} {self.sequence}"


class SeenNonce(models.Model):
    """A nonce of a request that was let in; kept as long as the request would be (signature tolerance)."""

    nonce = models.CharField(primary_key=True, max_length=180)
    until = models.BigIntegerField(db_index=True)
    """Seconds since 1970."""

    def __str__(self) -> str:
        return self.nonce


class KeyRotation(models.Model):
    """A hub key that took the place of an older one, signed by it; nodes that pinned the older one follow the chain."""

    old = models.CharField(max_length=43, unique=True)
    new = models.CharField(max_length=43, unique=True)
    signature = models.CharField(max_length=86)
    rotated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """Oldest first: the order of the chain."""

        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.old} → {self.new}"
