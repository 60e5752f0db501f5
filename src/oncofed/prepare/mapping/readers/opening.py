"""Opening a source: which reader takes it, and what every relation looks like afterwards."""
# ruff: noqa: S608  (names and constants are quoted)

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from oncofed.contracts.errors import BadInput
from oncofed.prepare.mapping.expressions import DATE, conditions_sql, date_sql, quoted
from oncofed.prepare.mapping.readers.eform import read_eform
from oncofed.prepare.mapping.readers.fhir import read_fhir
from oncofed.prepare.mapping.readers.tables import nothing_sql, read_tables
from oncofed.prepare.mapping.spec import Mapping, Relation

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
    unread: dict[str, int] = field(default_factory=dict)
    """Kind of thing in the source (a FHIR resource type) that nothing reads → how many."""
    fixed: frozenset[str] = frozenset()
    """Relations whose columns are ours (FHIR): that one is not used says nothing."""

    def columns_of(self, relation: str) -> dict[str, str]:
        """Folded name → name."""
        return self.columns[relation]

    def open_ended(self, relation: str) -> bool:
        """Whether unused columns of the relation say nothing."""
        return relation in self.fixed


def open_source(connection: duckdb.DuckDBPyConnection, mapping: Mapping, path: Path) -> Opened:
    """Read every relation the mapping names. Raises ``source-unreadable``, ``mapping-relation-missing``."""
    if not path.exists():
        raise BadInput("source-unreadable", "there is no such file or folder")
    reading = {"fhir": read_fhir, "eform": read_eform}.get(mapping.source.format, read_tables)
    try:
        raw = reading(connection, mapping.source, path)
    except _OF_ANOTHER_SHAPE as error:
        raise BadInput(
            "source-unreadable", f"{path.name} is not of the shape that {mapping.source.format} has"
        ) from error
    needed = mapping.columns_needed()
    noted = reading is not read_tables
    unread = dict(connection.execute("SELECT kind, number FROM unread").fetchall()) if noted else {}
    opened = Opened(unread=unread, fixed=frozenset(raw) if mapping.source.format == "fhir" else frozenset())
    for name, relation in mapping.source.relations.items():
        if relation.row_of:
            continue
        if name not in raw and not relation.optional:
            raise BadInput("mapping-relation-missing", f"the source has no relation “{name}”{_where(relation)}")
        _normalise(connection, mapping, name, raw.get(name, ""), needed[name])
        _register(connection, opened, name)
    for name in _in_order(mapping.source.relations):
        _derive(connection, mapping.source.relations[name], name, opened)
        _register(connection, opened, name)
    return opened


def _views(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Names of the views there are."""
    return {one for (one,) in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()}


def _where(relation: Relation) -> str:
    place = relation.file or relation.sheet or relation.table
    return f" ({place})" if place else ""


def _normalise(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, name: str, raw: str, needed: Iterable[str]
) -> None:
    """``source_<name>``: trimmed text, NULL for what says nothing, absent columns that may be absent as NULL."""
    relation = mapping.source.relations[name]
    there = [one for one, *_ in connection.execute(f"DESCRIBE {quoted(raw)}").fetchall()] if raw else []
    kind = "VIEW" if raw in _views(connection) else "TABLE"
    columns = {one: _recorded(quoted(one), mapping, exact=kind == "VIEW") for one in there if one != "_row"}
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
    source = f"FROM {quoted(raw)}" if raw else "WHERE FALSE"
    row = "_row" if "_row" in there else "row_number() OVER ()" if raw else "0"
    try:
        connection.execute(
            f"""CREATE TABLE {quoted(f"source_{name}")} AS
                SELECT *{dated} FROM (SELECT CAST({row} AS BIGINT) AS _row{listed} {source})"""
        )
    except duckdb.InvalidInputException as error:
        place = (
            f"{name} cannot be read as text of the encoding and columns it should have, or a format of dates is none"
        )
        raise BadInput("source-unreadable", f"relation {place}") from error
    if raw:
        connection.execute(f"DROP {kind} {quoted(raw)}")


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
    columns = opened.columns_of(relation.row_of)

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
