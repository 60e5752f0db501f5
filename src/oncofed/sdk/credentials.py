"""Where this person's sign-ins are kept: one file, readable by them only, under the data directory."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from oncofed.contracts.errors import BadInput, Corrupt

FILE_NAME = "client.json"


def data_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """``ONCOFED_DATA``, or ``~/.oncofed``."""
    return Path(environment.get("ONCOFED_DATA") or Path.home() / ".oncofed")


class Credentials:
    """The hubs this person has signed in to, with a token each, and the one used when none is named."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.default = ""
        self.tokens: dict[str, str] = {}
        if path.exists():
            self._read()

    def _read(self) -> None:
        try:
            stored = json.loads(self.path.read_text())
            self.default = str(stored["default"])
            self.tokens = {str(url): str(token) for url, token in stored["tokens"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Corrupt("credentials-unreadable", str(self.path)) from error

    def keep(self, url: str, token: str) -> None:
        """Remember ``token`` for the hub at ``url``, and make that hub the default. The file gets mode 0600."""
        self.default = url
        self.tokens[url] = token
        self._write()

    def forget(self, url: str) -> bool:
        """Drop what is stored for ``url``; False if there was nothing."""
        known = self.tokens.pop(url, None) is not None
        if self.default == url:
            self.default = next(iter(self.tokens), "")
        if known:
            self._write()
        return known

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"default": self.default, "tokens": self.tokens}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)


def credentials(environment: Mapping[str, str] = os.environ) -> Credentials:
    """The stored sign-ins of this person."""
    return Credentials(data_directory(environment) / FILE_NAME)


def chosen_hub(url: str | None, token: str | None, environment: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """The hub's address and the token to use: what is given, else ``ONCOFED_HUB`` / ``ONCOFED_TOKEN``, else stored.

    The token may be empty: then the hub answers from the published cubes only.
    """
    stored = credentials(environment)
    address = (url or environment.get("ONCOFED_HUB") or stored.default).rstrip("/")
    if not address:
        raise BadInput("hub-unknown")
    if "://" not in address:
        address = f"https://{address}"
    if token is None:
        token = _token_of_environment(environment)
    return address, stored.tokens.get(address, "") if token is None else token


def _token_of_environment(environment: Mapping[str, str]) -> str | None:
    if file := environment.get("ONCOFED_TOKEN_FILE"):
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            raise BadInput("credentials-unreadable", f"ONCOFED_TOKEN_FILE: {error.strerror}") from error
    return environment.get("ONCOFED_TOKEN")
