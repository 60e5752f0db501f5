"""Search over HTTP: facets and parsing for anyone; counts and saved searches for people who signed in."""

import uuid
from collections.abc import Sequence
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query as FromQuery
from ninja import Router, Status
from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from oncofed.contracts.outcome import Facets, Outcome, Parsed, Problem, Reply
from oncofed.contracts.query import Query, parse, query_of
from oncofed.hub.accounts.queries import memberships
from oncofed.hub.accounts.scopes import SAVED, SEARCH
from oncofed.hub.authentication import ANYONE, PERSON, let_connection_go, person, person_or_nobody
from oncofed.hub.search import actions, queries, stream
from oncofed.hub.search.models import SavedSearch

router = Router(tags=["search"])

MAX_TEXT = 8000
NO_NUL = r"^[^\x00]*$"
"""PostgreSQL stores no NUL."""
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Refusals = {400: Problem, 401: Problem, 403: Problem, 404: Problem, 409: Problem, 422: Problem}


class Question(BaseModel):
    """A query, as text or as an object: exactly one of both."""

    model_config = ConfigDict(extra="forbid")

    text: Text | None = None
    query: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Question":
        if (self.text is None) == (self.query is None):
            raise ValueError("give either text or query")
        return self

    def read(self) -> tuple[Query, tuple[str, ...]]:
        """The canonical query, and notes on how its text was read; ``QueryError``."""
        if self.query is not None:
            return query_of(self.query), ()
        return parse(self.text or "")


class CountRequest(Question):
    """A question to the hospitals. ``by``: a criterion whose values are counted; ``datasets``: only these."""

    by: Annotated[str, StringConstraints(max_length=64)] | None = None
    datasets: list[Annotated[str, StringConstraints(max_length=63)]] | None = None
    purpose: Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL)] = ""


class SearchRequest(Question):
    """A search to keep."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL)]


class Search(Reply):
    """A saved search. ``url`` shows the query to anyone, and results to nobody."""

    slug: str
    title: str
    text: str
    query: dict[str, Any]
    created_at: str
    url: str


class Whoami(Reply):
    """The person a call acts for."""

    signed_in: bool
    name: str = ""
    email: str = ""
    organisation: str = ""
    roles: tuple[str, ...] = ()


@router.get("/facets", response={200: Facets, 400: Problem, 404: Problem, 422: Problem}, auth=None)
def facets(request: HttpRequest, text: Text = "", datasets: str | None = None) -> HttpResponse:
    """Counts for the values of each criterion beside a query, from the published cubes: instant, free, for anyone.

    ``datasets``: identifiers separated by commas. A facet that is not ``available`` needs a live count.
    """
    query, _ = parse(text) if text.strip() else (Query(), ())
    names = [name for name in datasets.split(",") if name] if datasets else None
    return _json(queries.facets(query, names))


@router.get("/parse", response={200: Parsed, 400: Problem, 422: Problem}, auth=None)
def parsed(request: HttpRequest, text: Text) -> HttpResponse:
    """A query text as it is understood: the canonical form, a plain sentence, and notes on what was read how."""
    query, notes = parse(text)
    return _json(
        Parsed(
            query=query.model_dump(mode="json"), text=query.text(), sentence=query.explain(), key=query.key, notes=notes
        )
    )


@router.post("/counts", response={202: Outcome, **Refusals}, auth=PERSON)
def ask(request: HttpRequest, body: CountRequest) -> HttpResponse:
    """Ask all hospitals. Replies at once with what is known; follow ``counts/{id}/stream``, or poll ``counts/{id}``."""
    by = person(request, SEARCH)
    query, notes = body.read()
    question = actions.ask(
        by=by, query=query, by_criterion=body.by, datasets=body.datasets, purpose=body.purpose, notes=notes
    )
    return _json(queries.outcome(question), 202)


_ONE_OUTCOME_A_LINE = {
    "responses": {
        200: {
            "description": "One outcome a line.",
            "content": {"application/x-ndjson": {"schema": {"$ref": "#/components/schemas/Outcome"}}},
        }
    }
}
Wait = Annotated[float, FromQuery(ge=0, le=25)]
Seen = Annotated[int, FromQuery(ge=-1, le=10**6)]


@router.get("/counts/{identifier}", response={200: Outcome, **Refusals}, auth=PERSON)
def count(request: HttpRequest, identifier: uuid.UUID, wait: Wait = 0.0, seen: Seen = -1) -> HttpResponse | Any:
    """The outcome now; with ``wait`` (seconds) as soon as its version is not ``seen``, or when the time is up."""
    question = queries.ask_of(person(request, SEARCH), identifier)
    if not wait:
        return _json(queries.outcome(question))
    let_connection_go()
    return StreamingHttpResponse(
        stream.next_outcome(question.id, seen, wait), content_type="application/json", headers=_UNBUFFERED
    )


@router.get(
    "/counts/{identifier}/stream", response={200: Outcome, **Refusals}, auth=PERSON, openapi_extra=_ONE_OUTCOME_A_LINE
)
def follow(request: HttpRequest, identifier: uuid.UUID, seen: Seen = -1) -> Any:
    """Each new state of the outcome as one line of JSON (NDJSON), until it is complete; empty lines in between."""
    question = queries.ask_of(person(request, SEARCH), identifier)
    let_connection_go()
    return StreamingHttpResponse(
        stream.lines(question.id, seen), content_type="application/x-ndjson", headers=_UNBUFFERED
    )


_UNBUFFERED = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}


@router.get("/searches", response={200: list[Search], **Refusals}, auth=PERSON)
def searches(request: HttpRequest) -> Sequence[Search]:
    """Your saved searches, newest first."""
    return [_search(saved) for saved in queries.saved_searches(person(request, SAVED))]


@router.post("/searches", response={201: Search, **Refusals}, auth=PERSON)
def save(request: HttpRequest, body: SearchRequest) -> Status[Search]:
    """Save a search."""
    query, _ = body.read()
    return Status(201, _search(actions.save_search(by=person(request, SAVED), title=body.title, query=query)))


@router.get("/searches/{slug}", response={200: Search, 404: Problem, 422: Problem}, auth=None)
def search(request: HttpRequest, slug: str) -> Search:
    """A saved search by its permalink, for anyone."""
    return _search(queries.saved_search(slug))


@router.delete("/searches/{slug}", response={204: None, **Refusals}, auth=PERSON)
def remove(request: HttpRequest, slug: str) -> Status[None]:
    """Remove one of your saved searches."""
    actions.remove_search(by=person(request, SAVED), slug=slug)
    return Status(204, None)


@router.get("/whoami", response={200: Whoami, 401: Problem, 403: Problem}, auth=ANYONE)
def whoami(request: HttpRequest) -> Whoami:
    """The person this call acts for."""
    known = person_or_nobody(request, SEARCH)
    if known is None:
        return Whoami(signed_in=False)
    held = memberships(known)
    return Whoami(
        signed_in=True,
        name=str(known),
        email=known.email,
        organisation=held[0].organisation_id if held else "",
        roles=tuple(dict.fromkeys(one.role_key for one in held)),
    )


def _search(saved: SavedSearch) -> Search:
    return Search(
        slug=saved.slug,
        title=saved.title,
        text=saved.text,
        query=saved.query,
        created_at=saved.created_at.isoformat(),
        url=f"{settings.CONFIGURATION.public_url}/searches/{saved.slug}/",
    )


def _json(reply: BaseModel, status: int = 200) -> HttpResponse:
    """The reply as it is, validated already: not once more by the framework."""
    return HttpResponse(reply.model_dump_json(), status=status, content_type="application/json")
