"""The pages that people wrote are true: links, commands, queries and code in them work; all of them can be reached."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import oncofed
from oncofed.contracts.query import parse
from tools import generate_docs, system_packages

ROOT = generate_docs.ROOT
DOCS = ROOT / "docs"
TOP = sorted(ROOT.glob("*.md"))
PAGES = sorted(DOCS.rglob("*.md"))
QUERY = re.compile(r"""(?:oncofed search|hub\.(?:count|ask|facets)\()\s*"([^"]+)\"""")
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def fences(path: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(path.read_text(encoding="utf-8")) if kind == language]


class Loader(yaml.SafeLoader):
    """Reads mkdocs.yml; tags that name Python objects are not needed here."""


def navigation(entry: object) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    values = entry.values() if isinstance(entry, dict) else entry
    return [page for value in values for page in navigation(value)]  # type: ignore[union-attr]


def test_every_page_can_be_reached() -> None:
    listed = set(navigation(yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)["nav"]))  # noqa: S506 (a SafeLoader)
    written = {str(page.relative_to(DOCS)) for page in PAGES}
    made = {path for path in generate_docs.PAGES if path.endswith(".md")}
    decisions = {page for page in written if page.startswith("adr/0")}
    assert listed == (written | made) - decisions
    index = (DOCS / "adr" / "index.md").read_text()
    assert {page for page in decisions if f"({Path(page).name})" not in index} == set()


@pytest.mark.parametrize("path", TOP, ids=name)
def test_links_from_the_repositorys_own_pages_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("path", [*TOP, *PAGES], ids=name)
def test_commands_exist(path: Path) -> None:
    known = dict(generate_docs.commands())
    text = path.read_text(encoding="utf-8")
    quoted = [*re.findall(r"`(oncofed [a-z][^`\n]*)`", text), *re.findall(r"^\$ (oncofed .*)$", text, re.MULTILINE)]
    for line in quoted:
        if line.startswith("oncofed verify"):  # announced in the roadmap
            continue
        words = line.split()
        longest = max((c for c in known if words[: len(c.split())] == c.split()), key=len, default=None)
        prefix_of_some = any(c.split()[: len(words)] == words for c in known)
        assert longest or prefix_of_some, f"no such command: {line}"
        if longest:
            options = {option for p in known[longest].params for option in (*p.opts, *p.secondary_opts)} | {"--help"}
            used = set(re.findall(r"(?<=\s)--[a-z-]+", line))
            assert used <= options, f"no such option: {line}"


@pytest.mark.parametrize("path", [*TOP, *PAGES], ids=name)
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = re.findall(r"(?:`|^\$ )make ([a-z][a-z-]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(used) <= targets


@pytest.mark.parametrize("path", [*TOP, *PAGES], ids=name)
def test_queries_in_the_documentation_can_be_read(path: Path) -> None:
    for text in QUERY.findall(path.read_text(encoding="utf-8")):
        parse(text)


def test_every_form_in_the_query_language_page_can_be_read() -> None:
    table = (DOCS / "reference" / "query-language.md").read_text().partition("## Precisely")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    forms = [form for cell in cells for form in re.findall(r"`([^`]+)`", cell)]
    assert len(forms) > 10
    for form in forms:
        parse(form)


@pytest.mark.parametrize("path", [*TOP, *PAGES], ids=name)
def test_python_in_the_documentation_compiles_and_names_what_exists(path: Path) -> None:
    for source in fences(path, "python"):
        tree = ast.parse(source.replace("token=…", "token=None"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "oncofed":
                assert all(hasattr(oncofed, alias.name) for alias in node.names)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "hub":
                assert hasattr(oncofed.Hub, node.attr), node.attr


@pytest.mark.parametrize("path", [*TOP, *PAGES], ids=name)
def test_toml_in_the_documentation_is_toml(path: Path) -> None:
    for source in fences(path, "toml"):
        tomllib.loads(source)


def test_the_places_a_reviewer_is_sent_to_exist() -> None:
    places = re.findall(r"^\| `(src/[^`]+)`", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    assert len(places) == 6
    assert all((ROOT / place).exists() for place in places)


def test_the_readme_shows_the_demos_output() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = text.partition("<!-- demo-output: begin -->")[2].partition("<!-- demo-output: end -->")[0]
    assert "goes here" not in shown
    assert "fictitious" in shown


def test_system_programs_are_named_once_and_needed_by_a_place_that_exists() -> None:
    programs = system_packages.programs()
    assert len({program.program for program in programs}) == len(programs)
    assert all((ROOT / program.needed_by).exists() for program in programs)
