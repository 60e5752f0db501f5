"""One file with everything a hub is: database, keys, settings. It holds secrets and is written with mode 0600.

A gzipped tar archive: ``manifest.json`` (format, kind of database, schema, SHA-256 of every file), ``hub.toml``,
``keys/``, and ``hub.sqlite`` or one ``tables/NAME.copy`` a table (PostgreSQL's COPY text). All of one moment.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from psycopg import sql

from oncofed import __version__
from oncofed.contracts.errors import BadInput, Corrupt, Refused
from oncofed.hub.installation import migrate

FORMAT = 1
_CHUNK = 1 << 20


def back_up(target: Path) -> dict[str, Any]:
    """Write the backup; its manifest. The hub may go on serving. ``BadInput(backup-exists)``."""
    if target.exists():
        raise BadInput("backup-exists", str(target))
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as passing:
        content = Path(passing) / "content"
        content.mkdir()
        _copy_files(content)
        if connection.vendor == "postgresql":
            _dump_tables(content / "tables")
        else:
            _copy_sqlite(content / "hub.sqlite")
        manifest = _manifest(content)
        (content / "manifest.json").write_text(json.dumps(manifest, indent=1))
        archive = Path(passing) / "archive"
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(content, arcname=".")
        archive.chmod(0o600)
        with archive.open("rb") as file:
            os.fsync(file.fileno())
        archive.replace(target)
    return manifest


def restore(source: Path, directory: Path) -> dict[str, Any]:
    """Make a hub in ``directory`` from a backup, which is checked whole before anything is written; its manifest.

    ``Corrupt(backup-invalid)``, ``Refused(directory-not-empty)``, ``BadInput(backup-other-database)``.
    """
    if (directory / "hub.sqlite").exists() or (directory / "keys" / "hub.key").exists():
        raise Refused("directory-not-empty", str(directory))
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=directory) as passing:
        content = Path(passing)
        manifest = _unpack(source, content)
        if manifest["database"] != connection.vendor:
            raise BadInput("backup-other-database", f"it holds {manifest['database']}, the hub has {connection.vendor}")
        if connection.vendor == "postgresql":
            _load_tables(content / "tables", manifest)
        else:
            (content / "hub.sqlite").replace(directory / "hub.sqlite")
        shutil.copytree(content / "keys", directory / "keys", dirs_exist_ok=True)
        if (content / "hub.toml").exists():
            (content / "hub.toml").replace(directory / "hub.toml")
    return manifest


def _copy_files(content: Path) -> None:
    directory = settings.CONFIGURATION.data_directory
    if not (directory / "keys" / "hub.key").exists():
        raise BadInput("hub-not-initialised", str(directory))
    shutil.copytree(directory / "keys", content / "keys")
    if (directory / "hub.toml").exists():
        shutil.copy2(directory / "hub.toml", content / "hub.toml")


def _manifest(content: Path) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "software": __version__,
        "database": connection.vendor,
        "schema": sorted(MigrationRecorder(connection).applied_migrations()),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {name: _digest(content / name) for name in _names(content)},
    }


def _names(content: Path) -> Iterator[str]:
    return (str(path.relative_to(content)) for path in sorted(content.rglob("*")) if path.is_file())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(source: Path, content: Path) -> dict[str, Any]:
    try:
        with tarfile.open(source, "r:gz") as tar:
            tar.extractall(content, filter="data")
        manifest: dict[str, Any] = json.loads((content / "manifest.json").read_text())
    except FileNotFoundError as error:
        raise BadInput("backup-invalid", f"{source} cannot be read") from error
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise Corrupt("backup-invalid", str(error)) from error
    found = {name: _digest(content / name) for name in _names(content) if name != "manifest.json"}
    if manifest.get("format") != FORMAT or found != manifest.get("files"):
        raise Corrupt("backup-invalid", "its files are not those of its manifest")
    return manifest


def _copy_sqlite(target: Path) -> None:
    with (
        closing(sqlite3.connect(connection.settings_dict["NAME"])) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)


def _tables() -> list[str]:
    return sorted(connection.introspection.table_names())


def _dump_tables(directory: Path) -> None:
    directory.mkdir()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for table in _tables():
            statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
            with (directory / f"{table}.copy").open("wb") as file, cursor.cursor.copy(statement) as rows:
                for chunk in rows:
                    file.write(chunk)


def _load_tables(directory: Path, manifest: dict[str, Any]) -> None:
    migrate()
    applied = [list(name) for name in sorted(MigrationRecorder(connection).applied_migrations())]
    if applied != [list(name) for name in manifest["schema"]]:
        raise BadInput(
            "backup-invalid", f"it is of oncofed {manifest['software']}: restore with that version, then update"
        )
    tables = [path.stem for path in sorted(directory.glob("*.copy"))]
    with transaction.atomic(), connection.cursor() as cursor:
        names = sql.SQL(", ").join(sql.Identifier(table) for table in tables)
        cursor.execute(sql.SQL("SELECT count(*) FROM exchange_node"))
        if cursor.fetchone() != (0,):
            raise Refused("directory-not-empty", "the database holds a hub")
        cursor.execute(sql.SQL("TRUNCATE {}").format(names))
        for table in tables:
            statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
            with (directory / f"{table}.copy").open("rb") as file, cursor.cursor.copy(statement) as rows:
                while chunk := file.read(_CHUNK):
                    rows.write(chunk)
        for statement in connection.ops.sequence_reset_sql(no_style(), _models()):
            cursor.execute(statement)


def _models() -> list[Any]:
    return apps.get_models(include_auto_created=True)
