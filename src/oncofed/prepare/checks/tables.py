"""The clinical and imaging tables of a release in DuckDB, as they can be looked at: every column of the model is there.

Unlike at loading, nothing is refused: what does not fit becomes null and is counted, so that the report can say so.
Where the tables hold no images, rows are made from what the image files say.
"""
# ruff: noqa: S608 (SQL of the model's own names; paths are parameters)

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb

from oncofed.contracts.errors import BadInput
from oncofed.contracts.vocabulary import normalise
from oncofed.imaging.quality.instance import Instance
from oncofed.prepare.checks.spool import Spool
from oncofed.warehouse.schema import TABLES, Table
from oncofed.warehouse.sources.columns import append_rows
from oncofed.warehouse.sources.dicom_headers import age_in_years

MODEL = {name: table for name, table in TABLES.items() if table.patients}
_READERS = {".parquet": "read_parquet($1)", ".csv": "read_csv($1, header = true, all_varchar = true)"}
MEMORY = "96MB"
"""What DuckDB may take; beyond it, it works on disk."""
_BATCH = 2_000
"""Series whose rows are inserted at once."""
_HEADER = "patient VARCHAR, study VARCHAR, series VARCHAR, modality VARCHAR, sex VARCHAR, age DOUBLE, n INTEGER"
_THROUGH = {
    "cancer_stage": "JOIN (SELECT condition_id, min(patient_key) AS patient_key FROM cancer_condition GROUP BY 1) c "
    "USING (condition_id)",
    "treatment": "JOIN (SELECT condition_id, min(patient_key) AS patient_key FROM cancer_condition GROUP BY 1) c "
    "USING (condition_id)",
    "imaging_series": "JOIN (SELECT study_uid, min(patient_key) AS patient_key FROM imaging_study GROUP BY 1) c "
    "USING (study_uid)",
    "derived_object": "JOIN (SELECT study_uid, min(patient_key) AS patient_key FROM imaging_study GROUP BY 1) c "
    "USING (study_uid)",
}
"""How rows of a table that does not name the patient reach one."""
_KINDS = frozenset({"SEG", "RTSTRUCT", "SR", "ANN", "PR"})
DERIVED_FROM_IMAGES = ("patient", "imaging_study", "imaging_series", "derived_object")


@dataclass(frozen=True)
class Unfit:
    """Values of a column that are not of its type."""

    table: str
    column: str
    rows: int


class Tables:
    """The tables of one release, in a DuckDB database of its own. Use as a context.

    Every table has all columns of the model; ``v_<table>`` is the table with ``patient_key`` where it can be reached.
    ``header``: of each series in the files, what the first of them says.
    """

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="oncofed-check-")
        self.connection = duckdb.connect(
            Path(self._directory.name, "tables.duckdb"),
            config={"memory_limit": MEMORY, "temp_directory": self._directory.name, "threads": 2},
        )
        self.unfit: list[Unfit] = []
        self.given: set[str] = set()
        """Names of the tables that files were given for."""
        self.from_images: set[str] = set()
        for table in MODEL.values():
            columns = ", ".join(f"{column.name} {column.type}" for column in table.columns)
            self.connection.execute(f"CREATE TABLE {table.name} ({columns})")
        self.connection.execute(f"CREATE TABLE header ({_HEADER})")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self._directory.cleanup()

    def load(self, folder: Path) -> None:
        """Read ``folder``'s ``<table>.parquet`` or ``.csv`` files; those of no table of the model are passed over.

        Raises:
            BadInput: ``source-unreadable`` (no such folder), ``table-invalid`` (a file that cannot be read).
        """
        if not folder.is_dir():
            raise BadInput("source-unreadable", "there is no such folder of tables")
        for file in sorted(folder.iterdir()):
            table = MODEL.get(file.stem)
            if table is not None and file.suffix.lower() in _READERS and table.name not in self.given:
                self._load(table, file)
                self.given.add(table.name)

    def _load(self, table: Table, file: Path) -> None:
        reader = _READERS[file.suffix.lower()]
        try:
            self.connection.execute(f"CREATE OR REPLACE TEMP TABLE arrived AS SELECT * FROM {reader}", [str(file)])
        except duckdb.Error as error:
            raise BadInput("table-invalid", f"{file.name} cannot be read") from error
        there = {name for name, *_ in self.connection.execute("DESCRIBE arrived").fetchall()}
        columns = [column for column in table.columns if column.name in there and column.name != "dataset_id"]
        if not columns:
            return
        tried = {
            column.name: f"TRY_CAST(nullif(CAST({column.name} AS VARCHAR), '') AS {column.type})" for column in columns
        }
        if file.suffix.lower() == ".parquet":
            tried = {column.name: f"TRY_CAST({column.name} AS {column.type})" for column in columns}
        self.connection.execute(
            f"INSERT INTO {table.name} ({', '.join(tried)}) SELECT {', '.join(tried.values())} FROM arrived"
        )
        lost = ", ".join(
            f"count(*) FILTER ({cast} IS NULL AND nullif(CAST({name} AS VARCHAR), '') IS NOT NULL)"
            for name, cast in tried.items()
        )
        counts = self.connection.execute(f"SELECT {lost} FROM arrived").fetchall()[0]
        self.unfit += [Unfit(table.name, name, rows) for name, rows in zip(tried, counts, strict=True) if rows]
        self.connection.execute("DROP TABLE arrived")

    def complete(self, spool: Spool) -> None:
        """Make rows from the image files for the tables no file was given for, then the views."""
        self.from_images = {name for name in DERIVED_FROM_IMAGES if not self.count(name)}
        for rows in _batches(spool.by_series()):
            self.insert("header", _HEADER, [tuple(row.values()) for row in rows.pop("header")])
            for name in self.from_images:
                append_rows(self.connection, MODEL[name], rows[name])
        if "patient" in self.from_images:
            self._merge("patient", "patient_key")
        if "imaging_study" in self.from_images:
            self._merge("imaging_study", "study_uid, patient_key", "n_series, n_instances, bytes")
        for name in MODEL:
            through = f"SELECT t.*, c.patient_key FROM {name} t {_THROUGH[name]}" if name in _THROUGH else ""
            self.connection.execute(f"CREATE VIEW v_{name} AS {through or f'SELECT * FROM {name}'}")

    def _merge(self, name: str, key: str, sums: str = "") -> None:
        """One row for each key: the first value that is recorded, and sums."""
        keys, summed = key.split(", "), sums.split(", ")
        columns = [
            column.name
            if column.name in keys
            else f"{'sum' if column.name in summed else 'any_value'}({column.name}) AS {column.name}"
            for column in MODEL[name].columns
        ]
        self.connection.execute(
            f"CREATE OR REPLACE TABLE {name} AS SELECT {', '.join(columns)} FROM {name} GROUP BY {key}"
        )

    def insert(self, table: str, columns: str, rows: Sequence[Sequence[object]]) -> None:
        """Insert rows into a table that was made with these ``columns`` (name and type each)."""
        types = (column.split()[1] for column in columns.split(", "))
        values = ", ".join(f"unnest(${place}::{kind}[])" for place, kind in enumerate(types, start=1))
        if rows:
            lists = [list(column) for column in zip(*rows, strict=True)]
            self.connection.execute(f"INSERT INTO {table} SELECT {values}", lists)

    def count(self, name: str) -> int:
        """Rows of a table."""
        return int(self.one(f"SELECT count(*) FROM {name}"))

    def one(self, query: str, parameters: Iterable[object] = ()) -> Any:
        """The first value of the only row."""
        return self.rows(query, parameters)[0][0]

    def rows(self, query: str, parameters: Iterable[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query: for results that do not grow with the release."""
        return self.connection.execute(query, list(parameters)).fetchall()

    def stream(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query some at a time; no other query may be asked meanwhile."""
        result = self.connection.execute(query)
        while some := result.fetchmany(_BATCH):
            yield from some


def _batches(series: Iterable[list[Instance]]) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """Rows of each table that images can fill, and of ``header``, for some series at a time."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for instances in series:
        _add_rows(rows, instances)
        if len(rows["header"]) == _BATCH:
            yield rows
            rows = defaultdict(list)
    if rows:
        yield rows


def _add_rows(rows: dict[str, list[dict[str, Any]]], instances: list[Instance]) -> None:
    """Add the rows of one series."""
    first, once = instances[0], {one.uid: one for one in instances}
    sex, age = normalise("sex", first.sex), age_in_years(first.age)
    header = {name: getattr(first, name) for name in ("patient", "study", "series", "modality")}
    rows["header"].append({**header, "sex": sex, "age": age, "n": len(once)})
    rows["patient"].append({"patient_key": first.patient, "birth_sex": sex})
    rows["imaging_study"].append(
        {
            "study_uid": first.study,
            "patient_key": first.patient,
            "acquisition_year": first.year,
            "age_at_imaging": age,
            "n_series": 1,
            "n_instances": len(once),
            "bytes": sum(one.bytes for one in instances),
        }
    )
    rows["imaging_series"].append(_series_row(first, len(once)))
    rows["derived_object"] += [_object_row(one) for one in once.values() if one.modality in _KINDS]


def _series_row(first: Instance, count: int) -> dict[str, Any]:
    strength = first.field_strength
    return {
        "series_uid": first.series,
        "study_uid": first.study,
        "modality": normalise("modality", first.modality) or first.modality or None,
        "body_part_code": normalise("body_part", first.body_part),
        "laterality": normalise("laterality", first.laterality),
        "manufacturer_norm": normalise("manufacturer", first.manufacturer),
        "model": first.model or None,
        "field_strength_t": strength / 10_000 if strength and strength > 100 else strength or None,
        "slice_thickness_mm": first.thickness,
        "spacing_x": first.spacing[1] if first.spacing else None,
        "spacing_y": first.spacing[0] if first.spacing else None,
        "kvp": first.kvp,
        "n_instances": count,
        "transfer_syntax": first.transfer_syntax or None,
    }


def _object_row(one: Instance) -> dict[str, Any]:
    methods = {segment.method.lower() for segment in one.segments if segment.method}
    return {
        "object_uid": one.uid,
        "study_uid": one.study,
        "source_series_uid": one.referenced_series[0] if len(one.referenced_series) == 1 else None,
        "kind": one.modality,
        "method": methods.pop() if len(methods) == 1 else None,
        "n_segments": len(one.segments) or None,
    }
