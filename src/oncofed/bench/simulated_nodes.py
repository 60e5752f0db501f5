"""Many nodes in one process that only speak the protocol: to load a hub with 200 hospitals on one machine.

They enrol, publish one generated release each, poll, and answer every count with a fixed number. Nothing is simulated
on the hub's side: keys, signatures, sessions, leases and results are the real ones.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from pydantic import BaseModel

from oncofed import __version__
from oncofed.contracts.base import canonical_json
from oncofed.contracts.catalogue import (
    Cube,
    DatasetClass,
    DatasetRecord,
    Marginal,
    Publication,
    ReleaseRecord,
    ReleaseSize,
    SizeBand,
)
from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.exchange import (
    CountAnswer,
    CountPart,
    CountSource,
    CountTask,
    Enrolment,
    Hello,
    Invitation,
    Poll,
    Result,
    Results,
    ResultStatus,
    Task,
    Tasks,
)
from oncofed.contracts.vocabulary import VOCABULARY_VERSION
from oncofed.trust.http_signatures import sign_request
from oncofed.trust.keys import SigningKey

WAIT_SECONDS = 25.0
COUNT = 7
"""The patients every simulated node says it has."""


def open_release(dataset_id: str, *, patients: int = COUNT) -> ReleaseRecord:
    """A generated release of open data with an empty cube."""
    band = SizeBand(low=patients, high=patients + 1)
    return ReleaseRecord(
        dataset=DatasetRecord(
            dataset_id=dataset_id,
            title=f"Generated dataset {dataset_id}",
            dataset_class=DatasetClass.OPEN,
            synthetic=True,
        ),
        release="1",
        digest=hashlib.sha256(dataset_id.encode()).hexdigest(),
        released_at=datetime.now(UTC),
        vocabulary_version=VOCABULARY_VERSION,
        supports=tuple(CRITERIA),
        size=ReleaseSize(patients=band, studies=band, series=band, instances=band),
        cube=Cube(epsilon=0, delta=0, population=Marginal(criteria=(), cells={"": patients}, sigma=0), marginals=()),
    )


@dataclass
class SimulatedNode:
    """One node: its key, its session, and what it has seen."""

    invitation: Invitation
    client: httpx.AsyncClient
    key: SigningKey = field(default_factory=SigningKey.generate)
    instance: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    answered: int = 0
    polls: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def node_id(self) -> str:
        """Its identifier at the hub."""
        return self.invitation.node_id

    async def post(self, verb: str, message: BaseModel) -> httpx.Response:
        """Send one signed message; the reply's signature is the business of the real node, and of its tests."""
        body = canonical_json(message.model_dump(mode="json"))
        path = f"/exchange/v1/{verb}"
        headers = sign_request(
            self.key,
            keyid=self.key.public if verb == "enrol" else self.node_id,
            target=("POST", path),
            body=body,
            created=int(time.time()),
            nonce=secrets.token_urlsafe(24),
        )
        reply = await self.client.post(path, content=body, headers={**headers, "content-type": "application/json"})
        if reply.status_code not in (httpx.codes.OK, httpx.codes.NO_CONTENT):
            self.errors.append(f"{verb}: {reply.status_code} {reply.text[:200]}")
        return reply

    async def join(self) -> None:
        """Enrol, open a session and publish."""
        await self.post(
            "enrol",
            Enrolment(
                node_id=self.node_id,
                secret=self.invitation.secret,
                public_key=self.key.public,
                title=f"Simulated node {self.node_id}",
                country="EU",
                software=f"oncofed-bench/{__version__}",
            ),
        )
        await self.post(
            "session",
            Hello(software=f"oncofed-bench/{__version__}", instance=self.instance, epoch=1, ledger_sequence=0),
        )
        release = open_release(f"{self.node_id}-data")
        await self.post("publish", Publication(releases=(release,), published_at=datetime.now(UTC)))

    async def serve(self, stop: asyncio.Event) -> None:
        """Poll and answer until ``stop`` is set."""
        while not stop.is_set():
            reply = await self.post("poll", Poll(instance=self.instance, wait_seconds=WAIT_SECONDS))
            self.polls += 1
            tasks = self._tasks(reply)
            while tasks:
                results = tuple(self._answer(task) for task in tasks)
                reply = await self.post("results", Results(instance=self.instance, results=results))
                self.answered += len(results)
                tasks = self._tasks(reply)
            if self.errors:
                await asyncio.sleep(0.5)

    def _tasks(self, reply: httpx.Response) -> tuple[Task, ...]:
        if reply.status_code != httpx.codes.OK:
            return ()
        message = Tasks.model_validate_json(reply.content)
        self.errors += [f"rejected: {rejection.code}" for rejection in message.rejected]
        return message.tasks

    @staticmethod
    def _answer(task: Task) -> Result:
        question = CountTask.model_validate(task.payload)
        part = CountPart(source=CountSource.EXACT, releases=question.releases, cells={"": COUNT}, sigma=0, epsilon=0)
        answer = CountAnswer(parts=(part,))
        return Result(task_id=task.task_id, status=ResultStatus.ANSWERED, payload=answer.model_dump(mode="json"))


async def join_all(nodes: Iterable[SimulatedNode], *, at_once: int = 8) -> None:
    """Let every node join, a few at a time."""
    gate = asyncio.Semaphore(at_once)

    async def join(node: SimulatedNode) -> None:
        async with gate:
            await node.join()

    await asyncio.gather(*(join(node) for node in nodes))
