"""The cost of a cube, proven: no patient can move it by more than what is charged."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.contracts.criteria import CRITERIA
from oncofed.disclosure import accounting, constants
from oncofed.disclosure.plan import PAIRS, POPULATION_VARIANCE, SIZE_VARIANCES, VALUES, planned, rho


def test_the_plan_is_twelve_one_way_and_fifteen_two_way_marginals() -> None:
    sizes = [len(one.criteria) for one in planned(CRITERIA)]
    assert (sizes.count(1), sizes.count(2), len(sizes)) == (12, 15, 27)
    assert len({frozenset(pair) for pair in PAIRS}) == 15
    assert VALUES.keys() <= CRITERIA.keys()


@given(st.sets(st.sampled_from(sorted(VALUES))))
def test_whatever_a_dataset_supports_its_cube_costs_at_most_four(supports: set[str]) -> None:
    """Population, sizes, one-way and two-way marginals together, clamped criteria included."""
    cost = rho(planned(supports))
    assert cost <= constants.CUBE_RHO
    assert accounting.epsilon_of(cost) <= constants.CUBE_EPSILON


def test_the_budget_is_used_to_the_last_permille() -> None:
    assert rho(planned(CRITERIA)) == constants.CUBE_RHO
    assert accounting.epsilon_of(constants.CUBE_RHO + Fraction(1, 10_000)) > constants.CUBE_EPSILON


def test_the_cost_is_that_of_the_worst_patient() -> None:
    """Recomputed from first principles: squared change of each table by one patient, over twice its variance."""
    cost = 1 / (2 * POPULATION_VARIANCE)
    cost += sum(Fraction(constants.SIZE_CLAMPS[name] ** 2) / (2 * v) for name, v in SIZE_VARIANCES.items())
    for one in planned(CRITERIA):
        most_cells = math.prod(VALUES[name] for name in one.criteria)
        assert one.clamp == min(constants.CLAMP, most_cells)
        cost += Fraction(one.clamp) / (2 * one.variance)
    assert cost == rho(planned(CRITERIA))


def test_single_valued_criteria_are_counted_once() -> None:
    assert all(VALUES[name] == 1 for name in VALUES if not CRITERIA[name].several)


def test_fewer_criteria_have_less_noise() -> None:
    def noise(supports: set[str]) -> float:
        return next(float(one.variance) for one in planned(supports) if one.criteria == ("modality",))

    assert noise({"modality", "sex"}) < noise(set(CRITERIA))


def test_only_supported_criteria_are_planned() -> None:
    assert [one.criteria for one in planned({"sex", "modality", "psa"})] == [
        ("sex",),
        ("modality",),
        ("sex", "modality"),
    ]
    assert planned(()) == ()


def test_live_counts_add_up_as_stated() -> None:
    assert accounting.live_epsilon(constants.ORGANISATION_COUNTS) == pytest.approx(5)
    assert accounting.live_epsilon(constants.LINEAGE_COUNTS) == pytest.approx(19)
    assert accounting.epsilon_of(accounting.live_rho(constants.LINEAGE_COUNTS)) == pytest.approx(8.2, abs=0.05)


@pytest.mark.parametrize(("cubes", "epsilon"), [(1, 9.4), (2, 10.4), (4, 12.4)])
def test_a_whole_year_costs_what_the_docs_say(cubes: int, epsilon: float) -> None:
    spent = accounting.yearly_epsilon([constants.CUBE_RHO] * cubes, constants.LINEAGE_COUNTS)
    assert spent == pytest.approx(epsilon, abs=0.05)
