"""Who is asked what. Pure: the catalogue's groups and a canonical query in, one plan a node out.

What the cubes can answer is answered from the cubes, always; only what they cannot becomes a task for the node.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from oncofed.contracts.catalogue import DatasetClass
from oncofed.contracts.exchange import CountPart, CountSource, ReleaseName
from oncofed.contracts.query import Criterion, Part, Query
from oncofed.disclosure import cube as cubes
from oncofed.hub.catalogue.shelf import Group

HUMAN = Criterion(criterion="species", values=("human",))
"""The default population; every dataset is taken to know whether its patients are human."""


@dataclass
class NodePlan:
    """One node's part: counts its cubes gave (``parts``) or releases to ask it about, and what it cannot record."""

    node: str
    parts: list[CountPart] = field(default_factory=list)
    releases: list[ReleaseName] = field(default_factory=list)
    unsupported: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def asked(self) -> int:
        """Number of datasets the answer is about."""
        return len(self.releases) + sum(len(part.releases) for part in self.parts)


def criteria_of(query: Query, by: str | None = None) -> frozenset[str]:
    """The criteria a dataset must record to be asked, besides the default population."""
    wanted = {name for part in query.all if part != HUMAN for name in _names(part)}
    return frozenset(wanted | ({by} if by else set()))


def _names(part: Part) -> Iterator[str]:
    if isinstance(part, Criterion):
        yield part.criterion
    else:
        for inner in part.all:
            yield from _names(inner)


def plan(groups: Iterable[Group], query: Query, by: str | None) -> list[NodePlan]:
    """One plan a node, in the order of ``groups``."""
    needed = criteria_of(query, by)
    plans: dict[str, NodePlan] = {}
    able: dict[str, list[Group]] = {}
    for group in groups:
        node = plans.setdefault(group.node, NodePlan(group.node))
        if lacking := tuple(sorted(needed - group.supports)):
            node.unsupported |= {release.dataset_id: lacking for release in group.releases}
        else:
            able.setdefault(group.node, []).append(group)
    for name, capable in able.items():
        plans[name].parts = from_cubes(capable, query, by)
        if not plans[name].parts:
            plans[name].releases = [release for group in capable for release in group.releases]
    return list(plans.values())


def from_cubes(groups: Iterable[Group], query: Query, by: str | None) -> list[CountPart]:
    """One part a group from its cubes; none at all if one of them cannot answer."""
    parts: list[CountPart] = []
    for group in groups:
        told = cubes.answer(group.cube, query, by)
        if told is None:
            return []
        is_open = group.dataset_class is DatasetClass.OPEN
        parts.append(
            CountPart.model_construct(
                source=CountSource.EXACT if is_open else CountSource.CUBE,
                releases=group.releases,
                cells=told.cells,
                sigma=told.sigma,
                epsilon=0.0,
                show=True,
                entry=None,
            )
        )
    return parts
