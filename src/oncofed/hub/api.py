"""The HTTP API at ``/api/v1``, described by ``openapi.json`` there. Each app brings its router; errors look alike."""

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from oncofed import __version__
from oncofed.contracts.errors import OncofedError, QueryError, Refused
from oncofed.contracts.outcome import Problem
from oncofed.hub.catalogue.api import router as catalogue
from oncofed.hub.search.api import router as search

STATUS = {
    "sign-in-required": 401,
    "token-invalid": 401,
    "ask-unknown": 404,
    "search-unknown": 404,
    "dataset-unknown": 404,
    "dataset-withdrawn": 410,
    "nothing-to-ask": 409,
    "request-invalid": 422,
}
"""HTTP status of codes that have one of their own."""
_BY_EXIT_STATUS = {2: 400, 3: 403, 4: 503, 5: 500, 6: 500}

api = NinjaAPI(
    title="oncofed",
    version="1",
    description=(
        "Count patients across hospitals that keep their images. Reading the catalogue and the published facets needs "
        "no sign-in; a live count does (`Authorization: Bearer …`). Each refusal has a `code` with a page in the docs. "
        f"Served by oncofed {__version__}."
    ),
    docs_url=None,
    urls_namespace="api",
)
api.add_router("", catalogue)
api.add_router("", search)


def http_status(error: OncofedError) -> int:
    """The HTTP status that goes with an error."""
    return STATUS.get(error.code, _BY_EXIT_STATUS.get(error.exit_status, 500))


def problem(error: OncofedError) -> Problem:
    """The error as the API tells it."""
    place = error.position if isinstance(error, QueryError) else None
    return Problem(
        code=error.code,
        detail=error.detail,
        position=(place.start, place.end) if place else None,
        suggestion=error.suggestion if isinstance(error, QueryError) else None,
    )


@api.exception_handler(OncofedError)
def _refuse(request: HttpRequest, error: OncofedError) -> HttpResponse:
    body = problem(error).model_dump_json()
    headers = {"WWW-Authenticate": "Bearer"} if http_status(error) == 401 else {}
    return HttpResponse(body, status=http_status(error), content_type="application/json", headers=headers)


@api.exception_handler(AuthenticationError)
def _refuse_stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return _refuse(request, Refused("sign-in-required"))


@api.exception_handler(ValidationError)
def _refuse_form(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    place = ".".join(str(step) for step in first.get("loc", ()))
    return _refuse(request, Refused("request-invalid", f"{place}: {first.get('msg', '')}"[:300]))


@api.exception_handler(HttpError)
def _refuse_http(request: HttpRequest, error: HttpError) -> HttpResponse:
    """What the framework itself refuses, a body that is not JSON for one; CSRF too."""
    body = Problem(code="request-invalid", detail=str(error)).model_dump_json()
    return HttpResponse(body, status=error.status_code, content_type="application/json")
