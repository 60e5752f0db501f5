"""The page: findings rendered by templates that know no name of a patient and load nothing from anywhere."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from oncofed.contracts.codes import CODES
from oncofed.imaging.quality.register import CHECKS
from oncofed.prepare.checks.findings import CheckResult, Findings
from oncofed.prepare.report.charts import columns

MAX_SERIES = 100
"""Series listed on the page; the JSON has more."""
STATEMENTS = (
    ("made at", "statement.made_at"),
    ("profile", "statement.policy.profile"),
    ("standard", "statement.policy.standard"),
    ("digest of the policy", "statement.policy.digest"),
    ("files found", "statement.files.found"),
    ("files released", "statement.files.released"),
    ("held back", "statement.files.held_back"),
    ("left out", "statement.files.left_out"),
    ("no file", "statement.files.no_file"),
    ("files read again", "statement.verification.verified"),
    ("references resolved before", "statement.verification.resolved_before"),
    ("references resolved after", "statement.verification.resolved_after"),
    ("pixels", "statement.verification.pixels"),
    ("errors of dciodvfy before, in the sample", "statement.verification.errors_before"),
    ("errors of dciodvfy after, in the sample", "statement.verification.errors_after"),
    ("verification passed", "statement.verification.passed"),
    ("signed by the key", "key"),
)
"""Words for what the certificate states, and where it states it."""
_UNITS = ("B", "kB", "MB", "GB", "TB")
STATES = {
    "met": ("good", "met"),
    "partly": ("warn", "partly"),
    "not-met": ("bad", "not met"),
    "elsewhere": ("", "shown elsewhere"),
}
PARTS = {
    "images": "Images",
    "clinical": "Clinical data",
    "agreement": "Agreement of images and clinical data",
    "annotations": "Annotations",
}
"""Parts of the findings that hold checks, with the headings of their sections."""
SEVERITIES = {"error": ("bad", "repair"), "warning": ("warn", "look at"), "note": ("accent", "note")}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("oncofed.prepare.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number, percent=percent, size=size, short=short, places=places, statements=statements, sentence=sentence
    )
    environment.globals.update(
        columns=columns, STATES=STATES, SEVERITIES=SEVERITIES, CHECKS=CHECKS, PARTS=PARTS, CODES=CODES
    )
    return environment


def page(findings: Findings, certificate: Mapping[str, Any] | None = None) -> str:
    """One HTML document with its style and pictures inside."""
    style = files("oncofed.prepare.report").joinpath("templates", "report.css").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("report.html")
        .render(
            findings=findings,
            images=findings.images,
            certificate=certificate,
            errors=findings.failed("error"),
            warnings=findings.failed("warning"),
            todo=[*_todo(findings, "error"), *_todo(findings, "warning")],
            dimensions=_dimensions(findings.results),
            max_series=MAX_SERIES,
            style=Markup(style),  # noqa: S704 (our own file)
        )
    )


def _todo(findings: Findings, severity: str) -> Iterator[tuple[str, str, CheckResult]]:
    """The checks that found something, each with its part and with what it counts."""
    for part in PARTS:
        for result in getattr(findings, part).checks if getattr(findings, part) else ():
            if result.severity == severity and not result.passed:
                yield part, counted(part, result), result


def counted(part: str, result: CheckResult) -> str:
    """What ``places`` are: series or files, rows, or what the check's title begins with."""
    if part == "images":
        return "files" if result.check == "file-unreadable" else "series"
    return "rows" if part == "clinical" else result.title.partition(" ")[0]


def _dimensions(results: tuple[CheckResult, ...]) -> list[tuple[str, int, int, int, int]]:
    """(dimension, checks, passed, errors, warnings) in a fixed order."""
    rows = []
    for dimension in ("complete", "unique", "consistent", "accurate", "integrity"):
        own = [result for result in results if result.dimension == dimension]
        failed = [result.severity for result in own if not result.passed]
        passed = sum(result.passed for result in own)
        rows.append((dimension, len(own), passed, failed.count("error"), failed.count("warning")))
    return rows


def number(value: float) -> str:
    """With thousands apart; fractions with three significant digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}"


def percent(share: float | None) -> str:
    """A share as a percentage that is 0 or 100 only where it is exact."""
    if share is None:
        return "–"
    if share in (0, 1):
        return f"{share * 100:.0f} %"
    return f"{min(max(share * 100, 0.1), 99.9):.1f} %".replace(".0 %", " %")


def sentence(title: str) -> str:
    """With a capital at its beginning; the rest as it is."""
    return title[:1].upper() + title[1:]


def size(count: int) -> str:
    """Bytes in decimal units."""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"


def short(uid: str, length: int = 14) -> str:
    """The last characters of a pseudonym: enough to find it."""
    return uid if len(uid) <= length else f"…{uid[1 - length :]}"


def places(count: int, noun: str) -> str:
    """``1 series``, ``3 patients``: count and noun (its plural, or the word that is both)."""
    singular = noun if noun == "series" else noun.removesuffix("s")
    return f"{count:,} {singular if count == 1 else noun}"


def statements(certificate: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the certificate says, in a few lines; what it does not say is left out."""
    return [(words, _told(value)) for words, path in STATEMENTS if (value := _at(certificate, path)) is not None]


def _at(certificate: Mapping[str, Any], path: str) -> Any:
    value: Any = certificate
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_told(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
