"""The home page, the pages about this hub, and the theme."""

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from oncofed.hub.catalogue import queries as catalogue
from oncofed.hub.portal import queries
from oncofed.hub.portal.examples import QUESTIONS, command, curl, python
from oncofed.hub.portal.navigation import THEME_FILE


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this is, how large it is now, and who takes part."""
    context = {"figures": catalogue.figures(), "hospitals": queries.hospitals(), "questions": QUESTIONS}
    return render(request, "portal/home.html", context)


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """What the hub does and does not do."""
    return render(request, "portal/about.html", {"figures": catalogue.figures()})


@require_safe
def numbers(request: HttpRequest) -> HttpResponse:
    """How to read a protected number."""
    return render(request, "portal/numbers.html")


@require_safe
def programs(request: HttpRequest) -> HttpResponse:
    """How a program asks: the package, the command line, and every address of the HTTP API."""
    url, (_words, text) = settings.CONFIGURATION.public_url, QUESTIONS[0]
    context = {
        "endpoints": queries.endpoints(),
        "code": {"python": python(url, text, "modality"), "curl": curl(url, text), "command": command(text)},
    }
    return render(request, "portal/programs.html", context)


@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    """The accessibility statement."""
    return render(request, "portal/accessibility.html")


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """What the hub keeps about the people who use it."""
    return render(request, "portal/privacy.html")


@require_safe
def theme(request: HttpRequest) -> FileResponse:
    """The operator's own style sheet: ``theme.css`` in the hub's data directory, loaded after ours."""
    path = settings.CONFIGURATION.data_directory / THEME_FILE
    if not path.is_file():
        raise Http404
    return FileResponse(path.open("rb"), content_type="text/css", headers={"Cache-Control": "max-age=300"})
