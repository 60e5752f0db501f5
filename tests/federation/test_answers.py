"""A question goes its whole way: API, hub, exchange, node, policy, warehouse, noise, ledger, outbox, and back."""

import json

import pytest

from oncofed.bench.local_federation import command
from oncofed.contracts.errors import Refused
from oncofed.contracts.exchange import CountSource
from oncofed.contracts.query import parse
from oncofed.sdk.client import connect
from oncofed.warehouse import Warehouse
from tests.federation.conftest import Federation, part, value

QUESTION = "sex = female and age at diagnosis >= 50 and modality = MR and stage in (I, II)"


def true_count(federation: Federation, node_id: str, text: str) -> int:
    with Warehouse(federation.place / node_id / "warehouse") as warehouse:
        names = [(release.dataset.dataset_id, release.release) for release in warehouse.releases()]
        return warehouse.count(parse(text).query, names)[""]


def test_open_data_are_exact_and_protected_data_are_noisy(federation: Federation) -> None:
    outcome = federation.count(QUESTION)
    assert value(outcome, federation.beta) == true_count(federation, "beta", QUESTION)
    assert part(outcome, federation.beta).sources == (CountSource.EXACT,)
    assert part(outcome, federation.alpha).sources == (CountSource.LIVE,)
    assert outcome.total is not None
    # sd 14: further than 150 away has a chance of 3e-7
    assert abs(outcome.total.value - sum(true_count(federation, name, QUESTION) for name in ("alpha", "beta"))) < 150


def test_the_same_question_gives_everybody_the_same_number_and_costs_once(federation: Federation) -> None:
    reworded = "stage in (II, I) and modality = MR and modality in (MR, CT) and age at diagnosis >= 50 and sex = female"
    first, again, other = (
        federation.count(QUESTION),
        federation.count(reworded),
        federation.count(QUESTION, federation.ben),
    )
    assert first.total is not None
    assert first.total == again.total == other.total
    # Not asked of this organisation's budget twice; the other organisation pays for its own copy at most once.
    assert part(first, federation.alpha).budget_left == part(again, federation.alpha).budget_left


def test_what_the_cube_can_say_is_free(federation: Federation) -> None:
    before = federation.alpha.status()["budgets"]
    outcome = federation.count("sex = female and modality = MR")
    assert part(outcome, federation.alpha).sources == (CountSource.CUBE,)
    assert federation.alpha.status()["budgets"] == before


def test_a_criterion_nobody_records_is_not_zero(federation: Federation) -> None:
    with (
        connect(federation.hub.url, federation.ada.token) as hub,
        pytest.raises(Refused, match="derived body part") as refused,
    ):
        hub.ask("derived body part = breast and sex = female and age >= 50")
    assert refused.value.code == "nothing-to-ask"


def test_the_command_prints_the_answer_as_json(federation: Federation) -> None:
    environment = {"ONCOFED_HUB": federation.hub.url, "ONCOFED_TOKEN": federation.ada.token}
    printed = json.loads(command("search", QUESTION, "--json", environment=environment))
    assert printed["complete"]
    assert {"alpha", "beta"} <= {node["node"] for node in printed["nodes"]}


def test_everything_that_left_the_node_stands_in_its_outbox(federation: Federation) -> None:
    federation.count(QUESTION)
    sent = json.loads(federation.alpha.command("outbox", "list", "--limit", "5000", "--json"))
    assert {"enrol", "session", "publish", "results"} <= {message["kind"] for message in sent}
    federation.alpha.command("outbox", "check")
