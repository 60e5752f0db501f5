"""The grammar of the query text: from characters to clauses, each of which knows where it stood.

What the words mean is the business of ``contracts.query_text``.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken
from lark.exceptions import UnexpectedInput

from oncofed.contracts.errors import Position, QueryError

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


@dataclass(frozen=True)
class Words:
    """Words that stand together, or one quoted text. ``starts``: where each word begins."""

    text: str
    position: Position
    starts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Span:
    """Two numbers, either end open: ``50..70``."""

    low: float | None
    high: float | None
    text: str
    position: Position


@dataclass(frozen=True)
class Comparison:
    """A criterion and what it must be; ``negated`` by the comparison itself (``!=``, ``is not``, ``not in``)."""

    name: Words
    operator: str
    values: tuple[Words | Span, ...]
    negated: bool = False


@dataclass(frozen=True)
class TextGroup:
    """``same series (…)``, ``same study (…)``, or brackets alone (``same`` "")."""

    same: str
    clauses: "tuple[Clause, ...]"
    position: Position


Atom = Comparison | TextGroup | Words


@dataclass(frozen=True)
class Clause:
    """One part of a conjunction: what it says, and what “or” adds."""

    negated: bool
    atom: Atom
    alternatives: tuple[Atom, ...]


class _Finder(Transformer[Token, Any]):
    """Turns the tree into the classes above; every branch keeps where it stood."""

    def start(self, found: list[Any]) -> list[Clause]:
        return list(found[0]) if found else []

    def conj(self, found: list[Any]) -> tuple[Clause, ...]:
        return tuple(item for item in found if isinstance(item, Clause))

    def clause(self, found: list[Any]) -> Clause:
        negated = isinstance(found[0], Token)
        atoms = [item for item in found if not isinstance(item, Token)]
        return Clause(negated, atoms[0], tuple(atoms[1:]))

    def words(self, found: list[Token]) -> Words:
        if found[0].type == "STRING":
            return Words(found[0][1:-1], span_of(found[0].start_pos or 0, found[0]))
        starts = tuple(token.start_pos or 0 for token in found)
        return Words(" ".join(found), Position(starts[0], found[-1].end_pos or 0), starts)

    phrase = words

    def span(self, found: list[Token]) -> Span:
        text, start = str(found[0]), found[0].start_pos or 0
        low, high = text.replace("\u2026", "..").replace("...", "..").split("..")
        return Span(float(low) if low else None, float(high) if high else None, text, span_of(start, text))

    def group(self, found: list[Any]) -> TextGroup:
        same = str(found[0]).split()[-1].lower()
        return TextGroup(same, found[2], Position(found[0].start_pos or 0, found[3].end_pos or 0))

    def paren(self, found: list[Any]) -> TextGroup:
        return TextGroup("", found[1], Position(found[0].start_pos or 0, found[2].end_pos or 0))

    def refusal(self, found: list[Any]) -> Comparison:
        comparison: Comparison = found[1]
        return replace(comparison, negated=True)

    def compared(self, found: list[Any]) -> Comparison:
        symbol = _SYMBOLS.get(found[1], str(found[1]))
        return Comparison(found[0], "=" if symbol == "!=" else symbol, (found[2],), symbol == "!=")

    def stated(self, found: list[Any]) -> Comparison:
        return Comparison(found[0], "=", (found[-1],), len(found) == 4)

    def listed(self, found: list[Any]) -> Comparison:
        values = tuple(item for item in found[1:] if not isinstance(item, Token))
        negated = any(isinstance(item, Token) and item.type == "NOT" for item in found)
        return Comparison(found[0], "=", values, negated)

    def spanned(self, found: list[Any]) -> Comparison:
        return Comparison(found[0], "=", (found[1],))

    def enclosed(self, found: list[Any]) -> Comparison:
        return Comparison(found[0], "between", (found[2], found[4]))


@cache
def _grammar() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", transformer=_Finder(), propagate_positions=False)


def clauses_of(text: str) -> list[Clause]:
    """The clauses of ``text``, to be joined by AND; ``QueryError`` at the first character that fits no grammar."""
    try:
        return cast("list[Clause]", _grammar().parse(text))
    except UnexpectedInput as error:
        raise _syntax(text, error) from None


def _syntax(text: str, error: UnexpectedInput) -> QueryError:
    start: int | None = getattr(error, "pos_in_stream", None)
    if start is None or (isinstance(error, UnexpectedToken) and error.token.type == "$END"):
        return QueryError("query-syntax", f"the query ends too early{_hint(error)}", position=span_of(len(text), ""))
    if isinstance(error, UnexpectedCharacters):
        quote = text[start] in "\"'\u201c"
        detail = "a quotation mark is not closed" if quote else f"“{text[start]}” is not expected here"
        return QueryError("query-syntax", detail, position=span_of(start, text[start]))
    found = str(getattr(error, "token", ""))
    return QueryError("query-syntax", f"“{found}” is not expected here{_hint(error)}", position=span_of(start, found))


def _hint(error: UnexpectedInput) -> str:
    wanted = getattr(error, "accepts", None) or getattr(error, "expected", None) or ()
    hints = [words for token, words in _EXPECTED.items() if token in wanted]
    return f"; expected {' or '.join(hints)}" if hints else ""


def span_of(start: int, text: str) -> Position:
    """Where ``text`` stands that begins at ``start``."""
    return Position(start, start + len(text))
