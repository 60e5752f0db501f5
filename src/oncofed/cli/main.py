"""`oncofed`: finds the noun's module when it is asked for, and turns every known error into a line with a next step.

Data go to stdout, everything else to stderr. Exit statuses are those of ``contracts.codes``.
"""

import errno
import importlib
import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from oncofed import __version__
from oncofed.contracts.errors import OncofedError
from oncofed.files import says_full


class Noun(NamedTuple):
    """Where a noun's commands live, what they are for, and the extra that brings what they import."""

    target: str
    about: str
    extra: str = ""


NOUNS: dict[str, Noun] = {
    "search": Noun(
        "oncofed.cli.search:app",
        "Count the patients that match a query, across all hospitals.",
    ),
    "login": Noun("oncofed.cli.login:app", "Sign this computer in to a hub."),
    "node": Noun("oncofed.cli.node:app", "Run a hospital's node.", "node"),
    "prepare": Noun("oncofed.cli.prepare:app", "Turn a hospital's images into a release.", "prepare"),
    "hub": Noun("oncofed.cli.hub:app", "Run a hub.", "hub"),
    "demo": Noun("oncofed.cli.demo:app", "Start a hub and five hospitals with real data on this computer.", "all"),
    "bench": Noun("oncofed.cli.bench:app", "Measure oncofed on this machine.", "all"),
    "explain": Noun("oncofed.cli.explain:app", "Say what an error code means and what to do."),
    "doctor": Noun("oncofed.cli.doctor:app", "Check this computer and its way to the hub."),
}


class LazyNoun(TyperCommand):
    """Stands for a noun in the help; imports its module when the noun is used."""

    def __init__(self, name: str, noun: Noun) -> None:
        super().__init__(name, help=noun.about, add_help_option=False)
        self.noun = noun

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Become the real command (typer keeps the types of these arguments private)."""
        return self.load().make_context(info_name, args, parent=parent, **extra)

    def load(self) -> Any:
        """The noun's own command or group; `package-missing` when an extra is not installed."""
        module, _, attribute = self.noun.target.partition(":")
        try:
            app = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as absent:
            if not absent.name or absent.name.partition(".")[0] == "oncofed":
                raise
            extra = f"[{self.noun.extra}]" if self.noun.extra else ""
            raise OncofedError(
                "package-missing",
                f"{absent.name} is missing; it comes with oncofed{extra}",
            ) from absent
        return typer.main.get_command(app)


class Nouns(TyperGroup):
    """The top of the command line: all nouns, none of them imported yet."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, noun in NOUNS.items():
            self.add_command(LazyNoun(name, noun), name)


app = typer.Typer(
    cls=Nouns,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"oncofed {__version__}")
        raise typer.Exit


@app.callback(help="Search, share and study cancer images across hospitals without moving them.")
def _oncofed(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the version and stop.",
        ),
    ] = False,
) -> None:
    """Hold the options that stand before the noun."""


def message(error: OncofedError) -> str:
    """What a person reads when a command fails: what happened, what to do next, and where in the query."""
    lines = [f"Error: {error}", *getattr(error, "__notes__", ())]
    lines.append(f"More: oncofed explain {error.code}")
    return "\n".join(lines)


_PATHS = (
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.EACCES, errno.EPERM, errno.EROFS),
)


def refusal(error: OSError | sqlite3.Error, arguments: Sequence[str]) -> OncofedError:
    """What the operating system or a database file refused, as an error with a code.

    Of a path only what the person typed is said: the names of files below it may name patients.
    """
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return OncofedError("database-damaged")
        return OncofedError("disk-full") if code == sqlite3.SQLITE_FULL else OncofedError("system-refused", str(error))
    if says_full(error):
        return OncofedError("disk-full")
    why = os.strerror(error.errno) if error.errno else type(error).__name__
    typed = _typed(error.filename, arguments)
    detail = f"{typed}: {why}" if typed else why
    return OncofedError("path-unusable" if error.errno in _PATHS else "system-refused", detail)


def _typed(path: object, arguments: Sequence[str]) -> str:
    """The argument that is ``path`` or a folder above it, "" if there is none."""
    if not isinstance(path, str):
        return ""
    whole = Path(path).absolute()
    given = [argument.rpartition("=")[2] if argument.startswith("-") else argument for argument in arguments]
    return next((one for one in reversed(given) if one and whole.is_relative_to(Path(one).absolute())), "")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; ends the process with the status that the error's code names."""
    try:
        app(args=arguments, prog_name="oncofed")
    except (OncofedError, OSError, sqlite3.Error) as error:
        known = error if isinstance(error, OncofedError) else refusal(error, arguments or sys.argv[1:])
        typer.echo(message(known), err=True)
        raise SystemExit(known.exit_status) from error
