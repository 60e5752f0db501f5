"""The one error tree of oncofed and the register of its codes.

    OncofedError                  anything oncofed can say went wrong
    ├── BadInput                  what a person gave is not usable; they can repair it
    │   └── QueryError            ... and the query text has a position to point at
    ├── Refused                   a rule (policy, budget, permission, limit) says no
    ├── Unreachable               a peer, a file system or a network did not answer
    └── Corrupt                   stored or received bytes are not what they must be

Codes cross the wire, texts do not: a peer looks the text up in its own register. Every code has a page in
``docs/reference/errors.md`` (generated from ``CODES``) and an exit status.
"""

from dataclasses import dataclass

from oncofed.contracts.codes import CODES, Code

__all__ = ["CODES", "BadInput", "Code", "Corrupt", "OncofedError", "QueryError", "Refused", "Unreachable"]


class OncofedError(Exception):
    """An error a person can act on: a registered ``code``, what happened here, and what to do next.

    ``detail`` says what happened this time and never holds a value from a patient's row.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.detail = detail
        entry = CODES[code]
        self.exit_status = entry.exit_status
        super().__init__(f"{detail or entry.title} [{code}]. {entry.next_step}")


class BadInput(OncofedError):
    """What a person gave is not usable; nothing was changed."""


@dataclass(frozen=True)
class Position:
    """Where in a query text something is wrong: ``start`` and ``end`` are character offsets, from 0."""

    start: int
    end: int


class QueryError(BadInput):
    """A query that cannot be understood or is outside the limits; points at the place when it came as text."""

    def __init__(self, code: str, detail: str, *, position: Position | None = None, suggestion: str | None = None):
        self.position = position
        self.suggestion = suggestion
        super().__init__(code, f"{detail}; did you mean “{suggestion}”?" if suggestion else detail)


class Refused(OncofedError):
    """A rule says no. Asking again the same way gets the same answer."""


class Unreachable(OncofedError):
    """A peer or a resource did not answer; asking again later may help."""


class Corrupt(OncofedError):
    """Bytes are not what they must be (signature, digest, schema); they were not used."""
