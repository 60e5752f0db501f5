"""Tables in the model's shape: checked to the column, pseudonymised on entry."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from oncofed.contracts.errors import BadInput
from oncofed.warehouse import Warehouse, load
from oncofed.warehouse.compile import everyone
from oncofed.warehouse.shards import DATABASE
from oncofed.warehouse.sources.tables import LOADABLE, TablesSource
from tests.factories.warehouse import PSEUDONYMS, a_crowd, a_record, load_datasets

PATIENTS = [{"patient_key": "HOSP-1", "birth_sex": "female", "species": "human"}, {"patient_key": "HOSP-2"}]
STUDIES = [{"study_uid": "1.2.3", "patient_key": "HOSP-1", "n_series": 1, "n_instances": 7, "age_at_imaging": 61.2}]
SERIES = [
    {"series_uid": "1.2.3.4", "study_uid": "1.2.3", "modality": "CT", "n_instances": 7, "pixel_deid_status": "clean"}
]


def write(folder: Path, name: str, rows: list[dict[str, Any]], suffix: str = "parquet") -> None:
    folder.mkdir(exist_ok=True)
    columns = {key: [row.get(key) for row in rows] for row in rows for key in row}
    table = pa.table(columns)
    if suffix == "csv":
        pyarrow.csv.write_csv(table, folder / f"{name}.csv")
    else:
        pyarrow.parquet.write_table(table, folder / f"{name}.parquet")


def loaded(folder: Path, directory: Path):
    return load(TablesSource(folder, a_record("tables")), directory=directory, pseudonyms=PSEUDONYMS, release="1")


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_tables_are_loaded_under_pseudonyms(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "in"
    for name, rows in (("patient", PATIENTS), ("imaging_study", STUDIES), ("imaging_series", SERIES)):
        write(folder, name, rows, suffix)
    (folder / "README.txt").write_text("not a table")
    (release,) = loaded(folder, tmp_path / "w")
    assert release.supports == ("species", "sex", "age_at_imaging", "modality")
    with Warehouse(tmp_path / "w") as warehouse:
        assert warehouse.count(everyone(), [release.name], "age_at_imaging") == {"60-64": 1, "missing": 1}
    stored = (tmp_path / "w" / "000001" / DATABASE).read_bytes()
    assert b"HOSP-1" not in stored
    with duckdb.connect(str(tmp_path / "w" / "000001" / DATABASE), read_only=True) as connection:
        rows = connection.execute("SELECT patient_key, study_uid FROM imaging_study").fetchall()
    assert rows == [(PSEUDONYMS.patient("HOSP-1"), PSEUDONYMS.uid("1.2.3"))]


def test_every_table_goes_there_and_back(tmp_path: Path) -> None:
    """A whole crowd, exported from one warehouse and loaded into another, is counted alike in every criterion."""
    (first,) = load_datasets(tmp_path / "a", {"one": a_crowd(25, seed=11)})
    folder = tmp_path / "out"
    folder.mkdir()
    with duckdb.connect(str(tmp_path / "a" / "000001" / DATABASE), read_only=True) as connection:
        for place, name in enumerate(LOADABLE):
            target = folder / f"{name}.{('parquet', 'csv')[place % 2]}"
            connection.execute(f"COPY (SELECT * EXCLUDE (dataset_id) FROM {name}) TO '{target}'")
    (second,) = loaded(folder, tmp_path / "b")
    assert second.size == first.size
    with Warehouse(tmp_path / "a") as before, Warehouse(tmp_path / "b") as after:
        for criterion in second.supports:
            assert after.count(everyone(), [second.name], criterion) == before.count(
                everyone(), [first.name], criterion
            )
    assert len(second.supports) >= 40


BAD: dict[str, tuple[str, list[dict[str, Any]], str]] = {
    "unknown column": (
        "patient",
        [PATIENTS[0] | {"birth_sexe": "f"}],
        "table patient has no column .birth_sexe.; did you mean .birth_sex",
    ),
    "missing column": (
        "imaging_study",
        [{"study_uid": "1", "patient_key": "HOSP-1"}],
        "imaging_study, column n_series: the column is missing",
    ),
    "dataset id": ("patient", [PATIENTS[0] | {"dataset_id": "x"}], "has no column .dataset_id."),
    "wrong type": ("imaging_study", [STUDIES[0] | {"n_series": "many"}], "column n_series: 1 rows are no INTEGER"),
    "too large": (
        "imaging_study",
        [STUDIES[0] | {"acquisition_year": 123456}],
        "column acquisition_year: 1 rows are no SMALLINT",
    ),
    "empty": (
        "imaging_series",
        [SERIES[0] | {"series_uid": None}, SERIES[0]],
        "imaging_series, column series_uid: 1 rows are empty",
    ),
    "empty text": ("patient", [{"patient_key": ""}], "patient, column patient_key: 1 rows are empty"),
    "infinite": (
        "imaging_series",
        [SERIES[0] | {"kvp": float("inf")}],
        "imaging_series, column kvp: 1 rows are no REAL",
    ),
    "no code": (
        "patient",
        [PATIENTS[0] | {"birth_sex": "F"}, PATIENTS[1]],
        "patient, column birth_sex: 1 rows hold no code",
    ),
    "unknown table": ("imaging_serie", SERIES, "no table .imaging_serie. to load .*did you mean .imaging_series"),
    "a table of ours": ("opt_out", PATIENTS, "no table .opt_out. to load"),
    "a study of nobody": (
        "imaging_study",
        [STUDIES[0] | {"patient_key": "HOSP-9"}],
        "1 rows refer to no row of patient",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_named_to_the_column(tmp_path: Path, name: str) -> None:
    table, rows, message = BAD[name]
    folder = tmp_path / "in"
    write(folder, "patient", PATIENTS)
    if table == "imaging_series":
        write(folder, "imaging_study", STUDIES)
    write(folder, table, rows)
    with pytest.raises(BadInput, match=message) as caught:
        loaded(folder, tmp_path / "w")
    assert caught.value.code == "table-invalid"
    assert "HOSP" not in str(caught.value)


def test_a_table_given_twice_none_given_and_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    with pytest.raises(BadInput, match="source-unreadable"):
        loaded(folder, tmp_path / "w")
    folder.mkdir()
    with pytest.raises(BadInput, match="source-empty"):
        loaded(folder, tmp_path / "w")
    write(folder, "patient", PATIENTS)
    write(folder, "patient", PATIENTS, "csv")
    with pytest.raises(BadInput, match="given twice"):
        loaded(folder, tmp_path / "w")


@pytest.mark.parametrize(
    ("name", "content"), [("patient.parquet", b"PAR1 no"), ("patient.csv", b'patient_key\n"a\n"b,c,d\n')]
)
def test_a_file_that_is_none(tmp_path: Path, name: str, content: bytes) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / name).write_bytes(content)
    with pytest.raises(BadInput) as caught:
        loaded(folder, tmp_path / "w")
    assert caught.value.code == "table-invalid"
