"""Making a hub from its settings: keys, database, static files. Every step can be repeated."""

import hashlib
import os
from dataclasses import dataclass

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from oncofed.contracts import exchange as wire
from oncofed.hub.exchange.keyring import Keyring
from oncofed.hub.exchange.models import KeyRotation


@dataclass(frozen=True)
class Made:
    """What had to be made."""

    new: bool
    public_key: str


def initialise() -> Made:
    """Keys, database and static files of the configured data directory; nothing that stands is changed."""
    keyring = Keyring(settings.CONFIGURATION.keys_directory)
    new = not (settings.CONFIGURATION.keys_directory / "hub.key").exists()
    key = keyring.create()
    migrate()
    collect_static()
    for rotation in KeyRotation.objects.filter(old=key.public):  # a rotation that was broken off
        keyring.complete(wire.KeyRotation(old=rotation.old, new=rotation.new, signature=rotation.signature))
    return Made(new, keyring.current.public)


def pending_migrations() -> int:
    """Number of schema changes that are not applied yet."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def migrate() -> None:
    """Bring the database to this version's schema."""
    if pending_migrations():
        call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
    if settings.CACHES["default"]["LOCATION"] not in connection.introspection.table_names():
        call_command("createcachetable", verbosity=0)


def collect_static() -> None:
    """Collect, hash and compress static files, if any changed since the last time."""
    stamp = settings.STATIC_ROOT / ".stamp"
    state = _static_state()
    if stamp.is_file() and stamp.read_text() == state:
        return
    call_command("collectstatic", interactive=False, verbosity=0, clear=True, skip_checks=True)
    stamp.write_text(state)


def _static_state() -> str:
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            state = os.stat(storage.path(path))
            digest.update(f"{path} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()
