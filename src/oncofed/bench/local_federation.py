"""A real hub and real nodes as processes on this machine: what demo, benchmarks and federation tests run on.

Every step is the command an operator or a data manager would type; nothing is wired from inside.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

READY_SECONDS = 60.0
STOP_SECONDS = 15.0
MARKER = ".oncofed-local-federation"


class CommandFailed(RuntimeError):
    """A command of the federation ended with an error; holds what it printed."""

    def __init__(self, arguments: Sequence[str], status: int, output: str) -> None:
        self.status = status
        self.output = output
        super().__init__(f"oncofed {' '.join(arguments)} ended with {status}:\n{output}")


def free_port() -> int:
    """A TCP port on the loopback interface that nobody listens on now."""
    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def command(*arguments: str, environment: Mapping[str, str] | None = None, stdin: str | None = None) -> str:
    """Run ``oncofed ARGUMENTS`` to its end and return its standard output.

    Raises ``CommandFailed`` with both outputs when its exit status is not 0.
    """
    done = subprocess.run(
        [sys.executable, "-m", "oncofed", *arguments],
        env={**os.environ, **(environment or {})},
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(arguments, done.returncode, done.stdout + done.stderr)
    return done.stdout


@dataclass
class Service:
    """One long-running ``oncofed`` process with its log beside its data."""

    arguments: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    launcher: tuple[str, ...] = ("-m", "oncofed")
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; its output is appended to ``log``."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *self.launcher, *self.arguments],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self.process is not None and self.process.poll() is None

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int | None:
        """End the process (and, if it does not listen, kill it); returns its exit status."""
        if self.process is None:
            return None
        if self.running:
            self.process.send_signal(sign)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL, no last words."""
        self.stop(signal.SIGKILL)

    def tail(self, lines: int = 30) -> str:
        """The end of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def resident_bytes(self) -> int:
        """Resident memory of the process and its children (Linux: /proc)."""
        if self.process is None:
            return 0
        return sum(_resident(pid) for pid in (self.process.pid, *_children(self.process.pid)))


def _resident(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0)


def _children(pid: int) -> Iterator[int]:
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in listing.read_text().split():
            yield int(child)
            yield from _children(int(child))


@dataclass
class Person:
    """A person who can sign in: for the demo's table of sign-ins, and with a token for the SDK."""

    email: str
    password: str
    role: str
    organisation: str
    token: str


class LocalHub:
    """A hub on a loopback port with its data under ``directory``."""

    def __init__(self, directory: Path, *, port: int | None = None, environment: Mapping[str, str] | None = None):
        self.directory = directory
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {"ONCOFED_DATA": str(directory), **(environment or {})}
        self.service = Service(
            ("hub", "start", "--port", str(self.port)), directory.parent / f"{directory.name}.log", self.environment
        )

    def command(self, *arguments: str, stdin: str | None = None) -> str:
        """Run ``oncofed hub ARGUMENTS`` on this hub's data."""
        return command("hub", *arguments, environment=self.environment, stdin=stdin)

    def start(self, *, workers: int = 1) -> None:
        """Start serving and wait until it answers."""
        if workers > 1:
            self.service.arguments = (*self.service.arguments, "--workers", str(workers))
        self.service.start()
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if not self.service.running:
                break
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/healthz", timeout=2.0, trust_env=False).status_code == httpx.codes.OK:
                    return
            time.sleep(0.1)
        raise TimeoutError(f"the hub at {self.url} does not answer\n{self.service.tail()}")

    def stop(self) -> None:
        """End the hub."""
        self.service.stop()

    def invite(self, *node_ids: str, organisation: str, country: str) -> list[str]:
        """A fresh invitation for each node, as one line of text."""
        return self.command(
            "invite", *node_ids, "--organisation", organisation, "--country", country, "--url", self.url
        ).splitlines()

    def person(self, email: str, role: str, organisation: str, *, password: str) -> Person:
        """Let a person sign in with ``password``, and with a token."""
        made = json.loads(
            self.command(
                "person", "create", email, "--role", role, "--organisation", organisation,
                "--password-stdin", "--token", "--json", stdin=password,
            )
        )  # fmt: skip
        return Person(email, password, role, made["organisation"], made["token"])


class LocalNode:
    """A node with its data under ``directory``, enrolled at ``hub``."""

    def __init__(self, directory: Path, node_id: str, *, title: str, country: str, organisation: str) -> None:
        self.directory = directory
        self.node_id = node_id
        self.title = title
        self.country = country
        self.organisation = organisation
        self.environment = {"ONCOFED_DATA": str(directory)}
        self.service = Service(("node", "start"), directory.parent / f"{directory.name}.log", self.environment)
        self._said = 0

    def command(self, *arguments: str, stdin: str | None = None) -> str:
        """Run ``oncofed node ARGUMENTS`` on this node's data."""
        return command("node", *arguments, environment=self.environment, stdin=stdin)

    def status(self) -> dict[str, Any]:
        """What ``oncofed node status --json`` says."""
        status: dict[str, Any] = json.loads(self.command("status", "--json"))
        return status

    def enrol(self, hub: LocalHub) -> None:
        """Make the node's keys and enrol it with a fresh invitation."""
        self.command("init", "--title", self.title, "--country", self.country)
        (token,) = hub.invite(self.node_id, organisation=self.organisation, country=self.country)
        self.command("enrol", "--token-file", "-", stdin=token)

    def start(self) -> None:
        """Start the agent; ``await_session`` waits until it is at the hub."""
        self._said = self.service.log.stat().st_size if self.service.log.exists() else 0
        self.service.start()

    def await_session(self, seconds: float = READY_SECONDS) -> None:
        """Wait until the agent says that its session at the hub is open."""
        deadline = time.monotonic() + seconds
        while b" is open" not in self.service.log.read_bytes()[self._said :]:
            if not self.service.running or time.monotonic() > deadline:
                raise TimeoutError(f"{self.node_id} opened no session\n{self.service.tail()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the agent."""
        self.service.stop()


def fresh_directory(directory: Path) -> Path:
    """An empty ``directory``; one that an earlier local federation left is removed, any other is refused."""
    if directory.exists() and any(directory.iterdir()):
        if not (directory / MARKER).exists():
            raise FileExistsError(f"{directory} is not empty and was not made by `oncofed demo`; name another one")
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MARKER).touch()
    return directory
