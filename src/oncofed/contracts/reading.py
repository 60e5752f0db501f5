"""What a person writes, as criteria and cells: names, values, numbers and ranges. Shared by text, builder and forms."""

import math
import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from oncofed.contracts.criteria import CRITERIA, MISSING, Bands, CriterionDefinition
from oncofed.contracts.errors import Position, QueryError
from oncofed.contracts.vocabulary import cover, domain, folded, lookup, nearest, words

ANY = "any"
"""Written for all values and ``missing``."""
RECORDED = "recorded"
"""Written for all values without ``missing``."""

SHORTCUTS: dict[str, tuple[str, str]] = {
    "women": ("sex", "female"),
    "woman": ("sex", "female"),
    "female": ("sex", "female"),
    "men": ("sex", "male"),
    "man": ("sex", "male"),
    "male": ("sex", "male"),
    "human": ("species", "human"),
    "humans": ("species", "human"),
    "mice": ("species", "mouse"),
    "dogs": ("species", "dog"),
}
"""Words that are a whole criterion."""

_RANKED = frozenset(
    {"gleason", "isup", "bi_rads", "pi_rads", "ecog", "her2", "tnm_t", "tnm_n", "tnm_m", "stage_group"},
)
"""Vocabularies whose codes have a rank, so that ``gleason >= 7`` and ``stage 2..3`` make sense."""
_ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4}
_NUMBER = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*(?:t|mm|%|ng\s*/\s*ml|years?|yrs?|y|a)?", re.IGNORECASE)
_DASHED = re.compile(r"(\d+(?:\.\d+)?)\s*[-\u2013]\s*(\d+(?:\.\d+)?)")
_REGIONS = frozenset({"NECK", "CHEST", "ABDOMEN", "PELVIS"})


class Reading(NamedTuple):
    """The cells something was read as, and notes where they are not exactly what was written."""

    cells: tuple[str, ...]
    notes: tuple[str, ...] = ()


class Range(NamedTuple):
    """Numbers from ``low`` to ``high``; None is open. ``above`` and ``below`` exclude the bound itself."""

    low: float | None = None
    high: float | None = None
    above: bool = False
    below: bool = False


def criterion_named(text: str, position: Position | None = None) -> CriterionDefinition:
    """The criterion a person calls ``text``: its name, label or a synonym, in any case."""
    found = _names().get(folded(text))
    if found is None:
        suggestion = nearest(criterion_words(), text)
        raise QueryError(
            "query-unknown-criterion", f"“{text}” is no criterion", position=position, suggestion=suggestion
        )
    return CRITERIA[found]


def criterion_words() -> tuple[str, ...]:
    """Every word a criterion can be called by, for suggestions."""
    return tuple(dict.fromkeys(word for c in CRITERIA.values() for word in (c.text, *c.synonyms, c.label)))


@cache
def _names() -> dict[str, str]:
    return {folded(word): c.name for c in reversed(CRITERIA.values()) for word in (c.label, *c.synonyms, c.name)}


def value(definition: CriterionDefinition, text: str, position: Position | None = None) -> Reading:
    """The cells one written value stands for: a code, label, synonym, number, band, or ``any``, ``missing``."""
    name, word = definition.name, folded(text)
    if word in (ANY, RECORDED):
        every = recorded(definition)
        return Reading((*every, MISSING) if word == ANY else every)
    cell = lookup(name, text)
    bands = definition.bands
    if cell is not None:
        exact = bands is None or cell == MISSING or cell == re.sub(r"\s", "", text)
        return Reading((cell,), () if exact else _band_note(definition, text, (cell,)))
    if (numbers := _DASHED.fullmatch(text.strip())) and (bands or definition.values in _RANKED):
        return between(definition, Range(float(numbers[1]), float(numbers[2])), text, position)
    if bands and (number := _number(text)) is not None and number >= bands.edges[0]:
        cells = (bands.label_of(number),)
        return Reading(cells, _band_note(definition, text, cells))
    raise _unknown_value(definition, text, position)


def recorded(definition: CriterionDefinition) -> tuple[str, ...]:
    """The fewest values that are all values, without ``missing``."""
    least = cover(definition.name, domain(definition.name))
    return tuple(cell for cell in domain(definition.name) if cell in least)


def _band_note(definition: CriterionDefinition, text: str, cells: tuple[str, ...]) -> tuple[str, ...]:
    read_as = f"the band {cells[0]}" if len(cells) == 1 else f"the bands {cells[0]} … {cells[-1]}"
    return (f"{definition.text} {text} was read as {read_as}",)


def region_notes(definition: CriterionDefinition, cells: Iterable[str]) -> tuple[str, ...]:
    """What to know when a region of the trunk is asked for without the scans that state several regions at once."""
    asked = set(cells)
    if definition.values != "body_part" or "TRUNK" in asked or asked.isdisjoint(_REGIONS):
        return ()
    regions = " and ".join(sorted(cell.lower() for cell in asked & _REGIONS))
    return (f"{regions} leaves out scans that state several regions at once; to have them too, add “trunk”",)


def _number(text: str) -> float | None:
    found = _NUMBER.fullmatch(text.strip())
    return float(found[1]) if found else None


def _unknown_value(definition: CriterionDefinition, text: str, position: Position | None) -> QueryError:
    suggestion = nearest(words(definition.name), text)
    detail = f"“{text}” is no value of “{definition.text}”"
    return QueryError("query-unknown-value", detail, position=position, suggestion=suggestion)


def bound(definition: CriterionDefinition, text: str, position: Position | None = None) -> float:
    """The number in a comparison: ``50``, ``3T``, or the rank of a code (``T2``, ``stage II``)."""
    if definition.bands is None:
        if definition.values not in _RANKED:
            detail = f"“{definition.text}” is no number: name its values"
            raise QueryError("query-unknown-value", detail, position=position)
        cell = lookup(definition.name, text)
        number = None if cell in (None, MISSING) else rank(str(cell))
    else:
        number = _number(text)
    if number is None:
        raise QueryError("query-unknown-value", f"“{text}” is no number for “{definition.text}”", position=position)
    return number


def rank(code: str) -> float | None:
    """The number in a code: 7 for ``7``, 2 for ``T2a``, 3 for ``IIIB``; None for ``TX``."""
    if digits := re.search(r"\d+", code):
        return float(digits[0])
    roman = re.match(r"[IV]+", code)
    return float(_ROMAN[roman[0]]) if roman else None


def between(definition: CriterionDefinition, wanted: Range, text: str, position: Position | None = None) -> Reading:
    """The cells of a range, with a note if its bounds are no edges of bands. ``text``: how it was written."""
    if wanted.low is not None and wanted.high is not None and wanted.low > wanted.high:
        raise QueryError("query-unknown-value", f"“{text}” ends before it begins", position=position)
    bands = definition.bands
    if bands is None:
        cells = tuple(_ranked_cells(definition, wanted))
        exact = True
    else:
        cells, exact = _bands_within(bands, wanted)
    if not cells:
        raise QueryError("query-unknown-value", f"“{definition.text}” has no value in “{text}”", position=position)
    return Reading(cells, () if exact else _band_note(definition, text, cells))


def _ranked_cells(definition: CriterionDefinition, wanted: Range) -> Iterable[str]:
    if definition.values not in _RANKED:
        return
    for code in domain(definition.name):
        number = rank(code)
        if number is None:
            continue
        over = wanted.low is None or (number > wanted.low if wanted.above else number >= wanted.low)
        under = wanted.high is None or (number < wanted.high if wanted.below else number <= wanted.high)
        if over and under:
            yield code


def _bands_within(bands: Bands, wanted: Range) -> tuple[tuple[str, ...], bool]:
    """Labels of the bands nearest to the range, and whether its bounds are edges of bands."""
    edges = bands.edges
    ends = (*edges[1:], 2 * edges[-1] - edges[-2])
    low = edges[0] if wanted.low is None else wanted.low + (bands.step if wanted.above else 0)
    high = math.inf if wanted.high is None else wanted.high + (0 if wanted.below else bands.step)
    if high <= edges[0]:
        return (), True
    first = min(range(len(edges)), key=lambda i: abs(edges[i] - low))
    last = len(ends) - 1 if high > ends[-1] else min(range(len(ends)), key=lambda i: (abs(ends[i] - high), -i))
    if last < first:
        first = last = max(i for i in range(len(edges)) if edges[i] <= max(low, edges[0]))
    open_end = last == len(ends) - 1
    exact = (edges[first] == low or low < edges[0]) and (high == math.inf if open_end else ends[last] == high)
    return bands.labels[first : last + 1], exact
