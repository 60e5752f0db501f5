"""People, roles and tokens: permission × role, what is refused and why, and that every change leaves an event."""

from datetime import timedelta

import pytest
from django.utils import timezone

from oncofed.contracts.errors import BadInput, Refused
from oncofed.hub.accounts import actions, policy, queries
from oncofed.hub.accounts.models import PersonalAccessToken, User
from oncofed.hub.accounts.roles import ROLES, Permission
from oncofed.hub.trace.models import Event
from tests.factories import hub

pytestmark = pytest.mark.django_db

EXPECTED = {
    Permission.ASK_COUNT: {"researcher", "data-holder", "access-committee", "operator"},
    Permission.SAVE_SEARCH: {"researcher", "data-holder", "access-committee", "operator"},
    Permission.SEE_NODE_HEALTH: {"data-holder", "operator"},
    Permission.SEE_HOLDER_QUERIES: {"data-holder"},
    Permission.INVITE_NODE: {"operator"},
    Permission.MANAGE_PEOPLE: {"operator"},
    Permission.SEE_TRACE: {"access-committee", "operator"},
}


def kinds(subject: str) -> list[str]:
    return list(Event.objects.filter(subject=subject).values_list("kind", flat=True))


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", [*ROLES, ""])
def test_who_may_do_what(permission: Permission, role: str):
    person = hub.person(role=role)
    assert policy.holds(person, permission) == (role in EXPECTED[permission])
    if role in EXPECTED[permission]:
        policy.require(person, permission)
        person.is_active = False
    with pytest.raises(Refused) as caught:
        policy.require(person, permission)
    assert caught.value.code == "permission-missing"


def test_a_role_counts_in_its_organisation():
    person = hub.person(role="data-holder", organisation="uni-one")
    other = actions.create_organisation(organisation_id="uni-two", title="Two", by="test")
    home = queries.organisation_of(person)
    assert policy.holds(person, Permission.SEE_NODE_HEALTH, home)
    assert not policy.holds(person, Permission.SEE_NODE_HEALTH, other)


def test_roles_are_given_and_taken_once():
    person = hub.person(role="")
    home = actions.create_organisation(organisation_id="uni-one", title="One", by="test")
    for _ in range(2):
        membership = actions.give_role(person=person, organisation=home, role="researcher", by="test")
    assert str(membership) == f"Ada · {home} · Researcher"
    for _ in range(2):
        actions.take_role(person=person, organisation=home, role="researcher", by="test")
    assert kinds(person.actor) == ["person.created", "person.role-given", "person.role-taken"]
    with pytest.raises(BadInput) as caught:
        actions.give_role(person=person, organisation=home, role="king", by="test")
    assert caught.value.code == "role-unknown"
    with pytest.raises(BadInput) as caught:
        queries.organisation_of(User.objects.get(pk=person.pk))
    assert caught.value.code == "organisation-missing"


@pytest.mark.parametrize(
    ("email", "password", "code"),
    [
        ("nobody", None, "email-invalid"),
        ("ADA@example.org", None, "person-exists"),
        ("new@example.org", "short", "password-weak"),
        ("new@example.org", "passwordpassword1", None),
    ],
)
def test_creating_people(email: str, password: str | None, code: str | None):
    hub.person("ada@example.org")
    if code is None:
        person = actions.create_person(email=email, password=password, by="test")
        assert person.check_password(password)
        assert queries.person_by_email("NEW@example.org") == person
        assert str(person) == "new@example.org"
        return
    with pytest.raises(BadInput) as caught:
        actions.create_person(email=email, password=password, by="test")
    assert caught.value.code == code


def test_a_password_is_set():
    person = hub.person()
    assert not person.has_usable_password()
    actions.set_password(person=person, password="correct horse battery", by="test")
    assert User.objects.get(pk=person.pk).check_password("correct horse battery")
    with pytest.raises(BadInput):
        actions.set_password(person=person, password="1234", by="test")
    with pytest.raises(BadInput) as caught:
        queries.person_by_email("nobody@example.org")
    assert caught.value.code == "person-unknown"


def test_a_token_is_kept_as_a_hash_and_works_until_revoked():
    person = hub.person()
    token, secret = actions.create_token(person=person, name=" mine ", scopes=["search"], by=person.actor)
    assert secret.startswith("oncofed_")
    assert len(secret) > 40
    assert secret not in str(PersonalAccessToken.objects.values().get(pk=token.pk))
    assert str(token) == f"mine ({secret[:12]}…)"
    found = queries.bearer(secret)
    assert found is not None
    assert (found.person, found.scopes) == (person, {"search"})
    used = PersonalAccessToken.objects.get(pk=token.pk).last_used_at
    assert used is not None
    queries.bearer(secret)
    assert PersonalAccessToken.objects.get(pk=token.pk).last_used_at == used  # noted every few minutes only
    assert list(queries.tokens(person)) == [token]
    for _ in range(2):
        actions.revoke_token(token=token, by=person.actor)
    assert queries.bearer(secret) is None
    assert not queries.tokens(person)
    assert kinds(person.actor)[-2:] == ["token.created", "token.revoked"]


def test_tokens_that_do_not_work():
    person = hub.person()
    secret = hub.token(person)
    assert queries.bearer("oncofed_" + "x" * 43) is None
    assert queries.bearer("anything") is None
    PersonalAccessToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert queries.bearer(secret) is None
    other = hub.token(person)
    User.objects.update(is_active=False)
    assert queries.bearer(other) is None


@pytest.mark.parametrize(
    ("scopes", "days", "code"),
    [
        (["search", "everything"], 9, "scope-unknown"),
        ([], 9, "scope-unknown"),
        (["search"], 0, "token-lifetime"),
        (["search"], 366, "token-lifetime"),
    ],
)
def test_tokens_that_are_not_made(scopes: list[str], days: int, code: str):
    with pytest.raises(BadInput) as caught:
        actions.create_token(person=hub.person(), name="t", scopes=scopes, days=days, by="test")
    assert caught.value.code == code


def test_tokens_have_a_number(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(actions, "MAX_TOKENS", 1)
    person = hub.person()
    hub.token(person)
    with pytest.raises(Refused) as caught:
        hub.token(person)
    assert caught.value.code == "too-many-tokens"


def test_addresses_are_one_person_whatever_their_case():
    made = User.objects.create_user("Grace@Example.org", "a long passphrase", name="Grace")
    assert (made.email, str(made), made.get_full_name()) == ("grace@example.org", "Grace", "Grace")
    assert User.objects.get_by_natural_key("GRACE@example.ORG") == made
    assert len(made.pseudonym) == 32
