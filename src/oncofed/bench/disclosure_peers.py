"""How others obfuscate counts, re-implemented in our words from their published rules, under the same attack.

* samply (Focus with laplace-rs, default): Laplace noise with ε 0.28, rounded to tens, below ten shown as 10 and a true
  0 as 0; the noise is remembered *by the true count*, so equal counts give equal answers.
* MII / FDPG feasibility: rounded up, n - n mod 10 + 10.
* Molgenis EMX2, level RANGE: rounded up, ⌈n/10⌉·10.
* No protection: the exact count, as the EUCAIM reference system's SQL path answers.

The attacker looks whether {padding} and {padding and target} differ; each trial takes other pairs.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from oncofed.bench.disclosure_attacks import Numbers, equal_pairs, success

SAMPLY_SCALE = 1 / 0.28
Rule = Callable[[Numbers, np.random.Generator], Numbers]
"""True counts (trials × questions) → answers."""


def samply(exact: Numbers, rng: np.random.Generator) -> Numbers:
    """Samply's default."""
    answers = np.empty_like(exact)
    for row, counts in enumerate(exact):
        distinct, place = np.unique(counts, return_inverse=True)
        noisy = np.round((distinct + rng.laplace(0, SAMPLY_SCALE, distinct.size)) / 10) * 10
        shown = np.where(distinct == 0, 0, np.where(noisy < 10, 10, noisy))
        answers[row] = shown[place].astype(np.int64)
    return answers


def mii(exact: Numbers, _rng: np.random.Generator) -> Numbers:
    """MII's rounding."""
    return exact - exact % 10 + 10


def molgenis(exact: Numbers, _rng: np.random.Generator) -> Numbers:
    """Molgenis RANGE."""
    return -(-exact // 10) * 10


def unprotected(exact: Numbers, _rng: np.random.Generator) -> Numbers:
    """The exact count."""
    return exact


RULES: dict[str, Rule] = {"samply": samply, "mii": mii, "molgenis_range": molgenis, "exact": unprotected}


def differencing(rule: Rule, pairs: Numbers, number: int, trials: int) -> float:
    """Success of ``number`` pairs out of ``pairs`` (true counts without and with the target, one row a pair)."""
    rng = np.random.default_rng(20260101)
    chosen = np.array([rng.choice(len(pairs), number, replace=False) for _ in range(trials)])
    present = pairs[chosen].reshape(trials, -1)
    absent = present.copy()
    absent[:, 1::2] = absent[:, 0::2]
    return success(equal_pairs(rule(present, rng)), equal_pairs(rule(absent, rng)))


def mean_error(rule: Rule, truths: NDArray[np.int64]) -> float:
    """Mean |error| of the sum over hospitals; ``truths`` has one row a trial and one column a hospital."""
    rng = np.random.default_rng(20260102)
    return float(np.abs(rule(truths, rng).sum(axis=1) - truths.sum(axis=1)).mean())
