"""Asking the hospitals, and the answer as it comes in."""

from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from oncofed.contracts.errors import BadInput, OncofedError
from oncofed.contracts.outcome import Outcome
from oncofed.hub.accounts.models import User
from oncofed.hub.exchange import wakeups
from oncofed.hub.portal import answers
from oncofed.hub.portal.access import sign_in_first
from oncofed.hub.portal.cohort import State
from oncofed.hub.portal.views import errors
from oncofed.hub.portal.views.question import Question, question_page
from oncofed.hub.search import actions
from oncofed.hub.search import queries as search

WAIT_SECONDS = 12.0
"""How long a request for the next part of an answer is held open: shorter than any proxy's patience."""
PURPOSE_LENGTH = 200


@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Ask the hospitals, then show the question with its answer."""
    question, purpose = Question.read(request.POST), request.POST.get("purpose", "").strip()[:PURPOSE_LENGTH]
    if not isinstance(request.user, User):
        return sign_in_first(request, "live-count", question.state.search())
    by = request.POST.get("by", "") or None
    try:
        if question.problem is not None:
            raise question.problem
        if not purpose:
            raise BadInput("purpose-missing", "say what you need the count for: the hospitals see it")
        asked = actions.ask(
            by=request.user,
            query=question.query,
            by_criterion=by,
            datasets=question.datasets or None,
            purpose=purpose,
            notes=question.notes,
        )
    except OncofedError as error:
        return question_page(request, question, problem=error, status=400)
    request.session["purpose"] = purpose
    return HttpResponseRedirect(question.state.search(ask=str(asked.pk)))


@require_safe
async def answer(request: HttpRequest, identifier: UUID) -> HttpResponse:
    """The answer's part of the page as soon as there is more than version ``seen``; a plain GET gets the whole page.

    Nothing is held while waiting but the request itself: no thread, no database connection.
    """
    user = await request.auser()
    if not isinstance(user, User):
        return sign_in_first(request, "answer", request.path)
    if not request.headers.get("HX-Request"):
        return await sync_to_async(_whole_page)(request, user, identifier)
    seen = request.GET.get("seen", "")
    with wakeups.bell(f"ask:{identifier}") as bell:
        outcome = await sync_to_async(_outcome)(user, identifier)
        if outcome is not None and not outcome.complete and str(outcome.version) == seen:
            await bell.wait(WAIT_SECONDS)
            outcome = await sync_to_async(_outcome)(user, identifier)
    return await sync_to_async(_fragment)(request, outcome)


def _outcome(user: User, identifier: UUID) -> Outcome | None:
    try:
        return search.outcome(search.ask_of(user, identifier))
    except BadInput:
        return None


def _whole_page(request: HttpRequest, user: User, identifier: UUID) -> HttpResponse:
    try:
        asked = search.ask_of(user, identifier)
    except BadInput as error:
        return errors.refused(request, error)
    return HttpResponseRedirect(State(asked.text).search(ask=str(identifier)))


def _fragment(request: HttpRequest, outcome: Outcome | None) -> HttpResponse:
    if outcome is None:
        return HttpResponse(status=286)  # HTMX: stop asking
    response = render(request, "portal/parts/answer.html", answers.shown(outcome))
    response["Cache-Control"] = "no-store"
    patch_vary_headers(response, ["HX-Request"])
    return response
