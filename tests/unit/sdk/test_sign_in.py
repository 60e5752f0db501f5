import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from oncofed.contracts.errors import Corrupt, OncofedError, Refused, Unreachable
from oncofed.sdk.credentials import Credentials, SignIn
from oncofed.sdk.sign_in import SLOWER_SECONDS, FixedToken, SignInDesk, StoredToken

HUB = "https://hub.example.org"
DEVICE = {
    "device_code": "d", "user_code": "ABCD", "verification_uri": f"{HUB}/device", "expires_in": 600, "interval": 2,
}  # fmt: skip
TOKENS = {"access_token": "a2", "refresh_token": "r2", "expires_in": 3600}


def desk(*replies: httpx.Response) -> SignInDesk:
    waiting = list(replies)
    return SignInDesk(HUB, httpx.MockTransport(lambda request: waiting.pop(0)))


def ok(**body: object) -> httpx.Response:
    return httpx.Response(200, json=body)


def error(name: str) -> httpx.Response:
    return httpx.Response(400, json={"error": name})


def test_the_person_gets_a_code_and_an_address() -> None:
    code = desk(ok(**DEVICE)).begin()
    assert (code.user_code, code.complete_address, code.interval) == ("ABCD", f"{HUB}/device", 2.0)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (error("invalid_client"), "login-denied"),
        (ok(user_code="x"), "reply-unreadable"),
        (httpx.Response(200, text="<html>"), "reply-unreadable"),
        (httpx.Response(404), "login-denied"),
    ],
)
def test_what_is_no_hub_cannot_be_signed_in_to(reply: httpx.Response, code: str) -> None:
    with pytest.raises(OncofedError) as refused:
        desk(reply).begin()
    assert refused.value.code == code


def test_waiting_goes_on_until_the_person_has_confirmed() -> None:
    waits: list[float] = []
    one = desk(ok(**DEVICE), error("authorization_pending"), error("slow_down"), ok(**TOKENS))
    sign_in = one.confirmed(one.begin(), waits.append)
    assert (sign_in.access, sign_in.refresh) == ("a2", "r2")
    assert sign_in.expires_at > time.time() + 3500
    assert waits == [2.0, 2.0, 2.0 + SLOWER_SECONDS]


@pytest.mark.parametrize(("said", "code"), [("access_denied", "login-denied"), ("invalid_grant", "login-expired")])
def test_declined_or_too_late(said: str, code: str) -> None:
    one = desk(ok(**DEVICE), error(said))
    with pytest.raises(Refused) as refused:
        one.confirmed(one.begin(), lambda seconds: None)
    assert refused.value.code == code


def test_a_code_ends_by_itself() -> None:
    one = desk(ok(**{**DEVICE, "expires_in": 0}))
    with pytest.raises(Refused, match="login-expired"):
        one.confirmed(one.begin(), lambda seconds: None)


def test_tokens_must_be_tokens() -> None:
    with pytest.raises(Corrupt, match="reply-unreadable"):
        desk(ok(access_token="a")).renewed("r")


def test_a_silent_hub_is_named() -> None:
    def cut(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    with pytest.raises(Unreachable, match=HUB):
        SignInDesk(HUB, httpx.MockTransport(cut)).begin()


def test_signing_out_ends_the_sign_in_at_the_hub() -> None:
    sent: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return httpx.Response(200)

    SignInDesk(HUB, httpx.MockTransport(answer)).revoke(SignIn("a", "r", 1.0))
    assert b"token=r" in sent[0]


def test_a_token_by_hand_stays() -> None:
    assert FixedToken("t").current() == "t"


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[], Credentials]:
    return lambda: Credentials(tmp_path / "client.json")


def soon() -> float:
    return time.time() + 5


def test_a_stored_token_is_used_while_it_holds(stored: Callable[[], Credentials]) -> None:
    assert StoredToken(HUB, stored).current() == ""
    stored().keep(HUB, SignIn("a1", "r1", time.time() + 3600))
    assert StoredToken(HUB, stored).current() == "a1"
    stored().keep(HUB, SignIn("by-hand"))
    assert StoredToken(HUB, stored).current() == "by-hand"


def test_a_token_that_ends_is_renewed_and_stored(stored: Callable[[], Credentials]) -> None:
    stored().keep(HUB, SignIn("a1", "r1", soon()))
    token = StoredToken(HUB, stored, lambda url: desk(ok(**TOKENS)))
    assert token.current() == "a2"
    assert token.current() == "a2"
    assert stored().sign_ins[HUB].refresh == "r2"


def test_another_program_may_have_renewed_it(stored: Callable[[], Credentials]) -> None:
    stored().keep(HUB, SignIn("a1", "r1", soon()))
    token = StoredToken(HUB, stored)
    stored().keep(HUB, SignIn("theirs", "r9", time.time() + 3600))
    assert token.current() == "theirs"


def test_another_program_may_be_renewing_it_now(stored: Callable[[], Credentials]) -> None:
    stored().keep(HUB, SignIn("a1", "r1", soon()))

    def late(url: str) -> SignInDesk:
        stored().keep(HUB, SignIn("theirs", "r9", time.time() + 3600))
        return desk(error("invalid_grant"))

    assert StoredToken(HUB, stored, late).current() == "theirs"


def test_a_token_that_cannot_be_renewed_is_none(stored: Callable[[], Credentials]) -> None:
    stored().keep(HUB, SignIn("a1", "r1", soon()))
    assert StoredToken(HUB, stored, lambda url: desk(error("invalid_grant"))).current() == ""
