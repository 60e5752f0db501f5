"""An operator's commands on a hub's data: invite, people, nodes, backup and restore, key rotation, doctor."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from typer.testing import CliRunner

from oncofed.cli.hub import app
from oncofed.contracts.errors import BadInput, Corrupt, OncofedError, Refused
from oncofed.hub import backup, doctor, installation
from oncofed.hub.accounts.models import User
from oncofed.hub.exchange.keyring import Keyring
from oncofed.hub.exchange.models import Invitation, KeyRotation, Node
from tests.factories import hub

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Static files, collected once for all tests here."""
    return tmp_path_factory.mktemp("static")


@pytest.fixture
def place(tmp_path: Path, collected: Path, settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of its own, over the tests' database."""
    from dataclasses import replace

    home = tmp_path / "hub"
    settings.CONFIGURATION = replace(settings.CONFIGURATION, data_directory=home)
    settings.STATIC_ROOT = collected
    monkeypatch.setenv("ONCOFED_DATA", str(home))
    return home


@pytest.fixture
def run(place: Path) -> Callable[..., str]:
    """Run ``oncofed hub …`` in this process; its standard output. Known errors come through as they are."""

    def command(*arguments: str, stdin: str = "", status: int = 0) -> str:
        done = CliRunner().invoke(app, list(arguments), input=stdin)
        if isinstance(done.exception, OncofedError):
            raise done.exception
        assert done.exit_code == status, (done.output, done.exception)
        return done.stdout

    return command


@pytest.fixture
def made(run) -> Callable[..., str]:
    run("init")
    return run


def test_init_makes_a_hub_once(run, place: Path, collected: Path):
    with pytest.raises(BadInput) as caught:
        run("invite", "north", "--organisation", "X", "--country", "NL")
    assert caught.value.code == "hub-not-initialised"
    first = run("init", "--title", "Ours")
    assert "title" in (place / "hub.toml").read_text()
    assert run("init") == first
    assert first.strip().endswith(Keyring(place / "keys").current.public)
    assert (collected / ".stamp").exists()
    assert (place.stat().st_mode & 0o077) == 0


def test_a_broken_off_rotation_is_finished_at_the_next_start(made, place: Path):
    keyring = Keyring(place / "keys")
    rotation = keyring.prepare()
    KeyRotation.objects.create(**rotation.model_dump())
    installation.initialise()
    assert Keyring(place / "keys").current.public == rotation.new


def test_inviting(made):
    letter = made("invite", "north", "--organisation", "Hôpital du Nord", "--country", "FR", "--title", "Nord")
    assert letter.startswith("oncofed-invite-")
    row = Invitation.objects.get()
    assert (row.node_id, row.organisation_id, row.organisation.title) == ("north", "hopital-du-nord", "Hôpital du Nord")
    assert str(row) == "invitation for north"
    for arguments, code in [
        (("north", "--organisation", "X Y", "--country", "fr"), "country-invalid"),
        (("North!", "--organisation", "X Y", "--country", "FR"), "node-id-invalid"),
        (("south", "--organisation", "?", "--country", "FR"), "organisation-invalid"),
    ]:
        with pytest.raises(BadInput) as caught:
            made("invite", *arguments)
        assert caught.value.code == code
    hub.node("east")
    with pytest.raises(BadInput) as caught:
        made("invite", "east", "--organisation", "X Y", "--country", "FR")
    assert caught.value.code == "node-known"


def test_people(made):
    assert made("person", "list").strip() == "nothing yet"
    facts = json.loads(made("person", "create", "ada@example.org", "--organisation", "Uni One", "--token", "--json"))
    assert facts["organisation"] == "uni-one"
    ada = User.objects.get()
    assert ada.check_password(facts["password"])
    assert facts["token"].startswith("oncofed_")
    said = made("person", "create", "bo@example.org", "--password-stdin", stdin="twelve or more\n")
    assert "password" not in said
    assert User.objects.get(email="bo@example.org").check_password("twelve or more")
    made("person", "role", "ada@example.org", "operator", "--organisation", "Uni One")
    made("person", "role", "ada@example.org", "researcher", "--organisation", "Uni One", "--take")
    rows = json.loads(made("person", "list", "--json"))
    assert [row["roles"] for row in rows] == ["operator at uni-one", "researcher at oncofed"]
    assert "ada@example.org" in made("person", "list")
    new = made("person", "password", "ada@example.org").strip()
    assert User.objects.get(pk=ada.pk).check_password(new)
    assert made("person", "password", "ada@example.org", "--password-stdin", stdin="another passphrase\n") == ""
    assert made("person", "token", "ada@example.org", "--name", "laptop").startswith("oncofed_")
    assert {row["role"] for row in json.loads(made("person", "roles", "--json"))} >= {"researcher", "operator"}


def test_nodes(made):
    hub.node("north")
    (row,) = json.loads(made("node", "list", "--json"))
    assert (row["node"], row["online"], row["state"]) == ("north", True, "active")
    made("node", "suspend", "north")
    assert Node.objects.get().state == "suspended"
    made("node", "admit", "north")
    assert "active" in made("node", "list")
    with pytest.raises(BadInput) as caught:
        made("node", "suspend", "nobody")
    assert caught.value.code == "node-unknown"


def test_rotating_the_key(made, place: Path):
    old = Keyring(place / "keys").current.public
    new = made("rotate-key").strip().removeprefix("public key ")
    assert new == Keyring(place / "keys").current.public != old
    row = KeyRotation.objects.get()
    assert str(row) == f"{old} → {new}"


def forget_everything(place: Path) -> None:
    call_command("flush", interactive=False, verbosity=0)
    for name in ("hub.key", "secret"):
        (place / "keys" / name).unlink()


def test_backup_and_restore(made, place: Path, tmp_path: Path):
    (place / "hub.toml").write_text('title = "Ours"\n')
    made("person", "create", "ada@example.org")
    hub.node("north")
    key = Keyring(place / "keys").current.public
    file = tmp_path / "hub.backup"
    made("backup", str(file))
    assert (file.stat().st_mode & 0o077) == 0
    with pytest.raises(BadInput) as caught:
        made("backup", str(file))
    assert caught.value.code == "backup-exists"
    with pytest.raises(Refused) as refused:
        made("restore", str(file))
    assert refused.value.code == "directory-not-empty"

    forget_everything(place)
    made("restore", str(file))
    assert Keyring(place / "keys").current.public == key
    assert (place / "hub.toml").read_text() == 'title = "Ours"\n'
    if connection.vendor == "postgresql":
        assert User.objects.get().email == "ada@example.org"
        assert User.objects.create_user("new@example.org").pk > User.objects.get(email="ada@example.org").pk
        (place / "keys" / "hub.key").unlink()
        with pytest.raises(Refused):  # the database holds a hub
            made("restore", str(file))
    else:
        import sqlite3

        with sqlite3.connect(place / "hub.sqlite") as copy:
            assert copy.execute("SELECT email FROM accounts_user").fetchall() == [("ada@example.org",)]
        copy.close()


def test_backups_that_are_none(made, place: Path, tmp_path: Path):
    file = tmp_path / "hub.backup"
    made("backup", str(file))
    forget_everything(place)
    with pytest.raises(BadInput) as missing:
        backup.restore(tmp_path / "nowhere", place)
    assert missing.value.code == "backup-invalid"
    (tmp_path / "text").write_text("no archive")
    changed = tmp_path / "changed"
    unpacked = tmp_path / "unpacked"
    with tarfile.open(file) as tar:
        tar.extractall(unpacked, filter="data")
    (unpacked / "keys" / "hub.key").write_text("x")
    with tarfile.open(changed, "w:gz") as tar:
        tar.add(unpacked, arcname=".")
    for wrong in (tmp_path / "text", changed):
        with pytest.raises(Corrupt) as caught:
            backup.restore(wrong, place)
        assert caught.value.code == "backup-invalid"
    manifest = json.loads((unpacked / "manifest.json").read_text())
    manifest["files"]["keys/hub.key"] = backup._digest(unpacked / "keys" / "hub.key")
    manifest["database"] = "oracle"
    (unpacked / "manifest.json").write_text(json.dumps(manifest))
    with tarfile.open(changed, "w:gz") as tar:
        tar.add(unpacked, arcname=".")
    with pytest.raises(BadInput) as other:
        backup.restore(changed, place)
    assert other.value.code == "backup-other-database"
    if connection.vendor == "postgresql":
        manifest |= {"database": "postgresql", "schema": []}
        (unpacked / "manifest.json").write_text(json.dumps(manifest))
        with tarfile.open(changed, "w:gz") as tar:
            tar.add(unpacked, arcname=".")
        with pytest.raises(BadInput, match="restore with that version"):
            backup.restore(changed, place)


def test_backup_needs_a_hub(place: Path, tmp_path: Path):
    with pytest.raises(BadInput) as caught:
        backup.back_up(tmp_path / "file")
    assert caught.value.code == "hub-not-initialised"


def found() -> dict[str, doctor.Finding]:
    return {finding.question: finding for finding in doctor.findings()}


def test_the_doctor(made, place: Path, run):
    assert found()["data directory"].well
    assert found()["keys"].well
    assert found()["database"].well
    assert found()["nodes"].found == "0 of 0 online"
    assert not found()["serving"].well
    node = hub.node("north")
    Node.objects.update(last_seen_at=None)
    assert not found()["nodes"].well
    assert str(node) == "Hospital north"
    (place / "keys" / "hub.key").chmod(0o644)
    assert found()["keys"].found == "readable by others: hub.key"
    (place / "keys" / "hub.key").unlink()
    assert not found()["keys"].well
    assert json.loads(run("doctor", "--json", status=6))
    assert "NO  keys" in run("doctor", status=6)


def test_the_doctor_finds_nothing(place: Path, monkeypatch: pytest.MonkeyPatch):
    assert not found()["data directory"].well
    monkeypatch.setattr(installation, "pending_migrations", lambda: 3)
    assert "3 schema changes" in found()["database"].found
    assert found()["nodes"].advice == "See above."


def test_the_doctor_without_a_database(place: Path, monkeypatch: pytest.MonkeyPatch):
    from django.db import OperationalError

    def gone() -> int:
        raise OperationalError("no connection")

    monkeypatch.setattr(installation, "pending_migrations", gone)
    assert doctor._database().found == "no connection"


def test_static_files_are_collected_when_they_changed(place: Path, collected: Path):
    installation.collect_static()
    stamp = collected / ".stamp"
    before = stamp.stat().st_mtime_ns
    installation.collect_static()
    assert stamp.stat().st_mtime_ns == before
    stamp.write_text("of another version")
    installation.collect_static()
    assert stamp.read_text() != "of another version"


def test_several_processes_need_postgresql(made, place: Path):
    from oncofed.hub.server import Listening, serve

    if not settings.CONFIGURATION.postgresql:
        with pytest.raises(BadInput) as caught:
            serve(Listening(host="127.0.0.1", port=1, workers=2))
        assert caught.value.code == "workers-need-postgresql"


def test_every_command_says_what_it_is_for():
    command = typer.main.get_command(app)
    for name, one in command.commands.items():
        assert one.help, name
