"""Everything that changes nodes and tasks, apart from what nodes themselves send (``intake``)."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from oncofed.contracts.base import Wire
from oncofed.contracts.exchange import Asker, Result, ResultStatus
from oncofed.hub.exchange import registry, wakeups
from oncofed.hub.exchange.models import OPEN_STATES, Node, Task, TaskState
from oncofed.hub.trace.actions import Fact, record, record_all

EXPIRED = "task-expired"


@dataclass(frozen=True, kw_only=True)
class Order:
    """A task that is to be sent."""

    node: Node
    kind: str
    payload: Wire
    asker: Asker
    expires_at: datetime


def send(*, node: Node, kind: str, payload: Wire, asker: Asker, expires_at: datetime, by: str) -> Task:
    """Queue one task for a node; the node hears of it when the present transaction is committed."""
    return send_all([Order(node=node, kind=kind, payload=payload, asker=asker, expires_at=expires_at)], by=by)[0]


@transaction.atomic
def send_all(orders: Iterable[Order], *, by: str) -> list[Task]:
    """Queue several tasks (one write, one wake-up), in their order; each is an event."""
    tasks = [_task(order) for order in orders]
    Task.objects.bulk_create(tasks)
    record_all(Fact("task.sent", by, task.task_id, {"node": task.node_id, "kind": task.kind}) for task in tasks)
    wakeups.notify(*(task.node_id for task in tasks))
    return tasks


def _task(order: Order) -> Task:
    registry.kind(order.kind)  # a KeyError here is better than an answer that nobody takes
    return Task(
        node=order.node,
        kind=order.kind,
        payload=order.payload.model_dump(mode="json"),
        asker=order.asker.model_dump(mode="json"),
        expires_at=order.expires_at,
    )


@transaction.atomic
def expire(*, now: datetime | None = None, limit: int = 500) -> int:
    """End tasks that nobody answered in time, as refusals with the code ``task-expired``; how many there were."""
    now = now or timezone.now()
    overdue = Task.objects.select_for_update(skip_locked=True) if _locks_rows() else Task.objects
    tasks = list(overdue.filter(state__in=OPEN_STATES, expires_at__lte=now).order_by("expires_at")[:limit])
    for task in tasks:
        task.state, task.code, task.answered_at = TaskState.EXPIRED, EXPIRED, now
    Task.objects.bulk_update(tasks, ["state", "code", "answered_at"])
    record_all(Fact("task.expired", "hub", task.task_id, {"node": task.node_id}) for task in tasks)
    for task in tasks:
        registry.kind(task.kind).accept(
            task, Result(task_id=task.task_id, status=ResultStatus.REFUSED, code=EXPIRED)
        )
    return len(tasks)


def _locks_rows() -> bool:
    return transaction.get_connection().features.has_select_for_update_skip_locked
