"""The engine: a mapping, a source and DuckDB give the tables of the model, and a report of what did not pass.

Each rule is one question to DuckDB: first what would go wrong in how many rows, then the rows themselves. What belongs
together (a patient's rows of several visits) is joined by key; what refers to nothing is left out and reported; and the
tables appear by renaming, all of them after the last one is written.
"""
# ruff: noqa: S608  (names and constants are quoted in expressions.py)

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from oncofed.contracts.errors import BadInput, OncofedError
from oncofed.files import says_full
from oncofed.prepare.mapping.assembly import assemble
from oncofed.prepare.mapping.expressions import Problem, as_date, conditions_sql, quoted
from oncofed.prepare.mapping.loading import Loaded, load_mapping
from oncofed.prepare.mapping.readers import Database, Opened, open_source
from oncofed.prepare.mapping.report import (
    Finding,
    MappingReport,
    PrivateDetail,
    RelationRead,
    write_report,
)
from oncofed.prepare.mapping.rules import Compiled, compile_rule
from oncofed.prepare.mapping.spec import TARGETS, Condition
from oncofed.trust.pseudonyms import Pseudonyms
from oncofed.warehouse.schema import TABLES
from oncofed.warehouse.sources.base import Progress

_SAMPLE_ROWS = 1000
_SAMPLE_VALUES = 200
INDEX_DATES = Path("private") / "index-dates.parquet"
"""Below the output, for the data manager only: each patient's day of diagnosis, to place their images in time."""


def _silent(_: str) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class MappingOptions:
    """How to map. ``disputed``: overrides what a mapping says about values whose code book contradicts itself.

    ``pseudonyms``: when given, identifiers leave as keyed pseudonyms, else as the source has them (the warehouse's
    source ``tables`` replaces them on loading).
    """

    dry_run: bool = False
    disputed: str = ""
    pseudonyms: Pseudonyms | None = None
    memory_limit: str = "2GB"
    threads: int = 2


@dataclass
class _Run:
    """What one mapping accumulates."""

    connection: duckdb.DuckDBPyConnection
    loaded: Loaded
    opened: Opened
    findings: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    detail: PrivateDetail = field(default_factory=PrivateDetail)
    rejected: int = 0

    def found(self, code: str, relation: str, column: str, target: str, rows: int) -> Finding:
        key = (code, relation, column, target)
        self.findings[key] = self.findings.get(key, 0) + rows
        return Finding(code=code, relation=relation, column=column, target=target, rows=rows)


def map_data(
    mapping: Path | str,
    source: Path | Database,
    output: Path,
    *,
    dry_run: bool = False,
    progress: Progress = _silent,
    options: MappingOptions | None = None,
) -> MappingReport:
    """Map ``source`` (a file, a folder or a database) by the mapping (a file, or the name of a preset).

    The tables become Parquet files in the folder ``output``.

    A dry run writes the report and its private files only. Raises ``BadInput`` for a mapping or a source that cannot be
    used; single rows that cannot are findings.
    """
    options = options or MappingOptions()
    begun = time.monotonic()
    loaded = load_mapping(mapping, disputed=options.disputed)
    output.mkdir(parents=True, exist_ok=True)
    with _space_told(), _connection(output, options) as connection:
        progress("reading the source")
        loaded, opened = open_source(connection, loaded, source)
        run = _Run(connection, loaded, opened)
        for kind, number in opened.unread.items():
            run.found("resource-unread", kind, "", "", number)
        _index(run)
        for table, rule in loaded.mapping.rules():
            progress(f"mapping {rule.relation} to {table}")
            _apply(run, table, compile_rule(connection, loaded, opened, table, rule))
        _report_unused_rows(run)
        progress("joining what belongs together")
        assembled = assemble(connection, loaded.mapping)
        for code, table, column, rows in assembled.problems:
            run.found(code, "", column, f"{table}.{column}" if column else table, rows)
        run.rejected += assembled.dropped
        if not (dry_run or options.dry_run):
            progress("writing the tables")
            _write_tables(connection, assembled.rows, output, options.pseudonyms)
        report = _report(run, assembled.rows, dry_run or options.dry_run, time.monotonic() - begun)
    with _space_told():
        write_report(report, run.detail, output)
    return report


@contextmanager
def _space_told() -> Iterator[None]:
    """A full disk and too little memory as errors with a code; tables that stood before stand."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise OncofedError("load-memory", "mapping") from error
    except (duckdb.IOException, OSError) as error:
        if says_full(error):
            raise OncofedError("disk-full") from error
        raise


@contextmanager
def _connection(output: Path, options: MappingOptions) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB in memory that spills beside the output when a source is large; gone afterwards."""
    place = Path(tempfile.mkdtemp(prefix=".mapping-", dir=output))
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": options.memory_limit,
            "threads": options.threads,
            "temp_directory": str(place / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    try:
        connection.execute("SET enable_progress_bar = false")
        yield connection
    finally:
        connection.close()
        shutil.rmtree(place, ignore_errors=True)


def _index(run: _Run) -> None:
    """Temporary table ``index_day``: each patient's day 0, from the first entry of ``index`` that knows one."""
    run.connection.execute("CREATE TEMP TABLE index_day (patient VARCHAR, day DATE)")
    mapping = run.loaded.mapping
    for entry in mapping.index:
        scope = _scope_of(run, entry.relation)
        patient, day = (scope(name) for name in (entry.patient or mapping.patient or "", entry.column))
        date, where = as_date(day), conditions_sql(entry.when, scope)
        base = f"FROM {run.opened.tables[entry.relation]} r WHERE {where}"
        run.connection.execute(
            f"""INSERT INTO index_day SELECT patient, day FROM
                (SELECT {patient} AS patient, min({date}) AS day {base} GROUP BY 1)
                WHERE patient IS NOT NULL AND day IS NOT NULL AND patient NOT IN (SELECT patient FROM index_day)"""
        )
        unread = Problem("date-unreadable", f"{day} IS NOT NULL AND {date} IS NULL", entry.column, day)
        ((rows,),) = run.connection.execute(f"SELECT count(*) {base} AND {unread.when}").fetchall()
        _keep(run, f"{base} AND", entry.relation, "index", [(unread, rows)])


def _scope_of(run: _Run, relation: str) -> Callable[[str], str]:
    """Columns of a relation, as ``r``, for conditions outside a rule."""
    columns = run.opened.columns[relation]

    def column(name: str) -> str:
        if name.casefold() not in columns:
            raise BadInput("mapping-column-unknown", f"relation {relation} has no column “{name}”")
        return f"r.{quoted(columns[name.casefold()])}"

    return column


def _apply(run: _Run, table: str, compiled: Compiled) -> None:
    """Count what is wrong, keep samples of it, and insert the rows that can stand."""
    relation = compiled.relation
    counted = ", ".join(f"count(*) FILTER ({problem.when})" for _, problem in compiled.problems)
    (counts,) = run.connection.execute(
        f"""SELECT count(*) FILTER ({compiled.rejected}) {f", {counted}" if counted else ""}
            FROM {compiled.source} WHERE {compiled.where}"""
    ).fetchall()
    run.rejected += counts[0]
    base = f"FROM {compiled.source} WHERE {compiled.where} AND"
    for (target, problem), rows in zip(compiled.problems, counts[1:], strict=True):
        _keep(run, base, relation, f"{table}.{target}" if target else table, [(problem, rows)])
    listed = ", ".join(f"{value} AS {quoted(name)}" for name, value in compiled.outputs.items())
    run.connection.execute(
        f"""INSERT INTO {quoted(f"out_{table}")} BY NAME SELECT {listed}
            FROM {compiled.source} WHERE {compiled.where} AND {compiled.stands}"""
    )


def _keep(run: _Run, base: str, relation: str, target: str, problems: Sequence[tuple[Problem, int]]) -> None:
    """Note findings, with the first rows and the commonest values for the data manager."""
    for problem, rows in problems:
        if not rows:
            continue
        finding = run.found(problem.code, relation, problem.column, target, rows)
        samples = run.connection.execute(
            f"SELECT r._row {base} {problem.when} ORDER BY 1 LIMIT {_SAMPLE_ROWS}"
        ).fetchall()
        run.detail.rows.extend((finding, row) for (row,) in samples)
        if not problem.raw:
            continue
        values = run.connection.execute(
            f"""SELECT CAST({problem.raw} AS VARCHAR), count(*) {base} {problem.when}
                GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_SAMPLE_VALUES}"""
        ).fetchall()
        run.detail.values.extend((finding, value or "", count) for value, count in values)


def _report_unused_rows(run: _Run) -> None:
    """Rows that no rule takes: in a relation of codes (measurements, FHIR observations) those are unmapped codes."""
    mapping = run.loaded.mapping
    for relation, table in run.opened.tables.items():
        taking = [rule for _, rule in mapping.rules() if rule.relation == relation]
        if not taking and relation not in mapping.relations_used() and run.opened.rows[relation]:
            run.found("row-unused", relation, "", "", run.opened.rows[relation])
        if not taking or any(not rule.when for rule in taking):
            continue
        column = _scope_of(run, relation)
        own = run.opened.columns[relation]
        if any(test.column.casefold() not in own for rule in taking for test in rule.when):
            continue
        passed = [(test,) for test in mapping.source.relations[relation].passed_over]
        alternatives: list[tuple[Condition, ...]] = [*(rule.when for rule in taking), *passed]
        taken = " OR ".join(f"({conditions_sql(tests, column)})" for tests in alternatives)
        names = dict.fromkeys(test.column for rule in taking for test in rule.when)
        shown = f"concat_ws(' ', {', '.join(column(name) for name in names)})"
        problem = Problem("row-unused", f"NOT ({taken})", " ".join(names), shown)
        ((rows,),) = run.connection.execute(f"SELECT count(*) FROM {table} r WHERE {problem.when}").fetchall()
        _keep(run, f"FROM {table} r WHERE", relation, "", [(problem, rows)])


def _write_tables(
    connection: duckdb.DuckDBPyConnection, rows: dict[str, int], output: Path, pseudonyms: Pseudonyms | None
) -> None:
    """One Parquet file per table that has rows; files of an earlier mapping that has no successor go away."""
    staged = Path(tempfile.mkdtemp(prefix=".tables-", dir=output))
    try:
        for table in rows:
            _name_anew(connection, table, pseudonyms)
            target = staged / f"{table}.parquet"
            connection.execute(
                f"COPY {quoted(f'final_{table}')} TO '{_escaped(target)}' (FORMAT parquet, COMPRESSION lz4_raw)"
            )
        dates = staged / INDEX_DATES.name
        connection.execute(f"COPY (FROM index_day ORDER BY patient) TO '{_escaped(dates)}' (FORMAT parquet)")
        for table in rows:
            (staged / f"{table}.parquet").replace(output / f"{table}.parquet")
        (output / INDEX_DATES.parent).mkdir(mode=0o700, exist_ok=True)
        os.chmod(dates, 0o600)
        dates.replace(output / INDEX_DATES)
        for table in set(TARGETS) - set(rows):
            (output / f"{table}.parquet").unlink(missing_ok=True)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")


def _name_anew(connection: duckdb.DuckDBPyConnection, table: str, pseudonyms: Pseudonyms | None) -> None:
    """Replace identifiers of people and objects by their keyed pseudonyms, if the caller asks for it."""
    if pseudonyms is None:
        return
    final = quoted(f"final_{table}")
    for column in TABLES[table].columns:
        if not column.pseudonym:
            continue
        old = [one for (one,) in connection.execute(f"SELECT DISTINCT {column.name} FROM {final}").fetchall() if one]
        new = pseudonyms.patients(old) if column.pseudonym == "patient" else pseudonyms.uids(old)
        connection.execute(
            f"""UPDATE {final} SET {column.name} = new FROM
                (SELECT unnest($1::VARCHAR[]) AS old, unnest($2::VARCHAR[]) AS new) WHERE {column.name} = old""",
            [old, new],
        )


def _report(run: _Run, rows: dict[str, int], dry_run: bool, seconds: float) -> MappingReport:
    mapping = run.loaded.mapping
    relations = []
    for name, count in run.opened.rows.items():
        ignored = {column.casefold() for column in mapping.source.relations[name].ignored}
        known = bool(run.opened.columns[name])  # of a relation that no rule names, no column is missed
        unused = (one for one in run.opened.left.get(name, ()) if known and one.casefold() not in ignored)
        relations.append(RelationRead(name=name, rows=count, unused=tuple(unused)))
    findings = (
        Finding(code=code, relation=relation, column=column, target=target, rows=count)
        for (code, relation, column, target), count in run.findings.items()
    )
    return MappingReport(
        mapping=mapping.name,
        version=mapping.version,
        shape=mapping.shape,
        dry_run=dry_run,
        relations=tuple(relations),
        tables=rows,
        findings=tuple(sorted(findings, key=lambda f: (f.code, f.relation, f.column, f.target))),
        rows_in=sum(run.opened.rows.values()),
        rows_out=sum(rows.values()),
        rows_rejected=run.rejected,
        seconds=round(seconds, 3),
    )
