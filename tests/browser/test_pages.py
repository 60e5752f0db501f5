"""Every page, light and dark, wide and narrow: readable, nothing sticking out, and axe finds nothing."""

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, WIDE, OpenScreen, Screen

NARROW_QUESTION = "modality = MR and sex = female and age 50..70 and body part = breast"
PUBLIC = (
    "/",
    "/search/",
    f"/search/?q={quote('modality = MR and sex = female')}",
    f"/search/?q={quote(NARROW_QUESTION)}",
    f"/search/?q={quote('modality = MR and body prat = breast')}",
    f"/search/together/?q={quote('sex = female')}",
    f"/search/values/body_part/?q={quote('sex = female')}",
    "/search/values/diagnosis/?value=lung",
    "/search/values/modality/?value=nothing+like+it",
    "/datasets/",
    "/datasets/?search=breast&dataset_class=open",
    "/datasets/?search=nothinglikeit",
    "/datasets/idc-nsclc-radiomics/",
    "/datasets/idc-acrin-6698/",
    "/datasets/unknown-dataset/",
    "/about/",
    "/about/numbers/",
    "/about/accessibility/",
    "/about/privacy/",
    "/about/programs/",
    "/accounts/login/?reason=live-count",
    "/accounts/password/reset/",
    "/no/such/page",
)
SIGNED_IN = (
    "/account/",
    "/searches/",
    f"/search/?q={quote(NARROW_QUESTION)}",
    "/identity/o/device",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/email/",
    "/accounts/logout/",
)
RICHEST = ("/", f"/search/?q={quote('modality = MR and sex = female')}", "/datasets/", "/datasets/idc-nsclc-radiomics/")
LIGHT, DARK = "light", "dark"


@pytest.mark.parametrize(
    ("scheme", "viewport", "paths"),
    [(LIGHT, WIDE, PUBLIC), (DARK, NARROW, PUBLIC), (LIGHT, NARROW, RICHEST), (DARK, WIDE, RICHEST)],
)
def test_public_pages_are_accessible(
    open_screen: OpenScreen, scheme: str, viewport: dict[str, int], paths: tuple[str, ...]
) -> None:
    screen = open_screen(color_scheme=scheme, viewport=viewport, bypass_csp=True)
    for path in paths:
        screen.open(path)
        screen.accessible()


@pytest.mark.parametrize(("scheme", "viewport"), [(LIGHT, WIDE), (DARK, NARROW)])
def test_pages_of_a_person_are_accessible(open_screen: OpenScreen, scheme: str, viewport: dict[str, int]) -> None:
    screen = open_screen(color_scheme=scheme, viewport=viewport, bypass_csp=True)
    screen.sign_in()
    for path in SIGNED_IN:
        screen.open(path)
        screen.accessible()


def test_the_home_page_says_who_takes_part(screen: Screen) -> None:
    page = screen.open("/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    row = page.get_by_role("row", name=re.compile("Aurora Lung Centre"))
    expect(row).to_contain_text("IT")
    expect(page.locator(".figures")).to_contain_text("hospitals")


def test_the_home_page_leads_to_the_search(screen: Screen) -> None:
    page = screen.open("/")
    page.get_by_label("Question").fill("modality = CT")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(r"/search/\?q="))
    expect(page.locator("#sentence")).to_contain_text("computed tomography")


def test_the_skip_link_leads_to_the_content(screen: Screen) -> None:
    page = screen.open("/datasets/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_datasets_are_narrowed_by_a_facet_and_widened_again(screen: Screen) -> None:
    page = screen.open("/datasets/")
    everything = page.locator(".dataset-card").count()
    page.get_by_role("link", name=re.compile(r"^Breast")).first.click()
    expect(page).to_have_url(re.compile("cancer=BREAST"))
    expect(page.get_by_label("Chosen", exact=True)).to_contain_text("Breast")
    assert 0 < page.locator(".dataset-card").count() < everything
    page.get_by_role("link", name="Remove Breast").click()
    expect(page.locator(".dataset-card")).to_have_count(everything)


def test_a_protected_dataset_shows_bands_and_intervals_only(screen: Screen) -> None:
    page = screen.open("/datasets/idc-nsclc-radiomics/")
    expect(page.locator(".figures")).to_contain_text("–")
    expect(page.get_by_role("region", name="Modality")).to_contain_text("±")
    expect(page.get_by_role("heading", name="How complete it is")).to_be_visible()
    expect(page.get_by_role("heading", name="How to cite")).to_be_visible()


def test_an_open_dataset_is_exact(screen: Screen) -> None:
    page = screen.open("/datasets/idc-acrin-6698/")
    expect(page.locator(".figures")).to_contain_text("385")
    expect(page.locator(".charts")).not_to_contain_text("±")


def test_a_missing_page_says_what_to_do(screen: Screen) -> None:
    page = screen.page
    response = page.goto(screen.url + "/datasets/unknown-dataset/")
    assert response is not None
    assert response.status == 404
    expect(page.locator("main")).to_contain_text("dataset-unknown")
    expect(page.get_by_role("link", name="Datasets").last).to_be_visible()


def test_the_policy_of_the_page_forbids_inline_scripts(screen: Screen) -> None:
    response = screen.page.goto(screen.url + "/")
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert "default-src 'none'" in policy
    assert {cookie["name"] for cookie in screen.context.cookies()} <= {"sessionid", "csrftoken"}
