"""Putting a node together from its data directory."""

import contextlib
import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

from oncofed.contracts.errors import BadInput, Corrupt, OncofedError
from oncofed.contracts.query import query_of
from oncofed.node import identity
from oncofed.node.context import NodeContext
from oncofed.node.cubes import Cubes
from oncofed.node.hub import Hub, Peer
from oncofed.node.identity import HubIdentity, Identity
from oncofed.node.ledger import Ledger
from oncofed.node.outbox import Outbox
from oncofed.node.policy import Policy, parse
from oncofed.node.published import Published, read_published
from oncofed.node.settings import Settings
from oncofed.warehouse import Warehouse

T = TypeVar("T")


class Watched(Generic[T]):
    """What a file says, read again whenever the file changes; an error stays an error until it is repaired."""

    def __init__(self, path: Path, read: Callable[[Path], T]) -> None:
        self._path = path
        self._read = read
        self._stamp: tuple[int, int, int] | None = None
        self._value: T | None = None

    def __call__(self) -> T:
        """The present content; raises what reading it raises."""
        stamp = self._stat()
        if self._value is None or stamp != self._stamp:
            self._value = None
            self._value = self._read(self._path)
            self._stamp = stamp
        return self._value

    def _stat(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino)


def read_policy(path: Path) -> Policy:
    """The policy in a file; ``BadInput(policy-invalid)``, also if there is none: no rules, no answers."""
    try:
        return parse(path.read_text())
    except FileNotFoundError as error:
        raise BadInput("policy-invalid", f"{path} is missing; `oncofed node policy --default` prints one") from error
    except UnicodeDecodeError as error:
        raise BadInput("policy-invalid", f"{path} is not text") from error


def open_ledger(settings: Settings, own: Identity) -> Ledger:
    """The node's ledger."""
    return Ledger(settings.ledger_file, own.key)


def open_warehouse(settings: Settings) -> Warehouse:
    """The node's warehouse, for reading."""
    return Warehouse(
        settings.warehouse,
        memory_limit=settings.memory_limit,
        threads=settings.threads,
        timeout_seconds=settings.query_seconds,
    )


def open_context(settings: Settings, own: Identity, ledger: Ledger) -> NodeContext:
    """What tasks are answered from. ``ledger_problem`` is set if the ledger on the disk is not the chain it must be."""
    warehouse = open_warehouse(settings)

    def published(file: Path) -> Published:
        warehouse.refresh()
        return read_published(file)

    return NodeContext(
        noise_secret=own.noise_secret,
        warehouse=warehouse,
        ledger=ledger,
        policy=Watched(settings.policy_file, read_policy),
        published=Watched(settings.published_file, published),
        marginals=Cubes(settings.cubes_file).marginal,
        ledger_problem=_problem(ledger),
    )


def warmed(context: NodeContext) -> NodeContext:
    """The context after a count whose result is dropped: the first question then meets open files and loaded code."""
    with contextlib.suppress(OncofedError):  # whatever is wrong, a question will be told
        releases = [(one.dataset.dataset_id, one.release) for one in context.published().releases]
        context.warehouse.count(query_of({"all": []}), releases)
    return context


def _problem(ledger: Ledger) -> str | None:
    try:
        ledger.check()
    except Corrupt as error:
        return error.code
    return None


def connect(settings: Settings, own: Identity, enrolled: HubIdentity, outbox: Outbox) -> Hub:
    """The way to the hub this node is enrolled at."""

    def pin(hub_key: str) -> None:
        identity.pin(settings.keys, enrolled.model_copy(update={"hub_key": hub_key}))

    peer = Peer(key=own.key, keyid=enrolled.node_id, url=enrolled.hub_url, hub_key=enrolled.hub_key)
    return Hub(peer, outbox, pin=pin, ca_file=settings.ca_file)


class JsonLines(logging.Formatter):
    """One JSON object a line. Nobody logs a value of a patient's row."""

    def format(self, record: logging.LogRecord) -> str:
        """Time (UTC), level, logger and words."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said = {"at": moment, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        return json.dumps(said, ensure_ascii=False)


def log_to_stderr(level: str) -> None:
    """Log what this node does, as JSON lines; of the libraries only their warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("oncofed").setLevel(level)
