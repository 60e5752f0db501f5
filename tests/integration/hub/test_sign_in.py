"""Signing in on pages and from the command line, over Django's own client."""

import re
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from allauth.core.context import request_context
from allauth.idp.oidc.models import Token
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.cache import cache
from django.test import Client

from oncofed.hub.accounts import actions, policy, queries
from oncofed.hub.accounts.adapters import AccountAdapter, SocialAccountAdapter
from oncofed.hub.accounts.models import User
from oncofed.hub.accounts.roles import Permission
from oncofed.hub.configuration import OpenIdProvider
from oncofed.hub.trace.models import Event
from tests.factories import hub

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]

PASSWORD = "a rather long passphrase"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
def person():
    cache.clear()  # rate limits
    made = hub.person()
    actions.set_password(person=made, password=PASSWORD, by="test")
    return made


def post_form(client: Client, path: str, fields: dict[str, str]):
    """OAuth's forms are url-encoded (RFC 6749)."""
    return client.post(path, urlencode(fields), content_type="application/x-www-form-urlencoded")


def poll(client: Client, device_code: str):
    body = {"grant_type": DEVICE, "client_id": "oncofed-cli", "device_code": device_code}
    return post_form(client, "/identity/o/api/token", body)


def allow_polling(device_code: str) -> None:
    """Let the interval pass."""
    key = f"allauth.idp.oidc.device_code[{device_code}]"
    cache.set(key, {**cache.get(key), "last_poll_at": 0}, 60)


@pytest.fixture
def started(client: Client):
    reply = post_form(client, "/identity/o/api/device/code", {"client_id": "oncofed-cli", "scope": "search"})
    assert reply.status_code == 200
    return reply.json()


def test_signing_in_with_a_password(client: Client, person):
    page = client.get("/accounts/login/")
    assert page.status_code == 200
    assert page.headers["permissions-policy"].startswith("camera=()")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy.replace("https", "http").split("nonce")[0]
    wrong = client.post("/accounts/login/", {"login": person.email, "password": "no"})
    assert wrong.status_code == 200
    right = client.post("/accounts/login/", {"login": "ADA@example.org", "password": PASSWORD})
    assert right.status_code == 302
    assert set(client.cookies) <= {"sessionid", "csrftoken", "messages"}
    assert all(cookie["httponly"] and cookie["samesite"] == "Lax" for cookie in client.cookies.values() if cookie.value)


def test_nobody_makes_an_account_by_themselves(client: Client, rf):
    body = {"email": "new@example.org", "password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/accounts/signup/", body).status_code in {200, 403}
    with pytest.raises(Exception, match="nobody signs in"):
        queries.person_by_email("new@example.org")
    assert not AccountAdapter().is_open_for_signup(rf.get("/"))
    assert not SocialAccountAdapter().is_open_for_signup(rf.get("/"), None)


def test_the_command_line_signs_in_by_device_code(client: Client, person, started):
    assert started["verification_uri_complete"].endswith(f"?code={started['user_code']}")
    pending = poll(client, started["device_code"])
    assert (pending.status_code, pending.json()["error"]) == (400, "authorization_pending")
    assert poll(client, started["device_code"]).json()["error"] == "slow_down"

    browser = Client(enforce_csrf_checks=True)
    assert browser.get("/device").status_code == 302  # to sign in
    browser.force_login(person)
    page = browser.get("/device", {"code": started["user_code"]})
    assert started["user_code"] in page.content.decode()
    confirm = f"/device?code={started['user_code']}"
    assert browser.post(confirm, {"action": "confirm"}).status_code == 403  # another site's form
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.content.decode())
    assert token is not None
    done = browser.post(confirm, {"action": "confirm", "csrfmiddlewaretoken": token[1]})
    assert done.status_code == 200

    allow_polling(started["device_code"])
    given = poll(client, started["device_code"]).json()
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 3600)
    found = queries.bearer(given["access_token"])
    assert found is not None
    assert (found.person, found.scopes) == (person, {"search"})
    assert given["access_token"] not in str(list(Token.objects.values()))
    assert poll(client, started["device_code"]).json()["error"] == "invalid_grant"

    body = {"grant_type": "refresh_token", "client_id": "oncofed-cli", "refresh_token": given["refresh_token"]}
    renewed = post_form(client, "/identity/o/api/token", body).json()
    assert queries.bearer(renewed["access_token"]) is not None
    post_form(client, "/identity/o/api/revoke", {"client_id": "oncofed-cli", "token": renewed["access_token"]})
    assert queries.bearer(renewed["access_token"]) is None


def test_a_person_can_decline(client: Client, person, started):
    browser = Client()
    browser.force_login(person)
    browser.post(f"/device?code={started['user_code']}", {"action": "deny"})
    assert poll(client, started["device_code"]).json()["error"] == "access_denied"


def test_only_the_scopes_there_are(client: Client):
    reply = post_form(client, "/identity/o/api/device/code", {"client_id": "oncofed-cli", "scope": "search everything"})
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_scope")
    unknown = post_form(client, "/identity/o/api/device/code", {"client_id": "someone-else"})
    assert unknown.status_code in {400, 401}


def test_the_issuer_is_the_public_address(client: Client):
    assert client.get("/.well-known/openid-configuration").json()["issuer"] == settings.CONFIGURATION.public_url


def test_whoever_the_openid_provider_vouches_for_has_an_account_and_no_role(rf, settings):
    provider = OpenIdProvider(issuer="https://id.example", client_id="hub", client_secret="s")
    settings.CONFIGURATION = replace(settings.CONFIGURATION, oidc=provider)
    login = SocialLogin(user=User(), account=SocialAccount(provider="openid", uid="7"))
    adapter = SocialAccountAdapter()
    request = rf.get("/")
    SessionMiddleware(lambda _: None).process_request(request)
    with request_context(request):
        assert adapter.is_open_for_signup(request, login)
        adapter.populate_user(request, login, {"email": "eve@example.org", "first_name": "Eve", "last_name": "Moreno"})
        person = adapter.save_user(request, login)
    assert (person.name, person.email) == ("Eve Moreno", "eve@example.org")
    assert not person.has_usable_password()
    assert not policy.holds(person, Permission.ASK_COUNT)
    event = Event.objects.get(kind="person.created")
    assert (event.by, event.subject, event.body) == (person.actor, person.actor, {"provider": "openid"})
