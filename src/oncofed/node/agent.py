"""The node's loop: one agent on a data directory opens a session, waits for tasks, answers, and keeps going.

What is under way is read from the disk, not remembered: results the hub has not confirmed stand in the ledger file and
go out first. The order of writing is answer → ledger → outbox → network, so a crash between any two of them loses
nothing and tells nothing twice.
"""

import contextlib
import fcntl
import json
import logging
import os
import random
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from oncofed.contracts.errors import OncofedError, Refused, Unreachable
from oncofed.contracts.exchange import (
    MAX_TASKS_PER_REPLY,
    Poll,
    Result,
    Results,
    ResultStatus,
    Task,
    Tasks,
)
from oncofed.files import write_atomically
from oncofed.node.context import NodeContext
from oncofed.node.hub import Hub, Message
from oncofed.node.ledger import Unconfirmed
from oncofed.node.session import SOFTWARE, Session
from oncofed.node.tasks import KINDS, refused, words

HOLD_SECONDS = 25.0
"""How long the hub may hold a poll. Below the 30 s after which many proxies give up."""
SHORTEST_HOLD_SECONDS = 2.0
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 15.0
LONGEST_REFUSED_PAUSE_SECONDS = 60.0
STATUS_SECONDS = 5.0
REFUSALS_REMEMBERED = 20
_log = logging.getLogger(__name__)


class Stopped(BaseException):
    """Raised inside a wait by ``Agent.stop``."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of the one agent; ``Refused(agent-running)`` if another holds it. Ends with the process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused("agent-running") from error
        yield
    finally:
        os.close(descriptor)


def is_running(lock_file: Path) -> bool:
    """Whether an agent holds the lock."""
    if not lock_file.exists():
        return False
    try:
        with locked(lock_file):
            return False
    except Refused:
        return True


@dataclass
class AgentStatus:
    """What the agent says about itself in ``agent.json``. ``state``: starting, connected, waiting or stopped."""

    state: str = "starting"
    code: str | None = None
    detail: str = ""
    started_at: str = ""
    last_contact_at: str | None = None
    failures: int = 0
    answered: int = 0
    hold_seconds: float = HOLD_SECONDS
    ledger_problem: str | None = None
    policy_problem: str | None = None
    clock_offset: float | None = None
    refusals: deque[dict[str, str]] = field(default_factory=lambda: deque(maxlen=REFUSALS_REMEMBERED))

    def as_json(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {**vars(self), "refusals": list(self.refusals), "software": SOFTWARE}


class Agent:
    """The loop. ``run`` returns after ``stop``; it raises only ``Refused(node-superseded)``."""

    def __init__(self, hub: Hub, context: NodeContext, status_file: Path) -> None:
        self._hub = hub
        self._context = context
        self._session = Session(hub, context.ledger, context.ledger_problem)
        self._status_file = status_file
        self.status = AgentStatus(started_at=_now().isoformat(), ledger_problem=context.ledger_problem)
        self._written = 0.0
        self._stopping = threading.Event()
        self._waiting = False
        self._pause = random.Random()  # noqa: S311 - jitter, not a secret

    def stop(self) -> None:
        """End the loop after what it is doing; from another thread."""
        self._stopping.set()

    def interrupt(self, *_signal: object) -> None:
        """End the loop: at once while it waits, else after what it is doing. To be called by a signal."""
        self._stopping.set()
        if self._waiting:
            raise Stopped

    def run(self) -> None:
        """Work until ``stop``."""
        try:
            with contextlib.suppress(Stopped):
                while not self._stopping.is_set():
                    self._guarded_round()
        finally:
            self.status.state = "stopped"
            self._write_status()

    def _guarded_round(self) -> None:
        try:
            self._round()
        except Refused as refusal:
            if refusal.code == "node-superseded" and not self._session.is_open:
                self._failed(refusal.code, refusal.detail)
                raise
            self._session.is_open = False
            self._failed(refusal.code, str(refusal))
            if refusal.code != "node-superseded":  # first see whether the hub itself was restored: say hello again
                self._rest(LONGEST_REFUSED_PAUSE_SECONDS)
        except OncofedError as error:
            self._session.is_open = self._session.is_open and isinstance(error, Unreachable)
            self._failed(error.code, str(error))
            self._rest(LONGEST_PAUSE_SECONDS)
        except Exception as error:  # noqa: BLE001 - the loop must go on
            self._session.is_open = False
            self._failed("node-fault", _where(error))
            self._rest(LONGEST_PAUSE_SECONDS)

    def _round(self) -> None:
        """One exchange with the hub: hand in results or ask for tasks, and answer the tasks that come back."""
        if not self._session.is_open:
            with self._interruptible():
                self._session.open()
            self._context = replace(self._context, ledger_problem=self._session.problem)
            self.status.ledger_problem = self._session.problem
            _log.info("session %d at %s is open", self._context.ledger.epoch, self._hub.peer.url)
            self._succeeded()
        unconfirmed = self._context.ledger.unconfirmed(MAX_TASKS_PER_REPLY)
        tasks = self._hand_in(unconfirmed) if unconfirmed else self._poll()
        self._succeeded()
        if tasks.tasks:
            self._context.ledger.keep([self._answer(task) for task in tasks.tasks])
            self._write_status_at_times()

    # ---- talking ----------------------------------------------------------------------------------------------------

    def _poll(self) -> Tasks:
        poll = Poll(instance=self._session.instance, wait_seconds=self.status.hold_seconds)
        about = {"what": "asking for tasks, again and again in this session"}
        message = Message("poll", poll, about)
        return self._held(lambda: self._hub.call(message, Tasks, hold_seconds=poll.wait_seconds, repeated=True))

    def _hand_in(self, unconfirmed: list[Unconfirmed]) -> Tasks:
        """Send results; the next tasks come in the reply. Those the hub rejects are done with, too."""
        body = Results(
            instance=self._session.instance,
            results=tuple(one.result for one in unconfirmed),
            wait_seconds=self.status.hold_seconds,
        )
        message = Message("results", body, {"what": "answers", "answers": [one.about for one in unconfirmed]})
        tasks = self._held(lambda: self._hub.call(message, Tasks, hold_seconds=body.wait_seconds))
        self._context.ledger.confirm(one.result.task_id for one in unconfirmed)
        self.status.answered += len(unconfirmed) - len(tasks.rejected)
        for rejection in tasks.rejected:
            _log.warning("the hub did not take the result of task %s: %s", rejection.task_id, rejection.code)
        return tasks

    def _held(self, call: Callable[[], Tasks]) -> Tasks:
        """A call the hub may hold. Where a proxy cuts it off, the next ones are held for a shorter time."""
        begun = time.monotonic()
        try:
            with self._interruptible():
                return call()
        except Unreachable as error:
            lasted = time.monotonic() - begun
            if error.code != "hub-unreachable" or lasted < SHORTEST_HOLD_SECONDS:
                raise
            self.status.hold_seconds = max(SHORTEST_HOLD_SECONDS, min(self.status.hold_seconds, lasted) / 2)
            _log.warning("a call was cut after %.0f s; the hub may hold the next for %.0f s", lasted,
                         self.status.hold_seconds)  # fmt: skip
            raise

    # ---- answering --------------------------------------------------------------------------------------------------

    def _answer(self, task: Task) -> Unconfirmed:
        result = self._guarded_answer(task)
        if result.status is ResultStatus.REFUSED:
            self.status.refusals.append({"at": _now().isoformat(), "code": str(result.code), "task_id": task.task_id})
        return Unconfirmed(result, words(task))

    def _guarded_answer(self, task: Task) -> Result:
        kind = KINDS.get(task.kind)
        if kind is None:
            return refused(task, "task-kind-unknown")
        try:
            return kind(self._in_our_time(task), self._context, _now())
        except Exception as error:  # noqa: BLE001 - one task must not keep the others from being answered
            _log.error("a task failed: %s", _where(error))
            return refused(task, "node-fault")

    def _in_our_time(self, task: Task) -> Task:
        """The task with its end told by this machine's clock, which may be minutes off the hub's.

        Nothing else follows the hub's clock: a hub that lies about the time must not open another year's budget.
        """
        offset = timedelta(seconds=self._hub.clock_offset or 0.0)
        return task.model_copy(update={"expires_at": task.expires_at - offset})

    # ---- waiting, and what is said about it -------------------------------------------------------------------------

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        self._waiting = True
        try:
            if self._stopping.is_set():
                raise Stopped
            yield
        finally:
            self._waiting = False

    def _rest(self, longest: float) -> None:
        """Back off: twice as long after every failure, up to ``longest`` seconds, and never all nodes at once."""
        pause = min(longest, FIRST_PAUSE_SECONDS * 2 ** min(self.status.failures, 16))
        with self._interruptible():
            self._stopping.wait(pause * self._pause.uniform(0.5, 1.0))

    def _failed(self, code: str, detail: str) -> None:
        self.status.failures += 1
        self.status.state, self.status.code, self.status.detail = "waiting", code, detail
        _log.warning("%s", detail or code)
        self._write_status()

    def _succeeded(self) -> None:
        changed = self.status.state != "connected"
        self.status.state, self.status.code, self.status.detail, self.status.failures = "connected", None, "", 0
        self.status.last_contact_at = _now().isoformat()
        self.status.clock_offset = self._hub.clock_offset
        if changed:
            self._write_status()
        self._write_status_at_times()

    def _write_status_at_times(self) -> None:
        if time.monotonic() - self._written > STATUS_SECONDS:
            self._write_status()

    def _write_status(self) -> None:
        """Best effort: a full disk must not stop the loop over its status."""
        try:
            self._context.policy()
            self.status.policy_problem = None
        except OncofedError as error:
            self.status.policy_problem = str(error)
        self._written = time.monotonic()
        with contextlib.suppress(OSError):
            write_atomically(self._status_file, json.dumps(self.status.as_json()).encode())


def _now() -> datetime:
    return datetime.now(UTC)


def _where(error: Exception) -> str:
    """What went wrong and where, without the message: that could hold a value from a patient's row."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}"
