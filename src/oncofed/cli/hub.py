"""`oncofed hub`: make, serve and keep a hub; invite nodes; let people in."""

import json
import secrets
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from oncofed.contracts.errors import BadInput
from oncofed.hub import directory as prepare
from oncofed.hub.boot import choose, load, load_made

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Make, serve and keep a hub.")
person = typer.Typer(no_args_is_help=True, help="Let people in and give them roles.")
node = typer.Typer(no_args_is_help=True, help="See the nodes; suspend one, let it in again.")
app.add_typer(person, name="person")
app.add_typer(node, name="node")

BY = "operator"

Directory = Annotated[
    Path | None,
    typer.Option("--data-dir", envvar="ONCOFED_DATA", help="The hub's data directory.", show_default="./oncofed-hub"),
]
Email = Annotated[str, typer.Argument(help="The address the person signs in with.")]
NodeId = Annotated[str, typer.Argument(help="The node's identifier.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
OrganisationTitle = Annotated[str, typer.Option("--organisation", help="The organisation's name or identifier.")]


@app.command()
def init(
    data_dir: Directory = None,
    public_url: Annotated[str, typer.Option(help="The address people and nodes will use: https://…")] = "",
    title: Annotated[str, typer.Option(help="The hub's name on its pages.")] = "",
) -> None:
    """Make a hub: data directory, keys, database. Repeating it changes nothing."""
    directory = choose(data_dir)
    prepare.write_first_settings(directory, public_url=public_url, title=title)
    load()
    from oncofed.hub import installation

    made = installation.initialise()
    typer.echo(f"{'Made a hub' if made.new else 'There is a hub'} in {directory}", err=True)
    typer.echo(f"public key {made.public_key}")
    typer.echo("Next: oncofed hub start", err=True)


@app.command()
def start(
    data_dir: Directory = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The TCP port to listen on.")] = 8000,
    tls_cert: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Its private key, PEM.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes; more than one needs PostgreSQL.")] = 1,
) -> None:
    """Serve the hub; make it first if there is none."""
    directory = choose(data_dir)
    from oncofed.hub.server import Listening, serve

    listening = Listening(host=host, port=port, certificate=tls_cert, certificate_key=tls_key, workers=workers)
    prepare.write_first_settings(directory)
    with prepare.lock(directory):
        prepare.remember_address(directory, listening.url)
        configured = load()
        from oncofed.hub import installation

        made = installation.initialise()
        if made.new:
            typer.echo(f"Made a hub in {directory}", err=True)
            typer.echo("Let the first person in: oncofed hub person create EMAIL --role operator", err=True)
        typer.echo(f"Serving {configured.public_url} (listening on {listening.url})", err=True)
        serve(listening)


@app.command()
def invite(
    node_id: Annotated[list[str], typer.Argument(help="Identifiers of nodes: lower-case letters, digits, hyphens.")],
    organisation: OrganisationTitle,
    country: Annotated[str, typer.Option(help="ISO 3166-1: two capital letters.")],
    title: Annotated[str, typer.Option(help="The node's name on pages; the node's own choice if not given.")] = "",
    days: Annotated[int, typer.Option(min=1, max=90, help="How long the invitation can be used.")] = 7,
    url: Annotated[str, typer.Option(help="The hub's address as the node reaches it.")] = "",
    data_dir: Directory = None,
) -> None:
    """Print an invitation with which one node can enrol, once; a line for each node named."""
    choose(data_dir)
    configured = load_made()
    from oncofed.hub.accounts.actions import organisation_named
    from oncofed.hub.exchange.actions import Guest
    from oncofed.hub.exchange.actions import invite as make_invitation
    from oncofed.hub.exchange.keyring import Keyring

    home = organisation_named(title=organisation, country=country, by=BY)
    hub_key = Keyring(configured.keys_directory).current.public
    for one in node_id:
        letter = make_invitation(
            guest=Guest(node_id=one, organisation=home, country=country, title=title),
            hub_url=url or configured.public_url,
            hub_key=hub_key,
            by=BY,
            life=timedelta(days=days),
        )
        typer.echo(letter)
    typer.echo(f"Usable once, for {days} days. At the hospital: oncofed node enrol", err=True)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it will hold secrets.")], data_dir: Directory = None
) -> None:
    """Write database, keys and settings into one file; the hub may go on serving."""
    choose(data_dir)
    load_made()
    from oncofed.hub.backup import back_up

    manifest = back_up(file.resolve())
    typer.echo(f"{file}: {len(manifest['files'])} files of {manifest['made_at']}", err=True)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `oncofed hub backup` wrote.")], data_dir: Directory = None
) -> None:
    """Make a hub from a backup, in an empty data directory."""
    directory = choose(data_dir)
    load()
    from oncofed.hub.backup import restore as restore_from

    manifest = restore_from(file, directory)
    typer.echo(f"Restored the hub of {manifest['made_at']} into {directory}", err=True)
    typer.echo("Next: oncofed hub start", err=True)


@app.command()
def doctor(data_dir: Directory = None, as_json: AsJson = False) -> None:
    """Check the hub; ends with status 6 if something is not well."""
    choose(data_dir)
    load()
    from oncofed.hub.doctor import findings

    found = findings()
    if as_json:
        typer.echo(json.dumps([finding._asdict() for finding in found], indent=1))
    else:
        for finding in found:
            advice = "" if finding.well else f"\n    → {finding.advice}"
            typer.echo(f"{'ok ' if finding.well else 'NO '} {finding.question}: {finding.found}{advice}")
    if not all(finding.well for finding in found):
        raise typer.Exit(6)


@app.command("rotate-key")
def rotate_key(data_dir: Directory = None) -> None:
    """Let a new key sign; nodes follow by themselves, as the old key signs the new one."""
    choose(data_dir)
    configured = load_made()
    from oncofed.hub.exchange.actions import rotate_key as rotate
    from oncofed.hub.exchange.keyring import Keyring

    rotation = rotate(keyring=Keyring(configured.keys_directory), by=BY)
    typer.echo(f"public key {rotation.new}")
    typer.echo("Make a new backup: oncofed hub backup FILE", err=True)


# ---- people ------------------------------------------------------------------------------------------------------


@person.command("create")
def person_create(
    email: Email,
    role: Annotated[str, typer.Option(help="See `oncofed hub person roles`.")] = "researcher",
    organisation: Annotated[str, typer.Option(help="The organisation's name or identifier.")] = "",
    name: Annotated[str, typer.Option(help="The person's name.")] = "",
    password_stdin: FromStdin = False,
    token: Annotated[bool, typer.Option("--token", help="Make a personal access token as well.")] = False,
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Let a person sign in, in a role. Without --password-stdin a password is made and shown once."""
    choose(data_dir)
    configured = load_made()
    from oncofed.hub.accounts import actions

    password = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(15)
    newcomer = actions.Newcomer(email, name, password, role, organisation or configured.title)
    made, home, secret = actions.let_in(newcomer=newcomer, token=token, by=BY)
    facts = {"email": made.email, "role": role, "organisation": home.pk, "password": password, "token": secret}
    if password_stdin:
        del facts["password"]
    _print_facts({name: value for name, value in facts.items() if value}, as_json)


@person.command("role")
def person_role(
    email: Email,
    role: Annotated[str, typer.Argument(help="See `oncofed hub person roles`.")],
    organisation: OrganisationTitle,
    take: Annotated[bool, typer.Option("--take", help="Take the role away.")] = False,
    data_dir: Directory = None,
) -> None:
    """Give a person a role in an organisation, or take it away."""
    choose(data_dir)
    load_made()
    from oncofed.hub.accounts import actions, queries

    change = actions.take_role if take else actions.give_role
    home = actions.organisation_named(title=organisation, by=BY)
    change(person=queries.person_by_email(email), organisation=home, role=role, by=BY)


@person.command("password")
def person_password(email: Email, password_stdin: FromStdin = False, data_dir: Directory = None) -> None:
    """Give a person a new password."""
    choose(data_dir)
    load_made()
    from oncofed.hub.accounts import actions, queries

    password = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(15)
    actions.set_password(person=queries.person_by_email(email), password=password, by=BY)
    if not password_stdin:
        typer.echo(password)


@person.command("token")
def person_token(
    email: Email,
    name: Annotated[str, typer.Option(help="What it is for.")] = "token",
    days: Annotated[int, typer.Option(help="How long it can be used.")] = 90,
    data_dir: Directory = None,
) -> None:
    """Make a personal access token and print it; it cannot be shown again."""
    choose(data_dir)
    load_made()
    from oncofed.hub.accounts import actions, queries
    from oncofed.hub.accounts.scopes import SCOPES

    owner = queries.person_by_email(email)
    typer.echo(actions.create_token(person=owner, name=name, scopes=list(SCOPES), days=days, by=BY).secret)


@person.command("list")
def person_list(data_dir: Directory = None, as_json: AsJson = False) -> None:
    """List people and their roles."""
    choose(data_dir)
    load_made()
    from oncofed.hub.accounts import queries
    from oncofed.hub.accounts.models import User

    rows = [
        {
            "email": one.email,
            "name": one.name,
            "roles": ", ".join(f"{held.role.key} at {held.organisation_id}" for held in queries.memberships(one)),
            "active": one.is_active,
        }
        for one in User.objects.order_by("email")
    ]
    _print_rows(rows, as_json)


@person.command("roles")
def person_roles(as_json: AsJson = False) -> None:
    """List the roles there are."""
    choose(None)
    load()
    from oncofed.hub.accounts.roles import ROLES

    _print_rows([{"role": role.key, "what": str(role.description)} for role in ROLES.values()], as_json)


# ---- nodes -------------------------------------------------------------------------------------------------------


@node.command("list")
def node_list(data_dir: Directory = None, as_json: AsJson = False) -> None:
    """List the nodes and when each was last heard of."""
    choose(data_dir)
    load_made()
    from oncofed.hub.exchange import queries
    from oncofed.hub.exchange.models import Node

    rows = [
        {
            "node": one.pk,
            "title": one.title,
            "country": one.country,
            "state": one.state,
            "online": queries.online(one),
            "last_seen_at": one.last_seen_at.isoformat(timespec="seconds") if one.last_seen_at else "",
            "software": one.software,
        }
        for one in Node.objects.order_by("node_id")
    ]
    _print_rows(rows, as_json)


@node.command("suspend")
def node_suspend(node_id: NodeId, data_dir: Directory = None) -> None:
    """Refuse a node's calls from now on."""
    _set_state(node_id, data_dir, "suspended")


@node.command("admit")
def node_admit(node_id: NodeId, data_dir: Directory = None) -> None:
    """Let a suspended node in again."""
    _set_state(node_id, data_dir, "active")


def _set_state(node_id: NodeId, data_dir: Path | None, state: str) -> None:
    choose(data_dir)
    load_made()
    from oncofed.hub.exchange import actions
    from oncofed.hub.exchange.models import Node, NodeState

    try:
        found = Node.objects.get(pk=node_id)
    except Node.DoesNotExist as error:
        raise BadInput("node-unknown", node_id) from error
    actions.set_state(node=found, state=NodeState(state), by=BY)


# ---- shared ------------------------------------------------------------------------------------------------------


def _print_facts(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
        return
    for name, value in facts.items():
        typer.echo(f"{name}: {value}")


def _print_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for name in rows[0] if rows else ("nothing yet",):
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(
            *(("yes" if value else "no") if isinstance(value, bool) else str(value) for value in row.values())
        )
    Console().print(table)
