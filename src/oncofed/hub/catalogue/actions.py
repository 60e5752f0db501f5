"""What changes the catalogue: a node's publication. Registered with ``exchange``, run in its transaction."""

import time
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from oncofed.contracts.catalogue import Publication, ReleaseRecord
from oncofed.hub.catalogue import policy
from oncofed.hub.catalogue.models import Dataset, Edition, Release
from oncofed.hub.exchange.models import Node
from oncofed.hub.trace.actions import record as trace


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
    known = {dataset.dataset_id: dataset for dataset in Dataset.objects.filter(dataset_id__in=names)}
    policy.check_owner(node.node_id, {name: dataset.node_id for name, dataset in known.items()})
    changes, now = Changes(), timezone.now()
    for record in publication.releases:
        _publish_one(
            record,
            known.get(record.dataset.dataset_id),
            node=node,
            edition=edition,
            changes=changes,
        )
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


def _publish_one(
    record: ReleaseRecord,
    dataset: Dataset | None,
    *,
    node: Node,
    edition: int,
    changes: Changes,
) -> None:
    now, name = timezone.now(), record.dataset.dataset_id
    description = record.dataset.model_dump(mode="json")
    if dataset is None:
        dataset = Dataset(dataset_id=name, node=node, first_published_at=now)
        changes.added.append(name)
    else:
        releases = {release.release: release for release in dataset.releases.all()}
        policy.check_unchanged(
            record,
            ((release.release, release.content) for release in releases.values()),
        )
        standing = releases.get(record.release)
        if standing and standing.current and dataset.withdrawn_at is None and dataset.record == description:
            return
        changes.changed.append(name)
    dataset.record, dataset.title = description, record.dataset.title
    dataset.dataset_class, dataset.programme = (
        record.dataset.dataset_class.value,
        record.dataset.programme,
    )
    dataset.withdrawn_at, dataset.edition = None, edition
    dataset.save()
    _make_current(dataset, record, now)


def _make_current(dataset: Dataset, record: ReleaseRecord, now: datetime) -> None:
    others = dataset.releases.filter(current=True).exclude(release=record.release)
    others.update(current=False, withdrawn_at=now)
    Release.objects.update_or_create(
        dataset=dataset,
        release=record.release,
        defaults={"current": True, "withdrawn_at": None},
        create_defaults={
            "digest": record.digest,
            "content": policy.content_digest(record),
            "record": record.model_dump(mode="json", exclude={"cube"}),
            "cube": record.cube.model_dump_json(),
            "published_at": now,
            "current": True,
        },
    )


def _withdraw(dataset: Dataset, edition: int, now: datetime) -> None:
    dataset.releases.filter(current=True).update(current=False, withdrawn_at=now)
    Dataset.objects.filter(pk=dataset.pk).update(withdrawn_at=now, edition=edition)


def receive(node: Node, publication: Publication) -> tuple[str, ...]:
    """Take in what a node publishes (``exchange.registry.Publish``); the receipt says what changed."""
    changes = publish(node=node, publication=publication, by=f"node:{node.node_id}")
    told = (("new", changes.added), ("changed", changes.changed), ("withdrawn", changes.withdrawn))
    return tuple(f"{len(names)} {word}" for word, names in told if names) or ("nothing changed",)
