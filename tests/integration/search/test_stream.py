"""The reading side of streams: broken connections are let go, and many followers are told less often."""

import asyncio
import uuid

import pytest
from django.db import OperationalError, connection

from oncofed.hub.search import stream

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_connection_that_failed_is_not_used_again() -> None:
    used: list[object] = []

    def fail(identifier: uuid.UUID) -> None:
        connection.ensure_connection()
        used.append(connection.connection)
        raise OperationalError("gone")

    def look(identifier: uuid.UUID) -> bool:
        return connection.connection is None or connection.connection not in used

    async def both() -> bool:
        with pytest.raises(OperationalError):
            await stream._in_thread(fail, uuid.uuid4())
        return await stream._in_thread(look, uuid.uuid4())

    assert asyncio.run(both())


def test_many_followers_are_told_less_often() -> None:
    alone = stream._pause()
    crowd = {object() for _ in range(20)}
    stream._following.update(crowd)
    try:
        assert stream._pause() == pytest.approx(alone * 20 / stream.READERS)
    finally:
        stream._following.difference_update(crowd)


def test_a_question_that_never_was_ends_at_once() -> None:
    async def lines() -> list[bytes]:
        return [line async for line in stream.lines(uuid.uuid4())]

    async def one() -> list[bytes]:
        return [body async for body in stream.next_outcome(uuid.uuid4(), -1, 0.2)]

    assert asyncio.run(lines()) == []
    assert asyncio.run(one()) == []
