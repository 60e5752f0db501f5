"""Stage index: the common data model of what was prepared, as Parquet tables that the warehouse loads as they are.

Rows of images come from the de-identified headers; clinical rows from the mapping (``mapped/``, under the hospital's
own identifiers) are brought under the same pseudonyms here. A clinical row does not name the issuer of its Patient ID:
the index of the images does, and where one ID has several issuers the row is left out and counted.
"""

import hashlib
import json
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from oncofed.contracts.catalogue import DatasetRecord
from oncofed.contracts.errors import BadInput
from oncofed.prepare.journal import disk_full_told
from oncofed.prepare.mapping.timepoints import link_timepoints
from oncofed.prepare.progress import Progress, Silent
from oncofed.prepare.recipe import Recipe, Tools
from oncofed.prepare.run import Run, State
from oncofed.warehouse.schema import TABLES, Table
from oncofed.warehouse.sources.base import Filling
from oncofed.warehouse.sources.dicom_folder import DicomFolderSource
from oncofed.warehouse.sources.prepared import SEAL, Unchanged

INDEX_DATES = Path("private") / "index-dates.parquet"
_DATASET = "prepared"
_FROM_IMAGES = ("patient", "imaging_study", "imaging_series", "derived_object")
_LOADABLE = [table for table in TABLES.values() if table.patients]


def index(run: Run, recipe: Recipe, *, progress: Progress | None = None) -> dict[str, int]:
    """Write ``tables/`` anew; the number of rows by table. The old tables stand until the new ones are whole.

    Raises:
        BadInput: ``source-empty``: nothing is de-identified and nothing is mapped.
    """
    progress = progress or Silent()
    with run.stage("index") as facts, duckdb.connect(":memory:") as connection:
        progress.begin("tables", 3)
        for table in TABLES.values():
            connection.execute(table.ddl())
        if run.number(State.DEIDENTIFIED, State.VERIFIED):
            _images(run, connection)
        progress.advance()
        names = _Names(run, recipe.tools)
        _clinical(run, connection, names, recipe.tools)
        _keep_people(run, names)
        progress.advance()
        _offsets(run, connection, names, recipe.tools)
        link_timepoints(connection)
        rows = _write(run, connection)
        progress.advance()
        progress.end()
        if not rows.get("patient"):
            raise BadInput("source-empty", "nothing is de-identified yet")
        run.put(indexed=_standing(run))
        facts.update(rows=rows, ambiguous=len(names.ambiguous))
    return rows


def are_old(run: Run) -> bool:
    """Whether tables stand that speak of other images than those that stand now: some were held back since."""
    return (run.tables / SEAL).is_file() and run.get("indexed") != _standing(run)


def _standing(run: Run) -> str:
    """A digest of the images that stand."""
    digest = hashlib.sha256()
    for row in run.connection.execute(
        "SELECT target, mtime_ns FROM files WHERE state IN ('deidentified', 'verified') ORDER BY target"
    ):
        digest.update(repr(row).encode())
    return digest.hexdigest()


def _images(run: Run, connection: duckdb.DuckDBPyConnection) -> None:
    """Rows of patients, studies, series and annotations from the de-identified headers."""
    record = DatasetRecord(dataset_id=_DATASET, title=_DATASET)
    filling = Filling(connection, Unchanged(), lambda _: None)
    DicomFolderSource(run.images, record).fill(filling)
    states = run.connection.execute(
        """SELECT target, max(CASE risk WHEN 'none' THEN 0 WHEN '' THEN 2 ELSE 1 END) FROM files
           WHERE state IN ('deidentified', 'verified') GROUP BY rtrim(target, replace(target, '/', ''))"""
    ).fetchall()
    for target, worst in states:
        _, patient, study, series, _ = target.split("/")
        connection.execute(
            "UPDATE imaging_series SET pixel_deid_status = ?, dicomweb_path = ? WHERE series_uid = ?",
            [("not_applicable", "clean", "unchecked")[worst], f"{patient}/{study}/{series}", series],
        )


class _Names:
    """Pseudonyms of the hospital's own identifiers in clinical tables."""

    def __init__(self, run: Run, tools: Tools) -> None:
        self.pseudonyms, self.node = tools.pseudonyms, tools.node_pseudonyms
        self.issuers: dict[str, set[str]] = defaultdict(set)
        self.people: dict[str, tuple[str, str]] = {}
        """Pseudonym in this project → the node's pseudonyms with and without the issuer."""
        self.ambiguous: set[str] = set()
        for patient, issuer, study in run.connection.execute(
            """SELECT DISTINCT h."PatientID", h."IssuerOfPatientID",
                      CASE h."PatientID" WHEN '' THEN h."StudyInstanceUID" ELSE '' END
               FROM headers h JOIN files f ON f.id = h.file WHERE f.state IN ('deidentified', 'verified')"""
        ):
            if patient:
                self.issuers[patient].add(issuer)
                self._person(patient, issuer)
            else:
                own = self.node.without_patient_id(study)
                self.people[self.pseudonyms.without_patient_id(study)] = (own, own)

    def _person(self, patient: str, issuer: str) -> str:
        key = self.pseudonyms.patient(patient, issuer)
        self.people[key] = (self.node.patient(patient, issuer), self.node.patient(patient))
        return key

    def patient(self, identifier: str) -> str | None:
        """The pseudonym of a Patient ID; None where it stands for patients of several issuers."""
        issuers = self.issuers.get(identifier.strip(" \0"), {""})
        if len(issuers) > 1:
            self.ambiguous.add(identifier)
            return None
        return self._person(identifier.strip(" \0"), next(iter(issuers)))


def _clinical(run: Run, connection: duckdb.DuckDBPyConnection, names: _Names, tools: Tools) -> None:
    """Rows of the mapped tables, under pseudonyms; what images say too is completed, not doubled."""
    for table in _LOADABLE:
        file = run.mapped / f"{table.name}.parquet"
        if not file.is_file():
            continue
        connection.execute("CREATE OR REPLACE TEMP TABLE arrived AS SELECT * FROM read_parquet(?)", [str(file)])
        given = {name for name, *_ in connection.execute("DESCRIBE arrived").fetchall()}
        for column in table.columns:
            if column.name in given and column.pseudonym:
                _rename(connection, column.name, names.patient if column.pseudonym == "patient" else tools.uid)
        _join(connection, table, given)
    connection.execute("DROP TABLE IF EXISTS arrived")


def _rename(connection: duckdb.DuckDBPyConnection, column: str, new_name: Any) -> None:
    distinct = f"SELECT DISTINCT {column} FROM arrived WHERE {column} IS NOT NULL"  # noqa: S608
    old = [str(value) for (value,) in connection.execute(distinct).fetchall()]
    connection.execute("CREATE OR REPLACE TEMP TABLE renamed (old VARCHAR, new VARCHAR)")
    if old:
        connection.execute(
            "INSERT INTO renamed SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[])",
            [old, [new_name(one) for one in old]],
        )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE arrived AS SELECT a.* REPLACE (r.new AS {column}) FROM arrived a
            LEFT JOIN renamed r ON r.old = CAST(a.{column} AS VARCHAR)
            WHERE a.{column} IS NULL OR r.new IS NOT NULL"""  # noqa: S608
    )


def _join(connection: duckdb.DuckDBPyConnection, table: Table, given: set[str]) -> None:
    """Insert what arrived; a row that images have made already takes what it lacks from it."""
    columns = [column for column in table.columns if column.name in given and column.name != "dataset_id"]
    key = [column.name for column in table.columns if column.key]
    if table.name in _FROM_IMAGES and key:
        fresh = [column.name for column in columns if column.name not in key]
        on = " AND ".join(f"t.{name} = a.{name}" for name in key)
        counted = {"n_series", "n_instances", "bytes", "pixel_deid_status"}
        sets = ", ".join(f"{name} = coalesce(a.{name}, t.{name})" for name in fresh if name not in counted)
        if sets:
            connection.execute(f"UPDATE {table.name} t SET {sets} FROM arrived a WHERE {on}")  # noqa: S608
        connection.execute(f"DELETE FROM arrived a USING {table.name} t WHERE {on}")  # noqa: S608
    names = ", ".join(column.name for column in columns)
    cast = ", ".join(f"CAST({column.name} AS {column.type})" for column in columns)
    connection.execute(
        f"INSERT INTO {table.name} (dataset_id, {names}) SELECT ?, {cast} FROM arrived",  # noqa: S608
        [_DATASET],
    )


def _keep_people(run: Run, names: _Names) -> None:
    """Remember under which pseudonyms of the node each patient of the tables may have opted out."""
    with run.transaction():
        run.connection.execute("DELETE FROM people")
        run.connection.executemany(
            "INSERT INTO people VALUES (?, ?, ?)", [(key, *own) for key, own in sorted(names.people.items())]
        )


def _offsets(run: Run, connection: duckdb.DuckDBPyConnection, names: _Names, tools: Tools) -> None:
    """Days from each patient's own day 0 (the diagnosis) to each study, where the mapping knows day 0."""
    file = run.mapped / INDEX_DATES
    if not file.is_file():
        return
    days: dict[str, date] = {}
    for patient, day in connection.execute("SELECT patient, day FROM read_parquet(?)", [str(file)]).fetchall():
        key = names.patient(str(patient))
        if key and day:
            days[key] = day
    for study, key, text in _studies(run, tools):
        if key in days and (made := _date(text)):
            connection.execute(
                "UPDATE imaging_study SET offset_days = ? WHERE study_uid = ? AND offset_days IS NULL",
                [(made - days[key]).days, study],
            )


def _studies(run: Run, tools: Tools) -> Iterator[tuple[str, str, str]]:
    """Pseudonyms of study and patient, and the study's original date."""
    for uid, key, text in run.connection.execute(
        """SELECT h."StudyInstanceUID", min(f.patient_key), min(h."StudyDate") FROM headers h
           JOIN files f ON f.id = h.file WHERE f.state IN ('deidentified', 'verified') GROUP BY 1"""
    ).fetchall():
        yield tools.uid(uid), key, text


def _date(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None


def _write(run: Run, connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The tables that have rows, all or none."""
    beside = run.directory / "tables.new"
    shutil.rmtree(beside, ignore_errors=True)
    rows: dict[str, int] = {}
    with disk_full_told():
        beside.mkdir(mode=0o700)
        try:
            for table in _LOADABLE:
                ((number,),) = connection.execute(f"SELECT count(*) FROM {table.name}").fetchall()  # noqa: S608
                if not number:
                    continue
                rows[table.name] = int(number)
                names = ", ".join(column.name for column in table.columns if column.name != "dataset_id")
                order = ", ".join(column.name for column in table.columns if column.key) or names
                ordered = f"SELECT {names} FROM {table.name} ORDER BY {order}"  # noqa: S608
                connection.execute(f"COPY ({ordered}) TO '{_quoted(beside)}/{table.name}.parquet'")
        except duckdb.IOException as error:
            raise OSError(28, "no space") from error
        (beside / SEAL).write_text(json.dumps(_seal(run, rows), indent=1))
    old = run.directory / "tables.old"
    shutil.rmtree(old, ignore_errors=True)
    if run.tables.exists():
        run.tables.rename(old)
    beside.rename(run.tables)
    shutil.rmtree(old, ignore_errors=True)
    return rows


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _seal(run: Run, rows: Mapping[str, int]) -> dict[str, Any]:
    return {"project": run.project, "policy": run.get("policy"), "profile": run.get("profile"), "rows": dict(rows)}
