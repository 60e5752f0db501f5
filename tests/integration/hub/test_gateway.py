"""One process's application: what goes where, limits of bodies, life and end; and the hub as a process."""

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
import trustme

from oncofed.bench.local_federation import free_port
from oncofed.hub.gateway import MAX_PAGE_BODY_BYTES, Application


async def django(scope, receive, send) -> None:
    """Stands for Django: reads the body and says its length; ``/early`` answers before it reads."""
    length, more = 0, True
    start = {"type": "http.response.start", "status": 200, "headers": []}
    if scope["path"] == "/early":
        await send(start)
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    if scope["path"] != "/early":
        await send(start)
    await send({"type": "http.response.body", "body": str(length).encode()})


def fetch(method: str, path: str, content=None, **headers: str) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(Application(django))
        async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
            return await client.request(method, path, content=content, headers=headers)

    return asyncio.run(run())


def test_what_goes_where():
    assert fetch("GET", "/healthz").json() == {"status": "ok"}
    assert fetch("GET", "/static/nothing.css").status_code == 404
    assert fetch("GET", "/exchange/v1/poll").status_code == 405
    assert fetch("POST", "/anything", b"12345").text == "5"


def test_bodies_have_a_limit():
    assert fetch("POST", "/x", b"x" * MAX_PAGE_BODY_BYTES).status_code == 200
    assert fetch("POST", "/x", b"x" * (MAX_PAGE_BODY_BYTES + 1)).json()["code"] == "too-large"

    async def endless():
        for _ in range(20):
            yield b"x" * (MAX_PAGE_BODY_BYTES // 10)

    assert fetch("POST", "/x", endless()).status_code == 413
    assert fetch("POST", "/early", endless()).status_code == 200


def test_no_address_holds_a_nul():
    assert fetch("GET", "/datasets/a%00b").status_code == 404


def test_a_websocket_is_closed():
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(Application(django)({"type": "websocket"}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1000}]


def live(during) -> None:
    """Go through the application's life, with ``during(application)`` in the middle."""

    async def run() -> None:
        application = Application(django)
        steps = iter(["lifespan.startup", "lifespan.shutdown"])
        sent = []

        async def receive():
            step = next(steps)
            if step == "lifespan.shutdown":
                during(application)
            return {"type": step}

        async def send(message):
            sent.append(message["type"])

        await application({"type": "lifespan"}, receive, send)
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    asyncio.run(run())


@pytest.mark.django_db(transaction=True)
def test_a_signal_lets_held_polls_go_before_the_server_waits_for_them():
    heard = []
    former = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))

    def during(application: Application) -> None:
        assert not application.exchange.stopping
        signal.raise_signal(signal.SIGTERM)
        assert application.exchange.stopping

    try:
        live(during)
        assert heard == [signal.SIGTERM]
        thread = threading.Thread(target=live, args=(lambda application: None,))  # signals belong to the main thread
        thread.start()
        thread.join()
    finally:
        signal.signal(signal.SIGTERM, former)


def test_a_hub_from_nothing_in_one_command(tmp_path: Path):
    port = free_port()
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    environment = {**os.environ, "ONCOFED_DATA": str(tmp_path / "hub")}
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, "-m", "oncofed", "hub"]
    started = subprocess.Popen(
        [*command, "start", f"--port={port}", f"--tls-cert={tmp_path}/cert.pem", f"--tls-key={tmp_path}/key.pem"],
        env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                page = httpx.get(f"https://127.0.0.1:{port}/", trust_env=False, verify=trusted)
                break
            except httpx.TransportError:
                assert started.poll() is None, started.stderr.read()
                time.sleep(0.1)
        assert page.status_code == 200
        assert "max-age" in page.headers["strict-transport-security"]
        second = subprocess.run([*command, "start", "--port", "1"], env=environment, capture_output=True, text=True)
        assert (second.returncode, "hub-running" in second.stderr) == (3, True)
        letter = subprocess.run(
            [*command, "invite", "north", "--organisation", "North", "--country", "NL"],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert letter.stdout.startswith("oncofed-invite-")
    finally:
        started.terminate()
        _, said = started.communicate(timeout=20)
    assert started.returncode == 0
    assert "Made a hub" in said
    assert f"Serving https://127.0.0.1:{port}" in said
    assert "Traceback" not in said
