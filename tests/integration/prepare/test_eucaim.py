"""EUCAIM's layout: what we write we read back alike, and others' files in it load."""
# ruff: noqa: E501  (tables of data are read across)

import csv
from pathlib import Path

import duckdb
import pytest

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import BadInput
from oncofed.prepare.eucaim import read_eucaim, write_eucaim
from oncofed.warehouse import Warehouse, load
from oncofed.warehouse.compile import everyone
from oncofed.warehouse.shards import DATABASE
from oncofed.warehouse.sources.synthetic import SyntheticSource
from oncofed.warehouse.sources.tables import LOADABLE, TablesSource
from tests.factories.mapping import rows
from tests.factories.warehouse import PSEUDONYMS, a_record

KEPT = ("sex", "population", "vital_status", "diagnosis", "age_at_diagnosis", "ct", "cn", "cm", "pt", "pn", "pm", "stage",
        "er", "pr", "her2", "ki67", "psa", "gleason", "isup", "bi_rads", "pi_rads", "ecog", "treatment", "timepoint",
        "modality", "body_part", "laterality", "manufacturer", "field_strength", "slice_thickness")  # fmt: skip
"""Criteria that the layout has a place for."""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(warehouse of generated cases, the same as tables)."""
    place = tmp_path_factory.mktemp("cases")
    source = SyntheticSource(a_record("generated"), 300, 7)
    load(source, directory=place / "warehouse", pseudonyms=PSEUDONYMS, release="1")
    (place / "tables").mkdir()
    with duckdb.connect(str(place / "warehouse" / "000001" / DATABASE), read_only=True) as connection:
        for name in LOADABLE:
            connection.execute(f"COPY (SELECT * EXCLUDE (dataset_id) FROM {name}) TO '{place}/tables/{name}.parquet'")
    return place / "warehouse", place / "tables"


def test_every_criterion_the_layout_has_a_place_for_is_counted_alike_after_going_there_and_back(
    cases: tuple[Path, Path], tmp_path: Path
) -> None:
    warehouse, tables = cases
    written = write_eucaim(tables, tmp_path / "eucaim", dataset_id="generated", title="Generated, not people")
    assert len(written.tables) == 24
    report = read_eucaim(tmp_path / "eucaim", tmp_path / "back")
    assert [one for one in report.findings if one.code != "row-unused"] == []
    source = TablesSource(tmp_path / "back", a_record("back"))
    (release,) = load(source, directory=tmp_path / "w", pseudonyms=PSEUDONYMS, release="1")
    with Warehouse(warehouse) as before, Warehouse(tmp_path / "w") as after:
        first = before.releases()[0].name
        supported = set(before.releases()[0].supports)
        compared = [name for name in KEPT if name in supported]
        assert len(compared) >= 20
        for criterion in compared:
            there, back = (
                {cell: number for cell, number in w.count(everyone(), [name], criterion).items() if cell != "missing"}
                for w, name in ((before, first), (after, release.name))
            )
            assert back == there, criterion
    assert set(KEPT) <= set(CRITERIA)


def test_the_24_tables_have_their_headings_even_when_empty_and_no_date_is_written(
    cases: tuple[Path, Path], tmp_path: Path, shared: Path
) -> None:
    import json

    write_eucaim(cases[1], tmp_path / "eucaim", dataset_id="generated", title="t")
    model = json.loads((shared / "facts" / "data-model" / "eucaim_cdm_tables.json").read_text())["tables"]
    assert len(model) == 24
    for table in model:
        with (tmp_path / "eucaim" / "clinical_data" / f"{table['table']}.csv").open() as file:
            reader = csv.DictReader(file)
            found, heading = list(reader), reader.fieldnames
        assert heading == [column["name"] for column in table["columns"]]
        dates = [column["name"] for column in table["columns"] if column["type"] == "DATE"]
        assert {row[name] for row in found for name in dates} <= {""}
    for view in ("clinical_mandatory_view", "imaging_mandatory_view"):
        assert (tmp_path / "eucaim" / f"{view}.csv").read_text().count("\n") >= 300


def test_codes_of_the_hyper_ontology_and_files_of_others(tmp_path: Path) -> None:
    clinical = tmp_path / "clinical_data"
    clinical.mkdir()
    for name, text in {
        "patient": "patient_id,dataset_id,patient_birth_sex,patient_deceased,patient_date_of_last_contact\n"
        "P,d,SNOMEDCT248152002,true,2012-01-01",
        "cancer_condition": "cancer_condition_id,patient_id,cancer_condition_age_at_diagnosis,cancer_condition_age_unit,"
        "cancer_condition_asserted_date,cancer_condition_code\n1,P,55.5,a,2011-01-01,SNOMEDCT254837009",
        "tumor_marker_test": "patient_id,tumor_marker_test_code,tumor_marker_test_as_concept\nP,CLIN1045815,COM1001310",
        "tumor_observation": "patient_id,tumor_observation_code,tumor_observation_value_as_concept\n"
        "P,IMG1005459,IMG1005465\nP,IMG1005459,IMG1005476",
        "cancer_stage": "cancer_condition_id,cancer_stage_code,cancer_stage_as_concept\n1,CLIN1033379,COM1000370",
    }.items():
        (clinical / f"{name}.csv").write_text(text)
    report = read_eucaim(clinical, tmp_path / "out")
    assert report.findings == ()
    out = tmp_path / "out"
    assert rows(out, "patient", "birth_sex", "vital_status", "last_contact_offset_days") == [("female", "dead", 365)]
    assert rows(out, "cancer_condition", "oncotree_code", "diagnosis_year") == [("BREAST", 2011)]
    assert rows(out, "observation", "code", "value_code") == [
        ("85337-4", "positive"),
        ("bi_rads", "4"),
        ("pi_rads", "4"),
    ]
    assert rows(out, "cancer_stage", "timing", "axis", "value") == [("c", "T", "T2a")]


def test_images_stand_where_the_tree_wants_them(cases: tuple[Path, Path], tmp_path: Path) -> None:
    from pydicom.data import get_testdata_file

    images = tmp_path / "images"
    images.mkdir()
    source = Path(str(get_testdata_file("CT_small.dcm")))
    (images / "a.dcm").write_bytes(source.read_bytes())
    written = write_eucaim(cases[1], tmp_path / "eucaim", dataset_id="d", title="t", images=images)
    assert written.images == 1
    (placed,) = (tmp_path / "eucaim" / "imaging_data").rglob("*.dcm")
    assert placed.read_bytes() == source.read_bytes()
    assert len(placed.relative_to(tmp_path / "eucaim" / "imaging_data").parts) == 4
    (images / "b.dcm").write_bytes(b"no DICOM")
    with pytest.raises(BadInput, match="file-damaged"):
        write_eucaim(cases[1], tmp_path / "other", dataset_id="d", title="t", images=images)


def test_what_cannot_be_written(cases: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="directory-not-empty"):
        write_eucaim(cases[1], cases[1], dataset_id="d", title="t")
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInput, match="source-empty"):
        write_eucaim(tmp_path / "none", tmp_path / "a", dataset_id="d", title="t")
    (tmp_path / "none" / "patient.parquet").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="table-invalid"):
        write_eucaim(tmp_path / "none", tmp_path / "b", dataset_id="d", title="t")
