"""A person who may not see a page is led to where they can change that, with the reason."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse


def sign_in_first(request: HttpRequest, reason: str, back: str) -> HttpResponseRedirect:
    """To the sign-in page, which says why (``navigation.reason``) and leads back to ``back``."""
    return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': back, 'reason': reason})}")
