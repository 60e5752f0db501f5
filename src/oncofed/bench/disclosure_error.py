"""What protection costs the researcher: the error of totals over hospitals, and whether it is stated right."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oncofed.disclosure.display import Part, estimate
from oncofed.disclosure.live import SIGMA, Question, draw

LARGEST = 200
"""True counts a hospital are uniform below it: the sizes at which protection matters."""


@dataclass(frozen=True)
class Error:
    """Over many questions: mean |total - truth|, share of intervals that hold the truth, mean of total - truth."""

    mean: float
    covered: float
    bias: float


def truths(hospitals: int, trials: int, *, empty: bool = False) -> NDArray[np.int64]:
    """True counts, one row a question and one column a hospital."""
    rng = np.random.default_rng(20260103)
    return rng.integers(0, 1 if empty else LARGEST, (trials, hospitals))


def error(counts: NDArray[np.int64]) -> Error:
    """The error of live counts with these true counts, each hospital with a secret of its own."""
    errors, covered = [], 0
    for trial, row in enumerate(counts):
        question = Question(f"{trial:064x}", None, frozenset({"00" * 32}))
        released = [draw(f"hospital {n:032d}".encode(), question, {"": int(true)})[""] for n, true in enumerate(row)]
        shown, truth = estimate([Part(count, SIGMA) for count in released]), int(row.sum())
        errors.append(shown.value - truth)
        covered += shown.low <= truth <= shown.high
    return Error(float(np.abs(errors).mean()), covered / len(counts), float(np.mean(errors)))
