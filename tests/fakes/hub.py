"""A hub of a few lines on a loopback port: real HTTP and real signatures, and whatever else a test wants it to say.

It is not the hub: the federation tests run against that. Here the node meets replies no real hub would give.
"""

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from oncofed.contracts.base import Wire
from oncofed.contracts.exchange import (
    PROTOCOL,
    Answered,
    Enrolled,
    Failure,
    Hello,
    LedgerEntry,
    Receipt,
    Rejection,
    Result,
    Results,
    Task,
    Tasks,
    Welcome,
)
from oncofed.trust import SigningKey
from oncofed.trust.http_signatures import sign_response, signed_claim, verify_request

NODE_ID = "st-anna"


@dataclass
class Reply:
    """What goes back. ``signed`` False: as a proxy would answer. ``cut``: close the line after so many seconds."""

    status: int = 200
    body: bytes = b"{}"
    signed: bool = True
    nonce: str | None = None
    signed_body: bytes | None = None
    cut: float | None = None


@dataclass
class FakeHub:
    """Answers as a hub does, unless ``script`` says otherwise for a verb."""

    key: SigningKey = field(default_factory=lambda: SigningKey.from_bytes(b"h" * 32))
    url: str = ""
    node_key: str = ""
    offset: float = 0.0
    script: dict[str, Callable[[dict[str, Any]], Reply | Wire | None]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    waiting: list[Task] = field(default_factory=list)
    results: dict[str, Result] = field(default_factory=dict)
    entries: list[LedgerEntry] = field(default_factory=list)
    last: int | None = None
    epoch: int = 0
    instance: str = ""
    rejected: set[str] = field(default_factory=set)
    leased: list[Task] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    stopping: bool = False

    def seen(self, verb: str) -> list[dict[str, Any]]:
        """Bodies that came for a verb."""
        return [body for name, body in self.requests if name == verb]

    def ask(self, *tasks: Task) -> None:
        """Let the node have tasks."""
        with self.changed:
            self.waiting.extend(tasks)
            self.changed.notify_all()

    def until(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        """Wait for something to become true."""
        end = time.monotonic() + seconds
        with self.changed:
            while not condition():
                assert time.monotonic() < end, f"waited in vain; seen: {[verb for verb, _ in self.requests]}"
                self.changed.wait(0.05)

    def answer(self, verb: str, body: dict[str, Any]) -> Reply | Wire:
        with self.changed:
            self.requests.append((verb, body))
            self.changed.notify_all()
        if verb in self.script:
            scripted = self.script[verb](body)
            if scripted is not None:
                return scripted
        reply: Reply | Wire = getattr(self, f"_{verb}")(body)
        with self.changed:
            self.changed.notify_all()
        return reply

    def _enrol(self, body: dict[str, Any]) -> Wire:
        self.node_key = body["public_key"]
        return Enrolled(node_id=body["node_id"], hub_key=self.key.public)

    def _session(self, body: dict[str, Any]) -> Reply | Wire:
        hello = Hello.model_validate(body)
        last = self.last if self.last is not None else (self.entries[-1].sequence if self.entries else 0)
        if hello.epoch <= self.epoch or hello.ledger_sequence < last:
            return failure("node-behind", 409)
        self.epoch, self.instance = hello.epoch, hello.instance
        self.waiting, self.leased = self.leased + self.waiting, []
        return Welcome(protocol=PROTOCOL, epoch=self.epoch, hub_time=datetime.now(UTC))

    def _publish(self, _body: dict[str, Any]) -> Wire:
        return Receipt(detail=("welcome",))

    def _answered(self, body: dict[str, Any]) -> Wire:
        later = [one for one in self.entries if one.sequence > body["sequence"]]
        last = self.last if self.last is not None else (self.entries[-1].sequence if self.entries else 0)
        return Answered(entries=tuple(later[:2]), last=last, epoch=self.epoch)

    def _poll(self, body: dict[str, Any]) -> Reply | Wire:
        if body["instance"] != self.instance:
            return failure("node-superseded", 409)
        return Tasks(tasks=self._lease(body["wait_seconds"]))

    def _results(self, body: dict[str, Any]) -> Reply | Wire:
        if body["instance"] != self.instance:
            return failure("node-superseded", 409)
        results = Results.model_validate(body).results
        with self.changed:
            for one in results:
                self.results.setdefault(one.task_id, one)
            self.leased = [one for one in self.leased if one.task_id not in self.results]
            self.changed.notify_all()
        rejections = tuple(Rejection(task_id=one, code="task-expired") for one in self.rejected)
        return Tasks(tasks=self._lease(0 if rejections else body["wait_seconds"]), rejected=rejections)

    def _lease(self, seconds: float) -> tuple[Task, ...]:
        end = time.monotonic() + seconds
        with self.changed:
            while not self.waiting and not self.stopping and (left := end - time.monotonic()) > 0:
                self.changed.wait(min(left, 0.2))
            tasks, self.waiting = tuple(self.waiting), []
            self.leased.extend(tasks)
        return tasks


def failure(code: str, status: int = 403) -> Reply:
    """A refusal as the hub says it."""
    return Reply(status, Failure(code=code).model_dump_json().encode())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def do_POST(self) -> None:
        hub = self.hub
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        nonce = signed_claim(headers).nonce
        verb = self.path.rpartition("/")[2]
        content = json.loads(body)
        key = content["public_key"] if verb == "enrol" else hub.node_key
        verify_request(headers, target=("POST", self.path), body=body, now=time.time(), key_of=lambda _: key)
        reply = hub.answer(verb, content)
        if isinstance(reply, Wire):
            reply = Reply(200, reply.model_dump_json().encode())
        if reply.cut is not None:
            time.sleep(reply.cut)
            self.close_connection = True
            self.connection.close()
            return
        signed = sign_response(
            hub.key,
            status=reply.status,
            body=reply.body if reply.signed_body is None else reply.signed_body,
            nonce=reply.nonce or nonce,
            created=int(time.time() + hub.offset),
        )
        self.send_response(reply.status)
        self.send_header("content-length", str(len(reply.body)))
        for name, value in signed.items() if reply.signed else ():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A node that hangs up is nothing to tell."""


@contextlib.contextmanager
def serving(hub: FakeHub, context: ssl.SSLContext | None = None) -> Iterator[FakeHub]:
    """Serve the hub on a free loopback port."""
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    hub.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.stopping = True
        server.shutdown()
        server.server_close()
        thread.join(5)
