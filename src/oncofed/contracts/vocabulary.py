"""The closed vocabularies: codes, their hierarchy, their labels, and every spelling that is read as one of them.

The tables stand in ``vocabularies/*.tsv`` (``code``, ``parent``, ``label``, ``synonyms`` separated by ``|``; lines that
begin with ``#`` name source, version and licence). They are read on first use and kept.

A row with the code ``missing`` lists spellings that are known to say nothing ("UNKNOWN", "0000"): *not recorded*.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from oncofed.contracts.criteria import CRITERIA, MISSING, CriterionDefinition, Term

VOCABULARY_VERSION = "2026.1"
"""Changes whenever a code or its place in a hierarchy changes: it is part of the key of every query."""

NOT_RECORDED = frozenset(
    {"missing", "unknown", "not recorded", "not available", "not known", "none", "null", "n a", "na"}
)
"""What people and files write, in any vocabulary, for *not recorded*."""

_SEPARATORS = re.compile(r"[\s_\-/,.;:\"'\u2019^()\[\]]+")


def folded(text: str) -> str:
    """``text`` as it is compared: lower case, punctuation and runs of spaces as one space (``+`` stays)."""
    return _SEPARATORS.sub(" ", text.casefold()).strip()


def vocabulary_names() -> tuple[str, ...]:
    """Names of all vocabularies, sorted."""
    return tuple(sorted({c.values for c in CRITERIA.values() if isinstance(c.values, str)}))


@cache
def _rows(name: str) -> tuple[Term, ...]:
    table = files("oncofed.contracts").joinpath("vocabularies", f"{name}.tsv").read_text(encoding="utf-8")
    lines = [line for line in table.splitlines() if line and not line.startswith("#")]
    cells = [[*line.split("\t"), "", "", ""][:4] for line in lines[1:]]
    return tuple(
        Term(code, label or code, parent, tuple(s for s in synonyms.split("|") if s))
        for code, parent, label, synonyms in cells
    )


@cache
def terms(name: str) -> Mapping[str, Term]:
    """The values of vocabulary ``name`` by code, in the order of its table; ``missing`` is not among them."""
    return MappingProxyType({term.code: term for term in _rows(name) if term.code != MISSING})


@cache
def ancestors(name: str, code: str) -> tuple[str, ...]:
    """The broader codes of ``code``, nearest first, without itself."""
    parent = terms(name)[code].parent
    return (parent, *ancestors(name, parent)) if parent else ()


@cache
def _closures(name: str) -> Mapping[str, frozenset[str]]:
    below: dict[str, set[str]] = {code: {code} for code in terms(name)}
    for code in terms(name):
        for broader in ancestors(name, code):
            below[broader].add(code)
    return {code: frozenset(codes) for code, codes in below.items()}


def descendants(name: str, code: str) -> frozenset[str]:
    """``code`` and every narrower code."""
    return _closures(name)[code]


@cache
def domain(criterion: str) -> tuple[str, ...]:
    """Every cell of ``criterion`` but ``missing``, in a stable order: vocabulary codes or band labels."""
    values = CRITERIA[criterion].values
    return tuple(terms(values)) if isinstance(values, str) else values.labels


def _hierarchy(definition: CriterionDefinition) -> str | None:
    return definition.values if definition.hierarchical and isinstance(definition.values, str) else None


def expand(criterion: str, values: Iterable[str]) -> frozenset[str]:
    """``values`` with all narrower codes where the criterion is hierarchical; ``missing`` stays as it is."""
    name = _hierarchy(CRITERIA[criterion])
    if name is None:
        return frozenset(values)
    return frozenset(code for value in values for code in (descendants(name, value) if value != MISSING else (value,)))


def cover(criterion: str, values: Iterable[str]) -> frozenset[str]:
    """The fewest codes that ``expand`` to the same cells as ``values``."""
    name, wanted = _hierarchy(CRITERIA[criterion]), frozenset(values)
    if name is None:
        return wanted
    return frozenset(v for v in wanted if v == MISSING or wanted.isdisjoint(ancestors(name, v)))


def roll_up(criterion: str, value: str) -> str:
    """The cell in which cubes, facets and breakdowns show ``value``: its top-level code.

    Diagnoses go to their OncoTree tissue, body parts to their region, T2a to T2; other values stay.
    """
    name = _hierarchy(CRITERIA[criterion])
    if name is None or value == MISSING:
        return value
    return (value, *ancestors(name, value))[-1]


@cache
def cells(criterion: str) -> tuple[str, ...]:
    """Every cell a cube or a breakdown of ``criterion`` has: rolled-up values in stable order, then ``missing``."""
    return (*dict.fromkeys(roll_up(criterion, value) for value in domain(criterion)), MISSING)


@cache
def _spellings(name: str) -> Mapping[str, str]:
    """Folded spelling → code. A code goes before a label, a label before a synonym, an earlier row before a later."""
    found: dict[str, str] = {}
    spelt: tuple[Callable[[Term], tuple[str, ...]], ...] = (
        lambda term: (term.code,),
        lambda term: (term.label,),
        lambda term: term.synonyms,
    )
    for spellings_of in spelt:
        for term in _rows(name):
            for spelling in spellings_of(term):
                found.setdefault(folded(spelling), term.code)
    for spelling in NOT_RECORDED:
        found.setdefault(spelling, MISSING)
    return found


def normalise(name: str, raw: str | None) -> str | None:
    """A spelling found in data as a code of vocabulary ``name``; None if it is absent, unknown, or says nothing."""
    code = _spellings(name).get(folded(raw)) if raw else None
    return None if code == MISSING else code


def knows(name: str, raw: str) -> bool:
    """``raw`` is a spelling listed in vocabulary ``name``, if only as one that says nothing."""
    return folded(raw) in _spellings(name)


def lookup(criterion: str, text: str) -> str | None:
    """What a person writes for a value (code, label, synonym, band, number; any case) as a cell; None if unknown."""
    definition = CRITERIA[criterion]
    if isinstance(definition.values, str):
        return _spellings(definition.values).get(folded(text))
    if folded(text) in NOT_RECORDED:
        return MISSING
    squeezed = re.sub(r"\s", "", text)
    if squeezed in definition.values.labels:
        return squeezed
    try:
        cell = definition.values.label_of(float(squeezed))
    except ValueError:
        return None
    return None if cell == MISSING else cell


def label(criterion: str, value: str) -> str:
    """The words for a cell: the label of its code, the band with its unit, or "not recorded"."""
    values = CRITERIA[criterion].values
    if value == MISSING:
        return "not recorded"
    if isinstance(values, str):
        return terms(values)[value].label
    return f"{value} {values.unit}".strip() if values.unit != "a" else value


def words(criterion: str) -> tuple[str, ...]:
    """Every word a value of ``criterion`` can be written as, for suggestions."""
    values = CRITERIA[criterion].values
    if not isinstance(values, str):
        return values.labels
    return tuple(dict.fromkeys(w for t in terms(values).values() for w in (t.label, t.code, *t.synonyms)))


def nearest(words: Iterable[str], text: str) -> str | None:
    """The one of ``words`` spelt most like ``text``; None if nothing is like it."""
    by_fold = {folded(word): word for word in reversed(tuple(words))}
    close = difflib.get_close_matches(folded(text), by_fold, n=1, cutoff=0.6)
    return by_fold[close[0]] if close else None
