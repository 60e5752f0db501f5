"""The 16 tables of the common data model, as DuckDB types, and the few columns we add.

Source of names and types: the project's minimal cancer imaging model (mCODE STU4, OMOP MI-CDM, the reference
system's 22 search criteria). Where we differ, and why:

* every table of patients' rows carries ``dataset_id``: a shard may hold the releases of many datasets, and the unit of
  a query is the patient *within one release*;
* ``patient.species``, ``imaging_study.age_at_imaging`` and ``imaging_series.derived_body_part_code`` are criteria that
  the model has no column for;
* ``derived_object`` carries ``study_uid`` and may leave ``source_series_uid`` open: metadata alone does not say which
  series an annotation was made on; ``annotator_count`` and ``annotator_type`` are of the reference system's minimum set
  for annotations;
* ``required`` values that metadata cannot give (an instance digest, the age at diagnosis) may be null: *missing* is a
  value, a made-up one is not;
* no dates: offsets in days, years, ages in years.

No index stands behind a key: uniqueness is checked once, when a shard is built, because it never changes afterwards.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column: DuckDB type, whether it is part of the key, may be null, and what it is identified by.

    ``pseudonym``: "patient" or "uid" where a value identifies a person or an object and must enter as a pseudonym.
    ``criterion``: the criterion whose codes the column holds, if its values are closed.
    """

    name: str
    type: str = "VARCHAR"
    key: bool = False
    required: bool = False
    pseudonym: str = ""
    criterion: str = ""


@dataclass(frozen=True)
class Table:
    """One table. ``patients``: holds rows of patients (part of the content digest); else bookkeeping of the load."""

    name: str
    columns: tuple[Column, ...]
    patients: bool = True

    @property
    def key(self) -> tuple[str, ...]:
        """Names of the columns that make a row unique, with ``dataset_id`` where rows belong to a release."""
        own = tuple(column.name for column in self.columns if column.key)
        return ("dataset_id", *own) if self.patients and "dataset_id" not in own else own

    def ddl(self) -> str:
        """The CREATE TABLE statement."""
        columns = (f"{column.name} {column.type}{' NOT NULL' if column.required else ''}" for column in self.columns)
        return f"CREATE TABLE {self.name} ({', '.join(columns)})"


def _key(name: str, kind: str = "VARCHAR", pseudonym: str = "") -> Column:
    return Column(name, kind, key=True, required=True, pseudonym=pseudonym)


def _need(name: str, kind: str = "VARCHAR", pseudonym: str = "", criterion: str = "") -> Column:
    return Column(name, kind, required=True, pseudonym=pseudonym, criterion=criterion)


_DATASET = _need("dataset_id")
_PATIENT = _need("patient_key", pseudonym="patient")

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "dataset",
            (
                _key("dataset_id"),
                _need("title"),
                _need("description"),
                _need("tier", "SMALLINT"),
                _need("access_conditions", "VARCHAR[]"),
                Column("duo_codes", "VARCHAR[]"),
                _need("legal_basis", "VARCHAR[]"),
                Column("catalogue_rdf"),
            ),
            patients=False,
        ),
        Table(
            "dataset_release",
            (
                _key("dataset_id"),
                _key("release"),
                _need("released_at", "TIMESTAMPTZ"),
                _need("content_sha256"),
                _need("n_patients", "INTEGER"),
                _need("epsilon_spent", "DOUBLE"),
            ),
            patients=False,
        ),
        Table(
            "patient",
            (
                _DATASET,
                _key("patient_key", pseudonym="patient"),
                Column("species", criterion="species"),
                Column("birth_sex", criterion="sex"),
                Column("birth_year", "SMALLINT"),
                Column("population_category", criterion="population"),
                Column("vital_status", criterion="vital_status"),
                Column("last_contact_offset_days", "INTEGER"),
                Column("country"),
            ),
        ),
        Table(
            "patient_in_release",
            (
                _key("patient_key", pseudonym="patient"),
                _key("dataset_id"),
                _key("release"),
                _need("included_from", "TIMESTAMPTZ"),
                Column("excluded_reason"),
            ),
            patients=False,
        ),
        Table(
            "cancer_condition",
            (
                _DATASET,
                _key("condition_id", "BIGINT"),
                _PATIENT,
                _need("kind"),
                _need("oncotree_code", criterion="diagnosis"),
                Column("ncit_code"),
                Column("icdo3_topography"),
                Column("icdo3_morphology"),
                Column("icd10"),
                Column("laterality", criterion="tumour_laterality"),
                Column("diagnosis_year", "SMALLINT"),
                Column("age_at_diagnosis", "DECIMAL(4,1)"),
                Column("rare_cancer_family"),
            ),
        ),
        Table(
            "cancer_stage",
            (
                _DATASET,
                _key("stage_id", "BIGINT"),
                _need("condition_id", "BIGINT"),
                _need("system"),
                _need("timing"),
                _need("axis"),
                _need("value"),
                Column("offset_days", "INTEGER"),
            ),
        ),
        Table(
            "observation",
            (
                _DATASET,
                _key("observation_id", "BIGINT"),
                _PATIENT,
                Column("condition_id", "BIGINT"),
                Column("study_uid", pseudonym="uid"),
                _need("category"),
                _need("code_system"),
                _need("code"),
                Column("value_number", "DOUBLE"),
                Column("value_unit"),
                Column("value_code"),
                Column("offset_days", "INTEGER"),
            ),
        ),
        Table(
            "treatment",
            (
                _DATASET,
                _key("treatment_id", "BIGINT"),
                _need("condition_id", "BIGINT"),
                _need("type", criterion="treatment"),
                Column("intent"),
                Column("code_system"),
                Column("code"),
                Column("start_offset_days", "INTEGER"),
                Column("end_offset_days", "INTEGER"),
                Column("dose_gy", "DOUBLE"),
                Column("fractions", "INTEGER"),
            ),
        ),
        Table(
            "outcome",
            (
                _DATASET,
                _PATIENT,
                Column("condition_id", "BIGINT"),
                _need("kind"),
                _need("value"),
                Column("offset_days", "INTEGER"),
            ),
        ),
        Table(
            "imaging_study",
            (
                _DATASET,
                _key("study_uid", pseudonym="uid"),
                _PATIENT,
                Column("condition_id", "BIGINT"),
                Column("timepoint", criterion="timepoint"),
                Column("offset_days", "INTEGER"),
                Column("acquisition_year", "SMALLINT"),
                Column("age_at_imaging", "DECIMAL(4,1)"),
                _need("n_series", "INTEGER"),
                _need("n_instances", "INTEGER"),
                Column("bytes", "BIGINT"),
            ),
        ),
        Table(
            "imaging_series",
            (
                _DATASET,
                _key("series_uid", pseudonym="uid"),
                _need("study_uid", pseudonym="uid"),
                Column("modality", criterion="modality"),
                Column("body_part_code", criterion="body_part"),
                Column("derived_body_part_code", criterion="derived_body_part"),
                Column("laterality", criterion="laterality"),
                Column("manufacturer_norm", criterion="manufacturer"),
                Column("model"),
                Column("field_strength_t", "REAL"),
                Column("slice_thickness_mm", "REAL"),
                Column("spacing_x", "REAL"),
                Column("spacing_y", "REAL"),
                Column("kvp", "REAL"),
                Column("contrast", criterion="contrast"),
                Column("sequence_type", criterion="sequence_type"),
                Column("convolution_kernel"),
                Column("tracer", criterion="tracer"),
                _need("n_instances", "INTEGER"),
                Column("transfer_syntax"),
                _need("pixel_deid_status"),
                Column("sha256"),
                Column("dicomweb_path"),
            ),
        ),
        Table(
            "derived_object",
            (
                _DATASET,
                _key("object_uid", pseudonym="uid"),
                _need("study_uid", pseudonym="uid"),
                Column("source_series_uid", pseudonym="uid"),
                _need("kind", criterion="annotation"),
                Column("segment_label_code"),
                Column("method"),
                Column("annotator_count", "INTEGER"),
                Column("annotator_type"),
                Column("annotator_experience"),
                Column("algorithm"),
                Column("version"),
                Column("n_segments", "INTEGER"),
                Column("verified_by_second_reader", "BOOLEAN"),
            ),
        ),
        Table(
            "etl_run",
            (
                _key("run_id"),
                _need("tool_version"),
                _need("mapping_version"),
                _need("source_hash"),
                _need("rows_in", "INTEGER"),
                _need("rows_out", "INTEGER"),
                _need("rows_rejected", "INTEGER"),
                _need("quality", "JSON"),
            ),
            patients=False,
        ),
        Table("concept", (_key("system"), _key("code"), Column("label_en"), Column("parent_code")), patients=False),
        Table(
            "concept_map",
            (
                _key("source_system"),
                _key("source_code"),
                _key("target_system"),
                _key("target_code"),
                _need("equivalence"),
                _need("provenance"),
            ),
            patients=False,
        ),
        Table(
            "opt_out",
            (_key("patient_source_hash", "BLOB"), _need("effective_from", "TIMESTAMPTZ")),
            patients=False,
        ),
    )
}
"""All tables by name, in the order in which rows refer to each other. ``opt_out`` never leaves the node."""
