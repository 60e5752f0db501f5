"""Polls and results of many nodes in one transaction: few queries, however many call at once.

``serve`` is synchronous and runs in the desk's thread; ``desk`` gathers the calls.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from pydantic import ValidationError

from oncofed.contracts import exchange as wire
from oncofed.contracts.base import canonical_json
from oncofed.contracts.errors import OncofedError, Refused
from oncofed.hub.core.rows import places, rows_where, update_each
from oncofed.hub.exchange import policy, registry
from oncofed.hub.exchange.actions import EXPIRED, store_entries
from oncofed.hub.exchange.models import OPEN_STATES, Node, Task, TaskState
from oncofed.trust.http_signatures import TOLERANCE_SECONDS

LEASE = timedelta(seconds=10)
"""How long a task is kept for the one poll it went to. Short: only a lost reply or a dead node makes it run out."""
SEEN_EVERY = timedelta(seconds=15)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One poll, or one delivery of results. ``nonce`` is "" when a held poll looks again."""

    node_id: str
    instance: str
    now: datetime
    nonce: str = ""
    results: tuple[Any, ...] = ()
    """As they came, not validated yet: one that is malformed must not take the others with it."""
    suspect: bool = False
    """Whether a result may exceed the limit or hold a NUL: then each is looked at."""


Outcome = wire.Tasks | OncofedError


@dataclass
class _Ending:
    """A task that ends now; ``code`` is for what its result was not accepted, if it was not."""

    task: Task
    result: wire.Result
    code: str | None = None


@dataclass
class _Batch:
    """Everything one transaction gathers before it writes."""

    tasks: dict[str, Task]
    endings: list[_Ending] = field(default_factory=list)
    entries: dict[str, list[wire.LedgerEntry]] = field(default_factory=dict)


@transaction.atomic
def serve(calls: Sequence[Call]) -> list[Outcome]:
    """An outcome for each call, in order: accept its results, then lease it tasks."""
    outcomes = _admit(calls)
    admitted = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, wire.Tasks)]
    rejected = _take_results([calls[index] for index in admitted])
    leased = _lease({calls[index].node_id for index in admitted}, calls[0].now) if admitted else {}
    for place, index in enumerate(admitted):
        # Two calls of one node in a batch: the first gets the tasks.
        tasks = tuple(leased.pop(calls[index].node_id, ()))
        outcomes[index] = wire.Tasks(tasks=tasks, rejected=tuple(rejected[place]))
    return outcomes


def let_in(node_id: str, nonce: str, now: datetime) -> None:
    """``Refused(replayed)`` if this node's nonce was used before; to be called inside a transaction."""
    if not _new_nonces([(node_id, nonce)], now):
        raise Refused("replayed")


# ---- who may call ------------------------------------------------------------------------------------------------


def _admit(calls: Sequence[Call]) -> list[Outcome]:
    names = sorted({call.node_id for call in calls})
    nodes = {node.pk: node for node in rows_where(Node, f"node_id IN {places(names)}", names)}
    new = _new_nonces([(call.node_id, call.nonce) for call in calls if call.nonce], calls[0].now)
    outcomes: list[Outcome] = []
    for call in calls:
        refused = policy.refusal(nodes.get(call.node_id), call.instance)
        if call.nonce:
            nonce = f"{call.node_id} {call.nonce}"
            if nonce not in new:
                refused = Refused("replayed")
            new.discard(nonce)  # twice in one batch is a replay, too
        outcomes.append(refused or wire.Tasks())
    _note_seen([nodes[call.node_id] for call, out in zip(calls, outcomes, strict=True) if isinstance(out, wire.Tasks)],
               calls[0].now)  # fmt: skip
    return outcomes


def _new_nonces(pairs: Collection[tuple[str, str]], now: datetime) -> set[str]:
    """Store the nonces; those that were not there. One statement, also right with several processes."""
    if not pairs:
        return set()
    until = int(now.timestamp()) + 2 * TOLERANCE_SECONDS
    rows = ", ".join(["(%s, %s)"] * len(pairs))
    values = [value for node_id, nonce in pairs for value in (f"{node_id} {nonce}", until)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO exchange_seennonce (nonce, until) VALUES {rows} "  # noqa: S608 - placeholders only
            "ON CONFLICT (nonce) DO NOTHING RETURNING nonce",
            values,
        )
        return {row[0] for row in cursor.fetchall()}


def _note_seen(nodes: Iterable[Node], now: datetime) -> None:
    stale = [node.pk for node in nodes if node.last_seen_at is None or now - node.last_seen_at > SEEN_EVERY]
    if stale:
        Node.objects.filter(pk__in=stale).update(last_seen_at=now)


# ---- results -----------------------------------------------------------------------------------------------------


def _take_results(calls: Sequence[Call]) -> list[list[wire.Rejection]]:
    named = {str(raw.get("task_id")) for call in calls for raw in call.results if isinstance(raw, dict)}
    if not named:
        return [[] for _ in calls]
    names = sorted(named)
    tasks = rows_where(Task, f"task_id IN {places(names)} ORDER BY task_id{_locking()}", names)
    batch = _Batch({task.pk: task for task in tasks})
    decided = [[_take(batch, call, raw) for raw in call.results] for call in calls]
    _write(batch, calls[0].now)
    return [[told for one in own if (told := _told(one)) is not None] for own in decided]


def _told(decision: _Ending | wire.Rejection | None) -> wire.Rejection | None:
    if isinstance(decision, _Ending):
        return wire.Rejection(task_id=decision.task.pk, code=decision.code) if decision.code else None
    return decision


def _take(batch: _Batch, call: Call, raw: object) -> _Ending | wire.Rejection | None:
    """Decide about one result: it ends its task, it is rejected, or it was accepted before (None)."""
    task_id = str(raw.get("task_id"))[:200] if isinstance(raw, dict) else ""
    task = batch.tasks.get(task_id)
    if task is None or task.node_id != call.node_id:
        return wire.Rejection(task_id=task_id, code="task-unknown")
    result = _read(raw, call.suspect)
    if isinstance(result, wire.Result):
        batch.entries.setdefault(call.node_id, []).extend(registry.kind(task.kind).entries(result))
    if task.state not in OPEN_STATES:
        same = isinstance(result, wire.Result) and task.result == result.model_dump(mode="json")
        code = EXPIRED if task.state == TaskState.EXPIRED else "task-closed"
        return None if same else wire.Rejection(task_id=task_id, code=code)
    if task.expires_at <= call.now:
        return wire.Rejection(task_id=task_id, code=EXPIRED)  # the sweep ends it
    ending = _Ending(task, result) if isinstance(result, wire.Result) else _Ending(task, _refusal(task, result), result)
    _close(task, ending.result, call.now)
    batch.endings.append(ending)
    return ending


def _refusal(task: Task, code: str) -> wire.Result:
    return wire.Result(task_id=task.pk, status=wire.ResultStatus.REFUSED, code=code)


def _read(raw: object, suspect: bool) -> wire.Result | str:
    """The result, or the code that says why it is none."""
    text = canonical_json(raw) if suspect else b""
    if len(text) > wire.MAX_RESULT_BYTES:
        return "too-large"
    if b"\\u0000" in text:  # PostgreSQL stores no NUL
        return "result-invalid"
    try:
        result = wire.Result.model_validate(raw)
    except ValidationError:
        return "result-invalid"
    answered = result.status is wire.ResultStatus.ANSWERED
    fits = result.payload is not None if answered else result.code is not None
    return result if fits else "result-invalid"


def _close(task: Task, result: wire.Result, now: datetime) -> None:
    answered = result.status is wire.ResultStatus.ANSWERED
    task.state = TaskState.ANSWERED if answered else TaskState.REFUSED
    task.code = result.code or ""
    task.answered_at = now
    task.leased_until = None
    task.result = result.model_dump(mode="json")


def _write(batch: _Batch, now: datetime) -> None:
    for node_id, entries in batch.entries.items():
        store_entries(node_id=node_id, entries=entries)
    kinds: dict[str, list[_Ending]] = {}
    for ending in batch.endings:
        kinds.setdefault(ending.task.kind, []).append(ending)
    for name, endings in kinds.items():
        codes = registry.kind(name).accept([(ending.task, ending.result) for ending in endings])
        for ending, code in zip(endings, codes, strict=True):
            if code is not None:
                ending.code, ending.result = code, _refusal(ending.task, code)
                _close(ending.task, ending.result, now)
    ended = [ending.task for ending in batch.endings]
    update_each(ended, ("state", "code", "answered_at", "leased_until", "result"))


# ---- leases ------------------------------------------------------------------------------------------------------


def _lease(node_ids: set[str], now: datetime) -> dict[str, list[wire.Task]]:
    """The oldest waiting tasks of each node, now kept for it."""
    names = sorted(node_ids)
    moment = connection.ops.adapt_datetimefield_value(now)
    found = rows_where(
        Task,
        f"state IN ('queued', 'leased') AND node_id IN {places(names)} AND expires_at > %s "
        f"AND (leased_until IS NULL OR leased_until <= %s) ORDER BY created_at, task_id{_locking(skip=True)}",
        [*names, moment, moment],
    )
    leased: dict[str, list[wire.Task]] = {}
    kept: list[Task] = []
    for task in found:
        own = leased.setdefault(task.node_id, [])
        if len(own) < wire.MAX_TASKS_PER_REPLY:
            own.append(_on_wire(task))
            task.state, task.leased_until = TaskState.LEASED, now + LEASE
            kept.append(task)
    update_each(kept, ("state", "leased_until"))
    return leased


def _locking(*, skip: bool = False) -> str:
    """With several processes, rows that are about to change are locked; SQLite has one writer anyway."""
    if connection.vendor != "postgresql":
        return ""
    return " FOR UPDATE SKIP LOCKED" if skip else " FOR UPDATE"


def _on_wire(task: Task) -> wire.Task:
    return wire.Task(
        task_id=task.task_id,
        kind=task.kind,
        created_at=task.created_at,
        expires_at=task.expires_at,
        asker=wire.Asker.model_validate(task.asker),
        payload=task.payload,
    )
