"""The 24 tables and two views of the EUCAIM common data model, each as a query over ours.

The queries stand on ``condition``, ``study``, ``series`` and ``therapy`` (our tables with a dense ``number``) and on
the macro ``theirs(kind, code)``, which ``oncofed.prepare.eucaim`` opens. Names are spelt as EUCAIM spells them.
"""
# ruff: noqa: S608  (only names of the two models stand in the SQL; the two texts given are quoted)

from oncofed.prepare.mapping.expressions import literal, quoted
from oncofed.warehouse.extraction import OBSERVATION_CODES

_STAGES = {"c": ("ct", "cn", "cm"), "p": ("pt", "pn", "pm")}
_MARKERS = ("er", "pr", "her2", "psa", "ki67")
_GRADES = ("gleason", "isup")
_READINGS = ("bi_rads", "pi_rads")
_NUMBER = "row_number() OVER (ORDER BY observation_id)"
_NOTHING = "CAST(NULL AS VARCHAR)"


def _empty(*columns: str) -> str:
    """A table of which only the heading is known."""
    return f"SELECT {', '.join(f'{_NOTHING} AS {quoted(one)}' for one in columns)} WHERE FALSE"


_EMPTY = {
    "family_member_history": _empty(
        "family_member_history_id", "patient_id", "family_member_relationship", "family_member_condition_code",
        "family_member_condition_present", "family_member_onset_age", "family_member_onset_age_unit",
    ),
    "medical_history": _empty(
        "medical_history_id", "patient_id", "medical_history_code", "medical_history_category",
        "medical_history_onset_age", "medical_history_onset_age_unit", "medical_history_value_as_concept",
        "medical_history_value_as_number", "medical_history_value_unit",
    ),
    "tumor": _empty(
        "tumor_id", "cancer_condition_id", "patient_id", "Identifier", "tumor_is_index", "tumor_histology_morphology",
        "tumor_volume", "tumor_volume_unit", "tumor_size_method", "tumor_size_maximum_dimension",
        "tumor_size_other_dimension", "tumor_size_dimension_unit", "tumor_body_site", "tumor_body_site_location",
        "tumor_body_site_laterality",
    ),
    "risk_assessment": _empty(
        "risk_assessment_id", "tumor_id", "patient_id", "risk_assessment_code", "risk_assessment_value_unit",
        "risk_assessment_value_as_concept", "risk_assessment_value_as_number",
    ),
    "adverse_event": _empty(
        "adverse_event_id", "treatment_id", "adverse_event_resulting_effect", "adverse_event_date"
    ),
}  # fmt: skip
"""Tables our model has no rows for."""


def _coded(criteria: tuple[str, ...]) -> str:
    """Observations of criteria with their name, numbered."""
    names = " ".join(
        f"WHEN code_system = '{OBSERVATION_CODES[one][0]}' AND code = '{OBSERVATION_CODES[one][1]}' THEN '{one}'"
        for one in criteria
    )
    return f"(SELECT * FROM (SELECT *, CASE {names} END AS criterion FROM observation) WHERE criterion IS NOT NULL)"


def queries(dataset_id: str, title: str) -> dict[str, str]:
    """Each of the 24 tables as a query over ours."""
    return {
        "dataset": f"""SELECT {literal(dataset_id)} AS dataset_id, {literal(title)} AS dataset_title,
                       '' AS dataset_description""",
        "patient": f"""SELECT patient_key AS patient_id, {literal(dataset_id)} AS dataset_id,
            {_NOTHING} AS patient_birth_date, theirs('sex', birth_sex) AS patient_birth_sex,
            {_NOTHING} AS patient_gender, {_NOTHING} AS patient_race, {_NOTHING} AS patient_ethnicity,
            {_NOTHING} AS patient_managing_organization, population_category AS patient_diagnostic_category,
            CASE vital_status WHEN 'dead' THEN 'true' WHEN 'alive' THEN 'false' END AS patient_deceased,
            {_NOTHING} AS patient_date_of_last_contact, {_NOTHING} AS patient_cause_of_death FROM patient""",
        **_condition_queries(),
        **_observation_queries(),
        **_EMPTY,
        **_treatment_queries(),
        **_image_queries(),
    }


def _condition_queries() -> dict[str, str]:
    axis = " ".join(
        f"WHEN timing = '{timing}' AND axis = '{name[1].upper()}' THEN '{name}'"
        for timing, names in _STAGES.items()
        for name in names
    )
    return {
        "cancer_condition": f"""SELECT number AS cancer_condition_id, patient_key AS patient_id,
            {_NOTHING} AS Identifier,
            age_at_diagnosis AS cancer_condition_age_at_diagnosis, 'a' AS cancer_condition_age_unit,
            {_NOTHING} AS cancer_condition_asserted_date, 0 AS cancer_condition_offset_from_primary,
            'd' AS cancer_condition_offset_unit, theirs('diagnosis', oncotree_code) AS cancer_condition_code,
            kind AS cancer_condition_type, icdo3_morphology AS cancer_condition_histology_morphology,
            icdo3_topography AS cancer_condition_topography, number AS Episode FROM condition""",
        "cancer_stage": f"""SELECT row_number() OVER (ORDER BY stage_id) AS cancer_stage_id,
            number AS cancer_condition_id,
            CASE WHEN name IS NOT NULL THEN theirs('criterion', name) WHEN timing = 'p' THEN 'stage_group_pathological'
                 ELSE 'stage_group' END AS cancer_stage_code,
            system AS cancer_stage_scoring_system,
            CASE WHEN name IS NULL THEN value ELSE theirs(name, value) END AS cancer_stage_as_concept
            FROM (SELECT *, CASE {axis} END AS name FROM cancer_stage) JOIN condition USING (condition_id)
            WHERE name IS NOT NULL OR (axis = 'group' AND timing IN ('c', 'p'))""",
    }


def _observation_queries() -> dict[str, str]:
    marker, grade, reading, status = (_coded(one) for one in (_MARKERS, _GRADES, _READINGS, ("ecog",)))
    every = _coded((*_MARKERS, *_GRADES, *_READINGS, "ecog"))
    return {
        "tumor_marker_test": f"""SELECT {_NUMBER} AS tumor_marker_test_id, patient_key AS patient_id,
            category AS tumor_marker_test_category, theirs('criterion', criterion) AS tumor_marker_test_code,
            value_number AS tumor_marker_test_as_number, theirs(criterion, value_code) AS tumor_marker_test_as_concept,
            value_unit AS tumor_marker_test_as_unit, {_NOTHING} AS tumor_marker_date,
            offset_days AS tumor_marker_offset_from_diagnosis, 'd' AS tumor_marker_offset_unit FROM {marker}""",
        "histologic_grade": f"""SELECT {_NUMBER} AS histologic_grade_id, {_NOTHING} AS cancer_condition_id,
            patient_key AS patient_id, criterion AS histologic_grade_scoring_system,
            theirs('criterion', criterion) AS histologic_grade_code,
            theirs(criterion, value_code) AS histologic_grade_value_as_concept FROM {grade}""",
        "tumor_observation": f"""SELECT {_NUMBER} AS tumor_observation_id, {_NOTHING} AS tumor_id,
            patient_key AS patient_id, 'IMG1005459' AS tumor_observation_code,
            {_NOTHING} AS tumor_observation_value_unit,
            theirs(criterion, value_code) AS tumor_observation_value_as_concept,
            {_NOTHING} AS "tumor_observation_Value_as_number" FROM {reading}""",
        "health_status_assessment": f"""SELECT {_NUMBER} AS assessment_id, patient_key AS patient_id,
            'LOINC:89247-1' AS assessment_code, {_NOTHING} AS assesment_value_as_number,
            value_code AS assesment_value_as_concept, {_NOTHING} AS assesment_value_unit,
            {_NOTHING} AS assesment_interpretation FROM {status}""",
        "lab_test_result": f"""SELECT {_NUMBER} AS lab_test_id, patient_key AS patient_id,
            concat(code_system, ':', code) AS lab_test_code, value_code AS lab_test_value_as_concept,
            value_number AS lab_test_value_as_number, value_unit AS lab_test_value_unit, {_NOTHING} AS lab_test_date,
            offset_days AS lab_test_offset_from_diagnosis, 'd' AS lab_test_offset_unit
            FROM observation WHERE category = 'LAB' AND observation_id NOT IN (SELECT observation_id FROM {every})""",
    }


def _treatment_queries() -> dict[str, str]:
    medication = "('chemotherapy', 'hormone_therapy', 'immunotherapy', 'targeted_therapy')"
    return {
        "treatment": f"""SELECT t.number AS treatment_id, patient_key AS patient_id, type AS treatment_type,
            {_NOTHING} AS treatment_response, intent AS treatment_intent, {_NOTHING} AS "TreatmentIdentifier",
            c.number AS Episode FROM therapy t JOIN condition c USING (condition_id)""",
        "radiotherapy": f"""SELECT number AS treatment_id, {_NOTHING} AS radiotherapy_modality,
            {_NOTHING} AS radiotherapy_technique, {_NOTHING} AS radiotherapy_start_date,
            {_NOTHING} AS radiotherapy_end_date, start_offset_days AS radiotherapy_offset_from_diagnosis,
            'd' AS radiotherapy_offset_unit, {_NOTHING} AS radiotherapy_number_of_sessions,
            dose_gy AS radiotherapy_total_dose, {_NOTHING} AS radiotherapy_dose_to_volume,
            fractions AS radiotherapy_fractions_delivered, 'Gy' AS radiotherapy_dose_unit, {_NOTHING} AS Episode
            FROM therapy WHERE type = 'radiotherapy'""",
        "surgical_procedure": f"""SELECT number AS treatment_id, code AS surgical_procedure_code,
            {_NOTHING} AS surgical_procedure_body_site_code, {_NOTHING} AS surgical_procedure_body_site_location,
            {_NOTHING} AS surgical_procedure_body_site_laterality,
            start_offset_days AS surgical_procedure_offset_from_diagnosis,
            'd' AS surgical_procedure_offset_from_diagnosis_unit, {_NOTHING} AS surgical_procedure_date,
            {_NOTHING} AS Episode FROM therapy WHERE type = 'surgery'""",
        "medication_administration": f"""SELECT number AS treatment_id, code AS medication_code,
            {_NOTHING} AS medication_id, {_NOTHING} AS medication_start_date, {_NOTHING} AS medication_end_date,
            start_offset_days AS medication_offset_from_diagnosis, 'd' AS medication_offset_unit,
            {_NOTHING} AS medication_number_of_sessions, {_NOTHING} AS medication_total_dose,
            {_NOTHING} AS medication_dose_unit, end_offset_days - start_offset_days AS medication_effective_period,
            'd' AS medication_effective_period_unit, {_NOTHING} AS Episode FROM therapy WHERE type IN {medication}""",
        "episode": f"""SELECT number AS episode_id, patient_key AS patient_id, 'diagnosis' AS episode_type_code,
            1 AS episode_number, {_NOTHING} AS episode_start_date, {_NOTHING} AS episode_end_date,
            0 AS episode_offset_from_diagnosis, 'd' AS episode_offset_unit, {_NOTHING} AS episode_parent_id
            FROM condition""",
        "episode_event": """SELECT number AS episode_id, number AS event_table_id,
            'cancer_condition' AS event_table_name FROM condition""",
    }


def _image_queries() -> dict[str, str]:
    timepoint = """CASE timepoint WHEN 'screening' THEN 0 WHEN 'baseline' THEN 1 WHEN 'during_treatment' THEN 2
        WHEN 'after_treatment' THEN 3 WHEN 'follow_up' THEN 4 WHEN 'recurrence' THEN 5 END"""
    parameters = {
        "SliceThickness": ("slice_thickness_mm", "mm"),
        "KVP": ("kvp", "kV"),
        "MagneticFieldStrength": ("field_strength_t", "T"),
        "NumberOfSeriesRelatedInstances": ("n_instances", "1"),
    }
    each = " UNION ALL ".join(
        f"SELECT series_uid, number, '{code}' AS code, CAST({column} AS DOUBLE) AS value, '{unit}' AS unit FROM series"
        for code, (column, unit) in parameters.items()
    )
    return {
        "procedure": f"""SELECT s.number AS procedure_id, c.number AS cancer_condition_id,
            {_NOTHING} AS "ProcedureIdentifier", 'imaging' AS procedure_code, 'imaging' AS procedure_category,
            {_NOTHING} AS procedure_evaluation_finding, s.offset_days AS procedure_offset_from_diagnosis,
            'd' AS procedure_offset_unit, {_NOTHING} AS procedure_date, {timepoint} AS "ImagingTimepoint",
            {_NOTHING} AS Episode FROM study s LEFT JOIN condition c USING (condition_id)""",
        "image_study": f"""SELECT number AS study_id, number AS procedure_id, patient_key AS patient_id, study_uid,
            {timepoint} AS "ImagingTimepoint", offset_days AS study_offset_from_diagnosis, 'd' AS study_offset_unit
            FROM study""",
        "image_series": f"""SELECT e.number AS series_id, e.series_uid, e.study_uid, s.number AS study_id,
            {_NOTHING} AS series_number, {_NOTHING} AS series_description,
            theirs('manufacturer', manufacturer_norm) AS series_manufacturer,
            theirs('body_part', body_part_code) AS series_body_side_code, {_NOTHING} AS series_body_side_location,
            laterality AS series_body_side_laterality, {_NOTHING} AS series_acquisition_date,
            theirs('modality', modality) AS series_modality FROM series e JOIN study s USING (study_uid)""",
        "image_modality": f"""SELECT row_number() OVER (ORDER BY number, code) AS modality_id, series_uid,
            number AS series_id, code AS acquisition_parameter_code, {_NOTHING} AS acquisition_parameter_value_as_code,
            value AS acquisition_parameter_value_as_number, unit AS acquisition_parameter_value_unit
            FROM ({each}) WHERE value IS NOT NULL""",
    }


VIEWS = {
    "clinical_mandatory_view": """SELECT p.patient_id, p.patient_diagnostic_category AS population_category,
        p.patient_birth_sex AS sex, c.cancer_condition_age_at_diagnosis AS age_at_diagnosis,
        c.cancer_condition_topography AS topography, c.cancer_condition_code AS diagnosis
        FROM e_patient p LEFT JOIN e_cancer_condition c USING (patient_id)""",
    "imaging_mandatory_view": """SELECT s.patient_id, s.study_uid, e.series_uid, e.series_modality AS modality,
        e.series_body_side_code AS body_part, e.series_manufacturer AS manufacturer,
        s.study_offset_from_diagnosis AS acquisition_offset_from_diagnosis
        FROM e_image_study s LEFT JOIN e_image_series e USING (study_uid)""",
}
