"""The benches of the whole system, small: they run, measure what they say, and lose nothing."""

import json

import pytest

from oncofed.bench import hub_load, loading, search
from oncofed.bench.local_federation import CommandFailed, command
from oncofed.bench.report import Figure, Measured, machine, percentile
from oncofed.contracts.query import parse


def by_name(measured: Measured) -> dict[str, Figure]:
    return {figure.name: figure for figure in (*measured.figures, *measured.peers)}


def test_a_small_federation_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ROUNDS", 1), ("ALONE", 2), ("TOGETHER", 2), ("EACH", 1), ("ORGANISATIONS", 1)):
        monkeypatch.setattr(search, name, value)
    monkeypatch.setattr(search, "shares", lambda nodes: [["rider_pilot"], ["4d_lung"]])
    figures = by_name(search.measure(2, lambda _: None))
    assert figures["answers lost"].value == 0
    assert figures["questions not answered live"].value == 0
    assert figures["live count, one client, p95"].value > 0
    assert figures["idle node, resident, largest"].value > 20


def test_the_benchs_questions_are_distinct_and_its_shares_complete() -> None:
    questions = search.distinct_questions()
    assert len({parse(text).query.key for text in questions}) == len(questions)
    shares = search.shares(30)
    assert len(shares) == 30
    assert sum(len(share) for share in shares) == len({name for share in shares for name in share}) == 179


def test_simulated_nodes_on_postgresql_are_answered_and_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_load, "QUESTIONS", 2)
    figures = by_name(hub_load.many_nodes(4))
    assert figures["4 simulated nodes on PostgreSQL: errors"].value == 0
    assert figures["4 simulated nodes on PostgreSQL: answers lost or wrong"].value == 0


def test_a_catalogue_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_load, "PAGES", 4)
    monkeypatch.setattr(hub_load, "ROUNDS", 1)
    (figure,) = hub_load.large_catalogue(20, 2).figures
    assert 0 < figure.value < 10_000


def test_loading_is_measured() -> None:
    seconds, peak = loading.load_once("--collections", "rider_pilot")
    assert 0 < seconds < 600
    assert 20 < peak < 4096
    assert by_name(loading.measure(1, ("--collections", "rider_pilot"))).keys() == {
        "load all of IDC into one node",
        "peak memory of that load",
        "only reading IDC's Parquet file into DuckDB",
    }


def test_the_command_prints_figures_and_ends_with_one_when_a_bound_is_missed() -> None:
    printed = json.loads(command("bench", "search", "--part", "catalogue", "--datasets", "20", "--json"))
    assert printed["bench"] == "search"
    assert printed["machine"]["cores"] == machine().cores
    assert {"name", "value", "unit", "bound", "holds"} == set(printed["figures"][0])
    with pytest.raises(CommandFailed) as failed:
        command("bench", "search", "--part", "nonsense")
    assert failed.value.status == 2


def test_the_form_of_a_report() -> None:
    assert percentile([5, 1, 4, 2, 3], 95) == 5
    assert percentile([5, 1, 4, 2, 3], 50) == 3
    assert Figure("f", 2, "s", at_most=1).holds is False
    assert Figure("f", 2, "s", at_least=1, at_most=3).bound == "<= 3 and >= 1"
    assert Figure("f", 2, "s").bound is None
