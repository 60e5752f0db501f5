"""`oncofed prepare fetch` and `receive`: images that come over the network into a run."""

import os
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from oncofed.cli import prepare_show as show
from oncofed.cli.node_load import told
from oncofed.contracts.errors import BadInput
from oncofed.prepare.parallel import Here
from oncofed.prepare.run import Run

PASSWORD_VARIABLE = "ONCOFED_DICOMWEB_PASSWORD"  # noqa: S105 - the variable's name

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Bring images of a PACS or a DICOMweb archive into a run."
)

RunDirectory = Annotated[
    Path, typer.Option("--run", help="The run's directory: private, all that is known and made lies there.")
]
Query = Annotated[
    list[str] | None, typer.Option(help="KEYWORD=VALUE, e.g. StudyDate=20200101-20201231; several narrow it down.")
]
OwnTitle = Annotated[str, typer.Option("--title", help="Our own application entity title.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")]
Project = Annotated[
    str, typer.Option(help="Pseudonyms of a project of their own, linked to no other; else the node's.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_RUN = Path("oncofed-run")


@app.command()
def dicomweb(
    url: Annotated[str, typer.Argument(help="The service's address: https://…/dicom-web.")],
    query: Query = None,
    user: Annotated[str, typer.Option(help=f"Who asks; the password is read from {PASSWORD_VARIABLE}.")] = "",
    run: RunDirectory = DEFAULT_RUN,
    project: Project = "",
    as_json: AsJson = False,
) -> None:
    """Fetch the studies that match by QIDO-RS and WADO-RS, then index them; again: only what is new."""
    from oncofed.prepare import fetching
    from oncofed.prepare.sources.dicomweb import Archive

    archive = Archive(url, user, os.environ.get(PASSWORD_VARIABLE, ""))
    with Run.create(run, project=project) as opened:
        brought = fetching.from_web(opened, archive, _query(query), progress=show.Bar())
        _indexed(opened, brought, 0, as_json)


@app.command()
def pacs(
    peer: Annotated[str, typer.Argument(help="The PACS: TITLE@host:port.")],
    query: Query = None,
    title: OwnTitle = "ONCOFED",
    port: Port = 11112,
    run: RunDirectory = DEFAULT_RUN,
    project: Project = "",
    as_json: AsJson = False,
) -> None:
    """Find studies by C-FIND, have them sent here by C-MOVE, then index them; again: only what is new."""
    from oncofed.prepare import fetching
    from oncofed.prepare.sources.pacs import Peer
    from oncofed.prepare.sources.scp import Listening

    with Run.create(run, project=project) as opened:
        listening = Listening(title, port=port)
        came, failed = fetching.from_pacs(
            opened, Peer.parse(peer, title), _query(query), listening, progress=show.Bar()
        )
        _indexed(opened, came, failed, as_json)


def receive(
    run: RunDirectory = DEFAULT_RUN,
    title: OwnTitle = "ONCOFED",
    port: Port = 11112,
    address: Annotated[str, typer.Option(help="The address to listen on.")] = "0.0.0.0",  # noqa: S104
    sender: Annotated[list[str] | None, typer.Option(help="A title that may send; else all that reach us.")] = None,
    project: Project = "",
    as_json: AsJson = False,
) -> None:
    """Take what modalities send (C-STORE) until stopped with Ctrl-C, then index it."""
    from oncofed.prepare import fetching
    from oncofed.prepare.sources.scp import Listening, receiving

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    listening = Listening(title, address, port, tuple(sender or ()))
    with Run.create(run, project=project) as opened:
        with receiving(opened.incoming / fetching.RECEIVED, listening) as receiver:
            typer.echo(f"{title} listens on port {receiver.port}; Ctrl-C ends it.", err=True)
            ended.wait()
        _indexed(opened, receiver.received, receiver.refused, as_json)


def _indexed(run: Run, came: int, failed: int, as_json: bool) -> None:
    from oncofed.prepare import fetching

    fetching.scan_incoming(run, Here(), show.Bar())
    told(as_json, {"came": came, "failed": failed}, f"{came:,} instances came, {failed:,} could not be sent or taken.")
    if not as_json:
        typer.echo(f"The run holds {show.sentence(show.content(run))}.")
        show.left_out(run)
        show.next_step(run.directory, "deidentify")


def _query(given: list[str] | None) -> dict[str, str]:
    pairs = [text.partition("=") for text in given or ()]
    for keyword, equals, _ in pairs:
        if not keyword or not equals:
            raise BadInput("prepare-query-invalid", "a query is KEYWORD=VALUE")
    return {keyword: value for keyword, _, value in pairs}
