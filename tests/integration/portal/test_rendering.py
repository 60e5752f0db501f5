"""What is shown is read before: templates ask the database nothing."""

from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connection
from django.template import engines
from django.template.backends.django import Template
from django.test import Client

from oncofed.contracts.query import parse
from oncofed.hub.accounts.models import User
from oncofed.hub.search import actions
from tests.factories import hub
from tests.factories.published import release

pytestmark = pytest.mark.django_db


@pytest.fixture
def silent_templates(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the templates rendered; a query from one of them fails the test."""
    rendered: list[str] = []
    render = Template.render

    def refuse(_execute: Any, sql: str, *_more: Any) -> None:
        raise AssertionError(f"{rendered[-1]} asks the database: {sql[:200]}")

    def watched(self: Template, context: Any = None, request: Any = None) -> Any:
        rendered.append(str(self.origin.template_name))
        if request is not None:
            assert request.user  # who is signed in is known before the page is made
        with ExitStack() as stack:
            stack.enter_context(connection.execute_wrapper(refuse))
            return render(self, context, request)

    monkeypatch.setattr(Template, "render", watched)
    return rendered


@pytest.fixture
def ada() -> User:
    return hub.person()


def test_no_page_asks_the_database_while_it_is_rendered(ada: User, silent_templates: list[str]) -> None:
    assert engines["django"]
    hub.node("north", release("lung-ct"), release("open-mr", is_open=True))
    hub.token(ada)
    asked = actions.ask(by=ada, query=parse("modality = MR").query, purpose="a study")
    kept = actions.save_search(by=ada, title="Kept", query=parse("modality = MR").query)
    client = Client()
    client.force_login(ada)
    for path in (
        "/",
        "/search/",
        f"/search/?q=modality+%3D+MR&ask={asked.pk}&dataset=lung-ct",
        "/search/values/diagnosis/",
        "/search/together/",
        "/searches/",
        f"/searches/{kept.slug}/",
        "/datasets/",
        "/datasets/lung-ct/",
        "/account/",
        "/about/",
        "/about/programs/",
        "/nowhere/",
    ):
        client.get(path)
    assert {"portal/search.html", "portal/account.html", "portal/searches.html"} <= set(silent_templates)
