"""Saved searches and the questions a person has asked."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from oncofed.contracts.errors import OncofedError
from oncofed.contracts.query import parse
from oncofed.hub.accounts.models import User
from oncofed.hub.portal.access import sign_in_first
from oncofed.hub.portal.cohort import State
from oncofed.hub.portal.views import errors
from oncofed.hub.search import actions
from oncofed.hub.search import queries as search

ASKED_SHOWN = 50


@require_safe
def searches(request: HttpRequest) -> HttpResponse:
    """My saved searches, and what I have asked."""
    if not isinstance(request.user, User):
        return sign_in_first(request, "searches", request.path)
    context = {
        "saved": list(search.saved_searches(request.user)),
        "asked": list(search.asks(request.user)[:ASKED_SHOWN]),
    }
    return render(request, "portal/searches.html", context)


@require_safe
def saved(request: HttpRequest, slug: str) -> HttpResponse:
    """A permalink: the query for anyone who has it, results for nobody."""
    try:
        found = search.saved_search(slug)
    except OncofedError as error:
        return errors.refused(request, error)
    context = {
        "saved": found,
        "mine": found.owner_id == request.user.pk,
        "sentence": parse(found.text).query.explain(),
        "search_url": State(found.text).search(),
    }
    return render(request, "portal/saved.html", context)


@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep a question under a title."""
    text = request.POST.get("q", "")
    if not isinstance(request.user, User):
        return sign_in_first(request, "searches", State(text).search())
    try:
        title = request.POST.get("title", "").strip()[:200] or text[:200]
        kept = actions.save_search(by=request.user, title=title, query=parse(text).query)
    except OncofedError as error:
        return errors.refused(request, error)
    messages.success(request, _("Saved. This address shows the question to anyone you give it to, and no numbers."))
    return HttpResponseRedirect(reverse("portal:saved", args=[kept.slug]))


@require_POST
def remove(request: HttpRequest, slug: str) -> HttpResponse:
    """Remove one of my saved searches."""
    if not isinstance(request.user, User):
        return sign_in_first(request, "searches", reverse("portal:searches"))
    try:
        actions.remove_search(by=request.user, slug=slug)
    except OncofedError as error:
        return errors.refused(request, error)
    messages.success(request, _("Removed."))
    return HttpResponseRedirect(reverse("portal:searches"))
