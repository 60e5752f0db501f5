"""The catalogue as it stands now, in memory: one snapshot a process, replaced when the database has a newer edition.

Every publication that changes anything makes a new edition in its own transaction, and every read asks the database
for the edition's number (one row by key): so all processes see a publication at once, and a read costs nothing more.
Only nodes of which something changed are read again. Descriptions and sizes are kept decoded; cubes only as sums.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import QuerySet

from oncofed.contracts.catalogue import Cube, DatasetClass, DatasetRecord, ReleaseSize
from oncofed.contracts.exchange import ReleaseName
from oncofed.hub.catalogue.cubes import CubeSum, summed
from oncofed.hub.catalogue.models import Dataset, Edition, Release
from oncofed.hub.core.rows import rows_where

KEPT_SELECTIONS = 32
"""Sums over a chosen set of datasets that are kept, per process."""

FEW = 20
"""Cubes that are read at once: each has tens of kilobytes."""


@dataclass(frozen=True)
class Entry:
    """One dataset with its current release. ``modalities`` are those its cube shows clearly."""

    record: DatasetRecord
    node: str
    release: ReleaseName
    released_at: str
    supports: frozenset[str]
    size: ReleaseSize
    modalities: tuple[str, ...]
    edition: int
    """The catalogue's edition in which the dataset last changed."""
    searchable: str
    """Title, description and names in lower case: what a text search looks in."""

    @property
    def dataset_id(self) -> str:
        """The dataset's identifier."""
        return self.record.dataset_id


@dataclass(frozen=True)
class Group:
    """Releases of one node that have the same class and record the same criteria, and the sum of their cubes."""

    node: str
    dataset_class: DatasetClass
    supports: frozenset[str]
    releases: tuple[ReleaseName, ...]
    cube: Cube


@dataclass
class Shelf:
    """One edition. ``entries`` by dataset; ``groups`` by node; sums over nodes are made when first asked for."""

    edition: int
    entries: dict[str, Entry]
    groups: dict[str, tuple[Group, ...]]
    kept: OrderedDict[tuple[str, frozenset[str]], tuple[Group, ...]] = field(default_factory=OrderedDict)
    memory: dict[str, Any] = field(default_factory=dict)
    """Whatever was computed from this edition and shall go with it."""

    def remembered(self, name: str, compute: Callable[[], Any]) -> Any:
        """``compute()``, once per edition."""
        if name not in self.memory:
            self.memory[name] = compute()
        return self.memory[name]

    def groups_of(self, datasets: Collection[str] | None) -> tuple[Group, ...]:
        """Groups over the chosen datasets (None: all): their cubes sum over exactly those."""
        if datasets is None:
            return tuple(group for groups in self.groups.values() for group in groups)
        chosen = frozenset(datasets)
        return self._kept(("nodes", chosen), lambda: _grouped(_chosen(self.entries, chosen)))

    def pooled(self, datasets: Collection[str] | None) -> tuple[Group, ...]:
        """As ``groups_of``, but summed over the nodes too (``node`` is ""): few groups, for facets."""
        if datasets is None:
            whole: tuple[Group, ...] = self.remembered("pooled", lambda: tuple(_pooled(self.groups_of(None))))
            return whole
        return self._kept(("pooled", frozenset(datasets)), lambda: _pooled(self.groups_of(datasets)))

    def _kept(self, key: tuple[str, frozenset[str]], make: Callable[[], Iterable[Group]]) -> tuple[Group, ...]:
        """What was made for a choice of datasets; the least recently used choices go. Threads may make one twice."""
        groups = self.kept.pop(key, None)
        self.kept[key] = groups = tuple(make()) if groups is None else groups
        while len(self.kept) > KEPT_SELECTIONS:
            self.kept.popitem(last=False)
        return groups


def _pooled(groups: Iterable[Group]) -> Iterator[Group]:
    alike: dict[tuple[DatasetClass, frozenset[str]], list[Group]] = {}
    for group in groups:
        alike.setdefault((group.dataset_class, group.supports), []).append(group)
    for (dataset_class, supports), parts in alike.items():
        releases = tuple(release for part in parts for release in part.releases)
        yield Group("", dataset_class, supports, releases, summed(part.cube for part in parts))


def _grouped(published: Iterable[tuple[Entry, Cube]]) -> Iterator[Group]:
    """Sums over releases that are alike; holds one cube at a time."""
    alike: dict[tuple[str, DatasetClass, frozenset[str]], tuple[list[ReleaseName], CubeSum]] = {}
    for entry, cube in published:
        key = (entry.node, entry.record.dataset_class, entry.supports)
        releases, total = alike.setdefault(key, ([], CubeSum()))
        releases.append(entry.release)
        total.add(cube)
    for (node, dataset_class, supports), (releases, total) in alike.items():
        yield Group(node, dataset_class, supports, tuple(releases), total.cube())


def _current() -> QuerySet[Release]:
    return Release.objects.filter(current=True, dataset__withdrawn_at=None).order_by("dataset_id")


def _chosen(entries: Mapping[str, Entry], datasets: Collection[str]) -> Iterator[tuple[Entry, Cube]]:
    rows = _current().filter(dataset__in=datasets).values_list("dataset_id", "cube")
    for name, cube in rows.iterator(chunk_size=FEW):
        yield entries[name], Cube.model_validate_json(cube)


def _entry(release: Release, cube: Cube) -> Entry:
    dataset = DatasetRecord.model_validate(release.dataset.record)
    words = (
        dataset.dataset_id, dataset.title, dataset.programme, dataset.cancer_type_text, dataset.description,
        *dataset.cancer_types, *dataset.tumour_locations, *dataset.keywords,
    )  # fmt: skip
    return Entry(
        record=dataset,
        node=release.dataset.node_id,
        release=ReleaseName(
            dataset_id=dataset.dataset_id,
            release=release.release,
            digest=release.digest,
        ),
        released_at=release.record["released_at"],
        supports=frozenset(release.record["supports"]),
        size=ReleaseSize.model_validate(release.record["size"]),
        modalities=_clear_values(cube, "modality"),
        edition=release.dataset.edition,
        searchable=" ".join(words).casefold(),
    )


def _clear_values(cube: Cube, criterion: str) -> tuple[str, ...]:
    """Values whose count stands out of the noise (three standard deviations; any, where there is none)."""
    for marginal in cube.marginals:
        if marginal.criteria == (criterion,):
            least = max(1.0, 3 * marginal.sigma)
            return tuple(cell for cell, count in marginal.cells.items() if count >= least and cell != "missing")
    return ()


_lock = threading.Lock()
_shelf = Shelf(-1, {}, {})


def shelf() -> Shelf:
    """The catalogue's newest edition."""
    global _shelf
    edition = next((row.number for row in rows_where(Edition, "id = %s", [1])), 0)
    if _shelf.edition != edition:
        with _lock:
            if _shelf.edition != edition:
                _shelf = replace(_renewed(_shelf), edition=edition)
    return _shelf


def _renewed(old: Shelf) -> Shelf:
    """Read what is not as in ``old``; nodes where nothing changed keep their sums.

    Compared is each dataset's own edition, so that an ``old`` that holds what was rolled back since is put right too.
    """
    standing: dict[str, dict[str, int]] = {}
    rows = Dataset.objects.filter(withdrawn_at=None).values_list("node_id", "dataset_id", "edition")
    for node, name, edition in rows.iterator():
        standing.setdefault(node, {})[name] = edition
    known: dict[str, dict[str, int]] = {}
    for entry in old.entries.values():
        known.setdefault(entry.node, {})[entry.dataset_id] = entry.edition
    entries = {name: entry for name, entry in old.entries.items() if standing.get(entry.node) == known[entry.node]}
    groups = {node: groups for node, groups in old.groups.items() if standing.get(node) == known.get(node)}
    for node in standing.keys() - groups.keys():
        fresh, groups[node] = _read(node, old.entries)
        entries |= fresh
    return Shelf(old.edition, entries, groups)


def _read(node: str, known: Mapping[str, Entry]) -> tuple[dict[str, Entry], tuple[Group, ...]]:
    entries: dict[str, Entry] = {}

    def published() -> Iterator[tuple[Entry, Cube]]:
        for release in _current().filter(dataset__node=node).select_related("dataset").iterator(chunk_size=FEW):
            cube = Cube.model_validate_json(release.cube)
            entry = known.get(release.dataset_id)
            if entry is None or entry.edition != release.dataset.edition:
                entry = _entry(release, cube)
            entries[entry.dataset_id] = entry
            yield entry, cube

    groups = tuple(_grouped(published()))
    return entries, groups
