"""`oncofed doctor`: is this computer able to use oncofed, and does it reach the hub?"""

import importlib.util
import json
import stat
import sys
from collections.abc import Callable, Iterator
from typing import Annotated, NamedTuple

import typer

from oncofed import __version__
from oncofed.contracts.errors import BadInput, OncofedError
from oncofed.sdk.client import connect
from oncofed.sdk.credentials import FILE_NAME, chosen_hub, data_directory

app = typer.Typer(add_completion=False)

EXTRAS = {"hub": "django", "node": "duckdb"}
"""One package that stands for each extra."""


class Finding(NamedTuple):
    """One thing looked at. ``good`` None: nothing wrong, only told."""

    name: str
    good: bool | None
    text: str


@app.command()
def doctor(
    url: Annotated[
        str | None,
        typer.Option("--hub", help="The hub's address; else the one signed in to."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this computer and its way to the hub; ends with status 6 if something must be repaired."""
    findings = [*_installation(), _file_of_sign_ins(), *_hub(url)]
    if as_json:
        typer.echo(
            json.dumps(
                [finding._asdict() for finding in findings],
                ensure_ascii=False,
                indent=1,
            )
        )
    else:
        for finding in findings:
            mark = {True: "ok  ", False: "FAIL", None: "-   "}[finding.good]
            typer.echo(f"{mark} {finding.name}: {finding.text}")
    if any(finding.good is False for finding in findings):
        raise typer.Exit(6)


def _installation() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("oncofed", True, f"{__version__} on Python {python}")
    for extra, package in EXTRAS.items():
        there = importlib.util.find_spec(package) is not None
        yield Finding(
            f"extra [{extra}]",
            True if there else None,
            "installed" if there else "not installed",
        )


def _file_of_sign_ins() -> Finding:
    path = data_directory() / FILE_NAME
    if not path.exists():
        return Finding("sign-ins", None, f"none stored; `oncofed login URL` makes {path}")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Finding("sign-ins", False, f"others can read {path}; run `chmod 600 {path}`")
    return Finding("sign-ins", True, f"{path}, readable by you only")


def _hub(url: str | None) -> Iterator[Finding]:
    try:
        address = chosen_hub(url)
    except BadInput:
        yield Finding("hub", None, "none chosen; `oncofed login URL` signs in to one")
        return
    with connect(url) as hub:
        yield _checked("hub", lambda: f"{address} serves {hub.figures()['datasets']} datasets")
        yield _checked("sign-in", lambda: _person(hub.whoami()))


def _person(person: dict[str, object]) -> str:
    return f"as {person['name']}" if person["signed_in"] else "not signed in: answers come from the cubes only"


def _checked(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, look())
    except OncofedError as error:
        return Finding(name, False, str(error))
