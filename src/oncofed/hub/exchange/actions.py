"""Everything that changes nodes and tasks, apart from polls and results (``intake``)."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from oncofed.contracts import exchange as wire
from oncofed.contracts.base import Wire
from oncofed.contracts.catalogue import Publication
from oncofed.contracts.errors import BadInput, Refused
from oncofed.hub.accounts.models import Organisation
from oncofed.hub.exchange import policy, queries, registry, wakeups
from oncofed.hub.exchange.keyring import Keyring
from oncofed.hub.exchange.models import (
    OPEN_STATES,
    AnsweredEntry,
    Invitation,
    KeyRotation,
    Node,
    NodeState,
    Task,
    TaskState,
)
from oncofed.hub.trace.actions import record

EXPIRED = "task-expired"
INVITATION_LIFE = timedelta(days=7)


# ---- tasks -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Order:
    """A task that is to be sent."""

    node: Node
    kind: str
    payload: Wire
    asker: wire.Asker
    expires_at: datetime


def send(*, node: Node, kind: str, payload: Wire, asker: wire.Asker, expires_at: datetime, by: str) -> Task:
    """Queue one task for a node; the node hears of it when the present transaction is committed."""
    return send_all([Order(node=node, kind=kind, payload=payload, asker=asker, expires_at=expires_at)], by=by)[0]


@transaction.atomic
def send_all(orders: Iterable[Order], *, by: str) -> list[Task]:
    """Queue several tasks with one write, one event and one wake-up; the tasks in the orders' order."""
    tasks = [_task(order) for order in orders]
    if tasks:
        Task.objects.bulk_create(tasks)
        body = {"kind": tasks[0].kind, "tasks": {task.node_id: task.task_id for task in tasks}}
        record(kind="task.sent", by=by, subject=tasks[0].task_id, body=body)
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
    locks = transaction.get_connection().features.has_select_for_update_skip_locked
    overdue = Task.objects.select_for_update(skip_locked=True) if locks else Task.objects.all()
    tasks = list(overdue.filter(state__in=OPEN_STATES, expires_at__lte=now).order_by("expires_at")[:limit])
    if not tasks:
        return 0
    names = [task.pk for task in tasks]
    Task.objects.filter(pk__in=names).update(state=TaskState.EXPIRED, code=EXPIRED, answered_at=now)
    kinds: dict[str, list[registry.Ended]] = {}
    for task in tasks:
        task.state, task.code, task.answered_at = TaskState.EXPIRED, EXPIRED, now
        ended = wire.Result(task_id=task.task_id, status=wire.ResultStatus.REFUSED, code=EXPIRED)
        kinds.setdefault(task.kind, []).append((task, ended))
    for name, endings in kinds.items():
        registry.kind(name).accept(endings)
    return len(tasks)


@transaction.atomic
def store_entries(*, node_id: str, entries: Iterable[wire.LedgerEntry]) -> None:
    """Keep ledger entries that came with a node's answers; one that is kept already stays as it is."""
    rows = [AnsweredEntry(node_id=node_id, sequence=e.sequence, entry=e.model_dump(mode="json")) for e in entries]
    if rows:
        AnsweredEntry.objects.bulk_create(rows, ignore_conflicts=True)
        last = max(row.sequence for row in rows)
        Node.objects.filter(pk=node_id, ledger_sequence__lt=last).update(ledger_sequence=last)


# ---- enrolment ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Guest:
    """Who is invited: the node's id, its organisation, country, and title ("" for the node's own choice)."""

    node_id: str
    organisation: Organisation
    country: str
    title: str = ""


@transaction.atomic
def invite(*, guest: Guest, hub_url: str, hub_key: str, by: str, life: timedelta = INVITATION_LIFE) -> str:
    """One string with which the node can enrol once; only a hash of its secret is kept.

    ``BadInput`` with ``country-invalid`` or ``node-known``, or if the node's id is not usable.
    """
    if not re.fullmatch("[A-Z]{2}", guest.country):
        raise BadInput("country-invalid", f"“{guest.country}” is not a country code")
    if not re.fullmatch("[a-z0-9][a-z0-9-]{1,62}", guest.node_id):
        raise BadInput("node-id-invalid", f"“{guest.node_id}” is not usable as a node's name")
    if Node.objects.filter(pk=guest.node_id).exists():
        raise BadInput("node-known", f"{guest.node_id} is enrolled")
    secret = secrets.token_urlsafe(32)
    Invitation.objects.create(
        digest=_digest(secret),
        node_id=guest.node_id,
        organisation=guest.organisation,
        title=guest.title,
        country=guest.country,
        expires_at=timezone.now() + life,
    )
    body = {"organisation": guest.organisation.pk, "country": guest.country}
    record(kind="node.invited", by=by, subject=guest.node_id, body=body)
    letter = wire.Invitation(hub_url=hub_url, hub_key=hub_key, secret=secret, node_id=guest.node_id)
    return letter.to_token()


@transaction.atomic
def enrol(*, enrolment: wire.Enrolment, now: datetime) -> Node:
    """Let a node in; the same node with the same key may say it again. ``Refused`` with the invitation's codes."""
    policy.check_protocol(enrolment.protocol)
    invitation = Invitation.objects.filter(pk=_digest(enrolment.secret), node_id=enrolment.node_id).first()
    if invitation is None:
        raise Refused("invitation-unknown")
    known = Node.objects.filter(pk=enrolment.node_id).first()
    if invitation.used_at is not None:
        if known is not None and known.public_key == enrolment.public_key:
            return known
        raise Refused("invitation-used")
    if invitation.expires_at <= now:
        raise Refused("invitation-expired")
    if known is not None or Node.objects.filter(public_key=enrolment.public_key).exists():
        raise Refused("node-known")
    if not Invitation.objects.filter(pk=invitation.pk, used_at=None).update(used_at=now):
        raise Refused("invitation-used")  # another process was quicker
    node = Node.objects.create(
        node_id=enrolment.node_id,
        organisation=invitation.organisation,
        title=invitation.title or enrolment.title or invitation.organisation.title,
        country=invitation.country,
        public_key=enrolment.public_key,
        software=enrolment.software,
        last_seen_at=now,
    )
    body = {"organisation": node.organisation_id, "public_key": node.public_key, "software": node.software}
    record(kind="node.enrolled", by=actor(node.pk), subject=node.pk, body=body)
    return node


@transaction.atomic
def set_state(*, node: Node, state: NodeState, by: str) -> None:
    """Suspend a node or let it in again; its held poll ends at once."""
    if Node.objects.filter(pk=node.pk).exclude(state=state).update(state=state):
        record(kind=f"node.{state.value}", by=by, subject=node.pk)
        wakeups.notify(node.pk)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def actor(node_id: str) -> str:
    """How the trace names a node."""
    return f"node:{node_id}"


# ---- what a node says outside polls and results ------------------------------------------------------------------


@transaction.atomic
def open_session(*, node_id: str, hello: wire.Hello, now: datetime) -> wire.Welcome:
    """Make ``hello.instance`` the one that polls; what the former one was working on is queued again."""
    policy.check_protocol(hello.protocol)
    node = _caller(node_id)
    policy.check_hello(node, hello)
    if hello.epoch > node.epoch + 1:
        record(kind="node.ahead", by=actor(node_id), subject=node_id, body={"epoch": hello.epoch, "hub": node.epoch})
    node.epoch, node.instance, node.software, node.last_seen_at = hello.epoch, hello.instance, hello.software, now
    node.save(update_fields=["epoch", "instance", "software", "last_seen_at"])
    Task.objects.filter(node=node, state=TaskState.LEASED).update(state=TaskState.QUEUED, leased_until=None)
    body = {"epoch": hello.epoch, "software": hello.software, "ledger_sequence": hello.ledger_sequence}
    record(kind="node.session", by=actor(node_id), subject=node_id, body=body)
    wakeups.notify(node_id)  # the former instance's held poll ends
    return wire.Welcome(protocol=hello.protocol, epoch=node.epoch, hub_time=now, rotations=queries.rotations())


@transaction.atomic
def publish(*, node_id: str, publication: Publication, now: datetime) -> wire.Receipt:
    """Take in what the node publishes, by the handler a domain registered; an older publication cannot undo a newer."""
    node = _caller(node_id)
    if node.published_at is not None and publication.published_at < node.published_at:
        raise Refused("publication-stale")
    node.published_at, node.last_seen_at = publication.published_at, now
    node.save(update_fields=["published_at", "last_seen_at"])
    detail = registry.publication()(node, publication)
    releases = {release.dataset.dataset_id: [release.release, release.digest] for release in publication.releases}
    record(kind="node.published", by=actor(node_id), subject=node_id, body={"releases": releases})
    return wire.Receipt(detail=detail)


def answered(*, node_id: str, since: wire.AnsweredSince) -> wire.Answered:
    """What the hub has from the node's ledger."""
    return queries.answered_since(_caller(node_id), since.sequence)


def _caller(node_id: str) -> Node:
    locked = Node.objects.select_for_update() if transaction.get_connection().in_atomic_block else Node.objects.all()
    node = locked.filter(pk=node_id).first()
    refused = policy.refusal(node)
    if node is None or refused is not None:
        raise refused or Refused("node-unknown")
    return node


# ---- the hub's key -----------------------------------------------------------------------------------------------


def rotate_key(*, keyring: Keyring, by: str) -> wire.KeyRotation:
    """Let a new key take the present one's place; repeated after a crash, it finishes what was begun."""
    rotation = keyring.prepare()
    with transaction.atomic():
        row, made = KeyRotation.objects.get_or_create(
            old=rotation.old, defaults={"new": rotation.new, "signature": rotation.signature}
        )
        if made:
            record(kind="hub.key-rotated", by=by, subject="hub", body={"old": row.old, "new": row.new})
    keyring.complete(rotation)
    return rotation
