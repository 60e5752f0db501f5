"""The clinical half of synthetic cases: persons, diagnoses, stages, markers, treatments, outcomes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from oncofed.warehouse.extraction import OBSERVATION_CODES, RESPONSE_KIND
from oncofed.warehouse.schema import TABLES
from oncofed.warehouse.sources.synthetic_profiles import PROFILES, STAGE_CATEGORIES, STAGE_GROUPS

Numbers = np.ndarray
_POPULATIONS = ("case", "control", "screening_negative", "benign")
_POPULATION_WEIGHTS = (0.88, 0.04, 0.05, 0.03)
_NO_STAGE = 4
_BREAST, _PROSTATE = "BREAST", "PROSTATE"
_ROWS_A_PATIENT = 64
"""Room for ids of one patient's rows in a table: id = patient number × this + place."""


@dataclass(frozen=True)
class Cases:
    """Drawn patients as columns, one entry each. ``stage``: 0 … 3 for I … IV, 4 none. ``ill``: has a diagnosis."""

    first: int
    profile: Numbers
    female: Numbers
    age: Numbers
    year: Numbers
    population: Numbers
    stage: Numbers
    laterality: Numbers
    dead: Numbers
    followed: Numbers
    """Days from the diagnosis to death, or to the last contact."""

    @property
    def count(self) -> int:
        """How many patients."""
        return len(self.profile)

    @property
    def ill(self) -> Numbers:
        """Who has a diagnosis."""
        ill: Numbers = self.population == 0
        return ill

    def of_body_part(self, body_part: str) -> Numbers:
        """Who is ill there."""
        there = np.array([profile.body_part == body_part for profile in PROFILES])
        ill_there: Numbers = self.ill & there[self.profile]
        return ill_there

    def ids(self, rows: Numbers, place: int = 0) -> Numbers:
        """Row ids of the patients ``rows``, unique within a table by ``place``."""
        return np.asarray((self.first + rows.astype(np.int64)) * _ROWS_A_PATIENT + place)


def draw_cases(draw: np.random.Generator, count: int, first: int) -> Cases:
    """Draw ``count`` patients, numbered from ``first``."""
    weights = np.array([profile.weight for profile in PROFILES])
    profile = draw.choice(len(PROFILES), count, p=weights / weights.sum())
    female = draw.random(count) < np.array([p.female for p in PROFILES])[profile]
    mean, deviation = (np.array([p.age[part] for p in PROFILES])[profile] for part in (0, 1))
    stages = np.array([p.stages if sum(p.stages) else (1, 0, 0, 0) for p in PROFILES], dtype=float)
    reach = np.cumsum(stages / stages.sum(axis=1, keepdims=True), axis=1)[profile]
    stage = (draw.random((count, 1)) > reach).sum(axis=1).clip(0, 3)
    stage[np.array([sum(p.stages) == 0 for p in PROFILES])[profile]] = _NO_STAGE
    population = draw.choice(len(_POPULATIONS), count, p=_POPULATION_WEIGHTS)
    paired = np.array([p.paired for p in PROFILES])[profile]
    mortal = np.array([0.06, 0.14, 0.35, 0.72, 0.8])[stage]
    dead = (population == 0) & (draw.random(count) < mortal)
    return Cases(
        first=first,
        profile=profile,
        female=female,
        age=np.round(draw.normal(mean, deviation).clip(18, 95), 1),
        year=draw.integers(2005, 2025, count),
        population=population,
        stage=stage,
        laterality=np.where(paired, draw.choice(3, count, p=[0.49, 0.49, 0.02]), 3),
        dead=dead,
        followed=np.where(dead, draw.integers(240, 1800, count), draw.integers(800, 3650, count)).astype(np.int32),
    )


def table_of(name: str, count: int, **given: pa.Array | Numbers) -> pa.Table:
    """Rows of a table of the model without ``dataset_id``: the columns given, the others null."""
    columns = [column.name for column in TABLES[name].columns if column.name != "dataset_id"]
    return pa.table({column: given.get(column, pa.nulls(count)) for column in columns})


def worded(words: tuple[str | None, ...], codes: Numbers) -> pa.Array:
    """Words by their number; None stays null."""
    return pa.array(words, pa.string()).take(pa.array(codes))


def clinical_rows(cases: Cases, keys: pa.Array, draw: np.random.Generator) -> Iterator[tuple[str, pa.Table]]:
    """Rows of the clinical tables of all ``cases`` (``keys``: their pseudonyms)."""
    count, everyone = cases.count, np.arange(cases.count)
    ill = everyone[cases.ill]
    yield (
        "patient",
        table_of(
            "patient",
            count,
            patient_key=keys,
            species=worded(("human",), np.zeros(count, dtype=np.int8)),
            birth_sex=worded(("male", "female"), cases.female.astype(np.int8)),
            birth_year=pa.array((cases.year - cases.age.astype(int)).astype(np.int16)),
            population_category=worded(_POPULATIONS, cases.population),
            vital_status=worded(("alive", "dead"), cases.dead.astype(np.int8)),
            last_contact_offset_days=pa.array(cases.followed),
        ),
    )
    yield (
        "cancer_condition",
        table_of(
            "cancer_condition",
            len(ill),
            condition_id=pa.array(cases.ids(ill)),
            patient_key=keys.take(pa.array(ill)),
            kind=worded(("primary",), np.zeros(len(ill), dtype=np.int8)),
            oncotree_code=worded(tuple(profile.code for profile in PROFILES), cases.profile[ill]),
            laterality=worded(("left", "right", "bilateral", "unpaired"), cases.laterality[ill]),
            diagnosis_year=pa.array(cases.year[ill].astype(np.int16)),
            age_at_diagnosis=pa.array(cases.age[ill]),
        ),
    )
    yield "cancer_stage", pa.concat_tables(_stages(cases, draw))
    yield "observation", pa.concat_tables(_observations(cases, keys, draw), promote_options="permissive")
    yield "treatment", pa.concat_tables(_treatments(cases, draw))
    yield "outcome", pa.concat_tables(_outcomes(cases, keys, draw))


def _stages(cases: Cases, draw: np.random.Generator) -> Iterator[pa.Table]:
    """Clinical T, N, M and the group of every staged patient; pathological T and N where they were operated on."""
    staged = np.flatnonzero(cases.ill & (cases.stage < _NO_STAGE))
    stage = cases.stage[staged]
    tumour = np.empty(len(staged), dtype=object)
    nodes = np.empty(len(staged), dtype=object)
    metastases = np.empty(len(staged), dtype=object)
    for group, (t_categories, n_categories, m_category) in STAGE_CATEGORIES.items():
        here = np.flatnonzero(stage == group)
        tumour[here] = draw.choice(t_categories, len(here))
        nodes[here] = draw.choice(n_categories, len(here))
        metastases[here] = m_category
    groups = np.array(STAGE_GROUPS, dtype=object)[stage]
    for place, (timing, axis, values) in enumerate(
        (("c", "T", tumour), ("c", "N", nodes), ("c", "M", metastases), ("c", "group", groups))
    ):
        yield _stage_rows(cases, staged, place, timing, axis, values)
    operated = stage < STAGE_GROUPS.index("IV")
    for place, (axis, values) in enumerate((("T", tumour), ("N", nodes)), start=4):
        yield _stage_rows(cases, staged[operated], place, "p", axis, values[operated])


def _stage_rows(cases: Cases, rows: Numbers, place: int, timing: str, axis: str, values: Numbers) -> pa.Table:
    one = np.zeros(len(rows), dtype=np.int8)
    return table_of(
        "cancer_stage",
        len(rows),
        stage_id=pa.array(cases.ids(rows, place)),
        condition_id=pa.array(cases.ids(rows)),
        system=worded(("TNM8",), one),
        timing=worded((timing,), one),
        axis=worded((axis,), one),
        value=pa.array(values, pa.string()),
        offset_days=pa.array(np.zeros(len(rows), dtype=np.int32)),
    )


def _observations(cases: Cases, keys: pa.Array, draw: np.random.Generator) -> Iterator[pa.Table]:
    """Markers, grades and assessments, each where it is measured: breast, prostate, performance status everywhere."""
    breast, prostate = np.flatnonzero(cases.of_body_part(_BREAST)), np.flatnonzero(cases.of_body_part(_PROSTATE))
    positive = draw.random(len(breast)) < 0.8
    also = np.where(positive, draw.random(len(breast)) < 0.85, draw.random(len(breast)) < 0.05)
    write = _Observations(cases, keys)
    yield write.coded("er", breast, ("negative", "positive"), positive)
    yield write.coded("pr", breast, ("negative", "positive"), also)
    yield write.coded("her2", breast, ("0", "1+", "2+", "3+"), draw.choice(4, len(breast), p=[0.4, 0.3, 0.15, 0.15]))
    ki67 = draw.gamma(2.0, np.where(positive, 8.0, 18.0)).clip(0, 100)
    yield write.measured("ki67", breast, np.round(ki67, 1), "%")
    yield write.coded("bi_rads", breast, ("4A", "4B", "4C", "5", "6"), draw.choice(5, len(breast)))
    yield write.coded(
        "breast_density", breast, ("a", "b", "c", "d"), draw.choice(4, len(breast), p=[0.1, 0.4, 0.4, 0.1])
    )
    grade = (cases.stage[prostate].clip(0, 3) + draw.integers(0, 2, len(prostate))).clip(0, 4)
    yield write.coded("isup", prostate, ("1", "2", "3", "4", "5"), grade)
    # ISUP 2002/2014: grade group 1 is Gleason 6, 2 and 3 are 7, 4 is 8, 5 is 9 or 10.
    gleason = np.array([0, 1, 1, 2, 3])[grade] + ((grade == 4) & (draw.random(len(prostate)) < 0.15))
    yield write.coded("gleason", prostate, ("6", "7", "8", "9", "10"), gleason)
    psa = draw.lognormal(1.9 + 0.45 * grade, 0.6)
    yield write.measured("psa", prostate, np.round(psa, 2), "ng/mL")
    yield write.coded("pi_rads", prostate, ("3", "4", "5"), (grade // 2).clip(0, 2))
    ill = np.flatnonzero(cases.ill)
    worse = np.array([0.15, 0.25, 0.5, 1.0, 0.9])[cases.stage[ill]]
    yield write.coded("ecog", ill, ("0", "1", "2", "3", "4"), draw.poisson(worse).clip(0, 4))


@dataclass(frozen=True)
class _Observations:
    """Writes observations about ``cases``."""

    cases: Cases
    keys: pa.Array

    def coded(self, criterion: str, rows: Numbers, words: tuple[str, ...], codes: Numbers) -> pa.Table:
        return self._rows(criterion, rows, value_code=worded(words, codes.astype(np.int8)))

    def measured(self, criterion: str, rows: Numbers, values: Numbers, unit: str) -> pa.Table:
        one = np.zeros(len(rows), dtype=np.int8)
        return self._rows(criterion, rows, value_number=pa.array(values), value_unit=worded((unit,), one))

    def _rows(self, criterion: str, rows: Numbers, **values: pa.Array) -> pa.Table:
        system, code = OBSERVATION_CODES[criterion]
        one = np.zeros(len(rows), dtype=np.int8)
        return table_of(
            "observation",
            len(rows),
            observation_id=pa.array(self.cases.ids(rows, tuple(OBSERVATION_CODES).index(criterion))),
            patient_key=self.keys.take(pa.array(rows)),
            condition_id=pa.array(self.cases.ids(rows)),
            category=worded(("TUMOR_MARKER",), one),
            code_system=worded((system,), one),
            code=worded((code,), one),
            offset_days=pa.array(one.astype(np.int32)),
            **values,
        )


def _treatments(cases: Cases, draw: np.random.Generator) -> Iterator[pa.Table]:
    """Surgery in early stages, radiotherapy often, the systemic treatment of the cancer in advanced ones."""
    ill = np.flatnonzero(cases.ill)
    stage = cases.stage[ill]
    chance = {
        "surgery": np.array([0.92, 0.85, 0.5, 0.12, 0.8]),
        "radiotherapy": np.array([0.3, 0.4, 0.5, 0.3, 0.85]),
        "systemic": np.array([0.2, 0.55, 0.85, 0.9, 0.85]),
    }
    systemic = tuple(profile.systemic for profile in PROFILES)
    for place, (kind, odds) in enumerate(chance.items()):
        treated = ill[draw.random(len(ill)) < odds[stage]]
        one = np.zeros(len(treated), dtype=np.int8)
        radiation = kind == "radiotherapy"
        begin = draw.integers(7, 60, len(treated)).astype(np.int32) + 60 * place
        yield table_of(
            "treatment",
            len(treated),
            treatment_id=pa.array(cases.ids(treated, place)),
            condition_id=pa.array(cases.ids(treated)),
            type=worded(systemic, cases.profile[treated]) if kind == "systemic" else worded((kind,), one),
            intent=worded(("curative", "palliative"), (cases.stage[treated] == 3).astype(np.int8)),
            start_offset_days=pa.array(begin),
            end_offset_days=pa.array(begin + 30),
            dose_gy=pa.array(np.full(len(treated), 60.0) if radiation else [None] * len(treated), pa.float64()),
            fractions=pa.array(np.full(len(treated), 30) if radiation else [None] * len(treated), pa.int32()),
        )


def _outcomes(cases: Cases, keys: pa.Array, draw: np.random.Generator) -> Iterator[pa.Table]:
    """Best response of stages III and IV (and of brain tumours); death of those who died."""
    advanced = np.flatnonzero(cases.ill & (cases.stage >= 2))
    odds = {2: [0.3, 0.35, 0.2, 0.15], 3: [0.08, 0.3, 0.27, 0.35], 4: [0.05, 0.25, 0.3, 0.4]}
    response = np.zeros(len(advanced), dtype=np.int8)
    for stage, weights in odds.items():
        here = np.flatnonzero(cases.stage[advanced] == stage)
        response[here] = draw.choice(4, len(here), p=weights)
    dead = np.flatnonzero(cases.dead)
    told = np.minimum(draw.integers(90, 1800, len(advanced)), cases.followed[advanced])
    for rows, kind, value, day in (
        (advanced, RESPONSE_KIND, worded(("CR", "PR", "SD", "PD"), response), told),
        (dead, "death", worded(("yes",), np.zeros(len(dead), dtype=np.int8)), cases.followed[dead]),
    ):
        yield table_of(
            "outcome",
            len(rows),
            patient_key=keys.take(pa.array(rows)),
            condition_id=pa.array(cases.ids(rows)),
            kind=worded((kind,), np.zeros(len(rows), dtype=np.int8)),
            value=value,
            offset_days=pa.array(day.astype(np.int32)),
        )
