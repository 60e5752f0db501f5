"""From a question to its outcome, through the exchange's own intake."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from oncofed.contracts.errors import BadInput, QueryError, Refused
from oncofed.contracts.exchange import CountSource, LedgerEntry
from oncofed.contracts.outcome import NodeState
from oncofed.contracts.query import Query, parse
from oncofed.hub.accounts.models import User
from oncofed.hub.exchange.actions import expire
from oncofed.hub.exchange.models import AnsweredEntry, Node, Task
from oncofed.hub.search import actions, queries
from oncofed.hub.trace.models import Event
from tests.factories import hub
from tests.factories.published import release

pytestmark = pytest.mark.django_db

LIVE = "modality = MR and body part = breast and sex = female"


def query(text: str) -> Query:
    return parse(text).query


@pytest.fixture
def ada() -> User:
    return hub.person()


def test_what_the_cubes_can_say_is_answered_at_once_and_costs_nothing(ada: User) -> None:
    north = release("north-data")
    hub.node("north", north)
    ask = actions.ask(by=ada, query=query("modality = MR"))
    outcome = queries.outcome(ask)
    marginal = next(m for m in north.cube.marginals if m.criteria == ("modality",))
    assert not Task.objects.exists()
    assert outcome.complete
    assert outcome.total is not None
    assert outcome.total.value == marginal.cells["MR"]
    assert [node.sources for node in outcome.nodes] == [("cube",)]
    assert outcome.budget_left is None


def test_open_datasets_are_exact(ada: User) -> None:
    hub.node("north", release("open-data", is_open=True, patients=123))
    outcome = queries.outcome(actions.ask(by=ada, query=Query()))
    assert outcome.total is not None
    assert (outcome.total.value, outcome.total.exact) == (123, True)
    assert outcome.nodes[0].sources == ("exact",)


def test_a_live_count_becomes_one_task_a_node_over_the_union_of_its_releases(ada: User) -> None:
    north = hub.node("north", release("a1"), release("a2"))
    south = hub.node("south", release("b1"))
    ask = actions.ask(by=ada, query=query(LIVE), purpose="feasibility")
    outcome = queries.outcome(ask)
    assert (outcome.version, outcome.complete, outcome.total) == (0, False, None)
    (first,), (second,) = hub.poll(north), hub.poll(south)
    payload = Task.objects.get(pk=first).payload
    assert [named["dataset_id"] for named in payload["releases"]] == ["a1", "a2"]
    assert Task.objects.get(pk=first).asker["purpose"] == "feasibility"
    assert hub.send_result(north, hub.live_answer(first, {"": 40}, budget_left=4.9)) == ()
    assert queries.outcome(ask).version == 1
    hub.send_result(south, hub.live_answer(second, {"": -7}))
    outcome = queries.outcome(ask)
    assert outcome.complete
    assert outcome.total is not None
    assert outcome.total.value == 33  # the plain sum, negative parts too
    assert outcome.total.low <= 33 <= outcome.total.high
    assert outcome.budget_left == 4.9
    assert [node.estimate.value for node in outcome.nodes if node.estimate] == [40, -7]


def test_every_silent_or_refusing_node_is_named_with_its_reason(ada: User) -> None:
    north, south, west = (hub.node(name, release(f"{name}-data")) for name in ("north", "south", "west"))
    hub.node("east", release("east-data", supports=["species", "sex"]))
    Node.objects.filter(pk=west.pk).update(last_seen_at=timezone.now() - timedelta(hours=3))
    ask = actions.ask(by=ada, query=query(LIVE))
    (task,) = hub.poll(south)
    hub.send_result(south, hub.refusal(task, "budget-organisation", "south-data"))
    hub.poll(north)
    assert expire(now=timezone.now() + timedelta(seconds=actions.AWAY_SECONDS)) == 1  # west: nobody waits long for it
    assert not queries.outcome(ask).complete
    assert expire(now=timezone.now() + timedelta(seconds=actions.ASK_SECONDS + 1)) == 1
    outcome = queries.outcome(ask)
    assert outcome.complete
    assert outcome.total is None
    reasons = {node.node: (node.state, node.code) for node in outcome.unanswered}
    assert reasons == {
        "east": (NodeState.UNSUPPORTED, None),
        "north": (NodeState.SILENT, "no-answer"),
        "south": (NodeState.REFUSED, "budget-organisation"),
        "west": (NodeState.SILENT, "node-offline"),
    }
    texts = {node.node: node.reason for node in outcome.unanswered}
    assert texts["east"] == "not supported here: does not record body part, modality"
    assert texts["west"].startswith("offline since 20")
    assert "south-data" in texts["south"]


def test_a_late_answer_is_not_counted(ada: User) -> None:
    north = hub.node("north", release("a1"))
    ask = actions.ask(by=ada, query=query(LIVE))
    (task,) = hub.poll(north)
    answer = hub.live_answer(task, {"": 40})
    late = timedelta(seconds=actions.ASK_SECONDS + 1)
    assert [rejection.code for rejection in hub.send_result(north, answer, after=late)] == ["task-expired"]
    expire(now=timezone.now() + late)
    assert queries.outcome(ask).nodes[0].state is NodeState.SILENT
    assert [rejection.code for rejection in hub.send_result(north, answer, after=late)] == ["task-expired"]
    assert queries.outcome(ask).total is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"part": {"cells": {"": 2 * 10**9}}}, "answer-out-of-range"),
        ({"part": {"cells": {"MR": 3}}}, "answer-out-of-range"),
        ({"part": {"cells": {}}}, "answer-out-of-range"),
        ({"part": {"sigma": -1.0}}, "answer-out-of-range"),
        ({"part": {"epsilon": 1000.0}}, "answer-out-of-range"),
        ({"part": {"sigma": 0.0}}, "answer-unprotected"),
        ({"part": {"source": CountSource.EXACT}}, "answer-unprotected"),
        ({"unavailable": ("other-data",)}, "answer-not-asked"),
        ({"unavailable": ("a1",)}, "answer-not-asked"),
        ({"unsupported": {"a2": ("nonsense",)}, "part": {"releases": ()}}, "answer-malformed"),
    ],
)
def test_an_answer_that_cannot_be_is_not_counted(ada: User, change: dict, code: str) -> None:
    north = hub.node("north", release("a1"), release("a2"))
    ask = actions.ask(by=ada, query=query(LIVE))
    (task,) = hub.poll(north)
    assert [one.code for one in hub.send_result(north, hub.live_answer(task, {"": 40}, **change))] == [code]
    (named,) = queries.outcome(ask).unanswered
    assert (named.state, named.code) == (NodeState.REFUSED, code)
    assert queries.outcome(ask).total is None


def test_an_answer_of_another_type_is_not_counted(ada: User) -> None:
    north = hub.node("north", release("a1"))
    ask = actions.ask(by=ada, query=query(LIVE))
    (task,) = hub.poll(north)
    result = hub.live_answer(task, {"": 4}).model_copy(update={"payload": {"patients": 3}})
    assert [one.code for one in hub.send_result(north, result)] == ["answer-malformed"]
    assert queries.outcome(ask).complete


def test_a_release_withdrawn_meanwhile_is_not_counted(ada: User) -> None:
    north = hub.node("north", release("a1"))
    ask = actions.ask(by=ada, query=query(LIVE))
    (task,) = hub.poll(north)
    answer = hub.live_answer(task, {"": 40})
    hub.publish(node=north, publication=hub.publication(), by="node:north")
    assert [one.code for one in hub.send_result(north, answer)] == ["release-withdrawn"]
    assert "withdrawn" in queries.outcome(ask).unanswered[0].reason


def test_numbers_for_totals_only_enter_the_total_when_it_is_complete(ada: User) -> None:
    north, south = hub.node("north", release("a1")), hub.node("south", release("b1"))
    ask = actions.ask(by=ada, query=query(LIVE))
    (first,), (second,) = hub.poll(north), hub.poll(south)
    hub.send_result(north, hub.live_answer(first, {"": 40}, part={"show": False}))
    partial = queries.outcome(ask)
    assert partial.total is not None
    assert partial.total.value == 0
    assert partial.nodes[0].estimate is None
    assert partial.nodes[0].in_total_only
    hub.send_result(south, hub.live_answer(second, {"": 5}))
    total = queries.outcome(ask).total
    assert total is not None
    assert total.value == 45


def test_a_breakdown_sums_by_value_and_overlapping_values_have_no_total(ada: User) -> None:
    north, south = hub.node("north", release("a1")), hub.node("south", release("b1"))
    ask = actions.ask(by=ada, query=query("modality = MR and body part = breast"), by_criterion="annotation")
    (first,), (second,) = hub.poll(north), hub.poll(south)
    hub.send_result(north, hub.live_answer(first, {"SEG": 10, "missing": 3}))
    hub.send_result(south, hub.live_answer(second, {"SEG": 5, "missing": -1}))
    outcome = queries.outcome(ask)
    assert outcome.total is None
    assert {row.value: row.estimate.value for row in outcome.values} == {"SEG": 15, "missing": 2}
    assert "values-overlap" in {note.code for note in outcome.notes}
    assert {row.value: row.estimate.value for row in outcome.nodes[0].values} == {"SEG": 10, "missing": 3}


def test_a_breakdown_by_a_single_value_adds_up(ada: User) -> None:
    north = hub.node("north", release("a1"))
    ask = actions.ask(by=ada, query=query("modality = MR and body part = breast"), by_criterion="sex")
    (task,) = hub.poll(north)
    hub.send_result(north, hub.live_answer(task, {"female": 10, "male": 3, "missing": 1}))
    total = queries.outcome(ask).total
    assert total is not None
    assert total.value == 14


def test_notes_say_what_the_numbers_rest_on(ada: User) -> None:
    hub.node("north", release("a1"), release("a2"))
    read = parse("modality = MR and not body part = breast and age 50..52")
    outcome = queries.outcome(actions.ask(by=ada, query=read.query, notes=read.notes))
    codes = {note.code for note in outcome.notes}
    assert {"species-human", "age-at-imaging", "counted-twice", "not-and-missing", "read-as"} <= codes
    recorded = {part.criterion: part for part in outcome.not_recorded}
    assert set(recorded) == {"modality", "body_part", "age_at_imaging"}
    assert recorded["modality"].searched.value == 400


def test_a_total_near_zero_says_how_little_it_proves(ada: User) -> None:
    north = hub.node("north", release("a1"))
    ask = actions.ask(by=ada, query=query(LIVE))
    (task,) = hub.poll(north)
    hub.send_result(north, hub.live_answer(task, {"": 1}))
    assert "near-zero" in {note.code for note in queries.outcome(ask).notes}


def test_only_the_datasets_chosen_are_asked(ada: User) -> None:
    north = hub.node("north", release("a1"), release("a2"))
    hub.node("south", release("b1"))
    ask = actions.ask(by=ada, query=query(LIVE), datasets=["a2"])
    (task,) = hub.poll(north)
    assert [named["dataset_id"] for named in Task.objects.get(pk=task).payload["releases"]] == ["a2"]
    assert [node.node for node in queries.outcome(ask).nodes] == ["north"]


def test_a_suspended_node_is_not_asked(ada: User) -> None:
    north = hub.node("north", release("a1"))
    Node.objects.filter(pk=north.pk).update(state="suspended")
    ask = actions.ask(by=ada, query=query(LIVE))
    (named,) = queries.outcome(ask).unanswered
    assert (named.state, named.code) == (NodeState.SILENT, "node-suspended")


def test_what_nobody_can_answer_is_refused_at_once(ada: User) -> None:
    with pytest.raises(Refused, match="no dataset is published"):
        actions.ask(by=ada, query=Query())
    hub.node("north", release("a1", supports=["species", "sex"]))
    with pytest.raises(Refused, match="no dataset records modality") as refused:
        actions.ask(by=ada, query=query("modality = MR"))
    assert refused.value.code == "nothing-to-ask"


def test_a_node_whose_datasets_were_all_left_out_is_named(ada: User) -> None:
    north, south = hub.node("north", release("a1")), hub.node("south", release("b1"))
    ask = actions.ask(by=ada, query=query(LIVE))
    (first,), (second,) = hub.poll(north), hub.poll(south)
    nothing = {"parts": []}
    left_out = {**nothing, "unavailable": ["a1"], "left_out": {"a1": "not-searchable"}}
    hub.send_result(north, hub.live_answer(first, {"": 0}).model_copy(update={"payload": left_out}))
    unsupported = {**nothing, "unsupported": {"b1": ["sex"]}}
    hub.send_result(south, hub.live_answer(second, {"": 0}).model_copy(update={"payload": unsupported}))
    reasons = {node.node: (node.state, node.code) for node in queries.outcome(ask).unanswered}
    assert reasons == {
        "north": (NodeState.REFUSED, "not-searchable"),
        "south": (NodeState.UNSUPPORTED, None),
    }


def test_who_may_not_ask_is_told_why(ada: User) -> None:
    hub.node("north", release("a1"))
    stranger = hub.person("eve@example.org", role="")
    with pytest.raises(Refused, match="permission-missing"):
        actions.ask(by=stranger, query=Query())
    with pytest.raises(QueryError, match="query-no-breakdown"):
        actions.ask(by=ada, query=Query(), by_criterion="height")
    with pytest.raises(BadInput, match="dataset-unknown"):
        actions.ask(by=ada, query=Query(), datasets=["nowhere"])


def test_a_question_is_seen_by_the_one_who_asked_only(ada: User) -> None:
    hub.node("north", release("a1"))
    ask = actions.ask(by=ada, query=Query())
    other = hub.person("bob@example.org")
    assert queries.ask_of(ada, ask.id) == ask
    assert list(queries.asks(ada)) == [ask]
    for person, name in ((other, ask.id), (ada, uuid.uuid4())):
        with pytest.raises(BadInput, match="ask-unknown"):
            queries.ask_of(person, name)


def test_question_and_answers_stand_in_the_trace(ada: User) -> None:
    north = hub.node("north", release("a1"))
    ask = actions.ask(by=ada, query=query(LIVE), purpose="feasibility")
    (task,) = hub.poll(north)
    hub.send_result(north, hub.live_answer(task, {"": 40}))
    asked = Event.objects.get(kind="search.asked")
    assert (asked.by, asked.subject) == (ada.actor, str(ask.id))
    assert asked.body["query"] == query(LIVE).canonical().model_dump(mode="json")
    assert (asked.body["purpose"], asked.body["organisation"]) == ("feasibility", "uni-one")
    answered = Event.objects.get(kind="search.answered")
    assert (answered.by, answered.body["node"], answered.body["epsilon"]) == ("node:north", "north", 0.1)


def test_ledger_entries_are_kept_for_the_node(ada: User) -> None:
    north = hub.node("north", release("a1"))
    actions.ask(by=ada, query=query(LIVE))
    (task,) = hub.poll(north)
    entry = LedgerEntry(
        sequence=7,
        key="0" * 64,
        year=2026,
        organisation="uni-one",
        lineages=("a1",),
        epsilon=0.1,
        answer={"": 40},
        previous="0" * 64,
        signature="x",
    )
    hub.send_result(north, hub.live_answer(task, {"": 40}, part={"entry": entry}))
    assert AnsweredEntry.objects.get().sequence == 7
    assert actions.ledger_entries(hub.refusal(task, "outside-hours")) == ()


def test_what_a_node_left_out_stands_beside_its_number(ada: User) -> None:
    north = hub.node("north", release("a1"), release("open-data", is_open=True))
    ask = actions.ask(by=ada, query=query(LIVE))
    (task,) = hub.poll(north)
    (open_release,) = [name for name in Task.objects.get(pk=task).payload["releases"] if name["dataset_id"] != "a1"]
    exact = {
        "parts": [{"source": "exact", "releases": [open_release], "cells": {"": 12}, "sigma": 0, "epsilon": 0}],
        "unavailable": ["a1"],
        "left_out": {"a1": "budget-organisation"},
    }
    hub.send_result(north, hub.live_answer(task, {"": 0}).model_copy(update={"payload": exact}))
    (told,) = queries.outcome(ask).nodes
    assert told.state is NodeState.ANSWERED
    assert told.unavailable == ("a1",)
    assert told.reason.startswith("without a1: your organisation has used")
    total = queries.outcome(ask).total
    assert total is not None
    assert (total.value, total.exact) == (12, True)


def test_a_node_that_itself_cannot_record_what_is_asked(ada: User) -> None:
    north = hub.node("north", release("a1"))
    ask = actions.ask(by=ada, query=query(LIVE))
    (task,) = hub.poll(north)
    hub.send_result(north, hub.refusal(task, "not-supported-here", "body_part"))
    (told,) = queries.outcome(ask).unanswered
    assert told.state is NodeState.UNSUPPORTED
    assert told.reason == "not supported here: does not record body part"


def test_a_node_never_heard_of_is_offline(ada: User) -> None:
    north = hub.node("north", release("a1"))
    Node.objects.filter(pk=north.pk).update(last_seen_at=None)
    ask = actions.ask(by=ada, query=query(LIVE))
    expire(now=timezone.now() + timedelta(seconds=actions.ASK_SECONDS + 1))
    assert queries.outcome(ask).unanswered[0].reason == "offline"
