from collections.abc import Callable

import httpx
import pytest

from oncofed.contracts.errors import BadInput, Corrupt, OncofedError, QueryError, Refused, Unreachable
from oncofed.sdk.sign_in import FixedToken
from oncofed.sdk.transport import Transport

Answer = Callable[[httpx.Request], httpx.Response]


def transport(answer: Answer, token: str = "t") -> Transport:  # noqa: S107 - no secret
    return Transport("https://hub.example.org", FixedToken(token), httpx.MockTransport(answer))


def problem(code: str, detail: str = "why", status: int = 400, **more: object) -> Answer:
    return lambda request: httpx.Response(status, json={"code": code, "detail": detail, **more})


def test_calls_carry_the_token_and_only_what_was_given() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"ok": True})

    with_token = transport(answer)
    assert with_token.get("facets", text="x", datasets=None) == {"ok": True}
    with_token.post("counts", {"text": "x", "by": None})
    with_token.close()
    transport(answer, "").get("figures")
    assert str(seen[0].url) == "https://hub.example.org/api/v1/facets?text=x"
    assert seen[0].headers["authorization"] == "Bearer t"
    assert seen[1].content == b'{"text":"x"}'
    assert "authorization" not in seen[2].headers


def test_no_content_is_none() -> None:
    transport(lambda request: httpx.Response(204)).delete("searches/x")


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (problem("permission-missing"), Refused, "permission-missing"),
        (problem("dataset-unknown"), BadInput, "dataset-unknown"),
        (problem("no-answer"), Unreachable, "no-answer"),
        (problem("reply-unreadable"), Corrupt, "reply-unreadable"),
        (problem("disk-full"), OncofedError, "disk-full"),
        (problem("code-of-the-future"), Refused, "hub-refused"),
        (lambda request: httpx.Response(502, text="<html>"), Corrupt, "reply-unreadable"),
        (lambda request: httpx.Response(400, json=["what"]), Corrupt, "reply-unreadable"),
        (lambda request: httpx.Response(200, text="<html>"), Corrupt, "reply-unreadable"),
    ],
)
def test_a_refusal_becomes_the_error_its_code_names(answer: Answer, kind: type, code: str) -> None:
    with pytest.raises(OncofedError) as refused:
        transport(answer).get("figures")
    assert type(refused.value) is kind
    assert refused.value.code == code


def test_a_query_that_cannot_be_read_keeps_its_place() -> None:
    answer = problem("query-unknown-criterion", position=[0, 7], suggestion="modality")
    with pytest.raises(QueryError) as refused:
        transport(answer).get("parse", text="modalty = MR")
    assert refused.value.position is not None
    assert (refused.value.position.start, refused.value.position.end) == (0, 7)
    assert refused.value.suggestion == "modality"
    with pytest.raises(QueryError) as refused:
        transport(problem("query-syntax")).get("parse", text="?")
    assert refused.value.position is None


def cut(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route")


def test_silence_is_an_error_of_its_own() -> None:
    with pytest.raises(Unreachable, match="hub-silent"):
        transport(cut).get("figures")
    with pytest.raises(Unreachable, match="hub-silent"):
        list(transport(cut).lines("counts/x/stream"))


def test_lines_leave_out_the_empty_ones() -> None:
    stream = transport(lambda request: httpx.Response(200, text='{"a": 1}\n\n{"a": 2}\n'))
    assert list(stream.lines("counts/x/stream")) == [{"a": 1}, {"a": 2}]
    with pytest.raises(Refused, match="token-invalid"):
        list(transport(problem("token-invalid", status=401)).lines("counts/x/stream"))
