"""Serving: one process, or several with PostgreSQL."""

import signal
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn
from django.conf import settings
from uvicorn.supervisors import Multiprocess

from oncofed.contracts.errors import BadInput, Unreachable

GRACE_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class Listening:
    """Where and how the hub listens."""

    host: str
    port: int
    certificate: Path | None = None
    certificate_key: Path | None = None
    workers: int = 1

    @property
    def url(self) -> str:
        """The address as seen from this machine."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::", ""} else self.host  # noqa: S104 - only compared
        host = f"[{host}]" if ":" in host else host
        return f"{'https' if self.certificate else 'http'}://{host}:{self.port}"


def _end(number: int, frame: FrameType | None) -> None:
    """To be told to stop is no error."""
    sys.exit(0)


def serve(listening: Listening) -> None:
    """Serve until SIGINT or SIGTERM."""
    if listening.workers > 1 and not settings.CONFIGURATION.postgresql:
        raise BadInput("workers-need-postgresql")
    config = uvicorn.Config(
        "oncofed.hub.asgi:application",
        host=listening.host,
        port=listening.port,
        ssl_certfile=listening.certificate,
        ssl_keyfile=listening.certificate_key,
        workers=listening.workers,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.CONFIGURATION.trusted_proxies,
        timeout_keep_alive=75,  # longer than a node pauses between two calls
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    if listening.workers > 1:
        Multiprocess(config, sockets=[config.bind_socket()]).run()
        return
    for sign in (signal.SIGTERM, signal.SIGINT):  # the server ends in order, then hands the signal on to us
        signal.signal(sign, _end)
    server = uvicorn.Server(config)
    try:
        config.load()
    except ssl.SSLError as error:
        raise BadInput("setting-invalid", "--tls-cert and --tls-key are no certificate and its key, in PEM") from error
    try:
        server.run()
    except SystemExit as end:
        if end.code and not server.started:  # uvicorn has said why
            raise Unreachable("address-taken", f"{listening.host}:{listening.port}") from end
        raise
    if not server.started:
        raise Unreachable("address-taken", f"{listening.host}:{listening.port}")
