"""What changes questions and saved searches: asking, taking in answers, saving."""

import hashlib
import secrets
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from oncofed.contracts.base import canonical_json
from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import BadInput, OncofedError, QueryError, Refused
from oncofed.contracts.exchange import COUNT, Asker, CountAnswer, CountTask, LedgerEntry, Result, ResultStatus
from oncofed.contracts.outcome import NodeState
from oncofed.contracts.query import Query
from oncofed.hub.accounts.models import User
from oncofed.hub.accounts.policy import require
from oncofed.hub.accounts.queries import organisation_of
from oncofed.hub.accounts.roles import Permission
from oncofed.hub.catalogue.shelf import Shelf, shelf
from oncofed.hub.core.rows import places, rows_where, update_each
from oncofed.hub.exchange import wakeups
from oncofed.hub.exchange.actions import EXPIRED, Order, send_all
from oncofed.hub.exchange.models import Node, Task
from oncofed.hub.exchange.models import NodeState as Membership
from oncofed.hub.exchange.queries import online
from oncofed.hub.search import notes as reading
from oncofed.hub.search import policy
from oncofed.hub.search.models import Ask, AskedNode, SavedSearch
from oncofed.hub.search.plan import NodePlan, plan
from oncofed.hub.trace.actions import Fact, record, record_all

ASK_SECONDS = 30.0
"""How long nodes have to answer. A node's answer takes well under a second; its poll may have to be made again."""
AWAY_SECONDS = 5.0
"""How long a node has that was not heard of lately: enough to come back at this moment, too short to keep people."""
NOT_SUPPORTED = "not-supported-here"
"""What a node says that cannot record what is asked."""
MAX_SAVED = 500
"""Saved searches a person may have."""


def topic(ask: uuid.UUID) -> str:
    """What rings when something about a question changes."""
    return f"ask:{ask}"


def chosen(snapshot: Shelf, datasets: Collection[str] | None) -> frozenset[str] | None:
    """The datasets named, if all of them are published; None for all."""
    if datasets is None:
        return None
    for name in datasets:
        if name not in snapshot.entries:
            raise BadInput("dataset-unknown", name)
    return frozenset(datasets)


def ask(
    *,
    by: User,
    query: Query,
    by_criterion: str | None = None,
    datasets: Collection[str] | None = None,
    purpose: str = "",
    notes: Sequence[str] = (),
) -> Ask:
    """Put a question to every node that has datasets to ask; what the cubes can say is answered at once.

    ``notes``: how the text was read (``contracts.query.Parsed``), repeated in the outcome. Raises ``QueryError``,
    ``BadInput(dataset-unknown)``, ``Refused(permission-missing)``, ``Refused(nothing-to-ask)``.
    """
    require(by, Permission.ASK_COUNT)
    canonical = query.canonical()
    if by_criterion is not None and by_criterion not in CRITERIA:
        raise QueryError("query-no-breakdown", f"“{by_criterion}” is not a criterion")
    snapshot = shelf()
    names = chosen(snapshot, datasets)
    plans = plan(snapshot.groups_of(names), canonical, by_criterion)
    if not any(part.asked for part in plans):
        raise Refused("nothing-to-ask", reading.lacking_everywhere(plans))
    now = timezone.now()
    question = Ask(
        person=by,
        query=canonical.model_dump(mode="json"),
        key=canonical.key,
        text=canonical.text(),
        sentence=canonical.explain(),
        by=by_criterion or "",
        purpose=purpose.strip()[:200],
        context=reading.context(snapshot.pooled(names), canonical, by_criterion, notes),
        created_at=now,
        expires_at=now + timedelta(seconds=ASK_SECONDS),
    )
    _store(question, plans, by, datasets)
    return question


@transaction.atomic
def _store(question: Ask, plans: Sequence[NodePlan], by: User, datasets: Collection[str] | None) -> None:
    nodes = Node.objects.in_bulk([part.node for part in plans])
    question.save(force_insert=True)
    asker = Asker(person=by.pseudonym, organisation=organisation_of(by).organisation_id, purpose=question.purpose)
    live = [part for part in plans if part.releases and nodes[part.node].state == Membership.ACTIVE]
    orders = [_order(part, nodes[part.node], question, asker) for part in live]
    tasks = dict(zip((part.node for part in live), send_all(orders, by=by.actor), strict=True)) if orders else {}
    AskedNode.objects.bulk_create(_asked(question, part, tasks.get(part.node)) for part in plans)
    record(
        kind="search.asked",
        by=by.actor,
        subject=str(question.id),
        body={
            "organisation": asker.organisation,
            "purpose": question.purpose,
            "query": question.query,
            "key": question.key,
            "by": question.by,
            "datasets": sorted(datasets) if datasets is not None else None,
            "live": sorted(tasks),
            "cube": sorted(part.node for part in plans if part.parts),
        },
    )


def _order(part: NodePlan, node: Node, question: Ask, asker: Asker) -> Order:
    payload = CountTask(query=question.query, by=question.by or None, releases=tuple(part.releases))
    away = not online(node, question.created_at)
    until = question.created_at + timedelta(seconds=AWAY_SECONDS) if away else question.expires_at
    return Order(node=node, kind=COUNT, payload=payload, asker=asker, expires_at=until)


def _asked(question: Ask, part: NodePlan, task: Task | None) -> AskedNode:
    asked = AskedNode(
        ask=question, node_id=part.node, task=task, datasets=part.asked, unsupported=part.unsupported, state="waiting"
    )
    if part.parts:
        asked.state, asked.answered_at = NodeState.ANSWERED.value, question.created_at
        asked.answer = CountAnswer.model_construct(parts=tuple(part.parts)).model_dump(mode="json")
    elif not part.releases:
        asked.state = NodeState.UNSUPPORTED.value
    elif task is None:
        asked.state, asked.code = NodeState.SILENT.value, "node-suspended"
    return asked


def accept(ended: Sequence[tuple[Task, Result]]) -> list[str | None]:
    """Take in what ended count tasks (``exchange.registry.Accept``); the code of each answer that cannot be one."""
    names = [task.pk for task, _ in ended]
    rows = rows_where(AskedNode, f"task_id IN {places(names)} AND state = %s", [*names, NodeState.WAITING.value])
    waiting = {asked.task_id: asked for asked in rows}
    snapshot, now = shelf(), timezone.now()
    codes = [_accept_one(snapshot, waiting.get(task.pk), task, result) for task, result in ended]
    changed = [waiting[name] for name in names if name in waiting]
    for asked in changed:
        asked.answered_at = now
    update_each(changed, ("state", "code", "detail", "answer", "answered_at"))
    record_all(
        Fact(
            "search.answered",
            f"node:{asked.node_id}" if asked.state != NodeState.SILENT.value else "hub",
            str(asked.ask_id),
            _told(asked),
        )
        for asked in changed
    )
    wakeups.notify(*{topic(asked.ask_id) for asked in changed})
    return codes


def _accept_one(snapshot: Shelf, asked: AskedNode | None, task: Task, result: Result) -> str | None:
    """Note the result in ``asked``; why it is not taken in, if it is not."""
    if asked is None:
        return None
    if result.code == EXPIRED:
        asked.state = NodeState.SILENT.value
        asked.code, asked.detail = _silence(asked.node, task.created_at)
        return None
    if result.status is ResultStatus.ANSWERED:
        try:
            _take_in(snapshot, asked, CountTask.model_validate(task.payload), result)
        except OncofedError as error:
            asked.state, asked.code, asked.answer = NodeState.REFUSED.value, error.code, None
            return error.code
        return None
    known = all(name in CRITERIA for name in result.detail)
    lacks = result.code == NOT_SUPPORTED and known
    asked.state = (NodeState.UNSUPPORTED if lacks else NodeState.REFUSED).value
    asked.code, asked.detail = result.code or "", list(result.detail)
    return None


def ledger_entries(result: Result) -> tuple[LedgerEntry, ...]:
    """The ledger entries an answer carries (``exchange.registry.Entries``): kept in case the node is restored."""
    try:
        answer = CountAnswer.model_validate(result.payload or {})
    except ValidationError:
        return ()
    return tuple(part.entry for part in answer.parts if part.entry is not None)


def _take_in(snapshot: Shelf, asked: AskedNode, task: CountTask, result: Result) -> None:
    entries = snapshot.entries
    current = {name: entry.release for name, entry in entries.items()}
    if any(current.get(release.dataset_id) != release for release in task.releases):
        raise Refused("release-withdrawn")
    classes = {release.dataset_id: entries[release.dataset_id].record.dataset_class for release in task.releases}
    answer = policy.accepted_answer(task, result.payload, classes)
    asked.state = NodeState.ANSWERED.value
    asked.answer = answer.model_dump(mode="json", exclude={"parts": {"__all__": {"entry"}}})
    if not answer.parts:
        asked.state, asked.code, asked.detail = _nothing_counted(answer)


def _nothing_counted(answer: CountAnswer) -> tuple[str, str, list[str]]:
    if answer.unavailable:
        code = answer.left_out.get(answer.unavailable[0], "release-withdrawn")
        return NodeState.REFUSED.value, code, list(answer.unavailable[:20])
    return NodeState.UNSUPPORTED.value, "", []


def _silence(node: Node, asked_at: datetime) -> tuple[str, list[str]]:
    """Why nothing came: the node had not been heard of lately when the question came, or it had and did not answer."""
    if online(node, asked_at):
        return "no-answer", []
    return "node-offline", [node.last_seen_at.isoformat(timespec="seconds")] if node.last_seen_at else []


def _told(asked: AskedNode) -> dict[str, Any]:
    body: dict[str, Any] = {"node": asked.node_id, "state": asked.state}
    if asked.code:
        body["code"] = asked.code
    if asked.answer is not None:
        body["answer"] = hashlib.sha256(canonical_json(asked.answer)).hexdigest()
        body["epsilon"] = sum(part["epsilon"] for part in asked.answer["parts"])
    return body


@transaction.atomic
def save_search(*, by: User, title: str, query: Query) -> SavedSearch:
    """Keep a query under a title; ``Refused(too-many-searches)`` above ``MAX_SAVED``."""
    require(by, Permission.SAVE_SEARCH)
    if not title.strip():
        raise BadInput("request-invalid", "a saved search needs a title")
    if by.searches.count() >= MAX_SAVED:
        raise Refused("too-many-searches", f"you have {MAX_SAVED}")
    canonical = query.canonical()
    search = SavedSearch.objects.create(
        slug=secrets.token_urlsafe(12),
        owner=by,
        title=title.strip()[:200],
        query=canonical.model_dump(mode="json"),
        text=canonical.text(),
        created_at=timezone.now(),
    )
    record(kind="search.saved", by=by.actor, subject=search.slug, body={"query": search.query})
    return search


@transaction.atomic
def remove_search(*, by: User, slug: str) -> None:
    """Remove one of the person's own saved searches; ``BadInput(search-unknown)``."""
    removed, _ = SavedSearch.objects.filter(owner=by, slug=slug).delete()
    if not removed:
        raise BadInput("search-unknown", slug)
    record(kind="search.removed", by=by.actor, subject=slug, body={})
