"""What the search page shows of a query: chips, facets with counts before the click, values to choose. Pure.

Links carry the whole state (``State``) and, where something changed, the text before it (``was``), for undo.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from oncofed.contracts import vocabulary
from oncofed.contracts.criteria import CRITERIA, GROUP_LEVELS, MISSING, CriterionDefinition
from oncofed.contracts.outcome import Estimate, Facet, Facets
from oncofed.contracts.query import Criterion, Group, Part, Query

SECTIONS: tuple[tuple[str | Promise, tuple[str, ...]], ...] = (
    (
        gettext_lazy("Images"),
        (
            "modality", "body_part", "derived_body_part", "annotation", "manufacturer", "field_strength",
            "slice_thickness", "contrast", "sequence_type", "tracer", "laterality", "timepoint", "year_of_imaging",
        ),
    ),
    (gettext_lazy("Patient"), ("sex", "age_at_imaging", "age_at_diagnosis", "population", "vital_status", "species")),
    (
        gettext_lazy("Diagnosis and stage"),
        ("diagnosis", "year_of_diagnosis", "tumour_laterality", "stage", "ct", "cn", "cm", "pt", "pn", "pm"),
    ),
    (
        gettext_lazy("Markers and scores"),
        (
            "er", "pr", "her2", "ki67", "psa", "gleason", "isup", "bi_rads", "pi_rads", "breast_density", "ecog",
        ),
    ),
    (gettext_lazy("Treatment and course"), ("treatment", "response")),
)  # fmt: skip
"""Every criterion once, as the list beside the answer groups them."""

OPEN_AT_FIRST = frozenset({"modality", "body_part", "sex", "diagnosis"})
ROWS = 7
"""Values a facet shows; the rest is on the page of all values."""
TYPE_AHEAD_ABOVE = 14
"""A vocabulary with more values gets a field to type in."""
MATCHES = 12
BANDS_SHOWN = 20


@dataclass(frozen=True)
class State:
    """What the address of the search page says: the query text, and the datasets it is asked of (none: of all)."""

    text: str
    datasets: tuple[str, ...] = ()

    def search(self, **more: str) -> str:
        """Address of the search page; ``was``: the text before, for undo; ``ask``: the answer to show."""
        return self._address("portal:search", **more)

    def change(self, do: str, **more: object) -> str:
        """Address of one step from the query."""
        return self._address("portal:change", do=do, **more)

    def values(self, criterion: str) -> str:
        """Address of all values of a criterion."""
        return self._address("portal:values", criterion)

    def _address(self, name: str, *place: str, **more: object) -> str:
        parameters = {"q": self.text, "dataset": self.datasets, **more}
        filled = {key: value for key, value in parameters.items() if value not in ("", ())}
        query = urlencode(filled, doseq=True)
        return f"{_path(name, *place)}?{query}" if query else _path(name, *place)


@cache
def _path(name: str, *place: str) -> str:
    return reverse(name, args=place)


@dataclass(frozen=True)
class Chip:
    """One part of the query with the links that change it."""

    key: str
    words: str
    negated: bool
    remove_url: str
    invert_url: str
    standing: bool = False
    """The default population: there unless a query says otherwise."""


@dataclass(frozen=True)
class Row:
    """One value to choose, beside the query of ``state``. ``estimate`` is None where only a live count can tell."""

    criterion: str
    value: str
    state: State
    chosen: bool
    estimate: Estimate | None = None
    hint: str = ""

    @property
    def label(self) -> str:
        """The words for the value."""
        return value_label(self.criterion, self.value)

    @property
    def url(self) -> str:
        """Where the query has the value, or no longer has it where it is chosen."""
        return self.state.change("drop" if self.chosen else "add", criterion=self.criterion, value=self.value)


@dataclass(frozen=True)
class FacetView:
    """One criterion of the list beside the answer."""

    name: str
    label: str
    note: str
    open: bool
    available: bool
    datasets: int
    rows: tuple[Row, ...]
    top: int
    total: int
    values_url: str
    bands: tuple[str, ...] = ()
    unit: str = ""
    type_ahead: bool = False


@dataclass(frozen=True)
class Section:
    """A heading with its criteria."""

    title: str
    facets: tuple[FacetView, ...]


def chips(query: Query, state: State) -> tuple[Chip, ...]:
    """The parts of a canonical query, in its order."""
    return tuple(_chip(part, index, state) for index, part in enumerate(query.all))


def _chip(part: Part, index: int, state: State) -> Chip:
    standing = part == Criterion(criterion="species", values=("human",))
    key = CRITERIA[part.criterion].label if isinstance(part, Criterion) else _same(part)
    words = _values(part) if isinstance(part, Criterion) else "; ".join(_inner(inside) for inside in part.all)
    return Chip(
        key=key,
        words=words,
        negated=part.negated,
        remove_url=state.change("remove", part=index),
        invert_url="" if standing else state.change("invert", part=index),
        standing=standing,
    )


def _same(group: Group) -> str:
    return _("On one series") if group.same == "series" else _("On one study")


def _inner(part: Part) -> str:
    if isinstance(part, Group):
        return f"{_same(part).lower()} ({'; '.join(_inner(inside) for inside in part.all)})"
    words = f"{CRITERIA[part.criterion].label.lower()}: {_values(part)}"
    return _("not %(words)s") % {"words": words} if part.negated else words


def _values(criterion: Criterion) -> str:
    definition = CRITERIA[criterion.criterion]
    if definition.bands:
        words = list(_runs(definition, criterion.values))
    else:
        words = [value_label(criterion.criterion, value) for value in criterion.values]
    shown, rest = words[:4], len(words) - 4
    joined = _(" or ").join(shown)
    return _("%(words)s or %(rest)d more") % {"words": joined, "rest": rest} if rest > 0 else joined


def _runs(definition: CriterionDefinition, values: Iterable[str]) -> Iterator[str]:
    """Neighbouring bands as one range: 50-54 and 55-59 are "50–59"."""
    labels, wanted = vocabulary.domain(definition.name), set(values)
    run: list[str] = []
    for label in (*labels, ""):
        if label in wanted:
            run.append(label)
        elif run:
            yield _range(run[0], run[-1], definition)
            run = []
    if MISSING in wanted:
        yield value_label(definition.name, MISSING)


def _range(first: str, last: str, definition: CriterionDefinition) -> str:
    unit = definition.bands.unit if definition.bands and definition.bands.unit != "a" else ""
    low = first.split("-")[0]
    words = f"{low.rstrip('+')}+" if last.endswith("+") else f"{low}–{last.split('-')[-1]}" if last != low else last
    return f"{words} {unit}".strip()


def value_label(criterion: str, value: str) -> str:
    """The words for a value, in the person's language where we have them."""
    return _("not recorded") if value == MISSING else vocabulary.label(criterion, value)


def sections(query: Query, state: State, facets: Facets) -> tuple[Section, ...]:
    """All criteria with their values, counts beside those the published cubes can tell."""
    known = {facet.criterion: facet for facet in facets.facets}
    return tuple(
        Section(str(title), tuple(_facet(name, query, state, known) for name in names)) for title, names in SECTIONS
    )


def _facet(name: str, query: Query, state: State, known: Mapping[str, Facet]) -> FacetView:
    definition, facet = CRITERIA[name], known.get(name)
    chosen = chosen_values(query, name)
    available = facet is not None and facet.available
    rows = _rows(name, state, facet, chosen)
    return FacetView(
        name=name,
        label=definition.label,
        note=definition.note,
        open=name in OPEN_AT_FIRST or bool(chosen - {"human"}),
        available=available,
        datasets=facet.datasets if facet else 0,
        rows=_in_order(rows) if definition.bands else _first(rows, available),
        top=max((row.estimate.value for row in rows if row.estimate), default=0),
        total=len(vocabulary.domain(name)),
        values_url=state.values(name),
        bands=vocabulary.domain(name) if definition.bands else (),
        unit=definition.bands.unit if definition.bands and definition.bands.unit != "a" else "",
        type_ahead=not definition.bands and len(vocabulary.domain(name)) > TYPE_AHEAD_ABOVE,
    )


def chosen_values(query: Query, criterion: str) -> frozenset[str]:
    """The values the query asks of a criterion at its top level."""
    return frozenset(
        value
        for part in query.all
        if isinstance(part, Criterion) and part.criterion == criterion and not part.negated
        for value in part.values
    )


def _rows(name: str, state: State, facet: Facet | None, chosen: frozenset[str]) -> list[Row]:
    estimates: dict[str, Estimate | None] = dict.fromkeys(vocabulary.cells(name))
    if facet is not None and facet.available:
        estimates |= {value.value: value.estimate for value in facet.values}
    extra = {value: None for value in sorted(chosen) if value not in estimates}
    return [Row(name, value, state, value in chosen, estimate) for value, estimate in (extra | estimates).items()]


def _first(rows: list[Row], ranked: bool) -> tuple[Row, ...]:
    """The rows a facet shows: chosen ones, then the greatest (bands keep their order), *not recorded* last."""

    def rank(item: Row) -> tuple[bool, bool, int]:
        return (not item.chosen, item.value == MISSING, -(item.estimate.value if ranked and item.estimate else 0))

    ordered = sorted(rows, key=rank)
    missing = [item for item in ordered if item.value == MISSING]
    shown = [item for item in ordered if item.value != MISSING][: ROWS - 1 if missing else ROWS]
    return (*shown, *missing)


def _in_order(rows: list[Row]) -> tuple[Row, ...]:
    """The bands of a number in their order; none where there are too many to look at."""
    return tuple(rows) if len(rows) <= BANDS_SHOWN else ()


def matches(criterion: str, typed: str, state: State, chosen: frozenset[str], limit: int | None = MATCHES) -> list[Row]:
    """Values whose code, label or synonym holds what was typed; those that begin with it first."""
    needle = vocabulary.folded(typed)
    found: list[tuple[tuple[int, int], Row]] = []
    for order, value in enumerate(vocabulary.domain(criterion)):
        place, hint = _found(criterion, value, needle)
        if place is not None:
            found.append(((place, order), Row(criterion, value, state, value in chosen, hint=hint)))
    found.sort(key=lambda pair: pair[0])
    return [item for _place, item in found[:limit]]


def _found(criterion: str, value: str, needle: str) -> tuple[int | None, str]:
    """How well a value fits (0 best; None not at all), and the synonym it was found by."""
    name = CRITERIA[criterion].values
    if not isinstance(name, str):
        return (0, "") if value.startswith(needle) else (None, "")
    term = vocabulary.terms(name)[value]
    for place, word in enumerate((term.code, term.label)):
        if vocabulary.folded(word).startswith(needle):
            return place, ""
    for synonym in term.synonyms:
        if vocabulary.folded(synonym).startswith(needle):
            return 2, synonym
    return (3, "") if f" {needle}" in f" {vocabulary.folded(term.label)}" else (None, "")


@dataclass(frozen=True)
class Branch:
    """A value with its narrower ones."""

    row: Row
    below: tuple["Branch", ...] = ()


def tree(criterion: str, state: State, chosen: frozenset[str], estimates: Mapping[str, Estimate]) -> tuple[Branch, ...]:
    """All values of a criterion as they stand below each other."""
    name = CRITERIA[criterion].values
    parents = {code: "" for code in vocabulary.domain(criterion)}
    if isinstance(name, str):
        parents = {code: term.parent for code, term in vocabulary.terms(name).items()}
    children: dict[str, list[str]] = {}
    for code, parent in parents.items():
        children.setdefault(parent, []).append(code)

    def grow(parent: str) -> tuple[Branch, ...]:
        return tuple(
            Branch(Row(criterion, code, state, code in chosen, estimates.get(code)), grow(code))
            for code in children.get(parent, ())
        )

    missing = Row(criterion, MISSING, state, MISSING in chosen, estimates.get(MISSING))
    return (*grow(""), Branch(missing))


@dataclass(frozen=True)
class Choices:
    """Values of one criterion in a select of the group builder."""

    label: str
    values: tuple[tuple[str, str], ...]


def groups() -> tuple[tuple[str, str, tuple[Choices, ...]], ...]:
    """The builders of groups: what they are the same of, their title, and what may be asked in them."""
    return (
        ("series", _("One series with all of these"), _choices("series")),
        ("study", _("One study with all of these"), _choices("study")),
    )


def _choices(same: str) -> tuple[Choices, ...]:
    return tuple(
        Choices(
            definition.label,
            tuple(
                (f"{definition.name}:{cell}", value_label(definition.name, cell))
                for cell in vocabulary.cells(definition.name)
            ),
        )
        for definition in CRITERIA.values()
        if definition.level in GROUP_LEVELS[same]
    )


def breakdowns() -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """What a count may be broken down by, in the sections of the list, each with what it multiplies the cost by."""
    return tuple((str(title), tuple((name, _breakdown(name)) for name in names)) for title, names in SECTIONS)


def _breakdown(name: str) -> str:
    number = len(vocabulary.cells(name))
    return ngettext("%(label)s (%(number)d value)", "%(label)s (%(number)d values)", number) % {
        "label": CRITERIA[name].label,
        "number": number,
    }
