"""Bells: within a process, after the commit, and between processes with PostgreSQL."""

import asyncio
import contextlib
import threading

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections, transaction

from oncofed.hub.exchange import wakeups

pytestmark = pytest.mark.django_db(transaction=True)


def in_thread(work):
    def run():
        try:
            return work()
        finally:
            connections.close_all()

    return sync_to_async(run, thread_sensitive=False)()


def test_a_bell_rings_for_its_topic_and_not_before_the_commit():
    async def scene():
        with wakeups.bell("mine") as mine, wakeups.bell("other") as other:

            def change():
                with transaction.atomic():
                    wakeups.notify("mine", "third")
                    return mine._rung.is_set()

            assert await in_thread(change) is False
            assert await mine.wait(5)
            assert not await mine.wait(0.01)
            assert not await other.wait(0.01)
        assert await wakeups.wait("mine", 0.01) is False
        wakeups.ring(["mine"])  # nobody listens
        assert wakeups._bells == {}

    asyncio.run(scene())


def test_those_rung_together_all_wake_the_first_before_the_others():
    async def scene():
        with contextlib.ExitStack() as stack:
            order = []

            async def follow(name, bell):
                assert await bell.wait(5)
                order.append(name)

            names = [f"node-{number}" for number in range(8)]
            waiting = [follow(name, stack.enter_context(wakeups.bell(name))) for name in names]
            wakeups.ring(names)
            await asyncio.gather(*waiting)
            return names, order

    names, order = asyncio.run(scene())
    assert set(order[: wakeups.VANGUARD]) == set(names[: wakeups.VANGUARD])
    assert set(order) == set(names)


def test_a_rollback_rings_nothing():
    async def scene():
        with wakeups.bell("mine") as mine:

            @transaction.atomic
            def change():
                wakeups.notify("mine")
                _ = 1 / 0

            with pytest.raises(ZeroDivisionError):
                await in_thread(change)
            assert not await mine.wait(0.05)

    asyncio.run(scene())


def test_ringing_from_a_thread_after_the_loop_is_gone():
    bells = []

    async def scene():
        with wakeups.bell("mine") as mine:
            bells.append(mine)

    asyncio.run(scene())
    bells[0].ring()
    thread = threading.Thread(target=bells[0].ring)
    thread.start()
    thread.join()


def test_long_lists_of_topics_are_cut_to_what_postgresql_takes():
    topics = tuple(f"node-{number:058d}" for number in range(500))
    messages = wakeups._packed(topics)
    assert " ".join(messages).split() == list(topics)
    assert all(len(message) < 8000 for message in messages)
    assert len(messages) > 1


def notify_from_elsewhere() -> None:
    """What another process does: no bell of this one is rung directly."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('oncofed', 'other mine')")


def drop_listeners() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE query = 'LISTEN oncofed' AND pid <> pg_backend_pid() AND datname = current_database()"
        )
        return cursor.fetchone()[0]


def test_other_processes_ring_through_postgresql():
    if connection.vendor != "postgresql":
        asyncio.run(asyncio.wait_for(wakeups.listen(), 5))  # nothing to listen to: one process serves
        return

    async def scene():
        listener = asyncio.create_task(wakeups.listen())
        with wakeups.bell("mine") as mine:
            for _ in range(100):
                await in_thread(notify_from_elsewhere)
                if await mine.wait(0.1):
                    break
            else:
                pytest.fail("the notification did not ring")
            while await mine.wait(0.2):
                pass
            assert await in_thread(drop_listeners) == 1
            assert await mine.wait(5)  # what was missed meanwhile may be for anyone
            await in_thread(notify_from_elsewhere)
            assert await mine.wait(5)
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)

    asyncio.run(scene())


def test_a_listener_stopped_before_it_listens_leaves_no_connection(monkeypatch: pytest.MonkeyPatch):
    if connection.vendor != "postgresql":
        pytest.skip("no listener without PostgreSQL")
    opened = []

    async def held(peer, statement):
        opened.append(peer)
        await asyncio.sleep(60)

    async def scene():
        monkeypatch.setattr(psycopg.AsyncConnection, "execute", held)
        listener = asyncio.create_task(wakeups.listen())
        while not opened:
            await asyncio.sleep(0.01)
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)

    asyncio.run(scene())
    assert opened[0].closed
