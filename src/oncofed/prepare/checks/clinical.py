"""The check of clinical tables: how complete they are, and which rules their rows break."""
# ruff: noqa: S608 (SQL of the model's own names and of ``rules``)

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from oncofed.prepare.checks.findings import Cell, CheckResult, ClinicalFindings, Completeness
from oncofed.prepare.checks.rules import CLINICAL_RULES, Rule
from oncofed.prepare.checks.tables import MODEL, Tables

MANDATORY, MINIMUM, RECOMMENDED = "mandatory", "minimum set", "recommended"


class Variable(NamedTuple):
    """A variable whose completeness is told, per patient: where it stands, and how much it is wanted."""

    table: str
    column: str
    label: str
    level: str
    where: str = "TRUE"


VARIABLES = (
    Variable("patient", "birth_sex", "Sex at birth", MANDATORY),
    Variable("patient", "population_category", "Population category", MANDATORY),
    Variable("cancer_condition", "oncotree_code", "Diagnosis", MANDATORY),
    Variable("cancer_condition", "age_at_diagnosis", "Age at diagnosis", MANDATORY),
    Variable("cancer_condition", "icdo3_topography", "Topography (ICD-O-3)", MINIMUM),
    Variable("cancer_condition", "icdo3_morphology", "Morphology (ICD-O-3)", MINIMUM),
    Variable("cancer_condition", "diagnosis_year", "Year of diagnosis", MINIMUM),
    Variable("cancer_condition", "laterality", "Laterality", RECOMMENDED),
    Variable("cancer_stage", "value", "Stage group", MINIMUM, "axis = 'group'"),
    Variable("cancer_stage", "value", "TNM category", RECOMMENDED, "axis IN ('T', 'N', 'M')"),
    Variable("treatment", "type", "Treatment", MINIMUM),
    Variable("treatment", "start_offset_days", "Start of treatment", RECOMMENDED),
    Variable("observation", "code", "Markers and assessments", RECOMMENDED),
    Variable("outcome", "value", "Outcome", RECOMMENDED),
    Variable("patient", "vital_status", "Vital status", RECOMMENDED),
    Variable("patient", "last_contact_offset_days", "Last contact", RECOMMENDED),
    Variable("imaging_series", "modality", "Modality", MANDATORY),
    Variable("imaging_series", "body_part_code", "Body part examined", MANDATORY),
    Variable("imaging_series", "manufacturer_norm", "Manufacturer", MANDATORY),
    Variable("imaging_study", "acquisition_year", "Year of imaging", MANDATORY),
    Variable("imaging_study", "age_at_imaging", "Age at imaging", MINIMUM),
    Variable("imaging_study", "timepoint", "Imaging time point", MINIMUM),
    Variable("imaging_study", "offset_days", "Offset of imaging", MINIMUM),
)
"""The minimum sets of the reference system (mandatory, if available) and what its users ask for most."""


def check_clinical(tables: Tables) -> ClinicalFindings:
    """Completeness and rules over ``tables``; where no file was given, of what image headers say only."""
    looked_at = set(MODEL) if tables.given else tables.from_images
    checks = (*broken(tables, CLINICAL_RULES), _unfit(tables))
    return ClinicalFindings(
        rows=tuple(Cell(label=name, count=tables.count(name)) for name in MODEL),
        patients=int(tables.one("SELECT count(DISTINCT patient_key) FROM patient")),
        completeness=tuple(one for one in completeness(tables) if one.table in looked_at),
        checks=tuple(result for result in checks if result.of or tables.given),
    )


def completeness(tables: Tables) -> Iterator[Completeness]:
    """For each variable the patients that have it. Variables of the disease are asked of cases only."""
    everyone = int(tables.one("SELECT count(DISTINCT patient_key) FROM patient"))
    cases = int(
        tables.one(
            "SELECT count(DISTINCT patient_key) FROM patient "
            "WHERE coalesce(population_category, 'case') NOT IN ('control', 'screening_negative')"
        )
    )
    known = "patient_key IN (SELECT patient_key FROM patient)"
    for table, column, label, level, where in VARIABLES:
        of_cases = table in ("cancer_condition", "cancer_stage", "treatment")
        also = (
            "AND patient_key NOT IN (SELECT patient_key FROM patient "
            "WHERE population_category IN ('control', 'screening_negative') AND patient_key IS NOT NULL)"
        )
        filled = tables.one(
            f"SELECT count(DISTINCT patient_key) FROM v_{table} "
            f"WHERE {column} IS NOT NULL AND {where} AND {known} {also if of_cases else ''}"
        )
        yield Completeness(
            table=table, column=column, label=label, level=level, filled=int(filled), of=cases if of_cases else everyone
        )


def broken(tables: Tables, rules: Iterable[Rule]) -> Iterator[CheckResult]:
    """Each rule with the rows it looked at and those that break it."""
    for rule in rules:
        every, wrong, patients = tables.rows(
            f"SELECT count(*), count(*) FILTER ({rule.wrong}), count(DISTINCT patient_key) FILTER ({rule.wrong}) "
            f"FROM {rule.rows}"
        )[0]
        yield CheckResult(
            check=rule.name,
            title=rule.title,
            dimension=rule.dimension,
            severity=rule.severity,
            meaning=rule.meaning,
            places=wrong,
            of=every,
            count=wrong,
            patients=patients,
        )


def _unfit(tables: Tables) -> CheckResult:
    """Values that are not of their column's type."""
    rows = sum(unfit.rows for unfit in tables.unfit)
    where = ", ".join(f"{unfit.table}.{unfit.column} ({unfit.rows})" for unfit in tables.unfit)
    return CheckResult(
        check="type-unfit",
        title="values that are not of their column's type",
        dimension="accurate",
        severity="error",
        meaning=where or "Numbers with text in them, or out of the type's range.",
        places=rows,
        of=sum(tables.count(name) for name in tables.given),
        count=rows,
    )
