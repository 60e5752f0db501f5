"""How django-allauth fits this hub: closed sign-up, people from the OpenID provider, tokens for the command line."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from oncofed.hub.accounts.models import User
from oncofed.hub.accounts.scopes import SCOPES
from oncofed.hub.trace.actions import record


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # untyped
    """Local accounts are made by an operator (``oncofed hub person create``)."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody makes an account here by themselves."""
        return False


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc] # untyped
    """Whoever the configured OpenID provider vouches for has an account, without a role until an operator gives one."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """The provider decides who its people are."""
        return settings.CONFIGURATION.oidc is not None

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        """Take over name and address."""
        person: User = super().populate_user(request, sociallogin, data)
        person.name = data.get("name") or " ".join(filter(None, (data.get("first_name"), data.get("last_name"))))
        return person

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: object = None) -> User:
        """Make the account, and its event, at once."""
        with transaction.atomic():
            person: User = super().save_user(request, sociallogin, form)
            body = {"provider": sociallogin.account.provider}
            record(kind="person.created", by=person.actor, subject=person.actor, body=body)
        return person


class ProviderAdapter(DefaultOIDCAdapter):  # type: ignore[misc] # untyped
    """The hub as the OpenID provider of its own command line."""

    scope_display = {**DefaultOIDCAdapter.scope_display, **SCOPES}

    def get_issuer(self) -> str:
        """The public address, whatever Host header a request bears."""
        return settings.CONFIGURATION.public_url
