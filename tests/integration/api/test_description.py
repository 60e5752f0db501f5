"""The API does what its OpenAPI description says, whatever it is sent (schemathesis), within a bounded time."""

import contextlib
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.factories import hub
from tests.factories.published import release
from tests.factories.serving import served

pytestmark = pytest.mark.django_db(transaction=True)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 8
NO_REQUEST = "Invalid HTTP request received."
"""What the server itself says to an address beyond 64 KiB: the API never sees it."""


@pytest.fixture
def address() -> Iterator[str]:
    hub.node("north", release("a1"), release("open-data", is_open=True))
    with served() as url:
        yield url


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_operation_answers_as_described(address: str, mode: GenerationMode) -> None:
    headers = {"authorization": f"Bearer {hub.token(hub.person())}"}
    schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json")
    tried = []
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def call(case: Case) -> None:
            reply = case.call(headers=headers, timeout=30)
            if reply.text != NO_REQUEST:
                case.validate_response(reply, checks=CHECKS, headers=headers)

        with contextlib.suppress(Unsatisfiable):  # nothing about it can be wrong: it takes no input
            call()
        tried.append(operation.label)
    assert "POST /api/v1/counts" in tried
    assert len(tried) >= 15
