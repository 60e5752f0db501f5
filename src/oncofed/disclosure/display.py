"""How protected numbers are added up and shown. The only place where they are rounded, cut at 0 or called "<10".

Totals are plain sums of the noisy integers, negative ones too, so that they are unbiased: thirty hospitals without a
case add up to about zero. Rounding or cutting each part first would add up to 125 (facts §3.4).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from oncofed.contracts.outcome import Estimate, Note
from oncofed.disclosure.constants import CONFIDENCE, DISPLAY_ROUNDING, DISPLAY_THRESHOLD, LIVE_EPSILON
from oncofed.disclosure.live import SIGMA
from oncofed.disclosure.noise import geometric_quantile

_LIVE_MARGIN = geometric_quantile(LIVE_EPSILON, CONFIDENCE)
_NORMAL = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class Part:
    """One released number: a noisy integer and the standard deviation of its noise (0: exact)."""

    count: int
    sigma: float


def total(parts: Sequence[Part]) -> Part:
    """The sum of independent parts."""
    return Part(sum(part.count for part in parts), math.sqrt(sum(part.sigma**2 for part in parts)))


def margin(parts: Sequence[Part]) -> int:
    """Half the width of the 95 % interval of the sum of ``parts``, in patients; 0 if all are exact.

    A single live draw has its exact quantile. From two draws on the normal one is right to half a percent of coverage
    (``tests/unit/disclosure/test_display.py`` computes it by convolution); discrete Gaussians have it anyway.
    """
    noisy = [part for part in parts if part.sigma > 0]
    if len(noisy) == 1 and noisy[0].sigma == SIGMA:
        return _LIVE_MARGIN
    return math.ceil(_NORMAL * total(noisy).sigma)


def estimate(parts: Sequence[Part]) -> Estimate:
    """The total of ``parts`` with its 95 % interval and the text to show it with.

    ``value`` is the unbiased sum. ``low`` and ``high`` are cut at 0 and never closer than the margin: a sum below zero
    still leaves room for as many patients as a sum of zero does.
    """
    value, width = total(parts).count, margin(parts)
    low, high = max(0, value - width), max(0, value) + width
    if not width:
        return Estimate(value=value, low=value, high=value, exact=True, text=f"{value:,}")
    if value < DISPLAY_THRESHOLD:
        text = f"<{DISPLAY_THRESHOLD}, possibly up to {_up(high):,}"
    else:
        text = f"≈ {_nearest(value):,} (±{_up(width):,})"
    return Estimate(value=value, low=low, high=high, exact=False, text=text)


def caution(parts: Sequence[Part]) -> Note | None:
    """What a total near zero does not prove, in a sentence; None where the total is clear of zero or exact."""
    shown, noisy = estimate(parts), sum(part.sigma > 0 for part in parts)
    if shown.exact or shown.low > 0:
        return None
    places = "One hospital without a single case gives" if noisy == 1 else f"{noisy} hospitals without a case add up to"
    text = (
        f"{places} zero on average, by chance up to {_up(margin(parts)):,} more or less. "
        f"This total cannot be told apart from none: anything up to {_up(shown.high):,} patients would look like this."
    )
    return Note(code="near-zero", text=text)


def _nearest(number: int) -> int:
    return DISPLAY_ROUNDING * math.floor(number / DISPLAY_ROUNDING + 0.5)


def _up(number: int) -> int:
    return DISPLAY_ROUNDING * math.ceil(number / DISPLAY_ROUNDING)
