"""What ``node publish`` sends: built from named fields after disclosure control, made once a release and kept."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from oncofed.contracts.catalogue import (
    Cube,
    DatasetClass,
    Publication,
    ReleaseRecord,
    ReleaseSize,
)
from oncofed.contracts.errors import Refused
from oncofed.disclosure import budget, cube, plan, sizes
from oncofed.disclosure.constants import SIZE_CLAMPS
from oncofed.node.cubes import Cubes
from oncofed.node.ledger import Ledger
from oncofed.node.policy import Policy
from oncofed.node.published import PublishedRelease
from oncofed.warehouse import Release, Warehouse

_NO_CLAMP = 1_000_000


@dataclass(frozen=True)
class Publisher:
    """Makes the records of releases. ``progress`` is told about each one that takes time."""

    warehouse: Warehouse
    cubes: Cubes
    ledger: Ledger
    noise_secret: bytes
    progress: Callable[[str], None] = lambda _: None

    def publication(
        self, releases: Iterable[Release], policy: Policy, withdrawn: frozenset[str], now: datetime
    ) -> Publication:
        """The current release of every dataset that policy lets be searched and nobody has withdrawn.

        ``Refused(release-limit)`` if a lineage has no release left this year. Nothing is charged here: see ``charge``.
        """
        chosen = [
            one
            for one in current(releases)
            if policy.searchable(one.dataset.dataset_id) and one.dataset.dataset_id not in withdrawn
        ]
        self._check_limits(chosen, policy, now)
        return Publication(releases=tuple(self._record(one, policy) for one in chosen), published_at=now)

    def charge(self, publication: Publication, now: datetime) -> None:
        """Write the cubes of ``publication`` into the ledger; those that stand there cost nothing more."""
        year = budget.budget_year(now, self.ledger.latest_year())
        for record in publication.releases:
            if record.dataset.dataset_class is DatasetClass.PROTECTED:
                lineage = record.dataset.dataset_id
                self.ledger.publish(record.digest, lineage=lineage, year=year, epsilon=record.cube.epsilon)

    def _check_limits(self, releases: Iterable[Release], policy: Policy, now: datetime) -> None:
        year = budget.budget_year(now, self.ledger.latest_year())
        lineages = [lineage for _, lineage, _ in self.ledger.published(year)]
        for one in releases:
            lineage = one.dataset.dataset_id
            free = policy.dataset_class(
                lineage, one.dataset.dataset_class
            ) is DatasetClass.OPEN or self.ledger.was_published(one.digest)
            if not free and not budget.may_publish(lineages.count(lineage)):
                raise Refused("release-limit", f"{lineage} has published {lineages.count(lineage)} releases in {year}")

    def _record(self, loaded: Release, policy: Policy) -> ReleaseRecord:
        dataset_class = policy.dataset_class(loaded.dataset.dataset_id, loaded.dataset.dataset_class)
        known = self.cubes.record(loaded.digest, dataset_class)
        if known is not None:
            return known
        self.progress(f"publishing numbers of {loaded.dataset.dataset_id} {loaded.release}")
        size, published_cube = self._numbers(loaded, dataset_class)
        record = ReleaseRecord(
            dataset=loaded.dataset.model_copy(update={"dataset_class": dataset_class}),
            release=loaded.release,
            digest=loaded.digest,
            released_at=loaded.loaded_at,
            vocabulary_version=loaded.vocabulary_version,
            supports=loaded.supports,
            size=size,
            cube=published_cube,
        )
        self.cubes.keep(record)
        return record

    def _numbers(self, loaded: Release, dataset_class: DatasetClass) -> tuple[ReleaseSize, Cube]:
        planned = plan.planned(loaded.supports)
        population = self.warehouse.population(loaded.name)
        if dataset_class is DatasetClass.OPEN:
            # Whoever stands in four cells is counted in four: there is no noise that a clamp would have to bound.
            tables = {one.criteria: self.warehouse.marginal(loaded.name, one.criteria, _NO_CLAMP) for one in planned}
            return sizes.build_open(vars(self.warehouse.size(loaded.name))), cube.build_open(tables, population)
        tables = {one.criteria: self.warehouse.marginal(loaded.name, one.criteria, one.clamp) for one in planned}
        clamped = vars(self.warehouse.clamped_size(loaded.name, SIZE_CLAMPS))
        secret, digest = self.noise_secret, loaded.digest
        noisy = cube.build(tables, population, marginals=planned, secret=secret, digest=digest)
        return sizes.build(clamped, secret=secret, digest=digest), noisy


def current(releases: Iterable[Release]) -> list[Release]:
    """Of each dataset the release that was loaded last, by dataset."""
    latest: dict[str, Release] = {}
    for one in sorted(releases, key=lambda one: one.loaded_at):
        latest[one.dataset.dataset_id] = one
    return [latest[name] for name in sorted(latest)]


def as_published(publication: Publication) -> tuple[PublishedRelease, ...]:
    """What the node remembers of a publication."""
    return tuple(
        PublishedRelease(dataset=one.dataset, release=one.release, digest=one.digest, supports=one.supports)
        for one in publication.releases
    )
