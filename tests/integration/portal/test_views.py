"""The portal's pages on plain GET and POST, without a browser: what they say, where they lead, whom they refuse."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from oncofed.contracts.query import parse
from oncofed.hub.accounts.models import PersonalAccessToken, User
from oncofed.hub.exchange.models import Node
from oncofed.hub.search import actions
from oncofed.hub.search.models import Ask, SavedSearch
from tests.factories import hub
from tests.factories.published import IMAGING, publication, release

pytestmark = pytest.mark.django_db

LIVE = "modality = MR and body part = breast and sex = female"


@pytest.fixture
def ada() -> User:
    return hub.person()


@pytest.fixture
def anyone() -> Client:
    return Client()


@pytest.fixture
def researcher(ada: User) -> Client:
    client = Client()
    client.force_login(ada)
    return client


@pytest.fixture
def north() -> Node:
    return hub.node(
        "north", release("lung-ct", title="Lung CT", cancer_types=["LUAD"]), release("open-mr", is_open=True)
    )


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def search(client: Client, query: str, **more: str) -> str:
    response = client.get("/search/", {"q": query, **more})
    assert response.status_code == 200
    return text_of(response)


def step(client: Client, query: str, **more: object) -> dict[str, list[str]]:
    """The parameters of the search page that a change leads to."""
    response = client.get("/search/change/", {"q": query, **more})
    assert response.status_code == 302, text_of(response)
    return parse_qs(urlsplit(response["Location"]).query)


def signs_in(response: Any, reason: str) -> bool:
    return response.status_code == 302 and f"reason={reason}" in response["Location"]


# ---- home and the pages about the hub -------------------------------------------------------------------


def test_home_without_a_hospital_says_how_one_joins(anyone: Client) -> None:
    assert "oncofed hub invite" in text_of(anyone.get("/"))


def test_home_lists_hospitals_and_when_they_were_heard_of(anyone: Client, north: Node) -> None:
    hub.node("south")
    Node.objects.filter(pk="south").update(last_seen_at=None)
    hub.node("west")
    Node.objects.filter(pk="west").update(last_seen_at=timezone.now() - timedelta(hours=3))
    page = text_of(anyone.get("/"))
    assert "Hospital north" in page
    assert "connected" in page
    assert "never" in page
    assert "3 hours ago" in page


def test_sums_of_bands_claim_no_more_than_is_known(anyone: Client, north: Node) -> None:
    page = text_of(anyone.get("/"))
    assert "≥ 20,000" in page  # 2 × 10,000 images, at least


@pytest.mark.parametrize("page", ["", "numbers/", "accessibility/", "privacy/", "programs/"])
def test_pages_about_the_hub(anyone: Client, page: str) -> None:
    assert anyone.get(f"/about/{page}").status_code == 200


def test_an_operators_theme_is_linked_and_served(anyone: Client) -> None:
    theme = settings.CONFIGURATION.data_directory / "theme.css"
    assert anyone.get("/theme.css").status_code == 404
    theme.write_text(":root { --accent: #333; }")
    try:
        assert "/theme.css" in text_of(anyone.get("/about/"))
        response = anyone.get("/theme.css")
        assert response["Content-Type"] == "text/css"
        assert b"--accent" in b"".join(response)  # type: ignore[arg-type]
    finally:
        theme.unlink()


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("mailto:hub@example.org", '<a href="mailto:hub@example.org">hub@example.org</a>'),
        ("https://example.org/help", '<a href="https://example.org/help">https://example.org/help</a>'),
        ("room 7", "room 7"),
    ],
)
def test_pages_name_the_contact(anyone: Client, settings: Any, contact: str, shown: str) -> None:
    settings.CONFIGURATION = replace(settings.CONFIGURATION, contact=contact)
    for path in ("/about/", "/about/accessibility/", "/accounts/login/", "/nowhere/"):
        assert shown in text_of(anyone.get(path))


# ---- errors ---------------------------------------------------------------------------------------------


def test_a_missing_page(anyone: Client) -> None:
    response = anyone.get("/nowhere/")
    assert response.status_code == 404
    assert "There is no such page" in text_of(response)


def test_a_failure_says_nothing_about_the_inside(north: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("inner detail")

    monkeypatch.setattr("oncofed.hub.portal.queries.hospitals", broken)
    response = Client(raise_request_exception=False).get("/")
    assert response.status_code == 500
    assert "inner detail" not in text_of(response)
    assert "Try again" in text_of(response)


def test_a_form_without_its_token_is_refused_with_a_way_on(ada: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    response = client.post("/search/ask/", {"q": "modality = MR"})
    assert response.status_code == 403
    assert "The form is too old" in text_of(response)


# ---- the search page ------------------------------------------------------------------------------------


def test_the_page_of_no_question_counts_all_humans(anyone: Client, north: Node) -> None:
    page = search(anyone, "")
    assert "human patients" in page.casefold()
    assert "≈" in page
    assert "For example" in page


def test_a_text_is_shown_in_its_canonical_form_with_what_was_read(anyone: Client, north: Node) -> None:
    page = search(anyone, "sex = f and age 51..63 and modality=mr")
    assert "sex = female and age at imaging" in page
    assert "was read as the bands" in page


def test_a_wrong_word_is_marked_and_the_question_before_stands(anyone: Client, north: Node) -> None:
    page = search(anyone, "body prat = breast", was="modality = MR")
    assert "<mark>body prat</mark>" in page
    assert quote("body part = breast", safe="").replace("%20", "+") in page
    assert "magnetic resonance" in page


def test_a_wrong_text_after_a_wrong_text_begins_anew(anyone: Client, north: Node) -> None:
    assert "All human patients" in search(anyone, "body prat = breast", was="((")


def test_an_error_at_the_end_of_the_text_has_a_place_too(anyone: Client, north: Node) -> None:
    assert "<mark>" in search(anyone, "modality =")


def test_a_suggestion_of_several_words_is_quoted(anyone: Client, north: Node) -> None:
    page = search(anyone, "diagnosis = 'lung adenocarcinom'")
    assert "%22" in re.findall(r'class="button small" href="([^"]+)"', page)[0]


def test_beyond_two_facets_the_page_offers_the_live_count(anyone: Client, north: Node) -> None:
    page = search(anyone, LIVE)
    assert "No count is published for this question." in page
    assert "reason=live-count" in page


def test_a_person_without_a_role_is_told_whom_to_ask(north: Node) -> None:
    client = Client()
    client.force_login(hub.person("bo@example.org", role=""))
    assert "None of your roles allows live counts" in search(client, LIVE)


# ---- changes --------------------------------------------------------------------------------------------


def test_a_value_is_added_and_the_question_before_is_kept_for_undo(anyone: Client) -> None:
    after = step(anyone, "modality = MR", do="add", criterion="sex", value="female")
    assert parse(after["q"][0]).query == parse("modality = MR and sex = female").query
    assert after["was"] == ["modality = MR"]


def test_a_value_is_dropped(anyone: Client) -> None:
    assert step(anyone, "modality in (MR, CT)", do="drop", criterion="modality", value="CT")["q"] == ["modality = MR"]


def test_a_part_is_removed_and_inverted(anyone: Client) -> None:
    parts = parse("modality = MR").query.all
    place = next(index for index, part in enumerate(parts) if "MR" in getattr(part, "values", ()))
    assert "q" not in step(anyone, "modality = MR", do="remove", part=place)
    assert step(anyone, "modality = MR", do="invert", part=place)["q"] == ["not modality = MR"]


def test_bands_are_set(anyone: Client) -> None:
    after = step(anyone, "", do="between", criterion="age_at_imaging", low="50-54", high="55-59")
    assert parse(after["q"][0]).query == parse("age 50..59").query


def test_a_group_is_added(anyone: Client) -> None:
    pairs = ["modality:MR", "", "manufacturer:siemens"]
    after = step(anyone, "", do="together", same="series", pair=pairs)
    assert after["q"] == ["same series (modality = MR and manufacturer = siemens)"]
    assert step(anyone, "", do="together", same="study", pair=["modality:MR", "annotation:SEG"])["q"][0].startswith(
        "same study"
    )


def test_a_change_that_changes_nothing_has_no_undo(anyone: Client) -> None:
    assert "was" not in step(anyone, "modality = MR", do="add", criterion="modality", value="MR")


@pytest.mark.parametrize(
    "change",
    [
        {"do": "add", "criterion": "modality", "value": "nothing"},
        {"do": "add", "criterion": "nothing", "value": "MR"},
        {"do": "remove", "part": "99"},
        {"do": "remove", "part": "x"},
        {"do": "between", "criterion": "age_at_imaging", "low": "1-2"},
        {"do": "between", "criterion": "nothing"},
        {"do": "together", "pair": "nothing:MR"},
    ],
)
def test_a_change_that_cannot_be_made_says_why(anyone: Client, north: Node, change: dict[str, str]) -> None:
    response = anyone.get("/search/change/", {"q": "modality = MR", **change})
    assert response.status_code == 200
    assert 'id="q-error"' in text_of(response)


# ---- in chosen datasets ----------------------------------------------------------------------------------------------


def test_a_question_may_be_asked_of_chosen_datasets(researcher: Client, north: Node) -> None:
    page = text_of(researcher.get("/search/", {"q": "modality = MR", "dataset": ["lung-ct"]}))
    assert "Only in" in page
    assert "Lung CT" in page
    assert "Leave out Lung CT" in page
    assert 'name="dataset" value="lung-ct"' in page
    assert "--dataset lung-ct" in page
    after = step(researcher, "modality = MR", dataset="lung-ct", do="add", criterion="sex", value="female")
    assert after["dataset"] == ["lung-ct"]


def test_only_the_chosen_datasets_are_asked(researcher: Client, north: Node) -> None:
    response = ask(researcher, "modality = MR", dataset="open-mr")
    assert "dataset=open-mr" in response["Location"]
    page = text_of(researcher.get(response["Location"]))
    assert "Exact: only open data was counted." in page
    assert "Datasets asked: 1, at hospitals: 1." in page


def test_a_dataset_that_is_not_published_is_told(anyone: Client, north: Node) -> None:
    response = anyone.get("/search/", {"dataset": "never-there"})
    assert response.status_code == 404
    assert "dataset-unknown" in text_of(response)
    assert anyone.get("/search/values/sex/", {"dataset": "never-there"}).status_code == 404


def test_what_was_found_in_the_catalogue_is_searched_in(anyone: Client, north: Node) -> None:
    page = text_of(anyone.get("/datasets/", {"search": "lung"}))
    assert 'href="/search/?dataset=lung-ct"' in page
    assert 'href="/search/?dataset=lung-ct"' in text_of(anyone.get("/datasets/lung-ct/"))


# ---- values ---------------------------------------------------------------------------------------------


def test_all_values_stand_in_a_tree_with_their_counts(anyone: Client, north: Node) -> None:
    page = text_of(anyone.get("/search/values/body_part/"))
    assert "narrower than Chest" in page
    assert "facet-count" in page


def test_values_found_by_typing(anyone: Client, north: Node) -> None:
    assert "Lung Adenocarcinoma" in text_of(anyone.get("/search/values/diagnosis/", {"value": "luad"}))
    assert "Did you mean" in text_of(anyone.get("/search/values/diagnosis/", {"value": "adenocarcinomma"}))


def test_a_fragment_for_htmx_is_no_page(anyone: Client) -> None:
    htmx = {"HX-Request": "true"}
    fragment = text_of(anyone.get("/search/values/diagnosis/", {"value": "luad"}, headers=htmx))
    assert "Lung Adenocarcinoma" in fragment
    assert "<html" not in fragment
    assert text_of(anyone.get("/search/values/diagnosis/", {"value": ""}, headers=htmx)).strip() == ""
    assert "Nothing fits" in text_of(anyone.get("/search/values/diagnosis/", {"value": "qqq"}, headers=htmx))


def test_values_of_no_criterion(anyone: Client) -> None:
    assert anyone.get("/search/values/shoe-size/").status_code == 404


def test_the_builder_of_groups(anyone: Client) -> None:
    page = text_of(anyone.get("/search/together/", {"q": "sex = female"}))
    assert "One series with all of these" in page
    assert "One study with all of these" in page


# ---- asking ---------------------------------------------------------------------------------------------


def ask(client: Client, query: str = LIVE, **more: str) -> Any:
    return client.post("/search/ask/", {"q": query, "purpose": "a study", **more})


def test_asking_needs_a_person(anyone: Client) -> None:
    response = ask(anyone)
    assert signs_in(response, "live-count")
    assert "modality" in response["Location"]


def test_asking_leads_to_the_page_with_the_answer(researcher: Client, ada: User, north: Node) -> None:
    response = ask(researcher, "modality = MR and sex = female")
    assert response.status_code == 302
    page = text_of(researcher.get(response["Location"]))
    assert 'id="answer"' in page
    assert "protected, published" in page
    assert "exact (open data)" in page
    assert 'value="a study"' in page
    assert Ask.objects.get().purpose == "a study"


def test_the_answer_is_shown_beside_its_own_question_only(researcher: Client, north: Node) -> None:
    ask(researcher, "modality = MR and sex = female")
    identifier = str(Ask.objects.get().pk)
    assert 'id="answer"' not in search(researcher, "modality = CT", ask=identifier)
    assert 'id="answer"' not in search(Client(), "modality = MR and sex = female", ask=identifier)
    assert 'id="answer"' not in search(researcher, "modality = MR and sex = female", ask="no-identifier")
    other = Client()
    other.force_login(hub.person("bo@example.org"))
    assert 'id="answer"' not in search(other, "modality = MR and sex = female", ask=identifier)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"purpose": " "}, "purpose-missing"),
        ({"q": "modality ="}, "query-syntax"),
        ({"by": "shoe_size"}, "query-no-breakdown"),
        ({"q": "her2 = missing"}, "nothing-to-ask"),
    ],
)
def test_what_cannot_be_asked_says_why(researcher: Client, north: Node, given: dict[str, str], told: str) -> None:
    response = researcher.post("/search/ask/", {"q": LIVE, "purpose": "a study", **given})
    assert response.status_code == 400
    assert told in text_of(response)
    assert not Ask.objects.exists()


def test_a_question_without_the_role_is_refused(north: Node) -> None:
    client = Client()
    client.force_login(hub.person("bo@example.org", role=""))
    response = ask(client)
    assert "permission-missing" in text_of(response)


def test_an_answer_shows_hospitals_that_answered_refused_and_cannot_tell(researcher: Client, ada: User) -> None:
    nodes = {
        name: hub.node(name, release(f"{name}-data"), country=country)
        for name, country in (("north", "DE"), ("east", "PL"), ("west", "FR"))
    }
    hub.node("bare", release("bare-data", supports=("species", "modality")))
    asked = actions.ask(by=ada, query=parse(LIVE).query, purpose="a study")
    waiting = search(researcher, LIVE, ask=str(asked.pk))
    assert "1 of 4 hospitals" in waiting
    assert "hx-get" in waiting
    assert "Waiting for the first hospital" in waiting
    (task,) = hub.poll(nodes["north"])
    assert not hub.send_result(nodes["north"], hub.live_answer(task, {"": 120}, budget_left=7.5))
    (task,) = hub.poll(nodes["east"])
    assert not hub.send_result(nodes["east"], hub.live_answer(task, {"": 3}, part={"show": False}))
    assert "enters the total once it is complete" in search(researcher, LIVE, ask=str(asked.pk))
    (task,) = hub.poll(nodes["west"])
    assert not hub.send_result(nodes["west"], hub.refusal(task, "budget-spent"))
    page = search(researcher, LIVE, ask=str(asked.pk))
    assert "≈ 125" in page or "≈ 120" in page
    assert "in the total, not shown by itself" in page
    assert "budget-spent" in page
    assert "cannot tell" in page
    assert "budget of 7.5" in page
    assert 'aria-busy="false"' in page


def test_a_total_near_nobody_says_so(researcher: Client, ada: User, north: Node) -> None:
    only = hub.node("south", release("south-data"))
    asked = actions.ask(by=ada, query=parse(LIVE).query, datasets=["south-data"], purpose="a study")
    (task,) = hub.poll(only)
    hub.send_result(only, hub.live_answer(task, {"": 2}))
    page = search(researcher, LIVE, ask=str(asked.pk))
    assert "There may be no such patient at all" in page
    assert "&lt;10" in page


def test_a_breakdown_has_rows_that_stand_out_and_rows_that_do_not(researcher: Client, ada: User) -> None:
    only = hub.node("south", release("south-data"))
    asked = actions.ask(by=ada, query=parse(LIVE).query, by_criterion="manufacturer", purpose="a study")
    (task,) = hub.poll(only)
    hub.send_result(only, hub.live_answer(task, {"siemens": 400, "ge": 300, "philips": 1, "missing": 200}))
    page = search(researcher, LIVE, ask=str(asked.pk))
    assert "there is no total" in page
    assert page.index("Siemens") < page.index("not recorded</th>")
    assert "1 value that cannot be told from nobody" in page


def test_an_answer_by_its_own_address_leads_to_its_page(researcher: Client, ada: User, north: Node) -> None:
    asked = actions.ask(by=ada, query=parse("modality = MR").query, purpose="a study")
    response = researcher.get(f"/search/answers/{asked.pk}/")
    assert response.status_code == 302
    assert f"ask={asked.pk}" in response["Location"]


def test_an_answer_of_somebody_else_is_unknown(researcher: Client, north: Node) -> None:
    asked = actions.ask(by=hub.person("bo@example.org"), query=parse("modality = MR").query, purpose="theirs")
    response = researcher.get(f"/search/answers/{asked.pk}/")
    assert response.status_code == 404
    assert "ask-unknown" in text_of(response)
    htmx = researcher.get(f"/search/answers/{asked.pk}/", headers={"HX-Request": "true"})
    assert htmx.status_code == 286
    assert signs_in(Client().get(f"/search/answers/{asked.pk}/"), "answer")


def test_the_next_part_of_an_answer_is_a_fragment(researcher: Client, ada: User, north: Node) -> None:
    asked = actions.ask(by=ada, query=parse("modality = MR").query, purpose="a study")
    fragment = researcher.get(f"/search/answers/{asked.pk}/", {"seen": "0"}, headers={"HX-Request": "true"})
    assert fragment["Cache-Control"] == "no-store"
    assert text_of(fragment).strip().startswith("<section")


def test_an_answer_without_news_comes_when_the_wait_is_over(
    researcher: Client, ada: User, north: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oncofed.hub.portal.views.live.WAIT_SECONDS", 0.05)
    asked = actions.ask(by=ada, query=parse(LIVE).query, purpose="a study")
    fragment = researcher.get(f"/search/answers/{asked.pk}/", {"seen": "0"}, headers={"HX-Request": "true"})
    assert "Waiting for the first hospital" in text_of(fragment)


# ---- saved searches -------------------------------------------------------------------------------------


def test_a_search_is_saved_shown_to_anyone_and_removed_by_its_owner(researcher: Client, anyone: Client) -> None:
    response = researcher.post("/search/save/", {"q": LIVE, "title": "Breast MR"})
    address = response["Location"]
    assert "Breast MR" in text_of(researcher.get("/searches/"))
    shown = text_of(anyone.get(address))
    assert "Breast MR" in shown
    assert "≈" not in shown
    slug = SavedSearch.objects.get().slug
    other = Client()
    other.force_login(hub.person("bo@example.org"))
    assert other.post(f"/searches/{slug}/remove/").status_code == 404
    assert researcher.post(f"/searches/{slug}/remove/").status_code == 302
    assert not SavedSearch.objects.exists()
    assert anyone.get(address).status_code == 404


def test_a_search_without_a_title_is_called_by_its_text(researcher: Client) -> None:
    researcher.post("/search/save/", {"q": "modality = MR", "title": " "})
    assert SavedSearch.objects.get().title == "modality = MR"


def test_a_search_that_cannot_be_read_is_not_saved(researcher: Client) -> None:
    response = researcher.post("/search/save/", {"q": "modality =", "title": "Broken"})
    assert response.status_code == 400
    assert "query-syntax" in text_of(response)


def test_my_searches_list_what_i_asked(researcher: Client, ada: User, north: Node) -> None:
    assert "Nothing saved yet" in text_of(researcher.get("/searches/"))
    actions.ask(by=ada, query=parse("modality = MR").query, by_criterion="sex", purpose="a study")
    page = text_of(researcher.get("/searches/"))
    assert "by Sex at birth" in page
    assert "a study" in page


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/searches/", "searches"), ("/account/", "account")],
)
def test_pages_of_a_person_lead_to_sign_in_with_the_reason(anyone: Client, path: str, reason: str) -> None:
    response = anyone.get(path)
    assert signs_in(response, reason)
    assert "banner warn" in text_of(anyone.get(response["Location"]))


@pytest.mark.parametrize(
    "path", ["/search/save/", "/searches/abc/remove/", "/account/tokens/", "/account/tokens/1/revoke/"]
)
def test_what_changes_something_leads_to_sign_in(anyone: Client, path: str) -> None:
    assert anyone.post(path)["Location"].startswith("/accounts/login/")
    assert anyone.get(path).status_code == 405


def test_an_invented_reason_is_not_shown(anyone: Client) -> None:
    assert "banner warn" not in text_of(anyone.get("/accounts/login/?reason=<b>pay+here</b>"))


# ---- datasets -------------------------------------------------------------------------------------------


def test_datasets_are_found_by_words_and_facets(anyone: Client, north: Node) -> None:
    assert "2 datasets" in text_of(anyone.get("/datasets/"))
    page = text_of(anyone.get("/datasets/", {"cancer": "LUNG", "search": "lung"}))
    assert "1 dataset" in page
    assert "Remove the words lung" in page
    assert "Remove Lung" in page
    assert "No dataset fits" in text_of(anyone.get("/datasets/", {"search": "nothing like it"}))


@pytest.mark.parametrize("page", ["0", "-1", "x", "999999999", "99"])
def test_any_page_number_is_answered(anyone: Client, north: Node, page: str) -> None:
    assert anyone.get("/datasets/", {"page": page}).status_code == 200


def test_many_datasets_stand_on_several_pages(anyone: Client) -> None:
    supports = ("species", "modality")
    hub.node("north", *(release(f"data-{number:03}", supports=supports) for number in range(60)))
    first = text_of(anyone.get("/datasets/"))
    assert "Page </span>3" in first
    last = text_of(anyone.get("/datasets/", {"page": "3"}))
    assert last.count('class="card dataset-card"') == 10
    assert 'aria-current="page">3' in last


def test_a_protected_dataset_shows_noisy_numbers(anyone: Client, north: Node) -> None:
    page = text_of(anyone.get("/datasets/lung-ct/"))
    assert "100–199" in page
    assert "95 % interval" in page
    assert "criteria this dataset cannot tell" in page


def test_an_open_dataset_is_exact(anyone: Client, north: Node) -> None:
    assert "the numbers are exact" in text_of(anyone.get("/datasets/open-mr/"))


def test_a_dataset_without_a_cube_has_no_charts(anyone: Client) -> None:
    hub.node("north", release("small", supports=()))
    assert "the dataset is small" in text_of(anyone.get("/datasets/small/"))


def test_a_withdrawn_dataset_says_so(anyone: Client, north: Node) -> None:
    from oncofed.hub.catalogue.actions import publish

    publish(node=north, publication=publication(release("open-mr", is_open=True)), by="node:north")
    response = anyone.get("/datasets/lung-ct/")
    assert response.status_code == 410
    assert "dataset-withdrawn" in text_of(response)
    assert "dataset-unknown" in text_of(anyone.get("/datasets/never-there/"))


# ---- account --------------------------------------------------------------------------------------------


def test_a_token_is_shown_once(researcher: Client) -> None:
    made = text_of(researcher.post("/account/tokens/", {"name": "laptop", "days": "30", "scopes": ["search"]}))
    assert re.search(r"oncofed_\S{30,}</code>", made)
    later = text_of(researcher.get("/account/"))
    assert "laptop" in later
    assert not re.search(r"oncofed_\S{30,}</code>", later)


def test_a_token_form_says_what_is_wrong(researcher: Client) -> None:
    response = researcher.post("/account/tokens/", {"name": "", "days": "9999"})
    assert response.status_code == 400
    assert text_of(response).count("errorlist") == 3


def test_too_many_tokens_are_refused(researcher: Client, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncofed.hub.accounts.actions.MAX_TOKENS", 1)
    hub.token(ada)
    response = researcher.post("/account/tokens/", {"name": "x", "days": "30", "scopes": ["search"]})
    assert response.status_code == 400
    assert "tokens are in use" in text_of(response)


def test_only_my_own_token_is_revoked(researcher: Client, ada: User) -> None:
    hub.token(ada)
    mine = PersonalAccessToken.objects.get(person=ada)
    bo = hub.person("bo@example.org")
    hub.token(bo)
    theirs = PersonalAccessToken.objects.get(person=bo)
    assert researcher.post(f"/account/tokens/{theirs.pk}/revoke/").status_code == 404
    assert researcher.post(f"/account/tokens/{mine.pk}/revoke/").status_code == 302
    assert "cannot be used any more" in text_of(researcher.get("/account/"))
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


def test_nothing_in_a_record_becomes_markup(anyone: Client) -> None:
    bad = "<script>alert(1)</script>"
    hub.node("north", release("evil", title=bad, description=bad, citation=bad, licence=bad), title=bad)
    for path in ("/", "/datasets/", "/datasets/evil/"):
        assert bad not in anyone.get(path).content.decode()


def test_an_address_in_a_record_is_a_link_only_to_the_web(anyone: Client) -> None:
    hub.node("north", release("evil", source_url="javascript:alert(1)", supports=IMAGING))
    assert 'href="javascript:' not in anyone.get("/datasets/evil/").content.decode()
