"""The API without waiting: catalogue, facets, parsing, saved searches, who may what, and how refusals look."""

import json
from typing import Any

import pytest
from django.test import Client

from oncofed.contracts.codes import CODES
from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.outcome import Facets, Outcome, Parsed
from oncofed.hub.accounts.models import User
from oncofed.hub.catalogue.api import MAX_PAGE
from tests.factories import hub
from tests.factories.published import publication, release

pytestmark = pytest.mark.django_db


class Api:
    """A program that calls the API."""

    def __init__(self, token: str = "") -> None:
        self.client = Client(headers={"authorization": f"Bearer {token}"} if token else None)

    def get(self, path: str, **parameters: object) -> tuple[int, Any]:
        return self._told(self.client.get(f"/api/v1/{path}", parameters))

    def post(self, path: str, **body: object) -> tuple[int, Any]:
        return self._told(self.client.post(f"/api/v1/{path}", body, content_type="application/json"))

    def delete(self, path: str) -> tuple[int, Any]:
        return self._told(self.client.delete(f"/api/v1/{path}"))

    def _told(self, response: Any) -> tuple[int, Any]:
        return response.status_code, json.loads(response.content) if response.content else None


@pytest.fixture
def ada() -> User:
    return hub.person()


@pytest.fixture
def anyone() -> Api:
    return Api()


@pytest.fixture
def program(ada: User) -> Api:
    return Api(hub.token(ada))


@pytest.fixture
def north() -> Any:
    return hub.node("north", release("a1", cancer_types=["LUAD"]), release("a2"))


def test_criteria_and_their_values_are_listed(anyone: Api) -> None:
    status, found = anyone.get("criteria")
    assert status == 200
    assert [one["name"] for one in found] == list(CRITERIA)
    _, one = anyone.get("criteria/diagnosis")
    parents = {value["value"]: value["parent"] for value in one["values"]}
    assert parents["LUAD"] == "NSCLC"
    _, bands = anyone.get("criteria/psa")
    assert bands["unit"] == "ng/mL"
    assert bands["values"][0] == {"value": "0-<4", "label": "0-<4 ng/mL", "parent": "", "synonyms": []}
    status, problem = anyone.get("criteria/diagnosys")
    assert (status, problem["code"], problem["suggestion"]) == (400, "query-unknown-criterion", "diagnosis")


@pytest.mark.usefixtures("north")
def test_the_catalogue_is_open_to_anyone(anyone: Api) -> None:
    status, page = anyone.get("datasets", search="a1")
    assert (status, page["count"]) == (200, 1)
    (item,) = page["items"]
    assert item["dataset_id"] == "a1"
    assert (item["patients_low"], item["patients_high"]) == (100, 200)
    assert item["url"].endswith("/datasets/a1/")
    assert page["facets"]["cancer"] == [{"value": "LUNG", "label": "Lung", "datasets": 1}]
    _, two = anyone.get("datasets", node=["north", "south"], limit=1)
    assert (two["count"], len(two["items"])) == (2, 1)
    status, problem = anyone.get("datasets", limit=MAX_PAGE + 1)
    assert (status, problem["code"]) == (422, "request-invalid")


@pytest.mark.usefixtures("north")
def test_one_dataset_with_its_releases(anyone: Api) -> None:
    status, one = anyone.get("datasets/a1")
    assert status == 200
    assert one["record"]["cancer_types"] == ["LUAD"]
    assert "modality" in one["supports"]
    assert [known["withdrawn_at"] for known in one["releases"]] == [None]
    status, problem = anyone.get("datasets/nowhere")
    assert (status, problem["code"]) == (404, "dataset-unknown")


def test_a_withdrawn_dataset_is_gone(anyone: Api, north: Any) -> None:
    hub.publish(node=north, publication=publication(release("a2")), by="node:north")
    status, problem = anyone.get("datasets/a1")
    assert (status, problem["code"]) == (410, "dataset-withdrawn")


@pytest.mark.usefixtures("north")
def test_figures(anyone: Api) -> None:
    _, figures = anyone.get("figures")
    assert figures["datasets"] == 2
    assert figures["cases"] == {"low": 200, "exact": False, "text": "≥ 200"}


@pytest.mark.usefixtures("north")
def test_facets_are_open_to_anyone(anyone: Api) -> None:
    _, found = anyone.get("facets")
    assert Facets.model_validate(found).datasets == 2
    _, one = anyone.get("facets", text="modality = MR", datasets="a1")
    facets = Facets.model_validate(one)
    assert facets.datasets == 1
    assert facets.total is not None
    status, problem = anyone.get("facets", datasets="nowhere")
    assert (status, problem["code"]) == (404, "dataset-unknown")


def test_a_query_is_read_and_explained(anyone: Api) -> None:
    _, found = anyone.get("parse", text="modality=MR and age 50..52")
    parsed = Parsed.model_validate(found)
    assert "MR" in parsed.text
    assert parsed.notes
    assert len(parsed.key) == 64


def test_a_query_that_cannot_be_read_is_pointed_at(anyone: Api) -> None:
    status, problem = anyone.get("parse", text="modalty = MR")
    assert status == 400
    assert problem["code"] == "query-unknown-criterion"
    assert problem["position"] == [0, 7]
    assert problem["suggestion"] == "modality"


@pytest.mark.usefixtures("north")
def test_a_live_count_needs_a_person(anyone: Api, program: Api, ada: User) -> None:
    assert anyone.post("counts", text="modality = MR")[0] == 401
    assert Api("oncofed_nonsense").get("figures")[0] == 200
    status, problem = Api("oncofed_nonsense").get("whoami")
    assert (status, problem["code"]) == (401, "token-invalid")
    status, problem = Api(hub.token(ada, scopes=("saved",))).post("counts", text="modality = MR")
    assert (status, problem["code"]) == (403, "token-scope-missing")
    status, problem = Api(hub.token(hub.person("eve@example.org", role=""))).post("counts", text="modality = MR")
    assert (status, problem["code"]) == (403, "permission-missing")
    status, outcome = program.post("counts", text="modality = MR", purpose="feasibility")
    assert status == 202
    assert Outcome.model_validate(outcome).complete


@pytest.mark.usefixtures("north")
def test_a_count_by_object_and_by_text_is_the_same_question(program: Api) -> None:
    _, text = program.post("counts", text="modality = MR")
    query = {"all": [{"criterion": "modality", "values": ["MR"]}]}
    _, built = program.post("counts", query=query)
    assert text["query"] == built["query"]
    assert text["total"] == built["total"]


@pytest.mark.usefixtures("north")
def test_questions_that_cannot_be_asked(program: Api) -> None:
    for body, code in (
        ({}, "request-invalid"),
        ({"text": "modality = MR", "query": {"all": []}}, "request-invalid"),
        ({"text": "modality = MR", "colour": "red"}, "request-invalid"),
        ({"query": {"all": [{"criterion": "modality"}]}}, "query-syntax"),
        ({"text": "her2 = 3+"}, "nothing-to-ask"),
        ({"text": "modality = MR", "datasets": ["nowhere"]}, "dataset-unknown"),
        ({"text": "modality = MR", "by": "height"}, "query-no-breakdown"),
    ):
        status, problem = program.post("counts", **body)
        assert problem["code"] == code
        assert status >= 400
    response = program.client.post("/api/v1/counts", "{", content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (400, "request-invalid")


@pytest.mark.usefixtures("north")
def test_another_persons_question_is_unknown(program: Api) -> None:
    _, outcome = program.post("counts", text="modality = MR")
    other = Api(hub.token(hub.person("bob@example.org")))
    for path in (f"counts/{outcome['id']}", f"counts/{outcome['id']}/stream"):
        status, problem = other.get(path)
        assert (status, problem["code"]) == (404, "ask-unknown")
    assert program.get(f"counts/{outcome['id']}")[0] == 200
    assert program.get("counts/not-a-uuid")[0] in (404, 422)


def test_saved_searches(program: Api, anyone: Api) -> None:
    status, saved = program.post("searches", title="Breast MR", text="modality = MR and body part = breast")
    assert status == 201
    assert saved["url"].endswith(f"/searches/{saved['slug']}/")
    assert [one["title"] for one in program.get("searches")[1]] == ["Breast MR"]
    assert anyone.get(f"searches/{saved['slug']}")[1]["text"] == saved["text"]
    assert anyone.get("searches")[0] == 401
    other = Api(hub.token(hub.person("bob@example.org")))
    assert other.delete(f"searches/{saved['slug']}")[0] == 404
    assert program.delete(f"searches/{saved['slug']}") == (204, None)
    assert anyone.get(f"searches/{saved['slug']}")[1]["code"] == "search-unknown"
    assert program.post("searches", title="  ", text="modality = MR")[0] == 422


def test_there_is_a_most_to_saved_searches(program: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncofed.hub.search.actions.MAX_SAVED", 1)
    program.post("searches", title="one", text="modality = MR")
    status, problem = program.post("searches", title="two", text="modality = CT")
    assert (status, problem["code"]) == (403, "too-many-searches")


def test_whoami(anyone: Api, program: Api) -> None:
    assert anyone.get("whoami")[1]["signed_in"] is False
    _, person = program.get("whoami")
    assert person == {
        "signed_in": True,
        "name": "Ada",
        "email": "ada@example.org",
        "organisation": "uni-one",
        "roles": ["researcher"],
    }


@pytest.mark.usefixtures("north")
def test_the_portals_session_needs_its_form_token(ada: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    assert client.get("/api/v1/whoami").json()["signed_in"]
    body = {"text": "modality = MR"}
    refused = client.post("/api/v1/counts", body, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "form-token-missing")
    client.cookies["csrftoken"] = token = "a" * 32
    let_in = client.post("/api/v1/counts", body, content_type="application/json", headers={"x-csrftoken": token})
    assert let_in.status_code == 202
    stranger = Client(enforce_csrf_checks=True).post("/api/v1/counts", body, content_type="application/json")
    assert (stranger.status_code, stranger.json()["code"]) == (401, "sign-in-required")


def test_the_description_names_every_path_and_the_one_form_of_problems(anyone: Api) -> None:
    _, description = anyone.get("openapi.json")
    assert set(description["paths"]) >= {
        "/api/v1/criteria", "/api/v1/datasets", "/api/v1/facets", "/api/v1/parse", "/api/v1/figures", "/api/v1/counts",
        "/api/v1/counts/{identifier}", "/api/v1/counts/{identifier}/stream", "/api/v1/searches", "/api/v1/whoami",
    }  # fmt: skip
    assert set(description["components"]["schemas"]["Problem"]["properties"]) == {
        "code", "detail", "position", "suggestion",
    }  # fmt: skip


def test_every_code_has_a_status() -> None:
    from oncofed.contracts.errors import OncofedError
    from oncofed.hub.api import http_status

    assert {http_status(OncofedError(code)) // 100 for code in CODES} == {4, 5}
