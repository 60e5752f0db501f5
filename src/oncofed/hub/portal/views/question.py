"""The search page itself: one query text and everything that is known about it."""

from dataclasses import dataclass, replace
from typing import Self
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from oncofed.contracts.errors import BadInput, OncofedError, QueryError
from oncofed.contracts.outcome import Outcome
from oncofed.contracts.query import Query, parse
from oncofed.hub.accounts.models import User
from oncofed.hub.accounts.policy import holds
from oncofed.hub.accounts.roles import Permission
from oncofed.hub.portal import answers, examples
from oncofed.hub.portal import cohort as shown
from oncofed.hub.search import queries as search


@dataclass(frozen=True)
class Question:
    """What stands in the address: ``typed`` as it came, ``query`` as understood (the one before if it was not)."""

    typed: str
    query: Query
    text: str
    was: str = ""
    notes: tuple[str, ...] = ()
    problem: QueryError | None = None

    @classmethod
    def read(cls, typed: str, was: str) -> Self:
        """Understand a query text; what cannot be understood leaves the question before it (``was``) standing."""
        try:
            parsed = parse(typed)
        except QueryError as error:
            before = _standing(was)
            return cls(typed, before, before.text(), was, problem=error)
        return cls(typed, parsed.query, parsed.query.text(), was, parsed.notes)

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
    facets = search.facets(question.query, None)
    context = {
        "question": question,
        "facets": facets,
        "chips": shown.chips(question.query, question.text),
        "sections": shown.sections(question.query, question.text, facets),
        "outcome": outcome,
        "problem": problem,
        "breakdowns": shown.breakdowns(),
        "may_ask": isinstance(request.user, User) and holds(request.user, Permission.ASK_COUNT),
        "purpose": request.session.get("purpose", "") if request.user.is_authenticated else "",
        "sign_in_url": reverse("account_login"),
        "here": shown.search_url(question.text),
        "questions": examples.QUESTIONS,
        "code": _code(question.text, (outcome.by or "") if outcome else ""),
    }
    if outcome is not None:
        context |= answers.shown(outcome)
    return render(request, "portal/search.html", context, status=status)


def _code(text: str, by: str) -> dict[str, str]:
    url = settings.CONFIGURATION.public_url
    return {
        "python": examples.python(url, text, by),
        "curl": examples.curl(url, text, by),
        "command": examples.command(text, by),
    }


def _outcome(request: HttpRequest, question: Question, identifier: str) -> Outcome | None:
    if not identifier or not isinstance(request.user, User):
        return None
    try:
        ask = search.ask_of(request.user, UUID(identifier))
    except (BadInput, ValueError):
        return None
    return search.outcome(ask) if ask.key == question.query.key else None
