"""Signing a program in by device code (RFC 8628), and keeping it signed in. The hub's side: ``hub.accounts.api``."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oncofed.contracts.errors import Corrupt, Refused, Unreachable
from oncofed.sdk.credentials import Credentials, SignIn

if TYPE_CHECKING:
    import httpx

CLIENT = "oncofed-cli"
SCOPES = "search saved"
SPARE_SECONDS = 60.0
"""A token that ends sooner than this is renewed first."""
SLOWER_SECONDS = 5.0
"""What RFC 8628 §3.5 adds to the interval when the hub says ``slow_down``."""
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True)
class DeviceCode:
    """What the person types or opens, and what the program waits with."""

    user_code: str
    address: str
    complete_address: str
    device_code: str
    expires_in: float
    interval: float


class SignInDesk:
    """The hub's OpenID provider, as far as a command line needs it."""

    def __init__(self, url: str, transport: "httpx.BaseTransport | None" = None) -> None:
        import httpx

        self.url = url
        self._client = httpx.Client(base_url=f"{url}/identity/o/api/", timeout=20.0, transport=transport)
        self._failure = httpx.TransportError

    def begin(self) -> DeviceCode:
        """A fresh device code."""
        status, reply = self._post("device/code", client_id=CLIENT, scope=SCOPES)
        if status != 200:
            raise Refused("login-denied", str(reply.get("error", status)))
        try:
            return DeviceCode(
                user_code=reply["user_code"],
                address=reply["verification_uri"],
                complete_address=reply.get("verification_uri_complete", reply["verification_uri"]),
                device_code=reply["device_code"],
                expires_in=float(reply["expires_in"]),
                interval=float(reply.get("interval", 5)),
            )
        except (KeyError, ValueError) as error:
            raise Corrupt("reply-unreadable", "no device code") from error

    def confirmed(self, code: DeviceCode, sleep: Callable[[float], None] = time.sleep) -> SignIn:
        """Wait until the person has confirmed; ``Refused`` with ``login-denied`` or ``login-expired``."""
        interval, until = code.interval, time.monotonic() + code.expires_in
        while time.monotonic() < until:
            sleep(interval)
            status, reply = self._post(
                "token", grant_type=_DEVICE_GRANT, client_id=CLIENT, device_code=code.device_code
            )
            error = reply.get("error")
            if status == 200:
                return _sign_in(reply)
            if error == "access_denied":
                raise Refused("login-denied")
            if error == "slow_down":
                interval += SLOWER_SECONDS
            elif error != "authorization_pending":
                break
        raise Refused("login-expired")

    def renewed(self, refresh: str) -> SignIn | None:
        """A new pair of tokens; None if the old one is no good any more."""
        status, reply = self._post("token", grant_type="refresh_token", client_id=CLIENT, refresh_token=refresh)
        return _sign_in(reply) if status == 200 else None

    def revoke(self, sign_in: SignIn) -> None:
        """End the sign-in at the hub."""
        self._post("revoke", client_id=CLIENT, token=sign_in.refresh or sign_in.access)

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    def _post(self, path: str, **form: str) -> tuple[int, dict[str, Any]]:
        try:
            response = self._client.post(path, data=form)
        except self._failure as error:
            raise Unreachable("hub-silent", f"{self.url} ({type(error).__name__})") from error
        if not response.content:
            return response.status_code, {}
        try:
            return response.status_code, dict(response.json())
        except (ValueError, TypeError) as error:
            raise Corrupt("reply-unreadable", f"{self.url} is not an oncofed hub") from error


def _sign_in(reply: dict[str, Any]) -> SignIn:
    try:
        return SignIn(str(reply["access_token"]), str(reply["refresh_token"]), time.time() + float(reply["expires_in"]))
    except (KeyError, ValueError) as error:
        raise Corrupt("reply-unreadable", "no tokens") from error


class FixedToken:
    """A token given by hand; "" for none."""

    def __init__(self, token: str) -> None:
        self._token = token

    def current(self) -> str:
        """The token."""
        return self._token


class StoredToken:
    """The token of `oncofed login`, renewed and stored again before it ends."""

    def __init__(
        self, url: str, stored: Callable[[], Credentials], desk: Callable[[str], SignInDesk] = SignInDesk
    ) -> None:
        self._url = url
        self._stored = stored
        self._desk = desk
        self._sign_in = stored().sign_ins.get(url)

    def current(self) -> str:
        """A token that holds for a while; "" if there is none or it cannot be renewed."""
        if not _ends_soon(self._sign_in):
            return self._sign_in.access if self._sign_in else ""
        known = self._stored().sign_ins.get(self._url)
        if _ends_soon(known):  # no other program of this person has renewed it
            known = self._renew(known)
        self._sign_in = known
        return known.access if known else ""

    def _renew(self, old: SignIn | None) -> SignIn | None:
        desk = self._desk(self._url)
        try:
            fresh = desk.renewed(old.refresh) if old else None
        finally:
            desk.close()
        stored = self._stored()
        if fresh is None:
            return stored.sign_ins.get(self._url) if stored.sign_ins.get(self._url) != old else None
        stored.renew(self._url, fresh)
        return fresh


def _ends_soon(sign_in: SignIn | None) -> bool:
    return sign_in is not None and bool(sign_in.expires_at) and time.time() > sign_in.expires_at - SPARE_SECONDS
