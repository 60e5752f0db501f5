"""Is this hub well? One finding a question, each with what to do."""

import shutil
import stat
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.db import DatabaseError, connection

from oncofed.contracts.errors import OncofedError
from oncofed.hub import installation
from oncofed.hub.exchange import queries
from oncofed.hub.exchange.keyring import Keyring

LEAST_FREE_BYTES = 1 << 30
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Finding(NamedTuple):
    """The answer to one question: ``well``, what was found, and what to do if it is not well."""

    question: str
    well: bool
    found: str
    advice: str = ""


def findings() -> list[Finding]:
    """All of them; a question that cannot be answered is not well."""
    return [check() for check in _CHECKS]


def _directory() -> Finding:
    directory = settings.CONFIGURATION.data_directory
    if not directory.is_dir():
        return Finding("data directory", False, f"{directory} is missing", "Run `oncofed hub init`.")
    free = shutil.disk_usage(directory).free
    return Finding("data directory", free >= LEAST_FREE_BYTES, f"{directory}, {free >> 20} MiB free", "Free space.")


def _keys() -> Finding:
    directory = settings.CONFIGURATION.keys_directory
    try:
        public = Keyring(directory).current.public
    except OncofedError as error:
        return Finding("keys", False, str(error), "Restore the backup, or run `oncofed hub init`.")
    open_files = [path.name for path in directory.rglob("*") if stat.S_IMODE(path.stat().st_mode) & 0o077]
    found = f"readable by others: {', '.join(open_files)}" if open_files else f"public key {public}"
    return Finding("keys", not open_files, found, f"Run `chmod -R go= {directory}`.")


def _database() -> Finding:
    try:
        pending = installation.pending_migrations()
        with connection.cursor() as cursor:
            cursor.execute("SELECT version()" if connection.vendor == "postgresql" else "SELECT sqlite_version()")
            version = str(cursor.fetchone()[0]).split(",")[0]
    except DatabaseError as error:
        return Finding("database", False, str(error).strip(), "Start the database, or correct DATABASE_URL.")
    name = version if connection.vendor == "postgresql" else f"SQLite {version}"
    found = f"{name}, {pending} schema changes to apply" if pending else name
    return Finding("database", not pending, found, "Run `oncofed hub start`, which applies them.")


def _address() -> Finding:
    url = settings.CONFIGURATION.public_url
    well = settings.CONFIGURATION.secure or urlsplit(url).hostname in _LOOPBACK
    return Finding("public address", well, url, "Serve over HTTPS and set public_url.")


def _serving() -> Finding:
    url = settings.CONFIGURATION.public_url
    try:
        reply = httpx.get(f"{url}/healthz", timeout=5.0)
    except httpx.HTTPError as error:
        return Finding("serving", False, f"{url}: {type(error).__name__}", "Run `oncofed hub start`; check the proxy.")
    return Finding("serving", reply.is_success, f"{url} answers {reply.status_code}", "Look at the hub's log.")


def _nodes() -> Finding:
    if connection.introspection.table_names() and not installation.pending_migrations():
        nodes = list(queries.nodes())
        silent = [node.pk for node in nodes if not queries.online(node)]
        found = f"{len(nodes) - len(silent)} of {len(nodes)} online" + (
            f"; silent: {', '.join(silent)}" if silent else ""
        )
        return Finding("nodes", not silent, found, "Ask those hospitals to run `oncofed node doctor`.")
    return Finding("nodes", False, "the database is not ready", "See above.")


_CHECKS: tuple[Callable[[], Finding], ...] = (_directory, _keys, _database, _address, _serving, _nodes)
