"""Nodes without a network: real warehouse, ledger and policy over synthetic patients."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from oncofed.contracts.catalogue import DatasetClass, DatasetRecord
from oncofed.contracts.exchange import Asker, CountAnswer, CountTask, ReleaseName, Result, Task
from oncofed.contracts.query import parse
from oncofed.node.context import NodeContext
from oncofed.node.ledger import Ledger
from oncofed.node.policy import Policy
from oncofed.node.policy import parse as parse_policy
from oncofed.node.published import Published, PublishedRelease
from oncofed.trust import Pseudonyms, SigningKey
from oncofed.warehouse import Release, Warehouse, load
from oncofed.warehouse.sources.synthetic import SyntheticSource

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY = SigningKey.from_bytes(b"k" * 32)
SECRET = b"s" * 32
PSEUDONYMS = Pseudonyms(b"pseudonyms-of-the-tests-of-the-node")
DATASETS = {
    "breast": (150, DatasetClass.PROTECTED),
    "lung": (90, DatasetClass.PROTECTED),
    "public": (60, DatasetClass.OPEN),
}

_numbers = count(1)


def load_synthetic(directory: Path, dataset_id: str, *, patients: int, release: str = "1",
                   dataset_class: DatasetClass = DatasetClass.PROTECTED, seed: int = 1) -> Release:  # fmt: skip
    """Load one synthetic dataset into the warehouse at ``directory``."""
    record = DatasetRecord(dataset_id=dataset_id, title=dataset_id.title(), dataset_class=dataset_class)
    source = SyntheticSource(record, patients, seed)
    return load(source, directory=directory, pseudonyms=PSEUDONYMS, release=release)[0]


def load_datasets(directory: Path) -> None:
    """Load the three datasets of ``DATASETS``."""
    for seed, (dataset_id, (patients, dataset_class)) in enumerate(DATASETS.items()):
        load_synthetic(directory, dataset_id, patients=patients, dataset_class=dataset_class, seed=seed)


def published(releases: Iterable[Release]) -> Published:
    return Published(
        releases=tuple(
            PublishedRelease(dataset=one.dataset, release=one.release, digest=one.digest, supports=one.supports)
            for one in releases
        )
    )


def context(warehouse: Warehouse, ledger: Ledger | None = None, *, policy: str | Callable[[], Policy] = "",
            **more: object) -> NodeContext:  # fmt: skip
    """A node that has published everything in ``warehouse``; ``policy`` as the text of policy.toml."""
    everything = published(warehouse.releases())
    rules = policy if callable(policy) else lambda: parse_policy(policy)
    given = {"published": lambda: everything, "policy": rules, **more}
    return NodeContext(SECRET, warehouse, ledger or Ledger(":memory:", KEY), **given)


def names(warehouse: Warehouse, *dataset_ids: str) -> tuple[ReleaseName, ...]:
    """The releases of these datasets (of all, if none is named) as a task names them."""
    return tuple(
        ReleaseName(dataset_id=one.dataset.dataset_id, release=one.release, digest=one.digest)
        for one in warehouse.releases()
        if not dataset_ids or one.dataset.dataset_id in dataset_ids
    )


def count_task(releases: Iterable[ReleaseName], text: str = "sex = female and modality = MR and age 40..70", *,
               by: str | None = None, organisation: str = "uni-one", task_id: str = "",
               expires_at: datetime = NOW + timedelta(minutes=1)) -> Task:  # fmt: skip
    """A count as the hub sends it."""
    query = parse(text).query.model_dump(mode="json")
    return Task(
        task_id=task_id or f"task-{next(_numbers)}",
        kind="count",
        created_at=NOW,
        expires_at=expires_at,
        asker=Asker(person="ada", organisation=organisation, purpose="a study"),
        payload=CountTask(query=query, by=by, releases=tuple(releases)).model_dump(mode="json"),
    )


def answer_of(result: Result) -> CountAnswer:
    """The payload of a result that is an answer."""
    assert result.code is None, result
    return CountAnswer.model_validate(result.payload)
