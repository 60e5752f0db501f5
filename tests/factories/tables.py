"""Clinical tables of a small release as files, sound or with a defect planted: what the checks are tried on."""

import copy
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Rows = dict[str, list[dict[str, Any]]]

_SOUND: Rows = {
    "patient": [
        {"patient_key": "p1", "birth_sex": "female", "birth_year": 1960, "population_category": "case",
         "vital_status": "dead", "last_contact_offset_days": 900},
        {"patient_key": "p2", "birth_sex": "male", "birth_year": 1950, "population_category": "case",
         "vital_status": "alive", "last_contact_offset_days": 700},
        {"patient_key": "p3", "birth_sex": "female", "birth_year": 1970, "population_category": "control"},
    ],
    "cancer_condition": [
        {"condition_id": 1, "patient_key": "p1", "kind": "primary", "oncotree_code": "IDC", "diagnosis_year": 2015,
         "age_at_diagnosis": 55.0, "icdo3_topography": "C50.4", "icdo3_morphology": "8500/3", "laterality": "left"},
        {"condition_id": 2, "patient_key": "p2", "kind": "primary", "oncotree_code": "PRAD", "diagnosis_year": 2016,
         "age_at_diagnosis": 66.0, "icdo3_topography": "C61", "icdo3_morphology": "8140/3", "icd10": "C61"},
    ],
    "cancer_stage": [
        {"stage_id": 1, "condition_id": 1, "system": "TNM8", "timing": "c", "axis": "M", "value": "M1"},
        {"stage_id": 2, "condition_id": 1, "system": "TNM8", "timing": "c", "axis": "group", "value": "IV"},
    ],
    "observation": [
        {"observation_id": 1, "patient_key": "p2", "category": "TUMOR_MARKER", "code_system": "LOINC", "code": "2857-1",
         "value_number": 12.0, "value_unit": "ng/mL", "offset_days": 0},
    ],
    "treatment": [
        {"treatment_id": 1, "condition_id": 1, "type": "radiotherapy", "start_offset_days": 30, "end_offset_days": 60,
         "dose_gy": 50.0, "fractions": 25},
    ],
    "outcome": [
        {"patient_key": "p1", "condition_id": 1, "kind": "RECIST_response", "value": "PR", "offset_days": 90},
        {"patient_key": "p1", "condition_id": 1, "kind": "death", "value": "yes", "offset_days": 900},
    ],
    "imaging_study": [
        {"study_uid": "1.1", "patient_key": "p1", "timepoint": "baseline", "offset_days": -5, "acquisition_year": 2015,
         "age_at_imaging": 55.0, "n_series": 1, "n_instances": 10},
    ],
    "imaging_series": [
        {"series_uid": "1.1.1", "study_uid": "1.1", "modality": "MG", "body_part_code": "BREAST", "kvp": 28.0,
         "manufacturer_norm": "hologic", "spacing_x": 0.1, "n_instances": 10, "pixel_deid_status": "clean"},
    ],
    "derived_object": [{"object_uid": "1.1.9", "study_uid": "1.1", "source_series_uid": "1.1.1", "kind": "SEG"}],
}  # fmt: skip


def sound() -> Rows:
    """Rows that break no rule."""
    return copy.deepcopy(_SOUND)


def write(rows: Rows, folder: Path) -> Path:
    """Write each table as Parquet; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, found in rows.items():
        columns = dict.fromkeys(column for row in found for column in row)
        pq.write_table(
            pa.table({column: [row.get(column) for row in found] for column in columns}), folder / f"{name}.parquet"
        )
    return folder
