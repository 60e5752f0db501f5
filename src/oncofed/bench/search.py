"""How fast a federated search is: a real hub, real nodes as processes, all real cases, distinct live questions.

No question is asked twice and none can be answered from a cube, so every answer is computed, drawn, written to the
ledger and the outbox, sent, checked and summed. The budgets are the default ones: five organisations ask.
"""

import itertools
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb
import httpx

from oncofed.bench.local_federation import LocalHub, LocalNode, Person
from oncofed.bench.report import Figure, Measured, median, percentile
from oncofed.contracts.exchange import CountSource
from oncofed.contracts.outcome import NodeState, Outcome
from oncofed.sdk.client import connect
from oncofed.warehouse.sources.idc import index_directory

ROUNDS = 3
ALONE = 20
"""Questions of one client, a round."""
TOGETHER = 20
"""Clients that ask at the same moment; each asks ``EACH`` questions one after the other, a round."""
EACH = 2
ORGANISATIONS = 5
MIB = 2**20


@dataclass(frozen=True)
class Timing:
    """Seconds until the first node's answer was shown and until the question was complete, and what was lost."""

    first: float
    complete: float
    unanswered: int
    sources: frozenset[CountSource]


def distinct_questions(seed: int = 7) -> list[str]:
    """Questions of four criteria, all different in canonical form, none answerable from a cube; in a fixed order."""
    questions = [
        f"modality = {modality} and body part = {part} and sex = {sex} and age >= {age}"
        for modality, part, sex, age in itertools.product(
            ("CT", "MR", "PT", "SEG", "SR"),
            ("chest", "breast", "abdomen", "prostate"),
            ("male", "female"),
            range(30, 80, 5),
        )
    ]
    random.Random(seed).shuffle(questions)
    return questions


def ask(hub_url: str, person: Person, question: str) -> Timing:
    """Ask as a researcher's program does, from the post to the last answer."""
    with connect(hub_url, person.token) as hub:
        begun = time.perf_counter()
        count = hub.ask(question, purpose="benchmark")
        first: float | None = None
        for outcome in itertools.chain((count.outcome,), count.updates()):
            if first is None and any(node.state is NodeState.ANSWERED for node in outcome.nodes):
                first = time.perf_counter() - begun
        complete = time.perf_counter() - begun
    return _timing(count.outcome, first if first is not None else complete, complete)


def _timing(outcome: Outcome, first: float, complete: float) -> Timing:
    sources = frozenset(source for node in outcome.nodes for source in node.sources)
    return Timing(first, complete, len(outcome.unanswered), sources)


def shares(nodes: int) -> list[list[str]]:
    """All collections of IDC over ``nodes`` nodes, the largest first to the node with the fewest series."""
    bins: list[tuple[int, list[str]]] = [(0, []) for _ in range(nodes)]
    for name, series in sorted(_series().items(), key=lambda counted: -counted[1]):
        index = min(range(nodes), key=lambda number: bins[number][0])
        held, names = bins[index]
        bins[index] = (held + series, [*names, name])
    return [names for _, names in bins]


def _series() -> dict[str, int]:
    """Series of each collection."""
    path = str(index_directory() / "idc_index.parquet")
    sql = "SELECT collection_id, count(*) FROM read_parquet(?) GROUP BY collection_id"
    with duckdb.connect() as connection:
        return dict(connection.execute(sql, [path]).fetchall())


class Federation:
    """A hub and ``nodes`` nodes that hold all of IDC; ends its processes on exit."""

    def __init__(self, directory: Path, nodes: int, say: Callable[[str], None]) -> None:
        self.hub = LocalHub(directory / "hub")
        self.nodes = [
            LocalNode(
                directory / f"node-{number:02}",
                f"node-{number:02}",
                title=f"Bench node {number}",
                country="IT",
                organisation=f"bench-hospital-{number:02}",
            )
            for number in range(nodes)
        ]
        self._say = say
        self.people: list[Person] = []

    def __enter__(self) -> "Federation":
        self.hub.start()
        self.people = [
            self.hub.person(
                f"bench-{number}@example.org",
                "researcher",
                f"Bench organisation {number}",
                password="bench-passphrase-7",
            )
            for number in range(ORGANISATIONS)
        ]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._prepare, self.nodes, shares(len(self.nodes))))
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.await_session()
        time.sleep(5)  # let thirty starting processes come to rest
        return self

    def _prepare(self, node: LocalNode, names: Sequence[str]) -> None:
        node.enrol(self.hub)
        node.command("load", "idc", "--collections", ",".join(names))
        node.command("publish")
        self._say(f"{node.node_id} holds {len(names)} collections")

    def __exit__(self, *_: object) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda node: node.stop(), self.nodes))
        self.hub.stop()


def measure(nodes: int, say: Callable[[str], None]) -> Measured:
    """Latency of live counts, facets from the cube, and memory, over ``nodes`` real nodes."""
    with (
        tempfile.TemporaryDirectory(prefix="oncofed-bench-") as directory,
        Federation(Path(directory), nodes, say) as held,
    ):
        idle = [node.service.resident_bytes() / MIB for node in held.nodes]
        questions = iter(distinct_questions())
        for person in held.people:
            ask(held.hub.url, person, next(questions))
        say("one client")
        alone = [[_next(held, questions, number) for number in range(ALONE)] for _ in range(ROUNDS)]
        say(f"{TOGETHER} clients")
        together = [_together(held, questions) for _ in range(ROUNDS)]
        say("facets")
        facets = [_facets(held.hub.url) for _ in range(ROUNDS)]
        everything = [timing for group in (*alone, *together) for timing in group]
        figures = [
            *_live_figures(alone, together),
            Figure("answers lost", sum(timing.unanswered for timing in everything), "answers", at_most=0),
            Figure(
                "questions not answered live",
                sum(t.sources != {CountSource.LIVE} for t in everything),
                "questions",
                at_most=0,
            ),
            Figure("facets from the cube, p95", median([percentile(group, 95) for group in facets]), "ms", at_most=50),
            Figure("idle node, resident, largest", max(idle), "MiB", at_most=120),
            Figure("hub, resident, after the load", held.hub.service.resident_bytes() / MIB, "MiB", at_most=300),
        ]
        return Measured(figures, [Figure("loopback round trip to the hub, median", median(_pings(held.hub.url)), "ms")])


def _live_figures(alone: list[list[Timing]], together: list[list[Timing]]) -> list[Figure]:
    def p95(groups: list[list[Timing]], what: Callable[[Timing], float]) -> float:
        return 1000 * median([percentile([what(timing) for timing in group], 95) for group in groups])

    return [
        Figure("live count, one client, p95", p95(alone, lambda t: t.complete), "ms", at_most=500),
        Figure("live count, one client, median", 1000 * median([t.complete for g in alone for t in g]), "ms"),
        Figure("first partial answer, one client, p95", p95(alone, lambda t: t.first), "ms", at_most=200),
        Figure(f"live count, {TOGETHER} clients, p95", p95(together, lambda t: t.complete), "ms", at_most=4000),
    ]


def _next(held: Federation, questions: Iterator[str], number: int) -> Timing:
    return ask(held.hub.url, held.people[number % len(held.people)], next(questions))


def _together(held: Federation, questions: Iterator[str]) -> list[Timing]:
    batches = [[next(questions) for _ in range(EACH)] for _ in range(TOGETHER)]

    def client(number: int) -> list[Timing]:
        person = held.people[number % len(held.people)]
        return [ask(held.hub.url, person, question) for question in batches[number]]

    with ThreadPoolExecutor(TOGETHER) as pool:
        return [timing for timings in pool.map(client, range(TOGETHER)) for timing in timings]


def _facets(url: str, requests: int = 60) -> list[float]:
    texts = [
        f"modality = {m} and sex = {s}"
        for m, s in itertools.product(("CT", "MR", "PT", "MG", "SR"), ("male", "female"))
    ]
    with httpx.Client(base_url=url, trust_env=False) as client:
        client.get("/api/v1/facets", params={"text": texts[0]}).raise_for_status()
        return [_milliseconds(client, "/api/v1/facets", texts[number % len(texts)]) for number in range(requests)]


def _milliseconds(client: httpx.Client, path: str, text: str) -> float:
    begun = time.perf_counter()
    client.get(path, params={"text": text}).raise_for_status()
    return 1000 * (time.perf_counter() - begun)


def _pings(url: str, requests: int = 60) -> list[float]:
    with httpx.Client(base_url=url, trust_env=False) as client:
        return [_milliseconds(client, "/healthz", "") for _ in range(requests)]
