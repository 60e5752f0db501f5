"""Filling a template. Pages load nothing from anywhere; every value is escaped."""

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from pydicom import uid

from oncofed.contracts.codes import CODES

_ACTIONS = {
    "age": "age told as the cap",
    "clean": "cleaned: known words stay",
    "dummy": "replaced by a value that means nothing",
    "empty": "emptied",
    "patient": "replaced by the patient's pseudonym",
    "remove": "removed",
    "shift": "date shifted",
    "uid": "UID replaced",
}
_NEWER_NAMES = {"1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage"}


def render(name: str, **values: Any) -> str:
    """The template ``name`` (``certificate.html``, ``dpia.md``, ``processing-record.md``) with these values."""
    return _environment().get_template(name).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("oncofed.prepare.papers", "templates"),
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = files("oncofed.prepare.report").joinpath("templates", "report.css").read_text(encoding="utf-8")
    environment.globals.update(style=Markup(style), title_of=title_of, next_of=next_of)  # noqa: S704 (our own file)
    environment.tests.update(pixels_code=lambda code: code.startswith("pixels-"))
    environment.filters.update(
        number=_number, object_name=object_name, option=_option, action=_action, sentence=_sentence
    )
    return environment


def title_of(code: str) -> str:
    """What an error code means."""
    return CODES[code].title if code in CODES else code


def next_of(code: str) -> str:
    """What to do about an error code."""
    return CODES[code].next_step.replace("`", "") if code in CODES else ""


def object_name(sop_class: str) -> str:
    """The name of a SOP class, without “Storage”."""
    name = _NEWER_NAMES.get(sop_class) or str(uid.UID(sop_class).name)
    return name.removesuffix(" Storage")


def _number(value: int) -> str:
    return f"{value:,}".replace("-", "\N{MINUS SIGN}")


def _option(name: str) -> str:
    return name.replace("_", " ")


def _action(name: str) -> str:
    return _ACTIONS.get(name, name)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
