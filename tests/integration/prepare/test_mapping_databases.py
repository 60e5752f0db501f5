"""Clinical tables in a real PostgreSQL: the same result as from files, one snapshot, no writing, no secret told."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import duckdb
import psycopg
import pytest

from oncofed.contracts.errors import BadInput, OncofedError
from oncofed.prepare.mapping import Database, map_data
from oncofed.prepare.mapping.readers import database
from oncofed.prepare.plan import read_plan
from oncofed.prepare.run import Run
from oncofed.prepare.stages import map_clinical
from tests.conftest import postgresql
from tests.factories import ai4hi
from tests.factories.mapping import counted, rows, write_mapping
from tests.factories.omop_vocabulary import write_cases, write_vocabulary

KINDS = {
    "id": "BIGINT",
    "1": "BIGINT",
    "2": "BIGINT",
    "separation": "INTEGER",
    "domain_id": "TEXT",
    "vocabulary_id": "TEXT",
    "concept_class_id": "TEXT",
    "relationship_id": "TEXT",
    "date": "DATE",
    "number": "NUMERIC",
    "birth": "INTEGER",
}
TABLES = ("patient", "cancer_condition", "cancer_stage", "observation", "treatment", "outcome")


def as_postgresql(server: str, folder: Path, schema: str) -> str:
    """The CSV files of a folder as tables of a schema, columns typed as in the OMOP CDM."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        for file in sorted(folder.glob("*.csv")):
            with file.open() as opened, connection.cursor() as cursor:
                heading = opened.readline().strip()
                separated = "DELIMITER E'\\t', QUOTE E'\\b'" if "\t" in heading else "DELIMITER ','"
                columns = heading.replace("\t", ",").split(",")
                kinds = [KINDS.get(one) or KINDS.get(one.rpartition("_")[2], "TEXT") for one in columns]
                table = f"{schema}.{file.stem.lower()}"
                listed = ", ".join(f"{one} {kind}" for one, kind in zip(columns, kinds, strict=True))
                key = f", PRIMARY KEY ({columns[0]})" if columns[0] == f"{file.stem.lower()}_id" else ""
                cursor.execute(f"CREATE TABLE {table} ({listed}{key})")
                with cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv, {separated})") as copy:
                    copy.write(opened.read())
    return schema


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as uri:
        yield uri.replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture(scope="module")
def plain(server: str) -> str:
    return server.replace("+psycopg", "")


@pytest.fixture(scope="module")
def clinic(plain: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A schema with CHAIMELEON's cases in OMOP, and the files it was made from."""
    folder = ai4hi.omop_prostate(tmp_path_factory.mktemp("clinic") / "omop")
    return as_postgresql(plain, folder, "cdm"), folder


def everything(out: Path) -> dict[str, list[tuple[object, ...]]]:
    return {table: rows(out, table) for table in TABLES}


def test_postgresql_gives_what_files_give(server: str, clinic: tuple[str, Path], tmp_path: Path) -> None:
    schema, folder = clinic
    report = map_data("chaimeleon-omop", Database(server, (schema,)), tmp_path / "live")
    of_files = map_data("chaimeleon-omop", folder, tmp_path / "files")
    assert everything(tmp_path / "live") == everything(tmp_path / "files")
    assert counted(report) == counted(of_files)
    assert report.relations == of_files.relations


def test_sqlite_by_the_same_road(clinic: tuple[str, Path], tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "omop.sqlite") as made, duckdb.connect() as reading:
        for file in clinic[1].glob("*.csv"):
            read = reading.execute(f"FROM read_csv('{file}', all_varchar = true)")
            names = [one[0] for one in read.description]
            made.execute(f"CREATE TABLE {file.stem} ({', '.join(names)})")
            made.executemany(f"INSERT INTO {file.stem} VALUES ({', '.join('?' * len(names))})", read.fetchall())
    made.close()
    map_data("chaimeleon-omop", Database(f"sqlite:///{tmp_path}/omop.sqlite"), tmp_path / "live")
    map_data("chaimeleon-omop", clinic[1], tmp_path / "files")
    assert everything(tmp_path / "live") == everything(tmp_path / "files")


def test_omop_vocabulary_in_a_schema_of_its_own(server: str, plain: str, tmp_path: Path) -> None:
    """Only rows about concepts that occur are asked for, in lists that every server takes."""
    cases, vocabulary = write_cases(tmp_path / "cases"), tmp_path / "vocabulary"
    vocabulary.mkdir()
    write_vocabulary(vocabulary)
    schemas = (as_postgresql(plain, cases, "cases"), as_postgresql(plain, vocabulary, "athena"))
    map_data("omop-cdm", Database(server, schemas), tmp_path / "live")
    for file in vocabulary.iterdir():
        file.rename(cases / file.name)
    map_data("omop-cdm", cases, tmp_path / "files")
    assert rows(tmp_path / "live", "cancer_condition") == rows(tmp_path / "files", "cancer_condition")
    assert len(rows(tmp_path / "live", "cancer_condition")) == 7


def test_one_snapshot_of_all_tables(
    server: str, plain: str, clinic: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A patient who is added while the first table is being read is in none of them."""
    schema, copied = clinic[0], []
    copy = database.Tables.copy

    def disturbed(self, target, name, relation, pick=database.EVERYTHING):
        done = copy(self, target, name, relation, pick)
        if not copied:
            with psycopg.connect(plain, autocommit=True) as other:
                other.execute(
                    f"INSERT INTO {schema}.condition_occurrence VALUES (99, 2, 44499685, '2012-01-01', 32893)"
                )
        copied.append(name)
        return done

    monkeypatch.setattr(database.Tables, "copy", disturbed)
    try:
        report = map_data("chaimeleon-omop", Database(server, (schema,)), tmp_path / "out")
    finally:
        with psycopg.connect(plain, autocommit=True) as other:
            other.execute(f"DELETE FROM {schema}.condition_occurrence WHERE condition_occurrence_id = 99")
    assert copied[0] == "person"
    assert {one.name: one.rows for one in report.relations}["condition_occurrence"] == 8


def test_nothing_can_be_written_and_nothing_takes_for_ever(server: str) -> None:
    with database.connected(Database(server, timeout_s=1)) as tables:
        connection = tables._connection
        for setting, value in (("transaction_read_only", "on"), ("transaction_isolation", "repeatable read"),
                               ("statement_timeout", "1s")):  # fmt: skip
            assert connection.exec_driver_sql(f"SHOW {setting}").scalar() == value
        with pytest.raises(OncofedError, match="database-failed"), database._told("a table"):
            connection.exec_driver_sql("SELECT pg_sleep(5)")
    with database.connected(Database(server)) as tables, pytest.raises(database.exc.DBAPIError, match="read-only"):
        tables._connection.exec_driver_sql("CREATE TABLE never (id INTEGER)")


PEOPLE = """
source:
  format: sql
  relations:
    people: {table: RELATION, ignored: {name: identifies}}
tables:
  patient:
    - from: people
      columns: {birth_sex: {column: sex, vocabulary: sex}, birth_year: {column: born, as: year}}
"""


@pytest.fixture(scope="module")
def registry(plain: str) -> str:
    """A table that a user may read in part only, a view of it, and one with a date that no driver can read."""
    with psycopg.connect(plain, autocommit=True) as connection:
        for statement in (
            "CREATE SCHEMA registry",
            'CREATE TABLE registry."People" (pid TEXT, name TEXT, sex TEXT, born DATE)',
            """INSERT INTO registry."People" VALUES ('A', 'Ada Secret', 'F', '1950-01-02'), ('B', 'Bo', 'M', NULL)""",
            'CREATE MATERIALIZED VIEW registry.adults AS SELECT * FROM registry."People"',
            "CREATE TABLE registry.strange AS SELECT 'A' AS pid, 'F' AS sex, 'infinity'::DATE AS born",
            "CREATE TABLE registry.bytes AS SELECT 'A' AS pid, '\\xff'::BYTEA AS sex, NULL::DATE AS born",
            "CREATE TABLE registry.hidden (pid TEXT, sex TEXT, born DATE)",
            "CREATE ROLE clerk LOGIN PASSWORD 'clerk-s3cret'",
            "GRANT USAGE ON SCHEMA registry TO clerk",
            'GRANT SELECT (pid, sex, born) ON registry."People" TO clerk',
        ):
            connection.execute(statement)
    return "registry"


def as_clerk(server: str) -> str:
    return server.replace("postgres:@", "clerk:clerk-s3cret@").replace("postgres@", "clerk:clerk-s3cret@")


def test_only_columns_that_the_mapping_names_leave_the_database(server: str, registry: str, tmp_path: Path) -> None:
    """The clerk may not read names; the mapping does not need them."""
    mapping = write_mapping(tmp_path, PEOPLE.replace("RELATION", "registry.people"))
    report = map_data(mapping, Database(as_clerk(server)), tmp_path / "out")
    assert rows(tmp_path / "out", "patient", "patient_key", "birth_sex", "birth_year") == [
        ("A", "female", 1950), ("B", "male", None)]  # fmt: skip
    assert [one.unused for one in report.relations] == [()]  # name is ignored with a reason


def test_views_are_tables_too(server: str, registry: str, tmp_path: Path) -> None:
    mapping = write_mapping(tmp_path, PEOPLE.replace("RELATION", "ADULTS").replace("{name: identifies}", "{}"))
    report = map_data(mapping, Database(server, (registry,)), tmp_path / "out")
    assert report.tables == {"patient": 2}
    assert [one.unused for one in report.relations] == [("name",)]


@pytest.mark.parametrize(
    ("url", "relation", "code"),
    [
        ("{clerk}", "registry.hidden", "database-denied"),
        ("{clerk}", "registry.adults", "database-denied"),
        ("{server}", "registry.strange", "source-unreadable"),
        ("{server}", "registry.bytes", "source-unreadable"),
        ("{server}", "registry.nowhere", "mapping-relation-missing"),
        ("{server}", "nowhere.people", "mapping-relation-missing"),
        ("{wrong}", "registry.people", "database-unreachable"),
        ("postgresql+psycopg://u:hidden-pw@127.0.0.1:1/x", "people", "database-unreachable"),
        ("nosuch://u:hidden-pw@h/x", "people", "database-unnamed"),
        ("hidden-pw", "people", "database-unnamed"),
        ("postgresql+psycopg://u:hidden-pw@h:port/x", "people", "database-unnamed"),
        ("mysql+nosuchdriver://u:hidden-pw@h/x", "people", "database-unnamed"),
        ("oracle+oracledb://u:hidden-pw@h/x", "people", "database-driver-missing"),
    ],
)
def test_what_can_go_wrong_has_a_code_and_tells_no_secret(
    server: str, registry: str, tmp_path: Path, url: str, relation: str, code: str
) -> None:
    wrong = server.replace("postgres:@", "nobody:hidden-pw@")
    url = url.format(clerk=as_clerk(server), server=server, wrong=wrong)
    with pytest.raises(OncofedError) as caught:
        map_data(write_mapping(tmp_path, PEOPLE.replace("RELATION", relation)), Database(url), tmp_path / "out")
    assert caught.value.code == code
    assert caught.value.__cause__ is None
    assert not any(secret in str(caught.value) for secret in ("hidden-pw", "s3cret", "Secret", "nobody", "host="))


def test_a_column_that_is_not_there(server: str, registry: str, tmp_path: Path) -> None:
    text = PEOPLE.replace("RELATION", "registry.people").replace("column: sex", "column: nmae")
    with pytest.raises(BadInput, match="did you mean “name”"):
        map_data(write_mapping(tmp_path, text), Database(server), tmp_path / "out")


def test_a_plan_names_where_the_url_is_kept_and_the_run_never_keeps_it(
    server: str, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mapping(tmp_path, PEOPLE.replace("RELATION", "people"), "people.yaml")
    (tmp_path / "clinic.url").write_text(as_clerk(server) + "\n")
    (tmp_path / "plan.yaml").write_text(
        "plan: oncofed/1\nsources: [{folder: images}]\n"
        "clinical: {mapping: people.yaml, database: {file: clinic.url, schemas: [registry], timeout_s: 60}}\n"
    )
    clinical = read_plan(tmp_path / "plan.yaml").clinical
    assert clinical is not None
    (tmp_path / "clinic.url").chmod(0o644)
    with pytest.raises(BadInput, match="database-unnamed"):
        clinical.origin()
    (tmp_path / "clinic.url").chmod(0o600)
    origin = clinical.origin()
    assert "s3cret" not in repr(origin) + repr(clinical)
    with Run.create(tmp_path / "run") as run:
        assert map_clinical(run, clinical.mapping, origin).tables == {"patient": 2}
    kept = b"".join(one.read_bytes() for one in (tmp_path / "run").rglob("*") if one.is_file())
    assert b"s3cret" not in kept
    assert b"Ada Secret" not in kept
    assert not any("s3cret" in value for value in os.environ.values())


def test_large_tables_come_through_a_cursor_in_parts(
    server: str, plain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a table is read, the server holds the cursor, and one part at a time is here."""
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("CREATE TABLE many AS SELECT n AS pid, 'F' AS sex FROM generate_series(1, 5000) n")
    monkeypatch.setattr(database, "_ROWS_AT_ONCE", 1000)
    parts = []
    insert = database.insert_cells

    def watched(target, table, given):
        parts.append(len(given))
        insert(target, table, given)

    monkeypatch.setattr(database, "insert_cells", watched)
    text = PEOPLE.replace("RELATION", "many").replace(", birth_year: {column: born, as: year}", "")
    assert map_data(write_mapping(tmp_path, text), Database(server), tmp_path / "out").tables == {"patient": 5000}
    assert parts == [1000] * 5


def test_drivers_that_keep_the_time_limit_themselves() -> None:
    connection = SimpleNamespace()
    database._SERVERS["oracle"].driver_limit(connection, 5)
    database._SERVERS["mssql"].driver_limit(connection, 5)
    assert vars(connection) == {"call_timeout": 5000, "timeout": 5}  # milliseconds, seconds
