"""How large a release is, told so that no patient can be told from it: noise first, then 1-2-5 bands."""

from collections.abc import Mapping
from fractions import Fraction

from oncofed.contracts.catalogue import ReleaseSize, SizeBand
from oncofed.disclosure.cube import noise_stream
from oncofed.disclosure.noise import discrete_gaussian
from oncofed.disclosure.plan import SIZE_VARIANCES

SMALLEST = 10
"""Upper end of the lowest band: below ten, nothing is told."""


def band(number: int) -> SizeBand:
    """The 1-2-5 band of ``number``: 0-10, 10-20, 20-50, 50-100, 100-200, …"""
    low, high, steps = 0, SMALLEST, 0
    while number >= high:
        low, steps = high, steps + 1
        high = (10, 20, 50)[steps % 3] * 10 ** (steps // 3)
    return SizeBand(low=low, high=high)


def build(exact: Mapping[str, int], *, secret: bytes, digest: str) -> ReleaseSize:
    """The sizes of a protected release. ``exact``: sums over patients, each patient's part cut at ``SIZE_CLAMPS``."""
    return ReleaseSize(**{name: band(_noisy(exact[name], name, secret, digest)) for name in SIZE_VARIANCES})


def build_open(exact: Mapping[str, int]) -> ReleaseSize:
    """The sizes of an open release, exact: bands of one number."""
    return ReleaseSize(**{name: SizeBand(low=exact[name], high=exact[name] + 1) for name in SIZE_VARIANCES})


def _noisy(count: int, name: str, secret: bytes, digest: str) -> int:
    variance: Fraction = SIZE_VARIANCES[name]
    return count + discrete_gaussian(noise_stream(secret, digest, ("size", name), variance), variance)
