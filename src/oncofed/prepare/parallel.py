"""Doing the same to many things, here or on many workers, a bounded number of them at a time."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Given = TypeVar("Given")
Result = TypeVar("Result")


class Workers(Protocol):
    """Applies a function of a module to things; results come in any order."""

    def map(self, function: Callable[[Given], Result], things: Iterable[Given]) -> Iterator[Result]:
        """The results as they come; ``things`` are taken only as fast as they are worked on."""
        ...


class Here:
    """No workers: one thing after the other, in the process that asks."""

    def map(self, function: Callable[[Given], Result], things: Iterable[Given]) -> Iterator[Result]:
        """The results in order."""
        return map(function, things)


@contextlib.contextmanager
def workers(count: int = 1) -> Iterator[Workers]:
    """Workers for a stage."""
    yield Here()
