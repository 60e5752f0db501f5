"""Patients as rows of the common data model, and a warehouse made of them: from plain values to real loading."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from oncofed.contracts.catalogue import DatasetRecord
from oncofed.contracts.criteria import CRITERIA, MISSING, Level
from oncofed.contracts.query import Query
from oncofed.contracts.vocabulary import roll_up
from oncofed.trust.pseudonyms import Pseudonyms
from oncofed.warehouse import Release, load
from oncofed.warehouse.extraction import CLINICAL_CRITERIA, OBSERVATION_CODES, RESPONSE_KIND
from oncofed.warehouse.schema import TABLES
from oncofed.warehouse.sources.base import Draft, Filling, SourceReport
from tests.factories.patients import Patient, Study, Values, _values_of_patient, matches
from tests.factories.queries import pool

SECRET = b"a secret of 32 bytes for testing"
PSEUDONYMS = Pseudonyms(SECRET)
Rows = dict[str, list[dict[str, Any]]]
Dataset = Mapping[str, Patient]
"""Patient identifier → patient."""

_STAGES = {"ct", "cn", "cm", "pt", "pn", "pm", "stage"}
_CONDITIONS = ("diagnosis", "age_at_diagnosis", "year_of_diagnosis", "tumour_laterality")
_NEEDS_DIAGNOSIS = frozenset({*_CONDITIONS, *_STAGES, "treatment"})
_ONE_PER_STUDY = ("age_at_imaging", "year_of_imaging", "timepoint")


def a_record(dataset_id: str = "tested", **more: Any) -> DatasetRecord:
    return DatasetRecord(dataset_id=dataset_id, title=f"Dataset {dataset_id}", **more)


@dataclass(frozen=True)
class RowsSource:
    """A source that inserts rows as they are given; ``dataset_id`` is taken from the record."""

    tables: Mapping[str, Rows]
    """Rows by dataset."""
    name: str = "rows"
    mapping_version: str = "1"

    def fill(self, filling: Filling) -> SourceReport:
        for dataset_id, rows in self.tables.items():
            for table, found in rows.items():
                for row in found:
                    given = row | {"dataset_id": dataset_id}
                    filling.connection.execute(
                        f"INSERT INTO {table} ({', '.join(given)}) VALUES ({', '.join('?' * len(given))})",
                        list(given.values()),
                    )
        drafts = tuple(Draft(a_record(dataset_id), tuple(CRITERIA)) for dataset_id in self.tables)
        return SourceReport(drafts=drafts, rows_in=sum(len(r) for rows in self.tables.values() for r in rows.values()))


def representable(patient: Patient) -> Patient:
    """The patient with what the tables need: a diagnosis behind every stage, one age, year, time point a study."""
    values = dict(patient.values)
    if not _NEEDS_DIAGNOSIS.isdisjoint(values) and "diagnosis" not in values:
        values["diagnosis"] = frozenset({"BREAST"})
    studies = tuple(
        Study(
            {n: frozenset({min(v)}) if n in _ONE_PER_STUDY else v for n, v in study.values.items()},
            study.series,
        )
        for study in patient.studies
    )
    return replace(patient, values=values, studies=studies)


def number_in(criterion: str, cell: str) -> float:
    """The least number of a band."""
    bands = CRITERIA[criterion].bands
    assert bands is not None
    return bands.edges[bands.labels.index(cell)]


def _cell_value(criterion: str, cell: str | None) -> Any:
    if cell is None or CRITERIA[criterion].bands is None:
        return cell
    return number_in(criterion, cell)


def rows_of(dataset: Dataset, pseudonyms: Pseudonyms = PSEUDONYMS) -> Rows:
    """The tables' rows of representable patients."""
    rows: Rows = {table: [] for table in TABLES}
    for number, (identifier, patient) in enumerate(dataset.items()):
        key = pseudonyms.patient(identifier)
        _patient_rows(rows, key, number * 1000, patient)
        for place, study in enumerate(patient.studies):
            _study_rows(rows, key, pseudonyms.uid(f"1.{number}.{place}"), study)
    return {table: found for table, found in rows.items() if found}


def _one(values: Values, name: str) -> str | None:
    return min(values[name]) if name in values else None


def _patient_rows(rows: Rows, key: str, number: int, patient: Patient) -> None:
    values = patient.values
    columns = {
        "species": "species",
        "birth_sex": "sex",
        "population_category": "population",
        "vital_status": "vital_status",
    }
    rows["patient"].append({"patient_key": key, **{column: _one(values, name) for column, name in columns.items()}})
    listed = {name: sorted(values.get(name, ())) for name in CLINICAL_CRITERIA}
    for index in range(max(len(listed[name]) for name in _CONDITIONS)):
        diagnosis, age, year, side = (
            _cell_value(name, listed[name][index] if index < len(listed[name]) else None) for name in _CONDITIONS
        )
        rows["cancer_condition"].append(
            {
                "condition_id": number + index,
                "patient_key": key,
                "kind": "primary",
                "oncotree_code": diagnosis or listed["diagnosis"][0],
                "age_at_diagnosis": age,
                "diagnosis_year": None if year is None else int(year),
                "laterality": side,
            }
        )
    for name in CLINICAL_CRITERIA:
        for index, cell in enumerate(listed[name]):
            _event_row(rows, name, cell, key, (number, index))


def _event_row(rows: Rows, name: str, cell: str, key: str, place: tuple[int, int]) -> None:
    number, index = place
    own = number * 100 + list(CRITERIA).index(name) * 20 + index
    if name in _STAGES:
        timing, axis = ("c", "group") if name == "stage" else (name[0], name[1].upper())
        row = {"stage_id": own, "condition_id": number, "system": "TNM8", "timing": timing, "axis": axis}
        rows["cancer_stage"].append(row | {"value": cell})
    elif name in OBSERVATION_CODES:
        system, code = OBSERVATION_CODES[name]
        column = "value_code" if CRITERIA[name].bands is None else "value_number"
        row = {"observation_id": own, "patient_key": key, "category": "LAB", "code_system": system, "code": code}
        rows["observation"].append(row | {column: _cell_value(name, cell)})
    elif name == "treatment":
        rows["treatment"].append({"treatment_id": own, "condition_id": number, "type": cell})
    elif name == "response":
        rows["outcome"].append({"patient_key": key, "kind": RESPONSE_KIND, "value": cell})


_SERIES_COLUMNS = {
    "modality": "modality",
    "body_part": "body_part_code",
    "derived_body_part": "derived_body_part_code",
    "laterality": "laterality",
    "manufacturer": "manufacturer_norm",
    "field_strength": "field_strength_t",
    "slice_thickness": "slice_thickness_mm",
    "contrast": "contrast",
    "sequence_type": "sequence_type",
    "tracer": "tracer",
}


def _study_rows(rows: Rows, key: str, uid: str, study: Study) -> None:
    values = study.values
    year = _cell_value("year_of_imaging", _one(values, "year_of_imaging"))
    rows["imaging_study"].append(
        {
            "study_uid": uid,
            "patient_key": key,
            "timepoint": _one(values, "timepoint"),
            "acquisition_year": None if year is None else int(year),
            "age_at_imaging": _cell_value("age_at_imaging", _one(values, "age_at_imaging")),
            "n_series": len(study.series),
            "n_instances": 2 * len(study.series),
        }
    )
    for kind in sorted(values.get("annotation", ())):
        rows["derived_object"].append({"object_uid": f"{uid}.{kind}", "study_uid": uid, "kind": kind})
    for place, series in enumerate(study.series):
        row = {"series_uid": f"{uid}.{place}", "study_uid": uid, "n_instances": 2, "pixel_deid_status": "unchecked"}
        rows["imaging_series"].append(
            row | {column: _cell_value(name, _one(series, name)) for name, column in _SERIES_COLUMNS.items()}
        )


def load_datasets(directory: Path, datasets: Mapping[str, Dataset], release: str = "1") -> tuple[Release, ...]:
    """One load, so one shard, of these datasets."""
    source = RowsSource({name: rows_of(dataset) for name, dataset in datasets.items()})
    return load(source, directory=directory, pseudonyms=PSEUDONYMS, release=release)


def counted(query: Query, datasets: Iterable[Dataset]) -> int:
    """What ``Warehouse.count`` must say: distinct patients over the datasets, each judged within one dataset."""
    return len({key for dataset in datasets for key, patient in dataset.items() if matches(query, patient)})


def cells_of(patient: Patient, criterion: str) -> frozenset[str]:
    """The rolled-up cells a patient stands in."""
    recorded = _values_of_patient(criterion, patient)
    return frozenset(roll_up(criterion, value) for value in recorded) or frozenset({MISSING})


def counted_by(query: Query, datasets: Iterable[Dataset], by: str) -> dict[str, int]:
    """``counted`` for each cell of ``by`` that occurs."""
    found: dict[str, set[str]] = {}
    for dataset in datasets:
        for key, patient in dataset.items():
            if matches(query, patient):
                for cell in cells_of(patient, by):
                    found.setdefault(cell, set()).add(key)
    return {cell: len(keys) for cell, keys in found.items()}


def a_crowd(number: int, seed: int) -> dict[str, Patient]:
    """Random patients of all criteria, the same for the same seed; about half of everything is missing."""
    rng = random.Random(seed)
    return {f"patient {n}": representable(_random_patient(rng)) for n in range(number)}


def _random_values(rng: random.Random, levels: Sequence[Level], most: int) -> Values:
    values: Values = {}
    for name, definition in CRITERIA.items():
        if definition.level in levels and rng.random() < 0.55:
            few = rng.randint(1, most if definition.several else 1)
            values[name] = frozenset(rng.sample(pool(name), min(few, len(pool(name)))))
    return values


def _random_patient(rng: random.Random) -> Patient:
    clinical = [level for level in Level if level not in (Level.STUDY, Level.SERIES)]
    values = _random_values(rng, clinical, 2) | ({"species": frozenset({"human"})} if rng.random() < 0.9 else {})
    studies = tuple(
        Study(
            _random_values(rng, [Level.STUDY], 2),
            tuple(_random_values(rng, [Level.SERIES], 1) for _ in range(rng.randint(1, 3))),
        )
        for _ in range(rng.randint(0, 3))
    )
    return Patient(values, studies)
