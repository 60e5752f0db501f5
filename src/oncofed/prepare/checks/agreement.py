"""Images against clinical tables: the same patients and studies, the same sex, plausible ages and body parts."""
# ruff: noqa: S608 (SQL of the model's own names)

from collections.abc import Iterator

from oncofed.contracts.vocabulary import descendants
from oncofed.prepare.checks.clinical import broken
from oncofed.prepare.checks.findings import AgreementFindings, CheckResult
from oncofed.prepare.checks.rules import Rule
from oncofed.prepare.checks.tables import Tables

ANYWHERE = ("WHOLEBODY", "TRUNK", "CHESTABDPELVIS", "ABDOMENPELVIS", "CHESTABDOMEN")
"""Body parts that may hold any cancer."""
PLACES: dict[str, tuple[str, ...]] = {
    "BREAST": ("BREAST", "CHEST"),
    "LUNG": ("CHEST",),
    "PROSTATE": ("PELVIS",),
    "BOWEL": ("ABDOMEN", "PELVIS"),
    "LIVER": ("ABDOMEN",),
    "PANCREAS": ("ABDOMEN",),
    "KIDNEY": ("ABDOMEN",),
    "BRAIN": ("HEAD", "HEADNECK", "SPINE"),
    "OVARY": ("PELVIS", "ABDOMEN"),
    "UTERUS": ("PELVIS",),
    "CERVIX": ("PELVIS",),
    "BLADDER": ("PELVIS",),
    "THYROID": ("NECK", "HEADNECK"),
}
"""OncoTree tissue → regions at which the primary tumour is imaged. Tissues not listed are not checked."""
_YEARS_APART = 1.5


def check_agreement(tables: Tables) -> AgreementFindings:
    """Compare what the files say with what the tables say; both under the same pseudonyms."""
    both, images_only, tables_only = tables.rows(
        """SELECT count(*) FILTER (i.patient IS NOT NULL AND p.patient_key IS NOT NULL),
                  count(*) FILTER (p.patient_key IS NULL), count(*) FILTER (i.patient IS NULL)
           FROM (SELECT DISTINCT patient FROM header) i
           FULL JOIN (SELECT DISTINCT patient_key FROM patient) p ON i.patient = p.patient_key"""
    )[0]
    return AgreementFindings(
        patients_both=both,
        patients_images_only=images_only,
        patients_tables_only=tables_only,
        checks=tuple(_checks(tables)),
    )


_RULES = (
    Rule("images-without-row", "patients with images but no row", "integrity", "error",
         "Their images cannot be found by any clinical criterion.",
         "(SELECT DISTINCT patient AS patient_key FROM header)",
         "patient_key NOT IN (SELECT patient_key FROM patient WHERE patient_key IS NOT NULL)"),
    Rule("row-without-images", "patients with a row but no images", "complete", "warning",
         "Nothing was found under their pseudonym: not exported, quarantined, or another identifier.",
         "patient", "patient_key NOT IN (SELECT patient FROM header)"),
    Rule("study-without-row", "studies with images but no row", "integrity", "error",
         "The table of studies does not know them.",
         "(SELECT DISTINCT patient AS patient_key, study FROM header)",
         "study NOT IN (SELECT study_uid FROM imaging_study WHERE study_uid IS NOT NULL)"),
    Rule("study-without-images", "studies with a row but no images", "complete", "warning",
         "The table of studies promises images that are not here.",
         "imaging_study", "study_uid NOT IN (SELECT study FROM header)"),
    Rule("study-of-another", "studies of another patient", "consistent", "error",
         "Files and table name different patients for one study.",
         "imaging_study s JOIN (SELECT DISTINCT study, patient FROM header) h ON h.study = s.study_uid",
         "h.patient <> s.patient_key"),
    Rule("series-count", "series with another number of images", "consistent", "warning",
         "The table says more or fewer images than were found.",
         "v_imaging_series s JOIN header h ON h.series = s.series_uid", "h.n <> s.n_instances"),
    Rule("sex-differs", "patients whose images say another sex", "consistent", "error",
         "Headers and table disagree: a mix-up of patients, or a wrong entry.",
         "(SELECT DISTINCT p.patient_key, p.birth_sex, h.sex FROM patient p JOIN header h ON h.patient = p.patient_key "
         "WHERE p.birth_sex IS NOT NULL AND h.sex IS NOT NULL)", "sex <> birth_sex"),
    Rule("age-differs", "studies whose images say another age", "consistent", "warning",
         "The age in the header is not the age at imaging in the table, by more than 1.5 years.",
         "imaging_study s JOIN (SELECT DISTINCT study, age FROM header WHERE age IS NOT NULL) h "
         "ON h.study = s.study_uid WHERE s.age_at_imaging IS NOT NULL",
         f"abs(h.age - s.age_at_imaging) > {_YEARS_APART}"),
    Rule("modality-differs", "series whose table says another modality", "consistent", "error",
         "Files and table disagree.",
         "v_imaging_series s JOIN header h ON h.series = s.series_uid WHERE s.modality IS NOT NULL",
         "h.modality <> s.modality"),
    Rule("mammogram-without-breast", "mammograms of patients without a breast diagnosis", "consistent", "note",
         "Right for screening and second cancers; else a mix-up.",
         "(SELECT DISTINCT patient_key FROM v_imaging_series WHERE modality = 'MG') m "
         "JOIN cancer_condition c USING (patient_key)",
         "c.oncotree_code NOT IN ("
         + ", ".join(f"'{code}'" for code in sorted(descendants("oncotree", "BREAST"))) + ")"),
)  # fmt: skip


def _checks(tables: Tables) -> Iterator[CheckResult]:
    yield from broken(tables, _RULES)
    yield from broken(tables, (_elsewhere(),))


def _elsewhere() -> Rule:
    """Patients none of whose images shows a region in which their tumour lies."""
    tissues = ", ".join(
        f"('{code}', '{tissue}')" for tissue in PLACES for code in sorted(descendants("oncotree", tissue))
    )
    places = ", ".join(
        f"('{tissue}', '{place}')"
        for tissue, regions in PLACES.items()
        for place in sorted({*ANYWHERE, *(part for region in regions for part in descendants("body_part", region))})
    )
    return Rule(
        "body-part-elsewhere",
        "patients whose images show other regions than the tumour's",
        "consistent",
        "note",
        "No series with a known body part is of the region of the diagnosis.",
        f"""(SELECT c.patient_key, bool_or(p.place IS NOT NULL) AS fits
             FROM cancer_condition c JOIN v_imaging_series s USING (patient_key)
             JOIN (VALUES {tissues}) t (code, tissue) ON t.code = c.oncotree_code
             LEFT JOIN (VALUES {places}) p (tissue, place) ON p.tissue = t.tissue AND p.place = s.body_part_code
             WHERE s.body_part_code IS NOT NULL GROUP BY 1)""",
        "NOT fits",
    )
