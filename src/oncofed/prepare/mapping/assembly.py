"""From the rows of single rules to tables that hold together: one row a key, numbered, no reference dangling."""
# ruff: noqa: S608  (only names of the model stand in the SQL)

from dataclasses import dataclass, field

import duckdb

from oncofed.prepare.mapping.rules import NUMBERED, PLACES
from oncofed.prepare.mapping.spec import TARGETS, Mapping
from oncofed.warehouse.schema import TABLES, Table

_KEYS = {"patient": "patient_key", "imaging_study": "study_uid", "imaging_series": "series_uid",
         "derived_object": "object_uid"}  # fmt: skip
_PARENTS = (
    ("patient_key", "patient"),
    ("study_uid", "imaging_study"),
)


@dataclass
class Assembled:
    """Rows per table; problems as (code, table, column, rows); rows left out because they refer to nothing."""

    rows: dict[str, int] = field(default_factory=dict)
    problems: list[tuple[str, str, str, int]] = field(default_factory=list)
    dropped: int = 0


def assemble(connection: duckdb.DuckDBPyConnection, mapping: Mapping) -> Assembled:
    """Make ``final_<table>`` of every ``out_<table>``, in the order in which tables refer to each other."""
    done = Assembled()
    for name in TARGETS:
        if name not in mapping.tables:
            continue
        keyed = name in _KEYS or name == "cancer_condition" or any(rule.key for rule in mapping.tables[name])
        _join_rows(connection, name, done, keyed=keyed)
        _number(connection, name, done)
        _leave_out_orphans(connection, name, done)
        ((rows,),) = connection.execute(f"SELECT count(*) FROM final_{name}").fetchall()
        if rows:
            done.rows[name] = rows
    return done


def _own_columns(table: Table) -> list[str]:
    left_out = {"dataset_id", "condition_id", NUMBERED.get(table.name)}
    return [column.name for column in table.columns if column.name not in left_out]


def _join_rows(connection: duckdb.DuckDBPyConnection, name: str, done: Assembled, *, keyed: bool) -> None:
    """Rows with one key become one: each column takes its first recorded value; others of the same rule are told."""
    key = _KEYS.get(name) or "coalesce(_key, CAST(_order AS VARCHAR))"
    columns = _own_columns(TABLES[name])
    counted = f"SELECT count(*), count(DISTINCT {key}) FROM out_{name}" if keyed else "SELECT 0, 0"
    ((rows, keys),) = connection.execute(counted).fetchall()
    if rows == keys:
        connection.execute(f"ALTER TABLE out_{name} RENAME TO joined_{name}")
        return
    firsts = ", ".join(
        f"arg_min({column}, _order) AS {column}" for column in (*columns, "_key", "_condition", "_patient")
    )
    connection.execute(
        f"CREATE TABLE joined_{name} AS SELECT {firsts}, min(_order) AS _order FROM out_{name} GROUP BY {key}"
    )
    differing = ", ".join(f"count(*) FILTER (n_{column} > 1)" for column in columns)
    counts = ", ".join(f"count(DISTINCT {column}) AS n_{column}" for column in columns)
    (found,) = connection.execute(
        f"SELECT {differing} FROM (SELECT {counts} FROM out_{name}"
        f" GROUP BY {key}, _order // {PLACES} HAVING count(*) > 1)"
    ).fetchall()
    for column, differ in zip(columns, found, strict=True):
        if differ:
            done.problems.append(("values-differ", name, column, differ))


def _number(connection: duckdb.DuckDBPyConnection, name: str, done: Assembled) -> None:
    """Rules' places and rows' numbers as identifiers; references to conditions become their numbers."""
    table = TABLES[name]
    own = ", ".join(f"t.{column}" for column in _own_columns(table))
    number = NUMBERED.get(name)
    numbered = f"t._order AS {number}, " if number else ""
    refers = name != "cancer_condition" and any(column.name == "condition_id" for column in table.columns)
    join = "LEFT JOIN condition_numbers c ON c._key = t._condition" if refers else ""
    condition = "c.condition_id, " if refers else ""
    if refers:
        connection.execute("CREATE TABLE IF NOT EXISTS condition_numbers (condition_id BIGINT, _key VARCHAR)")
        connection.execute("CREATE TABLE IF NOT EXISTS only_conditions (condition_id BIGINT, patient_key VARCHAR)")
    kept = ", t._key" if name == "cancer_condition" else ", t._condition, t._patient" if refers else ""
    connection.execute(
        f"CREATE TABLE final_{name} AS SELECT {numbered}{condition}{own}{kept} FROM joined_{name} t {join}"
    )
    connection.execute(f"DROP TABLE joined_{name}")
    if refers:
        _only_condition(connection, name)
    if refers and any(column.name == "condition_id" and column.required for column in table.columns):
        _drop(connection, name, "condition_id", "condition_id IS NULL", done)


def _only_condition(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Rows that mean a condition which is not there belong to the patient's only primary one, if there is just one."""
    lost = f"final_{name} t WHERE t._condition IS NOT NULL AND t.condition_id IS NULL"
    if connection.execute(f"SELECT 1 FROM {lost} LIMIT 1").fetchall():
        connection.execute(
            f"""UPDATE final_{name} t SET condition_id = o.condition_id FROM only_conditions o
                WHERE t._condition IS NOT NULL AND t.condition_id IS NULL AND o.patient_key = t._patient"""
        )
    for column in ("_condition", "_patient"):
        connection.execute(f"ALTER TABLE final_{name} DROP COLUMN {column}")


def _leave_out_orphans(connection: duckdb.DuckDBPyConnection, name: str, done: Assembled) -> None:
    for column, parent in _PARENTS:
        if name == parent or (name == "observation" and column == "study_uid"):
            continue
        if any(one.name == column for one in TABLES[name].columns):
            there = f"final_{parent}" if _exists(connection, f"final_{parent}") else f"(FROM final_{name} WHERE FALSE)"
            _drop(
                connection, name, column, f"NOT EXISTS (FROM {there} p WHERE p.{column} = final_{name}.{column})", done
            )
    if name == "cancer_condition":
        connection.execute("CREATE TABLE condition_numbers AS SELECT condition_id, _key FROM final_cancer_condition")
        connection.execute(
            """CREATE TABLE only_conditions AS SELECT min(condition_id) AS condition_id, patient_key
               FROM final_cancer_condition WHERE kind = 'primary' GROUP BY patient_key HAVING count(*) = 1"""
        )
        connection.execute("ALTER TABLE final_cancer_condition DROP COLUMN _key")


def _exists(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    return bool(connection.execute("SELECT 1 FROM information_schema.tables WHERE table_name = ?", [table]).fetchall())


def _drop(connection: duckdb.DuckDBPyConnection, name: str, column: str, lost: str, done: Assembled) -> None:
    ((rows,),) = connection.execute(f"SELECT count(*) FROM final_{name} WHERE {lost}").fetchall()
    if rows:
        connection.execute(f"DELETE FROM final_{name} WHERE {lost}")
        done.problems.append(("reference-missing", name, column, rows))
        done.dropped += rows
