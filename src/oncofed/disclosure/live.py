"""Live counts: one keyed draw of noise for one question over the union of the releases asked.

The noise is a function of the node's secret and of the *question*, never of the result: whoever asks, however often and
in whatever spelling, gets the same number, and equal numbers say nothing about equal results. A union gets one draw;
a breakdown gets one for each cell of the criterion's whole domain, also where nobody stands, and is charged for all.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from oncofed.contracts.base import canonical_json
from oncofed.contracts.vocabulary import cells
from oncofed.disclosure.constants import LIVE_EPSILON
from oncofed.disclosure.noise import KeyedStream, geometric_sd, two_sided_geometric

SIGMA = geometric_sd(LIVE_EPSILON)
"""Standard deviation of the noise on one live count: 14.1 patients."""

_PURPOSE = b"oncofed-live-noise/1/" + str(LIVE_EPSILON).encode()


@dataclass(frozen=True)
class Question:
    """What is counted: the distinct patients of the union of ``digests`` that match, in total or ``by`` a criterion.

    ``query_key`` is ``contracts.query.Query.key``: a digest of the canonical query with the versions of canonicaliser
    and vocabulary. ``digests`` are the release digests; order and repetition do not count.
    """

    query_key: str
    by: str | None
    digests: frozenset[str]

    @cached_property
    def digest(self) -> str:
        """What the ledger files the answer under (hexadecimal SHA-256). Holds no secret: the hub may know it."""
        question = ["count", self.query_key, "patients", self.by, sorted(self.digests)]
        return hashlib.sha256(canonical_json(question)).hexdigest()

    @property
    def domain(self) -> tuple[str, ...]:
        """The cells of the answer, whatever the data are: one cell "" without a breakdown."""
        return ("",) if self.by is None else cells(self.by)

    @property
    def cost(self) -> int:
        """Live counts it is charged: one for each cell."""
        return len(self.domain)


def draw(secret: bytes, question: Question, exact: Mapping[str, int]) -> dict[str, int]:
    """The noisy answer, one integer (it may be negative) for every cell of the domain.

    ``exact`` holds the true counts; an absent cell is 0, a cell outside the domain is a ValueError. Every cell has a
    stream of its own, so no answer depends on which cells are there.
    """
    domain = question.domain
    if not set(domain).issuperset(exact):
        raise ValueError("a count stands outside the domain of the question")
    key = hmac.digest(secret, _PURPOSE + bytes.fromhex(question.digest), "sha256")
    return {cell: exact.get(cell, 0) + _noise(key, cell) for cell in domain}


def _noise(key: bytes, cell: str) -> int:
    return two_sided_geometric(KeyedStream(hmac.digest(key, cell.encode(), "sha256")), LIVE_EPSILON)
