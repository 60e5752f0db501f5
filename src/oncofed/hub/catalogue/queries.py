"""What is read from the catalogue: the list with its facets, one dataset, and the hub's own figures."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from oncofed.contracts import vocabulary
from oncofed.contracts.catalogue import DatasetClass, SizeBand
from oncofed.contracts.errors import BadInput
from oncofed.hub.catalogue.models import Dataset, Release
from oncofed.hub.catalogue.shelf import Entry, Shelf, shelf
from oncofed.hub.exchange.models import Node

KINDS = ("cancer", "modality", "country", "node", "programme", "dataset_class")
"""What the list can be narrowed by."""
SIZES = ("patients", "studies", "series", "instances")


@dataclass(frozen=True)
class Filters:
    """``search``: words that must all stand in the description. ``chosen``: by kind, any of these values."""

    search: str = ""
    chosen: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class FacetValue:
    """A value to narrow by, how many datasets it would leave, and whether it is chosen."""

    value: str
    label: str
    datasets: int
    chosen: bool


@dataclass(frozen=True)
class Listed:
    """One dataset as listed."""

    entry: Entry
    node_title: str
    country: str

    @property
    def record(self) -> Any:
        """The dataset's record."""
        return self.entry.record


@dataclass(frozen=True)
class Page:
    """Part of the list: ``count`` datasets in all; the facets count over all of them."""

    count: int
    items: tuple[Listed, ...]
    facets: Mapping[str, tuple[FacetValue, ...]]


def current_releases() -> QuerySet[Release]:
    """The releases that can be asked now."""
    return Release.objects.filter(current=True, dataset__withdrawn_at=None).select_related("dataset__node")


def dataset_list(filters: Filters = Filters(), *, offset: int = 0, limit: int = 50) -> Page:
    """The datasets that pass ``filters``, by title, with facets. Each facet counts without its own choice."""
    snapshot, nodes = shelf(), {node.node_id: node for node in Node.objects.all()}
    words = filters.search.casefold().split()
    chosen = [(kind, wanted) for kind, wanted in filters.chosen.items() if wanted]
    seen: dict[str, list[str]] = {kind: [] for kind in KINDS}
    found: list[Entry] = []
    for entry, values in _with_values(snapshot, nodes):
        if not all(word in entry.searchable for word in words):
            continue
        failing = [kind for kind, wanted in chosen if wanted.isdisjoint(values[kind])]
        if not failing:
            found.append(entry)
        if len(failing) <= 1:
            for kind in failing or KINDS:
                seen[kind] += values[kind]
    items = tuple(_listed(entry, nodes) for entry in found[offset : offset + limit])
    return Page(
        len(found),
        items,
        {kind: _facet(kind, Counter(seen[kind]), filters, nodes) for kind in KINDS},
    )


def _with_values(snapshot: Shelf, nodes: Mapping[str, Node]) -> list[tuple[Entry, dict[str, tuple[str, ...]]]]:
    """All entries in the order of their titles, each with its values by kind."""

    def compute() -> list[tuple[Entry, dict[str, tuple[str, ...]]]]:
        ordered = sorted(
            snapshot.entries.values(),
            key=lambda entry: (entry.record.title.casefold(), entry.dataset_id),
        )
        return [(entry, _values(entry, nodes[entry.node].country)) for entry in ordered]

    listed: list[tuple[Entry, dict[str, tuple[str, ...]]]] = snapshot.remembered("listed", compute)
    return listed


def _values(entry: Entry, country: str) -> dict[str, tuple[str, ...]]:
    record = entry.record
    return {
        "cancer": tuple({vocabulary.roll_up("diagnosis", code) for code in record.cancer_types if _known(code)}),
        "modality": entry.modalities,
        "country": (country,),
        "node": (entry.node,),
        "programme": (record.programme,) if record.programme else (),
        "dataset_class": (record.dataset_class.value,),
    }


def _known(code: str) -> bool:
    return code in vocabulary.terms("oncotree")


def _facet(kind: str, counts: Counter[str], filters: Filters, nodes: Mapping[str, Node]) -> tuple[FacetValue, ...]:
    chosen = filters.chosen.get(kind, frozenset())
    values = [*counts.items(), *((value, 0) for value in chosen - counts.keys())]
    facet = [FacetValue(value, _label(kind, value, nodes), count, value in chosen) for value, count in values]
    return tuple(sorted(facet, key=lambda part: (-part.datasets, part.label)))


def _label(kind: str, value: str, nodes: Mapping[str, Node]) -> str:
    if kind == "node":
        return nodes[value].title if value in nodes else value
    if kind == "cancer" and _known(value):
        return vocabulary.label("diagnosis", value)
    if kind == "modality" and value in vocabulary.domain("modality"):
        return vocabulary.label("modality", value)
    return value


def _listed(entry: Entry, nodes: Mapping[str, Node]) -> Listed:
    return Listed(entry, nodes[entry.node].title, nodes[entry.node].country)


def dataset(dataset_id: str) -> Listed:
    """One dataset that is published now; ``dataset-unknown`` or ``dataset-withdrawn``."""
    entry = shelf().entries.get(dataset_id)
    if entry is None:
        known = Dataset.objects.filter(dataset_id=dataset_id).exists()
        raise BadInput("dataset-withdrawn" if known else "dataset-unknown", dataset_id)
    node = Node.objects.get(node_id=entry.node)
    return Listed(entry, node.title, node.country)


def releases_of(dataset_id: str) -> QuerySet[Release]:
    """All releases of a dataset, newest first."""
    return Release.objects.filter(dataset=dataset_id).defer("cube").order_by("-published_at")


@dataclass(frozen=True)
class Amount:
    """A sum over all datasets: at least ``low``; exact only where every dataset is open."""

    low: int
    exact: bool

    @property
    def text(self) -> str:
        """``≥ 1,044,191``, without the sign where exact."""
        return f"{self.low:,}" if self.exact else f"≥ {self.low:,}"


@dataclass(frozen=True)
class Figures:
    """What stands on the home page. Sizes are sums of the lower ends of the published bands: "at least"."""

    nodes: int
    countries: int
    datasets: int
    cases: Amount
    studies: Amount
    series: Amount
    images: Amount


def figures() -> Figures:
    """The hub's size now."""
    snapshot = shelf()

    def compute() -> Figures:
        nodes = {entry.node for entry in snapshot.entries.values()}
        countries = set(Node.objects.filter(node_id__in=nodes).values_list("country", flat=True))
        amounts = [_amount(getattr(entry.size, size) for entry in snapshot.entries.values()) for size in SIZES]
        return Figures(len(nodes), len(countries), len(snapshot.entries), *amounts)

    whole: Figures = snapshot.remembered("figures", compute)
    return whole


def _amount(bands: Iterable[SizeBand]) -> Amount:
    low, exact = 0, True
    for band in bands:
        low += band.low
        exact = exact and band.high == band.low + 1
    return Amount(low, exact)


def is_open(entry: Entry) -> bool:
    """Whether the dataset is public: counted exactly, without a budget."""
    return entry.record.dataset_class is DatasetClass.OPEN
