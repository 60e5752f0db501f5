"""What hub and node say to each other: closed types, bounded, and an invitation that is one string."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from oncofed.contracts.exchange import (
    COUNT,
    MAX_WAIT_SECONDS,
    CountAnswer,
    CountPart,
    CountSource,
    CountTask,
    Invitation,
    Poll,
    ReleaseName,
    Result,
    Results,
    ResultStatus,
    Task,
    Tasks,
)

INVITATION = Invitation(hub_url="https://hub.example", hub_key="A" * 43, secret="s" * 40, node_id="node-1")
RELEASE = ReleaseName(dataset_id="lung", release="1", digest="0" * 64)


@given(st.text(max_size=200), st.sampled_from(["", " ", "\n"]))
def test_an_invitation_is_one_string(secret: str, broken_by: str) -> None:
    invitation = INVITATION.model_copy(update={"secret": secret})
    token = invitation.to_token()
    assert token.isascii()
    assert Invitation.from_token(token[:30] + broken_by + token[30:]) == invitation


@pytest.mark.parametrize("token", ["", "hello", "oncofed-invite-", "oncofed-invite-!!!!", "oncofed-invite-e30"])
def test_anything_else_is_no_invitation(token: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (base64, JSON and pydantic each say it in their words)
        Invitation.from_token(token)


def test_a_task_and_its_result_cross_the_wire() -> None:
    now = datetime.now(UTC)
    count = CountTask(query={"all": []}, by="sex", releases=(RELEASE,))
    asker = {"person": "p", "organisation": "org-1"}
    task = Task.model_validate(
        {
            "task_id": "t",
            "kind": COUNT,
            "created_at": now,
            "expires_at": now,
            "asker": asker,
            "payload": count.model_dump(mode="json"),
        }
    )
    assert Tasks.model_validate_json(Tasks(tasks=(task,)).model_dump_json()).tasks == (task,)
    part = CountPart(source=CountSource.EXACT, releases=(RELEASE,), cells={"": -3}, sigma=0, epsilon=0)
    answer = CountAnswer(parts=(part,))
    result = Result(task_id="t", status=ResultStatus.ANSWERED, payload=answer.model_dump(mode="json"))
    results = Results.model_validate_json(Results(instance="i", results=(result,)).model_dump_json())
    assert results.results[0].payload is not None
    assert CountAnswer.model_validate(results.results[0].payload) == answer


def test_a_poll_does_not_wait_for_ever() -> None:
    assert Poll(instance="i", wait_seconds=MAX_WAIT_SECONDS).wait_seconds == MAX_WAIT_SECONDS
    for wait in (-1, MAX_WAIT_SECONDS + 1):
        with pytest.raises(ValidationError):
            Poll(instance="i", wait_seconds=wait)


def test_a_field_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError):
        Poll.model_validate({"instance": "i", "patients": ["x"]})
