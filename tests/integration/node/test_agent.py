"""The agent's loop against a hub on loopback: cuts, restarts, copies, full disks."""

import contextlib
import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from oncofed.contracts.errors import Refused
from oncofed.contracts.exchange import ResultStatus
from oncofed.disclosure.live import Question
from oncofed.node import agent as agents
from oncofed.node import identity
from oncofed.node.agent import Agent, is_running, locked
from oncofed.node.assembly import connect
from oncofed.node.ledger import Ledger, Unconfirmed
from oncofed.node.outbox import Outbox
from oncofed.warehouse import Warehouse
from tests.factories.nodes import answer_of, context, count_task, load_synthetic, names
from tests.fakes.hub import NODE_ID, Reply, failure

QUESTION = Question("1" * 64, None, frozenset({"a" * 64}))
CHARGE = (2026, "uni-one", ("breast",))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    directory = tmp_path_factory.mktemp("warehouse")
    load_synthetic(directory, "breast", patients=80)
    with Warehouse(directory) as opened:
        yield opened


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(agents, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(agents, "LONGEST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(agents, "LONGEST_REFUSED_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(agents, "STATUS_SECONDS", 0.0)


def task(warehouse, text="sex = female and modality = MR and age 40..70", **more):
    return count_task(names(warehouse), text, expires_at=datetime.now(UTC) + timedelta(minutes=1), **more)


class Running:
    """An agent in a thread; ``error`` is what ended it."""

    def __init__(self, settings, warehouse, **changes):
        self.settings = settings
        own = identity.read(settings.keys)
        self.outbox = Outbox(settings.outbox_file)
        self.line = connect(settings, own, identity.enrolled(settings.keys), self.outbox)
        self.ledger = changes.pop("ledger", None) or Ledger(settings.ledger_file, own.key)
        hold = changes.pop("hold", 0.5)
        self.context = context(warehouse, self.ledger, **changes)
        self.agent = Agent(self.line, self.context, settings.agent_file)
        self.agent.status.hold_seconds = hold
        self.error = None
        self.thread = None

    def work(self):
        try:
            self.agent.run()
        except Refused as error:
            self.error = error

    @property
    def status(self):
        with contextlib.suppress(FileNotFoundError):
            return json.loads(self.settings.agent_file.read_text())
        return {}

    def until(self, condition, seconds=20.0):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.status
            time.sleep(0.01)


@pytest.fixture
def run(enrolled, warehouse, hub, monkeypatch):
    """Starts agents on the node; SQLite lets go of its thread, as each agent has one of its own."""
    import sqlite3

    connect_to = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect_to(*a, **{**k, "check_same_thread": False}))
    started = []

    def start(**changes):
        one = Running(changes.pop("settings", enrolled), warehouse, **changes)
        one.thread = threading.Thread(target=one.work)
        one.thread.start()
        started.append(one)
        return one

    yield start
    hub.stopping = True
    for one in started:
        one.agent.stop()
        with hub.changed:
            hub.changed.notify_all()
        one.thread.join(20)
        assert not one.thread.is_alive()
        one.line.close()


def test_a_task_is_answered_recorded_and_confirmed(run, hub, warehouse, enrolled):
    node = run()
    asked = task(warehouse)
    hub.ask(asked)
    hub.until(lambda: hub.results)
    result = hub.results[asked.task_id]
    assert answer_of(result).parts[0].entry == node.ledger.last()
    sent = node.outbox.newest(1, kind="results")[0]
    assert result.model_dump(mode="json") in json.loads(sent.body)["results"]
    assert sent.about["answers"][0]["organisation"] == "uni-one"
    hub.ask(task(warehouse, "sex = male"))
    hub.until(lambda: len(hub.results) == 2)
    node.until(lambda: node.status.get("answered", 0) >= 1)
    assert node.status["state"] == "connected"
    assert node.status["clock_offset"] == pytest.approx(0, abs=5)


def test_several_tasks_of_one_poll_are_answered_in_one_call(run, hub, warehouse):
    hub.ask(*(task(warehouse, f"psa >= 10 and sex = male and age {20 + 5 * n}..90") for n in range(5)))
    run()
    hub.until(lambda: len(hub.results) == 5)
    assert len(hub.seen("results")) == 1


def test_a_kind_nobody_knows_and_a_task_that_fails_are_refused(run, hub, warehouse):
    class Broken:
        def count(self, query, releases, by=None):
            raise ZeroDivisionError("a value of a patient")

    node = run()
    node.agent._context = replace(node.agent._context, warehouse=Broken())
    unknown, failing = task(warehouse).model_copy(update={"kind": "train"}), task(warehouse)
    hub.ask(unknown, failing)
    hub.until(lambda: len(hub.results) == 2)
    assert hub.results[unknown.task_id].code == "task-kind-unknown"
    assert hub.results[failing.task_id].code == "node-fault"
    assert hub.results[failing.task_id].status is ResultStatus.REFUSED
    node.until(lambda: len(node.status["refusals"]) == 2)
    assert "a value of a patient" not in json.dumps(node.status)


@pytest.mark.parametrize("offset", [-240.0, 240.0])
def test_a_clock_some_minutes_off_does_not_make_tasks_expire(run, hub, warehouse, offset):
    hub.offset = offset
    run()
    asked = task(warehouse).model_copy(update={"expires_at": datetime.now(UTC) + timedelta(seconds=offset + 30)})
    late = task(warehouse, "sex = male and modality = CT and age 40..70").model_copy(
        update={"expires_at": datetime.now(UTC) + timedelta(seconds=offset - 30)}
    )
    hub.ask(asked, late)
    hub.until(lambda: len(hub.results) == 2)
    assert hub.results[asked.task_id].code is None
    assert hub.results[late.task_id].code == "task-expired"


def test_a_hub_that_lies_about_the_time_opens_no_other_years_budget(run, hub, warehouse):
    hub.offset = 400 * 86400.0
    node = run()
    hub.ask(task(warehouse).model_copy(update={"expires_at": datetime.now(UTC) + timedelta(days=401)}))
    hub.until(lambda: hub.results)
    assert node.ledger.latest_year() == datetime.now(UTC).year


def test_a_bad_policy_is_refused_until_it_is_repaired(run, hub, warehouse):
    texts = ["[answers]\nfoo = 1"]
    from oncofed.node.policy import parse

    node = run(policy=lambda: parse(texts[0]))
    first = task(warehouse)
    hub.ask(first)
    hub.until(lambda: hub.results)
    assert hub.results[first.task_id].code == "policy-invalid"
    node.until(lambda: "foo" in str(node.status.get("policy_problem")))
    texts[0] = ""
    second = task(warehouse)
    hub.ask(second)
    hub.until(lambda: len(hub.results) == 2)
    assert hub.results[second.task_id].code is None
    node.until(lambda: node.status["policy_problem"] is None)


def test_a_result_that_did_not_get_through_goes_out_again_after_a_restart(run, hub, warehouse, enrolled):
    hub.script["results"] = lambda _: Reply(cut=0.0)
    node = run()
    asked = task(warehouse)
    hub.ask(asked)
    hub.until(lambda: hub.seen("results"))
    node.agent.stop()
    node.thread.join(20)
    entry = node.ledger.last()
    assert entry is not None
    hub.script.clear()
    again = run()
    hub.until(lambda: hub.results)
    assert answer_of(hub.results[asked.task_id]).parts[0].entry == entry
    again.until(lambda: not again.ledger.unconfirmed(9))
    assert again.ledger.check() == 1


def test_a_task_that_is_leased_again_gets_the_same_answer(run, hub, warehouse):
    asked = task(warehouse)
    node = run()
    hub.ask(asked)
    hub.until(lambda: hub.results)
    first = hub.results.pop(asked.task_id)
    hub.ask(asked)
    hub.until(lambda: hub.results)
    assert answer_of(hub.results[asked.task_id]).parts[0].cells == answer_of(first).parts[0].cells
    assert node.ledger.check() == 1


def test_rejected_results_are_done_with(run, hub, warehouse):
    asked = task(warehouse)
    hub.rejected = {asked.task_id}
    node = run()
    hub.ask(asked)
    hub.until(lambda: hub.seen("results"))
    node.until(lambda: not node.ledger.unconfirmed(9))
    assert node.status["answered"] == 0


def test_it_goes_on_after_a_cut_network_and_a_hub_that_fails(run, hub, warehouse):
    replies = iter([Reply(cut=0.0), Reply(502, signed=False), failure("hub-failed", 503), failure("node-suspended"),
                    Reply(signed=False), Reply(body=b"[]")])  # fmt: skip
    hub.script["poll"] = lambda _: next(replies, None)
    node = run()
    hub.until(lambda: len(hub.seen("poll")) == 6)
    asked = task(warehouse)
    hub.ask(asked)
    hub.until(lambda: hub.results)
    hub.until(lambda: len(hub.seen("session")) >= 3)  # after a refusal or a doubt it says hello again
    node.until(lambda: node.status["state"] == "connected")
    assert node.status["failures"] == 0


@pytest.mark.parametrize("code", ["clock-off", "node-suspended", "node-unknown"])
def test_a_refused_session_is_told_and_tried_again(run, hub, warehouse, code):
    hub.script["session"] = lambda _: failure(code)
    node = run()
    node.until(lambda: node.status.get("code") == code)
    hub.until(lambda: len(hub.seen("session")) > 1)
    assert not hub.seen("poll")
    hub.script.clear()
    asked = task(warehouse)
    hub.ask(asked)
    hub.until(lambda: hub.results)
    node.until(lambda: node.status["code"] is None)


def test_an_error_nobody_thought_of_does_not_end_it(run, hub, warehouse):
    node = run()
    hub.until(lambda: hub.seen("poll"))
    honest = node.ledger.unconfirmed
    calls = []

    def broken(limit):
        calls.append(limit)
        if len(calls) == 1:
            raise ZeroDivisionError("a value of a patient")
        return honest(limit)

    node.ledger.unconfirmed = broken
    hub.ask(task(warehouse))
    hub.until(lambda: hub.results)
    assert len(calls) > 1


def test_long_polls_that_a_proxy_cuts_become_shorter(run, hub, monkeypatch):
    monkeypatch.setattr(agents, "SHORTEST_HOLD_SECONDS", 0.2)
    hub.script["poll"] = lambda body: Reply(cut=0.3) if body["wait_seconds"] > 1 else None
    node = run(hold=4.0)
    hub.until(lambda: any(body["wait_seconds"] <= 1 for body in hub.seen("poll")))
    node.until(lambda: node.status["state"] == "connected" and node.status["hold_seconds"] <= 1)
    assert len(hub.seen("session")) == 1


def test_when_the_outbox_cannot_be_written_nothing_is_sent(run, hub, warehouse):
    node = run()
    hub.until(lambda: hub.seen("poll"))
    node.outbox._database.execute("PRAGMA max_page_count = 1")  # SQLite then fails as on a full disk
    asked = [task(warehouse, f"age {20 + 5 * n}..90 and modality = MR", by="diagnosis") for n in range(8)]
    hub.ask(*asked)
    node.until(lambda: node.status.get("code") == "outbox-unwritable")
    assert not hub.seen("results")
    answered = node.ledger.check()
    assert answered > 0
    node.outbox._database.execute("PRAGMA max_page_count = 100000")
    hub.until(lambda: len(hub.results) == len(asked))
    assert node.ledger.check() == answered
    assert node.outbox.check() == len(node.outbox.newest(1000))


# ---- one agent, one node --------------------------------------------------------------------------------------------


def test_two_agents_on_one_data_directory_are_refused(enrolled):
    assert not is_running(enrolled.lock_file)
    with locked(enrolled.lock_file):
        assert is_running(enrolled.lock_file)
        with pytest.raises(Refused, match="agent-running"), locked(enrolled.lock_file):
            pass
    assert not is_running(enrolled.lock_file)


def test_a_restarted_agent_opens_the_next_epoch(run, hub):
    first = run()
    first.until(lambda: first.ledger.epoch == hub.epoch == 1)
    first.agent.stop()
    first.thread.join(20)
    second = run()
    second.until(lambda: second.ledger.epoch == hub.epoch == 2)


def test_when_a_copy_takes_over_the_agent_ends_and_says_so(run, hub):
    node = run()
    hub.until(lambda: hub.seen("poll"))
    with hub.changed:
        hub.epoch, hub.instance = hub.epoch + 1, "the copy"
    hub.script["poll"] = lambda _: failure("node-superseded", 409)
    node.thread.join(30)
    assert node.error is not None
    assert node.error.code == "node-superseded"
    assert node.status["code"] == "node-superseded"


def test_a_hub_that_was_restored_is_greeted_again(run, hub, warehouse):
    node = run()
    hub.until(lambda: hub.seen("poll"))
    with hub.changed:
        hub.epoch, hub.instance = 0, "of an older session"
    asked = task(warehouse)
    hub.ask(asked)
    hub.until(lambda: hub.results)
    assert hub.epoch == 2
    assert node.error is None


# ---- recovery after a restore ---------------------------------------------------------------------------------------


@pytest.fixture
def history(enrolled):
    """Five answers this node gave; a backup was made after the first."""
    own = identity.read(enrolled.keys)
    whole = Ledger(":memory:", own.key)
    return [whole.commit(Question(f"{n:064x}", None, frozenset({"a" * 64})), {"": n}, charge=CHARGE) for n in range(5)]


def restored(enrolled, history, count):
    ledger = Ledger(enrolled.ledger_file, identity.read(enrolled.keys).key)
    ledger.adopt(history[:count])
    return ledger


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_restored_node_takes_back_what_it_had_answered(run, hub, enrolled, history, warehouse, count):
    hub.entries, hub.epoch = history, 7
    node = run(ledger=restored(enrolled, history, count))
    hub.until(lambda: hub.seen("poll"))
    assert list(node.ledger.entries()) == history
    assert node.ledger.spent(2026)[0].counts == 5
    assert node.ledger.epoch == 8
    asked = task(warehouse)
    hub.ask(asked)
    hub.until(lambda: hub.results)
    assert answer_of(hub.results[asked.task_id]).parts[0].entry.sequence == 6


def altered(entry):
    return entry.model_copy(update={"answer": {"": 99}})


@pytest.mark.parametrize(
    ("change", "last", "code"),
    [
        (lambda entries: entries[:2] + entries[3:], None, "ledger-broken"),
        (lambda entries: entries, 9, "ledger-behind"),
        (lambda entries: [altered(entries[0]), *entries[1:]], None, "ledger-forked"),
        (lambda entries: [*entries[:4], altered(entries[4])], None, "ledger-broken"),
    ],
)
def test_what_cannot_be_taken_back_ends_live_counts_and_rewinds_nothing(
    run, hub, enrolled, history, warehouse, change, last, code
):
    hub.entries, hub.epoch, hub.last = change(history), 7, last
    node = run(ledger=restored(enrolled, history, 1))
    asked = task(warehouse)
    hub.ask(asked)
    hub.until(lambda: hub.results)
    assert hub.results[asked.task_id].code == code
    assert list(node.ledger.entries()) == history[:1]
    assert node.status["ledger_problem"] == code


def test_a_hub_that_repeats_itself_does_not_hold_the_node_for_ever(run, hub, enrolled, history, warehouse):
    from oncofed.contracts.exchange import Answered

    hub.entries, hub.epoch, hub.last = history, 7, 9
    hub.script["answered"] = lambda _: Answered(entries=tuple(history[:2]), last=9, epoch=7)
    node = run(ledger=restored(enrolled, history, 0))
    node.until(lambda: node.status.get("ledger_problem") == "ledger-broken")
    assert len(hub.seen("answered")) <= 2


def test_a_ledger_that_is_broken_on_the_disk_is_not_built_upon(run, hub, enrolled, history, warehouse):
    hub.entries, hub.epoch = history, 7
    node = Running(enrolled, warehouse, ledger=restored(enrolled, history, 1), ledger_problem="ledger-broken")
    node.agent._session.open()
    assert node.agent._session.problem == "ledger-broken"
    assert list(node.ledger.entries()) == history[:1]
    node.line.close()


def test_a_protocol_the_node_does_not_speak_is_told(run, hub):
    from oncofed.contracts.exchange import Welcome

    hub.script["session"] = lambda _: Welcome(protocol=99, epoch=1, hub_time=datetime.now(UTC))
    node = run()
    node.until(lambda: node.status.get("code") == "protocol-unsupported")


def test_what_waits_for_the_hub_is_read_from_the_disk(run, hub, enrolled):
    from oncofed.contracts.exchange import Result

    ledger = Ledger(enrolled.ledger_file, identity.read(enrolled.keys).key)
    old = Result(task_id="from-before", status=ResultStatus.REFUSED, code="outside-hours")
    ledger.keep([Unconfirmed(old, {})])
    ledger.close()
    run()
    hub.until(lambda: hub.results)
    assert hub.results["from-before"] == old


def test_the_node_says_who_it_is(enrolled):
    assert identity.enrolled(enrolled.keys).node_id == NODE_ID
