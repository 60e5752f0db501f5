"""The node that is attacked: real warehouse, policy, ledger and count task, over patients whom the attacker knows.

Only the network is left out: a question goes to ``node.tasks.count.answer``, the function the agent calls.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from oncofed.contracts.catalogue import DatasetRecord
from oncofed.contracts.exchange import Asker, CountAnswer, CountTask, ReleaseName, Result, Task
from oncofed.contracts.query import Query, parse
from oncofed.contracts.vocabulary import domain
from oncofed.disclosure.live import Question
from oncofed.node.context import NodeContext
from oncofed.node.ledger import Ledger
from oncofed.node.policy import Policy
from oncofed.node.published import Published, PublishedRelease
from oncofed.node.tasks import count as count_task
from oncofed.trust import Pseudonyms, SigningKey
from oncofed.warehouse import Warehouse, load
from oncofed.warehouse.sources.base import Draft, Filling, SourceReport

DATASET = DatasetRecord(dataset_id="known-patients", title="Patients the attacker knows", synthetic=True)
SUPPORTS = ("species", "sex", "diagnosis", "age_at_diagnosis", "her2")
AGES = domain("age_at_diagnosis")
TARGET_AGE = AGES[-1]
"""The oldest band: the target is the only one in it with the marker asked for."""
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

_START = {label: int(label.rstrip("+").split("-")[0]) for label in AGES}
_PSEUDONYMS = Pseudonyms(b"known-patients-of-the-disclosure-bench")


_INSERTS = (
    "INSERT INTO patient (dataset_id, patient_key, species, birth_sex)"
    " SELECT dataset_id, patient_key, 'human', 'female' FROM known",
    "INSERT INTO cancer_condition (dataset_id, condition_id, patient_key, kind, oncotree_code, age_at_diagnosis)"
    " SELECT dataset_id, number, patient_key, 'primary', 'BREAST', age FROM known",
    "INSERT INTO observation (dataset_id, observation_id, patient_key, category, code_system, code, value_code)"
    " SELECT dataset_id, number, patient_key, 'tumour_marker', 'LOINC', '85319-2', her2 FROM known",
)


@dataclass(frozen=True)
class KnownPatient:
    """One patient with breast cancer: name, age band at diagnosis and HER2."""

    name: str
    age: str
    her2: str


TARGET = KnownPatient("target", TARGET_AGE, "3+")
BYSTANDER = KnownPatient("bystander", AGES[0], "0")


def known_members(seed: int = 11) -> tuple[KnownPatient, ...]:
    """Everybody but the target: about 20 with HER2 3+ in each age band but the target's, where nobody has it."""
    rng = random.Random(seed)
    members = [BYSTANDER]
    for age in AGES:
        positive = 0 if age == TARGET_AGE else rng.randrange(5, 36)
        members += [KnownPatient(f"{age} {n}", age, "3+" if n < positive else "0") for n in range(positive + 10)]
    return tuple(members)


@dataclass
class KnownPatients:
    """A source for the warehouse: these patients and nobody else."""

    patients: Sequence[KnownPatient]
    name: str = "known-patients"
    mapping_version: str = "1"

    def fill(self, filling: Filling) -> SourceReport:
        """One diagnosis and one HER2 result each."""
        columns = [
            [filling.pseudonyms.patient(one.name) for one in self.patients],
            [_START[one.age] for one in self.patients],
            [one.her2 for one in self.patients],
        ]
        filling.connection.execute(
            "CREATE TEMP TABLE known AS SELECT ? AS dataset_id, row_number() OVER () AS number, *"
            " FROM (SELECT unnest(?) AS patient_key, unnest(?) AS age, unnest(?) AS her2)",
            [DATASET.dataset_id, *columns],
        )
        for statement in _INSERTS:
            filling.connection.execute(statement)
        filling.connection.execute("DROP TABLE known")
        return SourceReport(drafts=(Draft(DATASET, SUPPORTS),), rows_in=len(self.patients))


@dataclass
class AttackedNode:
    """A node whose releases the attacker may ask about, as anyone the (perhaps lying) hub says."""

    context: NodeContext
    warehouse: Warehouse
    releases: tuple[PublishedRelease, ...]
    asked: Iterable[int]

    @classmethod
    def over(cls, warehouse: Warehouse, ledger: Path | str = ":memory:", secret: bytes = b"n" * 32) -> "AttackedNode":
        """A node with all releases of ``warehouse`` published, all of them protected, and the policy as shipped."""
        releases = tuple(
            PublishedRelease(dataset=one.dataset, release=one.release, digest=one.digest, supports=one.supports)
            for one in warehouse.releases()
        )
        context = NodeContext(
            noise_secret=secret,
            warehouse=warehouse,
            ledger=Ledger(ledger, SigningKey.from_bytes(b"k" * 32)),
            published=lambda: Published(releases=releases),
        )
        return cls(context, warehouse, releases, count(1))

    def with_secret(self, secret: bytes) -> "AttackedNode":
        """The same patients at a node that was set up with another secret and has answered nothing yet."""
        ledger = Ledger(":memory:", SigningKey.from_bytes(b"k" * 32))
        return replace(self, context=replace(self.context, noise_secret=secret, ledger=ledger))

    def with_policy(self, policy: Policy) -> "AttackedNode":
        """The node after its policy changed; secret and ledger stay."""
        return replace(self, context=replace(self.context, policy=lambda: policy))

    def close(self) -> None:
        """Let go of the warehouse's files and of the ledger."""
        self.warehouse.close()
        self.context.ledger.close()

    def result(
        self, query: Query, by: str | None = None, *, organisation: str = "attacker", release: int = -1
    ) -> Result:
        """What the node sends back to one task about one of its releases."""
        chosen = self.releases[release]
        name = ReleaseName(dataset_id=chosen.dataset.dataset_id, release=chosen.release, digest=chosen.digest)
        payload = CountTask(query=query.model_dump(mode="json"), by=by, releases=(name,)).model_dump(mode="json")
        task = Task(
            task_id=f"task-{next(iter(self.asked))}",
            kind="count",
            created_at=NOW,
            expires_at=NOW + timedelta(hours=1),
            asker=Asker(person="person", organisation=organisation, purpose="attack"),
            payload=payload,
        )
        return count_task.answer(task, self.context, NOW)

    def cells(self, query: Query, by: str | None = None, *, organisation: str = "attacker") -> dict[str, int] | None:
        """The numbers of the answer, or None if it was refused."""
        payload = self.result(query, by, organisation=organisation).payload
        return None if payload is None else CountAnswer.model_validate(payload).parts[0].cells

    def exact(self, query: Query, release: int = -1) -> int:
        """The true count, which no attacker sees."""
        chosen = self.releases[release]
        counted = self.warehouse.count(query, [(chosen.dataset.dataset_id, chosen.release)])
        return counted.get("", 0)

    def question(self, query: Query, release: int = -1) -> Question:
        """The question as the noise is keyed by it."""
        return Question(query.key, None, frozenset({self.releases[release].digest}))


def attacked_node(directory: Path, *, with_target: bool, opted_out: KnownPatient | None = None) -> AttackedNode:
    """A node over the known members, and the target or not; with a second release without ``opted_out``, if given."""
    patients = (*known_members(), *([TARGET] if with_target else ()))
    source = KnownPatients(patients)
    load(source, directory=directory, pseudonyms=_PSEUDONYMS, release="1")
    if opted_out is not None:
        gone = [_PSEUDONYMS.patient(opted_out.name)]
        load(source, directory=directory, pseudonyms=_PSEUDONYMS, release="2", opt_outs=gone)
    return AttackedNode.over(Warehouse(directory))


def her2_positive(ages: Iterable[str]) -> Query:
    """HER2 3+ diagnosed in one of these age bands: no cube can answer it."""
    return parse(f"her2 = 3+ and age at diagnosis in ({', '.join(sorted(ages))})").query
