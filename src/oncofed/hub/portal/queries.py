"""What the portal reads beyond what the apps below it offer: the hospitals, and a dataset's published figures."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from django.utils import timezone

from oncofed.contracts import vocabulary
from oncofed.contracts.catalogue import Cube, Marginal
from oncofed.contracts.criteria import CRITERIA, MISSING
from oncofed.contracts.outcome import Estimate, ValueEstimate
from oncofed.disclosure.display import Part, estimate
from oncofed.hub.api import api
from oncofed.hub.catalogue.models import Release
from oncofed.hub.catalogue.shelf import shelf
from oncofed.hub.exchange.models import Node

ONLINE_WITHIN = timedelta(minutes=2)
"""A node polls at least every half minute: one heard of this recently is connected."""


@dataclass(frozen=True)
class Hospital:
    """One node as anyone may see it."""

    node_id: str
    title: str
    country: str
    datasets: int
    last_seen_at: datetime | None
    online: bool


def hospitals() -> list[Hospital]:
    """The nodes that take part, by title."""
    counts: Mapping[str, int] = shelf().remembered(
        "datasets of nodes", lambda: Counter(entry.node for entry in shelf().entries.values())
    )
    return [
        Hospital(
            node.node_id,
            node.title,
            node.country,
            counts.get(node.node_id, 0),
            node.last_seen_at,
            node.last_seen_at is not None and timezone.now() - node.last_seen_at < ONLINE_WITHIN,
        )
        for node in Node.objects.order_by("title")
    ]


@dataclass(frozen=True)
class Endpoint:
    """One address of the HTTP API."""

    method: str
    path: str
    summary: str


@cache
def endpoints() -> tuple[Endpoint, ...]:
    """The HTTP API as its own description lists it."""
    paths: dict[str, dict[str, dict[str, str]]] = api.get_openapi_schema()["paths"]
    return tuple(
        Endpoint(method.upper(), path, operation.get("description") or operation.get("summary", ""))
        for path, operations in paths.items()
        for method, operation in operations.items()
    )


@dataclass(frozen=True)
class Chart:
    """One published marginal of a release as bars with their numbers."""

    name: str
    label: str
    rows: tuple[ValueEstimate, ...]
    exact: bool


@dataclass(frozen=True)
class Completeness:
    """For how many of the patients a criterion is recorded."""

    label: str
    recorded: int
    patients: int

    @property
    def missing(self) -> int:
        """Patients it is not recorded for."""
        return self.patients - self.recorded


@dataclass(frozen=True)
class Published:
    """What a release's cube tells."""

    patients: Estimate | None
    exact: bool
    epsilon: float
    charts: tuple[Chart, ...]
    completeness: tuple[Completeness, ...]
    lacking: tuple[str, ...]


def published(dataset_id: str) -> Published:
    """The figures of a dataset's current release."""
    row = Release.objects.get(dataset=dataset_id, current=True)
    return told(Cube.model_validate_json(row.cube), row.record["supports"])


def told(cube: Cube, supports: Collection[str]) -> Published:
    """What a cube tells of a release that can record ``supports``. Pure."""
    single = [marginal for marginal in cube.marginals if len(marginal.criteria) == 1]
    charts = [_chart(marginal) for marginal in single if marginal.criteria[0] in supports]
    population = cube.population
    return Published(
        patients=estimate([Part(population.cells[""], population.sigma)]) if population else None,
        exact=cube.epsilon == 0,
        epsilon=cube.epsilon,
        charts=tuple(chart for chart in charts if _says_something(chart)),
        completeness=tuple(_completeness(single, population.cells[""], supports)) if population else (),
        lacking=tuple(CRITERIA[name].label for name in CRITERIA if name not in supports),
    )


def _chart(marginal: Marginal) -> Chart:
    """Bars of the values that stand out of the noise: what lies below two standard deviations may be nobody."""
    (name,) = marginal.criteria
    rows = [
        ValueEstimate(value=cell, label=vocabulary.label(name, cell), estimate=estimate([Part(count, marginal.sigma)]))
        for cell in vocabulary.cells(name)
        if (count := marginal.cells.get(cell, 0)) > 2 * marginal.sigma
    ]
    if not CRITERIA[name].bands:
        rows.sort(key=lambda row: (row.value == MISSING, -row.estimate.value))
    return Chart(name, CRITERIA[name].label, tuple(rows), marginal.sigma == 0)


def _says_something(chart: Chart) -> bool:
    """More than that nothing is recorded, or that all are human."""
    return {row.value for row in chart.rows} - {MISSING} not in (set(), {"human"})


def _completeness(single: Sequence[Marginal], patients: int, supports: Collection[str]) -> Iterator[Completeness]:
    for marginal in single:
        (name,) = marginal.criteria
        if name in supports and name != "species" and patients > 0:
            recorded = patients - marginal.cells.get(MISSING, 0)
            yield Completeness(CRITERIA[name].label, min(max(recorded, 0), patients), patients)
