"""Telling a person how far a stage is: what is done, at what rate, how long it will still take."""

from typing import Protocol


class Progress(Protocol):
    """Told by every stage; the command line draws it, a test may record it. Never a value of a patient."""

    def begin(self, what: str, total: int | None) -> None:
        """A stage, or a part of one, begins; ``total`` units are to be done (None: nobody knows yet)."""
        ...

    def advance(self, done: int = 1) -> None:
        """So many more units are done."""
        ...

    def end(self) -> None:
        """The part that began last is over."""
        ...


class Silent:
    """Progress that nobody watches."""

    def begin(self, what: str, total: int | None) -> None:
        """Nothing is told."""

    def advance(self, done: int = 1) -> None:
        """Nothing is told."""

    def end(self) -> None:
        """Nothing is told."""
