"""Pages for what went wrong: the status, a code where there is one, and the next step."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from oncofed.contracts.errors import CODES, OncofedError
from oncofed.hub.api import http_status
from oncofed.hub.portal.navigation import Link


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400."""
    return _page(request, 400, _("The address or the form cannot be read"), _("Go back and try again."))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403."""
    return _page(
        request,
        403,
        _("This is not open to you"),
        _("If you think it should be, ask the operator of this hub for a role that allows it."),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404."""
    return _page(
        request,
        404,
        _("There is no such page"),
        _("The address may be misspelt, or what stood here was withdrawn. Try the search or the list of datasets."),
    )


def failed(request: HttpRequest) -> HttpResponse:
    """500. Says nothing about what happened inside; that stands in the log."""
    return _page(
        request,
        500,
        _("The hub failed"),
        _("This is our fault and has been noted. What hospitals were asked goes on. Try again in a minute."),
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 of a form that is too old or was opened with cookies switched off."""
    return _page(
        request,
        403,
        _("The form is too old"),
        _("Go back, load the page again and send the form once more. Signing in needs cookies."),
    )


def refused(request: HttpRequest, error: OncofedError) -> HttpResponse:
    """The page of an error of ours: its own words, code and next step."""
    entry = CODES[error.code]
    heading = entry.title[:1].upper() + entry.title[1:]
    return _page(request, http_status(error), heading, entry.next_step, code=error.code, detail=error.detail)


def _page(
    request: HttpRequest, status: int, heading: str, next_step: str, *, code: str = "", detail: str = ""
) -> HttpResponse:
    context = {
        "status": status,
        "heading": heading,
        "detail": detail,
        "next_step": next_step,
        "code": code,
        "links": (Link(_("Search"), reverse("portal:search")), Link(_("Datasets"), reverse("portal:datasets"))),
    }
    return render(request, "portal/error.html", context, status=status)
