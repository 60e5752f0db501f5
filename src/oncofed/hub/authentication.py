"""Who calls the API: a person's session (with the form token), or a program with a person's token."""

from typing import Any

from django.db import connection
from django.http import HttpRequest
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


class BySession(APIKeyCookie):
    """The portal's own session; calls that change something need its form token (CSRF)."""

    param_name = "sessionid"

    def __init__(self) -> None:
        super().__init__(csrf=True)

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        """The person who is signed in."""
        return request.user if isinstance(request.user, User) else None


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
