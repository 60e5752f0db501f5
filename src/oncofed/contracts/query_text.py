"""The query text: a small language of plain words, read with positions kept for the errors.

    modality = MR and body part in (breast, chest) and age 50..70 and not sex = male and psa >= 10
    same series (modality = MR and field strength 2.5..3.5) and her2 is missing
    not diagnosis = lung cancer or missing

Words may be quoted; case does not matter; ``or`` joins values of one criterion.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken
from lark.exceptions import UnexpectedInput

from oncofed.contracts.canonical import check_place
from oncofed.contracts.criteria import CRITERIA, MISSING, CriterionDefinition
from oncofed.contracts.errors import Position, QueryError
from oncofed.contracts.query import Criterion, Group, Parsed, Part, Query
from oncofed.contracts.reading import (
    SHORTCUTS,
    Range,
    Reading,
    between,
    bound,
    criterion_named,
    criterion_words,
    recorded,
    region_notes,
    value,
)
from oncofed.contracts.vocabulary import folded, lookup, nearest

MAX_TEXT = 20_000
"""Characters; a longer text is refused before it is read."""

# In WORD: what a word cannot begin with, and what it cannot hold (a range such as 50..70 is no word).
_GRAMMAR = r"""
start: conj?
conj: clause (AND clause)*
clause: NOT? _atom (OR _alternative)*
_atom: comparison | group | paren | phrase
_alternative: comparison | group | paren | phrase | refusal
refusal: NOT comparison
group: SAME LPAR conj RPAR
paren: LPAR conj RPAR
comparison: words CMP _value        -> compared
    | words IS NOT? _value          -> stated
    | words IS? NOT? IN LPAR _value ((COMMA | OR) _value)* RPAR -> listed
    | words span                    -> spanned
    | words BETWEEN phrase AND phrase -> enclosed
_value: phrase | span
phrase: WORD+ | STRING
words: WORD+ | STRING
span: RANGE WORD?

SAME.5: /same\s+(series|study)\b/i
AND.4: /and\b|&&?/i
OR.4: /or\b|\|\|?/i
NOT.4: /not\b/i
IN.4: /in\b/i
IS.4: /is\b/i
BETWEEN.4: /between\b/i
RANGE.3: /(\d+(\.\d+)?\s*)?(\.\.\.?|\u2026)(\s*\d+(\.\d+)?)?/
CMP.3: />=|<=|!=|<>|==|=|<|>|\u2265|\u2264|\u2260|:/
STRING.3: /"[^"]*"|'[^']*'|\u201c[^\u201d]*\u201d/
WORD: /(?!')((?!\.\.)[^\s()=<>!,:"\u201c\u201d&|\u2026\u2264\u2265\u2260])+/
LPAR: "("
RPAR: ")"
COMMA: ","
%ignore /\s+/
"""

_EXPECTED = {
    "WORD": "a word",
    "CMP": "“=”",
    "RPAR": "“)”",
    "LPAR": "“(”",
    "AND": "“and”",
}
_SYMBOLS = {"==": "=", ":": "=", "<>": "!=", "\u2260": "!=", "\u2265": ">=", "\u2264": "<="}


def parse(text: str) -> Parsed:
    """The canonical query ``text`` says, with notes; ``QueryError`` points at what cannot be read."""
    if len(text) > MAX_TEXT:
        raise QueryError("query-too-large", f"the text is longer than {MAX_TEXT} characters")
    try:
        clauses = cast("list[_Clause]", _grammar().parse(text))
    except UnexpectedInput as error:
        raise _syntax(text, error) from None
    notes: list[str] = []
    query = Query(all=tuple(_parts(clauses, notes)))
    notes.extend(_two_numbers(query.all))
    return Parsed(query.canonical(), tuple(dict.fromkeys(notes)))


def _two_numbers(parts: Sequence[Part]) -> Iterator[str]:
    """“age >= 50 and age < 70” is met by a patient imaged at 45 and at 72: two claims, where a range is one."""
    named = [part.criterion for part in parts if isinstance(part, Criterion) and not part.negated]
    for name in dict.fromkeys(named):
        if CRITERIA[name].bands and named.count(name) > 1:
            yield f"the conditions on {CRITERIA[name].text} may be met by different values; a range (“low..high”) means one"
    for part in parts:
        if isinstance(part, Group) and part.same == "study":
            yield from _two_numbers(part.all)


def _syntax(text: str, error: UnexpectedInput) -> QueryError:
    start: int | None = getattr(error, "pos_in_stream", None)
    if start is None or (isinstance(error, UnexpectedToken) and error.token.type == "$END"):
        return QueryError("query-syntax", f"the query ends too early{_hint(error)}", position=_span(len(text), ""))
    if isinstance(error, UnexpectedCharacters):
        quote = text[start] in "\"'\u201c"
        detail = "a quotation mark is not closed" if quote else f"“{text[start]}” is not expected here"
        return QueryError("query-syntax", detail, position=_span(start, text[start]))
    found = str(getattr(error, "token", ""))
    return QueryError("query-syntax", f"“{found}” is not expected here{_hint(error)}", position=_span(start, found))


def _hint(error: UnexpectedInput) -> str:
    wanted = getattr(error, "accepts", None) or getattr(error, "expected", None) or ()
    hints = [words for token, words in _EXPECTED.items() if token in wanted]
    return f"; expected {' or '.join(hints)}" if hints else ""


def _span(start: int, text: str) -> Position:
    return Position(start, start + len(text))


# ---- what the grammar finds -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Words:
    """Words that stand together, or one quoted text. ``starts``: where each word begins."""

    text: str
    position: Position
    starts: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Span:
    low: float | None
    high: float | None
    text: str
    position: Position


@dataclass(frozen=True)
class _Comparison:
    name: _Words
    operator: str
    values: tuple[_Words | _Span, ...]
    negated: bool = False


@dataclass(frozen=True)
class _Group:
    same: str
    clauses: "tuple[_Clause, ...]"
    position: Position


_Atom = _Comparison | _Group | _Words


@dataclass(frozen=True)
class _Clause:
    negated: bool
    atom: _Atom
    alternatives: tuple[_Atom, ...]


class _Finder(Transformer[Token, Any]):
    """Turns the tree into the classes above; every branch keeps where it stood."""

    def start(self, found: list[Any]) -> list[_Clause]:
        return list(found[0]) if found else []

    def conj(self, found: list[Any]) -> tuple[_Clause, ...]:
        return tuple(item for item in found if isinstance(item, _Clause))

    def clause(self, found: list[Any]) -> _Clause:
        negated = isinstance(found[0], Token)
        atoms = [item for item in found if not isinstance(item, Token)]
        return _Clause(negated, atoms[0], tuple(atoms[1:]))

    def words(self, found: list[Token]) -> _Words:
        if found[0].type == "STRING":
            return _Words(found[0][1:-1], _span(found[0].start_pos or 0, found[0]))
        starts = tuple(token.start_pos or 0 for token in found)
        return _Words(" ".join(found), Position(starts[0], found[-1].end_pos or 0), starts)

    phrase = words

    def span(self, found: list[Token]) -> _Span:
        text, start = str(found[0]), found[0].start_pos or 0
        low, high = text.replace("\u2026", "..").replace("...", "..").split("..")
        return _Span(float(low) if low else None, float(high) if high else None, text, _span(start, text))

    def group(self, found: list[Any]) -> _Group:
        same = str(found[0]).split()[-1].lower()
        return _Group(same, found[2], Position(found[0].start_pos or 0, found[3].end_pos or 0))

    def paren(self, found: list[Any]) -> _Group:
        return _Group("", found[1], Position(found[0].start_pos or 0, found[2].end_pos or 0))

    def refusal(self, found: list[Any]) -> _Comparison:
        comparison: _Comparison = found[1]
        return replace(comparison, negated=True)

    def compared(self, found: list[Any]) -> _Comparison:
        symbol = _SYMBOLS.get(found[1], str(found[1]))
        return _Comparison(found[0], "=" if symbol == "!=" else symbol, (found[2],), symbol == "!=")

    def stated(self, found: list[Any]) -> _Comparison:
        return _Comparison(found[0], "=", (found[-1],), len(found) == 4)

    def listed(self, found: list[Any]) -> _Comparison:
        values = tuple(item for item in found[1:] if not isinstance(item, Token))
        negated = any(isinstance(item, Token) and item.type == "NOT" for item in found)
        return _Comparison(found[0], "=", values, negated)

    def spanned(self, found: list[Any]) -> _Comparison:
        return _Comparison(found[0], "=", (found[1],))

    def enclosed(self, found: list[Any]) -> _Comparison:
        return _Comparison(found[0], "between", (found[2], found[4]))


@cache
def _grammar() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", transformer=_Finder(), propagate_positions=False)


# ---- what it means --------------------------------------------------------------------------------------------------


def _parts(clauses: Sequence[_Clause], notes: list[str]) -> Iterator[Part]:
    for clause in _joined(clauses):
        yield from _clause(clause, notes)


def _joined(clauses: Sequence[_Clause]) -> Iterator[_Clause]:
    """Clauses with values such as “head and neck” put together again, which ``and`` had taken apart."""
    waiting: _Clause | None = None
    for clause in clauses:
        joined = _one_value(waiting, clause) if waiting else None
        if joined is None and waiting is not None:
            yield waiting
        waiting = joined or clause
    if waiting is not None:
        yield waiting


def _one_value(first: _Clause, second: _Clause) -> _Clause | None:
    atom, tail = first.atom, second.atom
    if not isinstance(atom, _Comparison) or not isinstance(tail, _Words) or first.alternatives or second.negated:
        return None
    head = atom.values[-1]
    if not isinstance(head, _Words) or folded(atom.name.text) not in _known_names():
        return None
    whole = _Words(f"{head.text} and {tail.text}", Position(head.position.start, tail.position.end))
    if lookup(criterion_named(atom.name.text).name, whole.text) is None:
        return None
    comparison = _Comparison(atom.name, atom.operator, (*atom.values[:-1], whole), atom.negated)
    return _Clause(first.negated, comparison, second.alternatives)


@cache
def _known_names() -> frozenset[str]:
    return frozenset(folded(word) for word in (*criterion_words(), *CRITERIA))


def _clause(clause: _Clause, notes: list[str]) -> list[Part]:
    if isinstance(clause.atom, _Group):
        return _grouped(clause, clause.atom, notes)
    if isinstance(clause.atom, _Words):
        atom: _Comparison = _shortcut(clause.atom)
    else:
        atom = clause.atom
    definition = criterion_named(atom.name.text, atom.name.position)
    negated = atom.negated != clause.negated
    cells = list(_cells(definition, atom, notes))
    or_missing = False
    for alternative in clause.alternatives:
        found = _alternative(definition, alternative, notes)
        if negated and found == (MISSING,):
            or_missing = True
        else:
            cells += found
    values = tuple(dict.fromkeys(cells))
    notes.extend(region_notes(definition, values))
    if negated and frozenset(values) == frozenset(recorded(definition)):
        return [Criterion(criterion=definition.name, values=(MISSING,))]
    return [Criterion(criterion=definition.name, values=values, negated=negated, or_missing=or_missing)]


def _shortcut(words: _Words) -> _Comparison:
    """“women”, or a criterion followed by its value without a sign: “stage II”, “field strength 3 T”."""
    if found := SHORTCUTS.get(folded(words.text)):
        name, cell = found
        return _Comparison(_Words(name, words.position), "=", (_Words(cell, words.position),))
    split = words.text.split(" ")
    for length in range(len(words.starts) - 1, 0, -1):
        head, tail = " ".join(split[:length]), " ".join(split[length:])
        if folded(head) in _known_names():
            start, between_them = words.starts[0], words.starts[length]
            name_words = _Words(head, _span(start, head))
            return _Comparison(name_words, "=", (_Words(tail, Position(between_them, words.position.end)),))
    raise _says_nothing(words)


def _says_nothing(words: _Words) -> QueryError:
    """Words without a comparison: a criterion without a value, or a value without its criterion."""
    if folded(words.text) in _known_names():
        detail = f"say what “{words.text}” must be, as in “{words.text} = …”"
        return QueryError("query-syntax", detail, position=words.position)
    homes = [name for name in ("diagnosis", "modality", "body_part", *CRITERIA) if _is_value(name, words.text)]
    if homes:
        suggestion = f"{CRITERIA[homes[0]].text} = {words.text}"
    else:
        suggestion = nearest((*criterion_words(), *SHORTCUTS), words.text) or ""
    detail = f"“{words.text}” alone says nothing"
    return QueryError("query-syntax", detail, position=words.position, suggestion=suggestion or None)


def _is_value(name: str, text: str) -> bool:
    return CRITERIA[name].bands is None and lookup(name, text) not in (None, MISSING)


def _alternative(definition: CriterionDefinition, atom: _Atom, notes: list[str]) -> tuple[str, ...]:
    if isinstance(atom, _Words):
        return _noted(value(definition, atom.text, atom.position), notes)
    if isinstance(atom, _Group):
        raise _across(atom.position)
    place = Position(atom.name.position.start, atom.values[-1].position.end)
    if criterion_named(atom.name.text, atom.name.position) is not definition or atom.negated:
        raise _across(place)
    return _cells(definition, atom, notes)


def _across(position: Position) -> QueryError:
    return QueryError("query-or-across-criteria", "“or” stands between different criteria here", position=position)


def _cells(definition: CriterionDefinition, atom: _Comparison, notes: list[str]) -> tuple[str, ...]:
    if atom.operator == "=":
        return tuple(cell for item in atom.values for cell in _one(definition, item, notes))
    numbers = [_limit(definition, item) for item in atom.values]
    written = [item.text for item in atom.values]
    place = Position(atom.name.position.start, atom.values[-1].position.end)
    if atom.operator == "between":
        reading = between(definition, Range(numbers[0], numbers[1]), "..".join(written), place)
    else:
        ranges = {
            ">": Range(low=numbers[0], above=True),
            ">=": Range(low=numbers[0]),
            "<": Range(high=numbers[0], below=True),
            "<=": Range(high=numbers[0]),
        }
        reading = between(definition, ranges[atom.operator], f"{atom.operator} {written[0]}", place)
    return _noted(reading, notes)


def _limit(definition: CriterionDefinition, item: _Words | _Span) -> float:
    if isinstance(item, _Span):
        raise QueryError("query-syntax", "a comparison needs one number, not a range", position=item.position)
    return bound(definition, item.text, item.position)


def _one(definition: CriterionDefinition, item: _Words | _Span, notes: list[str]) -> tuple[str, ...]:
    if isinstance(item, _Words):
        return _noted(value(definition, item.text, item.position), notes)
    return _noted(between(definition, Range(item.low, item.high), item.text, item.position), notes)


def _noted(reading: Reading, notes: list[str]) -> tuple[str, ...]:
    notes.extend(reading.notes)
    return reading.cells


def _grouped(clause: _Clause, atom: _Group, notes: list[str]) -> list[Part]:
    parts = [part for inner in _joined(atom.clauses) for part in _placed(inner, atom, notes)]
    or_missing = _or_missing(clause)
    if atom.same:
        group = {"same": atom.same, "all": tuple(parts), "negated": clause.negated, "or_missing": or_missing}
        return [Group.model_validate(group)]
    if not clause.negated:
        return parts
    if len(parts) > 1:
        raise QueryError(
            "query-or-across-criteria",
            "“not” before several criteria would join them by “or”",
            position=atom.position,
        )
    return [parts[0].model_copy(update={"negated": not parts[0].negated, "or_missing": or_missing})]


def _or_missing(clause: _Clause) -> bool:
    for alternative in clause.alternatives:
        if isinstance(alternative, _Words) and folded(alternative.text) == MISSING and clause.negated:
            continue
        position = alternative.name.position if isinstance(alternative, _Comparison) else alternative.position
        raise _across(position)
    return bool(clause.alternatives)


def _placed(clause: _Clause, group: _Group, notes: list[str]) -> list[Part]:
    parts = _clause(clause, notes)
    atom = clause.atom
    position = atom.name.position if isinstance(atom, _Comparison) else atom.position
    with _pointing_at(position):
        for part in parts if group.same else ():
            check_place(part, group.same)
    return parts


@contextmanager
def _pointing_at(position: Position) -> Iterator[None]:
    try:
        yield
    except QueryError as error:
        error.position = error.position or position
        raise
