"""The search page itself: one query text and everything that is known about it."""

from dataclasses import dataclass, replace
from typing import Self
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse

from oncofed.contracts.errors import BadInput, OncofedError, QueryError
from oncofed.contracts.outcome import Outcome
from oncofed.contracts.query import Query, parse
from oncofed.hub.accounts.models import User
from oncofed.hub.accounts.policy import holds
from oncofed.hub.accounts.roles import Permission
from oncofed.hub.catalogue.shelf import shelf
from oncofed.hub.portal import answers, examples
from oncofed.hub.portal import cohort as shown
from oncofed.hub.portal.views import errors
from oncofed.hub.search import queries as search

MAX_DATASETS = 50
"""Datasets a question of the portal names one by one: they stand in its address."""


@dataclass(frozen=True)
class Question:
    """What stands in the address: ``typed`` as it came, ``query`` as understood (the one before if it was not)."""

    typed: str
    query: Query
    text: str
    datasets: tuple[str, ...] = ()
    was: str = ""
    notes: tuple[str, ...] = ()
    problem: QueryError | None = None

    @classmethod
    def read(cls, given: QueryDict) -> Self:
        """Understand ``q`` and ``dataset``; where ``q`` cannot be read the question before it (``was``) stands."""
        typed, was = given.get("q", ""), given.get("was", "")
        datasets = tuple(dict.fromkeys(given.getlist("dataset")))[:MAX_DATASETS]
        try:
            parsed = parse(typed)
        except QueryError as error:
            before = _standing(was)
            return cls(typed, before, before.text(), datasets, was, problem=error)
        return cls(typed, parsed.query, parsed.query.text(), datasets, was, parsed.notes)

    @property
    def state(self) -> shown.State:
        """What its links carry."""
        return shown.State(self.text, self.datasets)

    def with_problem(self, error: QueryError) -> Self:
        """The question with a change that could not be made."""
        return replace(self, problem=error)

    @property
    def corrected(self) -> str:
        """The typed text with the suggestion in place of the wrong word; empty if there is none."""
        problem = self.problem
        if problem is None or problem.position is None or not problem.suggestion:
            return ""
        word, is_value = problem.suggestion, problem.code == "query-unknown-value"
        suggestion = f'"{word}"' if is_value and " " in word else word
        return self.typed[: problem.position.start] + suggestion + self.typed[problem.position.end :]

    @property
    def marked(self) -> tuple[str, str, str] | None:
        """The typed text before, at and after the place that is wrong."""
        if self.problem is None or self.problem.position is None:
            return None
        start, end = self.problem.position.start, self.problem.position.end
        return self.typed[:start], self.typed[start:end], self.typed[end:]


def _standing(was: str) -> Query:
    try:
        return parse(was).query
    except QueryError:
        return Query().canonical()


def question_page(
    request: HttpRequest, question: Question, *, ask: str = "", problem: OncofedError | None = None, status: int = 200
) -> HttpResponse:
    """The page of a question, with the answer to ``ask`` if it is this person's and to this question."""
    outcome = _outcome(request, question, ask)
    try:
        facets = search.facets(question.query, question.datasets or None)
    except BadInput as error:  # a dataset that is not published
        return errors.refused(request, error)
    context = {
        "question": question,
        "facets": facets,
        "chips": shown.chips(question.query, question.state),
        "sections": shown.sections(question.query, question.state, facets),
        "scope": _scope(question),
        "outcome": outcome,
        "problem": problem,
        "breakdowns": shown.breakdowns(),
        "may_ask": isinstance(request.user, User) and holds(request.user, Permission.ASK_COUNT),
        "purpose": request.session.get("purpose", "") if request.user.is_authenticated else "",
        "sign_in_url": reverse("account_login"),
        "here": question.state.search(),
        "questions": examples.QUESTIONS,
        "code": _code(question.state, (outcome.by or "") if outcome else ""),
    }
    if outcome is not None:
        context |= answers.shown(outcome)
    return render(request, "portal/search.html", context, status=status)


def _scope(question: Question) -> list[tuple[str, str]]:
    """Title and address without it, of each dataset the question names."""
    entries = shelf().entries
    return [
        (entries[name].record.title, replace(question.state, datasets=_without(question.datasets, name)).search())
        for name in question.datasets
    ]


def _without(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(other for other in names if other != name)


def _code(state: shown.State, by: str) -> dict[str, str]:
    url = settings.CONFIGURATION.public_url
    return {
        "python": examples.python(url, state.text, by, state.datasets),
        "curl": examples.curl(url, state.text, by, state.datasets),
        "command": examples.command(state.text, by, state.datasets),
    }


def _outcome(request: HttpRequest, question: Question, identifier: str) -> Outcome | None:
    if not identifier or not isinstance(request.user, User):
        return None
    try:
        ask = search.ask_of(request.user, UUID(identifier))
    except (BadInput, ValueError):
        return None
    return search.outcome(ask) if ask.key == question.query.key else None
