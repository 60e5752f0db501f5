"""Expressions of a mapping as SQL: the value, when its source is not recorded, and what can be wrong with it.

Every name and constant is quoted here; nothing a mapping file says reaches DuckDB as SQL. What needs more than SQL
(code maps, vocabularies, units given row by row) is worked out once per distinct value and joined as a small table.
"""
# ruff: noqa: S608  (names and constants are quoted by the functions below)

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import duckdb

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import BadInput
from oncofed.contracts.vocabulary import domain, knows, nearest, normalise
from oncofed.prepare.mapping.codes import CODE_SHAPES, NOTHING, CodeMap
from oncofed.prepare.mapping.loading import Loaded
from oncofed.prepare.mapping.spec import Condition, Expression, Rule
from oncofed.prepare.mapping.units import UnitMismatch, conversion
from oncofed.warehouse.schema import Column
from oncofed.warehouse.sources.columns import column_values

TRUE = ("true", "yes", "y", "1", "t", "ja", "sì", "si", "oui")
FALSE = ("false", "no", "n", "0", "f", "nein", "non")


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A constant as SQL writes it."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


class Problem(NamedTuple):
    """A finding that rows can have: its code, the SQL that says which rows, and the SQL of what stands there."""

    code: str
    when: str
    column: str
    raw: str


@dataclass(frozen=True)
class Value:
    """SQL of a value (NULL where there is none) and of whether its source recorded anything at all."""

    sql: str
    recorded: str
    problems: tuple[Problem, ...] = ()


@dataclass
class Scope:
    """One rule's view of the source: its relation as ``r``, joined ones, and the value tables made on the way."""

    connection: duckdb.DuckDBPyConnection
    loaded: Loaded
    rule: Rule
    tables: dict[str, str]
    """Relation → name of its table in DuckDB."""
    columns: dict[str, dict[str, str]]
    """Relation → column as a mapping may write it (any case) → the column's name."""
    left: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Relation → further columns it has, to guess what was meant."""
    joins: list[str] = field(default_factory=list)
    where: str = "TRUE"
    """Which rows the rule takes."""
    made: int = 0

    @property
    def source(self) -> str:
        """The FROM clause so far."""
        return " ".join((f"{self.tables[self.rule.relation]} r", *self.joins))

    def column(self, name: str) -> str:
        """SQL of a column of the relation, or ``relation.column`` of a joined one."""
        own = self.columns[self.rule.relation]
        if found := own.get(name.casefold()):
            return f"r.{quoted(found)}"
        relation, _, inner = name.partition(".")
        for place, join in enumerate(self.rule.join):
            if join.relation == relation and (found := self.columns[relation].get(inner.casefold())):
                return f"j{place}.{quoted(found)}"
        hint = nearest((*own.values(), *self.left.get(self.rule.relation, ())), name)
        raise BadInput(
            "mapping-column-unknown",
            f"relation {self.rule.relation} has no column “{name}”{f'; did you mean “{hint}”?' if hint else ''}",
        )

    def open_joins(self) -> None:
        """Join the relations the rule asks for; each row finds at most one partner."""
        for place, join in enumerate(self.rule.join):
            there = self.columns[join.relation]
            keys = []
            for here, name in join.on.items():
                if name.casefold() not in there:
                    raise BadInput(
                        "mapping-column-unknown", f"relation {join.relation} has no column “{name}” to join by"
                    )
                keys.append((self.column(here), quoted(there[name.casefold()])))
            unique = ", ".join(name for _, name in keys)
            on = " AND ".join(f"{mine} = j{place}.{name}" for mine, name in keys)
            self.joins.append(
                f"LEFT JOIN (SELECT DISTINCT ON ({unique}) * FROM {self.tables[join.relation]} ORDER BY _row) j{place}"
                f" ON {on}"
            )

    def looked_up(self, sql: str, answer: Callable[[str], "Answer"]) -> str:
        """Join a table of what ``answer`` says about every distinct value of ``sql``; the table's alias."""
        alias = f"v{self.made}"
        self.made += 1
        name = f"value_{self.rule.relation}_{id(self)}_{alias}"
        distinct: list[str] = column_values(
            self.connection, f"SELECT DISTINCT {sql} AS v FROM {self.source} WHERE {sql} IS NOT NULL AND {self.where}"
        )
        answers = [answer(value) for value in distinct]
        self.connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE {quoted(name)} AS SELECT unnest($1::VARCHAR[]) AS source,
                unnest($2::VARCHAR[]) AS target, unnest($3::BOOLEAN[]) AS known, unnest($4::BOOLEAN[]) AS disputed,
                unnest($5::DOUBLE[]) AS factor, unnest($6::DOUBLE[]) AS shift, unnest($7::BOOLEAN[]) AS found""",
            [distinct, *(list(column) for column in zip(*answers, strict=True))] if answers else [[] for _ in range(7)],
        )
        self.joins.append(f"LEFT JOIN {quoted(name)} {alias} ON {alias}.source = {sql}")
        return alias


class Answer(NamedTuple):
    """What is known of one value: what it becomes, whether it is known, whether its code book is of two minds."""

    target: str | None
    known: bool
    disputed: bool = False
    factor: float | None = None
    shift: float | None = None
    found: bool = False
    """The source's OMOP vocabulary says so, not the mapping itself."""


def conditions_sql(tests: Sequence[Condition], column: Callable[[str], str]) -> str:
    """All of the conditions, as SQL that is true or false (never NULL)."""
    parts = [_condition_sql(test, column(test.column)) for test in tests]
    return " AND ".join(f"({part})" for part in parts) or "TRUE"


def _condition_sql(test: Condition, sql: str) -> str:
    if test.present is not None:
        return f"{sql} IS {'NOT ' if test.present else ''}NULL"
    if test.any_of is not None:
        listed = ", ".join(literal(value) for value in test.any_of)
        return f"coalesce(list_has_any(string_split({sql}, ' '), [{listed}]), FALSE)"
    negated = test.is_in is None
    listed = ", ".join(literal(value) for value in (test.not_in if negated else test.is_in) or ())
    if not listed:
        return "TRUE" if negated else "FALSE"
    return f"{sql} IS NULL OR {sql} NOT IN ({listed})" if negated else f"coalesce({sql} IN ({listed}), FALSE)"


def date_sql(sql: str, formats: Sequence[str]) -> str:
    """A date, or NULL: an ISO date-time by its day, else the first of the formats that fits."""
    day = f"CASE WHEN regexp_matches({sql}, '^\\d{{4}}-\\d\\d-\\d\\d[T ]') THEN left({sql}, 10) ELSE {sql} END"
    known = ", ".join(literal(one) for one in formats)
    return f"CAST(try_strptime({day}, [{known}]) AS DATE)"


DATE = "date of "
"""Before a column's name: the same column as a date, worked out once when the source is opened."""


def as_date(column: str) -> str:
    """SQL of a column of text → SQL of the same column as a date."""
    alias, _, name = column.partition(".")
    return f'{alias}."{DATE}{name[1:]}'


def compile_value(scope: Scope, expression: Expression, column: Column) -> Value:
    """The expression as a value for ``column`` of the model."""
    vocabulary = _vocabulary_of(scope, column)
    numeric = column.type not in ("VARCHAR", "BOOLEAN", "DATE")
    return _typed(_compiled(scope, _as_number(expression) if numeric else expression, vocabulary), column)


def _as_number(expression: Expression) -> Expression:
    """Columns that nothing else is said about, read as numbers: with the source's decimal sign."""
    if expression.first or expression.sum:
        parts = {name: tuple(map(_as_number, getattr(expression, name))) for name in ("first", "sum")}
        return expression.model_copy(update=parts if expression.map is None else {})
    ways = (expression.map, expression.vocabulary, expression.codes, expression.read)
    plain = expression.column is not None and all(way is None for way in ways)
    return expression.model_copy(update={"read": "number"}) if plain else expression


def _stepped(value: Value, expression: Expression, criterion: str) -> Value:
    """A number as the code of the greatest bound it reaches; below the first it is out of range."""
    if not expression.steps:
        return value
    bounds = sorted(expression.steps)
    if criterion and (strange := set(expression.steps.values()) - set(domain(criterion))):
        raise BadInput("mapping-invalid", f"steps lead to “{min(strange)}”, which is no code of {criterion}")
    number = f"CAST({value.sql} AS DOUBLE)"
    cases = " ".join(
        f"WHEN {number} >= {bound!r} THEN {literal(expression.steps[bound])}" for bound in reversed(bounds)
    )
    below = Problem("number-out-of-range", f"coalesce({number} < {bounds[0]!r}, FALSE)", *_place_of(value))
    return replace(value, sql=f"CASE {cases} END", problems=(*value.problems, below))


def _place_of(value: Value) -> tuple[str, str]:
    """Column and raw SQL that findings about a value name."""
    first = next(iter(value.problems), None)
    return (first.column, first.raw) if first else ("", "")


def _vocabulary_of(scope: Scope, column: Column) -> str:
    """The criterion whose vocabulary the column's values are of, or ""."""
    if column.criterion:
        return column.criterion
    observed = {"observation": "value_code", "cancer_stage": "value"}
    if scope.rule.criterion and column.name in observed.values() and CRITERIA[scope.rule.criterion].bands is None:
        return scope.rule.criterion
    return ""


def _compiled(scope: Scope, expression: Expression, criterion: str) -> Value:
    return _stepped(_unstepped(scope, expression, criterion), expression, criterion)


def _unstepped(scope: Scope, expression: Expression, criterion: str) -> Value:
    if expression.value is not None:
        if criterion and CRITERIA[criterion].bands is None and str(expression.value) not in domain(criterion):
            raise BadInput("mapping-invalid", f"“{expression.value}” is no code of {criterion}")
        return Value(literal(expression.value), "FALSE")
    if expression.first or expression.sum:
        return _joined(scope, expression, criterion)
    raw = scope.column(expression.column or "")
    name = expression.column or ""
    if expression.map is not None:
        return _mapped(scope, raw, name, scope.loaded.code_maps[expression.map], criterion)
    direct = expression.codes is not None or bool(expression.steps)
    if expression.vocabulary is not None or (criterion and not direct):
        values = expression.vocabulary or str(CRITERIA[criterion].values)
        return _spelt(scope, raw, name, values)
    return _read_directly(scope, expression, raw, name)


def _joined(scope: Scope, expression: Expression, criterion: str) -> Value:
    inner = "" if expression.map or expression.steps else criterion
    parts = [_compiled(scope, part, inner) for part in expression.first or expression.sum]
    problems = tuple(problem for part in parts for problem in part.problems)
    if expression.first:
        sql = f"coalesce({', '.join(part.sql for part in parts)})"
        recorded = " OR ".join(f"({part.recorded})" for part in parts)
    else:
        sql = " + ".join(f"CAST({part.sql} AS DOUBLE)" for part in parts)
        recorded = " AND ".join(f"({part.recorded})" for part in parts)
    joined = Value(f"({sql})", f"({recorded})", problems)
    if expression.map is None:
        return joined
    text = f"CAST({joined.sql} AS VARCHAR)"
    name = " and ".join(dict.fromkeys(expression.columns))
    mapped = _mapped(scope, text, name, scope.loaded.code_maps[expression.map], criterion)
    return replace(mapped, problems=(*problems, *mapped.problems))


def _mapped(scope: Scope, raw: str, name: str, code_map: CodeMap, criterion: str) -> Value:
    allowed = frozenset(domain(criterion)) if criterion else None
    targets = {row.target for row in code_map.rows} - {NOTHING}
    if allowed is not None and targets and allowed.isdisjoint(targets):
        raise BadInput("mapping-invalid", f"a code map leads to “{min(targets)}”, which is no code of {criterion}")

    def answer(value: str) -> Answer:
        target = code_map.target(value)
        if target is None or target == NOTHING:
            return Answer(None, target == NOTHING, code_map.is_disputed(value))
        if allowed is not None and target not in allowed:
            return Answer(None, False)
        return Answer(target, True, code_map.is_disputed(value), found=value in code_map.found)

    return _answered(scope, raw, name, answer)


def _spelt(scope: Scope, raw: str, name: str, vocabulary: str) -> Value:
    return _answered(scope, raw, name, lambda value: Answer(normalise(vocabulary, value), knows(vocabulary, value)))


def _answered(scope: Scope, raw: str, name: str, answer: Callable[[str], Answer]) -> Value:
    alias = scope.looked_up(raw, answer)
    return Value(
        f"{alias}.target",
        f"({raw} IS NOT NULL AND ({alias}.target IS NOT NULL OR NOT {alias}.known))",
        (
            Problem("value-unmapped", f"{raw} IS NOT NULL AND NOT {alias}.known", name, raw),
            Problem("value-disputed", f"coalesce({alias}.disputed, FALSE)", name, raw),
            Problem("concept-found", f"coalesce({alias}.found, FALSE)", name, raw),
        ),
    )


def _read_directly(scope: Scope, expression: Expression, raw: str, name: str) -> Value:
    if expression.codes is not None:
        shape = f"regexp_full_match({raw}, {literal(CODE_SHAPES[expression.codes])})"
        return Value(
            f"CASE WHEN {shape} THEN {raw} END",
            f"{raw} IS NOT NULL",
            (Problem("code-malformed", f"{raw} IS NOT NULL AND NOT {shape}", name, raw),),
        )
    if expression.read in ("offset", "year", "age", "days"):
        return _dated(scope, expression, raw, name)
    if expression.read == "boolean":
        return _boolean(raw, name)
    limits = (expression.minimum, expression.maximum, expression.cap, expression.nothing)
    numeric = expression.read == "number" or expression.to or expression.steps
    if numeric or any(limit is not None for limit in limits):
        return _number(scope, expression, raw, name)
    return Value(raw, f"{raw} IS NOT NULL")


def _boolean(raw: str, name: str) -> Value:
    truth, false = (", ".join(literal(word) for word in words) for words in (TRUE, FALSE))
    sql = f"CASE WHEN lower({raw}) IN ({truth}) THEN TRUE WHEN lower({raw}) IN ({false}) THEN FALSE END"
    return Value(
        sql, f"{raw} IS NOT NULL", (Problem("value-unmapped", f"{raw} IS NOT NULL AND ({sql}) IS NULL", name, raw),)
    )


def _dated(scope: Scope, expression: Expression, raw: str, name: str) -> Value:
    date = as_date(raw)
    year = f"CASE WHEN regexp_full_match({raw}, '\\d{{4}}') THEN CAST({raw} AS INTEGER) ELSE year({date}) END"
    if expression.read == "year":
        unread = Problem("date-unreadable", f"{raw} IS NOT NULL AND ({year}) IS NULL", name, raw)
        return Value(f"({year})", f"{raw} IS NOT NULL", (unread,))
    unread = Problem("date-unreadable", f"{raw} IS NOT NULL AND {date} IS NULL", name, raw)
    if expression.read == "days":
        return _days(scope, expression, raw, unread)
    if expression.read == "age":
        return _age(scope, expression, raw, Problem("date-unreadable", unread.when, name, raw))
    lost = Problem("date-without-index", f"{date} IS NOT NULL AND i.day IS NULL", name, raw)
    return Value(f"date_diff('day', i.day, {date})", f"{raw} IS NOT NULL", (unread, lost))


def _days(scope: Scope, expression: Expression, raw: str, unread: Problem) -> Value:
    """Days from one date to another."""
    at = scope.column(expression.at or "")
    days = f"date_diff('day', {as_date(raw)}, {as_date(at)})"
    if expression.nothing is not None:
        days = f"nullif({days}, {int(expression.nothing)})"
    wrong = f"{raw} IS NOT NULL AND {at} IS NOT NULL"
    unread = unread._replace(when=f"{wrong} AND ({as_date(raw)} IS NULL OR {as_date(at)} IS NULL)")
    return Value(f"({days})", f"({wrong} AND {days} IS NOT NULL)", (unread,))


def _age(scope: Scope, expression: Expression, raw: str, unread: Problem) -> Value:
    """Completed years and tenths between two dates; whole years where only years are given."""
    at = scope.column(expression.at or "")
    days = f"date_diff('day', {as_date(raw)}, {as_date(at)})"
    years = f"TRY_CAST(left({at}, 4) AS INTEGER) - TRY_CAST(left({raw}, 4) AS INTEGER)"
    age = f"coalesce(floor({days} / 36.525) / 10, CASE WHEN regexp_full_match({raw}, '\\d{{4}}') THEN {years} END)"
    age = _capped(age, expression.cap) if expression.cap is not None else age
    wrong = f"{raw} IS NOT NULL AND {at} IS NOT NULL"
    return Value(
        f"CASE WHEN {age} >= 0 THEN {age} END",
        f"({wrong})",
        (
            Problem("date-unreadable", f"{wrong} AND {age} IS NULL", unread.column, raw),
            Problem("number-out-of-range", f"{wrong} AND {age} < 0", unread.column, raw),
        ),
    )


def _number(scope: Scope, expression: Expression, raw: str, name: str) -> Value:
    text = f"replace({raw}, ',', '.')" if scope.loaded.mapping.source.decimal == "," else raw
    number = f"TRY_CAST({text} AS DOUBLE)"
    if expression.nothing is not None:
        raw = f"(CASE WHEN {number} IS DISTINCT FROM {expression.nothing!r} THEN {raw} END)"
        number = f"nullif({number}, {expression.nothing!r})"
    number = f"CASE WHEN isfinite({number}) THEN {number} END"
    problems = [Problem("number-unreadable", f"{raw} IS NOT NULL AND ({number}) IS NULL", name, raw)]
    converted = number
    if expression.unit_column:
        converted = _by_row(scope, expression, number, problems, (raw, name))
    elif expression.unit and expression.to:
        factor, shift = _fixed(expression.unit, expression.to)
        converted = f"(({number}) * {factor!r} + {shift!r})" if (factor, shift) != (1.0, 0.0) else number
    bounds = [f"({converted}) < {expression.minimum!r}"] if expression.minimum is not None else []
    bounds += [f"({converted}) > {expression.maximum!r}"] if expression.maximum is not None else []
    if bounds:
        outside = " OR ".join(bounds)
        problems.append(Problem("number-out-of-range", f"coalesce({outside}, FALSE)", name, raw))
        converted = f"CASE WHEN NOT ({outside}) THEN {converted} END"
    if expression.cap is not None:
        converted = _capped(converted, expression.cap)
    return Value(f"({converted})", f"{raw} IS NOT NULL", tuple(problems))


def _capped(number: str, cap: float) -> str:
    """At most ``cap`` (``least`` would make a number of NULL)."""
    return f"CASE WHEN {number} > {cap!r} THEN {cap!r} ELSE {number} END"


def _fixed(unit: str, to: str) -> tuple[float, float]:
    try:
        return conversion(unit, to)
    except UnitMismatch as error:
        raise BadInput("mapping-invalid", f"the unit {error}") from error


def _by_row(scope: Scope, expression: Expression, number: str, problems: list[Problem], place: tuple[str, str]) -> str:
    """Conversion by the unit that stands beside each number; without one, the mapping's own ``unit``."""
    to, usual = expression.to or "", expression.unit

    def answer(unit: str) -> Answer:
        try:
            return Answer(None, True, False, *conversion(unit, to))
        except UnitMismatch:
            return Answer(None, False)

    raw, _ = place
    unit = scope.column(expression.unit_column or "")
    alias = scope.looked_up(unit, answer)
    factor, shift = _fixed(usual, to) if usual else (None, None)
    given = f"{unit} IS NULL" if usual else "FALSE"
    problems.append(
        Problem(
            "unit-unknown",
            f"{raw} IS NOT NULL AND {alias}.factor IS NULL AND NOT ({given})",
            expression.unit_column or "",
            unit,
        )
    )
    usually = f"WHEN {given} THEN ({number}) * {factor!r} + {shift!r}" if usual else ""
    return f"(CASE WHEN {alias}.factor IS NOT NULL THEN ({number}) * {alias}.factor + {alias}.shift {usually} END)"


def _typed(value: Value, column: Column) -> Value:
    """The value in the column's type; what does not fit is a finding, not an error."""
    if column.type == "VARCHAR":
        return replace(value, sql=f"CAST({value.sql} AS VARCHAR)")
    sql = f"TRY_CAST({value.sql} AS {column.type})"
    if column.type in ("DOUBLE", "REAL"):
        sql = f"CASE WHEN isfinite({sql}) THEN {sql} END"
    if value.recorded == "FALSE":
        return replace(value, sql=sql)
    own = value.problems[0] if value.problems else None
    raw = own.raw if own else value.sql
    reported = " OR ".join(f"({problem.when})" for problem in value.problems) or "FALSE"
    unfit = f"({value.recorded}) AND ({sql}) IS NULL AND NOT ({reported})"
    name = own.column if own else value.sql.rpartition(".")[2].strip('")')
    return replace(value, sql=sql, problems=(*value.problems, Problem("number-unreadable", unfit, name, raw)))
