"""Tables as they can be looked at: nothing is refused but files that cannot be read, and nothing is lost unsaid."""

from pathlib import Path

import pytest

from oncofed.contracts.errors import BadInput
from oncofed.imaging.quality import Instance, read_instance
from oncofed.prepare.checks.clinical import check_clinical
from oncofed.prepare.checks.spool import Spool
from oncofed.prepare.checks.tables import Tables
from tests.factories import series, tables


def test_values_of_another_type_become_null_and_are_counted(tmp_path: Path) -> None:
    (tmp_path / "patient.csv").write_text("patient_key,birth_year,unknown_column\np1,1960,x\np2,sixty,\np3,,\n")
    with Tables() as model:
        model.load(tmp_path)
        assert model.rows("SELECT patient_key, birth_year FROM patient ORDER BY 1") == [
            ("p1", 1960), ("p2", None), ("p3", None),
        ]  # fmt: skip
        assert [(one.table, one.column, one.rows) for one in model.unfit] == [("patient", "birth_year", 1)]


def test_unfit_values_are_a_finding(tmp_path: Path) -> None:
    rows = tables.sound()
    rows["patient"][0]["birth_year"] = "196O"
    rows["patient"][1]["birth_year"] = rows["patient"][2]["birth_year"] = "1950"
    with Spool() as spool, Tables() as model:
        spool.fill([])
        model.load(tables.write(rows, tmp_path))
        model.complete(spool)
        found = next(one for one in check_clinical(model).checks if one.check == "type-unfit")
    assert (found.places, found.meaning) == (1, "patient.birth_year (1)")


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "prescriptions.csv").write_text("a,b\n1,2\n")
    (tmp_path / "outcome.csv").write_text("nothing,known\n1,2\n")
    with Tables() as model:
        model.load(tmp_path)
        assert model.count("outcome") == 0


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "patient.parquet").write_bytes(b"no parquet")
    with Tables() as model, pytest.raises(BadInput, match=r"patient\.parquet"):
        model.load(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with Tables() as model, pytest.raises(BadInput, match="source-unreadable"):
        model.load(tmp_path / "nowhere")


def spooled(folder: Path) -> Spool:
    spool = Spool()
    facts = (read_instance(path, folder) for path in sorted(folder.rglob("*")) if path.is_file())
    spool.fill(one for one in facts if isinstance(one, Instance))
    return spool


def test_images_alone_make_rows(tmp_path: Path) -> None:
    for seed in (1, 2):
        series.write(series.objects(seed, "CT", "MG"), tmp_path)
    with spooled(tmp_path) as spool, Tables() as model:
        model.complete(spool)
        assert model.count("patient") == model.count("imaging_study") == 2
        studies = model.rows("SELECT n_series, n_instances, bytes > 0 FROM imaging_study")
        assert studies == [(4, 12, True)] * 2
        kinds = model.rows("SELECT kind, count(*), any_value(method) FROM derived_object GROUP BY 1 ORDER BY 1")
        assert [(kind, count) for kind, count, _ in kinds] == [("SEG", 2), ("SR", 2)]
        sexes = {sex for (sex,) in model.rows("SELECT birth_sex FROM patient")}
        assert sexes <= {"female", "male"}
        assert model.rows("SELECT count(*) FROM v_imaging_series WHERE patient_key IS NULL") == [(0,)]


def test_series_come_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncofed.prepare.checks.tables._BATCH", 1)
    series.write(series.objects(1, "CT"), tmp_path)
    with spooled(tmp_path) as spool, Tables() as model:
        model.complete(spool)
        assert model.count("imaging_series") == 3


def test_tables_that_are_given_stand(tmp_path: Path) -> None:
    series.write(series.objects(1, "CT"), tmp_path / "images")
    with spooled(tmp_path / "images") as spool, Tables() as model:
        model.load(tables.write(tables.sound(), tmp_path / "tables"))
        model.complete(spool)
        assert (model.count("patient"), model.from_images) == (3, set())


def test_gauss_is_tesla(tmp_path: Path) -> None:
    made = series.of(series.objects(1, "MR"), "MR")
    for one in made:
        one.MagneticFieldStrength = 15000
    series.write(made, tmp_path)
    with spooled(tmp_path) as spool, Tables() as model:
        model.complete(spool)
        assert model.rows("SELECT field_strength_t FROM imaging_series") == [(1.5,)]
