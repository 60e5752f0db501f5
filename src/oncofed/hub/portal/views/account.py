"""My account: roles, personal access tokens, and what stands elsewhere (password, second factor)."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from oncofed.contracts.errors import OncofedError
from oncofed.hub.accounts import actions, queries
from oncofed.hub.accounts.models import User
from oncofed.hub.portal.access import sign_in_first
from oncofed.hub.portal.forms import TokenForm
from oncofed.hub.portal.views import errors


@require_safe
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """Who I am here, and my tokens."""
    if not isinstance(request.user, User):
        return sign_in_first(request, "account", request.path)
    return _page(request, request.user, TokenForm())


@require_POST
@never_cache
def create_token(request: HttpRequest) -> HttpResponse:
    """Make a token; its secret is on this one page and never again."""
    if not isinstance(request.user, User):
        return sign_in_first(request, "account", reverse("portal:account"))
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, request.user, form, status=400)
    try:
        made = actions.create_token(person=request.user, by=request.user.actor, **form.cleaned_data)
    except OncofedError as error:
        form.add_error(None, error.detail or str(error))
        return _page(request, request.user, form, status=400)
    return _page(request, request.user, TokenForm(), secret=made.secret)


@require_POST
def revoke_token(request: HttpRequest, number: int) -> HttpResponse:
    """End one of my tokens."""
    if not isinstance(request.user, User):
        return sign_in_first(request, "account", reverse("portal:account"))
    token = queries.tokens(request.user).filter(pk=number).first()
    if token is None:
        return errors.not_found(request)
    actions.revoke_token(token=token, by=request.user.actor)
    messages.success(request, _("The token “%(name)s” cannot be used any more.") % {"name": token.name})
    return HttpResponseRedirect(reverse("portal:account"))


def _page(request: HttpRequest, person: User, form: TokenForm, *, secret: str = "", status: int = 200) -> HttpResponse:
    context = {
        "person": person,
        "memberships": queries.memberships(person),
        "tokens": list(queries.tokens(person)),
        "form": form,
        "secret": secret,
    }
    return render(request, "portal/account.html", context, status=status)
