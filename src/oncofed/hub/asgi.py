"""The hub's ASGI application: the exchange, static files and Django, told apart by their paths."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oncofed.hub.settings")

from django.core.asgi import get_asgi_application

django = get_asgi_application()

from django.conf import settings

from oncofed.hub.core.static import StaticFiles
from oncofed.hub.exchange.asgi import Exchange
from oncofed.hub.exchange.keyring import Keyring

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_PAGE_BODY_BYTES = 1024 * 1024
"""People and programs send forms and queries; only nodes send more (``exchange`` has its own limit)."""
_TOO_LARGE = b'{"code":"too-large","detail":""}'


class _TooLarge(Exception):  # noqa: N818 - never seen outside this module
    """The body of a request to Django exceeds the limit."""


class Application:
    """One process of the hub."""

    def __init__(self) -> None:
        self.exchange = Exchange(Keyring(settings.CONFIGURATION.keys_directory))
        self._exchange = self.exchange.application()
        self._static = StaticFiles(settings.STATIC_ROOT, settings.STATIC_URL)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or live through the process's life (ASGI ``lifespan``)."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
        elif scope["path"].startswith("/exchange/"):
            await self._exchange(scope, receive, send)
        elif scope["path"].startswith(settings.STATIC_URL):
            await self._static(scope, receive, send)
        elif scope["path"] == "/healthz":
            await _reply(send, 200, b'{"status":"ok"}')
        else:
            await _limited(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self.exchange.running():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


async def _limited(scope: Message, receive: Receive, send: Send) -> None:
    """Django, which would store a body of any size on disk before looking at it, behind a limit."""
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > MAX_PAGE_BODY_BYTES:
        await _reply(send, 413, _TOO_LARGE)
        return
    received = 0
    started = False

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_PAGE_BODY_BYTES:
            raise _TooLarge
        return message

    async def watched(message: Message) -> None:
        nonlocal started
        started = True
        await send(message)

    try:
        await django(scope, counted, watched)  # type: ignore[arg-type]
    except _TooLarge:
        if not started:
            await _reply(send, 413, _TOO_LARGE)


async def _reply(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


application = Application()
