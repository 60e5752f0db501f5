"""The node's settings, read once from the environment and ``node.toml`` into one frozen object.

What the environment says goes before the file. Zero settings work.

    environment              node.toml               meaning
    ONCOFED_DATA             –                       the data directory, all the node ever writes
    ONCOFED_CA_FILE          ca_file                 certificates (PEM) of the hospital's own CA, beside the usual ones
    SSL_CERT_FILE            –                       certificates instead of the usual ones
    HTTPS_PROXY, NO_PROXY    –                       the way out
    ONCOFED_MEMORY_LIMIT     memory_limit            most memory DuckDB takes for one query, e.g. "512MB"
    ONCOFED_THREADS          threads                 threads DuckDB uses for one query
    ONCOFED_QUERY_SECONDS    query_seconds           longest time for one query
    ONCOFED_LOG_LEVEL        log_level               DEBUG INFO WARNING ERROR
    –                        title, country          how the node introduces itself
"""

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oncofed.contracts.errors import BadInput

DEFAULT_DIRECTORY = Path("oncofed-node")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_FILE_NAMES = ("title", "country", "ca_file", "memory_limit", "threads", "query_seconds", "log_level")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of a node, and where its files stand."""

    directory: Path
    title: str = ""
    country: str = ""
    ca_file: Path | None = None
    memory_limit: str = "256MB"
    threads: int = 2
    query_seconds: float = 20.0
    log_level: str = "INFO"

    @property
    def keys(self) -> Path:
        """Where keys and secrets stand (mode 0700, files 0600)."""
        return self.directory / "keys"

    @property
    def policy_file(self) -> Path:
        """What may be asked, in the data manager's words."""
        return self.directory / "policy.toml"

    @property
    def warehouse(self) -> Path:
        """The loaded releases."""
        return self.directory / "warehouse"

    @property
    def cubes_file(self) -> Path:
        """The record of each release as it is published, its cube included."""
        return self.directory / "cubes.sqlite"

    @property
    def published_file(self) -> Path:
        """What is published now."""
        return self.directory / "published.json"

    @property
    def withdrawn_file(self) -> Path:
        """Datasets that were withdrawn."""
        return self.directory / "withdrawn.json"

    @property
    def ledger_file(self) -> Path:
        """First answers and budgets."""
        return self.directory / "ledger.sqlite"

    @property
    def outbox_file(self) -> Path:
        """Every byte that ever left."""
        return self.directory / "outbox.sqlite"

    @property
    def lock_file(self) -> Path:
        """Held by the one agent."""
        return self.directory / "agent.lock"

    @property
    def agent_file(self) -> Path:
        """What the agent last said about itself."""
        return self.directory / "agent.json"


def data_directory(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """``--data-dir``, else ``ONCOFED_DATA``, else ``oncofed-node`` here."""
    return (given or Path(environment.get("ONCOFED_DATA") or DEFAULT_DIRECTORY)).absolute()


def read_settings(directory: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the node in ``directory``; ``BadInput``: ``node-missing`` or ``settings-invalid``."""
    file = directory / "node.toml"
    try:
        table = tomllib.loads(file.read_text())
    except FileNotFoundError as error:
        raise BadInput("node-missing", f"{directory} holds no node") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput("settings-invalid", f"node.toml: {error}") from error
    unknown = sorted(set(table) - set(_FILE_NAMES))
    if unknown:
        raise BadInput("settings-invalid", f"node.toml has no setting “{unknown[0]}”")
    for name in ("ca_file", "memory_limit", "threads", "query_seconds", "log_level"):
        if value := environment.get(f"ONCOFED_{name.upper()}"):
            table[name] = value
    return Settings(
        directory=directory, **{name: _setting(name, value) for name, value in table.items() if value != ""}
    )


def _setting(name: str, value: Any) -> Any:
    """One setting as the type it must have."""
    try:
        if name == "threads":
            return _positive(int(value))
        if name == "query_seconds":
            return _positive(float(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise BadInput("settings-invalid", f"{name} must be a positive number, not {value!r}") from error
    if not isinstance(value, str):
        raise BadInput("settings-invalid", f"{name} must be a text in quotes")
    if name == "log_level" and value not in _LEVELS:
        raise BadInput("settings-invalid", f"log_level is one of {', '.join(_LEVELS)}")
    return Path(value) if name == "ca_file" else value


def _positive(number: float) -> float:
    if not 0 < number < math.inf:
        raise ValueError("not positive")
    return number
