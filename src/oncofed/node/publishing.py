"""Publishing and withdrawing: what the hub may know of the releases here, and ask about."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from oncofed.contracts.catalogue import Publication
from oncofed.contracts.errors import BadInput, Refused
from oncofed.contracts.exchange import Receipt
from oncofed.files import write_durably
from oncofed.node import identity
from oncofed.node.assembly import connect, open_ledger, open_warehouse, read_policy
from oncofed.node.cubes import Cubes
from oncofed.node.hub import Message
from oncofed.node.outbox import Outbox
from oncofed.node.publication import Publisher, as_published
from oncofed.node.published import Published, read_published, write_published
from oncofed.node.settings import Settings


@dataclass(frozen=True)
class Sending:
    """A publication, the exact bytes of it, and the cube ε newly charged by lineage."""

    publication: Publication
    body: bytes
    charged: dict[str, float]


def prepare(settings: Settings, *, progress: Callable[[str], None] = lambda _: None) -> Sending:
    """Build what would be published now. Cubes are made and kept; nothing is charged and nothing leaves."""
    own = identity.read(settings.keys)
    ledger = open_ledger(settings, own)
    publisher = Publisher(open_warehouse(settings), Cubes(settings.cubes_file), ledger, own.noise_secret, progress)
    policy = read_policy(settings.policy_file)
    releases = publisher.warehouse.releases()
    publication = publisher.publication(releases, policy, withdrawn(settings), datetime.now(UTC))
    charged = {
        record.dataset.dataset_id: record.cube.epsilon
        for record in publication.releases
        if record.cube.epsilon and not ledger.was_published(record.digest)
    }
    ledger.close()
    return Sending(publication, publication.canonical_bytes(), charged)


def publish(settings: Settings, sending: Sending, *, all_withdrawn: bool = False) -> Receipt:
    """Charge the cubes, then send; what is absent is withdrawn at the hub.

    From the first byte on the node answers questions about the old and the new releases, from the hub's receipt on
    about the new ones only. ``Refused(nothing-to-publish)`` for an empty publication, unless ``all_withdrawn`` says
    that it is meant.
    """
    if not sending.publication.releases and not all_withdrawn:
        raise Refused("nothing-to-publish")
    enrolled = identity.enrolled(settings.keys)
    own = identity.read(settings.keys)
    ledger = open_ledger(settings, own)
    publisher = Publisher(open_warehouse(settings), Cubes(settings.cubes_file), ledger, own.noise_secret)
    publisher.charge(sending.publication, sending.publication.published_at)
    ledger.close()
    new = as_published(sending.publication)
    before = read_published(settings.published_file)
    gone = withdrawn(settings)
    staying = tuple(one for one in before.releases if one.dataset.dataset_id not in gone)
    write_published(settings.published_file, Published(releases=new).joined(staying))
    about = {"what": "publication", "datasets": [one.dataset.dataset_id for one in new]}
    with connect(settings, own, enrolled, Outbox(settings.outbox_file)) as hub:
        receipt = hub.call(Message("publish", sending.publication, about), Receipt, hold_seconds=60)
    write_published(settings.published_file, Published(releases=new))
    return receipt


def withdrawn(settings: Settings) -> frozenset[str]:
    """Datasets that were withdrawn here."""
    try:
        return frozenset(json.loads(settings.withdrawn_file.read_text())["withdrawn"])
    except FileNotFoundError:
        return frozenset()


def withdraw(settings: Settings, dataset_id: str, *, undo: bool = False) -> None:
    """Note that a dataset is withdrawn (or is so no longer); from now on nothing is answered about it.

    ``BadInput(release-unknown)`` if no release of it is here.
    """
    if dataset_id not in {one.dataset.dataset_id for one in open_warehouse(settings).releases()}:
        raise BadInput("release-unknown", f"no dataset “{dataset_id}” is loaded")
    names = withdrawn(settings) - {dataset_id} if undo else withdrawn(settings) | {dataset_id}
    write_durably(settings.withdrawn_file, json.dumps({"withdrawn": sorted(names)}).encode() + b"\n")
    if not undo:
        before = read_published(settings.published_file)
        kept = tuple(one for one in before.releases if one.dataset.dataset_id != dataset_id)
        write_published(settings.published_file, Published(releases=kept))
