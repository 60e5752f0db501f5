"""The search in a real browser, asked of real nodes."""

import re
from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW, OpenScreen, Screen

BEYOND_THE_CUBE = "modality = MR and body part = breast and age 40..70"
COMPLETE = "#answer[aria-busy=false]"
PATIENCE = 60_000


def sentence(page: Page) -> str:
    return page.locator("#sentence").inner_text()


def chips(page: Page) -> list[str]:
    return page.locator(".question .chip").all_inner_texts()


def test_a_click_adds_a_criterion_without_a_new_page_and_undo_takes_it_back(screen: Screen) -> None:
    page = screen.open("/search/")
    page.evaluate("window.same = true")
    page.locator("#v-modality-ct").click()
    expect(page).to_have_url(re.compile("modality"))
    expect(page.locator("#v-modality-ct")).to_have_attribute("aria-current", "true")
    assert "computed tomography" in sentence(page)
    page.locator("#v-modality-mr").click()
    expect(page.locator("#sentence")).to_contain_text("magnetic resonance")
    page.get_by_role("link", name="Undo").click()
    expect(page.locator("#sentence")).not_to_contain_text("magnetic resonance")
    assert page.evaluate("window.same")


def test_counts_stand_beside_the_values_before_the_click(screen: Screen) -> None:
    page = screen.open("/search/")
    assert re.search(r"≈ [\d,]+", page.locator("#v-modality-ct").inner_text())
    page.locator("#v-modality-ct").click()
    expect(page.locator(".published .big-number")).to_contain_text("≈")


def test_a_chip_is_removed_with_the_keyboard_and_the_focus_stays_in_the_question(screen: Screen) -> None:
    page = screen.open(f"/search/?q={quote('modality = MR and sex = female')}")
    chip = page.get_by_role("link", name="Remove Modality: Magnetic resonance")
    chip.focus()
    page.keyboard.press("Enter")
    expect(chip).to_have_count(0)
    assert page.evaluate("document.activeElement.closest('.question') !== null")
    assert len(chips(page)) == 2


def test_a_criterion_is_excluded_instead(screen: Screen) -> None:
    page = screen.open(f"/search/?q={quote('modality = MR')}")
    page.get_by_role("link", name="Exclude Modality instead").click()
    expect(page.locator(".question .chip.not")).to_contain_text("not Magnetic resonance")


def test_removing_the_species_asks_for_all_species(screen: Screen) -> None:
    page = screen.open("/search/")
    page.get_by_role("link", name="Remove Species: Human").click()
    expect(page.locator("#sentence")).to_contain_text("species")


def test_a_wrong_word_is_marked_and_corrected_with_one_click(screen: Screen) -> None:
    page = screen.open("/search/?q=")
    page.locator("#q").fill("modality = MR and body prat = breast")
    page.keyboard.press("Enter")
    expect(page.locator("#q-error")).to_contain_text("body prat")
    expect(page.locator("#q-error mark")).to_have_text("body prat")
    expect(page.locator("#q")).to_be_focused()
    assert page.evaluate("getSelection().toString() || q.value.slice(q.selectionStart, q.selectionEnd)") == "body prat"
    page.get_by_role("link", name="Use “body part”").click()
    expect(page.locator("#q-error")).to_have_count(0)
    assert len(chips(page)) == 3


def test_typing_finds_a_diagnosis_by_the_keyboard_alone(screen: Screen) -> None:
    page = screen.open("/search/")
    page.locator("#type-diagnosis").focus()
    page.keyboard.type("lung aden")
    match = page.locator("#matches-diagnosis a").first
    expect(match).to_contain_text("Lung Adenocarcinoma")
    expect(page.locator("#announcer")).to_contain_text("fit")
    page.keyboard.press("Tab")
    expect(match).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#sentence")).to_contain_text(re.compile("lung adenocarcinoma", re.IGNORECASE))


def test_numbers_are_chosen_by_bands(screen: Screen) -> None:
    page = screen.open("/search/")
    age = page.locator("details.facet", has=page.locator("summary", has_text=re.compile("^Age at imaging")))
    age.locator("summary").click()
    age.get_by_label("from").select_option("50-54")
    age.get_by_label("to").select_option("65-69")
    age.get_by_role("button", name="Set").click()
    expect(page.locator(".question .chips")).to_contain_text("50–69")


def test_a_group_on_one_series_is_built(screen: Screen) -> None:
    page = screen.open("/search/")
    page.get_by_role("link", name="Add a group").click()
    page.locator("#series-1").select_option("modality:MR")
    page.locator("#series-2").select_option("body_part:BREAST")
    page.get_by_role("button", name="Add the group").first.click()
    expect(page.locator(".question .chips")).to_contain_text("On one series")


def test_a_question_is_asked_of_chosen_datasets_only(screen: Screen) -> None:
    page = screen.open("/datasets/idc-acrin-6698/")
    page.get_by_role("link", name="Find a cohort in it").click()
    expect(page.get_by_label("Only in these datasets")).to_contain_text("ACRIN-6698")
    expect(page.locator(".published .big-number")).to_have_text("385")
    page.locator("#v-modality-mr").click()
    expect(page.locator("#sentence")).to_contain_text("magnetic resonance")
    expect(page).to_have_url(re.compile("dataset=idc-acrin-6698"))
    page.get_by_role("link", name=re.compile("Leave out ACRIN-6698")).click()
    expect(page.get_by_label("Only in these datasets")).to_have_count(0)


def test_beyond_the_published_pairs_the_page_says_so_and_offers_the_live_count(screen: Screen) -> None:
    page = screen.open(f"/search/?q={quote(BEYOND_THE_CUBE)}")
    expect(page.locator(".published")).to_contain_text("No count is published for this question")
    page.get_by_role("link", name="Sign in to ask").click()
    expect(page.locator("main")).to_contain_text("each question is recorded with who asked it")


def test_signing_in_leads_back_to_the_question(screen: Screen) -> None:
    page = screen.open(f"/search/?q={quote(BEYOND_THE_CUBE)}")
    page.get_by_role("link", name="Sign in to ask").click()
    page.fill("input[name=login]", "ada@example.org")
    page.fill("input[name=password]", "correct-horse-battery-staple")
    page.click("main button[type=submit]")
    expect(page.get_by_role("heading", name="Ask the hospitals now")).to_be_visible()
    assert "breast" in sentence(page)


def ask(page: Page, *, by: str = "") -> None:
    page.get_by_label("Purpose").fill("feasibility of a study")
    if by:
        page.get_by_label("Break down by").select_option(by)
    page.get_by_role("button", name="Ask for a live count").click()


def test_a_live_count_streams_in_names_who_is_silent_and_survives_a_reload(open_screen: OpenScreen) -> None:
    screen = open_screen(bypass_csp=True)
    screen.sign_in()
    page = screen.open(f"/search/?q={quote(BEYOND_THE_CUBE)}")
    ask(page)
    answer = page.locator("#answer")
    expect(answer).to_contain_text("Évora Open Imaging Lab")
    expect(answer).to_contain_text("exact (open data)")
    screen.accessible()
    expect(page.locator(COMPLETE)).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#announcer")).to_contain_text("Complete:")
    expect(answer.get_by_role("row", name=re.compile("Bellavista"))).to_contain_text("not shown by itself")
    silent = answer.locator(".silent")
    expect(silent).to_contain_text("Silva Forest Clinic")
    expect(silent).to_contain_text(re.compile("node-offline|no-answer"))
    expect(answer).to_contain_text("budget of")
    expect(answer.get_by_role("heading", name="Not recorded")).to_be_visible()
    screen.accessible()
    total = answer.locator(".big-number").inner_text()
    page.reload()
    expect(page.locator("#answer .big-number")).to_have_text(total)


def test_a_breakdown_shows_rows_with_their_bars(screen: Screen) -> None:
    screen.sign_in()
    page = screen.open(f"/search/?q={quote('modality = MR and body part = breast and age 30..80')}")
    ask(page, by="sex")
    expect(page.locator(COMPLETE)).to_be_visible(timeout=PATIENCE)
    rows = page.locator("#answer table.bars").first
    expect(rows).to_contain_text("Female")
    expect(rows.locator("svg.bar").first).to_be_visible()


def test_the_published_figures_answer_at_once(screen: Screen) -> None:
    screen.sign_in()
    page = screen.open(f"/search/?q={quote('modality = MR and sex = female')}")
    expect(page.locator(".ask")).to_contain_text("costs nothing")
    ask(page)
    expect(page.locator(COMPLETE)).to_be_visible()
    expect(page.locator("#answer")).to_contain_text("protected, published")


def test_a_search_is_saved_under_a_permalink_that_shows_no_number(screen: Screen, open_screen: OpenScreen) -> None:
    screen.sign_in()
    page = screen.open(f"/search/?q={quote(BEYOND_THE_CUBE)}")
    page.get_by_label("Save this search as").fill("Breast MR")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Breast MR")).to_be_visible()
    stranger = open_screen()
    stranger.open(page.url.removeprefix(screen.url))
    expect(stranger.page.locator("main")).to_contain_text("breast")
    expect(stranger.page.locator("main")).not_to_contain_text("≈")
    page.get_by_role("link", name="My searches").first.click()
    expect(page.locator("main")).to_contain_text("Breast MR")
    page.get_by_role("button", name=re.compile("Remove Breast MR")).click()
    expect(page.locator("main")).to_contain_text("Removed.")


def test_the_question_is_copied_for_programs(open_screen: OpenScreen) -> None:
    screen = open_screen(permissions=["clipboard-read", "clipboard-write"])
    page = screen.open(f"/search/?q={quote(BEYOND_THE_CUBE)}")
    page.get_by_text("Copy as Python").click()
    page.locator("details[open] button[data-copy=code-python]").click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "oncofed.connect(" in copied
    assert "BREAST" in copied


def test_everything_works_without_scripts(open_screen: OpenScreen) -> None:
    screen = open_screen(java_script_enabled=False)
    screen.sign_in()
    page = screen.open("/search/")
    page.locator("#v-modality-mr").click()
    page.locator("#v-sex-female").click()
    assert "female" in sentence(page)
    page.locator("#type-body_part").fill("breast")
    page.locator("form.type-ahead", has=page.locator("#type-body_part")).get_by_role("button", name="Find").click()
    page.locator(".value-list a").first.click()
    assert "breast" in sentence(page)
    ask(page)
    page.get_by_role("link", name="Show what has come since").click()
    expect(page.locator("#answer")).to_contain_text("Évora")


def test_on_a_narrow_screen_the_criteria_start_closed(open_screen: OpenScreen) -> None:
    screen = open_screen(viewport=NARROW)
    page = screen.open("/search/")
    expect(page.locator("#v-modality-mr")).to_be_hidden()
    page.get_by_text("Add a criterion").click()
    page.locator("#v-modality-mr").click()
    expect(page.locator("#sentence")).to_contain_text("magnetic resonance")


def test_pages_go_back_and_forth(screen: Screen) -> None:
    page = screen.open("/search/")
    page.locator("#v-modality-ct").click()
    expect(page).to_have_url(re.compile("modality"))
    page.go_back()
    expect(page.locator("#sentence")).not_to_contain_text("computed")
    page.go_forward()
    expect(page.locator("#sentence")).to_contain_text("computed")
