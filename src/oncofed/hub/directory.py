"""The hub's data directory, as far as it must stand before Django reads its settings.

hub.toml      settings (optional)          keys/       signing keys and the session secret, mode 0600
hub.sqlite    the database, unless PostgreSQL          static/     collected style sheets, scripts and images
address       where the hub serves, as `hub start` last said     hub.lock    held by the one process that serves
"""

import fcntl
import json
import secrets
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from oncofed.contracts.errors import BadInput, Refused
from oncofed.hub.exchange.keyring import write_secret


def write_first_settings(directory: Path, *, public_url: str = "", title: str = "") -> None:
    """Directory, secret and ``hub.toml``: what must stand before Django reads its settings. Keeps what is there."""
    if public_url and urlsplit(public_url).scheme not in {"http", "https"}:
        raise BadInput("setting-invalid", f"public_url “{public_url}” must begin with https:// or http://")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret = directory / "keys" / "secret"
    if not secret.exists():
        write_secret(secret, secrets.token_urlsafe(50))
    given = {"public_url": public_url, "title": title}
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in given.items() if value]
    path = directory / "hub.toml"
    if lines and path.exists():
        raise BadInput("setting-invalid", f"{path} exists: change it there")
    if lines:
        path.write_text("".join(lines), "utf-8")


def remember_address(directory: Path, url: str) -> None:
    """Note where the hub serves, for `hub invite`; a configured public address goes before it."""
    (directory / "address").write_text(url + "\n", "utf-8")


def lock(directory: Path) -> TextIO:
    """Hold the data directory for one serving process; ``Refused(hub-running)``. Closing the file lets go."""
    file = (directory / "hub.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise Refused("hub-running", f"a hub serves from {directory}") from error
    return file
