"""What changes the catalogue: a node's publication. Registered with ``exchange``, run in its transaction."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone

from oncofed.contracts.catalogue import Publication, ReleaseRecord
from oncofed.hub.catalogue import policy
from oncofed.hub.catalogue.models import Dataset, Edition, Release
from oncofed.hub.exchange.models import Node
from oncofed.hub.trace.actions import record as trace

BATCH = 50
"""Rows of one statement: a release's cube has some 50 kB."""


@dataclass
class Changes:
    """Datasets that a publication added, changed (description or release) and withdrew."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.withdrawn)


@transaction.atomic
def publish(*, node: Node, publication: Publication, by: str) -> Changes:
    """Make the node's publication its part of the catalogue: what it holds is current, what it lacks is withdrawn.

    All or nothing: ``Refused`` for a dataset of another node or a release that changed, ``BadInput`` and ``Corrupt``
    for a publication that is not what it must be.
    """
    policy.check_form(publication)
    edition = _next_edition()
    names = [record.dataset.dataset_id for record in publication.releases]
    stored = Dataset.objects.filter(dataset_id__in=names).prefetch_related(
        Prefetch("releases", Release.objects.defer("record", "cube"))
    )
    known = {dataset.dataset_id: dataset for dataset in stored}
    policy.check_owner(node.node_id, {name: dataset.node_id for name, dataset in known.items()})
    changes, now = Changes(), timezone.now()
    new = [record for record in publication.releases if record.dataset.dataset_id not in known]
    _publish_new(new, node, edition, now)
    changes.added = [record.dataset.dataset_id for record in new]
    for record in publication.releases:
        dataset = known.get(record.dataset.dataset_id)
        if dataset is not None and _publish_again(record, dataset, edition, now):
            changes.changed.append(dataset.dataset_id)
    for dataset in Dataset.objects.filter(node=node, withdrawn_at=None).exclude(dataset_id__in=names):
        _withdraw(dataset, edition, now)
        changes.withdrawn.append(dataset.dataset_id)
    if changes:
        Edition.objects.filter(pk=1).update(number=edition)
    releases = {record.dataset.dataset_id: [record.release, record.digest] for record in publication.releases}
    trace(
        kind="catalogue.published",
        by=by,
        subject=node.node_id,
        body={
            "releases": releases,
            "added": changes.added,
            "changed": changes.changed,
            "withdrawn": changes.withdrawn,
        },
    )
    return changes


def _next_edition() -> int:
    """The number of the edition this transaction makes; holds the row, so that publications come one by one.

    The clock's microseconds: no number comes twice, also not after a restore from a backup.
    """
    Edition.objects.get_or_create(pk=1)
    last = Edition.objects.select_for_update().get(pk=1).number
    return max(last + 1, time.time_ns() // 1000)


def _publish_new(records: Sequence[ReleaseRecord], node: Node, edition: int, now: datetime) -> None:
    datasets = [
        _described(Dataset(dataset_id=record.dataset.dataset_id, node=node, first_published_at=now), record, edition)
        for record in records
    ]
    Dataset.objects.bulk_create(datasets, batch_size=BATCH)
    releases = (_release(dataset, record, now) for dataset, record in zip(datasets, records, strict=True))
    Release.objects.bulk_create(releases, batch_size=BATCH)


def _described(dataset: Dataset, record: ReleaseRecord, edition: int) -> Dataset:
    dataset.record, dataset.title = record.dataset.model_dump(mode="json"), record.dataset.title
    dataset.dataset_class, dataset.programme = record.dataset.dataset_class.value, record.dataset.programme
    dataset.withdrawn_at, dataset.edition = None, edition
    return dataset


def _release(dataset: Dataset, record: ReleaseRecord, now: datetime) -> Release:
    return Release(
        dataset=dataset,
        release=record.release,
        digest=record.digest,
        content=policy.content_digest(record),
        record=record.model_dump(mode="json", exclude={"cube"}),
        cube=record.cube.model_dump_json(),
        published_at=now,
    )


def _publish_again(record: ReleaseRecord, dataset: Dataset, edition: int, now: datetime) -> bool:
    """Publish a dataset that is known already; whether that changed anything."""
    releases = {release.release: release for release in dataset.releases.all()}
    policy.check_unchanged(record, ((release.release, release.content) for release in releases.values()))
    standing = releases.get(record.release)
    described = record.dataset.model_dump(mode="json")
    if standing and standing.current and dataset.withdrawn_at is None and dataset.record == described:
        return False
    _described(dataset, record, edition).save()
    dataset.releases.filter(current=True).exclude(release=record.release).update(current=False, withdrawn_at=now)
    if standing is None:
        _release(dataset, record, now).save(force_insert=True)
    else:
        dataset.releases.filter(release=record.release).update(current=True, withdrawn_at=None)
    return True


def _withdraw(dataset: Dataset, edition: int, now: datetime) -> None:
    dataset.releases.filter(current=True).update(current=False, withdrawn_at=now)
    Dataset.objects.filter(pk=dataset.pk).update(withdrawn_at=now, edition=edition)


def receive(node: Node, publication: Publication) -> tuple[str, ...]:
    """Take in what a node publishes (``exchange.registry.Publish``); the receipt says what changed."""
    changes = publish(node=node, publication=publication, by=f"node:{node.node_id}")
    told = (("new", changes.added), ("changed", changes.changed), ("withdrawn", changes.withdrawn))
    return tuple(f"{len(names)} {word}" for word, names in told if names) or ("nothing changed",)
