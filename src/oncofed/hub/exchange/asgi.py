"""The addresses nodes call, ``/exchange/v1/…``: a small ASGI application beside Django.

What a request goes through: body limit, signature, (database) nonce and the node's state, the action, a signed reply.
Documented in ``docs/reference/exchange.md``.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from django.db import transaction
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from oncofed.contracts import exchange as wire
from oncofed.contracts.base import Wire
from oncofed.contracts.catalogue import Publication
from oncofed.contracts.errors import BadInput, OncofedError, Refused, Unreachable
from oncofed.hub.exchange import actions, intake, wakeups
from oncofed.hub.exchange.desk import Desk
from oncofed.hub.exchange.keyring import Keyring
from oncofed.hub.exchange.models import Node, SeenNonce
from oncofed.trust.http_signatures import Signed, sign_response, signed_claim, verify_request

HUB_KEY_HEADER = "oncofed-hub-key"
SWEEP_SECONDS = 1.0
PRUNE_SECONDS = 60.0
_NUL = b"\\u0000"
_DRAIN_BYTES = 4 * wire.MAX_BODY_BYTES

_STATUS = {
    "message-invalid": 400,
    "signature-missing": 401,
    "signature-invalid": 401,
    "digest-mismatch": 401,
    "key-unknown": 401,
    "node-unknown": 401,
    "clock-off": 401,
    "replayed": 401,
    "node-known": 409,
    "node-behind": 409,
    "node-superseded": 409,
    "publication-stale": 409,
    "too-large": 413,
    "protocol-unsupported": 426,
    "hub-failed": 503,
    "hub-stopping": 503,
}

PREFIX = "/exchange/v1/"
Endpoint = Callable[[Request], Awaitable[Wire]]
T = TypeVar("T")
W = TypeVar("W", bound=Wire)


class _Letter(NamedTuple):
    """A verified request."""

    signed: Signed
    body: bytes
    now: datetime


class _ResultsEnvelope(NamedTuple):
    """``wire.Results`` before its results are looked at one by one."""

    instance: str
    results: tuple[Any, ...]
    wait_seconds: float


@dataclass
class _Held:
    """The poll of a node that is held open in this process; a newer one ends it."""

    superseded: bool = False


class Exchange:
    """State of one process: the desk, the nodes' keys (they never change), and the polls held open."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring
        self.desk = Desk()
        self.stopping = False
        self._keys: dict[str, str] = {}
        self._held: dict[str, _Held] = {}
        self._endpoints: Mapping[str, Endpoint] = {
            "enrol": self.enrol,
            "session": self.session,
            "publish": self.publish,
            "poll": self.poll,
            "results": self.results,
            "answered": self.answered,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Plain ASGI: routes and middleware would cost as much as all the rest."""
        endpoint = self._endpoints.get(scope["path"].removeprefix(PREFIX))
        if endpoint is None or scope["method"] != "POST":
            await Response(status_code=404 if endpoint is None else 405)(scope, receive, send)
            return
        request = Request(scope, receive, send)
        response = await self._respond(request, endpoint)
        await response(scope, receive, send)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The desk's thread, the listener for other processes, and the sweep, for as long as the block lasts."""
        self.desk.start()
        chores = [asyncio.create_task(wakeups.listen()), asyncio.create_task(self._sweep())]
        try:
            yield
        finally:
            self.stop()
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)
            await self.desk.stop()

    def stop(self) -> None:
        """Let held polls end now; the hub takes no new ones."""
        self.stopping = True
        wakeups.ring_all()

    async def _sweep(self) -> None:
        pruned = 0.0
        while True:
            with contextlib.suppress(Unreachable):  # the desk has logged it; the next round tries again
                await self.desk.run(actions.expire)
                if time.monotonic() - pruned > PRUNE_SECONDS:
                    await self.desk.run(_prune_nonces)
                    pruned = time.monotonic()
            await asyncio.sleep(SWEEP_SECONDS)

    # ---- what nodes say -------------------------------------------------------------------------------------------

    async def enrol(self, request: Request) -> Wire:
        """Let a node in with its invitation. Signed with the key that the body names."""
        body = await _body(request)
        enrolment = _parse(wire.Enrolment, body)
        letter = _verified(request, body, lambda _: enrolment.public_key)

        def work() -> wire.Enrolled:
            node = _once(letter, enrolment.node_id, lambda: actions.enrol(enrolment=enrolment, now=letter.now))
            return wire.Enrolled(node_id=node.pk, hub_key=self.keyring.current.public)

        return await self.desk.run(work)

    async def session(self, request: Request) -> Wire:
        """Open a session."""
        letter = await self._letter(request)
        hello = _parse(wire.Hello, letter.body)
        return await self._do(letter, lambda node: actions.open_session(node_id=node, hello=hello, now=letter.now))

    async def publish(self, request: Request) -> Wire:
        """Replace what the node has published."""
        letter = await self._letter(request)
        publication = _parse(Publication, letter.body)
        return await self._do(
            letter, lambda node: actions.publish(node_id=node, publication=publication, now=letter.now)
        )

    async def answered(self, request: Request) -> Wire:
        """Give back ledger entries."""
        letter = await self._letter(request)
        since = _parse(wire.AnsweredSince, letter.body)
        return await self._do(letter, lambda node: actions.answered(node_id=node, since=since))

    async def poll(self, request: Request) -> Wire:
        """Lease tasks, waiting for some if there are none."""
        letter = await self._letter(request)
        poll = _parse(wire.Poll, letter.body)
        call = intake.Call(
            node_id=letter.signed.keyid, instance=poll.instance, now=letter.now, nonce=letter.signed.nonce
        )
        return await self._held_open(request, call, poll.wait_seconds)

    async def results(self, request: Request) -> Wire:
        """Take results in and lease the next tasks."""
        letter = await self._letter(request)
        envelope = _envelope(letter.body)
        call = intake.Call(
            node_id=letter.signed.keyid,
            instance=envelope.instance,
            now=letter.now,
            nonce=letter.signed.nonce,
            results=envelope.results,
            suspect=len(letter.body) > wire.MAX_RESULT_BYTES or _NUL in letter.body,
        )
        return await self._held_open(request, call, envelope.wait_seconds)

    async def _do(self, letter: _Letter, action: Callable[[str], W]) -> W:
        return await self.desk.run(lambda: _once(letter, letter.signed.keyid, lambda: action(letter.signed.keyid)))

    async def _held_open(self, request: Request, call: intake.Call, seconds: float) -> wire.Tasks:
        """The call's outcome; if it brings neither tasks nor rejections, wait until there are or the time is up."""
        until = time.monotonic() + seconds
        held = _Held()
        if (former := self._held.get(call.node_id)) is not None:
            former.superseded = True
            wakeups.ring((call.node_id,))
        self._held[call.node_id] = held
        try:
            with wakeups.bell(call.node_id) as bell:
                found = await self.desk.serve(call)
                while not (found.tasks or found.rejected or self._over(held)):
                    if not await _rung(request, bell, until - time.monotonic()) or self._over(held):
                        break
                    call = replace(call, now=datetime.now(UTC), nonce="", results=())
                    found = await self.desk.serve(call)
                return found
        finally:
            if self._held.get(call.node_id) is held:
                del self._held[call.node_id]

    def _over(self, held: _Held) -> bool:
        return held.superseded or self.stopping

    # ---- signatures -----------------------------------------------------------------------------------------------

    async def _letter(self, request: Request) -> _Letter:
        """The request, if it is from a known node and untouched."""
        if self.stopping:
            raise Unreachable("hub-stopping")
        body = await _body(request)
        node_id = signed_claim(request.headers).keyid
        if (key := self._keys.get(node_id)) is None:
            key = await self.desk.run(lambda: _public_key(node_id))
            self._keys[node_id] = key
        return _verified(request, body, lambda _: key)

    async def _respond(self, request: Request, endpoint: Endpoint) -> Response:
        """The endpoint's reply, or the refusal, signed over the request's nonce."""
        try:
            status, reply = 200, await endpoint(request)
        except OncofedError as error:
            status, reply = _STATUS.get(error.code, 403), _failure(error)
        except ClientDisconnect:
            return Response(status_code=499)
        return self._reply(request, status, reply.model_dump_json().encode())

    def _reply(self, request: Request, status: int, body: bytes) -> Response:
        response = Response(body, status, media_type="application/json", headers={"cache-control": "no-store"})
        try:
            nonce = signed_claim(request.headers).nonce
        except OncofedError:
            return response  # nothing to bind a signature to
        key = self.keyring.signer(request.headers.get(HUB_KEY_HEADER, ""))
        signature = sign_response(key, status=status, body=body, nonce=nonce, created=int(time.time()))
        response.headers.update(signature)
        return response


def _verified(request: Request, body: bytes, key_of: Callable[[str], str | None]) -> _Letter:
    target = (request.method, request.scope["path"])
    now = datetime.now(UTC)
    signed = verify_request(request.headers, target=target, body=body, now=now.timestamp(), key_of=key_of)
    return _Letter(signed, body, now)


def _once(letter: _Letter, node_id: str, action: Callable[[], T]) -> T:
    """Do the action in one transaction with the note that this nonce was used."""
    with transaction.atomic():
        intake.let_in(node_id, letter.signed.nonce, letter.now)
        return action()


def _public_key(node_id: str) -> str:
    key = Node.objects.filter(pk=node_id).values_list("public_key", flat=True).first()
    if key is None:
        raise Refused("node-unknown")
    return key


def _prune_nonces() -> None:
    SeenNonce.objects.filter(until__lt=int(time.time())).delete()


def _failure(error: OncofedError) -> wire.Failure:
    """Codes cross the wire, texts do not; ``clock-off`` says what time it is here."""
    detail = datetime.now(UTC).isoformat() if error.code == "clock-off" else ""
    return wire.Failure(code=error.code, detail=detail)


# ---- bodies ------------------------------------------------------------------------------------------------------


async def _body(request: Request) -> bytes:
    """The whole body; ``Refused(too-large)`` beyond the limit, having read some more so that the sender hears it."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= wire.MAX_BODY_BYTES:
            chunks.append(chunk)
        elif size > _DRAIN_BYTES:
            break
    if size > wire.MAX_BODY_BYTES:
        raise Refused("too-large")
    return b"".join(chunks)


def _parse(kind: type[W], body: bytes) -> W:
    try:
        if _NUL in body:
            raise ValueError("PostgreSQL stores no NUL")
        return kind.model_validate_json(body)
    except ValueError as error:
        raise BadInput("message-invalid", f"not a {kind.__name__}") from error


def _envelope(body: bytes) -> _ResultsEnvelope:
    """The results as they are: each is validated on its own later."""
    try:
        raw = json.loads(body)
        results = raw["results"]
        head = wire.Results.model_validate({**raw, "results": []})
        if "\0" in head.instance:
            raise ValueError("PostgreSQL stores no NUL")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput("message-invalid", "not Results") from error
    if not isinstance(results, list):
        raise BadInput("message-invalid", "not Results")
    return _ResultsEnvelope(head.instance, tuple(results), head.wait_seconds)


async def _rung(request: Request, bell: wakeups.Bell, seconds: float) -> bool:
    """True when the bell rang; False when the time is up or the node hung up (its task must not go into the void)."""
    if seconds <= 0:
        return False
    waiting = asyncio.ensure_future(bell.wait(seconds))
    gone = asyncio.ensure_future(request.receive())
    done, pending = await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
    for future in pending:
        future.cancel()
    if waiting in done:
        return waiting.result()
    raise ClientDisconnect
