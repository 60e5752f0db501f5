"""What the code can do stands in the documentation: codes, criteria, commands, settings, endpoints."""

import ast
import inspect
import re
from collections import Counter
from functools import cache

import pytest

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import CODES
from oncofed.hub import configuration
from oncofed.node import settings as node_settings
from tools import generate_docs


@cache
def page(path: str) -> str:
    return generate_docs.PAGES[path]()


def test_every_code_has_its_place_its_next_step_and_its_exit_status() -> None:
    text = page("reference/errors.md")
    assert {code for code in CODES if f"### `{code}` {{ #{code} }}" not in text} == set()
    assert {code for code, entry in CODES.items() if entry.next_step not in text} == set()
    assert {entry.exit_status for entry in CODES.values()} <= set(generate_docs.EXIT_STATUSES)


def test_a_code_is_registered_once() -> None:
    """A second entry under the same name would silently replace the first."""
    names = Counter(code for section in generate_docs.code_sections().values() for code in section)
    assert [code for code, times in names.items() if times > 1] == []
    assert set(names) == set(CODES)


def test_every_section_of_the_register_has_a_title() -> None:
    assert set(generate_docs.code_sections()) <= set(generate_docs.SECTIONS)


def test_every_code_that_is_raised_is_registered() -> None:
    """`Refused("…")` with an unknown code would fail only when it happens."""
    raised = set()
    for module in (generate_docs.ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if called in ERRORS and node.args and isinstance(node.args[0], ast.Constant):
                raised.add(node.args[0].value)
    assert raised - set(CODES) == set()
    assert len(raised) > 20


ERRORS = {"OncofedError", "BadInput", "QueryError", "Refused", "Unreachable", "Corrupt"}


@pytest.mark.parametrize("name", CRITERIA)
def test_every_criterion_is_explained_with_its_values(name: str) -> None:
    criterion = CRITERIA[name]
    text = page("reference/criteria.md")
    assert f"{{ #{name} }}" in text
    if criterion.bands:
        assert all(f"`{label}`" in text for label in criterion.bands.labels)
    else:
        assert all(f"`{code}`" in text for code in generate_docs.vocabulary.terms(str(criterion.values)))


def test_every_command_is_documented_with_every_option() -> None:
    text = page("reference/command-line.md")
    commands = dict(generate_docs.commands())
    assert {"oncofed search", "oncofed hub start", "oncofed node start", "oncofed demo"} <= set(commands)
    for path, command in commands.items():
        assert f"## `{path}`" in text
        assert command.help, f"{path} does not say what it does"
        for parameter in command.params:
            if parameter.name not in generate_docs.OPTIONS_OF_EVERY_COMMAND and not getattr(parameter, "hidden", False):
                assert getattr(parameter, "help", None), f"{path}: {parameter.name} does not say what it is"


@pytest.mark.parametrize("module", [configuration, node_settings])
def test_every_setting_from_the_environment_is_documented(module: object) -> None:
    source = inspect.getsource(module)  # type: ignore[arg-type]
    names = set(re.findall(r'"(ONCOFED_[A-Z_]+|SECRET_KEY|DATABASE_URL|EMAIL_URL)"', source))
    assert names
    text = page("reference/settings.md")
    assert {name for name in names if name.removesuffix("_FILE") not in text} == set()


def test_every_endpoint_of_the_api_is_documented() -> None:
    text = page("reference/http-api.md")
    paths = generate_docs.openapi()["paths"]
    assert "/api/v1/counts" in paths
    for path, methods in paths.items():
        for method, operation in methods.items():
            assert f"## `{method.upper()} {path}`" in text
            assert operation.get("summary") or operation.get("description"), f"{method} {path} says nothing"
