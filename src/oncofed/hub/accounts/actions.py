"""Everything that changes people, organisations and tokens."""

import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import NamedTuple

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from oncofed.contracts.errors import BadInput, Refused
from oncofed.hub.accounts.models import Membership, Organisation, PersonalAccessToken, User
from oncofed.hub.accounts.queries import PREFIX, digest
from oncofed.hub.accounts.roles import ROLES
from oncofed.hub.accounts.scopes import SCOPES
from oncofed.hub.trace.actions import record

MAX_TOKEN_DAYS = 365
MAX_TOKENS = 50


class Newcomer(NamedTuple):
    """A person an operator lets in, in a role; the organisation by its name or identifier."""

    email: str
    name: str
    password: str
    role: str
    organisation: str


class NewToken(NamedTuple):
    """A token's row and its secret, which is known only now."""

    token: PersonalAccessToken
    secret: str


@transaction.atomic
def create_organisation(*, organisation_id: str, title: str, country: str = "", by: str) -> Organisation:
    """The organisation with this id, made if it is not there."""
    organisation, made = Organisation.objects.get_or_create(
        organisation_id=organisation_id, defaults={"title": title, "country": country}
    )
    if made:
        record(kind="organisation.created", by=by, subject=organisation_id, body={"title": title, "country": country})
    return organisation


def organisation_named(*, title: str, country: str = "", by: str) -> Organisation:
    """The organisation named ``title``, made if it is not there; ``BadInput(organisation-invalid)``."""
    identifier = slugify(title)[:63].strip("-")
    if len(identifier) < 2:
        raise BadInput("organisation-invalid", f"“{title}”")
    return create_organisation(organisation_id=identifier, title=title, country=country, by=by)


@transaction.atomic
def create_person(*, email: str, name: str = "", password: str | None = None, by: str) -> User:
    """A person who can sign in; ``BadInput`` with ``email-invalid``, ``person-exists`` or ``password-weak``."""
    try:
        validate_email(email)
    except ValidationError as error:
        raise BadInput("email-invalid", f"“{email}” is not an email address") from error
    if User.objects.filter(email__iexact=email).exists():
        raise BadInput("person-exists", f"{email} signs in here already")
    person = User(email=email.lower(), name=name)
    if password is not None:
        _check_password(password, person)
    person.set_password(password)
    person.save()
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    record(kind="person.created", by=by, subject=person.actor, body={})
    return person


@transaction.atomic
def set_password(*, person: User, password: str, by: str) -> None:
    """Give the person a new password; ``BadInput(password-weak)``."""
    _check_password(password, person)
    person.set_password(password)
    person.save(update_fields=["password"])
    record(kind="person.password-set", by=by, subject=person.actor)


@transaction.atomic
def give_role(*, person: User, organisation: Organisation, role: str, by: str) -> Membership:
    """Let the person act for the organisation in a role; twice changes nothing. ``BadInput(role-unknown)``."""
    if role not in ROLES:
        raise BadInput("role-unknown", f"“{role}” is none of {', '.join(ROLES)}")
    membership, made = Membership.objects.get_or_create(person=person, organisation=organisation, role_key=role)
    if made:
        body = {"organisation": organisation.pk, "role": role}
        record(kind="person.role-given", by=by, subject=person.actor, body=body)
    return membership


@transaction.atomic
def take_role(*, person: User, organisation: Organisation, role: str, by: str) -> None:
    """End a membership; nothing happens if there is none."""
    removed, _ = Membership.objects.filter(person=person, organisation=organisation, role_key=role).delete()
    if removed:
        body = {"organisation": organisation.pk, "role": role}
        record(kind="person.role-taken", by=by, subject=person.actor, body=body)


@transaction.atomic
def create_token(*, person: User, name: str, scopes: Collection[str], days: int = 90, by: str) -> NewToken:
    """A personal access token; its secret is in the reply and nowhere else."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise BadInput("scope-unknown", f"scopes are {', '.join(SCOPES)}")
    if not 1 <= days <= MAX_TOKEN_DAYS:
        raise BadInput("token-lifetime", f"a token lives 1 to {MAX_TOKEN_DAYS} days")
    now = timezone.now()
    if person.tokens.filter(revoked_at=None, expires_at__gt=now).count() >= MAX_TOKENS:
        raise Refused("too-many-tokens", f"{MAX_TOKENS} tokens are in use")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = PersonalAccessToken.objects.create(
        person=person,
        name=name.strip()[:100] or "token",
        digest=digest(secret),
        beginning=secret[: len(PREFIX) + 4],
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    record(kind="token.created", by=by, subject=person.actor, body={"token": token.pk, "scopes": token.scopes})
    return NewToken(token, secret)


@transaction.atomic
def revoke_token(*, token: PersonalAccessToken, by: str) -> None:
    """The token cannot be used any more; revoking it twice changes nothing."""
    changed = PersonalAccessToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
    if changed:
        record(kind="token.revoked", by=by, subject=f"person:{token.person_id}", body={"token": token.pk})


def _check_password(password: str, person: User) -> None:
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise BadInput("password-weak", " ".join(error.messages)) from error


@transaction.atomic
def let_in(*, newcomer: Newcomer, token: bool, by: str) -> tuple[User, Organisation, str | None]:
    """All of a person, or nothing: sign-in, organisation, role and, if wanted, the secret of a first token."""
    person = create_person(email=newcomer.email, name=newcomer.name, password=newcomer.password, by=by)
    home = organisation_named(title=newcomer.organisation, by=by)
    give_role(person=person, organisation=home, role=newcomer.role, by=by)
    if not token:
        return person, home, None
    return person, home, create_token(person=person, name="first token", scopes=list(SCOPES), by=by).secret
