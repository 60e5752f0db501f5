"""Where each criterion stands in the common data model: the one place that joins criteria to columns.

An *extraction* is a SQL expression over one table that gives the criterion's cell (a code or the label of a band) or
NULL where it is not recorded. The projection, the checks at loading and the naive peers of the benchmark all use it.
"""

from dataclasses import dataclass
from functools import cache

from oncofed.contracts.criteria import CRITERIA, Bands, Level

ONCOFED_SYSTEM = "oncofed"
"""Code system of observations for which no verified code of an open system is at hand."""

OBSERVATION_CODES: dict[str, tuple[str, str]] = {
    "er": ("LOINC", "85337-4"),
    "pr": ("LOINC", "85339-0"),
    "her2": ("LOINC", "85319-2"),
    "psa": ("LOINC", "2857-1"),
    "ecog": ("LOINC", "89247-1"),
    "ki67": (ONCOFED_SYSTEM, "ki67"),
    "gleason": (ONCOFED_SYSTEM, "gleason"),
    "isup": (ONCOFED_SYSTEM, "isup"),
    "bi_rads": (ONCOFED_SYSTEM, "bi_rads"),
    "pi_rads": (ONCOFED_SYSTEM, "pi_rads"),
    "breast_density": (ONCOFED_SYSTEM, "breast_density"),
}
"""Code system and code of each observation criterion. LOINC codes are those of the HL7 mCODE implementation guide."""

RESPONSE_KIND = "RECIST_response"
"""``outcome.kind`` whose values are the criterion ``response``."""

_COLUMNS: dict[str, tuple[str, str]] = {
    "species": ("patient", "species"),
    "sex": ("patient", "birth_sex"),
    "population": ("patient", "population_category"),
    "vital_status": ("patient", "vital_status"),
    "diagnosis": ("cancer_condition", "oncotree_code"),
    "age_at_diagnosis": ("cancer_condition", "age_at_diagnosis"),
    "year_of_diagnosis": ("cancer_condition", "diagnosis_year"),
    "tumour_laterality": ("cancer_condition", "laterality"),
    "treatment": ("treatment", "type"),
    "response": ("outcome", "value"),
    "age_at_imaging": ("imaging_study", "age_at_imaging"),
    "year_of_imaging": ("imaging_study", "acquisition_year"),
    "timepoint": ("imaging_study", "timepoint"),
    "annotation": ("derived_object", "kind"),
    "modality": ("imaging_series", "modality"),
    "body_part": ("imaging_series", "body_part_code"),
    "derived_body_part": ("imaging_series", "derived_body_part_code"),
    "laterality": ("imaging_series", "laterality"),
    "manufacturer": ("imaging_series", "manufacturer_norm"),
    "field_strength": ("imaging_series", "field_strength_t"),
    "slice_thickness": ("imaging_series", "slice_thickness_mm"),
    "contrast": ("imaging_series", "contrast"),
    "sequence_type": ("imaging_series", "sequence_type"),
    "tracer": ("imaging_series", "tracer"),
}


@dataclass(frozen=True)
class Extraction:
    """``cell``: SQL giving the criterion's cell or NULL; ``where``: which rows of ``table`` can hold it ("" all)."""

    criterion: str
    table: str
    cell: str
    where: str = ""


def band_sql(bands: Bands, column: str) -> str:
    """SQL for ``bands.label_of(column)``; NULL below the first edge and for what is no number."""
    number = f"CAST({column} AS DOUBLE)"
    steps = (
        f" WHEN {number} < {edge} THEN '{label}'" for edge, label in zip(bands.edges[1:], bands.labels, strict=False)
    )
    outside = f"WHEN NOT isfinite({number}) OR {number} < {bands.edges[0]} THEN NULL"
    return f"CASE WHEN {column} IS NULL THEN NULL {outside}{''.join(steps)} ELSE '{bands.labels[-1]}' END"


def _stage(criterion: str) -> Extraction:
    if criterion == "stage":
        return Extraction(criterion, "cancer_stage", "value", "axis = 'group'")
    timing, axis = criterion[0], criterion[1].upper()
    return Extraction(criterion, "cancer_stage", "value", f"timing = '{timing}' AND axis = '{axis}'")


def _extraction(criterion: str) -> Extraction:
    bands = CRITERIA[criterion].bands
    if criterion in OBSERVATION_CODES:
        system, code = OBSERVATION_CODES[criterion]
        cell = band_sql(bands, "value_number") if bands else "value_code"
        return Extraction(criterion, "observation", cell, f"code_system = '{system}' AND code = '{code}'")
    if criterion not in _COLUMNS:
        return _stage(criterion)
    table, column = _COLUMNS[criterion]
    where = f"kind = '{RESPONSE_KIND}'" if criterion == "response" else ""
    return Extraction(criterion, table, band_sql(bands, column) if bands else column, where)


@cache
def extractions() -> dict[str, Extraction]:
    """The extraction of every criterion, in the order of the contract."""
    return {name: _extraction(name) for name in CRITERIA}


@cache
def criteria_of(*levels: Level) -> tuple[str, ...]:
    """Names of the criteria of these levels, in the order of the contract."""
    return tuple(name for name, definition in CRITERIA.items() if definition.level in levels)


SERIES_CRITERIA = criteria_of(Level.SERIES)
STUDY_CRITERIA = criteria_of(Level.STUDY)
"""Criteria of a study itself."""
IMAGING_CRITERIA = (*STUDY_CRITERIA, *SERIES_CRITERIA)
"""Criteria that may stand in ``same study (…)``."""
CLINICAL_CRITERIA = criteria_of(Level.PATIENT, Level.CONDITION, Level.OBSERVATION, Level.TREATMENT, Level.OUTCOME)
