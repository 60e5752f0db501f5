"""Where this person's sign-ins are kept: one file, readable by them only, under the data directory."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from oncofed.contracts.errors import BadInput, Corrupt

FILE_NAME = "client.json"


@dataclass(frozen=True)
class SignIn:
    """What lets a program act for a person. ``expires_at``: seconds since 1970; 0 for a token that is made by hand."""

    access: str
    refresh: str = ""
    expires_at: float = 0.0


def data_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """``ONCOFED_DATA``, or ``~/.oncofed``."""
    return Path(environment.get("ONCOFED_DATA") or Path.home() / ".oncofed")


class Credentials:
    """The hubs this person has signed in to, and the one used when none is named."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.default = ""
        self.sign_ins: dict[str, SignIn] = {}
        if path.exists():
            self._read()

    def _read(self) -> None:
        try:
            stored = json.loads(self.path.read_text())
            self.default = str(stored["default"])
            self.sign_ins = {str(url): SignIn(**one) for url, one in stored["sign_ins"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Corrupt("credentials-unreadable", str(self.path)) from error

    def keep(self, url: str, sign_in: SignIn) -> None:
        """Remember the sign-in to the hub at ``url``, and make that hub the default. The file gets mode 0600."""
        self.default = url
        self.sign_ins[url] = sign_in
        self._write()

    def renew(self, url: str, sign_in: SignIn) -> None:
        """Put a renewed sign-in in the place of the old one."""
        self.sign_ins[url] = sign_in
        self._write()

    def forget(self, url: str) -> SignIn | None:
        """Drop what is stored for ``url`` and give it back; None if there was nothing."""
        known = self.sign_ins.pop(url, None)
        if self.default == url:
            self.default = next(iter(self.sign_ins), "")
        if known:
            self._write()
        return known

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            sign_ins = {url: asdict(one) for url, one in self.sign_ins.items()}
            json.dump({"default": self.default, "sign_ins": sign_ins}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)


def credentials(environment: Mapping[str, str] = os.environ) -> Credentials:
    """The stored sign-ins of this person."""
    return Credentials(data_directory(environment) / FILE_NAME)


def hub_address(url: str) -> str:
    """An address as it is stored: with its scheme (https unless given), without a slash at its end."""
    return (url if "://" in url else f"https://{url}").rstrip("/")


def chosen_hub(url: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The address given, else ``ONCOFED_HUB``, else the hub signed in to last; ``BadInput(hub-unknown)``."""
    address = url or environment.get("ONCOFED_HUB") or credentials(environment).default
    if not address:
        raise BadInput("hub-unknown")
    return hub_address(address)


def token_of_environment(environment: Mapping[str, str] = os.environ) -> str | None:
    """``ONCOFED_TOKEN``, or what stands in the file that ``ONCOFED_TOKEN_FILE`` names."""
    if file := environment.get("ONCOFED_TOKEN_FILE"):
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            raise BadInput("credentials-unreadable", f"ONCOFED_TOKEN_FILE: {error.strerror}") from error
    return environment.get("ONCOFED_TOKEN")
