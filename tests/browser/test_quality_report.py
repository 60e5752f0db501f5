"""The quality report and the certificate in a browser: no axe finding, nothing sideways, nothing loaded."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from oncofed.prepare.certificate import certify
from oncofed.prepare.checks import check
from oncofed.prepare.deidentify import deidentify
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.report import write_report
from oncofed.prepare.run import Run
from oncofed.prepare.scan import scan
from oncofed.prepare.verify import verify
from oncofed.trust.keys import SigningKey
from oncofed.trust.pseudonyms import Pseudonyms
from tests.browser.conftest import AXE, NARROW, RULES, WIDE
from tests.factories import series, tables
from tests.factories.source import a_patient, a_series


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every part."""
    folder = tmp_path_factory.mktemp("report")
    for seed in (1, 2, 4):
        series.write(series.objects(seed, "CT", "PT", "MG"), folder / "images")
    (folder / "images" / "note").write_text("no image")
    rows = tables.sound()
    rows["patient"] += [
        {"patient_key": f"q{number}", "birth_sex": "female" if number % 8 else "male"} for number in range(60)
    ]
    rows["cancer_condition"] += [
        {
            "condition_id": 9 + number,
            "patient_key": f"q{number}",
            "oncotree_code": "IDC",
            "age_at_diagnosis": 30.0 + number,
        }
        for number in range(60)
    ]
    findings = check(folder / "images", tables.write(rows, folder / "tables"))
    return write_report(
        findings, {"statement": {"policy": {"profile": "research", "digest": "ab" * 32}}, "key": "k" * 43}, folder
    )[1]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of a run of which something is held back."""
    folder = tmp_path_factory.mktemp("certificate")
    a_series(folder / "source" / "ct", 3)
    a_patient(folder / "source", "P2", 2)
    (folder / "source" / "note.txt").write_text("no image")
    with Run.create(folder / "run", project="tests") as run:
        scan(run, folder / "source")
        recipe = Recipe(_pseudonyms, profile="research", project="tests", ocr=False)
        deidentify(run, recipe)
        verify(run, recipe)
        certify(run, recipe, SigningKey.from_bytes(bytes(range(32))))
    return folder / "run" / "certificate.html"


def _pseudonyms() -> Pseudonyms:
    return Pseudonyms(b"a secret of the tests, 32 bytes!")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("paper", ["report", "certificate"])
def test_the_papers_are_accessible(
    browser: Browser, request: pytest.FixtureRequest, paper: str, scheme: str, viewport: dict[str, int]
) -> None:
    path: Path = request.getfixturevalue(paper)
    context = browser.new_context(viewport=viewport, color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(path.as_uri())
    page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)["violations"]
    assert [(one["id"], [node["html"][:200] for node in one["nodes"][:2]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert (page.locator("main img").count() > 0) is (paper == "report")
    context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_the_policy_of_the_page_lets_its_pictures_and_style_through(browser: Browser, report: Path) -> None:
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(report.as_uri())
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.evaluate("getComputedStyle(document.body).marginTop") == "0px"
    page.get_by_role("link", name="Re-identification").click()
    assert page.evaluate("location.hash") == "#risk"
    context.close()
    assert complaints == []
