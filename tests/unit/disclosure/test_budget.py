"""Budgets: pure decisions over what was asked."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.contracts.exchange import LedgerEntry
from oncofed.disclosure.budget import Decision, Limits, Spend, budget_year, decide, may_publish, spends
from oncofed.disclosure.constants import LINEAGE_COUNTS, ORGANISATION_COUNTS, RELEASES_A_YEAR


def asked(
    spent: list[Spend], cost: int = 1, lineages: tuple[str, ...] = ("breast",), limits: Limits | None = None
) -> Decision:
    return decide(spent, year=2026, organisation="uni", lineages=lineages, cost=cost, limits=limits or Limits())


def spend(counts: int, organisation: str = "uni", lineage: str = "breast", year: int = 2026) -> Spend:
    return Spend(year, organisation, lineage, counts)


def test_an_organisation_gets_fifty_and_not_fifty_one() -> None:
    assert asked([spend(49)]) == Decision(None, (), 0)
    assert asked([spend(50)]) == Decision("budget-organisation", ("breast",), 0)
    assert not asked([spend(50)]).allowed


def test_all_together_get_a_hundred_and_ninety() -> None:
    others = [spend(50, "a"), spend(50, "b"), spend(50, "c"), spend(39, "d")]
    assert asked(others) == Decision(None, (), 0)
    assert asked([*others, spend(1, "e")]) == Decision("budget-lineage", ("breast",), 0)


def test_a_breakdown_costs_all_its_cells() -> None:
    assert asked([spend(30)], cost=20).allowed
    assert asked([spend(31)], cost=20).code == "budget-organisation"
    assert asked([spend(31)], cost=20).left == 19


def test_a_union_is_charged_to_every_lineage_and_refused_if_one_is_used_up() -> None:
    decision = asked([spend(50, lineage="lung"), spend(3)], lineages=("breast", "lung", "skin"))
    assert decision == Decision("budget-organisation", ("lung",), 0)
    assert asked([spend(50, lineage="lung"), spend(3)], lineages=("breast", "skin")).left == 46


def test_other_years_and_organisations_are_not_charged() -> None:
    assert asked([spend(50, year=2025), spend(50, "other")]).left == ORGANISATION_COUNTS - 1


def test_summed_and_single_rows_are_the_same() -> None:
    assert asked([spend(1)] * 20) == asked([spend(20)])


def test_what_is_left_can_be_asked_for() -> None:
    assert asked([spend(10)], cost=0).left == 40
    assert asked([spend(10)], cost=0).epsilon_left == pytest.approx(4.0)
    assert asked([], cost=0, lineages=()).left == ORGANISATION_COUNTS
    assert asked([spend(185, "other")], cost=0).left == 5


def test_policy_may_only_tighten() -> None:
    assert asked([spend(9)], limits=Limits(organisation=10)).allowed
    assert asked([spend(10)], limits=Limits(organisation=10)).code == "budget-organisation"
    assert asked([], limits=Limits(lineage=0)).code == "budget-lineage"
    for wrong in ({"organisation": 51}, {"lineage": 191}, {"organisation": -1}):
        with pytest.raises(ValueError, match="between 0 and"):
            Limits(**wrong)


@given(st.lists(st.tuples(st.sampled_from(["uni", "a", "b", "c", "d"]), st.integers(1, 30)), max_size=60))
def test_no_order_of_questions_exceeds_a_limit(questions: list[tuple[str, int]]) -> None:
    spent: list[Spend] = []
    for organisation, cost in questions:
        decision = decide(spent, year=2026, organisation=organisation, lineages=["breast"], cost=cost, limits=Limits())
        if decision.allowed:
            spent.append(spend(cost, organisation))
    assert sum(row.counts for row in spent) <= LINEAGE_COUNTS
    for name in {row.organisation for row in spent}:
        assert sum(row.counts for row in spent if row.organisation == name) <= ORGANISATION_COUNTS


def test_ledger_entries_charge_each_lineage_for_all_cells() -> None:
    entry = LedgerEntry(
        sequence=1,
        key="a" * 64,
        year=2026,
        organisation="uni",
        lineages=("breast", "lung"),
        epsilon=0.3,
        answer={"female": 1, "male": -4, "missing": 0},
        previous="0" * 64,
        signature="",
    )
    assert spends([entry]) == [spend(3), spend(3, lineage="lung")]


def test_the_year_is_that_of_utc_and_never_goes_back() -> None:
    assert budget_year(datetime(2026, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-2))), None) == 2027
    assert budget_year(datetime(2026, 1, 1, tzinfo=UTC), 2027) == 2027
    assert budget_year(datetime(2028, 1, 1, tzinfo=UTC), 2027) == 2028


def test_releases_are_limited_by_the_year() -> None:
    assert [may_publish(n) for n in range(RELEASES_A_YEAR + 1)] == [True] * RELEASES_A_YEAR + [False]
