"""`oncofed bench disclosure`: how much attackers learn from counts, and what protection costs a researcher.

Attacks run against the real node code (warehouse, policy, ledger, count task). Beside them stand the rules of other
platforms under the same attack, and the error of totals over 1, 5 and 30 hospitals.
"""

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from oncofed.bench import disclosure_conduct as conduct
from oncofed.bench.disclosure_attacks import (
    World,
    differencing_pairs,
    equal_pairs,
    excess,
    likelihood,
    padded_queries,
    road,
    success,
    sum_of_differences,
    world,
    zero_or_one,
)
from oncofed.bench.disclosure_error import error, truths
from oncofed.bench.disclosure_node import BYSTANDER, TARGET, AttackedNode, attacked_node
from oncofed.bench.disclosure_peers import RULES, differencing, mean_error
from oncofed.bench.report import Figure, report
from oncofed.disclosure import accounting, constants
from oncofed.disclosure.noise import KeyedStream, discrete_gaussian, two_sided_geometric

TRIALS = 3000
ROAD_SECRETS = 3
SHARE = "share recognised at 1 % false positives"
PROMISED = {50: 0.05, 190: 0.10}
"""Success of differencing with padded known members that must not be exceeded, by number of questions."""
BEST_POSSIBLE = {50: 0.06, 190: 0.18}
"""What the best test there is can reach against ε₀ = 0.1 when the attacker knows everybody else exactly: the number of
answers above the known count, binomial with q/(1+q) or 1/(1+q), q = exp(-0.1). Told as it is, not promised smaller."""


def run(*, trials: int = TRIALS) -> dict[str, Any]:
    """The whole benchmark; takes about two minutes with the default number of trials."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        there, absent = nodes(Path(directory))
        pairs = world(there, differencing_pairs(max(PROMISED) // 2)).exact.reshape(-1, 2)
        with closing(there), closing(absent):
            figures = [
                *differencing_figures(there, absent, trials),
                *known_member_figures(there, absent, trials),
                *opt_out_figures(Path(directory), trials),
                *conduct_figures(there, Path(directory)),
                *error_figures(trials),
                *noise_figures(),
            ]
    figures.append(Figure("duration", round(time.monotonic() - started, 1), "s"))
    return report("disclosure", figures, peer_figures(pairs, trials))


def nodes(directory: Path) -> tuple[AttackedNode, AttackedNode]:
    """Two nodes that differ by the target only."""
    return (
        attacked_node(directory / "there", with_target=True),
        attacked_node(directory / "absent", with_target=False),
    )


def differencing_figures(there: AttackedNode, absent: AttackedNode, trials: int) -> list[Figure]:
    """Pairs of questions with and without the target, and the equality oracle on the same pairs."""
    queries = differencing_pairs(max(PROMISED) // 2)
    present = world(there, queries).answers(trials, "pairs there")
    missing = world(absent, queries).answers(trials, "pairs absent")
    figures = []
    for number, most in PROMISED.items():
        first = slice(0, number - number % 2)
        score = success(sum_of_differences(present[:, first]), sum_of_differences(missing[:, first]))
        figures.append(Figure(f"differencing_pairs_{number}_questions", round(score, 4), SHARE, at_most=most))
    oracle = success(equal_pairs(present[:, :50]), equal_pairs(missing[:, :50]))
    return [*figures, Figure("equality_oracle_50_questions", round(oracle, 4), SHARE, at_most=PROMISED[50])]


def known_member_figures(there: AttackedNode, absent: AttackedNode, trials: int) -> list[Figure]:
    """Every question holds the target and members known one by one; the road; zero against one."""
    queries = padded_queries(max(PROMISED))
    known = world(absent, queries)
    present = world(there, queries).answers(trials, "known there")
    missing = known.answers(trials, "known absent")
    figures = [
        Figure(
            "real_node_answers_that_differ_from_the_model",
            road(there, queries[:50], ROAD_SECRETS),
            "answers",
            at_most=0,
        )
    ]
    for number, most in PROMISED.items():
        cut = slice(0, number)
        score = success(excess(present[:, cut], known.exact[cut]), excess(missing[:, cut], known.exact[cut]))
        best = success(likelihood(present[:, cut], known.exact[cut]), likelihood(missing[:, cut], known.exact[cut]))
        figures += [
            Figure(f"known_members_{number}_questions", round(score, 4), SHARE, at_most=most),
            Figure(f"known_members_{number}_questions_best_test", round(best, 4), SHARE, at_most=BEST_POSSIBLE[number]),
        ]
    zero = zero_or_one(20 * trials)
    return [*figures, Figure("zero_leak_1_question", round(zero, 4), SHARE, at_most=0.015)]


def opt_out_figures(directory: Path, trials: int) -> list[Figure]:
    """The same 25 questions before and after a release that leaves one patient out: the target, or someone else."""
    left = attacked_node(directory / "opted-out", with_target=True, opted_out=TARGET)
    stayed = attacked_node(directory / "stayed", with_target=True, opted_out=BYSTANDER)
    with closing(left), closing(stayed):
        scores = [_drop(node, trials, salt) for node, salt in ((left, "left"), (stayed, "stayed"))]
    share = success(scores[0], scores[1])
    return [Figure("opt_out_detection_50_questions", round(share, 4), SHARE, at_most=PROMISED[50])]


def _drop(node: AttackedNode, trials: int, salt: str) -> Any:
    queries = padded_queries(25)
    before, after = world(node, queries, 0), world(node, queries, 1)
    both = World(np.concatenate([before.exact, after.exact]), before.questions + after.questions)
    answers = both.answers(trials, salt)
    return np.asarray((answers[:, :25] - answers[:, 25:]).sum(axis=1), dtype=np.float64)


def conduct_figures(node: AttackedNode, directory: Path) -> list[Figure]:
    """Averaging, policy changes, budgets, breakdowns and tautologies at the real node."""

    def fresh(name: str) -> AttackedNode:
        return node.with_secret(name.ljust(32).encode())

    singles, breakdowns = conduct.by_questions(fresh("singles")), conduct.by_breakdowns(fresh("breakdowns"))
    answered, looks = conduct.tautologies(fresh("tautologies"))
    one, everyone = constants.ORGANISATION_COUNTS, constants.LINEAGE_COUNTS
    return [
        Figure(
            "answers_to_one_question_however_asked",
            conduct.answers_to_one_question(fresh("averaging"), directory),
            "different answers",
            at_most=1,
        ),
        Figure("answers_changed_by_policy", conduct.changes_by_policy(fresh("policy")), "answers", at_most=0),
        Figure("numbers_for_one_organisation", singles.by_one, "numbers", at_most=one),
        Figure("numbers_for_a_lying_hub", singles.by_all, "numbers", at_most=everyone),
        Figure("numbers_for_one_organisation_by_breakdowns", breakdowns.by_one, "numbers", at_most=one),
        Figure("numbers_for_a_lying_hub_by_breakdowns", breakdowns.by_all, "numbers", at_most=everyone),
        Figure("tautologies_answered", answered, "numbers", at_most=one),
        Figure("error_left_after_averaging_tautologies", round(float(np.std(looks) / answered**0.5), 2), "patients"),
    ]


def error_figures(trials: int) -> list[Figure]:
    """What a researcher sees."""
    figures = []
    for hospitals in (1, 5, 30):
        seen = error(truths(hospitals, trials))
        figures += [
            Figure(f"mean_error_{hospitals}_hospitals", round(seen.mean, 1), "patients", at_most=12 * hospitals**0.5),
            Figure(f"interval_coverage_{hospitals}_hospitals", round(seen.covered, 4), "share", at_least=0.93),
        ]
    empty = error(truths(30, trials, empty=True))
    return [
        *figures,
        Figure("mean_total_of_30_empty_hospitals", round(empty.bias, 1), "patients", at_most=5, at_least=-5),
        Figure("epsilon_cube", round(accounting.epsilon_of(constants.CUBE_RHO), 3), "ε at δ = 1e-6", at_most=4),
        Figure("epsilon_one_cube_and_a_full_ledger", round(_year(), 2), "ε at δ = 1e-6"),
    ]


def _year() -> float:
    return accounting.yearly_epsilon([constants.CUBE_RHO], constants.LINEAGE_COUNTS)


def noise_figures() -> list[Figure]:
    """Seconds a draw, exact arithmetic and all."""
    variance = 100 * constants.LIVE_EPSILON * 10
    return [
        Figure(
            "draw_two_sided_geometric", _micros(lambda s: two_sided_geometric(s, constants.LIVE_EPSILON)), "µs", 1000
        ),
        Figure("draw_discrete_gaussian", _micros(lambda s: discrete_gaussian(s, variance)), "µs", 1000),
    ]


def _micros(draw: Callable[[KeyedStream], int], draws: int = 10_000) -> float:
    started = time.perf_counter()
    for number in range(draws):
        draw(KeyedStream(number.to_bytes(32, "big")))
    return round((time.perf_counter() - started) / draws * 1e6, 1)


def peer_figures(pairs: Any, trials: int) -> list[Figure]:
    """The rules of others: the same pairs, 25 of them, and the error of their totals."""
    figures = []
    for name, rule in RULES.items():
        figures.append(
            Figure(f"{name}_differencing_50_questions", round(differencing(rule, pairs, 25, trials), 4), SHARE)
        )
        for hospitals in (1, 5, 30):
            off = mean_error(rule, truths(hospitals, trials))
            figures.append(Figure(f"{name}_mean_error_{hospitals}_hospitals", round(off, 1), "patients"))
        off = mean_error(rule, truths(30, trials, empty=True))
        figures.append(Figure(f"{name}_mean_error_30_empty_hospitals", round(off, 1), "patients"))
    return figures
