"""A node that speaks the protocol by hand, so that a test can say any of it wrongly. In-process, no socket."""

import secrets
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from django.utils import timezone

from oncofed.contracts.base import Wire
from oncofed.contracts.exchange import Asker, Enrolment, Hello, Invitation, LedgerEntry, Poll, Result, ResultStatus
from oncofed.contracts.exchange import Results as WireResults
from oncofed.hub.accounts.actions import create_organisation
from oncofed.hub.exchange import actions, registry
from oncofed.hub.exchange.asgi import Exchange
from oncofed.hub.exchange.keyring import Keyring
from oncofed.hub.exchange.models import Node, Task
from oncofed.trust.http_signatures import sign_request, verify_response
from oncofed.trust.keys import SigningKey

KIND = "echo"


class Question(Wire):
    """What the test's kind of task carries."""

    words: str


@dataclass
class Domain:
    """A domain app: keeps what the exchange tells it; refuses payloads with ``bad``."""

    ended: list[tuple[str, str]] = field(default_factory=list)

    def accept(self, ended: list[registry.Ended]) -> list[str | None]:
        codes: list[str | None] = []
        for task, result in ended:
            bad = "bad" in (result.payload or {})
            if (result.payload or {}).get("crash"):
                raise RuntimeError("a mistake in a domain")
            codes.append("answer-malformed" if bad else None)
            self.ended.append((task.pk, "answer-malformed" if bad else result.code or "answered"))
        return codes

    def entries(self, result: Result) -> tuple[LedgerEntry, ...]:
        entry = (result.payload or {}).get("entry")
        return () if entry is None else (LedgerEntry.model_validate(entry),)


@contextmanager
def domain() -> Iterator[Domain]:
    """Register the kind ``echo`` for as long as the block lasts."""
    made = Domain()
    registry.register_kind(KIND, accept=made.accept, entries=made.entries)
    try:
        yield made
    finally:
        del registry._KINDS[KIND]


def entry(sequence: int) -> dict[str, object]:
    """A ledger entry as JSON; the hub does not look into it."""
    return LedgerEntry(
        sequence=sequence,
        key="0" * 64,
        year=2026,
        organisation="uni-one",
        lineages=("data",),
        epsilon=0.1,
        answer={"": 7},
        previous="0" * 64,
        signature="s",
    ).model_dump(mode="json")


def answered(task_id: str, **payload: object) -> Result:
    return Result(task_id=task_id, status=ResultStatus.ANSWERED, payload=payload)


def send(node: Node, words: str = "hello", *, life: timedelta = timedelta(minutes=1)) -> Task:
    return actions.send(
        node=node,
        kind=KIND,
        payload=Question(words=words),
        asker=Asker(person="p", organisation="uni-one"),
        expires_at=timezone.now() + life,
        by="test",
    )


def invitation(keyring: Keyring, node_id: str = "north", life: timedelta = timedelta(days=1)) -> Invitation:
    """An invitation as the operator's command makes it, read as the node reads it."""
    home = create_organisation(organisation_id="hospital", title="Hospital", country="NL", by="test")
    guest = actions.Guest(node_id=node_id, organisation=home, country="NL")
    token = actions.invite(guest=guest, hub_url="http://hub.test", hub_key=keyring.current.public, by="test", life=life)
    return Invitation.from_token(token)


@dataclass
class Peer:
    """One node's side of the protocol. ``pinned``: the hub key it trusts."""

    client: httpx.AsyncClient
    node_id: str
    pinned: str
    key: SigningKey = field(default_factory=SigningKey.generate)
    instance: str = "first"

    async def post(
        self,
        verb: str,
        message: Wire | bytes,
        *,
        created: int | None = None,
        nonce: str = "",
        keyid: str = "",
        tamper: bytes = b"",
    ) -> httpx.Response:
        """Sign and send; the reply's signature is checked by the pinned key, as a node does."""
        body = message if isinstance(message, bytes) else message.canonical_bytes()
        path = f"/exchange/v1/{verb}"
        nonce = nonce or secrets.token_urlsafe(24)
        keyid = keyid or (self.key.public if verb == "enrol" else self.node_id)
        headers = sign_request(
            self.key,
            keyid=keyid,
            target=("POST", path),
            body=body,
            created=int(time.time()) if created is None else created,
            nonce=nonce,
        )
        sent = {**headers, "oncofed-hub-key": self.pinned}
        reply = await self.client.post(path, content=body + tamper, headers=sent)
        known = {self.pinned: self.pinned}
        verify_response(reply.headers, status=reply.status_code, body=reply.content, nonce=nonce, key_of=known.get)
        return reply

    async def enrol(self, letter: Invitation, **changes: object) -> httpx.Response:
        enrolment = Enrolment(
            node_id=letter.node_id,
            secret=letter.secret,
            public_key=self.key.public,
            title="North",
            country="NL",
            software="test",
        )
        return await self.post("enrol", enrolment.model_copy(update=changes))

    async def hello(self, epoch: int, ledger_sequence: int = 0, *, protocol: int = 1) -> httpx.Response:
        hello = Hello(
            software="test", instance=self.instance, epoch=epoch, ledger_sequence=ledger_sequence, protocol=protocol
        )
        return await self.post("session", hello)

    async def poll(self, wait_seconds: float = 0.0, **more: object) -> httpx.Response:
        return await self.post("poll", Poll(instance=self.instance, wait_seconds=wait_seconds), **more)

    async def results(self, *results: Result, wait_seconds: float = 0.0) -> httpx.Response:
        return await self.post(
            "results", WireResults(instance=self.instance, results=results, wait_seconds=wait_seconds)
        )


@asynccontextmanager
async def running_exchange(directory: Path):
    """An exchange with fresh keys in ``directory``, and a client to it."""
    keyring = Keyring(directory)
    keyring.create()
    exchange = Exchange(keyring)
    transport = httpx.ASGITransport(exchange)
    async with exchange.running(), httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
        yield exchange, client


def seen_at(node_id: str) -> datetime | None:
    return Node.objects.get(pk=node_id).last_seen_at
