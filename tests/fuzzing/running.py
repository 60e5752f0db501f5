"""One case: bytes from a seed, a reader that works on them under bounds, and what came of it."""

import random
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tests.fuzzing.mutations import mutated
from tests.fuzzing.targets import Target

STEPS = 30_000_000
"""Calls of functions, Python's and C's, that one case may make: a bound on time that no busy machine changes."""
GROWTH_KB = 700_000
"""By how much one case may raise the most memory that the process ever held."""


class TooMuch(BaseException):
    """A case that would not end, or takes too much memory; no ``except Exception`` swallows it."""


def case(target: Target, seed: int) -> bytes:
    """The bytes of one case."""
    rng = random.Random(f"{target.name} {seed}")
    seeds = target.seeds()
    return mutated(rng.choice(seeds), rng, seeds, target.kinds)


def result(target: Target, seed: int, folder: Path) -> str:
    """What comes of one case; raises what the reader raises."""
    content = case(target, seed)
    before = _most_memory()
    with _bounded():
        outcome = target.check(content, folder, random.Random(seed))
    if _most_memory() - before > GROWTH_KB:
        raise TooMuch("memory")
    return outcome


def _most_memory() -> int:
    """In kB (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def _bounded() -> Iterator[None]:
    steps = 0

    def count(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal steps
        steps += 1
        if steps > STEPS:
            sys.setprofile(None)
            raise TooMuch("steps")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)
