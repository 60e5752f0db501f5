"""The query text: a small language of plain words, read with positions kept for the errors.

    modality = MR and body part in (breast, chest) and age 50..70 and not sex = male and psa >= 10
    same series (modality = MR and field strength 2.5..3.5) and her2 is missing
    not diagnosis = lung cancer or missing

Words may be quoted; case does not matter; ``or`` joins values of one criterion.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from oncofed.contracts.canonical import check_place
from oncofed.contracts.criteria import CRITERIA, MISSING, CriterionDefinition
from oncofed.contracts.errors import Position, QueryError
from oncofed.contracts.query import Criterion, Group, Parsed, Part, Query
from oncofed.contracts.query_grammar import Atom, Clause, Comparison, Span, TextGroup, Words, clauses_of, span_of
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


def parse(text: str) -> Parsed:
    """The canonical query ``text`` says, with notes; ``QueryError`` points at what cannot be read."""
    if len(text) > MAX_TEXT:
        raise QueryError("query-too-large", f"the text is longer than {MAX_TEXT} characters")
    notes: list[str] = []
    query = Query(all=tuple(_parts(clauses_of(text), notes)))
    notes.extend(_two_numbers(query.all))
    return Parsed(query.canonical(), tuple(dict.fromkeys(notes)))


def _two_numbers(parts: Sequence[Part]) -> Iterator[str]:
    """“age >= 50 and age < 70” is met by a patient imaged at 45 and at 72: two claims, where a range is one."""
    named = [part.criterion for part in parts if isinstance(part, Criterion) and not part.negated]
    for name in dict.fromkeys(named):
        if CRITERIA[name].bands and named.count(name) > 1:
            yield (
                f"the conditions on {CRITERIA[name].text} may be met by different values; "
                "a range (“low..high”) means one"
            )
    for part in parts:
        if isinstance(part, Group) and part.same == "study":
            yield from _two_numbers(part.all)


def _parts(clauses: Sequence[Clause], notes: list[str]) -> Iterator[Part]:
    for clause in _joined(clauses):
        yield from _clause(clause, notes)


def _joined(clauses: Sequence[Clause]) -> Iterator[Clause]:
    """Clauses with values such as “head and neck” put together again, which ``and`` had taken apart."""
    waiting: Clause | None = None
    for clause in clauses:
        joined = _one_value(waiting, clause) if waiting else None
        if joined is None and waiting is not None:
            yield waiting
        waiting = joined or clause
    if waiting is not None:
        yield waiting


def _one_value(first: Clause, second: Clause) -> Clause | None:
    atom, tail = first.atom, second.atom
    if not isinstance(atom, Comparison) or not isinstance(tail, Words) or first.alternatives or second.negated:
        return None
    head = atom.values[-1]
    if not isinstance(head, Words) or folded(atom.name.text) not in _known_names():
        return None
    whole = Words(f"{head.text} and {tail.text}", Position(head.position.start, tail.position.end))
    if lookup(criterion_named(atom.name.text).name, whole.text) is None:
        return None
    comparison = Comparison(atom.name, atom.operator, (*atom.values[:-1], whole), atom.negated)
    return Clause(first.negated, comparison, second.alternatives)


@cache
def _known_names() -> frozenset[str]:
    return frozenset(folded(word) for word in (*criterion_words(), *CRITERIA))


def _clause(clause: Clause, notes: list[str]) -> list[Part]:
    if isinstance(clause.atom, TextGroup):
        return _grouped(clause, clause.atom, notes)
    if isinstance(clause.atom, Words):
        atom: Comparison = _shortcut(clause.atom)
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


def _shortcut(words: Words) -> Comparison:
    """“women”, or a criterion followed by its value without a sign: “stage II”, “field strength 3 T”."""
    if found := SHORTCUTS.get(folded(words.text)):
        name, cell = found
        return Comparison(Words(name, words.position), "=", (Words(cell, words.position),))
    split = words.text.split(" ")
    for length in range(len(words.starts) - 1, 0, -1):
        head, tail = " ".join(split[:length]), " ".join(split[length:])
        if folded(head) in _known_names():
            start, between_them = words.starts[0], words.starts[length]
            name_words = Words(head, span_of(start, head))
            return Comparison(name_words, "=", (Words(tail, Position(between_them, words.position.end)),))
    raise _says_nothing(words)


def _says_nothing(words: Words) -> QueryError:
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


def _alternative(definition: CriterionDefinition, atom: Atom, notes: list[str]) -> tuple[str, ...]:
    if isinstance(atom, Words):
        return _noted(value(definition, atom.text, atom.position), notes)
    if isinstance(atom, TextGroup):
        raise _across(atom.position)
    place = Position(atom.name.position.start, atom.values[-1].position.end)
    if criterion_named(atom.name.text, atom.name.position) is not definition or atom.negated:
        raise _across(place)
    return _cells(definition, atom, notes)


def _across(position: Position) -> QueryError:
    return QueryError("query-or-across-criteria", "“or” stands between different criteria here", position=position)


def _cells(definition: CriterionDefinition, atom: Comparison, notes: list[str]) -> tuple[str, ...]:
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


def _limit(definition: CriterionDefinition, item: Words | Span) -> float:
    if isinstance(item, Span):
        raise QueryError("query-syntax", "a comparison needs one number, not a range", position=item.position)
    return bound(definition, item.text, item.position)


def _one(definition: CriterionDefinition, item: Words | Span, notes: list[str]) -> tuple[str, ...]:
    if isinstance(item, Words):
        return _noted(value(definition, item.text, item.position), notes)
    return _noted(between(definition, Range(item.low, item.high), item.text, item.position), notes)


def _noted(reading: Reading, notes: list[str]) -> tuple[str, ...]:
    notes.extend(reading.notes)
    return reading.cells


def _grouped(clause: Clause, atom: TextGroup, notes: list[str]) -> list[Part]:
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


def _or_missing(clause: Clause) -> bool:
    for alternative in clause.alternatives:
        if isinstance(alternative, Words) and folded(alternative.text) == MISSING and clause.negated:
            continue
        position = alternative.name.position if isinstance(alternative, Comparison) else alternative.position
        raise _across(position)
    return bool(clause.alternatives)


def _placed(clause: Clause, group: TextGroup, notes: list[str]) -> list[Part]:
    parts = _clause(clause, notes)
    atom = clause.atom
    position = atom.name.position if isinstance(atom, Comparison) else atom.position
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
