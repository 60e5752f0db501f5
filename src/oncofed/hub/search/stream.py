"""The outcome of a question as it changes: waits on a bell, reads in a few threads of its own, holds nothing meanwhile.

A request's own database connection is let go before (``authentication.let_connection_go``). Reads run in
``READERS`` threads, which keep one connection each: however many people wait, the database sees no more than that.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from oncofed.contracts.outcome import Outcome
from oncofed.hub.exchange import wakeups
from oncofed.hub.exchange.actions import expire
from oncofed.hub.search import queries
from oncofed.hub.search.actions import topic
from oncofed.hub.search.models import Ask

READERS = 4
COALESCE_SECONDS = 0.06
"""Nodes answer almost together: what comes within this time is told at once."""
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


def _read_in_thread(identifier: uuid.UUID) -> Outcome | None:
    try:
        return read(identifier)
    except Exception:
        connection.close()  # a connection that failed once is not used again
        raise


async def outcomes(identifier: uuid.UUID, seen: int = -1) -> AsyncGenerator[Outcome | None, None]:
    """Each new state of the outcome after version ``seen``, the complete one last; None while nothing changes."""
    loop = asyncio.get_running_loop()
    with wakeups.bell(topic(identifier)) as bell:
        while True:
            found = await loop.run_in_executor(_readers, _read_in_thread, identifier)
            if found is None:
                return
            if found.version != seen or found.complete:
                seen = found.version
                yield found
            if found.complete:
                return
            if await bell.wait(ALIVE_SECONDS):
                await asyncio.sleep(COALESCE_SECONDS)
            else:
                yield None


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
        found = await asyncio.get_running_loop().run_in_executor(_readers, _read_in_thread, identifier)
    if found is not None:
        yield found.model_dump_json().encode()
