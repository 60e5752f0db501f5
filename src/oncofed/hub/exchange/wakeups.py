"""Waking those who wait: held polls of nodes (topic: the node's id) and searchers (topic ``ask:<id>``).

A topic is a name and nothing more: a wake-up carries no data, whoever wakes looks into the database. Within a process
bells are asyncio futures; between processes PostgreSQL's LISTEN/NOTIFY rings them (``listen``). A bell is hung up
*before* looking, so that nothing that happens between looking and waiting is missed:

    with wakeups.bell(topic) as bell:
        while not (found := look()) and await bell.wait(seconds):
            pass
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence

import psycopg
from django.db import connection, transaction

CHANNEL = "oncofed"
_RECONNECT_SECONDS = (0.2, 1.0, 5.0)
_PAYLOAD_BYTES = 7500  # PostgreSQL takes less than 8000
VANGUARD = 3
"""So many of those rung together wake at once, the others ``LATER_SECONDS`` after: what the first have to say is taken
in and shown while the rest work, not behind all of them."""
LATER_SECONDS = 0.04
_log = logging.getLogger(__name__)


class Bell:
    """Hangs on one topic until it is taken down; ``wait`` may be called again and again."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """True as soon as the topic was rung since the last wait; False when the time is up."""
        try:
            await asyncio.wait_for(self._rung.wait(), max(0.0, seconds))
        except TimeoutError:
            return False
        self._rung.clear()
        return True

    def ring(self, later: float = 0.0) -> None:
        """Wake the one who waits, now or so many seconds ``later``; from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            if later:
                self._loop.call_soon_threadsafe(self._loop.call_later, later, self._rung.set)
            else:
                self._loop.call_soon_threadsafe(self._rung.set)


_bells: dict[str, set[Bell]] = {}
_lock = threading.RLock()  # re-entrant: a signal may ring while a bell is being hung up


@contextlib.contextmanager
def bell(topic: str) -> Iterator[Bell]:
    """A bell on ``topic`` for as long as the block lasts. Needs a running event loop."""
    hung = Bell()
    with _lock:
        _bells.setdefault(topic, set()).add(hung)
    try:
        yield hung
    finally:
        with _lock:
            rest = _bells[topic]
            rest.discard(hung)
            if not rest:
                del _bells[topic]


async def wait(topic: str, timeout: float) -> bool:
    """Wait for the topic once; what was rung before the call is missed (see ``bell``)."""
    with bell(topic) as hung:
        return await hung.wait(timeout)


def notify(*topics: str) -> None:
    """Ring the topics in all processes once the present transaction is committed (at once if there is none)."""
    transaction.on_commit(lambda: _ring_everywhere(topics))


def ring(topics: Sequence[str]) -> None:
    """Ring the topics in this process only."""
    with _lock:
        hung = [one for topic in topics for one in _bells.get(topic, ())]
    for place, one in enumerate(hung):
        one.ring(0.0 if place < VANGUARD else LATER_SECONDS)


def _ring_everywhere(topics: tuple[str, ...]) -> None:
    ring(topics)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_notify(%s, message) FROM unnest(%s::text[]) AS message", [CHANNEL, _packed(topics)]
            )


def _packed(topics: tuple[str, ...]) -> list[str]:
    """Topics joined by spaces, as few messages as PostgreSQL's limit allows."""
    messages = [""]
    for topic in topics:
        if len(messages[-1]) + len(topic) >= _PAYLOAD_BYTES:
            messages.append("")
        messages[-1] = f"{messages[-1]} {topic}".lstrip()
    return messages


async def listen() -> None:
    """Ring here what other processes notify; runs until cancelled. Returns at once unless the hub has PostgreSQL."""
    if connection.vendor != "postgresql":
        return
    failures = 0
    while True:
        try:
            async with await _connected() as peer:
                await peer.execute(f"LISTEN {CHANNEL}")
                if failures:
                    ring_all()  # what was notified meanwhile is lost: let everyone look
                failures = 0
                async for notification in peer.notifies():
                    ring(notification.payload.split())
        except psycopg.OperationalError:
            _log.warning("lost the connection that listens for wake-ups")
        delay = _RECONNECT_SECONDS[min(failures, len(_RECONNECT_SECONDS) - 1)]
        failures += 1
        await asyncio.sleep(delay)


async def _connected() -> psycopg.AsyncConnection:
    parameters = connection.get_connection_params()
    wanted = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if parameters.get(name)}
    return await psycopg.AsyncConnection.connect(**wanted, autocommit=True)


def ring_all() -> None:
    """Ring every bell in this process: whoever waits looks again."""
    with _lock:
        topics = list(_bells)
    ring(topics)
