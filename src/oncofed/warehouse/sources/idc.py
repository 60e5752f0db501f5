"""Source ``idc``: collections of NCI Imaging Data Commons as metadata-only datasets, from ``idc-index-data``.

One row of the index is one series. What the index gets wrong or leaves open is handled here, in the open:

* **Age** (``066Y``, ``018M``, ``731D``, ``90``, ``042y``) is read in years. Above 120 it is no age. Zero is what most
  de-identification writes for *unknown*: of the 10,622 series with ``000Y``, all but 2 are from collections of adults
  (4D-Lung, CMB, vestibular schwannoma …) or of test objects. Zero is read as an age only in a collection whose other
  recorded ages have a median below 18 years, or where it is given in days.
* **Sex** ``0000`` and ``6657`` are no codes; ``O`` beside ``F`` or ``M`` for the same patient was written by
  de-identification and is left out; ``F`` and ``M`` for one patient is a contradiction: not recorded.
* **Dates** before 1980 were shifted by de-identification: the year of imaging has no band for them and is missing.
* **Species** is the collection's. Where it names two, no patient has one. Collections of test objects are phantoms also
  where the index calls them human.
* **Body part** missing in a series is never filled in; ``derived_body_part`` holds the collection's tumour location,
  where there is exactly one that is a body part.
* **Diagnosis** is given to patients only where the collection has exactly one cancer type, and OncoTree has it.
* One study UID is shared by two patients: each keeps their own series, as two studies.
* 89 patients stand in two collections: the same identifier is the same patient.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import duckdb

from oncofed.contracts.catalogue import DatasetClass
from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import BadInput
from oncofed.contracts.vocabulary import normalise
from oncofed.trust.pseudonyms import Pseudonyms
from oncofed.warehouse.sources.base import Draft, Filling, SourceReport
from oncofed.warehouse.sources.columns import append_texts, column_values
from oncofed.warehouse.sources.idc_collections import CollectionEntry, choose, read_collections

ISSUER = "idc"
"""Issuer under which the repository's patient identifiers become pseudonyms: they never meet a hospital's own."""

_BATCH = 100_000
_RAW_SPELLINGS = {
    "sex": "PatientSex",
    "body_part": "BodyPartExamined",
    "manufacturer": "Manufacturer",
    "modality": "Modality",
}
_ANNOTATION_KINDS = ("SEG", "RTSTRUCT", "SR", "ANN", "PR")


def index_directory() -> Path:
    """Where the installed ``idc-index-data`` keeps its Parquet files. ``BadInput`` if it is not installed."""
    try:
        return Path(str(files("idc_index_data")))
    except ModuleNotFoundError as error:
        raise BadInput("source-unreadable", "the package idc-index-data is not installed") from error


@dataclass(frozen=True)
class IdcSource:
    """Chosen collections of Imaging Data Commons; all of them if nothing is chosen. See ``choose`` for the choices."""

    collections: tuple[str, ...] = ()
    programmes: tuple[str, ...] = ()
    cancers: tuple[str, ...] = ()
    dataset_class: DatasetClass = DatasetClass.PROTECTED
    index: Path | None = None
    """Another directory with ``idc_index.parquet`` and ``collections_index.parquet``."""

    name = "idc"
    mapping_version = "1"

    def fill(self, filling: Filling) -> SourceReport:
        """Insert the chosen collections' patients, studies, series, annotations and diagnoses."""
        directory = self.index or index_directory()
        run = filling.connection.execute
        try:
            known = read_collections(filling.connection, directory / "collections_index.parquet")
            entries = choose(known, self.collections, self.programmes, self.cancers)
            if not entries:
                raise BadInput("source-empty", "no collection meets the choice")
            filling.progress(f"reading {len(entries)} collections of Imaging Data Commons")
            _read_series(filling.connection, directory / "idc_index.parquet", entries)
        except (duckdb.IOException, duckdb.BinderException) as error:
            raise BadInput("source-unreadable", "the files of idc-index-data cannot be read") from error
        filling.progress("replacing identifiers by pseudonyms")
        _pseudonymise(filling.connection, filling.pseudonyms)
        filling.progress("filling the tables")
        for statement in (_STUDIES, *_TABLES):
            run(statement)
        ((rows, doubled),) = run(_FACTS).fetchall()
        for table in ("series", "entry", "patient_name", "uid_name", "study", *(f"{n}_code" for n in _RAW_SPELLINGS)):
            run(f"DROP TABLE {table}")
        return SourceReport(
            drafts=tuple(Draft(entry.record(self.dataset_class), entry.supports) for entry in entries),
            rows_in=rows,
            facts={"patients_in_two_datasets": doubled},
        )


def collections(directory: Path | None = None) -> tuple[CollectionEntry, ...]:
    """All collections of the repository with what they say about themselves, by id."""
    connection = duckdb.connect()
    try:
        return read_collections(connection, (directory or index_directory()) / "collections_index.parquet")
    finally:
        connection.close()


def coverage(directory: Path | None = None) -> dict[str, int]:
    """Facts about the whole repository, to be known before it is split over nodes."""
    path = str((directory or index_directory()) / "idc_index.parquet")
    connection = duckdb.connect()
    try:
        row = connection.execute(
            """WITH pair AS (SELECT DISTINCT collection_id, PatientID FROM read_parquet($1)),
                    doubled AS (SELECT PatientID FROM pair GROUP BY 1 HAVING count(*) > 1)
               SELECT count(DISTINCT collection_id), count(DISTINCT PatientID), count(DISTINCT StudyInstanceUID),
                      count(*), sum(instanceCount)::BIGINT, (SELECT count(*) FROM pair), (SELECT count(*) FROM doubled)
               FROM read_parquet($1)""",
            [path],
        ).fetchall()[0]
    finally:
        connection.close()
    names = ("collections", "patients", "studies", "series", "instances", "patients_by_collection")
    return dict(zip((*names, "patients_in_two_datasets"), row, strict=True))


def _read_series(connection: duckdb.DuckDBPyConnection, path: Path, entries: Iterable[CollectionEntry]) -> None:
    """Temporary tables: ``entry`` (the collections), ``series`` (their rows) and the spellings' codes."""
    chosen = list(entries)
    connection.execute(
        """CREATE TEMP TABLE entry AS SELECT unnest($1) AS collection_id, unnest($2) AS dataset_id,
           unnest($3) AS species, unnest($4) AS diagnosis, unnest($5) AS location""",
        [
            [entry.collection_id for entry in chosen],
            [entry.dataset_id for entry in chosen],
            [entry.species for entry in chosen],
            [entry.diagnosis for entry in chosen],
            [entry.location for entry in chosen],
        ],
    )
    connection.execute(_SERIES, [str(path)])
    for name, column in _RAW_SPELLINGS.items():
        vocabulary = str(CRITERIA[name].values)
        raws = [raw for (raw,) in connection.execute(f"SELECT DISTINCT {column} FROM series").fetchall() if raw]
        connection.execute(
            f"CREATE TEMP TABLE {name}_code AS"
            f" SELECT unnest($1::VARCHAR[]) AS {column}, unnest($2::VARCHAR[]) AS coded_{name}",
            [raws, [normalise(vocabulary, raw) for raw in raws]],
        )


def _pseudonymise(connection: duckdb.DuckDBPyConnection, pseudonyms: Pseudonyms) -> None:
    """``patient_name(PatientID, patient_key)`` and ``uid_name(uid, pseudonym)`` for every identifier in ``series``."""
    connection.execute("CREATE TEMP TABLE patient_name (PatientID VARCHAR, patient_key VARCHAR)")
    connection.execute("CREATE TEMP TABLE uid_name (uid VARCHAR, pseudonym VARCHAR)")
    ids = column_values(connection, "SELECT DISTINCT PatientID FROM series")
    append_texts(connection, "patient_name", ids, pseudonyms.patients(ids, ISSUER))
    ((rows,),) = connection.execute("SELECT count(*) FROM series").fetchall()
    parts = rows // _BATCH + 1
    connection.execute(
        """CREATE TEMP TABLE uid AS SELECT uid, (hash(uid) % $1)::INTEGER AS part
           FROM (SELECT SeriesInstanceUID AS uid FROM series UNION SELECT study_raw FROM series)""",
        [parts],
    )
    for part in range(parts):
        uids = column_values(connection, "SELECT uid FROM uid WHERE part = $1", [part])
        append_texts(connection, "uid_name", uids, pseudonyms.uids(uids))
    connection.execute("DROP TABLE uid")


_SERIES = """
CREATE TEMP TABLE series AS
WITH chosen AS (
  SELECT e.dataset_id, PatientID, StudyInstanceUID, SeriesInstanceUID, PatientAge, PatientSex, StudyDate,
         BodyPartExamined, Modality, Manufacturer, ManufacturerModelName, TransferSyntaxUID, instanceCount,
         series_size_MB
  FROM read_parquet($1) i JOIN entry e USING (collection_id)
  WHERE PatientID IS NOT NULL AND StudyInstanceUID IS NOT NULL AND SeriesInstanceUID IS NOT NULL
),
owner AS (
  SELECT dataset_id, StudyInstanceUID, PatientID,
         row_number() OVER (PARTITION BY dataset_id, StudyInstanceUID ORDER BY count(*) DESC, PatientID) AS place
  FROM chosen GROUP BY dataset_id, StudyInstanceUID, PatientID
),
read_age AS (
  SELECT chosen.*, StudyInstanceUID || CASE WHEN place > 1 THEN '.' || place ELSE '' END AS study_raw,
         try_cast(regexp_extract(PatientAge, '^([0-9]{1,3})([YyMmWwDd]?)$', 1) AS DOUBLE)
           / CASE upper(regexp_extract(PatientAge, '^([0-9]{1,3})([YyMmWwDd]?)$', 2))
               WHEN 'M' THEN 12 WHEN 'W' THEN 52.1775 WHEN 'D' THEN 365.25 ELSE 1 END AS age_raw
  FROM chosen JOIN owner USING (dataset_id, StudyInstanceUID, PatientID)
),
usual AS (SELECT dataset_id, median(age_raw) FILTER (age_raw > 0) AS age FROM read_age GROUP BY 1)
SELECT read_age.* EXCLUDE (age_raw),
       CASE WHEN age_raw > 120 OR (age_raw = 0 AND NOT coalesce(usual.age < 18, FALSE) AND PatientAge NOT ILIKE '%D')
            THEN NULL ELSE age_raw END AS age
FROM read_age JOIN usual USING (dataset_id)
"""

_STUDIES = """
CREATE TEMP TABLE study AS
SELECT dataset_id, study_raw, any_value(PatientID) AS PatientID,
       quantile_disc(age, 0.5) AS age, min(try_cast(StudyDate[1:4] AS SMALLINT)) AS year,
       count(*) AS n_series, sum(instanceCount) AS n_instances, sum(series_size_MB) AS megabytes
FROM series GROUP BY dataset_id, study_raw
"""

_TABLES = (
    """
INSERT INTO patient
SELECT dataset_id, patient_key, any_value(species),
       CASE WHEN bool_or(coded_sex = 'female') AND bool_or(coded_sex = 'male') THEN NULL
            WHEN bool_or(coded_sex = 'female') THEN 'female' WHEN bool_or(coded_sex = 'male') THEN 'male'
            ELSE any_value(coded_sex) END,
       NULL, NULL, NULL, NULL, NULL
FROM (SELECT DISTINCT dataset_id, PatientID, PatientSex FROM series)
JOIN entry USING (dataset_id) JOIN patient_name USING (PatientID) LEFT JOIN sex_code USING (PatientSex)
GROUP BY dataset_id, patient_key
""",
    """
INSERT INTO cancer_condition (dataset_id, condition_id, patient_key, kind, oncotree_code)
SELECT dataset_id, (md5_number_lower(dataset_id || '/' || patient_key) >> 1)::BIGINT, patient_key, 'primary', diagnosis
FROM patient JOIN entry USING (dataset_id) WHERE diagnosis IS NOT NULL
""",
    """
INSERT INTO imaging_study (dataset_id, study_uid, patient_key, acquisition_year, age_at_imaging, n_series, n_instances,
                           bytes)
SELECT dataset_id, pseudonym, patient_key, year, age, n_series, n_instances, (megabytes * 1000000)::BIGINT
FROM study JOIN patient_name USING (PatientID) JOIN uid_name ON uid = study_raw
""",
    """
INSERT INTO imaging_series (dataset_id, series_uid, study_uid, modality, body_part_code, derived_body_part_code,
                            manufacturer_norm, model, n_instances, transfer_syntax, pixel_deid_status)
SELECT dataset_id, r.pseudonym, t.pseudonym, coded_modality, coded_body_part,
       CASE WHEN coded_body_part IS NULL THEN location END,
       coded_manufacturer, ManufacturerModelName, instanceCount, TransferSyntaxUID, 'unchecked'
FROM series JOIN entry USING (dataset_id)
JOIN uid_name r ON r.uid = SeriesInstanceUID JOIN uid_name t ON t.uid = study_raw
LEFT JOIN modality_code USING (Modality) LEFT JOIN body_part_code USING (BodyPartExamined)
LEFT JOIN manufacturer_code USING (Manufacturer)
""",
    f"""
INSERT INTO derived_object (dataset_id, object_uid, study_uid, kind)
SELECT dataset_id, series_uid, study_uid, modality FROM imaging_series WHERE modality IN {_ANNOTATION_KINDS}
""",
)

_FACTS = """
SELECT (SELECT count(*) FROM series),
       (SELECT count(*) FROM (SELECT patient_key FROM patient GROUP BY 1 HAVING count(*) > 1))
"""
