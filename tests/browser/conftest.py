"""A real hub with real nodes as processes, and the system's Chromium with a fresh profile to look at it.

The hospitals hold synthetic cases and real collections of Imaging Data Commons: one open, two protected (one of which
lets its numbers into totals only), and one that published and then went silent.
"""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import axe_core_python
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from oncofed.bench.local_federation import LocalHub, LocalNode

ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
AXE = Path(axe_core_python.__file__).with_name("axe.min.js")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
EMAIL, PASSWORD = "ada@example.org", "correct-horse-battery-staple"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.system_program("chromium"))


@dataclass
class Federation:
    hub: LocalHub
    nodes: dict[str, LocalNode]

    @property
    def url(self) -> str:
        return self.hub.url


def _node(directory: Path, node_id: str, title: str, country: str) -> LocalNode:
    return LocalNode(directory / node_id, node_id, title=title, country=country, organisation=f"{node_id}-hospital")


@pytest.fixture(scope="session")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    directory = tmp_path_factory.mktemp("federation")
    hub = LocalHub(directory / "hub")
    nodes = {
        "aurora": _node(directory, "aurora", "Aurora Lung Centre (fictitious)", "IT"),
        "bellavista": _node(directory, "bellavista", "Bellavista Breast Clinic (fictitious)", "ES"),
        "evora": _node(directory, "evora", "Évora Open Imaging Lab (fictitious)", "PT"),
        "silva": _node(directory, "silva", "Silva Forest Clinic (fictitious)", "SE"),
    }
    with ExitStack() as stack:
        stack.callback(hub.stop)
        hub.start()
        hub.person(EMAIL, "researcher", "University of Example", password=PASSWORD)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda node: _fill(hub, node), nodes.values()))
        for name in ("aurora", "bellavista", "evora"):
            stack.callback(nodes[name].stop)
            nodes[name].start()
        yield Federation(hub, nodes)


LOADS: dict[str, tuple[tuple[str, ...], ...]] = {
    "aurora": (("idc", "--collections", "acrin_nsclc_fdg_pet,nsclc_radiomics,lidc_idri"),),
    "bellavista": (
        ("idc", "--collections", "ispy1,duke_breast_cancer_mri"),
        ("synthetic", "--dataset", "synthetic-oncology", "--patients", "3000"),
    ),
    "evora": (("idc", "--collections", "acrin_6698,qin_breast", "--class", "open"),),
    "silva": (("synthetic", "--dataset", "silva-synthetic", "--patients", "400", "--seed", "7"),),
}


def _fill(hub: LocalHub, node: LocalNode) -> None:
    node.enrol(hub)
    for load in LOADS[node.node_id]:
        node.command("load", *load)
    policy = node.directory / "policy.toml"
    if node.node_id == "bellavista":
        policy.write_text(policy.read_text().replace("show_numbers = true", "show_numbers = false"))
    node.command("publish")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@dataclass
class Screen:
    """One person's browser; fails the test at its end if a page complained in the console or called another site."""

    context: BrowserContext
    page: Page
    url: str
    complaints: list[str]

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def sign_in(self) -> None:
        self.open("/accounts/login/")
        self.page.fill("input[name=login]", EMAIL)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("main button[type=submit]")
        self.page.wait_for_selector("text=My searches")

    def accessible(self) -> None:
        """axe finds nothing, and nothing sticks out sideways."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("rules => axe.run({runOnly: rules})", RULES)["violations"]
        told = [f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:3]]}" for one in found]
        assert not told, f"{self.page.url}\n" + "\n".join(told)
        assert self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


OpenScreen = Callable[..., Screen]


@pytest.fixture
def open_screen(federation: Federation, browser: Browser) -> Iterator[OpenScreen]:
    """Makes browsers with fresh profiles: ``open_screen(viewport=NARROW, color_scheme="dark")``."""
    screens: list[Screen] = []

    def make(**options: object) -> Screen:
        context = browser.new_context(**{"viewport": WIDE, **options})  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        page = context.new_page()
        screen = Screen(context, page, federation.url, [])
        page.on("console", lambda message: _note(screen, message))
        page.on("pageerror", lambda error: screen.complaints.append(str(error)))
        page.on("request", lambda request: _check_own(screen, request.url))
        screens.append(screen)
        return screen

    yield make
    for screen in screens:
        screen.context.close()
        assert not screen.complaints


def _note(screen: Screen, message: ConsoleMessage) -> None:
    # The browser itself reports the status of a page that is an error page on purpose.
    if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
        screen.complaints.append(message.text)


def _check_own(screen: Screen, url: str) -> None:
    if not url.startswith((screen.url, "data:")):
        screen.complaints.append(f"request to another site: {url}")


@pytest.fixture
def screen(open_screen: OpenScreen) -> Screen:
    return open_screen()
