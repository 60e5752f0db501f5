"""People, nodes and their answers, through the same actions as in life."""

import hashlib
from datetime import timedelta

from django.utils import timezone

from oncofed.contracts.catalogue import ReleaseRecord
from oncofed.contracts.exchange import (
    CountAnswer,
    CountPart,
    CountSource,
    CountTask,
    Rejection,
    Result,
    ResultStatus,
    Tasks,
)
from oncofed.disclosure.live import SIGMA
from oncofed.hub.accounts.actions import create_organisation, create_person, create_token, give_role
from oncofed.hub.accounts.models import User
from oncofed.hub.accounts.scopes import SCOPES
from oncofed.hub.catalogue.actions import publish
from oncofed.hub.exchange.intake import Call, serve
from oncofed.hub.exchange.models import Node, Task
from tests.factories.published import publication


def person(email: str = "ada@example.org", *, role: str = "researcher", organisation: str = "uni-one") -> User:
    """A person with one role in one organisation."""
    home = create_organisation(organisation_id=organisation, title=organisation.title(), country="NL", by="test")
    made = create_person(email=email, name=email.partition("@")[0].title(), by="test")
    if role:
        give_role(person=made, organisation=home, role=role, by="test")
    return made


def token(of: User, *, scopes: tuple[str, ...] = tuple(SCOPES)) -> str:
    return create_token(person=of, name="test", scopes=scopes, by=of.actor).secret


def node(node_id: str = "north", *releases: ReleaseRecord, country: str = "DE", title: str = "") -> Node:
    """An enrolled node in session that has published ``releases``."""
    home = create_organisation(organisation_id=f"org-{node_id}", title=f"Org {node_id}", country=country, by="test")
    made = Node.objects.create(
        node_id=node_id,
        organisation=home,
        title=title or f"Hospital {node_id}",
        country=country,
        public_key=hashlib.sha256(node_id.encode()).hexdigest()[:43],
        instance="one",
        last_seen_at=timezone.now(),
    )
    if releases:
        publish(node=made, publication=publication(*releases), by=f"node:{node_id}")
    return made


def poll(of: Node) -> tuple[str, ...]:
    """The node asks for tasks; their ids."""
    (outcome,) = serve([Call(node_id=of.node_id, instance=of.instance, now=timezone.now())])
    assert isinstance(outcome, Tasks)
    return tuple(task.task_id for task in outcome.tasks)


def answer_all(of: Node, count: int) -> None:
    """Answer every task the node has; the next ones come with the reply to each result."""
    waiting = list(poll(of))
    while waiting:
        result = live_answer(waiting.pop(), {"": count})
        call = Call(
            node_id=of.node_id,
            instance=of.instance,
            now=timezone.now(),
            results=(result.model_dump(mode="json"),),
        )
        (outcome,) = serve([call])
        assert isinstance(outcome, Tasks)
        waiting += [task.task_id for task in outcome.tasks]


def send_result(of: Node, result: Result, *, after: timedelta = timedelta()) -> tuple[Rejection, ...]:
    """The node delivers one result; what the hub says to it."""
    call = Call(
        node_id=of.node_id,
        instance=of.instance,
        now=timezone.now() + after,
        results=(result.model_dump(mode="json"),),
    )
    (outcome,) = serve([call])
    assert isinstance(outcome, Tasks)
    return outcome.rejected


def live_answer(task_id: str, cells: dict[str, int], **more: object) -> Result:
    """What an honest node answers: one noisy number over all releases that were asked."""
    asked = CountTask.model_validate(Task.objects.get(pk=task_id).payload)
    part = CountPart(
        source=CountSource.LIVE, releases=asked.releases, cells=cells, sigma=SIGMA, epsilon=0.1 * len(cells)
    )
    answer = CountAnswer(parts=(part.model_copy(update=more.pop("part", {})),), **more)
    return Result(task_id=task_id, status=ResultStatus.ANSWERED, payload=answer.model_dump(mode="json"))


def refusal(task_id: str, code: str, *detail: str) -> Result:
    return Result(task_id=task_id, status=ResultStatus.REFUSED, code=code, detail=detail)
