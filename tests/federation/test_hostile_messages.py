"""Messages no honest node sends, to a real hub: each is refused with a registered code, and no count changes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from oncofed.bench.local_federation import CommandFailed
from oncofed.bench.simulated_nodes import COUNT, SimulatedNode
from oncofed.contracts.base import canonical_json
from oncofed.contracts.codes import CODES
from oncofed.contracts.exchange import (
    MAX_RESULT_BYTES,
    Invitation,
    Poll,
    Result,
    Results,
    ResultStatus,
    Task,
    Tasks,
)
from oncofed.contracts.outcome import Outcome
from oncofed.sdk.client import connect
from oncofed.trust.http_signatures import sign_request
from tests.federation.conftest import Federation, make_node

numbers = iter(range(1000))


def in_session(federation: Federation, script: Callable[[SimulatedNode], Awaitable[None]]) -> None:
    """Run ``script`` with a fresh simulated node that has joined; the node is suspended afterwards."""
    node_id = f"hostile-{next(numbers)}"
    invitation = Invitation.from_token(federation.hub.invite(node_id, organisation="Hostile", country="IT")[0])

    async def run() -> None:
        async with httpx.AsyncClient(base_url=federation.hub.url, timeout=30, trust_env=False) as client:
            node = SimulatedNode(invitation, client)
            await node.join()
            assert node.errors == []
            await script(node)

    try:
        asyncio.run(run())
    finally:
        federation.hub.command("node", "suspend", node_id)


def open_question(federation: Federation, node: SimulatedNode, text: str) -> str:
    """Put a question that the simulated node is asked, too; its identifier."""
    with connect(federation.hub.url, federation.ada.token) as hub:
        return hub.ask(text, datasets=[f"{node.node_id}-data"]).id


def outcome_of(federation: Federation, identifier: str) -> Outcome:
    with connect(federation.hub.url, federation.ada.token) as hub:
        return hub.count_of(identifier).outcome


async def next_task(node: SimulatedNode) -> Task:
    reply = await node.post("poll", Poll(instance=node.instance, wait_seconds=10))
    (task,) = Tasks.model_validate_json(reply.content).tasks
    return task


async def deliver(node: SimulatedNode, *results: Result) -> list[str]:
    """Codes of the results that were rejected."""
    reply = await node.post("results", Results(instance=node.instance, results=results))
    assert reply.status_code == httpx.codes.OK, reply.text
    codes = [rejection.code for rejection in Tasks.model_validate_json(reply.content).rejected]
    assert set(codes) <= set(CODES)
    return codes


def with_count(result: Result, count: Any) -> Result:
    assert result.payload is not None
    parts = [{**result.payload["parts"][0], "cells": {"": count}}]
    return result.model_copy(update={"payload": {**result.payload, "parts": parts}})


def test_a_result_counts_once_however_often_it_comes(federation: Federation) -> None:
    async def script(node: SimulatedNode) -> None:
        question = await asyncio.to_thread(
            open_question, federation, node, "sex = male and modality = MR and age >= 50"
        )
        good = node._answer(await next_task(node))
        assert await deliver(node, good) == []
        assert await deliver(node, good) == []
        assert len(await deliver(node, with_count(good, 999))) == 1
        outcome = await asyncio.to_thread(outcome_of, federation, question)
        assert outcome.total is not None
        assert outcome.total.value == COUNT

    in_session(federation, script)


def test_a_result_for_a_foreign_or_unknown_task_is_rejected(federation: Federation) -> None:
    async def script(node: SimulatedNode) -> None:
        await asyncio.to_thread(open_question, federation, node, "sex = male and modality = CT and age >= 50")
        good = node._answer(await next_task(node))
        assert len(await deliver(node, good.model_copy(update={"task_id": "f" * 32}))) == 1

        async def thief(other: SimulatedNode) -> None:
            assert len(await deliver(other, good)) == 1

        await asyncio.to_thread(in_session, federation, thief)
        assert await deliver(node, good) == []

    in_session(federation, script)


@pytest.mark.parametrize("count", ["7", 7.5, None, 10**15, {"a": 1}])
def test_a_malformed_number_is_rejected(federation: Federation, count: object) -> None:
    async def script(node: SimulatedNode) -> None:
        question = await asyncio.to_thread(
            open_question, federation, node, "sex = female and modality = CT and age >= 50"
        )
        bad = with_count(node._answer(await next_task(node)), count)
        assert len(await deliver(node, bad)) == 1
        outcome = await asyncio.to_thread(outcome_of, federation, question)
        assert outcome.total is None

    in_session(federation, script)


def test_a_result_that_is_too_large_is_rejected(federation: Federation) -> None:
    async def script(node: SimulatedNode) -> None:
        await asyncio.to_thread(open_question, federation, node, "sex = female and modality = PT and age >= 50")
        task = await next_task(node)
        large = Result(
            task_id=task.task_id, status=ResultStatus.ANSWERED, payload={"filler": "x" * (MAX_RESULT_BYTES + 1)}
        )
        assert len(await deliver(node, large)) == 1

    in_session(federation, script)


def test_a_clock_ten_minutes_off_is_told_so(federation: Federation) -> None:
    async def script(node: SimulatedNode) -> None:
        body = canonical_json(Poll(instance=node.instance, wait_seconds=0).model_dump(mode="json"))
        for offset in (-600, 600):
            headers = sign_request(
                node.key,
                keyid=node.node_id,
                target=("POST", "/exchange/v1/poll"),
                body=body,
                created=int(time.time()) + offset,
                nonce=f"a-nonce-of-the-past-{offset:+}".replace("+", "p"),
            )
            reply = await node.client.post("/exchange/v1/poll", content=body, headers=headers)
            assert reply.json()["code"] == "clock-off"

    in_session(federation, script)


def test_a_replayed_message_is_refused(federation: Federation) -> None:
    async def script(node: SimulatedNode) -> None:
        body = canonical_json(Poll(instance=node.instance, wait_seconds=0).model_dump(mode="json"))
        headers = sign_request(
            node.key,
            keyid=node.node_id,
            target=("POST", "/exchange/v1/poll"),
            body=body,
            created=int(time.time()),
            nonce="the-same-nonce-twice-1234",
        )
        first = await node.client.post("/exchange/v1/poll", content=body, headers=headers)
        again = await node.client.post("/exchange/v1/poll", content=body, headers=headers)
        assert first.status_code == httpx.codes.OK
        assert again.json()["code"] == "replayed"

    in_session(federation, script)


@pytest.mark.parametrize("spoil", ["used", "cut", "foreign"])
def test_a_bad_invitation_enrols_nobody(federation: Federation, spoil: str) -> None:
    node = make_node(federation.place, f"guest-{spoil}")
    node.command("init", "--title", "Guest", "--country", "IT")
    (token,) = federation.hub.invite(node.node_id, organisation="Guests", country="IT")
    if spoil == "used":
        node.command("enrol", "--token-file", "-", stdin=token)
        node = make_node(federation.place, "guest-second")
        node.command("init", "--title", "Guest", "--country", "IT")
    elif spoil == "cut":
        token = token[:-12]
    else:
        letter = Invitation.from_token(token)
        token = letter.model_copy(update={"secret": "a" * len(letter.secret)}).to_token()
    with pytest.raises(CommandFailed) as failed:
        node.command("enrol", "--token-file", "-", stdin=token)
    assert any(f"[{code}]" in failed.value.output for code in CODES), failed.value.output
