"""Attacks on counts by someone who knows every patient but one, and wants to know whether that one is there.

The exact counts come from the real warehouse, once; the noise from the real ``disclosure.live.draw`` under as many node
secrets as there are trials. ``road`` proves that the real node answers exactly that sum. Success is the share of worlds
with the target that the attacker recognises while accusing at most 1 % of the worlds without.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oncofed.bench.disclosure_node import AGES, TARGET_AGE, AttackedNode, her2_positive
from oncofed.contracts.query import Query
from oncofed.disclosure.live import Question, draw

FALSE_POSITIVES = 0.01
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """The attacker's questions to one node: true counts and the questions as the noise is keyed by them."""

    exact: Numbers
    questions: tuple[Question, ...]

    def answers(self, trials: int, salt: str) -> Numbers:
        """What nodes with ``trials`` different secrets answer: one row a node, one column a question."""
        noise = np.array(
            [
                [draw(f"{salt} {trial:032d}".encode(), question, {})[""] for question in self.questions]
                for trial in range(trials)
            ],
            dtype=np.int64,
        )
        return self.exact + noise


def world(node: AttackedNode, queries: Sequence[Query], release: int = -1) -> World:
    """The world of ``queries`` at ``node``."""
    exact = np.array([node.exact(query, release) for query in queries], dtype=np.int64)
    return World(exact, tuple(node.question(query, release) for query in queries))


def padded_queries(number: int, seed: int = 5) -> list[Query]:
    """Distinct questions that all match the target, padded with ever other known members."""
    return [her2_positive({*ages, TARGET_AGE}) for ages in _paddings(number, seed)]


def differencing_pairs(pairs: int, seed: int = 6) -> list[Query]:
    """{padding}, {padding and target}, for ever other paddings: the tracker attack, two questions a pair."""
    return [
        query for ages in _paddings(pairs, seed) for query in (her2_positive(ages), her2_positive({*ages, TARGET_AGE}))
    ]


def _paddings(number: int, seed: int) -> list[tuple[str, ...]]:
    rng = random.Random(seed)
    others = [age for age in AGES if age != TARGET_AGE]
    found: set[tuple[str, ...]] = set()
    while len(found) < number:
        found.add(tuple(sorted(rng.sample(others, rng.randrange(4, 12)))))
    return sorted(found)


def success(there: NDArray[np.float64], absent: NDArray[np.float64], false_positives: float = FALSE_POSITIVES) -> float:
    """Share of ``there`` above the threshold that ``false_positives`` of ``absent`` exceed; ties are tossed fairly."""
    threshold = np.quantile(absent, 1 - false_positives, method="higher")
    ties = float((absent == threshold).mean())
    toss = (false_positives - float((absent > threshold).mean())) / ties
    return float((there > threshold).mean() + toss * (there == threshold).mean())


def sum_of_differences(answers: Numbers) -> NDArray[np.float64]:
    """Score of the tracker: how much more the questions with the target say than those without."""
    return np.asarray((answers[:, 1::2] - answers[:, 0::2]).sum(axis=1), dtype=np.float64)


def excess(answers: Numbers, known: Numbers) -> NDArray[np.float64]:
    """Score of who knows all the others: how much more the answers say than there are known members."""
    return np.asarray((answers - known).sum(axis=1), dtype=np.float64)


def likelihood(answers: Numbers, known: Numbers) -> NDArray[np.float64]:
    """The best score there is (Neyman and Pearson): each answer above the known count speaks for the target by ε₀."""
    return np.asarray(np.sign(answers - known - 0.5).sum(axis=1), dtype=np.float64)


def equal_pairs(answers: Numbers) -> NDArray[np.float64]:
    """Score of the equality oracle: how many pairs with and without the target differ (samply's weakness)."""
    return np.asarray((answers[:, 1::2] != answers[:, 0::2]).sum(axis=1), dtype=np.float64)


def road(node: AttackedNode, queries: Sequence[Query], secrets: int) -> int:
    """How many answers of the real node, over ``secrets`` secrets, are *not* the true count plus the keyed draw."""
    known = world(node, queries)
    wrong = 0
    for number in range(secrets):
        secret = f"road {number:032d}".encode()
        fresh = node.with_secret(secret)
        for query, question, exact in zip(queries, known.questions, known.exact, strict=True):
            wrong += fresh.cells(query) != draw(secret, question, {"": int(exact)})
    return wrong


def zero_or_one(trials: int) -> float:
    """Success at telling one patient from none by a single question, by the best rule there is."""
    question = Question("00" * 32, None, frozenset({"00" * 32}))
    none = np.array([draw(f"none {n:032d}".encode(), question, {"": 0})[""] for n in range(trials)], dtype=np.float64)
    one = np.array([draw(f"one {n:032d}".encode(), question, {"": 1})[""] for n in range(trials)], dtype=np.float64)
    return success(one, none)


def standard_error(share: float, trials: int) -> float:
    """Standard error of a measured success, its threshold being measured too."""
    tail = FALSE_POSITIVES * (1 - FALSE_POSITIVES)
    slope = share / FALSE_POSITIVES  # at least as steep as the ROC curve there, which is concave
    return math.sqrt((share * (1 - share) + slope**2 * tail) / trials)
