"""Node and hub over the real endpoints: enrolment, sessions, tasks, results, and everything that can go wrong."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from django.db import OperationalError

from oncofed.contracts.catalogue import Publication
from oncofed.contracts.errors import Corrupt, Refused, Unreachable
from oncofed.contracts.exchange import (
    MAX_BODY_BYTES,
    MAX_RESULT_BYTES,
    Answered,
    AnsweredSince,
    Failure,
    Poll,
    Tasks,
    Welcome,
)
from oncofed.hub.exchange import actions, queries, registry
from oncofed.hub.exchange.asgi import Exchange
from oncofed.hub.exchange.intake import Call, serve
from oncofed.hub.exchange.keyring import Keyring
from oncofed.hub.exchange.models import AnsweredEntry, Invitation, Node, NodeState, SeenNonce, Task, TaskState
from oncofed.hub.trace.models import Event
from oncofed.trust.http_signatures import sign_request
from oncofed.trust.keys import SigningKey, follow_rotations
from tests.factories import exchange as factory
from tests.factories.exchange import Peer, answered, entry

pytestmark = pytest.mark.django_db(transaction=True)


def code(reply: httpx.Response) -> str:
    return Failure.model_validate_json(reply.content).code


def tasks(reply: httpx.Response) -> Tasks:
    assert reply.status_code == 200, reply.content
    return Tasks.model_validate_json(reply.content)


def rejected(reply: httpx.Response) -> list[tuple[str, str]]:
    return [(rejection.task_id, rejection.code) for rejection in tasks(reply).rejected]


# ---- enrolment ----


def test_an_invitation_lets_one_node_in_once(play):
    async def scene(stage):
        letter = await stage.db(factory.invitation, stage.exchange.keyring)
        assert (await stage.peer.enrol(letter)).status_code == 200
        again = await stage.peer.enrol(letter)  # the first reply was lost
        assert again.status_code == 200
        assert again.json() == {"node_id": "north", "hub_key": stage.exchange.keyring.current.public}
        thief = Peer(stage.peer.client, "north", stage.peer.pinned)
        assert code(await thief.enrol(letter)) == "invitation-used"
        node = await stage.db(lambda: Node.objects.get(pk="north"))
        assert (node.title, node.country, node.organisation_id) == ("North", "NL", "hospital")
        kinds = await stage.db(lambda: list(Event.objects.filter(subject="north").values_list("kind", flat=True)))
        assert kinds == ["node.invited", "node.enrolled"]

    play(scene, enrolled=False)


def test_invitations_that_are_wrong_or_late(play):
    async def scene(stage):
        letter = await stage.db(factory.invitation, stage.exchange.keyring)
        assert code(await stage.peer.enrol(letter, secret="guess")) == "invitation-unknown"
        assert code(await stage.peer.enrol(letter, node_id="south")) == "invitation-unknown"
        assert code(await stage.peer.enrol(letter, protocol=99)) == "protocol-unsupported"
        late = await stage.db(factory.invitation, stage.exchange.keyring, "east", timedelta(seconds=-1))
        assert code(await stage.peer.enrol(late)) == "invitation-expired"
        other = SigningKey.generate().public
        assert code(await stage.peer.enrol(letter, public_key=other)) == "signature-invalid"

    play(scene, enrolled=False)


def test_a_key_or_a_name_enrols_once(play):
    async def scene(stage):
        letter = await stage.db(factory.invitation, stage.exchange.keyring, "south")
        assert code(await stage.peer.enrol(letter)) == "node-known"  # the same key as north
        stranger = Peer(stage.peer.client, "south", stage.peer.pinned)
        second = await stage.db(factory.invitation, stage.exchange.keyring, "south")
        assert (await stranger.enrol(letter)).status_code == 200
        third = Peer(stage.peer.client, "south", stage.peer.pinned)
        assert code(await third.enrol(second)) == "node-known"
        assert await stage.db(lambda: Invitation.objects.filter(used_at=None).count()) == 1

    play(scene)


# ---- signatures ----


def test_what_is_not_signed_right_is_refused(play):
    async def scene(stage):
        peer = stage.peer
        assert code(await peer.poll(keyid="nobody")) == "node-unknown"
        impostor = Peer(peer.client, "north", peer.pinned)
        assert code(await impostor.poll()) == "signature-invalid"
        assert code(await peer.poll(tamper=b" ")) == "digest-mismatch"
        bare = await peer.client.post("/exchange/v1/poll", content=b"{}")
        assert (bare.status_code, code(bare)) == (401, "signature-missing")
        assert "signature" not in bare.headers
        assert (await peer.client.get("/exchange/v1/poll")).status_code == 405
        assert (await peer.client.post("/exchange/v1/nothing")).status_code == 404

    play(scene)


def test_a_clock_ten_minutes_off_is_told_the_time(play):
    async def scene(stage):
        for offset in (-600, 600):
            reply = await stage.peer.poll(created=int(time.time()) + offset)
            failure = Failure.model_validate_json(reply.content)
            assert failure.code == "clock-off"
            assert abs((datetime.fromisoformat(failure.detail) - datetime.now(UTC)).total_seconds()) < 10

    play(scene)


def test_a_request_is_let_in_once(play):
    async def scene(stage):
        nonce = "n" * 32
        assert (await stage.peer.poll(nonce=nonce)).status_code == 200
        assert code(await stage.peer.poll(nonce=nonce)) == "replayed"
        since = AnsweredSince(sequence=0)
        assert code(await stage.peer.post("answered", since, nonce=nonce)) == "replayed"
        await stage.db(lambda: SeenNonce.objects.update(until=0))
        from oncofed.hub.exchange.asgi import _prune_nonces

        await stage.db(_prune_nonces)
        assert await stage.db(SeenNonce.objects.count) == 0

    play(scene)


def test_messages_that_are_none(play):
    async def scene(stage):
        peer = stage.peer
        for verb in ("session", "publish", "poll", "answered", "enrol"):
            assert code(await peer.post(verb, b'{"no": 1}')) == "message-invalid"
        assert code(await peer.post("poll", b'{"instance": "a\\u0000b"}')) == "message-invalid"
        for body in (
            b"",
            b"[]",
            b'{"instance": "first"}',
            b'{"instance": "first", "results": {}}',
            b'{"instance": "\\u0000", "results": []}',
            b"[" * 100000,
        ):
            assert code(await peer.post("results", body)) == "message-invalid"
        reply = await peer.post("poll", b" " * (MAX_BODY_BYTES + 1))
        assert (reply.status_code, code(reply)) == (413, "too-large")
        reply = await peer.post("poll", b" " * (5 * MAX_BODY_BYTES))
        assert code(reply) == "too-large"

    play(scene)


# ---- sessions ----


def test_epochs_count_up_and_a_lost_reply_is_harmless(play):
    async def scene(stage):
        peer = stage.peer
        assert (await peer.hello(1)).status_code == 200  # the same again
        peer.instance = "second"
        assert code(await peer.hello(1)) == "node-behind"
        welcome = Welcome.model_validate_json((await peer.hello(2)).content)
        assert (welcome.epoch, welcome.rotations, welcome.protocol) == (2, (), 1)
        assert abs((welcome.hub_time - datetime.now(UTC)).total_seconds()) < 10
        assert code(await peer.hello(3, protocol=0)) == "protocol-unsupported"

    play(scene)


def test_the_former_instance_is_superseded_and_its_held_poll_ends(play):
    async def scene(stage):
        held = asyncio.create_task(stage.peer.poll(20))
        await asyncio.sleep(0.2)
        heir = Peer(stage.peer.client, "north", stage.peer.pinned, stage.peer.key, "heir")
        assert (await heir.hello(2)).status_code == 200
        reply = await held
        assert (reply.status_code, code(reply)) == (409, "node-superseded")
        assert code(await stage.peer.results()) == "node-superseded"
        assert tasks(await heir.poll()).tasks == ()

    play(scene)


def test_a_node_restored_from_a_backup_recovers(play):
    async def scene(stage):
        peer = stage.peer
        for sequence in (1, 2):
            task = await stage.send()
            await peer.poll()
            await peer.results(answered(task.pk, entry=entry(sequence)))
        peer.instance = "restored"
        assert code(await peer.hello(1, 1)) == "node-behind"
        assert code(await peer.hello(2, 1)) == "node-behind"  # epoch right, ledger not
        reply = await peer.post("answered", AnsweredSince(sequence=1))
        told = Answered.model_validate_json(reply.content)
        assert ([one.sequence for one in told.entries], told.last, told.epoch) == ([2], 2, 1)
        assert (await peer.hello(2, 2)).status_code == 200

    play(scene)


def test_a_hub_restored_from_a_backup_takes_the_nodes_word(play):
    async def scene(stage):
        assert (await stage.peer.hello(9)).status_code == 200
        event = await stage.db(lambda: Event.objects.get(kind="node.ahead"))
        assert event.body == {"epoch": 9, "hub": 1}
        assert rejected(await stage.peer.results(answered("of-another-time"))) == [("of-another-time", "task-unknown")]

    play(scene)


def test_a_suspended_node_is_refused_until_admitted(play):
    async def scene(stage):
        node = await stage.db(lambda: Node.objects.get(pk="north"))
        held = asyncio.create_task(stage.peer.poll(20))
        await asyncio.sleep(0.2)
        await stage.db(actions.set_state, node=node, state=NodeState.SUSPENDED, by="test")
        assert code(await held) == "node-suspended"
        assert code(await stage.peer.hello(2)) == "node-suspended"
        await stage.db(actions.set_state, node=node, state=NodeState.ACTIVE, by="test")
        assert (await stage.peer.poll()).status_code == 200

    play(scene)


# ---- tasks and results ----


def test_a_held_poll_gets_the_task_at_once_and_the_result_is_taken_in(play):
    async def scene(stage):
        held = asyncio.create_task(stage.peer.poll(20))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        sent = await stage.send("hello")
        (task,) = tasks(await held).tasks
        assert time.monotonic() - began < 15  # it was not held to the end
        assert (task.task_id, task.kind, task.payload) == (sent.pk, "echo", {"words": "hello"})
        assert task.asker.organisation == "uni-one"
        assert tasks(await stage.peer.poll()).tasks == ()  # leased
        following = await stage.send("more")
        reply = tasks(await stage.peer.results(answered(sent.pk, said="hi")))
        assert [one.task_id for one in reply.tasks] == [following.pk]
        assert reply.rejected == ()
        stored = await stage.task(sent.pk)
        assert (stored.state, stored.result["payload"]) == (TaskState.ANSWERED, {"said": "hi"})
        assert stage.domain.ended == [(sent.pk, "answered")]

    play(scene)


def test_a_result_is_accepted_once(play):
    async def scene(stage):
        sent = await stage.send()
        await stage.peer.poll()
        first, other = answered(sent.pk, said="hi"), answered(sent.pk, said="ho")
        assert rejected(await stage.peer.results(first, first)) == []
        assert rejected(await stage.peer.results(first)) == []
        assert rejected(await stage.peer.results(other)) == [(sent.pk, "task-closed")]
        assert stage.domain.ended == [(sent.pk, "answered")]

    play(scene)


def test_a_foreign_task_is_unknown(play):
    async def scene(stage):
        sent = await stage.send()
        letter = await stage.db(factory.invitation, stage.exchange.keyring, "south")
        south = Peer(stage.peer.client, "south", stage.peer.pinned)
        await south.enrol(letter)
        await south.hello(1)
        assert rejected(await south.results(answered(sent.pk))) == [(sent.pk, "task-unknown")]
        assert (await stage.task(sent.pk)).state == TaskState.QUEUED

    play(scene)


def test_one_bad_result_does_not_take_the_others_with_it(play):
    async def scene(stage):
        good, malformed, empty, large, bad, nul = [await stage.send() for _ in range(6)]
        await stage.peer.poll()
        body = {
            "instance": "first",
            "results": [
                answered(good.pk, said="hi").model_dump(mode="json"),
                {"task_id": malformed.pk, "status": "answered", "payload": {}, "more": 1},
                {"task_id": empty.pk, "status": "answered"},
                answered(large.pk, said="x" * MAX_RESULT_BYTES).model_dump(mode="json"),
                answered(bad.pk, bad=True).model_dump(mode="json"),
                answered(nul.pk, said="a\0b").model_dump(mode="json"),
                "nothing at all",
            ],
        }
        assert rejected(await stage.peer.post("results", json.dumps(body).encode())) == [
            (malformed.pk, "result-invalid"),
            (empty.pk, "result-invalid"),
            (large.pk, "too-large"),
            (bad.pk, "answer-malformed"),
            (nul.pk, "result-invalid"),
            ("", "task-unknown"),
        ]
        states = {task.pk: (task.state, task.code) for task in await stage.db(lambda: list(Task.objects.all()))}
        assert states == {
            good.pk: (TaskState.ANSWERED, ""),
            malformed.pk: (TaskState.REFUSED, "result-invalid"),
            empty.pk: (TaskState.REFUSED, "result-invalid"),
            large.pk: (TaskState.REFUSED, "too-large"),
            bad.pk: (TaskState.REFUSED, "answer-malformed"),
            nul.pk: (TaskState.REFUSED, "result-invalid"),
        }
        assert len(stage.domain.ended) == 6
        # the refused one is not opened again by a better answer
        assert rejected(await stage.peer.results(answered(bad.pk))) == [(bad.pk, "task-closed")]

    play(scene)


def test_an_overdue_task_expires_and_a_late_result_is_rejected_but_its_entry_kept(play):
    async def scene(stage):
        sent = await stage.send(life=timedelta(milliseconds=300))
        await stage.peer.poll()
        await asyncio.sleep(0.4)
        assert rejected(await stage.peer.results(answered(sent.pk, entry=entry(1)))) == [(sent.pk, "task-expired")]
        await stage.db(actions.expire)
        stored = await stage.task(sent.pk)
        assert (stored.state, stored.code) == (TaskState.EXPIRED, "task-expired")
        assert stage.domain.ended == [(sent.pk, "task-expired")]
        assert rejected(await stage.peer.results(answered(sent.pk))) == [(sent.pk, "task-expired")]
        told = Answered.model_validate_json((await stage.peer.post("answered", AnsweredSince(sequence=0))).content)
        assert told.last == 1

    play(scene)


def test_a_lost_lease_runs_out_and_a_new_session_gets_the_task_at_once(play):
    async def scene(stage):
        sent = await stage.send()
        assert len(tasks(await stage.peer.poll()).tasks) == 1
        stage.peer.instance = "after the crash"
        await stage.peer.hello(2)
        assert [task.task_id for task in tasks(await stage.peer.poll()).tasks] == [sent.pk]
        assert tasks(await stage.peer.poll()).tasks == ()
        past = datetime.now(UTC) - timedelta(seconds=1)
        await stage.db(lambda: Task.objects.update(leased_until=past))
        assert [task.task_id for task in tasks(await stage.peer.poll()).tasks] == [sent.pk]

    play(scene)


def test_a_mistake_in_a_domain_is_one_nodes_trouble_only(play):
    async def scene(stage):
        letter = await stage.db(factory.invitation, stage.exchange.keyring, "south")
        south = Peer(stage.peer.client, "south", stage.peer.pinned)
        await south.enrol(letter)
        await south.hello(1)
        sent = await stage.send()
        crash, fine = await asyncio.gather(stage.peer.results(answered(sent.pk, crash=True)), south.poll())
        assert (crash.status_code, code(crash)) == (503, "hub-failed")
        assert fine.status_code == 200
        assert (await stage.task(sent.pk)).state == TaskState.QUEUED

    play(scene)


def test_a_newer_poll_ends_the_one_before(play):
    async def scene(stage):
        first = asyncio.create_task(stage.peer.poll(20))
        await asyncio.sleep(0.2)
        second = asyncio.create_task(stage.peer.poll(20))
        assert tasks(await first).tasks == ()
        sent = await stage.send()
        assert [task.task_id for task in tasks(await second).tasks] == [sent.pk]
        assert tasks(await stage.peer.poll(0.1)).tasks == ()

    play(scene)


def test_a_stopping_hub_lets_held_polls_go_and_takes_no_new_ones(play):
    async def scene(stage):
        held = asyncio.create_task(stage.peer.poll(20))
        await asyncio.sleep(0.2)
        stage.exchange.stop()
        assert tasks(await held).tasks == ()
        reply = await stage.peer.poll()
        assert (reply.status_code, code(reply)) == (503, "hub-stopping")

    play(scene)


# ---- keys ----


def test_nodes_follow_the_hubs_new_key_by_themselves(play):
    async def scene(stage):
        old = stage.peer.pinned
        for _ in range(2):
            await stage.db(actions.rotate_key, keyring=stage.exchange.keyring, by="test")
        reply = await stage.peer.poll()  # still verified under the old key: the peer checks every reply
        assert reply.status_code == 200
        stage.peer.instance = "next"
        welcome = Welcome.model_validate_json((await stage.peer.hello(2)).content)
        newest = follow_rotations(old, welcome.rotations)
        assert newest == stage.exchange.keyring.current.public != old
        stage.peer.pinned = newest
        assert (await stage.peer.poll()).status_code == 200
        stage.peer.pinned = SigningKey.generate().public
        with pytest.raises(Corrupt):
            await stage.peer.poll()

    play(scene)


# ---- publications ----


def test_publications_go_to_the_domain_and_an_older_one_cannot_undo_a_newer(play, monkeypatch):
    taken = []

    def take(node, publication):
        taken.append(node.pk)
        return ("one dataset",)

    monkeypatch.setattr(registry, "_publish", [take])

    async def scene(stage):
        now = datetime.now(UTC)
        reply = await stage.peer.post("publish", Publication(releases=(), published_at=now))
        assert reply.json() == {"accepted": True, "detail": ["one dataset"]}
        older = Publication(releases=(), published_at=now - timedelta(seconds=1))
        stale = await stage.peer.post("publish", older)
        assert (stale.status_code, code(stale)) == (409, "publication-stale")
        event = await stage.db(lambda: Event.objects.get(kind="node.published"))
        assert (event.subject, event.by, event.body) == ("north", "node:north", {"releases": {}})

    play(scene)
    assert taken == ["north"]


# ---- the desk ----


def test_nothing_is_handed_in_before_the_start_or_after_the_end(tmp_path):
    async def scene():
        exchange = Exchange(Keyring(tmp_path))
        with pytest.raises(Unreachable):
            await exchange.desk.run(int)
        async with exchange.running():
            exchange.desk.start()  # a second start changes nothing
            assert await exchange.desk.run(lambda: 7) == 7
            gone = asyncio.create_task(exchange.desk.run(lambda: time.sleep(0.1)))
            await asyncio.sleep(0.05)
            gone.cancel()  # whoever waited has left
        await exchange.desk.stop()
        with pytest.raises(Unreachable):
            await exchange.desk.run(int)

    asyncio.run(scene())


def test_a_database_that_does_not_answer_is_the_hubs_trouble(play):
    def away():
        raise OperationalError("no connection")

    async def scene(stage):
        with pytest.raises(Unreachable) as caught:
            await stage.exchange.desk.run(away)
        assert caught.value.code == "hub-failed"
        assert (await stage.peer.poll()).status_code == 200

    play(scene)


def test_a_node_that_hangs_up_gets_no_task(play):
    """Its task waits for the next poll instead of going into the void."""

    async def scene(stage):
        message = {"type": "http.request", "body": Poll(instance="first", wait_seconds=20).canonical_bytes()}
        path = "/exchange/v1/poll"
        signed = sign_request(
            stage.peer.key,
            keyid="north",
            target=("POST", path),
            body=message["body"],
            created=int(time.time()),
            nonce="h" * 32,
        )
        headers = [(name.encode(), value.encode()) for name, value in signed.items()]
        arriving: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        arriving.put_nowait(message)
        sent: list[dict[str, object]] = []

        async def send(part):
            sent.append(part)

        scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
        call = asyncio.create_task(stage.exchange(scope, arriving.get, send))
        await asyncio.sleep(0.2)
        arriving.put_nowait({"type": "http.disconnect"})
        await call
        assert sent[0]["status"] == 499
        task = await stage.send()
        assert [one.task_id for one in tasks(await stage.peer.poll()).tasks] == [task.pk]

    play(scene)


def test_two_deliveries_of_one_nonce_in_one_batch(play):
    async def scene(stage):
        now = datetime.now(UTC)
        calls = [Call(node_id="north", instance="first", now=now, nonce="x" * 32) for _ in range(2)]
        first, second = await stage.db(serve, calls)
        assert isinstance(first, Tasks)
        assert isinstance(second, Refused)
        assert second.code == "replayed"

    play(scene)


def test_names_for_people_and_pages(play):
    async def scene(stage):
        task = await stage.send()
        await stage.peer.poll()
        await stage.peer.results(answered(task.pk, entry=entry(4)))

        def look():
            assert str(Node.objects.get()) == "North"
            assert str(Task.objects.get()) == f"echo {task.pk} for north"
            assert str(AnsweredEntry.objects.get()) == "north 4"
            assert " " in str(SeenNonce.objects.first())
            assert [node.pk for node in queries.nodes()] == ["north"]
            assert not queries.open_invitations()
            node = Node(last_seen_at=None)
            assert not queries.online(node)

        await stage.db(look)

    play(scene)
