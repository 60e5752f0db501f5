"""Several processes of one hub, with PostgreSQL: a task sent in one reaches a node held by another."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections

from oncofed.bench.local_federation import free_port
from oncofed.contracts.exchange import Invitation, Tasks
from oncofed.hub.exchange.keyring import Keyring
from oncofed.hub.exchange.models import Node
from tests.factories import exchange as factory
from tests.factories.exchange import Peer

pytestmark = pytest.mark.django_db(transaction=True)
NODES = 6


def address() -> str:
    """The tests' database as a URL."""
    known = connection.settings_dict
    return f"postgresql://{quote(known['USER'])}:@/{known['NAME']}?host={quote(known['HOST'], safe='')}"


async def until_served(client: httpx.AsyncClient) -> None:
    for _ in range(600):
        try:
            if (await client.get("/healthz")).is_success:
                return
        except httpx.TransportError:
            await asyncio.sleep(0.1)
    pytest.fail("the hub does not serve")


async def scene(url: str, invitations: list[Invitation], send_all) -> None:
    """Every node has a connection of its own, to whichever process takes it."""
    clients = [httpx.AsyncClient(base_url=url, timeout=40, trust_env=False) for _ in invitations]
    await until_served(clients[0])
    peers = [Peer(client, letter.node_id, letter.hub_key) for client, letter in zip(clients, invitations, strict=True)]
    for peer, letter in zip(peers, invitations, strict=True):
        assert (await peer.enrol(letter)).status_code == 200
        assert (await peer.hello(1)).status_code == 200
    held = [asyncio.create_task(peer.poll(25)) for peer in peers]
    await asyncio.sleep(1)
    await sync_to_async(send_all, thread_sensitive=False)()
    replies = await asyncio.wait_for(asyncio.gather(*held), 10)
    assert [len(Tasks.model_validate_json(reply.content).tasks) for reply in replies] == [1] * NODES
    nonce = "r" * 32
    answers = [(await peer.poll(nonce=nonce)).status_code for peer in (peers[0], peers[0])]
    assert answers == [200, 401]  # whichever process takes the second
    for client in clients:
        await client.aclose()


def test_a_task_reaches_nodes_held_by_other_processes(domain, tmp_path: Path):
    if connection.vendor != "postgresql":
        pytest.skip("one process serves with SQLite; `pytest --database postgresql` runs this")
    home = tmp_path / "hub"
    keyring = Keyring(home / "keys")
    keyring.create()
    letters = [factory.invitation(keyring, f"node-{number}") for number in range(NODES)]
    port = free_port()
    environment = {**os.environ, "ONCOFED_DATA": str(home), "DATABASE_URL": address()}
    command = [sys.executable, "-m", "oncofed", "hub", "start", "--port", str(port), "--workers", "2"]
    hub = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    def send_all() -> None:
        try:
            for node in Node.objects.all():
                factory.send(node)
        finally:
            connections.close_all()

    try:
        asyncio.run(scene(f"http://127.0.0.1:{port}", letters, send_all))
    finally:
        hub.send_signal(signal.SIGTERM)
        _, said = hub.communicate(timeout=30)
    assert "Traceback" not in said
