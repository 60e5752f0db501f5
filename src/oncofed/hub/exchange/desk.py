"""The one thread that does the exchange's database work, and how the event loop hands it over.

Whatever has come in while the last transaction ran goes into the next one together: thirty nodes that answer at once
cost a handful of statements and one commit. Nothing holds a database connection while it waits for a node.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from django.db import OperationalError, connection

from oncofed.contracts.errors import OncofedError, Unreachable
from oncofed.contracts.exchange import Tasks
from oncofed.hub.exchange import intake

T = TypeVar("T")
BATCH = 64
GATHER_SECONDS = 0.003
"""How long the first to come waits for others: tasks wake all nodes at once."""
PACE_SECONDS = 0.02
"""Transactions begin at least this far apart while there is much to do: the busier, the more share one."""
_log = logging.getLogger(__name__)


class _Job(NamedTuple):
    """Something to be done and where its outcome goes; ``call`` jobs are gathered."""

    future: "asyncio.Future[Any]"
    call: intake.Call | None
    work: Callable[[], Any] | None


class Desk:
    """Belongs to one event loop. ``start`` before use, ``stop`` at the end."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to work for the running loop; a second start changes nothing."""
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._work, name="exchange-desk", daemon=True)
            self._thread.start()

    async def stop(self) -> None:
        """Finish what was handed in and close the connection."""
        if self._thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    async def serve(self, call: intake.Call) -> Tasks:
        """The call's outcome; raises what refuses it."""
        outcome: intake.Outcome = await self._hand_in(call, None)
        if isinstance(outcome, OncofedError):
            raise outcome
        return outcome

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` returns or raises; it runs in the desk's thread, in transactions of its own."""
        result: T = await self._hand_in(None, work)
        return result

    async def _hand_in(self, call: intake.Call | None, work: Callable[[], Any] | None) -> Any:
        if self._loop is None or self._thread is None:
            raise Unreachable("hub-stopping")
        future = self._loop.create_future()
        self._jobs.put(_Job(future, call, work))
        return await future

    # ---- in the thread --------------------------------------------------------------------------------------------

    def _work(self) -> None:
        going, begun = True, 0.0
        while going:
            jobs = [self._jobs.get()]
            time.sleep(max(GATHER_SECONDS, begun + PACE_SECONDS - time.monotonic()))
            begun = time.monotonic()
            while len(jobs) < BATCH and not self._jobs.empty():
                jobs.append(self._jobs.get())
            going = None not in jobs
            self._settle([job for job in jobs if job is not None])
        connection.close()

    def _settle(self, jobs: Sequence[_Job]) -> None:
        if connection.errors_occurred:
            connection.close()
        outcomes: list[tuple[asyncio.Future[Any], Any]] = []
        calls = [job for job in jobs if job.call is not None]
        if calls:
            served = _served([job.call for job in calls if job.call is not None])
            outcomes += zip((job.future for job in calls), served, strict=True)
        outcomes += [(job.future, _done(job.work)) for job in jobs if job.work is not None]
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_deliver, outcomes)


def _served(calls: Sequence[intake.Call]) -> list[Any]:
    """Outcomes of all calls. If the batch fails each call is tried alone, so that none pays for another."""
    together = _done(lambda: intake.serve(calls))
    if isinstance(together, list):
        return together
    if len(calls) == 1:
        return [together]
    return [_served([call])[0] for call in calls]


def _done(work: Callable[[], Any]) -> Any:
    """What ``work`` returns, or the exception it raised. One of the two broad excepts: the worker must go on."""
    try:
        return work()
    except OncofedError as error:
        return error
    except OperationalError as error:  # the database is away; nodes are told to come again
        _log.warning("the database does not answer: %s", str(error).strip())
        return Unreachable("hub-failed")
    except Exception as error:  # noqa: BLE001 - the worker's loop must outlive any mistake in a domain's hook
        _log.exception("the exchange could not do this")
        failed = Unreachable("hub-failed")
        failed.__cause__ = error
        return failed


def _deliver(outcomes: Sequence[tuple["asyncio.Future[Any]", Any]]) -> None:
    for future, outcome in outcomes:
        if future.cancelled():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
