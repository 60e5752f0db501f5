"""Units of measurement: what a source writes (UCUM or everyday spelling) to what the model keeps, by pint.

A conversion between units of one dimension is affine: ``model = source × factor + shift`` (the shift only for
temperatures), so it becomes two numbers in the SQL.
"""

import re
import tokenize
from functools import cache
from typing import Any, NamedTuple

import pint

_UCUM = {
    "%": "percent",
    "a": "year",
    "mo": "month",
    "wk": "week",
    "d": "day",
    "h": "hour",
    "min": "minute",
    "Cel": "degC",
    "[degF]": "degF",
    "[iU]": "arbitrary_unit",
    "IU": "arbitrary_unit",
    "U": "enzyme_unit",
    "years": "year",
    "1": "dimensionless",
}
"""Symbols that UCUM and pint spell differently (in pint, ``a`` is an are and ``mo`` unknown)."""

_PLAUSIBLE = re.compile(r"(?!.*\d{4})(?!.*(\*\*|\^)[^/.*]*(\*\*|\^))[\w%µμ*/.^{}\[\]() -]{0,40}")
"""What is read at all: no long numbers, no power of a power (which a parser would work out)."""

_ATOM = re.compile(r"\[?[A-Za-zµμ%]+\]?")


_UNREADABLE = (pint.PintError, tokenize.TokenError, SyntaxError, ValueError, TypeError, AttributeError,
               ArithmeticError, AssertionError, KeyError)  # fmt: skip
"""What pint raises for text that is no unit, beside its own errors."""


class Conversion(NamedTuple):
    """``target = source * factor + shift``."""

    factor: float
    shift: float


class UnitMismatch(ValueError):
    """A unit that is unknown, or of another dimension than the one wanted."""


@cache
def _registry() -> Any:
    registry: Any = pint.UnitRegistry(cache_folder=None)
    registry.define("arbitrary_unit = [arbitrary]")  # international units: no two substances share one
    return registry


def _pint_spelling(unit: str) -> str:
    """UCUM as pint reads it: annotations dropped, ``10*9/L`` a number, exponents with ``**``."""
    if not _PLAUSIBLE.fullmatch(unit):
        raise ValueError("no unit")
    text = re.sub(r"\{[^}]*\}", "", unit.strip()).replace("10*", "10^")
    if not text or text.startswith("/"):
        text = f"1{text}"
    text = re.sub(r"10\^(-?\d+)", r"(10**\1)", text)
    text = _ATOM.sub(lambda atom: _UCUM.get(atom[0], atom[0]), text)
    text = re.sub(r"(?<=[A-Za-z_])(-?\d+)", r"**\1", text)
    return text.rstrip("/").replace(".", "*")


def _parsed(registry: Any, unit: str) -> tuple[float, Any]:
    """A unit and the number before it (``10*9/L`` is 10⁹ times 1/L)."""
    spelt = _pint_spelling(unit)
    if re.match(r"\(|\d", spelt):
        quantity = registry.Quantity(registry.parse_expression(spelt))
        return float(quantity.magnitude), quantity.units
    return 1.0, registry.parse_units(spelt)


@cache
def conversion(source: str, target: str) -> Conversion:
    """How a number in ``source`` becomes one in ``target``. Raises ``UnitMismatch``."""
    registry = _registry()
    try:
        (times, unit), (by, wanted) = (_parsed(registry, text) for text in (source, target))
        shift = float(registry.Quantity(0.0, unit).to(wanted).magnitude) / by
        factor = float(registry.Quantity(times, unit).to(wanted).magnitude) / by - shift
    except _UNREADABLE as error:
        raise UnitMismatch(f"“{source}” does not become “{target}”") from error
    return Conversion(float(f"{factor:.12g}"), float(f"{shift:.12g}"))
