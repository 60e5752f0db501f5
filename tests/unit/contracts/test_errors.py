"""The error tree: every code is registered, has an exit status and a next step, and says its detail."""

import re

import pytest

from oncofed.contracts.codes import CODES
from oncofed.contracts.errors import (
    BadInput,
    Corrupt,
    OncofedError,
    Position,
    QueryError,
    Refused,
    Unreachable,
)


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_fit_to_cross_the_wire_and_to_be_read(code: str) -> None:
    entry = CODES[code]
    assert re.fullmatch(r"[a-z0-9-]{1,64}", code)
    assert entry.exit_status in range(2, 7)
    assert not entry.title.endswith(".")
    assert entry.next_step.endswith((".", "."))
    assert entry.next_step[0].isupper()


@pytest.mark.parametrize("kind", [OncofedError, BadInput, Refused, Unreachable, Corrupt])
def test_an_error_says_what_happened_and_what_to_do(kind: type[OncofedError]) -> None:
    error = kind("disk-full", "the outbox")
    assert isinstance(error, OncofedError)
    assert error.code == "disk-full"
    assert error.exit_status == 6
    assert str(error) == f"the outbox [disk-full]. {CODES['disk-full'].next_step}"
    assert str(kind("disk-full")).startswith(CODES["disk-full"].title)


def test_an_unregistered_code_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        OncofedError("no-such-code")


def test_a_query_error_points_and_suggests() -> None:
    error = QueryError("query-unknown-value", "“MRR” is no value", position=Position(3, 6), suggestion="MR")
    assert error.detail == "“MRR” is no value; did you mean “MR”?"
    assert error.position == Position(3, 6)
    assert error.suggestion == "MR"
    plain = QueryError("query-syntax", "the query ends too early")
    assert plain.detail == "the query ends too early"
    assert plain.position is None
