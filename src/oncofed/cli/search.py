"""`oncofed search "…"`: one question to all hospitals; the answers as a table on stdout, or as JSON."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from oncofed.contracts.errors import QueryError, Unreachable
from oncofed.contracts.outcome import NodeOutcome, NodeState, Outcome
from oncofed.sdk.client import Count, Hub, connect

app = typer.Typer(add_completion=False)

_QUERY = "What to count, as in: modality = MR and body part = breast and age 50..70. With --criteria: one criterion."


@app.command()
def search(
    query: Annotated[str | None, typer.Argument(metavar="[QUERY]", help=_QUERY, show_default=False)] = None,
    by: Annotated[str | None, typer.Option(help="Count each value of this criterion.")] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="Ask only this dataset (may be repeated).")] = None,
    purpose: Annotated[str | None, typer.Option(help="What you need the count for; hospitals see it.")] = None,
    criteria: Annotated[
        bool,
        typer.Option("--criteria", help="Show what can be asked, or a criterion's values."),
    ] = False,
    hub: Annotated[str | None, typer.Option(help="The hub's address; else the one signed in to.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (the API's Outcome).")] = False,
) -> None:
    """Count the patients that match a query, across all hospitals.

    Ends with status 4 when no node answered. Which nodes did not, and why, always stands below the table.
    """
    with connect(hub) as client:
        if criteria:
            show_criteria(client, query, as_json)
            return
        if not query:
            raise typer.BadParameter("say what to count, or use --criteria", param_hint="QUERY")
        try:
            count = client.ask(query, by=by, datasets=dataset, purpose=purpose)
        except QueryError as error:
            point_at(error, query)
            raise
        outcome = followed(count, Console(stderr=True))
    if as_json:
        typer.echo(outcome.model_dump_json(indent=1))
    else:
        print_outcome(outcome, Console())
    if outcome.total is None:
        raise Unreachable("no-answer", "no node answered")


def point_at(error: QueryError, query: str) -> None:
    """Let the message show the place in the query that the error is about."""
    if error.position is not None:
        width = max(1, error.position.end - error.position.start)
        error.add_note(f"  {query}\n  {' ' * error.position.start}{'^' * width}")


def followed(count: Count, errors: Console) -> Outcome:
    """The complete outcome; on a terminal, stderr shows how far it is."""
    if not errors.is_terminal:
        return count.wait()
    with Live(progress_line(count.outcome), console=errors, transient=True) as live:
        return count.wait(lambda outcome: live.update(progress_line(outcome)))


def progress_line(outcome: Outcome) -> Text:
    """``12 of 30 nodes have answered: ≈ 1,240 (±20) so far``."""
    done = sum(node.state is not NodeState.WAITING for node in outcome.nodes)
    total = f": {outcome.total.text} so far" if outcome.total else ""
    return Text(f"{done} of {len(outcome.nodes)} nodes have answered{total}")


def print_outcome(outcome: Outcome, console: Console) -> None:
    """The question in words, a row a node (or a value), the total, who is missing and how to read it."""
    console.print(Text(outcome.sentence, style="italic"))
    console.print()
    console.print(_values_table(outcome) if outcome.by else _nodes_table(outcome))
    console.print()
    console.print(
        Text(
            f"Total: {outcome.total.text if outcome.total else 'no node answered'}",
            style="bold",
        )
    )
    for heading, lines in (
        (
            "Not in the total",
            [f"{node.title}: {node.reason}" for node in outcome.unanswered],
        ),
        (
            "Not recorded",
            [_not_recorded(part.label, part.missing.text, part.searched.text) for part in outcome.not_recorded],
        ),
        ("How to read this", [note.text for note in outcome.notes]),
    ):
        if lines:
            console.print(Text(f"\n{heading}", style="bold"))
            for line in lines:
                console.print(Text(f"- {line}"))
    if outcome.budget_left is not None:
        console.print(Text(f"\nBudget left (epsilon, where the least is left): {outcome.budget_left:g}"))
    console.print(Text(outcome.url, style="dim"), soft_wrap=True)


def _not_recorded(label: str, missing: str, searched: str) -> str:
    return f"{label}: {missing} of {searched} patients searched"


def _nodes_table(outcome: Outcome) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("node")
    table.add_column("patients", justify="right")
    table.add_column("counted")
    table.add_column("datasets", justify="right")
    table.add_column("remarks")
    for node in outcome.nodes:
        table.add_row(node.title, _number(node), _counted(node), str(node.datasets), remarks(node))
    return table


def _number(node: NodeOutcome) -> str:
    if node.estimate is not None:
        return node.estimate.text
    return "in the total" if node.in_total_only else "–"


def _counted(node: NodeOutcome) -> str:
    return " + ".join(source.value for source in node.sources)


def remarks(node: NodeOutcome) -> str:
    """Why a node's number is not the whole of it, in few words."""
    parts = [node.reason] if node.reason else []
    if node.unsupported and node.state is NodeState.ANSWERED:
        parts.append(f"{len(node.unsupported)} more do not record what is asked")
    return "; ".join(parts)


def _values_table(outcome: Outcome) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column((outcome.by or "").replace("_", " "))
    table.add_column("patients", justify="right")
    for row in outcome.values:
        table.add_row(row.label, row.estimate.text)
    return table


def show_criteria(hub: Hub, name: str | None, as_json: bool) -> None:
    """The list of criteria, or the values of one."""
    found = hub.criteria(name.strip().replace(" ", "_") if name else None)
    if as_json:
        typer.echo(json.dumps(found[0] if name else found, ensure_ascii=False, indent=1))
        return
    table = Table(box=None, pad_edge=False)
    rows, headings = (_values(found[0]), ("value", "label")) if name else (_names(found), ("criterion", "label", "of"))
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _values(criterion: dict[str, Any]) -> list[tuple[str, ...]]:
    return [(value["value"], value["label"]) for value in criterion["values"]]


def _names(criteria: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(criterion["text"], criterion["label"], criterion["level"]) for criterion in criteria]
