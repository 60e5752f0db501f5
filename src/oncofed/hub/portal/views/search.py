"""The search page. Its address is its state; a change is a link that leads to the next address."""

from dataclasses import replace

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from oncofed.contracts import vocabulary
from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import BadInput, QueryError
from oncofed.contracts.query import Query
from oncofed.hub.portal import cohort as shown
from oncofed.hub.portal import editing
from oncofed.hub.portal.views import errors
from oncofed.hub.portal.views.question import Question, question_page
from oncofed.hub.search import queries as search

GROUP_ROWS = 4
"""Rows of the group builder."""


@require_safe
def cohort(request: HttpRequest) -> HttpResponse:
    """The question, what the published figures say about it, and the answer of the hospitals if they were asked."""
    question = Question.read(request.GET)
    return question_page(request, question, ask=request.GET.get("ask", ""))


@require_safe
def change(request: HttpRequest) -> HttpResponse:
    """One step from the query (``do``), then on to the search page of the new one."""
    question = Question.read(request.GET)
    try:
        after = _changed(question.query, request.GET).canonical().text()
    except QueryError as error:
        return question_page(request, question.with_problem(error))
    was = question.text if question.text != after else ""
    return HttpResponseRedirect(replace(question.state, text=after).search(was=was))


def _changed(query: Query, given: QueryDict) -> Query:
    do, criterion = given.get("do", ""), given.get("criterion", "")
    if do == "remove":
        return editing.remove(query, _number(given.get("part", "")))
    if do == "invert":
        return editing.invert(query, _number(given.get("part", "")))
    if do == "together":
        return editing.together(query, "study" if given.get("same") == "study" else "series", _pairs(given))
    if do == "between":
        editing.known(criterion, "missing")
        return editing.between(query, criterion, given.get("low", ""), given.get("high", ""))
    value = editing.known(criterion, given.get("value", ""))
    return editing.drop(query, criterion, value) if do == "drop" else editing.add(query, criterion, [value])


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else -1


def _pairs(given: QueryDict) -> list[tuple[str, str]]:
    pairs = (item.partition(":") for item in given.getlist("pair")[:GROUP_ROWS] if item)
    return [(criterion, editing.known(criterion, value)) for criterion, _colon, value in pairs]


@require_safe
def together(request: HttpRequest) -> HttpResponse:
    """The builder of groups: what must hold on one series or one study."""
    question = Question.read(request.GET)
    context = {"question": question, "groups": shown.groups(), "rows": range(1, GROUP_ROWS + 1)}
    return render(request, "portal/together.html", context)


@require_safe
def values(request: HttpRequest, criterion: str) -> HttpResponse:
    """All values of a criterion to choose from; with ``value`` those that fit what was typed (a fragment for HTMX)."""
    if criterion not in CRITERIA:
        return errors.not_found(request)
    question = Question.read(request.GET)
    chosen = shown.chosen_values(question.query, criterion)
    typed = request.GET.get("value", "").strip()
    context = {"criterion": CRITERIA[criterion], "question": question, "typed": typed}
    if request.headers.get("HX-Request"):
        context["matches"] = shown.matches(criterion, typed, question.state, chosen) if typed else []
        response = render(request, "portal/parts/matches.html", context)
    else:
        try:
            context |= _all_values(criterion, typed, question, chosen)
        except BadInput as error:  # a dataset that is not published
            return errors.refused(request, error)
        response = render(request, "portal/values.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _all_values(criterion: str, typed: str, question: Question, chosen: frozenset[str]) -> dict[str, object]:
    if typed:
        found = shown.matches(criterion, typed, question.state, chosen, limit=None)
        nearest = None if found else vocabulary.nearest(vocabulary.words(criterion), typed)
        return {"matches": found, "nearest": nearest}
    facet = next(
        (f for f in search.facets(question.query, question.datasets or None).facets if f.criterion == criterion), None
    )
    estimates = {value.value: value.estimate for value in facet.values} if facet and facet.available else {}
    top = max((estimate.value for estimate in estimates.values()), default=0)
    return {"tree": shown.tree(criterion, question.state, chosen, estimates), "top": top}
