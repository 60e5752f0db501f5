"""Attacks that need no statistics: does the real node ever give a second number, or more numbers than it may?"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from oncofed.bench.disclosure_attacks import padded_queries
from oncofed.bench.disclosure_node import AttackedNode, her2_positive
from oncofed.contracts.query import Query, parse
from oncofed.disclosure.constants import LINEAGE_COUNTS, ORGANISATION_COUNTS
from oncofed.node import policy

SPELLINGS = (
    "{0} and {1} and {2}",
    "{0} and {1} and {2} and {0}",
    "{0} and {1} and {2} and species = human",
    "{0} and {1} and {2} and sex in (female, male, other, missing)",
    "{0} and {1} and {2} and diagnosis in (breast, BREAST)",
)
"""Ways to say one thing: in any order, twice, with what goes without saying, padded with a whole domain."""

PARTS = (
    ("her2 = 3+", "her2 in (3+, 3+)", "her2 = positive"),
    ("age at diagnosis 50..59", "age at diagnosis in (50-54, 55-59)", "age at diagnosis in (55-59, 50-54)"),
    ("diagnosis = breast", "diagnosis in (BREAST)", 'diagnosis = "Breast"'),
)
"""Each part of the question in several words."""


def spellings() -> Iterator[Query]:
    """One question in every combination of the above."""
    for form in SPELLINGS:
        for variant in range(3):
            for ordered in permutations([words[variant] for words in PARTS]):
                yield parse(form.format(*ordered)).query


def answers_to_one_question(node: AttackedNode, directory: Path) -> int:
    """How many different answers one question gets: spelt anyhow, by anyone, after a restart, with a lost ledger."""
    seen = {str(node.cells(query, organisation=f"org-{n % 7}")) for n, query in enumerate(spellings())}
    query = next(spellings())
    for _ in range(3):  # a node that stops and starts on one ledger file
        restarted = AttackedNode.over(node.warehouse, directory / "ledger.sqlite", node.context.noise_secret)
        seen.add(str(restarted.cells(query)))
        restarted.context.ledger.close()
    seen.add(str(node.with_secret(node.context.noise_secret).cells(query)))
    return len(seen)


POLICIES = (
    "[budget]\nfor_each_organisation = 1\nfor_all_together = 1\n",
    "[answers]\nshow_numbers = false\nsmallest_number_shown = 100\n",
    '[datasets.known-patients]\nclass = "protected"\n',
    "",
)


def changes_by_policy(node: AttackedNode) -> int:
    """How many answers change when the policy is tightened and loosened again after they were first given."""
    queries = padded_queries(20)
    first = [node.cells(query) for query in queries]
    later = [[node.with_policy(policy.parse(text)).cells(query) for query in queries] for text in POLICIES]
    return sum(one != other for row in later for one, other in zip(first, row, strict=True))


@dataclass(frozen=True)
class Spent:
    """Numbers that an attacker got out of one lineage in one year."""

    by_one: int
    by_all: int


def by_questions(node: AttackedNode) -> Spent:
    """Numbers from single questions: by one organisation, then by as many as a lying hub can invent."""
    queries = padded_queries(LINEAGE_COUNTS + 10)
    one = sum(node.cells(query) is not None for query in queries[: ORGANISATION_COUNTS + 10])
    answered = {
        query.key for n, query in enumerate(queries) if node.cells(query, organisation=f"invented-{n}") is not None
    }
    return Spent(one, len(answered))


def by_breakdowns(node: AttackedNode) -> Spent:
    """Numbers from breakdowns, cells of all answers together."""
    told: dict[tuple[str, str], tuple[str, int]] = {}
    for n, query in enumerate(padded_queries(40)):
        for by in ("sex", "her2", "age_at_diagnosis", "diagnosis"):
            for organisation in ("one", f"invented-{n}"):
                cells = node.cells(query, by, organisation=organisation)
                if cells is not None:
                    told.setdefault((query.key, by), (organisation, len(cells)))
    by_one = sum(cells for organisation, cells in told.values() if organisation == "one")
    return Spent(by_one, sum(cells for _, cells in told.values()))


def tautologies(node: AttackedNode, number: int = ORGANISATION_COUNTS + 10) -> tuple[int, list[int]]:
    """Questions that all patients of one group meet because of what these patients are, not because of the words.

    How many of ``number`` are answered, and the answers: each is a fresh look at one true count, and each is paid for.
    """
    ages = [f"{low}-{low + 4}" for low in range(50, 70, 5)]
    other = [f"{low}-{low + 4}" for low in range(25, 50, 5)]
    base = her2_positive(ages).text()
    answers = []
    for n in range(number):
        unused = [age for bit, age in enumerate([*other, "70-74"]) if n >> bit & 1]
        # nobody has two ages at diagnosis here, so that leaving out others changes nothing
        padded = f"{base} and age at diagnosis not in ({', '.join(unused)})" if unused else base
        cells = node.cells(parse(padded).query)
        if cells is not None:
            answers.append(cells[""])
    return len(answers), answers
