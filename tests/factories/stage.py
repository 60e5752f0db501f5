"""The exchange in the test's own event loop, with its desk in a thread: rows must be visible to other connections."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from asgiref.sync import sync_to_async
from django.db import connections

from oncofed.hub.exchange.asgi import Exchange
from oncofed.hub.exchange.models import Node
from tests.factories import exchange as factory
from tests.factories.exchange import Domain, Peer

Scene = Callable[["Stage"], Awaitable[None]]


class Stage:
    """The exchange, one enrolled node in session, and database calls in a thread."""

    def __init__(self, exchange: Exchange, peer: Peer, domain: Domain) -> None:
        self.exchange, self.peer, self.domain = exchange, peer, domain

    async def db(self, work, *arguments, **named):
        """Run database work in a thread that lets its connection go."""

        def run():
            try:
                return work(*arguments, **named)
            finally:
                connections.close_all()

        return await sync_to_async(run, thread_sensitive=False)()

    async def send(self, words: str = "hello", **named):
        return await self.db(lambda: factory.send(Node.objects.get(pk="north"), words, **named))

    async def task(self, task_id: str):
        return await self.db(lambda: factory.Task.objects.get(pk=task_id))


def play(scene: Scene, domain: Domain, directory: Path, *, enrolled: bool) -> None:
    """Run ``async def scene(stage)``; ``enrolled``: with the node in session."""

    async def performance() -> None:
        async with factory.running_exchange(directory / "keys") as (exchange, client):
            peer = Peer(client, "north", exchange.keyring.current.public)
            stage = Stage(exchange, peer, domain)
            if enrolled:
                letter = await stage.db(factory.invitation, exchange.keyring)
                assert (await peer.enrol(letter)).status_code == 200
                assert (await peer.hello(1)).status_code == 200
            await asyncio.wait_for(scene(stage), 30)

    asyncio.run(performance())
