"""The reference pages that are made from the code, so that they cannot disagree with it.

Used by mkdocs as a hook (``mkdocs.yml``): the pages exist in the built site only, never as files in the repository.
Each function returns one page as Markdown; ``PAGES`` says where it stands. ``tests/docs`` prove that they are complete.
"""

import importlib
import inspect
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from oncofed.cli import main as command_line
from oncofed.contracts import codes, vocabulary
from oncofed.contracts.criteria import CRITERIA, MISSING, CriterionDefinition, Term
from oncofed.contracts.errors import Code

ROOT = Path(__file__).parent.parent

EXIT_STATUSES = {
    0: "done",
    1: "a benchmark missed its bound, or the command failed in a way it does not know",
    2: "bad input: what was given is not usable",
    3: "refused by a rule: policy, budget, permission or limit",
    4: "a peer did not answer",
    5: "stored or received bytes are not what they must be",
    6: "this machine lacks something: space, a program, a package",
}
UNITS = {"a": "years"}
"""How a unit is written for people, where its symbol (UCUM) would not be understood."""
SECTIONS = {
    "QUERY": "Queries",
    "WAREHOUSE": "Loading data and the warehouse",
    "DISCLOSURE": "Disclosure control and budgets",
    "TRUST": "Keys and signatures",
    "EXCHANGE": "Between hub and node",
    "PREPARE": "Preparing images",
    "MAPPING": "Mapping clinical data",
    "NODE": "The node",
    "HUB": "The hub",
    "SEARCH": "Searching",
    "CLIENT": "Command line and Python client",
}


def code_sections() -> dict[str, dict[str, Code]]:
    """The register as it is kept: one dict a part of oncofed, in the order of ``SECTIONS``, unknown parts last."""
    kept = {name: value for name, value in vars(codes).items() if name.isupper() and name != "CODES"}
    known = [name for name in SECTIONS if name in kept]
    return {name: kept[name] for name in (*known, *(name for name in kept if name not in SECTIONS))}


def errors_page() -> str:
    """Every error code: what it means, what to do next, and the exit status of a command that ends with it."""
    lines = [
        "# Errors",
        "",
        "Every refusal and every failure has a code. Codes cross the wire, texts do not. On the command line "
        "`oncofed explain CODE` says the same as this page.",
        "",
        "| exit status | meaning |",
        "|---|---|",
        *(f"| {status} | {meaning} |" for status, meaning in EXIT_STATUSES.items()),
        "",
    ]
    for section, entries in code_sections().items():
        lines += [f"## {SECTIONS.get(section, section.capitalize())}", ""]
        for name, code in sorted(entries.items()):
            title = code.title[0].upper() + code.title[1:]
            lines += [
                f"### `{name}` {{ #{name} }}",
                "",
                f"{title}. {code.next_step}",
                "",
                f"Exit status {code.exit_status}.",
                "",
            ]
    return "\n".join(lines)


def criteria_page() -> str:
    """Every criterion of a query with its level and all its values."""
    lines = [
        "# Criteria",
        "",
        f"What a cohort can be asked by: {len(CRITERIA)} criteria (vocabularies: {vocabulary.VOCABULARY_VERSION}). "
        "A criterion belongs to a level; `same series (…)` takes criteria of the series, `same study (…)` those of the "
        f"series and the study. `{MISSING}` (*not recorded*) is a value of every criterion. "
        "[How a query is written](query-language.md).",
        "",
        "| criterion | level | a patient can have several | values |",
        "|---|---|---|---|",
    ]
    for name, criterion in CRITERIA.items():
        several = "yes" if criterion.several else "no"
        lines.append(f"| [{criterion.text}](#{name}) | {criterion.level} | {several} | {_kind(criterion)} |")
    lines.append("")
    for name, criterion in CRITERIA.items():
        lines += [f"## {criterion.label} {{ #{name} }}", "", *_criterion(criterion), ""]
    return "\n".join(lines)


def _kind(criterion: CriterionDefinition) -> str:
    if criterion.bands:
        return f"{len(criterion.bands.labels)} fixed bands" + (
            f" ({criterion.bands.unit})" if criterion.bands.unit else ""
        )
    count = len(vocabulary.terms(str(criterion.values)))
    return f"{count} codes" + (", with narrower terms" if criterion.hierarchical else "")


def _criterion(criterion: CriterionDefinition) -> Iterator[str]:
    names = ", ".join(f"`{name}`" for name in (criterion.text, *criterion.synonyms))
    yield f"Written {names}." + (f" {criterion.note}" if criterion.note else "")
    yield ""
    if criterion.bands:
        yield "Bands: " + ", ".join(f"`{label}`" for label in criterion.bands.labels) + "."
        yield ""
        yield "Other edges go to the nearest, and the answer says so."
        return
    entries = vocabulary.terms(str(criterion.values))
    many = len(entries) > 40
    indent = "    " if many else ""
    if many:
        yield f'??? note "The {len(entries)} codes"'
        yield ""
    yield f"{indent}| code | meaning | also |"
    yield f"{indent}|---|---|---|"
    yield from (f"{indent}{row}" for row in _rows(entries, ""))


def _rows(entries: Mapping[str, Term], parent: str, depth: int = 0) -> Iterator[str]:
    for term in entries.values():
        broader = term.parent if term.parent in entries else ""
        if broader == parent:
            synonyms = ", ".join(term.synonyms).replace("|", "\\|")
            yield f"| {'&emsp;' * depth}`{term.code}` | {term.label} | {synonyms} |"
            yield from _rows(entries, term.code, depth + 1)


def cli_page() -> str:
    """Every command with its arguments and options, as `--help` shows them."""
    lines = [
        "# Command line",
        "",
        "`oncofed NOUN VERB`. Data go to standard output, everything else to standard error; every command that reads "
        "has `--json`; exit statuses and codes are listed under [errors](errors.md).",
        "",
    ]
    for path, command in commands():
        lines += [f"## `{path}`", "", _help(path, command), ""]
    return "\n".join(lines)


def commands() -> Iterator[tuple[str, Any]]:
    """Each command that does something, with the words that call it."""
    top: Any = typer.main.get_command(command_line.app)
    yield from _below("oncofed", top, top.context_class(top, info_name="oncofed"))


def _below(path: str, command: Any, context: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(command, command_line.LazyNoun):
        command = command.load()
    if not hasattr(command, "list_commands") or command.invoke_without_command:
        yield path, command
    if not hasattr(command, "list_commands"):
        return
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if not inner.hidden:
            yield from _below(f"{path} {name}", inner, context)


OPTIONS_OF_EVERY_COMMAND = frozenset({"help", "install_completion", "show_completion"})


def _help(path: str, command: Any) -> str:
    """The help as plain Markdown: usage, text, arguments, options."""
    context = command.context_class(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context)).replace("[[", "[").replace("]]", "]")
    lines = ["```text", f"{path} {usage}".rstrip(), "```", "", inspect.cleandoc(command.help or ""), ""]
    rows = [
        f"| `{' '.join([*parameter.opts, *parameter.secondary_opts])}` | {_about(parameter)} |"
        for parameter in command.get_params(context)
        if not getattr(parameter, "hidden", False) and parameter.name not in OPTIONS_OF_EVERY_COMMAND
    ]
    return "\n".join([*lines, *(["| argument or option | |", "|---|---|", *rows] if rows else [])])


def _about(parameter: Any) -> str:
    text = (getattr(parameter, "help", None) or "").replace("\n", " ").replace("|", "\\|")
    default = parameter.default
    shown = default not in (None, False, (), "") and not callable(default) and "Sentinel" not in type(default).__name__
    return text + (f" Default: `{default}`." if shown and parameter.param_type_name == "option" else "")


SETTINGS = {
    "The hub: `hub.toml` and environment": "oncofed.hub.configuration",
    "The node: `node.toml` and environment": "oncofed.node.settings",
    "The node: `policy.toml`": "oncofed.node.policy",
}


def settings_page() -> str:
    """What an operator and a data manager can set: the text each settings module says of itself."""
    lines = [
        "# Settings",
        "",
        "One TOML file a role, beside it the environment, which goes first. Zero settings work. A secret `X` may stand "
        "in a file that `X_FILE` names. Everything is written below one data directory (`--data-dir`, `ONCOFED_DATA`).",
        "",
    ]
    for title, module in SETTINGS.items():
        lines += [f"## {title}", "", _module_text(importlib.import_module(module)), ""]
    return "\n".join(lines)


def _module_text(module: ModuleType) -> str:
    """A module's docstring; its indented tables as literal blocks."""
    lines: list[str] = []
    inside = False
    for line in inspect.cleandoc(module.__doc__ or "").splitlines():
        indented = line.startswith("    ")
        if line and indented != inside:
            lines.append("```text" if indented else "```\n")
            inside = indented
        lines.append(line.removeprefix("    ") if inside else line)
    return "\n".join([*lines, *(["```"] if inside else [])])


def openapi() -> dict[str, Any]:
    """The description of the hub's HTTP API (OpenAPI 3.1)."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oncofed.hub.settings")
    import django

    django.setup()
    from oncofed.hub.api import api

    return dict(api.get_openapi_schema())


def api_page() -> str:
    """Every endpoint of the HTTP API."""
    description = openapi()
    lines = [
        "# HTTP API",
        "",
        f"{description['info'].get('description') or 'The API of the hub.'} [OpenAPI description](openapi.json).",
        "",
        "Sign in with a session or with `Authorization: Bearer oncofed_…` (a personal access token).",
        "",
    ]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            lines += [f"## `{method.upper()} {path}`", "", operation.get("summary", ""), ""]
            lines += [operation.get("description", ""), ""]
            parameters = operation.get("parameters", [])
            if parameters:
                lines += ["| parameter | in | |", "|---|---|---|"]
                lines += [
                    f"| `{p['name']}` | {p['in']} | {p.get('description', p['schema'].get('description', ''))} |"
                    for p in parameters
                ]
                lines.append("")
            answers = ", ".join(
                f"{status} {answer['description']}" for status, answer in operation["responses"].items()
            )
            lines += [f"Answers: {answers}.", ""]
    return "\n".join(lines)


PAGES: dict[str, Callable[[], str]] = {
    "reference/errors.md": errors_page,
    "reference/criteria.md": criteria_page,
    "reference/command-line.md": cli_page,
    "reference/settings.md": settings_page,
    "reference/http-api.md": api_page,
    "reference/openapi.json": lambda: json.dumps(openapi(), indent=1, sort_keys=True),
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Mkdocs calls this when it has found the files: add the pages that are made."""
    for path, make in PAGES.items():
        files.append(File.generated(config, path, content=make()))
    return files
