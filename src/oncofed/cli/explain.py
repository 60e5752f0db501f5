"""`oncofed explain CODE`: what an error code means and what to do; without a code, the list."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from oncofed.contracts.codes import CODES
from oncofed.contracts.errors import BadInput
from oncofed.contracts.vocabulary import nearest

app = typer.Typer(add_completion=False)

EXIT_STATUSES = {
    2: "bad input",
    3: "refused by a rule",
    4: "a peer did not answer",
    5: "bytes are not what they must be",
    6: "this machine lacks something",
}


@app.command()
def explain(
    code: Annotated[str | None, typer.Argument(help="An error code, as printed between brackets.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what an error code means and what to do next."""
    wanted = sorted(CODES) if code is None else [_known(code)]
    entries = [
        {
            "code": name,
            "exit_status": CODES[name].exit_status,
            "title": CODES[name].title,
            "next": CODES[name].next_step,
        }
        for name in wanted
    ]
    if as_json:
        typer.echo(json.dumps(entries if code is None else entries[0], ensure_ascii=False, indent=1))
    elif code is None:
        _print_list(entries)
    else:
        entry = CODES[wanted[0]]
        typer.echo(f"{wanted[0]}: {entry.title}.\n{entry.next_step}")
        typer.echo(
            f"A command that ends with it has exit status {entry.exit_status}: {EXIT_STATUSES[entry.exit_status]}."
        )


def _known(code: str) -> str:
    name = code.strip("[]")
    if name in CODES:
        return name
    near = nearest(tuple(CODES), name)
    raise BadInput("code-unknown", f"{name}; did you mean “{near}”?" if near else name)


def _print_list(entries: list[dict[str, object]]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("code", "status", "meaning"):
        table.add_column(heading)
    for entry in entries:
        table.add_row(str(entry["code"]), str(entry["exit_status"]), str(entry["title"]))
    Console().print(table)
