"""`oncofed demo`: a hub and five fictitious hospitals with real data on this computer, from nothing to an answer.

Each step is a command an operator, a data manager or a researcher would type; ``bench.local_federation`` runs them.
"""

import json
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from oncofed.bench.local_federation import LocalHub, LocalNode, Person, command, fresh_directory
from oncofed.cli.demo_hospitals import DUNA, HOSPITALS, Hospital, hospital_of
from oncofed.contracts.outcome import NodeOutcome, Outcome
from oncofed.contracts.query import parse
from oncofed.sdk.client import connect
from oncofed.warehouse import Warehouse

app = typer.Typer(add_completion=False)

SYNTHETIC_PATIENTS = 3000
SYNTHETIC_SEED = 20260101

QUESTIONS = (
    ("MR of the breast in women over 50", "modality = MR and body part = breast and sex = female and age >= 50"),
    ("Lung cancer with CT and a segmentation", "diagnosis = lung and modality = CT and annotation = SEG"),
    ("A rare cancer: adrenocortical carcinoma, with CT", "diagnosis = ACC and modality = CT"),
)

READING = (
    "How to read this: a protected hospital adds random noise to its answer before it leaves the hospital, the same "
    "for everybody who asks the same. A single answer is off by about 10 patients (95 % within 30); the noise cancels "
    "in the total, whose range is given. Near zero a number proves little: a hospital without a single case may well "
    "say 12. Open data are counted exactly. As these data are public, this demo can show the true count; a real "
    "hospital never does."
)


@dataclass
class Demo:
    """The running demo: its hub, its nodes, and the people who can sign in."""

    hub: LocalHub
    nodes: dict[str, LocalNode]
    people: list[Person]

    def stop(self) -> None:
        """End every process that was started."""
        with ThreadPoolExecutor(len(self.nodes) + 1) as pool:
            for node in self.nodes.values():
                pool.submit(node.stop)
        self.hub.stop()


@app.command()
def demo(
    directory: Annotated[Path, typer.Option(help="Where the demo keeps all its data.")] = Path(".demo"),
    once: Annotated[
        bool, typer.Option("--once", help="End after the answers (also: DEMO=once, or no terminal).")
    ] = False,
) -> None:
    """Start a hub and five hospitals here, load real data, search, and show how to go on."""
    keep = not (once or os.environ.get("DEMO") == "once") and sys.stdin.isatty() and sys.stdout.isatty()
    console = Console(width=None if sys.stdout.isatty() else 110)
    started = time.monotonic()
    try:
        running = _begin(fresh_directory(directory.resolve()))
    except FileExistsError as error:
        raise typer.BadParameter(str(error), param_hint="--directory") from error
    # `make demo` may be ended from outside: leave nothing running then either
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        _prepare(running, console)
        _ask_all(running, console)
        _invite_in(running, console, time.monotonic() - started)
        if keep:
            _serve(console)
    except KeyboardInterrupt:
        console.print("\nStopped.")
    finally:
        running.stop()


def _begin(directory: Path) -> Demo:
    nodes = {
        hospital.node_id: LocalNode(
            directory / hospital.node_id,
            hospital.node_id,
            title=hospital.title,
            country=hospital.country,
            organisation=hospital.organisation,
        )
        for hospital in HOSPITALS
    }
    return Demo(LocalHub(directory / "hub"), nodes, [])


@contextmanager
def _step(console: Console, what: str) -> Iterator[Callable[[str], None]]:
    """Print a line when the step is done, with what it told and how long it took."""
    told: list[str] = []
    begun = time.monotonic()
    yield told.append
    console.print(f"  {what:<34} {' · '.join(told):<52} {time.monotonic() - begun:5.1f} s", highlight=False)


def _prepare(running: Demo, console: Console) -> None:
    console.print(Text("oncofed demo: one hub and five hospitals on this computer", style="bold"))
    console.print(
        "The hospitals are fictitious; the data are real (NCI Imaging Data Commons, metadata only), but for one\n"
        "dataset that is generated and says so.\n"
    )
    nodes = running.nodes.values()
    with _step(console, "The hub starts") as tell:
        running.hub.start()
        tell(running.hub.url)
    with _step(console, "Five hospitals enrol") as tell, ThreadPoolExecutor(2) as pool:
        people = pool.submit(_people, running.hub)
        list(pool.map(lambda node: node.enrol(running.hub), nodes))
        running.people = people.result()
        tell("each with an invitation and a key of its own")
    with _step(console, "They load 179 collections and more") as tell, ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda hospital: _load(running.nodes[hospital.node_id], hospital), HOSPITALS))
        tell("metadata, dataset by dataset, each a release")
    with _step(console, f"{DUNA.title.partition(' ')[0]} prepares real DICOM files") as tell:
        tell(_prepare_images(running.nodes[DUNA.node_id]))
    with _step(console, "They publish") as tell, ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda node: node.command("publish"), nodes))
        tell("noisy overviews, no patient")
    with _step(console, "Their nodes call the hub") as tell:
        for node in nodes:
            node.start()
        for node in nodes:
            node.await_session()
        tell("outgoing calls only, no open port")


def _people(hub: LocalHub) -> list[Person]:
    roles = (
        ("researcher@example.org", "researcher", "University of Example"),
        ("data-manager@example.org", "data-holder", "Caritas University Hospital (fictitious)"),
        ("operator@example.org", "operator", "oncofed demo hub"),
    )
    return [
        hub.person(email, role, organisation, password=secrets.token_urlsafe(9)) for email, role, organisation in roles
    ]


def _collections() -> dict[str, list[str]]:
    """The collections of each hospital."""
    from oncofed.warehouse.sources.idc import collections

    shares: dict[str, list[str]] = {hospital.node_id: [] for hospital in HOSPITALS}
    for collection in collections():
        shares[hospital_of(collection.programme, collection.cancer_type_text).node_id].append(collection.collection_id)
    return shares


def _load(node: LocalNode, hospital: Hospital) -> None:
    chosen = ",".join(_collections()[hospital.node_id])
    node.command("load", "idc", "--collections", chosen, "--class", hospital.dataset_class)
    if hospital is DUNA:
        node.command(
            "load", "synthetic", "--dataset", "synthetic-oncology",
            "--patients", str(SYNTHETIC_PATIENTS), "--seed", str(SYNTHETIC_SEED),
        )  # fmt: skip


def _prepare_images(node: LocalNode) -> str:
    """De-identify, verify, check and release the DICOM files that come with pydicom; in a few words what came of it."""
    import pydicom.data

    plan = {
        "plan": "oncofed/1",
        "sources": [{"folder": str(Path(pydicom.data.__file__).parent)}],
        "run": "preparation",
        "dataset": {"id": "pydicom-files", "title": "Test files of pydicom, de-identified"},
    }
    file = node.directory / "plan.yaml"
    file.write_text(json.dumps(plan, indent=1), encoding="utf-8")  # JSON is YAML
    files = json.loads(command("prepare", "run", str(file), "--json", environment=node.environment))["files"]
    released, held_back = (sum(files.get(state, {}).values()) for state in ("verified", "quarantined"))
    return f"{released} de-identified, {held_back} held back for a person"


def _ask_all(running: Demo, console: Console) -> None:
    truths = {node_id: Warehouse(node.directory / "warehouse") for node_id, node in running.nodes.items()}
    with connect(running.hub.url, running.people[0].token) as hub:
        for title, text in QUESTIONS:
            begun = time.monotonic()
            outcome = hub.ask(text, purpose="Demonstration").wait()
            seconds = time.monotonic() - begun
            console.print(Text(f"\n{title}", style="bold"))
            console.print(Text(f'  oncofed search "{text}"'))
            console.print(Text(f"  {outcome.sentence}", style="italic"))
            true_counts = {node_id: _true_count(truth, text) for node_id, truth in truths.items()}
            console.print(_answers(outcome, true_counts, seconds))
            for note in outcome.notes:
                console.print(Text(f"  - {note.text}", style="dim"))
    console.print(Text(f"\n{READING}"))


def _true_count(truth: Warehouse, text: str) -> int:
    """The true number behind a node's answer: what no node ever sends."""
    releases = [(release.dataset.dataset_id, release.release) for release in truth.releases()]
    return sum(truth.count(parse(text).query, releases).values())


def _answers(outcome: Outcome, true_counts: dict[str, int], seconds: float) -> Table:
    table = Table(pad_edge=False, title_justify="left")
    for heading, justify in (("hospital", "left"), ("country", "left"), ("answer", "right"), ("true count", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for node in outcome.nodes:
        table.add_row(node.title, node.country, _answer(node), f"{true_counts[node.node]:,}")
    table.add_section()
    total = outcome.total.text if outcome.total else "no answer"
    table.add_row(f"total after {seconds:.2f} s", "", total, f"{sum(true_counts.values()):,}", style="bold")
    return table


def _answer(node: NodeOutcome) -> str:
    if node.estimate is not None:
        return node.estimate.text
    return "in the total" if node.in_total_only else node.reason or node.state.value


def _invite_in(running: Demo, console: Console, seconds: float) -> None:
    with connect(running.hub.url) as hub:
        figures: dict[str, Any] = hub.figures()
    console.print(Text(f"\nReady after {seconds:.0f} s. The portal: {running.hub.url}/", style="bold"))
    console.print(
        f"  {figures['datasets']} datasets at {figures['nodes']} hospitals in {figures['countries']} countries"
    )
    table = Table("sign in as", "e-mail", "password", box=None, pad_edge=False)
    for person in running.people:
        table.add_row(person.role, person.email, person.password)
    console.print(table)
    console.print(f"\nWhat the preparation of real images found, as a page of its own ({DUNA.title}):", highlight=False)
    console.print(Text(f"  {running.nodes[DUNA.node_id].directory / 'preparation' / 'report.html'}"))
    console.print("\nFrom a terminal or from Python:", highlight=False)
    console.print(Text(f"  export ONCOFED_HUB={running.hub.url} ONCOFED_TOKEN={running.people[0].token}"))
    console.print(Text(f'  .venv/bin/oncofed search "{QUESTIONS[0][1]}"'))


def _serve(console: Console) -> None:
    console.print("\nServing until you press Ctrl-C.")
    threading.Event().wait()
