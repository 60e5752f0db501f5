"""Tables of a database by SQLAlchemy: a hospital's server (PostgreSQL, SQL Server, Oracle, MySQL …) or an SQLite file.

All relations of a mapping are read in one transaction that cannot write, and, where the server has it, sees one state
of the database throughout. Rows come in parts through a cursor on the server, only the columns that the mapping names
leave it, and no statement may take longer than the time limit. Nothing that could hold a password or a value (the
address, a driver's message) goes into an error.
"""

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy import exc

from oncofed.contracts.errors import BadInput, OncofedError
from oncofed.prepare.mapping.readers.raw import EVERYTHING, Pick, create_texts, insert_cells
from oncofed.prepare.mapping.spec import Relation

TIMEOUT_S = 600
_ROWS_AT_ONCE = 20_000
_IN_LIST = 1_000
"""Values in one list: Oracle takes no more."""
_DENIED = {"42501", "1044", "1142", "1143", "229", "230", "1031"}
"""Permission denied: PostgreSQL's SQLSTATE; numbers of MySQL, SQL Server and Oracle."""


@dataclass(frozen=True)
class Database:
    """A database to read. ``url``: SQLAlchemy's (``postgresql+psycopg://user:password@host/name``).

    ``schemas``: where its tables stand, in order; without any, where the server looks by itself. ``timeout_s``: seconds
    one statement may take.
    """

    url: str = field(repr=False)
    schemas: tuple[str, ...] = ()
    timeout_s: int = TIMEOUT_S

    @classmethod
    def of_variable(cls, name: str, schemas: Sequence[str] = (), timeout_s: int = TIMEOUT_S) -> "Database":
        """The database whose URL an environment variable holds. Raises ``BadInput`` ``database-unnamed``."""
        if not re.fullmatch(r"\w+", name):
            raise BadInput("database-unnamed", "give the name of an environment variable, not the URL itself")
        if not os.environ.get(name):
            raise BadInput("database-unnamed", f"the environment variable {name} is not set")
        return cls(os.environ[name].strip(), tuple(schemas), timeout_s)

    @classmethod
    def of_file(cls, path: Path, schemas: Sequence[str] = (), timeout_s: int = TIMEOUT_S) -> "Database":
        """The database whose URL stands in a file that nobody else can read. Raises ``database-unnamed``."""
        try:
            mode, url = path.stat().st_mode, path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise BadInput("database-unnamed", "the file with the database's URL cannot be read") from None
        if mode & 0o077:
            raise BadInput("database-unnamed", f"others can read the file with the URL; chmod 600 {path.name}")
        return cls(url, tuple(schemas), timeout_s)


@dataclass(frozen=True)
class _Server:
    """How one kind of server is made to read only, from one state, within a time limit.

    ``begin``: statements at the beginning, in which ``{seconds}`` and ``{milliseconds}`` are the time limit.
    """

    isolation: str = ""
    begin: tuple[str, ...] = ()
    driver_limit: Callable[[Any, int], None] = lambda _connection, _seconds: None


def _oracle_limit(connection: Any, seconds: int) -> None:
    connection.call_timeout = seconds * 1000


def _odbc_limit(connection: Any, seconds: int) -> None:
    connection.timeout = seconds


_MYSQL = ("SET SESSION TRANSACTION READ ONLY",)
_SERVERS = {
    "postgresql": _Server(
        "REPEATABLE READ", ("SET TRANSACTION READ ONLY", "SET LOCAL statement_timeout = {milliseconds}")
    ),
    "mysql": _Server("REPEATABLE READ", (*_MYSQL, "SET SESSION max_execution_time = {milliseconds}")),
    "mariadb": _Server("REPEATABLE READ", (*_MYSQL, "SET SESSION max_statement_time = {seconds}")),
    "oracle": _Server(begin=("SET TRANSACTION READ ONLY",), driver_limit=_oracle_limit),
    "mssql": _Server(driver_limit=_odbc_limit),
    "sqlite": _Server(begin=("PRAGMA query_only = ON", "BEGIN")),
}


@contextmanager
def connected(database: Database) -> Iterator["Tables"]:
    """The database's tables, in one transaction that is rolled back at the end.

    Raises ``BadInput`` ``database-unnamed``, ``database-driver-missing``; ``OncofedError`` ``database-unreachable``.
    """
    try:
        engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    except exc.NoSuchModuleError:
        raise BadInput("database-unnamed", "the URL names a kind of database that SQLAlchemy does not know") from None
    except (exc.ArgumentError, ValueError):
        raise BadInput("database-unnamed", "the URL is none; postgresql+psycopg://user:password@host/name") from None
    except ImportError as error:
        raise BadInput("database-driver-missing", f"{error.name or 'the driver'} is not installed") from None
    with _opened(engine, database) as tables:
        yield tables


@contextmanager
def of_sqlite_file(connect: Callable[[], Any]) -> Iterator["Tables"]:
    """The tables of an SQLite file, by a function that opens it."""
    with _opened(sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool), Database("")) as tables:
        yield tables


@contextmanager
def _opened(engine: sa.Engine, database: Database) -> Iterator["Tables"]:
    server = _SERVERS.get(engine.dialect.name, _Server())
    try:
        connection = engine.connect()
    except (exc.DBAPIError, OSError):
        raise OncofedError("database-unreachable", engine.dialect.name) from None
    try:
        with _told("the database"):
            _begin(connection, server, database.timeout_s)
            tables = Tables(connection, database.schemas)
        yield tables
    finally:
        connection.close()
        engine.dispose()


def _begin(connection: sa.Connection, server: _Server, seconds: int) -> None:
    if server.isolation:
        connection.execution_options(isolation_level=server.isolation)
    if driver := connection.connection.driver_connection:
        server.driver_limit(driver, seconds)
    for statement in server.begin:
        connection.exec_driver_sql(statement.format(seconds=seconds, milliseconds=seconds * 1000))


@contextmanager
def _told(what: str) -> Iterator[None]:
    """A database's errors as ours; its own words (addresses, names, values) are left out."""
    try:
        yield
    except exc.DBAPIError as error:
        if _number(error.orig) & _DENIED:
            raise BadInput("database-denied", what) from None
        if isinstance(error, exc.DataError | exc.NotSupportedError):
            raise BadInput("source-unreadable", f"{what} holds a value that its driver cannot read") from None
        raise OncofedError("database-failed", what) from None
    except ValueError:
        raise BadInput("source-unreadable", f"{what} holds a value that cannot be read") from None


def _number(error: BaseException | None) -> set[str]:
    """What a driver's error is called: SQLSTATE or the server's numbers, wherever the driver keeps them."""
    first = error.args[0] if error is not None and error.args else ""
    given = (getattr(error, "sqlstate", ""), first, getattr(first, "code", ""))
    odbc = re.findall(r"\((\d+)\)", str(error))
    return {str(one) for one in (*given, *odbc) if isinstance(one, str | int)}


class Tables:
    """The tables and views of an open database, found by name in whatever case."""

    def __init__(self, connection: sa.Connection, schemas: Sequence[str]) -> None:
        self._connection = connection
        self._inspector = sa.inspect(connection)
        self._schemas = tuple(schemas) or (None,)

    def copy(
        self, target: duckdb.DuckDBPyConnection, name: str, relation: Relation, pick: Pick = EVERYTHING
    ) -> tuple[str, ...] | None:
        """Copy (part of) a relation into ``raw_<name>``; the columns left out, or None if there is no such table.

        Raises ``BadInput`` ``database-denied``, ``source-unreadable``; ``OncofedError`` ``database-failed``.
        """
        with _told(f"relation {name}"), warnings.catch_warnings():
            warnings.simplefilter("ignore", exc.SAWarning)  # kinds of columns that we do not read
            place = self._place(relation.table or name)
            if place is None:
                return None
            described = self._inspector.get_columns(place[1], schema=place[0])
            kinds = {str(one["name"]): one["type"] for one in described}
            taken = pick.of(kinds)
            create_texts(target, f"raw_{name}", taken)
            for rows in self._rows(place, taken, pick, kinds):
                insert_cells(target, f"raw_{name}", rows)
            return tuple(one for one in kinds if one not in taken)

    def _place(self, wanted: str) -> tuple[str | None, str] | None:
        """(schema, name) of a table or view; ``wanted`` may name its schema."""
        within, _, name = wanted.rpartition(".")
        for schema in (within,) if within else self._schemas:
            names = [*self._inspector.get_table_names(schema), *self._inspector.get_view_names(schema)]
            with_views = (*names, *self._materialized(schema))
            for one in with_views:
                if one.casefold() == name.casefold():
                    return schema, one
        return None

    def _materialized(self, schema: str | None) -> Iterable[str]:
        try:
            return self._inspector.get_materialized_view_names(schema)
        except NotImplementedError:
            return ()

    def _rows(
        self, place: tuple[str | None, str], columns: Sequence[str], pick: Pick, kinds: dict[str, Any]
    ) -> Iterator[Sequence[Sequence[Any]]]:
        """Rows in parts, in the order of the primary key; cells as the driver gives them."""
        table = sa.table(place[1], *(sa.column(one) for one in kinds), schema=place[0])
        query = sa.select(*(table.c[one] for one in columns))
        key = self._inspector.get_pk_constraint(place[1], schema=place[0])["constrained_columns"]
        query = query.order_by(*(table.c[one] for one in key))
        for part in _parts(query, table, pick, kinds):
            streamed = self._connection.execution_options(stream_results=True, max_row_buffer=_ROWS_AT_ONCE)
            with streamed.execute(part) as result:
                yield from result.partitions(_ROWS_AT_ONCE)


def _parts(query: sa.Select[Any], table: sa.TableClause, pick: Pick, kinds: dict[str, Any]) -> Iterator[sa.Select[Any]]:
    """The query, or one for every list of the values that rows must have."""
    if not pick.where:
        yield query
        return
    column = pick.condition(kinds)
    whole = isinstance(kinds[column], sa.Numeric | sa.Integer)
    values: list[Any] = [int(one) for one in pick.values] if whole else list(pick.values)
    for start in range(0, len(values), _IN_LIST):
        yield query.where(table.c[column].in_(values[start : start + _IN_LIST]))
