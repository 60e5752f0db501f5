"""The links every page has, and why somebody is asked to sign in."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

THEME_FILE = "theme.css"


@dataclass(frozen=True)
class Link:
    """A link of the navigation; ``current`` when the page belongs to it."""

    label: str
    url: str
    current: bool = False


@dataclass(frozen=True)
class Navigation:
    """What the base template says about the site."""

    title: str
    theme_url: str
    links: tuple[Link, ...]
    person_links: tuple[Link, ...]
    footer_links: tuple[Link, ...]


def navigation(request: HttpRequest | None) -> Navigation:
    """The navigation as this person sees it; without a request (a failed page) as anyone does."""
    path = request.path if request else ""
    return Navigation(
        title=settings.CONFIGURATION.title,
        theme_url=reverse("portal:theme") if (settings.CONFIGURATION.data_directory / THEME_FILE).is_file() else "",
        links=(_link(_("Search"), "search", path), _link(_("Datasets"), "datasets", path)),
        person_links=_person_links(request, path),
        footer_links=(
            Link(_("About"), reverse("portal:about")),
            Link(_("How to read the numbers"), reverse("portal:numbers")),
            Link(_("Accessibility"), reverse("portal:accessibility")),
            Link(_("Privacy"), reverse("portal:privacy")),
            Link(_("For programs"), reverse("portal:programs")),
        ),
    )


def _link(label: str, name: str, path: str) -> Link:
    url = reverse(f"portal:{name}")
    return Link(label, url, path.startswith(url))


def _person_links(request: HttpRequest | None, path: str) -> tuple[Link, ...]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return (Link(_("Sign in"), reverse("account_login"), path == reverse("account_login")),)
    return (
        _link(_("My searches"), "searches", path),
        _link(_("Account"), "account", path),
        Link(_("Sign out"), reverse("account_logout")),
    )


def reason(code: str) -> str:
    """The words for a reason to sign in; empty for an unknown one (the address may say anything)."""
    return {
        "live-count": _(
            "To ask the hospitals for a live count you have to sign in: each question is recorded with who asked it"
            " and why. Your question is kept and waits for you."
        ),
        "searches": _("Saved searches belong to a person: sign in to see yours."),
        "answer": _("An answer is shown to the person who asked. Sign in as that person to see it."),
        "account": _("Sign in to see your account."),
    }.get(code, "")
