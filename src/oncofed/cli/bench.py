"""`oncofed bench NAME`: measure on this machine; figures with their bounds, and the peers beside them."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Measure oncofed on this machine.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PARTS = ("engine", "loading", "federation", "postgresql", "catalogue")


def _say(errors: Console) -> Callable[[str], None]:
    return lambda what: errors.print(f"… {what}", style="dim", highlight=False)


@app.command()
def search(
    nodes: Annotated[int, typer.Option(min=1, help="Real nodes, as processes.")] = 30,
    simulated: Annotated[int, typer.Option(min=1, help="Simulated nodes on PostgreSQL.")] = 200,
    datasets: Annotated[int, typer.Option(min=10, help="Datasets in the catalogue.")] = 5000,
    patients: Annotated[int, typer.Option(min=100, help="Generated patients for the node's engine.")] = 1_000_000,
    part: Annotated[list[str] | None, typer.Option(help=f"Only these parts: {', '.join(PARTS)}.")] = None,
    as_json: AsJson = False,
) -> None:
    """Live counts, cube facets, catalogue, node engine, loading and memory. All of it takes about 20 minutes."""
    from oncofed.bench import engine, hub_load, loading
    from oncofed.bench import search as federation
    from oncofed.bench.report import Measured, report

    def _engine(run: engine.EngineRun) -> Measured:
        return Measured(run.figures, run.peers)

    chosen = part or PARTS
    if unknown := sorted(set(chosen) - set(PARTS)):
        raise typer.BadParameter(f"{', '.join(unknown)}: choose from {', '.join(PARTS)}", param_hint="--part")
    say = _say(Console(stderr=True))
    measured: dict[str, Callable[[], Measured]] = {
        "engine": lambda: _engine(engine.run(patients)),
        "loading": loading.measure,
        "federation": lambda: federation.measure(nodes, say),
        "postgresql": lambda: hub_load.many_nodes(simulated),
        "catalogue": lambda: hub_load.large_catalogue(datasets),
    }
    found: list[Measured] = []
    for name in PARTS:
        if name in chosen:
            say(name)
            found.append(measured[name]())
    figures, peers = ([figure for part in found for figure in part[kind]] for kind in (0, 1))
    _show(report("search", figures, peers), as_json)


@app.command()
def disclosure(as_json: AsJson = False) -> None:
    """Attacks on the counts, and the error a researcher sees beside them."""
    from oncofed.bench.disclosure import run

    _show(run(), as_json)


@app.command()
def prepare(
    part: Annotated[
        list[str] | None, typer.Option(help="Only these: leaks, references, score, pixels, mapping, speed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Leaks at any depth, references, score on planted identities, text in pixels, speeds; peers where installed."""
    from oncofed.bench.prepare import PARTS, run

    chosen = part or list(PARTS)
    if unknown := sorted(set(chosen) - set(PARTS)):
        raise typer.BadParameter(f"{', '.join(unknown)}: choose from {', '.join(PARTS)}", param_hint="--part")
    _show(run(chosen, _say(Console(stderr=True))), as_json)


def _show(result: dict[str, Any], as_json: bool) -> None:
    """Print the result; status 1 when a bound is missed."""
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        _print(result, Console())
    if not all(figure["holds"] for figure in result["figures"]):
        raise typer.Exit(1)


def _print(result: dict[str, Any], console: Console) -> None:
    machine = result["machine"]
    console.print(
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Python {machine['python']}"
    )
    table = Table("figure", "value", "unit", "bound", "", box=None, pad_edge=False)
    for figure in result["figures"]:
        mark = "" if figure["bound"] is None else "holds" if figure["holds"] else "MISSED"
        table.add_row(figure["name"], f"{figure['value']:,.4g}", figure["unit"], figure["bound"] or "", mark)
    for peer in result["peers"]:
        table.add_row(peer["name"], f"{peer['value']:,.4g}", peer["unit"], "", "peer", style="dim")
    console.print(table)
