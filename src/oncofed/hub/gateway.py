"""One process of the hub: the exchange, static files and Django, told apart by their paths."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType

from django.conf import settings
from starlette.types import Message, Receive, Scope, Send

from oncofed.hub.core.static import StaticFiles
from oncofed.hub.exchange.asgi import Exchange
from oncofed.hub.exchange.keyring import Keyring
from oncofed.hub.search.warming import warm

MAX_PAGE_BODY_BYTES = 1024 * 1024
"""People and programs send forms and queries; only nodes send more (``exchange`` has its own limit)."""
_TOO_LARGE = b'{"code":"too-large","detail":""}'
_NO_SUCH = b'{"code":"request-invalid","detail":"no such address"}'


class _TooLarge(Exception):
    """The body of a request to Django exceeds the limit."""


class Application:
    """One process of the hub."""

    def __init__(self, django: Callable[..., Awaitable[None]]) -> None:
        self.exchange = Exchange(Keyring(settings.CONFIGURATION.keys_directory))
        self._django = django
        self._static = StaticFiles(settings.STATIC_ROOT, settings.STATIC_URL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live through the process's life (ASGI ``lifespan``)."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
        elif scope["path"].startswith("/exchange/"):
            await self.exchange(scope, receive, send)
        elif scope["path"].startswith(settings.STATIC_URL):
            await self._static(scope, receive, send)
        elif scope["path"] == "/healthz":
            await _reply(send, 200, b'{"status":"ok"}')
        else:
            await _limited(self._django, scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self.exchange.running():
            with _before_stopping(self.exchange.stop):
                await asyncio.to_thread(warm)
                await send({"type": "lifespan.startup.complete"})
                await receive()
        await send({"type": "lifespan.shutdown.complete"})


@contextlib.contextmanager
def _before_stopping(act: Callable[[], None]) -> Iterator[None]:
    """Call ``act`` as soon as the process is told to stop: the server itself would wait for held polls to end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {sign: signal.getsignal(sign) for sign in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, frame: FrameType | None) -> None:
        act()
        if callable(then := former[signal.Signals(number)]):
            then(number, frame)

    for sign in former:
        signal.signal(sign, handle)
    try:
        yield
    finally:
        for sign, then in former.items():
            signal.signal(sign, then)


async def _limited(django: Callable[..., Awaitable[None]], scope: Scope, receive: Receive, send: Send) -> None:
    """Django, which would store a body of any size on disk before looking at it, behind a limit."""
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > MAX_PAGE_BODY_BYTES:
        await _reply(send, 413, _TOO_LARGE)
        return
    if "\0" in scope["path"]:  # no address of ours holds a NUL, and PostgreSQL could not look it up
        await _reply(send, 404, _NO_SUCH)
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
        await django(scope, counted, watched)
    except _TooLarge:
        if started:  # too late for another status: end what Django began
            await send({"type": "http.response.body", "body": b""})
        else:
            await _reply(send, 413, _TOO_LARGE)


async def _reply(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
