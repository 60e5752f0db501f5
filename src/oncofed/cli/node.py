"""`oncofed node`: make a node, enrol it, load and publish data, answer, and see everything that ever left."""

import json
import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from oncofed.cli import node_load
from oncofed.cli.node_load import AsJson, Directory, settings_of, told
from oncofed.contracts.errors import BadInput
from oncofed.node import backup as backups
from oncofed.node import enrolment, health, identity, policy, publishing
from oncofed.node.agent import Agent, locked
from oncofed.node.assembly import connect, log_to_stderr, open_context, open_ledger, read_policy, warmed
from oncofed.node.outbox import Outbox, Sent
from oncofed.node.settings import Settings, data_directory

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Run a hospital's node: it only calls out, and shows all that left.",
)
outbox_app = typer.Typer(invoke_without_command=True, help="See every byte that ever left this node.")
app.add_typer(node_load.app, name="load")
app.add_typer(outbox_app, name="outbox")

TOKEN_VARIABLE = "ONCOFED_TOKEN"  # noqa: S105 - the variable's name


@app.callback()
def _node() -> None:
    """Run a hospital's node: it only calls out, and shows all that left."""
    identity.umask()


@app.command()
def init(
    title: Annotated[str, typer.Option(help="The hospital's name, as people will read it.")],
    country: Annotated[str, typer.Option(help="Its country: two capital letters, ISO 3166-1.")],
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Make a node: its keys, its settings, and a policy file to read and change."""
    directory = data_directory(data_dir)
    own = enrolment.init(directory, title=title, country=country)
    told(
        as_json,
        {"directory": str(directory), "public_key": own.key.public},
        f"A node stands in {directory}. Read {directory / 'policy.toml'}, then run `oncofed node enrol`.",
    )


@app.command()
def enrol(
    token_file: Annotated[
        str, typer.Option(help="File with the invitation token; “-” is standard input. Else ONCOFED_TOKEN is read.")
    ] = "",
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Introduce the node to the hub that invited it. The token is never an argument."""
    hub = enrolment.enrol(settings_of(data_dir), _token(token_file))
    told(
        as_json,
        {"node_id": hub.node_id, "hub_url": hub.hub_url},
        f"Enrolled as {hub.node_id} at {hub.hub_url}. Load a dataset with `oncofed node load`.",
    )


def _token(token_file: str) -> str:
    if token_file == "-":  # noqa: S105 - standard input
        return sys.stdin.read()
    if token_file:
        try:
            return Path(token_file).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput("invitation-invalid", f"{token_file} cannot be read") from error
    if token := os.environ.get(TOKEN_VARIABLE):
        return token
    if sys.stdin.isatty():
        return str(typer.prompt("Invitation token", hide_input=True))
    return sys.stdin.read()


@app.command()
def publish(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the exact bytes that would leave; send none.")
    ] = False,
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Let the hub know what policy allows: descriptions, sizes and noisy counts of every dataset's latest release."""
    settings = settings_of(data_dir)
    sending = publishing.prepare(settings, progress=node_load.progress)
    if dry_run:
        sys.stdout.buffer.write(sending.body + b"\n")
        return
    receipt = publishing.publish(settings, sending)
    _warn_of_charges(settings, sending)
    names = [one.dataset.dataset_id for one in sending.publication.releases]
    told(
        as_json,
        {"published": names, "charged": sending.charged, "detail": list(receipt.detail), "bytes": len(sending.body)},
        f"Published {len(names)} datasets ({len(sending.body):,} bytes; `oncofed node outbox` shows them).",
    )


def _warn_of_charges(settings: Settings, sending: publishing.Sending) -> None:
    if not sending.charged:
        return
    year = sending.publication.published_at.year
    ledger = open_ledger(settings, identity.read(settings.keys))
    lineages = [lineage for _, lineage, _ in ledger.published(year)]
    ledger.close()
    again = sorted(lineage for lineage in sending.charged if lineages.count(lineage) > 1)
    if again:
        typer.echo(
            f"Note: {', '.join(again)} published more than one release in {year}. Patients who stand in several are "
            "protected less with each; publish few, batched releases.",
            err=True,
        )


@app.command()
def withdraw(
    dataset: Annotated[str, typer.Argument(help="The dataset's identifier.")],
    undo: Annotated[bool, typer.Option("--undo", help="Let it be published again.")] = False,
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Take a dataset back: nothing is answered about it from now on, and the hub is told."""
    settings = settings_of(data_dir)
    publishing.withdraw(settings, dataset, undo=undo)
    publishing.publish(settings, publishing.prepare(settings, progress=node_load.progress), all_withdrawn=True)
    told(as_json, {"dataset_id": dataset, "withdrawn": not undo}, f"{dataset} is {'back' if undo else 'withdrawn'}.")


@app.command()
def start(data_dir: Directory = None) -> None:
    """Answer tasks until the process is ended (Ctrl-C or SIGTERM)."""
    settings = settings_of(data_dir)
    log_to_stderr(settings.log_level)
    enrolled = identity.enrolled(settings.keys)
    own = identity.read(settings.keys)
    with locked(settings.lock_file):
        ledger = open_ledger(settings, own)
        hub = connect(settings, own, enrolled, Outbox(settings.outbox_file))
        agent = Agent(hub, warmed(open_context(settings, own, ledger)), settings.agent_file)
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, agent.interrupt)
        agent.run()


@app.command()
def status(data_dir: Directory = None, as_json: AsJson = False) -> None:
    """Show enrolment, the agent, releases, budgets and what stands open."""
    report = health.status(settings_of(data_dir))
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=1))
        return
    agent = report["agent"]
    console = Console()
    if report["enrolled"]:
        console.print(f"[bold]{report['node_id']}[/] at {report['hub_url']}", highlight=False)
    else:
        console.print("Not enrolled yet: run `oncofed node enrol`.")
    running = "running" if agent["running"] else "not running"
    console.print(f"Agent {running}, {agent['state']}; last contact {agent.get('last_contact_at') or 'never'}.")
    for problem in (agent.get("detail"), report["policy_problem"], agent.get("ledger_problem")):
        if problem:
            console.print(f"[red]![/] {problem}", highlight=False)
    console.print(_releases_table(report["releases"]))
    console.print(_budgets_table(report))


def _releases_table(releases: list[dict[str, Any]]) -> Table:
    table = Table("Dataset", "Release", "Class", "Patients here", "Published", title="Releases", title_justify="left")
    for one in releases:
        said = "yes" if one["published"] else "no" if one["searchable"] else "hidden"
        table.add_row(one["dataset_id"], one["release"], one["class"], f"{one['patients']:,}", said)
    return table


def _budgets_table(report: dict[str, Any]) -> Table:
    title = f"Live counts of {report['year']}"
    table = Table("Dataset", "Organisation", "Counts", "ε", "Counts left", title=title, title_justify="left")
    for one in report["budgets"]:
        row = (one["lineage"], one["organisation"], str(one["counts"]), f"{one['epsilon']:g}", str(one["counts_left"]))
        table.add_row(*row)
    return table


@app.command(name="policy")
def show_policy(
    default: Annotated[bool, typer.Option("--default", help="Print the commented file a new node gets.")] = False,
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Check policy.toml and show what its rules amount to."""
    if default:
        typer.echo(policy.DEFAULT, nl=False)
        return
    settings = settings_of(data_dir)
    rules = read_policy(settings.policy_file)
    if as_json:
        typer.echo(rules.model_dump_json(indent=1, by_alias=True))
        return
    typer.echo(f"{settings.policy_file} can be read. It says:")
    for sentence in policy.sentences(rules):
        typer.echo(f"  • {sentence}")


Limit = Annotated[int, typer.Option(min=1, help="How many of the latest messages.")]
MessageKind = Annotated[
    str | None, typer.Option(help="Only enrol, session, publish, poll, results or answered.", show_default=False)
]


@outbox_app.callback()
def outbox(
    context: typer.Context,
    limit: Limit = 20,
    kind: MessageKind = None,
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """See every byte that ever left this node; without a command, list the latest messages."""
    if not context.invoked_subcommand:
        outbox_list(limit, kind, data_dir, as_json)


@outbox_app.command(name="list")
def outbox_list(
    limit: Limit = 20, kind: MessageKind = None, data_dir: Directory = None, as_json: AsJson = False
) -> None:
    """List the latest messages that left, newest first."""
    messages = _outbox(data_dir).newest(limit, kind=kind)
    if as_json:
        typer.echo(json.dumps([_as_json(one) for one in messages], ensure_ascii=False, indent=1))
        return
    table = Table("No.", "When (UTC)", "What", "Bytes", "About")
    for one in messages:
        table.add_row(str(one.sequence), _moment(one.sent_at), one.kind, f"{len(one.body):,}", _about(one))
    Console().print(table)


@outbox_app.command(name="show")
def outbox_show(
    number: Annotated[int, typer.Argument(help="The message's number.")],
    raw: Annotated[bool, typer.Option("--raw", help="Print the exact bytes and nothing else.")] = False,
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Show one message: where it went, what it was about, and all of its content."""
    message = _outbox(data_dir).message(number)
    if message is None:
        raise BadInput("message-unknown", f"no message {number}")
    if raw:
        sys.stdout.buffer.write(message.body)
        return
    if as_json:
        typer.echo(json.dumps(_as_json(message), ensure_ascii=False, indent=1))
        return
    typer.echo(f"Message {message.sequence}, {_moment(message.sent_at)} UTC, to {message.destination}")
    if message.about:
        typer.echo("What it was (this did not leave):")
        typer.echo(json.dumps(message.about, ensure_ascii=False, indent=2))
    typer.echo(f"What left ({len(message.body):,} bytes):")
    typer.echo(json.dumps(json.loads(message.body), ensure_ascii=False, indent=2))


@outbox_app.command(name="check")
def outbox_check(data_dir: Directory = None, as_json: AsJson = False) -> None:
    """Check that no message was altered or removed."""
    count = _outbox(data_dir).check()
    told(as_json, {"messages": count}, f"{count} messages, an unbroken chain.")


def _outbox(data_dir: Path | None) -> Outbox:
    return Outbox(settings_of(data_dir).outbox_file)


def _as_json(message: Sent) -> dict[str, Any]:
    return {
        "sequence": message.sequence,
        "sent_at": message.sent_at.isoformat(),
        "destination": message.destination,
        "kind": message.kind,
        "about": message.about,
        "body": json.loads(message.body),
        "digest": message.digest,
    }


def _moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S")


def _about(message: Sent) -> str:
    answers = message.about.get("answers")
    if isinstance(answers, list):
        return "; ".join(
            f"{one.get('organisation', '?')}: {one.get('question', one.get('kind', '?'))}" for one in answers
        )
    return str(message.about.get("what", ""))


@app.command()
def doctor(data_dir: Directory = None, as_json: AsJson = False) -> None:
    """Check keys, policy, disk, chains, warehouse, the way out, hub and clock; ends with 6 if any needs repair."""
    findings = list(health.examine(settings_of(data_dir)))
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in findings], ensure_ascii=False, indent=1))
    else:
        for one in findings:
            mark = {"ok": "ok  ", "warning": "warn", "failed": "FAIL"}[one.state]
            code = f" [{one.code}] {one.as_json()['next_step']}" if one.code else ""
            typer.echo(f"{mark} {one.name}: {one.detail}{code}")
    if any(one.state == "failed" for one in findings):
        raise typer.Exit(6)


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="The tar file to write. It holds the node's secrets: keep it safe.")],
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Save keys, secrets, budgets, outbox, policy and published numbers; the agent may keep running."""
    names = backups.backup(settings_of(data_dir), target.absolute())
    told(as_json, {"file": str(target), "holds": names}, f"{target} holds {len(names)} files, secrets among them.")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A file that `oncofed node backup` wrote.")],
    data_dir: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into an empty data directory; then load the releases again from their sources."""
    directory = data_directory(data_dir)
    names = backups.restore(source, directory)
    told(
        as_json,
        {"directory": str(directory), "holds": names},
        f"Restored into {directory}. Load the releases again; the same data give the same digests.",
    )
