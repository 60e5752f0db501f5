"""Counts over HTTP: asked, followed as a stream or by long polls, refused with a reason."""

import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from oncofed.hub.accounts.models import User
from oncofed.hub.exchange.models import Node, Task
from oncofed.hub.search import actions, stream
from oncofed.hub.search.models import Ask
from tests.factories import hub
from tests.factories.published import release
from tests.factories.serving import served

pytestmark = pytest.mark.django_db(transaction=True)

LIVE = "modality = MR and body part = breast and sex = female"


@pytest.fixture
def ada() -> User:
    return hub.person()


@pytest.fixture
def nodes() -> tuple[Node, Node]:
    return hub.node("north", release("a1")), hub.node("south", release("b1"))


@pytest.fixture
def client(ada: User) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {hub.token(ada)}"}
    with served() as url, httpx.Client(base_url=f"{url}/api/v1/", headers=headers, timeout=20) as one:
        yield one


def ask(client: httpx.Client, **more: object) -> dict:
    response = client.post("counts", json={"text": LIVE, **more})
    assert response.status_code == 202, response.text
    return response.json()


def answer(node: Node, count: int) -> None:
    (task,) = hub.poll(node)
    hub.send_result(node, hub.live_answer(task, {"": count}))


def test_a_stream_tells_each_change_and_ends_when_complete(client: httpx.Client, nodes: tuple[Node, Node]) -> None:
    asked = ask(client)
    lines = []
    with client.stream("GET", f"counts/{asked['id']}/stream") as response:
        assert response.headers["content-type"] == "application/x-ndjson"
        for line in response.iter_lines():
            lines.append(json.loads(line))
            if len(lines) <= 2:
                answer(nodes[len(lines) - 1], 20)
    assert [line["version"] for line in lines] == [0, 1, 2]
    assert [line["complete"] for line in lines] == [False, False, True]
    assert lines[-1]["total"]["value"] == 40


def test_the_first_answer_is_told_at_once_and_what_comes_together_after_it_together(
    client: httpx.Client, nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "COALESCE_SECONDS", 5.0)
    last = hub.node("last", release("last-data"))
    asked = ask(client)
    with client.stream("GET", f"counts/{asked['id']}/stream") as response:
        lines = response.iter_lines()
        assert json.loads(next(lines))["version"] == 0
        answer(nodes[0], 5)
        assert json.loads(next(lines))["version"] == 1
        for node in (nodes[1], last):
            answer(node, 5)
        assert json.loads(next(lines))["version"] == 3  # complete: nothing is gathered any longer


def test_a_long_poll_ends_with_the_next_version(client: httpx.Client, nodes: tuple[Node, Node]) -> None:
    asked = ask(client)
    threading.Timer(0.3, answer, (nodes[0], 11)).start()
    start = time.perf_counter()
    reply = client.get(f"counts/{asked['id']}", params={"wait": 25, "seen": 0}).json()
    assert time.perf_counter() - start < 20  # it did not wait to the end
    assert (reply["version"], reply["total"]["value"]) == (1, 11)


def test_a_long_poll_without_news_ends_in_time(client: httpx.Client, nodes: tuple[Node, Node]) -> None:
    asked = ask(client)
    reply = client.get(f"counts/{asked['id']}", params={"wait": 0.3, "seen": 0})
    assert reply.json()["version"] == 0
    assert client.get(f"counts/{asked['id']}").json()["version"] == 0


def test_a_complete_answer_is_not_waited_for(client: httpx.Client, nodes: tuple[Node, Node]) -> None:
    asked = ask(client, text="modality = MR")
    assert asked["complete"]
    reply = client.get(f"counts/{asked['id']}", params={"wait": 15, "seen": asked["version"]})
    assert reply.elapsed.total_seconds() < 5


def test_a_quiet_stream_shows_that_it_lives(
    client: httpx.Client, nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "ALIVE_SECONDS", 0.05)
    asked = ask(client)
    with client.stream("GET", f"counts/{asked['id']}/stream") as response:
        lines = response.iter_lines()
        assert json.loads(next(lines))["version"] == 0
        assert next(lines) == ""


def test_whoever_waits_ends_an_overdue_question(
    client: httpx.Client, nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "ASK_SECONDS", 0.1)
    monkeypatch.setattr(stream, "LATE_SECONDS", 0.1)
    asked = ask(client)
    time.sleep(0.3)
    reply = client.get(f"counts/{asked['id']}", params={"wait": 10, "seen": 0}).json()
    assert reply["complete"]
    assert {node["state"] for node in reply["nodes"]} == {"silent"}


def test_a_question_that_is_gone_ends_its_stream(client: httpx.Client, nodes: tuple[Node, Node]) -> None:
    asked = ask(client)
    with client.stream("GET", f"counts/{asked['id']}/stream") as response:
        lines = response.iter_lines()
        next(lines)
        Ask.objects.filter(id=asked["id"]).delete()
        stream.wakeups.notify(actions.topic(asked["id"]))
        assert list(lines) == []


def test_twenty_people_at_once_lose_nothing(client: httpx.Client, nodes: tuple[Node, Node]) -> None:
    texts = [f"modality = MR and sex = female and age {age}..{age + 4}" for age in range(30, 80, 5)]
    found: list[dict] = []

    def follow(text: str) -> None:
        asked = client.post("counts", json={"text": text}).json()
        with client.stream("GET", f"counts/{asked['id']}/stream") as response:
            found.append([json.loads(line) for line in response.iter_lines() if line][-1])

    threads = [threading.Thread(target=follow, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 30
    while any(thread.is_alive() for thread in threads) and time.monotonic() < until:
        for node in nodes:
            hub.answer_all(node, 7)
        time.sleep(0.05)
    for thread in threads:
        thread.join(1)
    assert [outcome["total"]["value"] for outcome in found] == [14] * len(texts)
    assert Task.objects.filter(state="answered").count() == 2 * len(texts)
