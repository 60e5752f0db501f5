"""Reading people, organisations and tokens."""

import hashlib
from datetime import timedelta
from typing import NamedTuple

from allauth.idp.oidc.models import Token
from django.db.models import QuerySet
from django.utils import timezone

from oncofed.contracts.errors import BadInput
from oncofed.hub.accounts.models import Membership, Organisation, PersonalAccessToken, User

PREFIX = "oncofed_"
_NOTE_USE_EVERY = timedelta(minutes=10)


class Bearer(NamedTuple):
    """Who a program acts for, and what it may do for them (scopes)."""

    person: User
    scopes: frozenset[str]


def digest(token: str) -> str:
    """What is kept of a token: its SHA-256, hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def bearer(token: str) -> Bearer | None:
    """Who may act with this token now: a personal access token, or one given by ``oncofed login`` (device code)."""
    found = _personal(token) if token.startswith(PREFIX) else _signed_in(token)
    return found if found is not None and found.person.is_active else None


def _personal(token: str) -> Bearer | None:
    now = timezone.now()
    row = (
        PersonalAccessToken.objects.select_related("person")
        .filter(digest=digest(token), expires_at__gt=now, revoked_at=None)
        .first()
    )
    if row is None:
        return None
    if row.last_used_at is None or now - row.last_used_at > _NOTE_USE_EVERY:
        PersonalAccessToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return Bearer(row.person, frozenset(row.scopes))


def _signed_in(token: str) -> Bearer | None:
    row = Token.objects.lookup(Token.Type.ACCESS_TOKEN, token)
    if row is None or not isinstance(row.user, User):
        return None
    return Bearer(row.user, frozenset(row.get_scopes()))


def memberships(person: User) -> list[Membership]:
    """What the person is, oldest first; read once per person object."""
    known: list[Membership] | None = getattr(person, "_known_memberships", None)
    if known is None:
        known = list(person.memberships.select_related("organisation").order_by("id"))
        person._known_memberships = known  # type: ignore[attr-defined]
    return known


def organisation_of(person: User) -> Organisation:
    """The organisation in whose name the person asks; ``BadInput(organisation-missing)`` if there is none."""
    held = memberships(person)
    if not held:
        raise BadInput("organisation-missing", "you do not act for any organisation here")
    return held[0].organisation


def tokens(person: User) -> QuerySet[PersonalAccessToken]:
    """The person's tokens that can still be used, newest first."""
    return person.tokens.filter(revoked_at=None, expires_at__gt=timezone.now())


def person_by_email(email: str) -> User:
    """The person with this address; ``BadInput(person-unknown)``."""
    try:
        return User.objects.get(email__iexact=email)
    except User.DoesNotExist as error:
        raise BadInput("person-unknown", f"nobody signs in with {email}") from error
