"""Pages of what Django refuses by itself."""

import pytest
from django.test import Client, RequestFactory

from oncofed.hub.portal.views import errors

pytestmark = pytest.mark.django_db


def test_a_host_that_is_not_ours_is_a_bad_request() -> None:
    response = Client().get("/", headers={"host": "elsewhere.example.org"})
    assert response.status_code == 400


def test_a_forbidden_page_says_whom_to_ask(rf: RequestFactory) -> None:
    response = errors.forbidden(rf.get("/"))
    assert response.status_code == 403
    assert "ask the operator of this hub" in response.content.decode()
