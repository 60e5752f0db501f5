"""`oncofed bench engine`: how fast a node counts, over a million generated patients with ten million series.

The mix is fixed and published here: eight queries of ten criteria, half of them with a ``same series`` group. Each is
counted with nothing kept from before but the warehouse's dictionaries and DuckDB's pages, as in a node that runs.
Beside it stand, in the same run and with equal counts, SQL as one would write it by hand over the same flat tables,
and the plain SQL one would write over the tables of the common data model.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from oncofed.bench.report import Figure, median, percentile
from oncofed.contracts.catalogue import DatasetRecord
from oncofed.contracts.criteria import CRITERIA, MISSING, Level
from oncofed.contracts.query import Criterion, Group, Query, parse
from oncofed.contracts.vocabulary import expand
from oncofed.trust.pseudonyms import Pseudonyms
from oncofed.warehouse import Loading, Warehouse, load_with
from oncofed.warehouse.extraction import SERIES_CRITERIA, extractions
from oncofed.warehouse.shards import read_shards
from oncofed.warehouse.sources.synthetic import SyntheticSource

PATIENTS = 1_000_000
REPEATS = 5
BOUND_MS = 100.0
THREADS = 2
SEED = 20_261_122
MEMORY_LIMIT = "2GB"
RELEASE = "bench"
DATASET = "synthetic-engine"

MIX: tuple[str, ...] = (
    "sex = female and diagnosis = BREAST and age at diagnosis 40..74 and year of diagnosis 2008..2022 and er = positive"
    " and her2 in (0, 1+, 2+) and stage in (I, II) and treatment = surgery and modality = MG and annotation = SEG",
    "sex = male and diagnosis = PROSTATE and age at diagnosis 55..79 and psa 4..50 and isup in (1, 2, 3)"
    " and ct in (T1, T2, T3) and cm = M0 and modality = MR and sequence type = dwi and timepoint = baseline",
    "diagnosis in (LUAD, LUSC) and age 50..84 and vital status = dead and stage in (III, IV) and ecog in (0, 1, 2)"
    " and response in (PD, SD) and modality = CT and contrast = portal venous and slice thickness 0..2.5"
    " and not treatment = surgery",
    "population = case and sex in (female, male) and age at diagnosis 30..89 and year of imaging 2006..2024"
    " and not diagnosis = SKIN and stage in (I, II, III) and ecog in (0, 1) and modality in (CT, MR)"
    " and manufacturer in (siemens, ge, philips) and not response = PD",
    "sex = female and diagnosis = BREAST and age 40..79 and ki67 14..50 and pr = positive and cn in (N0, N1)"
    " and same series (modality = MR and sequence type = dce and field strength 2.5..3.5 and manufacturer = siemens)",
    "sex = male and diagnosis = PROSTATE and psa 4..100 and gleason in (6, 7, 8) and vital status = alive and cm = M0"
    " and same series (modality = MR and body part = prostate and sequence type = t2 and slice thickness 2.5..5)",
    "population = case and age 45..84 and stage in (II, III, IV) and treatment = chemotherapy and annotation = SEG"
    " and year of diagnosis 2006..2023 and same series (modality = CT and contrast = arterial"
    " and manufacturer in (ge, philips, canon) and slice thickness 0..2.5)",
    "sex in (female, male) and age at diagnosis 25..90 and ecog in (0, 1, 2) and year of imaging 2005..2024"
    " and vital status = alive and population = case and same series (modality in (MR, CT)"
    " and manufacturer in (siemens, ge) and body part in (chest, abdomen, pelvis, head) and not contrast = arterial)",
)
"""Human patients, ten more criteria each; the last four have a group of four criteria on one series."""


@dataclass(frozen=True)
class EngineRun:
    """What came of a run: figures with their bound, and the same counts by the peers."""

    figures: list[Figure]
    peers: list[Figure]
    counts: tuple[int, ...]


def run(patients: int = PATIENTS, repeats: int = REPEATS, directory: Path | None = None) -> EngineRun:
    """Generate the patients (or use those in ``directory`` from before) and time the mix.

    ``AssertionError`` if a peer counts differently: a wrong answer has no speed.
    """
    with _warehouse_directory(directory) as place:
        seconds = _generate(place, patients)
        figures, own = _time_warehouse(place, repeats)
        peers: list[Figure] = []
        for name, statement in (("hand-written SQL, flat tables", flat_sql), ("naive SQL, data model", naive_sql)):
            timed, counts = _time_sql(place, statement, repeats if statement is flat_sql else 1)
            if counts != own:
                raise AssertionError(f"{name} counts {counts}, the engine {own}")
            peers.append(Figure(f"{name}: median", round(median(timed) * 1000, 1), "ms"))
        size = read_shards(place)[0].releases[0].size
    return EngineRun(
        [
            *figures,
            Figure("patients", size.patients, ""),
            Figure("series", size.series, ""),
            *([Figure("generating and loading", round(seconds, 1), "s")] if seconds else []),
        ],
        peers,
        own,
    )


@contextmanager
def _warehouse_directory(directory: Path | None) -> Iterator[Path]:
    if directory is not None:
        yield directory
        return
    place = Path(tempfile.mkdtemp(prefix="oncofed-engine-"))
    try:
        yield place
    finally:
        shutil.rmtree(place)


def _generate(place: Path, patients: int) -> float:
    """Seconds that generating, loading and projecting took; 0 if the patients are there."""
    if read_shards(place):
        return 0.0
    record = DatasetRecord(dataset_id=DATASET, title="Synthetic patients of the engine benchmark")
    source = SyntheticSource(record, patients, SEED)
    begun = time.perf_counter()
    load_with(source, place, Pseudonyms(b"oncofed bench engine, no secret."), RELEASE, Loading(memory_limit="6GB"))
    return time.perf_counter() - begun


def _time_warehouse(place: Path, repeats: int) -> tuple[list[Figure], tuple[int, ...]]:
    queries = [parse(text).query for text in MIX]
    release = (read_shards(place)[0].releases[0].name,)
    with Warehouse(place, memory_limit=MEMORY_LIMIT, threads=THREADS) as warehouse:
        counts = tuple(warehouse.count(query, release)[""] for query in queries)
        timed = [
            [_seconds(lambda query=query: warehouse.count(query, release)) for query in queries]  # type: ignore[misc]
            for _ in range(repeats)
        ]
    flat = [seconds * 1000 for row in timed for seconds in row]
    grouped = [row[index] * 1000 for row in timed for index, query in enumerate(queries) if _has_group(query)]
    return [
        Figure("count of 10 criteria: median", round(median(flat), 1), "ms", at_most=BOUND_MS),
        Figure("with a same-series group: median", round(median(grouped), 1), "ms"),
        Figure("count of 10 criteria: p95", round(percentile(flat, 95), 1), "ms"),
    ], counts


def _seconds(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def _has_group(query: Query) -> bool:
    return any(isinstance(part, Group) for part in query.all)


def _time_sql(place: Path, statement: Callable[[Query], str], repeats: int) -> tuple[list[float], tuple[int, ...]]:
    database = str(read_shards(place)[0].database)
    connection = duckdb.connect(database, read_only=True, config={"threads": THREADS, "memory_limit": MEMORY_LIMIT})
    try:
        statements = [statement(parse(text).query) for text in MIX]
        counts = tuple(int(connection.execute(sql).fetchall()[0][0]) for sql in statements)
        timed = [
            _seconds(lambda sql=sql: connection.execute(sql).fetchall())  # type: ignore[misc]
            for _ in range(repeats)
            for sql in statements
        ]
    finally:
        connection.close()
    return timed, counts


# ---- peers: SQL with the values written into it, positive and negated criteria and positive series groups only -------


def _listed(values: frozenset[str]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values - {MISSING}))


def flat_sql(query: Query) -> str:
    """By hand over the projection: semi-joins with its dictionaries instead of bit masks."""
    conditions = []
    for part in query.all:
        if isinstance(part, Group):
            kinds = " AND ".join(
                f"{c.criterion} IN ({_listed(expand(c.criterion, c.values))})" + (
                    f" OR {c.criterion} IS NULL" if MISSING in c.values else ""
                )
                for c in part.all
                if isinstance(c, Criterion)
            )  # fmt: skip
            conditions.append(
                f"unit IN (SELECT unit FROM flat_series WHERE kind IN (SELECT kind FROM series_kind WHERE {kinds}))"
            )
        else:
            conditions.append(_flat_criterion(part))
    return f"SELECT count(*) FROM flat_patient WHERE {' AND '.join(conditions)}"


def _flat_criterion(part: Criterion) -> str:
    any_of = f"list_has_any(members, [{_listed(expand(part.criterion, part.values))}])"
    wanted = f"NOT {any_of} AND id <> 0" if part.negated else any_of
    return f"c_{part.criterion} IN (SELECT id FROM value_set WHERE criterion = '{part.criterion}' AND {wanted})"


_JOINS = {
    Level.PATIENT: "patient x WHERE x.patient_key = p.patient_key",
    Level.CONDITION: "cancer_condition x WHERE x.patient_key = p.patient_key",
    Level.OBSERVATION: "observation x WHERE x.patient_key = p.patient_key",
    Level.TREATMENT: "treatment x JOIN cancer_condition USING (condition_id) WHERE patient_key = p.patient_key",
    Level.OUTCOME: "outcome x WHERE x.patient_key = p.patient_key",
    Level.STUDY: "imaging_study x WHERE x.patient_key = p.patient_key",
    Level.SERIES: "imaging_series x JOIN imaging_study t USING (study_uid) WHERE t.patient_key = p.patient_key",
}
_STAGES = "cancer_stage x JOIN cancer_condition USING (condition_id) WHERE patient_key = p.patient_key"
_OBJECTS = "derived_object x JOIN imaging_study t USING (study_uid) WHERE t.patient_key = p.patient_key"


def naive_sql(query: Query) -> str:
    """Over the tables of the data model: one EXISTS for each part."""
    return f"SELECT count(*) FROM patient p WHERE {' AND '.join(_naive(part) for part in query.all)}"


def _naive(part: Criterion | Group) -> str:
    if isinstance(part, Group):
        criteria = [inner for inner in part.all if isinstance(inner, Criterion)]
        held = " AND ".join(_cell(c, expand(c.criterion, c.values)) for c in criteria)
        return f"EXISTS (SELECT 1 FROM {_JOINS[Level.SERIES]} AND {held})"
    holds = _exists(part.criterion, _cell(part, expand(part.criterion, part.values)))
    if not part.negated:
        return holds
    return f"NOT {holds} AND {_exists(part.criterion, f'({extractions()[part.criterion].cell}) IS NOT NULL')}"


def _cell(criterion: Criterion, values: frozenset[str]) -> str:
    cell = extractions()[criterion.criterion].cell
    missing = f" OR ({cell}) IS NULL" if MISSING in values and criterion.criterion in SERIES_CRITERIA else ""
    return f"(({cell}) IN ({_listed(values)}){missing})"


def _exists(name: str, condition: str) -> str:
    found = extractions()[name]
    table = {"cancer_stage": _STAGES, "derived_object": _OBJECTS}.get(found.table, _JOINS[CRITERIA[name].level])
    where = f" AND {found.where}" if found.where else ""
    return f"EXISTS (SELECT 1 FROM {table}{where} AND {condition})"
