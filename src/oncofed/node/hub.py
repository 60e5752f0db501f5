"""The hub as the node sees it: the only file of the node that talks to the outside.

It calls out, over HTTPS (plain HTTP only to this same machine), and never listens. Every body is in the outbox before
it is sent; every request is signed by the node, every reply must be signed by the pinned hub key over the request's
nonce. A new hub key is taken only if the pinned one signed it.
"""

import contextlib
import ipaddress
import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from oncofed.contracts.base import Wire
from oncofed.contracts.codes import CODES
from oncofed.contracts.errors import BadInput, Corrupt, Refused, Unreachable
from oncofed.contracts.exchange import MAX_BODY_BYTES, Failure, Welcome
from oncofed.node.outbox import Outbox
from oncofed.trust.http_signatures import sign_request, verify_response
from oncofed.trust.keys import SigningKey, follow_rotations

PATH = "/exchange/v1/"
CONNECT_SECONDS = 10.0
REPLY_SECONDS = 30.0
"""How long the hub may take to answer, beyond the time a long poll is held."""

Reply = TypeVar("Reply", bound=Wire)


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Who talks to whom: the node's key and name for itself (``keyid``), the hub's address and pinned key."""

    key: SigningKey
    keyid: str
    url: str
    hub_key: str


class Message(NamedTuple):
    """What is sent: the path's last word, the body, and what it is in this hospital's words (for the outbox)."""

    verb: str
    body: Wire
    about: Mapping[str, object] = {}


class Hub:
    """A connection that is kept open. Not for several threads.

    ``pin`` is called with a new hub key that the pinned one signed; it must store it durably before it returns.
    """

    def __init__(
        self,
        peer: Peer,
        outbox: Outbox,
        *,
        pin: Callable[[str], None],
        ca_file: Path | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        _require_https(peer.url)
        self.peer = peer
        self.hub_key = peer.hub_key
        self.clock_offset: float | None = None
        """Seconds the hub's clock is ahead of this machine's, from its latest signed reply."""
        self._outbox = outbox
        self._pin = pin
        self._now = now
        self._recorded: set[tuple[str, bytes]] = set()
        self._path = urlsplit(peer.url).path.rstrip("/") + PATH
        self._client = httpx.Client(
            base_url=f"{urlsplit(peer.url).scheme}://{urlsplit(peer.url).netloc}",
            verify=_trusted(ca_file),
            trust_env=not peer.url.startswith("http://"),  # a proxy elsewhere cannot reach this same machine
            follow_redirects=False,
            headers={"accept-encoding": "identity", "user-agent": "oncofed-node"},
        )

    def call(self, message: Message, reply: type[Reply], *, hold_seconds: float = 0.0, repeated: bool = False) -> Reply:
        """Send ``message`` and return the hub's verified reply.

        ``hold_seconds``: how long the hub may hold the call. ``repeated``: the same body goes out again and again; it
        is recorded when it first does. Raises ``Refused`` with the hub's code, ``Unreachable`` (``outbox-unwritable``:
        nothing was sent; ``hub-unreachable``), or ``Corrupt`` if the reply cannot be trusted.
        """
        body = message.body.canonical_bytes()
        path = self._path + message.verb
        self._record(message, body, repeated)
        nonce = secrets.token_urlsafe(24)
        headers = sign_request(
            self.peer.key,
            keyid=self.peer.keyid,
            target=("POST", path),
            body=body,
            created=int(self._now()),
            nonce=nonce,
        )
        sent = {**headers, "content-type": "application/json", "oncofed-hub-key": self.hub_key}
        status, received, content = self._post(path, sent, body, hold_seconds)
        return self._trusted_reply(_Answer(status, received, content, nonce), reply)

    def __enter__(self) -> "Hub":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    # ---- sending ----------------------------------------------------------------------------------------------------

    def _record(self, message: Message, body: bytes, repeated: bool) -> None:
        known = (message.verb, body)
        if repeated and known in self._recorded:
            return
        self._outbox.record(
            now=datetime.fromtimestamp(self._now(), UTC),
            destination=f"{self.peer.url}{PATH}{message.verb}",
            kind=message.verb,
            body=body,
            about=message.about,
        )
        if repeated:
            self._recorded.add(known)

    def _post(
        self, path: str, headers: Mapping[str, str], body: bytes, hold_seconds: float
    ) -> tuple[int, dict[str, str], bytes]:
        timeout = httpx.Timeout(CONNECT_SECONDS, read=hold_seconds + REPLY_SECONDS, write=REPLY_SECONDS)
        try:
            request = self._client.build_request("POST", path, content=body, headers=headers, timeout=timeout)
            with contextlib.closing(self._client.send(request, stream=True)) as reply:
                content = b""
                for chunk in reply.iter_bytes():
                    content += chunk
                    if len(content) > MAX_BODY_BYTES:
                        raise Corrupt("too-large", "the hub's reply is too large")
                return reply.status_code, dict(reply.headers), content
        except httpx.HTTPError as error:
            raise Unreachable("hub-unreachable", f"{self.peer.url}: {type(error).__name__}: {error}") from error

    # ---- trusting what comes back -----------------------------------------------------------------------------------

    def _trusted_reply(self, answer: "_Answer", reply: type[Reply]) -> Reply:
        if answer.status >= httpx.codes.BAD_REQUEST and "signature" not in answer.headers:
            raise Unreachable("hub-unreachable", f"{self.peer.url} answers {answer.status}, and not as a hub does")
        self._verify(answer, reply)
        if answer.status >= httpx.codes.BAD_REQUEST:
            raise _refusal(answer.content)
        try:
            return reply.model_validate_json(answer.content or b"{}")
        except ValidationError as error:
            raise Corrupt("message-invalid", f"the hub's reply is no {reply.__name__}") from error

    def _verify(self, answer: "_Answer", reply: type[Wire]) -> None:
        successor = self._successor(answer) if reply is Welcome else None
        known = {self.hub_key: self.hub_key}
        if successor:
            known[successor] = successor
        signed = verify_response(
            answer.headers, status=answer.status, body=answer.content, nonce=answer.nonce, key_of=known.get
        )
        self.clock_offset = signed.created - self._now()
        if successor:
            self._pin(successor)
            self.hub_key = successor

    def _successor(self, answer: "_Answer") -> str | None:
        """The key that took the pinned one's place, as the pinned key itself says (each rotation is signed)."""
        try:
            welcome = Welcome.model_validate_json(answer.content)
        except ValidationError:
            return None
        newest = follow_rotations(self.hub_key, welcome.rotations)
        return None if newest == self.hub_key else newest


class _Answer(NamedTuple):
    """What came back, not trusted yet."""

    status: int
    headers: dict[str, str]
    content: bytes
    nonce: str


def _refusal(content: bytes) -> Refused | Unreachable:
    try:
        failure = Failure.model_validate_json(content)
    except ValidationError:
        return Refused("hub-newer", "the hub refused in a way this node cannot read")
    code = CODES.get(failure.code)
    if code is None:
        return Refused("hub-newer", f"the hub's code is “{failure.code}”")
    return Unreachable(failure.code, failure.detail) if code.exit_status == 4 else Refused(failure.code, failure.detail)


def _trusted(ca_file: Path | None) -> ssl.SSLContext:
    """The usual certificates (or ``SSL_CERT_FILE``), and the hospital's own beside them."""
    context = httpx.create_ssl_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise BadInput("settings-invalid", f"ca_file {ca_file}: {error}") from error
    return context


def _require_https(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and _is_loopback(parts.hostname or ""):
        return
    raise BadInput("hub-insecure", f"“{url}” is not an https:// address")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
