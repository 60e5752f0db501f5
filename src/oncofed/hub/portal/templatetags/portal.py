"""What the portal's templates need beyond Django's tags. Nothing here asks the database."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest
from django.utils.translation import gettext as _

from oncofed.contracts.catalogue import DatasetClass, SizeBand
from oncofed.contracts.criteria import CRITERIA, MISSING
from oncofed.contracts.exchange import CountSource
from oncofed.contracts.outcome import Estimate, NodeState, ValueEstimate
from oncofed.hub.catalogue.queries import Amount
from oncofed.hub.portal import navigation as site

MILLION = 1_000_000

register = template.Library()


@register.simple_tag(takes_context=True)
def navigation(context: dict[str, Any]) -> site.Navigation:
    """The links of header and footer for this request; also stands where an error page has no request."""
    return site.navigation(context.get("request"))


@register.simple_tag(takes_context=True)
def sign_in_reason(context: dict[str, Any]) -> str:
    """Why a person was led to the sign-in page, in words; empty when they came by themselves."""
    request: HttpRequest = context["request"]
    return site.reason(request.GET.get("reason", ""))


@register.simple_tag(takes_context=True)
def address(context: dict[str, Any], **changes: object) -> str:
    """The page's own address with some GET parameters changed; ``None`` removes one. A change starts at page 1."""
    parameters = context["request"].GET.copy()
    parameters.pop("page", None)
    for name, value in changes.items():
        parameters.pop(name, None)
        if value not in (None, ""):
            parameters[name] = str(value)
    return f"?{parameters.urlencode()}"


@register.simple_tag
def link(path: str, **parameters: object) -> str:
    """``path`` with GET parameters; empty ones are left out, several values stand one by one."""
    filled = {name: value for name, value in parameters.items() if value not in (None, "", ())}
    query = urlencode(filled, doseq=True)
    return f"{path}?{query}" if query else path


@register.inclusion_tag("portal/parts/bar.html")
def bar(value: float, top: float, *, low: float | None = None, high: float | None = None, missing: bool = False) -> Any:
    """A horizontal bar of ``value`` on a scale from 0 to ``top``, with a whisker from ``low`` to ``high``."""
    return {
        "percent": _percent(value, top),
        "low": None if low is None or high is None else _percent(low, top),
        "high": None if high is None else _percent(high, top),
        "missing": missing,
    }


def _percent(value: float, top: float) -> str:
    share = 100 * value / top if top > 0 else 0
    return f"{min(max(share, 0), 100):.1f}"  # a point whatever the language: it stands in SVG


@register.filter
def band(size: SizeBand) -> str:
    """A size in words: the number itself where it is exact, else the band it lies in."""
    if size.high is None:
        return _("%(low)s or more") % {"low": intcomma(size.low)}
    if size.high == size.low + 1:
        return str(intcomma(size.low))
    if size.low == 0:
        return _("fewer than %(high)s") % {"high": intcomma(size.high)}
    if size.low >= MILLION:
        return _("%(low)s–%(high)s M") % {"low": f"{size.low / MILLION:g}", "high": f"{size.high / MILLION:g}"}
    return _("%(low)s–%(high)s") % {"low": intcomma(size.low), "high": intcomma(size.high - 1)}


@register.filter
def criterion_label(name: str) -> str:
    """The words for a criterion."""
    definition = CRITERIA.get(name)
    return definition.label if definition else name


@register.filter
def share(part: float, whole: float) -> str:
    """``part`` of ``whole`` in per cent: "12 %"; "<1 %" for a little."""
    if whole <= 0:
        return "–"
    percent = min(max(100 * part / whole, 0), 100)
    return "<1 %" if 0 < percent < 1 else f"{percent:.0f} %"


@register.filter
def thousands(number: int) -> str:
    """1240 as "1,240"."""
    return str(intcomma(number))


@register.filter
def amount(figure: Amount) -> str:
    """A sum as a headline: exact, or its lower end in three figures that claim no more than is known."""
    if figure.exact:
        return str(intcomma(figure.low))
    unit = 10 ** max(len(str(figure.low)) - 3, 0)
    low = figure.low // unit * unit
    if low >= MILLION:
        return _("≥ %(low)s M") % {"low": f"{low / MILLION:g}"}
    return _("≥ %(low)s") % {"low": intcomma(low)}


@register.filter
def brief(estimate: Estimate) -> str:
    """The number alone, where its interval stands elsewhere or does not fit: "≈ 1,240" or "<10"."""
    return estimate.text.split(" (")[0].split(", ")[0]


@register.filter
def is_web(address: str) -> bool:
    """Whether an address that a node published may become a link."""
    return address.startswith(("https://", "http://"))


@register.filter
def is_missing(value: str) -> bool:
    """Whether a value stands for *not recorded*."""
    return value == MISSING


@register.simple_tag
def top_of(rows: Sequence[ValueEstimate]) -> int:
    """Where the scale of some bars ends: the greatest upper end of an interval, at least 1."""
    return max((row.estimate.value if row.estimate.exact else row.estimate.high for row in rows), default=1) or 1


@register.inclusion_tag("portal/parts/interval.html")
def interval(estimate: Estimate, complete: bool) -> dict[str, Any]:
    """What a total proves: its interval in words, and whether it may as well be nobody."""
    return {"estimate": estimate, "complete": complete, "maybe_none": not estimate.exact and estimate.low == 0}


@register.simple_tag
def source_words(source: CountSource) -> str:
    """Where a number comes from, in a word."""
    return {
        CountSource.EXACT: _("exact (open data)"),
        CountSource.CUBE: _("protected, published"),
        CountSource.LIVE: _("protected, live"),
    }[source]


@register.simple_tag
def state_words(state: NodeState) -> str:
    """How a node stands to a question, in a word."""
    return {
        NodeState.WAITING: _("waiting"),
        NodeState.ANSWERED: _("answered"),
        NodeState.REFUSED: _("refused"),
        NodeState.SILENT: _("no answer"),
        NodeState.UNSUPPORTED: _("cannot tell"),
    }[state]


@register.simple_tag(takes_context=True)
def toggled(context: dict[str, Any], kind: str, value: str) -> str:
    """The page's own address with ``value`` chosen for the parameter ``kind``, or no longer."""
    parameters = context["request"].GET.copy()
    parameters.pop("page", None)
    values = parameters.getlist(kind)
    parameters.setlist(kind, [one for one in values if one != value] if value in values else [*values, value])
    return f"?{parameters.urlencode()}"


@register.simple_tag
def class_words(dataset_class: str) -> str:
    """A dataset's class in a word."""
    return _("open") if dataset_class == DatasetClass.OPEN else _("protected")
