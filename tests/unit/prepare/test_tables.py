"""Tables of images and clinical data: joined under the same pseudonyms, days counted from the patient's day 0."""

from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oncofed.contracts.errors import BadInput
from oncofed.prepare import tables
from oncofed.prepare.deidentify import deidentify
from oncofed.prepare.optouts import add, left_out, read
from oncofed.prepare.recipe import Recipe, profile_named, recipe_of
from oncofed.prepare.run import Run
from oncofed.prepare.scan import scan
from oncofed.trust.pseudonyms import Pseudonyms
from tests.factories.source import ROOT, a_patient, a_series
from tests.factories.warehouse import PSEUDONYMS, SECRET


def key() -> Pseudonyms:
    return Pseudonyms(SECRET)


@pytest.fixture
def run(tmp_path: Path):
    folder = tmp_path / "source"
    a_series(folder / "one", 2, IssuerOfPatientID="north")
    a_patient(folder, "P2", 1)
    with Run.create(tmp_path / "run") as made:
        scan(made, folder)
        deidentify(made, Recipe(key))
        yield made


def put(run: Run, table: str, **columns: list[object]) -> None:
    """A table of the mapping."""
    run.mapped.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), run.mapped / f"{table}.parquet")


def rows(run: Run, query: str) -> list[tuple[object, ...]]:
    """What a query says, with tables as files of the run."""
    with duckdb.connect(":memory:") as connection:
        for file in run.tables.glob("*.parquet"):
            connection.execute(f"CREATE VIEW {file.stem} AS SELECT * FROM read_parquet('{file}')")
        return connection.execute(query).fetchall()


def test_images_alone(run: Run) -> None:
    assert tables.index(run, Recipe(key)) == {"patient": 2, "imaging_study": 2, "imaging_series": 2}
    assert rows(run, "SELECT DISTINCT pixel_deid_status FROM imaging_series") == [("not_applicable",)]
    ((path, series),) = rows(
        run, "SELECT dicomweb_path, series_uid FROM imaging_series ORDER BY n_instances DESC LIMIT 1"
    )
    assert len(list((run.images / str(path)).iterdir())) == 2
    assert str(path).endswith(str(series))


def test_clinical_rows_join_under_the_issuer_that_the_images_name(run: Run) -> None:
    put(
        run, "patient", patient_key=["P1", "P2", "P3"], vital_status=["alive", "dead", None], country=["IT", "IT", "NO"]
    )
    tables.index(run, Recipe(key))
    found = dict(rows(run, "SELECT patient_key, country FROM patient"))
    assert found == {
        PSEUDONYMS.patient("P1", "north"): "IT",
        PSEUDONYMS.patient("P2"): "IT",
        PSEUDONYMS.patient("P3"): "NO",
    }
    assert rows(run, "SELECT birth_sex FROM patient WHERE country = 'IT' AND vital_status = 'alive'") == [("female",)]


def test_what_images_do_not_know_of_a_study_is_taken_from_the_mapping(run: Run) -> None:
    put(
        run, "imaging_study", study_uid=[f"{ROOT}.1"], patient_key=["P1"], timepoint=["baseline"], n_series=[99],
        n_instances=[99],
    )  # fmt: skip
    tables.index(run, Recipe(key))
    uid = PSEUDONYMS.uid(f"{ROOT}.1")
    assert rows(run, f"SELECT timepoint, n_series FROM imaging_study WHERE study_uid = '{uid}'") == [("baseline", 1)]


def test_days_are_counted_from_each_patients_own_day(run: Run) -> None:
    (run.mapped / "private").mkdir(parents=True)
    days = pa.table({"patient": ["P1", "P9"], "day": [date(2020, 2, 3), date(2020, 1, 1)]})
    pq.write_table(days, run.mapped / tables.INDEX_DATES)
    tables.index(run, Recipe(key))
    assert sorted(rows(run, "SELECT offset_days FROM imaging_study"), key=str) == [(30,), (None,)]


def test_an_identifier_of_several_issuers_is_left_out_and_counted(run: Run, tmp_path: Path) -> None:
    study = {"StudyInstanceUID": f"{ROOT}.5", "SeriesInstanceUID": f"{ROOT}.5.1", "PatientName": "Holm^Eva"}
    a_patient(tmp_path / "source", "other", 1, PatientID="P1", IssuerOfPatientID="south", **study)
    scan(run, tmp_path / "source")
    deidentify(run, Recipe(key))
    put(run, "patient", patient_key=["P1", "P2"], country=["IT", "IT"])
    tables.index(run, Recipe(key))
    assert rows(run, "SELECT count(*) FROM patient WHERE country = 'IT'") == [(1,)]
    assert run.stages()["index"]["facts"]["ambiguous"] == 1


def test_a_second_time_replaces_the_first(run: Run) -> None:
    put(run, "patient", patient_key=["P3"], country=["NO"])
    tables.index(run, Recipe(key))
    (run.mapped / "patient.parquet").unlink()
    assert tables.index(run, Recipe(key))["patient"] == 2
    assert {path.name for path in run.directory.iterdir() if path.name.startswith("tables")} == {"tables"}


def test_nothing_prepared_is_nothing_to_index(tmp_path: Path) -> None:
    with Run.create(tmp_path / "empty") as run, pytest.raises(BadInput, match="source-empty"):
        tables.index(run, Recipe(key))


def test_who_opted_out_is_known_with_and_without_issuer(run: Run, tmp_path: Path) -> None:
    tables.index(run, Recipe(key))
    listed = tmp_path / "list.txt"
    ours = PSEUDONYMS.patient("P1", "north")
    for text, expected in (("P9", set()), ("P1\tsouth", set()), ("P1\tnorth", {ours}), ("P1", {ours})):
        directory = tmp_path / str(len(text))
        directory.mkdir(exist_ok=True)
        (directory / "optouts.tsv").unlink(missing_ok=True)
        listed.write_text(text)
        add(directory, listed, PSEUDONYMS, _now())
        assert left_out(run, read(directory)) == expected
    listed.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(BadInput, match="source-unreadable"):
        add(tmp_path, listed, PSEUDONYMS, _now())


def _now():
    from datetime import UTC, datetime

    return datetime(2026, 1, 2, tzinfo=UTC)


def test_a_profile_by_name_or_file(run: Run, tmp_path: Path) -> None:
    assert profile_named("strict").name == "strict"
    own = tmp_path / "own.toml"
    own.write_text('based_on = "minimal"\n')
    assert profile_named(str(own)).name == "own"
    with pytest.raises(BadInput, match="profile-invalid"):
        profile_named("none")
    assert recipe_of(run, key).profile == "research"
