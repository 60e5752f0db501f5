"""The rules on clinical tables: ranges, codes, coherence over time, and references between tables.

A rule is two pieces of SQL over the views ``v_<table>`` of ``tables.Tables``: which rows it applies to, and when one is
wrong. Rules are data, so that the page of the reference can list them.
"""
# ruff: noqa: S608 (SQL of the model's own names)

from typing import NamedTuple

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.vocabulary import descendants, domain
from oncofed.warehouse.extraction import OBSERVATION_CODES, extractions

_ERROR, _WARNING, _NOTE = "error", "warning", "note"
_YEARS_APART = 1.5


class Rule(NamedTuple):
    """``rows``: FROM … WHERE …, the rows it applies to, with ``patient_key``; ``wrong``: when a row breaks the rule."""

    name: str
    title: str
    dimension: str
    severity: str
    meaning: str
    rows: str
    wrong: str


def _codes(*tissues: str) -> str:
    """OncoTree codes at and below ``tissues`` as a list in SQL."""
    return ", ".join(f"'{code}'" for tissue in tissues for code in sorted(descendants("oncotree", tissue)))


def _range(name: str, place: str, limits: tuple[float, float], label: str, where: str = "TRUE") -> Rule:
    (table, column), (low, high) = place.split("."), limits
    return Rule(
        f"range-{name}",
        f"{label} out of range",
        "accurate",
        _WARNING,
        f"Expected: {low:g} to {high:g}.",
        f"v_{table} WHERE {column} IS NOT NULL AND {where}",
        f"NOT {column} BETWEEN {low:g} AND {high:g}",
    )


def _observed(criterion: str) -> str:
    system, code = OBSERVATION_CODES[criterion]
    return f"code_system = '{system}' AND code = '{code}'"


RANGES = (
    _range("birth-year", "patient.birth_year", (1890, 2100), "year of birth"),
    _range("last-contact", "patient.last_contact_offset_days", (-36525, 36525), "offset of the last contact"),
    _range("age-at-diagnosis", "cancer_condition.age_at_diagnosis", (0, 120), "age at diagnosis"),
    _range("diagnosis-year", "cancer_condition.diagnosis_year", (1950, 2100), "year of diagnosis"),
    _range("age-at-imaging", "imaging_study.age_at_imaging", (0, 120), "age at imaging"),
    _range("acquisition-year", "imaging_study.acquisition_year", (1970, 2100), "year of imaging"),
    _range("study-offset", "imaging_study.offset_days", (-18263, 36525), "offset of a study"),
    _range("field-strength", "imaging_series.field_strength_t", (0.01, 12), "field strength, T"),
    _range("slice-thickness", "imaging_series.slice_thickness_mm", (0.01, 50), "slice thickness, mm"),
    _range("spacing", "imaging_series.spacing_x", (0.0001, 20), "pixel spacing, mm"),
    _range("kvp", "imaging_series.kvp", (10, 200), "tube voltage, kV"),
    _range("dose", "treatment.dose_gy", (0.1, 200), "radiation dose, Gy"),
    _range("fractions", "treatment.fractions", (1, 80), "fractions"),
    _range("psa", "observation.value_number", (0, 20000), "PSA, ng/mL", _observed("psa")),
    _range("ki67", "observation.value_number", (0, 100), "Ki-67, %", _observed("ki67")),
)

_FEMALE_ONLY = _codes("OVARY", "UTERUS", "CERVIX", "VULVA")
_MALE_ONLY = _codes("PROSTATE", "TESTIS", "PENIS")
_DEATH = "(SELECT patient_key, min(offset_days) AS died FROM outcome WHERE kind = 'death' GROUP BY 1)"
_FIRST_TREATMENT = (
    "(SELECT patient_key, min(start_offset_days) AS began FROM v_treatment WHERE type <> 'watchful_waiting' GROUP BY 1)"
)
_EVENTS = """(SELECT patient_key, offset_days AS day FROM observation UNION ALL
              SELECT patient_key, offset_days FROM imaging_study UNION ALL
              SELECT patient_key, start_offset_days FROM v_treatment UNION ALL
              SELECT patient_key, offset_days FROM outcome WHERE kind <> 'death')"""
_CONDITION_AND_PATIENT = """(SELECT c.*, p.* EXCLUDE (dataset_id, patient_key) FROM cancer_condition c
    JOIN patient p USING (patient_key))"""
_STUDY_AND_CONDITION = """(SELECT s.patient_key, s.offset_days, s.acquisition_year, s.age_at_imaging,
    c.age_at_diagnosis, c.diagnosis_year FROM imaging_study s JOIN (SELECT patient_key,
    min(age_at_diagnosis) AS age_at_diagnosis, min(diagnosis_year) AS diagnosis_year, count(*) AS conditions
    FROM cancer_condition GROUP BY 1) c USING (patient_key) WHERE c.conditions = 1)"""

COHERENCE = (
    Rule("sex-and-diagnosis", "diagnoses the recorded sex cannot have", "consistent", _ERROR,
         "A cancer of a female organ in a male patient, or the other way round.",
         f"{_CONDITION_AND_PATIENT} WHERE birth_sex IN ('male', 'female')",
         f"(birth_sex = 'male' AND oncotree_code IN ({_FEMALE_ONLY})) OR "
         f"(birth_sex = 'female' AND oncotree_code IN ({_MALE_ONLY}))"),
    Rule("age-and-birth-year", "ages that do not fit the year of birth", "consistent", _WARNING,
         "Year of diagnosis less year of birth differs from the age at diagnosis by more than 1.5 years.",
         f"{_CONDITION_AND_PATIENT} WHERE birth_year IS NOT NULL AND diagnosis_year IS NOT NULL "
         "AND age_at_diagnosis IS NOT NULL",
         f"abs(diagnosis_year - birth_year - age_at_diagnosis) > {_YEARS_APART}"),
    Rule("imaging-year", "years of imaging that do not fit the offset", "consistent", _WARNING,
         "Year of diagnosis plus the study's offset is another year.",
         f"{_STUDY_AND_CONDITION} WHERE offset_days IS NOT NULL AND acquisition_year IS NOT NULL "
         "AND diagnosis_year IS NOT NULL",
         f"abs(diagnosis_year + 0.5 + offset_days / 365.25 - (acquisition_year + 0.5)) > {_YEARS_APART}"),
    Rule("imaging-age", "ages at imaging that do not fit the offset", "consistent", _WARNING,
         "Age at diagnosis plus the study's offset is another age.",
         f"{_STUDY_AND_CONDITION} WHERE offset_days IS NOT NULL AND age_at_imaging IS NOT NULL "
         "AND age_at_diagnosis IS NOT NULL",
         f"abs(age_at_diagnosis + offset_days / 365.25 - age_at_imaging) > {_YEARS_APART}"),
    Rule("treatment-order", "treatments that end before they begin", "consistent", _ERROR,
         "End and start may be swapped.",
         "v_treatment WHERE start_offset_days IS NOT NULL AND end_offset_days IS NOT NULL",
         "end_offset_days < start_offset_days"),
    Rule("dose-without-radiotherapy", "radiation doses of other treatments", "consistent", _WARNING,
         "A dose in Gy or a number of fractions belongs to radiotherapy.",
         "v_treatment WHERE dose_gy IS NOT NULL OR fractions IS NOT NULL",
         "type NOT IN ('radiotherapy', 'radionuclide_therapy')"),
    Rule("death-and-status", "deaths of patients recorded as alive", "consistent", _ERROR,
         "An outcome says death, the vital status says alive.",
         f"patient JOIN {_DEATH} d USING (patient_key) WHERE vital_status IS NOT NULL",
         "vital_status = 'alive'"),
    Rule("event-after-death", "events after death", "consistent", _ERROR,
         "An observation, study, treatment or outcome lies after the day of death.",
         f"{_EVENTS} e JOIN {_DEATH} d USING (patient_key) WHERE e.day IS NOT NULL AND d.died IS NOT NULL",
         "e.day > d.died"),
    Rule("event-after-last-contact", "events after the last contact", "consistent", _WARNING,
         "The last contact should be the latest event.",
         f"{_EVENTS} e JOIN patient p USING (patient_key) WHERE e.day IS NOT NULL "
         "AND p.last_contact_offset_days IS NOT NULL",
         "e.day > p.last_contact_offset_days"),
    Rule("baseline-after-treatment", "baseline studies after treatment began", "consistent", _WARNING,
         "The time point says baseline, the offsets say later.",
         f"imaging_study s JOIN {_FIRST_TREATMENT} t USING (patient_key) WHERE s.timepoint = 'baseline' "
         "AND s.offset_days IS NOT NULL AND t.began IS NOT NULL",
         "s.offset_days > t.began"),
    Rule("response-before-treatment", "responses before any treatment", "consistent", _WARNING,
         "A response is assessed after treatment began.",
         f"outcome o JOIN {_FIRST_TREATMENT} t USING (patient_key) WHERE o.kind = 'RECIST_response' "
         "AND o.offset_days IS NOT NULL AND t.began IS NOT NULL",
         "o.offset_days < t.began"),
    Rule("metastasis-and-stage", "M1 with a stage group below IV", "consistent", _WARNING,
         "Right for few cancers only (thyroid in the young, testis); check the others.",
         """(SELECT s.patient_key, s.condition_id, max(m.value) AS m, max(s.value) AS stage FROM v_cancer_stage s
             JOIN cancer_stage m ON m.condition_id = s.condition_id AND m.timing = s.timing AND m.axis = 'M'
             WHERE s.axis = 'group' GROUP BY ALL)""",
         "m LIKE 'M1%' AND stage NOT LIKE 'IV%'"),
    Rule("control-with-cancer", "controls with a cancer", "consistent", _ERROR,
         "The population says control or screened negative, a condition says cancer.",
         "patient WHERE population_category IN ('control', 'screening_negative')",
         "patient_key IN (SELECT patient_key FROM cancer_condition)"),
    Rule("case-without-condition", "cases without a condition", "complete", _WARNING,
         "A cancer case needs a diagnosis.",
         "patient WHERE population_category = 'case'",
         "patient_key NOT IN (SELECT patient_key FROM cancer_condition)"),
)  # fmt: skip


def _refers(table: str, column: str, target: str) -> Rule:
    return Rule(
        f"orphan-{table.replace('_', '-')}",
        f"rows of {table} that refer to no {target}",
        "integrity",
        _ERROR,
        f"{column} is in no row of {target}; such rows cannot be loaded.",
        f"(SELECT {column}, {'patient_key' if column == 'patient_key' else 'NULL AS patient_key'} FROM {table}) "
        f"WHERE {column} IS NOT NULL",
        f"{column} NOT IN (SELECT {column} FROM {target} WHERE {column} IS NOT NULL)",
    )


REFERENCES = (
    _refers("cancer_condition", "patient_key", "patient"),
    _refers("cancer_stage", "condition_id", "cancer_condition"),
    _refers("observation", "patient_key", "patient"),
    _refers("treatment", "condition_id", "cancer_condition"),
    _refers("outcome", "patient_key", "patient"),
    _refers("imaging_study", "patient_key", "patient"),
    _refers("imaging_series", "study_uid", "imaging_study"),
    _refers("derived_object", "study_uid", "imaging_study"),
)


def _unique(table: str, key: str) -> Rule:
    return Rule(
        f"repeated-{table.replace('_', '-')}",
        f"rows of {table} that repeat a key",
        "unique",
        _ERROR,
        f"{key} must be unique.",
        f"(SELECT {key}, count(*) AS times, {'patient_key' if key == 'patient_key' else 'NULL AS patient_key'} "
        f"FROM {table} WHERE {key} IS NOT NULL GROUP BY ALL)",
        "times > 1",
    )


KEYS = (
    _unique("patient", "patient_key"),
    _unique("cancer_condition", "condition_id"),
    _unique("cancer_stage", "stage_id"),
    _unique("observation", "observation_id"),
    _unique("treatment", "treatment_id"),
    _unique("imaging_study", "study_uid"),
    _unique("imaging_series", "series_uid"),
    _unique("derived_object", "object_uid"),
)


def _coded(criterion: str) -> Rule:
    found = extractions()[criterion]
    known = ", ".join("'" + code.replace("'", "''") + "'" for code in domain(criterion))
    return Rule(
        f"code-{criterion.replace('_', '-')}",
        f"unknown codes: {CRITERIA[criterion].label}",
        "accurate",
        _ERROR,
        "Not in the vocabulary; such rows cannot be loaded or searched.",
        f"v_{found.table} WHERE ({found.cell}) IS NOT NULL AND {found.where or 'TRUE'}",
        f"({found.cell}) NOT IN ({known})",
    )


CODES = tuple(_coded(name) for name, criterion in CRITERIA.items() if criterion.bands is None)
UNITS = tuple(
    Rule(
        f"unit-{criterion}",
        f"{CRITERIA[criterion].label} in another unit",
        "consistent",
        _ERROR,
        f"The model's unit is {bands.unit}.",
        f"observation WHERE {_observed(criterion)} AND value_number IS NOT NULL",
        f"value_unit IS DISTINCT FROM '{bands.unit}'",
    )
    for criterion in OBSERVATION_CODES
    if (bands := CRITERIA[criterion].bands) is not None
)
PATTERNS = tuple(
    Rule(
        f"pattern-{column}",
        f"malformed codes: {label}",
        "accurate",
        _WARNING,
        f"Expected the form {example}.",
        f"cancer_condition WHERE {column} IS NOT NULL",
        f"NOT regexp_full_match({column}, '{pattern}')",
    )
    for column, label, pattern, example in (
        ("icdo3_topography", "ICD-O-3 topography", r"C\d\d(\.\d)?", "C50.4"),
        ("icdo3_morphology", "ICD-O-3 morphology", r"\d{4}(/\d)?", "8500/3"),
        ("icd10", "ICD-10", r"[A-Z]\d\d(\.?[0-9A-Z]{1,4})?", "C50.4"),
        ("ncit_code", "NCI Thesaurus", r"C\d{2,7}", "C4872"),
    )
)
CLINICAL_RULES = (*KEYS, *REFERENCES, *RANGES, *CODES, *UNITS, *PATTERNS, *COHERENCE)
"""All rules on the tables themselves."""
