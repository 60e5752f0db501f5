"""The hub's settings, read once from the environment and ``hub.toml`` into one frozen object.

Zero settings work. What the environment says goes before the file; a secret ``X`` may stand in a file named by
``X_FILE``. Nothing is written here: ``hub init`` makes the data directory, its keys and the secret.

    environment                     hub.toml                meaning
    ONCOFED_DATA                    –                       the data directory, all the hub ever writes
    DATABASE_URL                    database_url            postgresql://…; SQLite in the data directory without it
    ONCOFED_PUBLIC_URL              public_url              the address people and nodes use
    ONCOFED_TITLE                   title                   the name of this hub on its pages
    ONCOFED_CONTACT                 contact                 who answers questions (shown on error pages)
    ONCOFED_TRUSTED_PROXIES         trusted_proxies         addresses whose X-Forwarded-* headers are believed
    ONCOFED_LOG_LEVEL               log_level               DEBUG INFO WARNING ERROR
    SECRET_KEY, SECRET_KEY_FILE     –                       signs sessions; else ``keys/secret`` of the data directory
    ONCOFED_OIDC_ISSUER             [oidc] issuer           sign-in with an OpenID provider
    ONCOFED_OIDC_NAME               [oidc] name             what its button says
    ONCOFED_OIDC_CLIENT_ID          [oidc] client_id
    ONCOFED_OIDC_CLIENT_SECRET[_FILE]  [oidc] client_secret
    EMAIL_URL, EMAIL_URL_FILE       email_url               smtp://user:password@host:587; without it mail is printed
"""

import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from oncofed.contracts.errors import BadInput

DEFAULT_DIRECTORY = Path("oncofed-hub")
DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True, kw_only=True)
class OpenIdProvider:
    """A generic OpenID Connect provider people may sign in with."""

    issuer: str
    client_id: str
    client_secret: str
    name: str = "OpenID"


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """All settings of the hub."""

    data_directory: Path
    secret_key: str
    database_url: str = ""
    public_url: str = DEFAULT_URL
    title: str = "oncofed"
    contact: str = ""
    trusted_proxies: str = "127.0.0.1"
    log_level: str = "INFO"
    email_url: str = ""
    oidc: OpenIdProvider | None = None

    @property
    def keys_directory(self) -> Path:
        """Where the hub's signing keys and its secret stand (mode 0700)."""
        return self.data_directory / "keys"

    @property
    def secure(self) -> bool:
        """Whether people reach the hub over HTTPS: then cookies are for HTTPS only."""
        return self.public_url.startswith("https://")

    @property
    def public_host(self) -> str:
        """Host name of the public address."""
        return urlsplit(self.public_url).hostname or "127.0.0.1"

    @property
    def postgresql(self) -> bool:
        """Whether the database is PostgreSQL: several hub processes are possible."""
        return bool(self.database_url)

    def database(self) -> dict[str, Any]:
        """The Django ``DATABASES`` entry."""
        if not self.database_url:
            return _sqlite(self.data_directory / "hub.sqlite")
        return _postgresql(self.database_url)


def read(environment: Mapping[str, str]) -> Configuration:
    """The configuration of this process; ``BadInput(setting-invalid)`` says which setting is wrong."""
    directory = Path(environment.get("ONCOFED_DATA", "") or DEFAULT_DIRECTORY).expanduser().resolve()
    table = _toml(directory / "hub.toml")

    def setting(name: str, variable: str, default: str = "") -> str:
        value = secret(environment, variable) or table.get(name, default)
        if not isinstance(value, str):
            raise BadInput("setting-invalid", f"{name} in hub.toml must be text")
        return value

    public_url = setting("public_url", "ONCOFED_PUBLIC_URL", _text(directory / "address") or DEFAULT_URL)
    if urlsplit(public_url).scheme not in {"http", "https"}:
        raise BadInput("setting-invalid", f"public_url “{public_url}” must begin with https:// or http://")
    return Configuration(
        data_directory=directory,
        # Without `hub init` there is none: a passing one lets the project be imported (types, tests, help texts).
        secret_key=secret(environment, "SECRET_KEY")
        or _text(directory / "keys" / "secret")
        or secrets.token_urlsafe(50),
        database_url=setting("database_url", "DATABASE_URL"),
        public_url=public_url.rstrip("/"),
        title=setting("title", "ONCOFED_TITLE", "oncofed"),
        contact=setting("contact", "ONCOFED_CONTACT"),
        trusted_proxies=setting("trusted_proxies", "ONCOFED_TRUSTED_PROXIES", "127.0.0.1"),
        log_level=setting("log_level", "ONCOFED_LOG_LEVEL", "INFO"),
        email_url=setting("email_url", "EMAIL_URL"),
        oidc=_provider(environment, table.get("oidc", {})),
    )


def secret(environment: Mapping[str, str], name: str) -> str:
    """Value of ``name``, or the contents of the file that ``name_FILE`` names."""
    value = environment.get(name, "")
    path = environment.get(f"{name}_FILE", "")
    if value or not path:
        return value
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError as error:
        raise BadInput("setting-invalid", f"{name}_FILE cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput("setting-invalid", f"{name}_FILE is no text") from error


def _provider(environment: Mapping[str, str], table: Mapping[str, str]) -> OpenIdProvider | None:
    issuer = environment.get("ONCOFED_OIDC_ISSUER") or table.get("issuer", "")
    if not issuer:
        return None
    client_id = environment.get("ONCOFED_OIDC_CLIENT_ID") or table.get("client_id", "")
    if not client_id:
        raise BadInput("setting-invalid", "an OpenID provider needs its client_id")
    return OpenIdProvider(
        issuer=issuer,
        client_id=client_id,
        client_secret=secret(environment, "ONCOFED_OIDC_CLIENT_SECRET") or table.get("client_secret", ""),
        name=environment.get("ONCOFED_OIDC_NAME") or table.get("name", "OpenID"),
    )


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput("setting-invalid", f"{path.name}: {error}") from error


def _text(path: Path) -> str:
    return path.read_text("utf-8").strip() if path.is_file() else ""


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "oncofed.hub.core.sqlite",
        "NAME": path,
        "TEST": {"NAME": path.with_name("test.sqlite")},  # a file: several threads read and write it
        "OPTIONS": {
            # A transaction that will write takes the lock at once: readers never find themselves unable to upgrade.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-16000;"
                "PRAGMA mmap_size=134217728; PRAGMA journal_size_limit=67108864; PRAGMA temp_store=MEMORY"
            ),
        },
    }


def _postgresql(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise BadInput("setting-invalid", "DATABASE_URL must begin with postgresql://")
    options = dict(pair.partition("=")[::2] for pair in parts.query.split("&") if pair)
    host = unquote(options.pop("host", "")) or unquote(parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "postgres",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        # Requests run in threads that end with them; the pool keeps the connections.
        "OPTIONS": {"pool": {"min_size": 1, "max_size": 10, "timeout": 10}}
        | {key: unquote(value) for key, value in options.items()},
    }


def email(url: str) -> dict[str, Any]:
    """Django's ``EMAIL_*`` settings for ``smtp://user:password@host:port`` (STARTTLS) or ``smtps://…`` (TLS)."""
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise BadInput("setting-invalid", "email_url must be smtp://… or smtps://…")
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp",
    }
