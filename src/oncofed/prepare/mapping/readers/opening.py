"""Opening a source: which reader takes it, and what every relation looks like afterwards."""
# ruff: noqa: S608  (names and constants are quoted)

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import duckdb

from oncofed.contracts.errors import BadInput
from oncofed.prepare.mapping.concepts import settled
from oncofed.prepare.mapping.expressions import DATE, conditions_sql, date_sql, quoted
from oncofed.prepare.mapping.loading import Loaded
from oncofed.prepare.mapping.readers.database import Database, connected
from oncofed.prepare.mapping.readers.eform import read_eform
from oncofed.prepare.mapping.readers.fhir import read_fhir
from oncofed.prepare.mapping.readers.raw import Pick, Raw, drop, is_view
from oncofed.prepare.mapping.readers.tables import Files, nothing_sql
from oncofed.prepare.mapping.spec import Mapping, Relation

_WHOLE = {"fhir": read_fhir, "eform": read_eform}
"""Formats whose relations all come out of the same files."""
Copy = Callable[[str, Relation, Pick], tuple[str, ...] | None]
"""Makes ``raw_<name>`` of a relation and says which of its columns it left; None: there is no such relation."""
_OF_ANOTHER_SHAPE = (
    ValueError, TypeError, LookupError, AttributeError, RuntimeError, duckdb.ProgrammingError, duckdb.DataError,
)  # fmt: skip
"""What a reader raises on a document whose parts are other things than they should be."""


@dataclass
class Opened:
    """The source's relations: name → table in DuckDB, rows, columns (folded name → name)."""

    tables: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    left: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Relation → columns that no rule names and that were not read."""
    unread: dict[str, int] = field(default_factory=dict)
    """Kind of thing in the source (a FHIR resource type) that nothing reads → how many."""


def open_source(
    connection: duckdb.DuckDBPyConnection, loaded: Loaded, source: Path | Database
) -> tuple[Loaded, Opened]:
    """Read every relation the mapping names; the mapping with what the source's vocabulary adds to its code maps.

    Raises ``source-unreadable``, ``mapping-relation-missing``, and for databases what ``readers.database`` raises.
    """
    mapping = loaded.mapping
    opened = Opened()
    with _copying(connection, mapping, source) as copy:
        raw = _read(connection, mapping, source, copy)
        needed = mapping.columns_needed()
        opened.unread = raw.unread
        for name, relation in mapping.source.relations.items():
            if relation.row_of:
                continue
            if name not in raw.tables and not relation.optional:
                raise BadInput("mapping-relation-missing", f"the source has no relation “{name}”{_where(relation)}")
            left = _normalise(connection, mapping, name, raw.tables.get(name, ""), needed[name])
            if mapping.source.format != "fhir":  # FHIR's columns are ours: that one is not used says nothing
                opened.left[name] = (*left, *raw.left.get(name, ()))
            _register(connection, opened, name)
        loaded = settled(connection, loaded, opened.tables, copy)
    for name in _in_order(mapping.source.relations):
        _derive(connection, loaded.mapping.source.relations[name], name, opened)
        _register(connection, opened, name)
    return loaded, opened


@contextmanager
def _copying(connection: duckdb.DuckDBPyConnection, mapping: Mapping, source: Path | Database) -> Iterator[Copy]:
    """What copies a relation of the source into DuckDB."""
    if isinstance(source, Database):
        if mapping.source.format in _WHOLE:
            raise BadInput("source-unreadable", f"the mapping reads {mapping.source.format}, which no database holds")
        with connected(source) as tables:
            yield partial(tables.copy, connection)
        return
    if not source.exists():
        raise BadInput("source-unreadable", "there is no such file or folder")
    folder = source / mapping.source.folder
    yield Files(connection, mapping.source, folder if folder.is_dir() else source).copy


def _read(connection: duckdb.DuckDBPyConnection, mapping: Mapping, source: Path | Database, copy: Copy) -> Raw:
    reader = _WHOLE.get(mapping.source.format)
    if reader is not None and isinstance(source, Path):
        try:
            return reader(connection, mapping.source, source)
        except _OF_ANOTHER_SHAPE as error:
            raise BadInput(
                "source-unreadable", f"{source.name} is not of the shape that {mapping.source.format} has"
            ) from error
    raw, needed = Raw(), mapping.columns_needed()
    for name, relation in mapping.source.relations.items():
        if relation.row_of:
            continue
        left = copy(name, relation, Pick(frozenset(one.casefold() for one in needed[name])))
        if left is not None:
            raw.tables[name], raw.left[name] = f"raw_{name}", left
    return raw


def _where(relation: Relation) -> str:
    place = relation.file or relation.sheet or relation.table
    return f" ({place})" if place else ""


def _normalise(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, name: str, raw: str, needed: Collection[str]
) -> tuple[str, ...]:
    """``source_<name>``: trimmed text, NULL for what says nothing, absent columns that may be absent as NULL.

    Only columns that are needed; the others are returned.
    """
    relation = mapping.source.relations[name]
    there = [one for one, *_ in connection.execute(f"DESCRIBE {quoted(raw)}").fetchall()] if raw else []
    exact = is_view(connection, raw)
    wanted = {one.casefold() for one in needed}
    columns = {
        one: _recorded(quoted(one), mapping, exact=exact) for one in there if one != "_row" and one.casefold() in wanted
    }
    folded = {one.casefold() for one in there}
    may_lack = {one.casefold() for one in relation.optional_columns}
    anything = (relation.optional and not raw) or "*" in relation.optional_columns
    for one in sorted(needed):
        if one.casefold() not in folded and (anything or one.casefold() in may_lack):
            columns[one] = "CAST(NULL AS VARCHAR)"
    dates = mapping.dates_needed()[name]
    listed = "".join(f", {sql} AS {quoted(one)}" for one, sql in columns.items())
    dated = "".join(
        f", {date_sql(quoted(one), mapping.source.dates)} AS {quoted(DATE + one)}"
        for one in columns
        if one.casefold() in dates
    )
    source = f"FROM (SELECT row_number() OVER () AS _row, * FROM {quoted(raw)})" if raw else "WHERE FALSE"
    row = "_row" if raw else "CAST(0 AS BIGINT)"
    filled = f"WHERE NOT ({' AND '.join(_empty(quoted(one)) for one in there)})" if raw else ""
    try:
        connection.execute(
            f"""CREATE TABLE {quoted(f"source_{name}")} AS
                SELECT *{dated} FROM (SELECT {row} AS _row{listed} {source} {filled})"""
        )
    except duckdb.InvalidInputException as error:
        place = (
            f"{name} cannot be read as text of the encoding and columns it should have, or a format of dates is none"
        )
        raise BadInput("source-unreadable", f"relation {place}") from error
    if raw:
        drop(connection, raw)
    return tuple(one for one in there if one.casefold() not in wanted)


def _empty(column: str) -> str:
    """SQL: the cell is empty. A row of empty cells (they stand at the end of many files) is no row."""
    return f"({column} IS NULL OR {column} = '')"


def _recorded(column: str, mapping: Mapping, *, exact: bool) -> str:
    """SQL: the text without spaces around it, NULL for what says nothing; ``exact``: the reader has done the latter."""
    slow = f"CASE WHEN trim({column}) NOT IN ({nothing_sql(mapping.source)}) THEN trim({column}) END"
    return f"CASE WHEN trim({column}) = {column} THEN {column} ELSE {slow} END" if exact else slow


def _register(connection: duckdb.DuckDBPyConnection, opened: Opened, name: str) -> None:
    table = quoted(f"source_{name}")
    described = connection.execute(f"DESCRIBE {table}").fetchall()
    names = [one for one, *_ in described if one != "_row" and not one.startswith(DATE)]
    ((rows,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    opened.tables[name], opened.rows[name] = table, rows
    opened.columns[name] = {one.casefold(): one for one in names}


def _in_order(relations: dict[str, Relation]) -> list[str]:
    """Derived relations, each after the one it is made of (there are no cycles: ``load_mapping`` refuses them)."""
    ordered: list[str] = []

    def add(name: str) -> None:
        if relations[name].row_of and name not in ordered:
            add(relations[name].row_of)
            ordered.append(name)

    for name in relations:
        add(name)
    return ordered


def _derive(connection: duckdb.DuckDBPyConnection, relation: Relation, name: str, opened: Opened) -> None:
    """Rows of another relation that satisfy the conditions, one a group if it is grouped."""
    columns = opened.columns[relation.row_of]

    def column(wanted: str) -> str:
        if wanted.casefold() not in columns:
            raise BadInput("mapping-column-unknown", f"relation {relation.row_of} has no column “{wanted}”")
        return quoted(columns[wanted.casefold()])

    where = conditions_sql(relation.when, column)
    source = opened.tables[relation.row_of]
    group = [column(one) for one in relation.group]
    every = [one for one, *_ in connection.execute(f"DESCRIBE {source}").fetchall() if one != "_row"]
    firsts = [f"arg_min({quoted(one)}, _row) AS {quoted(one)}" for one in every if quoted(one) not in group]
    listed = ", ".join(("min(_row) AS _row", *group, *firsts)) if group else "*"
    tail = f" GROUP BY {', '.join(group)} ORDER BY 1" if group else ""
    connection.execute(f"CREATE TABLE {quoted(f'source_{name}')} AS SELECT {listed} FROM {source} WHERE {where}{tail}")
