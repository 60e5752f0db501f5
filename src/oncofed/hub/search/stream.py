"""The outcome of a question as it changes: waits on a bell, reads in a few threads of its own, holds nothing meanwhile.

A request's own database connection is let go before (``authentication.let_connection_go``). Reads run in
``READERS`` threads, one connection each: however many people wait, the database sees no more than that.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import DatabaseError, connection

from oncofed.contracts.outcome import NodeState, Outcome
from oncofed.hub.exchange import wakeups
from oncofed.hub.exchange.actions import expire
from oncofed.hub.search import queries
from oncofed.hub.search.actions import topic
from oncofed.hub.search.models import Ask, AskedNode

T = TypeVar("T")

READERS = 4
COALESCE_SECONDS = 0.06
"""Nodes answer almost together: what comes within this time is told together; the last waits for nothing."""
ALIVE_SECONDS = 10.0
"""An empty line at least this often keeps proxies from cutting a quiet stream."""
LATE_SECONDS = 3.0
"""The hub's sweep ends overdue questions within a second or two; later, whoever waits does it."""

_readers = ThreadPoolExecutor(READERS, thread_name_prefix="outcomes")


def read(identifier: uuid.UUID) -> Outcome | None:
    """The outcome now; None if the question is gone. Ends the question's tasks if they are overdue."""
    ask = Ask.objects.filter(id=identifier).first()
    if ask is None:
        return None
    found = queries.outcome(ask)
    if not found.complete and time.time() > ask.expires_at.timestamp() + LATE_SECONDS:
        expire()
        found = queries.outcome(ask)
    return found


def settled(identifier: uuid.UUID) -> bool:
    """Whether no node is waited for any more: one cheap look, where ``read`` computes the whole outcome."""
    return not AskedNode.objects.filter(ask=identifier, state=NodeState.WAITING.value).exists()


async def _in_thread(look: Callable[[uuid.UUID], T], identifier: uuid.UUID) -> T:
    def safely() -> T:
        try:
            return look(identifier)
        except DatabaseError:
            connection.close()  # a connection that failed once is not used again
            raise
        finally:
            if connection.vendor == "postgresql":
                connection.close()  # back to the pool: whoever needs it next has it at once

    return await asyncio.get_running_loop().run_in_executor(_readers, safely)


_following: set[object] = set()


def _pause() -> float:
    """How long to gather answers: longer the more people follow, so that telling them leaves time for taking in."""
    return COALESCE_SECONDS * max(1.0, len(_following) / READERS)


async def outcomes(identifier: uuid.UUID, seen: int = -1) -> AsyncGenerator[Outcome | None, None]:
    """Each new state of the outcome after version ``seen``, the complete one last; None while nothing changes."""
    me = object()
    _following.add(me)
    try:
        with wakeups.bell(topic(identifier)) as bell:
            while True:
                found = await _in_thread(read, identifier)
                if found is None:
                    return
                if found.version != seen or found.complete:
                    seen = found.version
                    yield found
                if found.complete:
                    return
                if not await _changed(bell, identifier, first=found.version == 0):
                    yield None
    finally:
        _following.discard(me)


async def _changed(bell: wakeups.Bell, identifier: uuid.UUID, *, first: bool) -> bool:
    """Wait for a change, then for what comes soon after it; False if nothing happened for a while.

    The ``first`` answer of all is told at once, unless more people follow than there are readers.
    """
    if not await bell.wait(ALIVE_SECONDS):
        return False
    if first and len(_following) <= READERS:
        return True
    clock = asyncio.get_running_loop().time
    until = clock() + _pause()
    while clock() < until and not await _in_thread(settled, identifier):
        await bell.wait(until - clock())
    return True


async def lines(identifier: uuid.UUID, seen: int = -1) -> AsyncIterator[bytes]:
    """NDJSON: an outcome a line; an empty line says that the connection lives."""
    async with contextlib.aclosing(outcomes(identifier, seen)) as states:
        async for found in states:
            yield found.model_dump_json().encode() + b"\n" if found else b"\n"


async def next_outcome(identifier: uuid.UUID, seen: int, seconds: float) -> AsyncIterator[bytes]:
    """One JSON object: the outcome as soon as it is newer than ``seen``, or as it stands after ``seconds``."""
    found: Outcome | None = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), contextlib.aclosing(outcomes(identifier, seen)) as states:
            async for found in states:
                if found is not None:
                    break
    if found is None:
        found = await _in_thread(read, identifier)
    if found is not None:
        yield found.model_dump_json().encode()
