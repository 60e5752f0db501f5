"""What the noise is calibrated to: how much one patient, however odd, changes what the real warehouse counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from oncofed.contracts.catalogue import DatasetRecord
from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.query import parse
from oncofed.disclosure.constants import SIZE_CLAMPS
from oncofed.disclosure.plan import Planned, planned
from oncofed.trust import Pseudonyms
from oncofed.warehouse import Warehouse, load
from oncofed.warehouse.sources.base import Draft, Filling, SourceReport
from oncofed.warehouse.sources.synthetic import SyntheticSource

PSEUDONYMS = Pseudonyms(b"p" * 32)
COLLECTOR = PSEUDONYMS.patient("collector")
PLAN = planned(CRITERIA)

MODALITIES = ("CT", "MR", "PT", "MG", "US")
MAKERS = ("siemens", "ge", "philips", "canon")
PARTS = ("BREAST", "CHEST", "ABDOMEN", "PELVIS")
DIAGNOSES = (("BREAST", 41), ("LUNG", 52), ("BOWEL", 63), ("SKIN", 74))
TREATMENTS = ("surgery", "radiotherapy", "chemotherapy", "hormone_therapy", "immunotherapy")
STAGES = ("I", "II", "III", "IV")
OBJECTS = ("SEG", "RTSTRUCT", "SR", "ANN")


@dataclass
class WithCollector:
    """Synthetic patients, and one who has some of everything: 8 studies, 160 series, 80,000 images."""

    dataset_id: str
    collector: bool = True
    name: str = "with-collector"
    mapping_version: str = "1"

    def fill(self, filling: Filling) -> SourceReport:
        record = DatasetRecord(dataset_id=self.dataset_id, title="Sensitivity")
        report = SyntheticSource(record, patients=40).fill(filling)
        if self.collector:
            for statement, rows in self._rows():
                filling.connection.executemany(statement, rows)
        return SourceReport(drafts=(Draft(record, report.drafts[0].supports),), rows_in=report.rows_in)

    def _rows(self) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
        own = self.dataset_id
        yield (
            "INSERT INTO patient (dataset_id, patient_key, species, birth_sex) VALUES (?, ?, 'human', 'female')",
            [(own, COLLECTOR)],
        )
        yield (
            "INSERT INTO cancer_condition (dataset_id, condition_id, patient_key, kind, oncotree_code,"
            " age_at_diagnosis) VALUES (?, ?, ?, 'primary', ?, ?)",
            [(own, 900_000 + n, COLLECTOR, code, age) for n, (code, age) in enumerate(DIAGNOSES)],
        )
        yield (
            "INSERT INTO cancer_stage (dataset_id, stage_id, condition_id, system, timing, axis, value)"
            " VALUES (?, ?, ?, 'TNM', 'c', 'group', ?)",
            [(own, 900_000 + n, 900_000 + n, stage) for n, stage in enumerate(STAGES)],
        )
        yield (
            "INSERT INTO treatment (dataset_id, treatment_id, condition_id, type) VALUES (?, ?, 900000, ?)",
            [(own, 900_000 + n, kind) for n, kind in enumerate(TREATMENTS)],
        )
        yield (
            "INSERT INTO imaging_study (dataset_id, study_uid, patient_key, acquisition_year, age_at_imaging, n_series,"
            " n_instances) VALUES (?, ?, ?, ?, ?, 20, 10000)",
            [(own, f"2.25.7{n}", COLLECTOR, 2004 + n, 40 + 6 * n) for n in range(8)],
        )
        values = list(product(MODALITIES, MAKERS, PARTS, range(2)))
        yield (
            "INSERT INTO imaging_series (dataset_id, series_uid, study_uid, modality, manufacturer_norm,"
            " body_part_code, n_instances, pixel_deid_status) VALUES (?, ?, ?, ?, ?, ?, 500, 'none')",
            [(own, f"2.25.8{n}", f"2.25.7{n % 8}", *some[:3]) for n, some in enumerate(values)],
        )
        yield (
            "INSERT INTO derived_object (dataset_id, object_uid, study_uid, kind) VALUES (?, ?, '2.25.70', ?)",
            [(own, f"2.25.9{n}", kind) for n, kind in enumerate(OBJECTS)],
        )


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    directory: Path = tmp_path_factory.mktemp("warehouse")
    for dataset, collector in (("with-collector", True), ("also-with", True), ("without", False)):
        load(WithCollector(dataset, collector), directory=directory, pseudonyms=PSEUDONYMS, release="1")
    with Warehouse(directory) as opened:
        yield opened


@pytest.mark.parametrize("one", PLAN, ids=lambda one: "+".join(one.criteria))
def test_a_patient_changes_a_marginal_by_no_more_than_its_clamp(warehouse: Warehouse, one: Planned) -> None:
    there = warehouse.marginal(("with-collector", "1"), one.criteria, one.clamp)
    absent = warehouse.marginal(("without", "1"), one.criteria, one.clamp)
    change = {cell: there.get(cell, 0) - absent.get(cell, 0) for cell in there.keys() | absent.keys()}
    assert set(change.values()) <= {0, 1}
    assert sum(change.values()) == one.clamp  # this patient uses it up: it has more values than any clamp


def test_without_a_clamp_the_patient_would_change_more(warehouse: Warehouse) -> None:
    pair = ("modality", "manufacturer")
    there, absent = (
        sum(warehouse.marginal((name, "1"), pair, 1000).values()) for name in ("with-collector", "without")
    )
    assert there - absent == len(MODALITIES) * len(MAKERS)


def test_a_patient_changes_the_sizes_by_no_more_than_their_clamps(warehouse: Warehouse) -> None:
    there, absent = (vars(warehouse.clamped_size((name, "1"), SIZE_CLAMPS)) for name in ("with-collector", "without"))
    assert {kind: there[kind] - absent[kind] for kind in SIZE_CLAMPS} == SIZE_CLAMPS
    assert warehouse.population(("with-collector", "1")) - warehouse.population(("without", "1")) == 1


def test_a_patient_of_two_datasets_changes_a_union_by_one(warehouse: Warehouse) -> None:
    query = parse("modality = MG and modality = US and modality = PT and treatment = surgery").query
    both = [("with-collector", "1"), ("also-with", "1")]
    one_of_them = [("with-collector", "1"), ("without", "1")]
    none = [("without", "1")]
    assert warehouse.count(query, both)[""] == warehouse.count(query, one_of_them)[""]
    assert warehouse.count(query, one_of_them)[""] == warehouse.count(query, none)[""] + 1
    by_modality = (warehouse.count(query, releases, "modality") for releases in (both, one_of_them))
    assert next(by_modality) == next(by_modality)
