"""The engine benchmark, scaled down: the mix is what it says, and its peers count the same."""

from pathlib import Path

import pytest

from oncofed.bench import engine
from oncofed.contracts.query import Criterion, Group, Query, parse


def criteria(query: Query) -> list[Criterion]:
    found = [part for part in query.all if isinstance(part, Criterion)]
    for part in query.all:
        if isinstance(part, Group):
            found += [inner for inner in part.all if isinstance(inner, Criterion)]
    return [criterion for criterion in found if criterion.criterion != "species"]


def test_the_mix_is_eight_queries_of_ten_criteria_half_of_them_with_a_series_group() -> None:
    queries = [parse(text).query for text in engine.MIX]
    assert [len(criteria(query)) for query in queries] == [10] * 8
    assert [any(isinstance(part, Group) for part in query.all) for query in queries] == [False] * 4 + [True] * 4
    assert len({query.key for query in queries}) == 8


def test_a_small_run_reports_its_figures_and_equal_counts(tmp_path: Path) -> None:
    first = engine.run(patients=1500, repeats=1, directory=tmp_path)
    assert first.figures[0].name == "count of 10 criteria: median"
    assert first.figures[0].bound == "<= 100"
    assert {figure.unit for figure in first.peers} == {"ms"}
    assert all(count > 0 for count in first.counts)
    again = engine.run(patients=1500, repeats=1, directory=tmp_path)
    assert again.counts == first.counts
    assert len(again.figures) == len(first.figures) - 1, "nothing was generated anew"


def test_a_peer_that_counts_otherwise_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "flat_sql", lambda _: "SELECT -1")
    with pytest.raises(AssertionError, match="counts"):
        engine.run(patients=30, repeats=1)
