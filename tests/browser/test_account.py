"""Signing in, tokens, and the command line's device code."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Federation, OpenScreen, Screen


def test_a_denied_person_is_told_why_and_led_to_sign_in(screen: Screen) -> None:
    page = screen.open("/searches/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Saved searches belong to a person")


def test_a_wrong_password_is_told(screen: Screen) -> None:
    page = screen.open("/accounts/login/")
    page.fill("input[name=login]", "ada@example.org")
    page.fill("input[name=password]", "wrong")
    page.click("main button[type=submit]")
    expect(page.get_by_role("alert")).to_be_visible()


def test_a_token_is_shown_once_works_and_is_revoked(screen: Screen) -> None:
    screen.sign_in()
    page = screen.open("/account/")
    page.get_by_role("textbox", name="Name").fill("notebook")
    page.get_by_role("button", name="Create token").click()
    secret = page.locator("#code-token").inner_text()
    headers = {"Authorization": f"Bearer {secret}"}
    assert httpx.get(f"{screen.url}/api/v1/whoami", headers=headers, trust_env=False).json()["signed_in"]
    screen.open("/account/")
    expect(page.locator("#code-token")).to_have_count(0)
    page.get_by_role("button", name="Revoke notebook").click()
    expect(page.locator(".messages")).to_contain_text("cannot be used any more")
    assert httpx.get(f"{screen.url}/api/v1/whoami", headers=headers, trust_env=False).status_code == 401


def test_signing_out_ends_the_session(screen: Screen) -> None:
    screen.sign_in()
    page = screen.page
    page.get_by_role("link", name="Sign out").click()
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


@pytest.fixture
def login(federation: Federation, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`oncofed login` waiting for somebody to type its code."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "oncofed", "login", federation.url],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def test_a_command_line_is_connected_by_its_code(open_screen: OpenScreen, login: subprocess.Popen[str]) -> None:
    screen = open_screen(bypass_csp=True)
    screen.sign_in()
    assert login.stdout is not None
    told = ""
    while (found := re.search(r"\b([A-Z0-9]{4}-[A-Z0-9]{4})\b", told)) is None:
        line = login.stdout.readline()
        assert line, told
        told += line
    page = screen.open("/identity/o/device")
    page.get_by_label("Code").fill(found.group(1))
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#user-code")).to_have_text(found.group(1))
    screen.accessible()
    page.get_by_role("button", name=re.compile("allow")).click()
    expect(page.get_by_role("heading", name="Connected")).to_be_visible()
    output, _ = login.communicate(timeout=30)
    assert "Signed in to" in output, output
    assert login.returncode == 0
