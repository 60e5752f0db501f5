"""Who calls the API: a person's session (with the form token), or a program with a person's token."""

from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.middleware.csrf import CsrfViewMiddleware
from ninja.security import APIKeyCookie, HttpBearer

from oncofed.contracts.errors import Refused
from oncofed.hub.accounts.models import User
from oncofed.hub.accounts.queries import Bearer, bearer


class ByToken(HttpBearer):
    """``Authorization: Bearer …``: a personal access token, or one of `oncofed login`."""

    def authenticate(self, request: HttpRequest, token: str) -> Bearer:
        """Who the token acts for; a token that is no good is refused, never taken for nobody."""
        known = bearer(token)
        if known is None:
            raise Refused("token-invalid")
        return known


class _FormToken(CsrfViewMiddleware):
    """Django's check, without its page."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponseForbidden:
        return HttpResponseForbidden(reason)


def _nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


class BySession(APIKeyCookie):
    """The portal's own session; calls that change something need its form token (CSRF)."""

    param_name = "sessionid"

    def __init__(self) -> None:
        super().__init__(csrf=False)

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        """The person who is signed in; ``Refused(form-token-missing)``."""
        if not isinstance(request.user, User):
            return None
        check = _FormToken(_nothing)
        check.process_request(request)
        if check.process_view(request, _nothing, (), {}) is not None:
            raise Refused("form-token-missing")
        return request.user


def nobody(request: HttpRequest) -> bool:
    """Let anyone in: they get what is public."""
    return True


PERSON = [ByToken(), BySession()]
"""Only people who signed in."""
ANYONE = [*PERSON, nobody]
"""People, and anyone else."""


def person(request: HttpRequest, scope: str) -> User:
    """Who calls; ``Refused(token-scope-missing)`` where they call by a token that was not made for this."""
    known = person_or_nobody(request, scope)
    if known is None:
        raise Refused("sign-in-required")
    return known


def person_or_nobody(request: HttpRequest, scope: str) -> User | None:
    """As ``person``; None for anyone who has not signed in."""
    auth: Any = getattr(request, "auth", None)
    if isinstance(auth, Bearer):
        if scope not in auth.scopes:
            raise Refused("token-scope-missing", scope)
        return auth.person
    return auth if isinstance(auth, User) else None


def let_connection_go() -> None:
    """Close this thread's database connection: what follows waits, and must hold none."""
    if not connection.in_atomic_block:
        connection.close()
