"""EUCAIM's layout: what we write we read back alike, and others' files in it load."""
# ruff: noqa: E501  (tables of data are read across)

import csv
import errno
import random
from pathlib import Path

import duckdb
import pytest

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import BadInput, OncofedError
from oncofed.contracts.vocabulary import domain
from oncofed.prepare import eucaim
from oncofed.prepare.eucaim import write_eucaim
from oncofed.prepare.mapping import map_data
from oncofed.warehouse import Warehouse, load
from oncofed.warehouse.compile import everyone
from oncofed.warehouse.extraction import OBSERVATION_CODES
from oncofed.warehouse.schema import TABLES
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
    report = map_data("eucaim-cdm", tmp_path / "eucaim", tmp_path / "back")
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
    report = map_data("eucaim-cdm", clinical, tmp_path / "out")
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


def arbitrary_tables(folder: Path, seed: int, patients: int = 120) -> None:
    """Tables of the model with every code the layout has, numbers of any size, and holes everywhere."""
    dice = random.Random(seed)

    def one_of(criterion: str, *, hole: bool = True) -> str | None:
        return None if hole and dice.random() < 0.2 else dice.choice(sorted(domain(criterion)))

    def offset() -> int | None:
        return None if dice.random() < 0.2 else dice.choice([0, 1, -30, 999, 1000, 12_345, -4_000])

    made: dict[str, list[dict[str, object]]] = {name: [] for name in TABLES if TABLES[name].patients}
    for place in range(patients):
        key, study, series = f"P{place}", f"1.2.{place + 1}", f"1.2.{place + 1}.1"
        made["patient"].append(
            {
                "patient_key": key,
                "species": "human",
                "birth_sex": one_of("sex"),
                "vital_status": dice.choice([None, "dead", "alive"]),
                "population_category": dice.choice(["case", "control", "benign", None]),
            }
        )
        made["cancer_condition"].append(
            {
                "condition_id": place * 7 + 3,
                "patient_key": key,
                "kind": dice.choice(["primary", "secondary"]),
                "oncotree_code": one_of("diagnosis", hole=False),
                "icdo3_morphology": dice.choice([None, "8500/3"]),
                "icdo3_topography": dice.choice([None, "C50.9"]),
                "age_at_diagnosis": dice.choice([None, 0, 0.1, 61.5, 90]),
            }
        )
        for name in ("ct", "cn", "cm", "pt", "pn", "pm"):
            made["cancer_stage"].append(
                {
                    "stage_id": len(made["cancer_stage"]),
                    "condition_id": place * 7 + 3,
                    "system": "TNM8",
                    "timing": name[0],
                    "axis": name[1].upper(),
                    "value": one_of(name, hole=False),
                }
            )
        made["cancer_stage"].append(
            {
                "stage_id": len(made["cancer_stage"]),
                "condition_id": place * 7 + 3,
                "system": "TNM8",
                "timing": dice.choice("cp"),
                "axis": "group",
                "value": one_of("stage", hole=False),
            }
        )
        for name in ("er", "pr", "her2", "gleason", "isup", "bi_rads", "pi_rads", "ecog", "psa", "ki67"):
            system, code = OBSERVATION_CODES[name]
            number = {"psa": dice.choice([0, 0.004, 999.99, 1e5, 123456.789]), "ki67": dice.choice([0, 33.3, 100])}.get(
                name
            )
            made["observation"].append(
                {
                    "observation_id": len(made["observation"]),
                    "patient_key": key,
                    "category": "X",
                    "code_system": system,
                    "code": code,
                    "value_number": number,
                    "value_unit": {"psa": "ng/mL", "ki67": "%"}.get(name),
                    "value_code": None if number is not None else one_of(name, hole=False),
                    "offset_days": offset() if name in ("er", "pr", "her2", "psa", "ki67") else None,
                }
            )
        made["observation"].append(
            {
                "observation_id": len(made["observation"]),
                "patient_key": key,
                "category": "LAB",
                "code_system": "oncofed",
                "code": "ldh",
                "value_number": dice.random() * 1e4,
                "value_unit": "U/L",
                "offset_days": offset(),
            }
        )
        kind, start = one_of("treatment", hole=False), offset()
        placed = kind in (
            "radiotherapy",
            "surgery",
            "chemotherapy",
            "hormone_therapy",
            "immunotherapy",
            "targeted_therapy",
        )
        ends = kind in ("chemotherapy", "hormone_therapy", "immunotherapy", "targeted_therapy") and start is not None
        made["treatment"].append(
            {
                "treatment_id": place * 3,
                "condition_id": place * 7 + 3,
                "type": kind,
                "start_offset_days": start if placed else None,
                "intent": dice.choice([None, "curative", "adjuvant"]),
                "end_offset_days": start + 90 if ends and start is not None else None,
                "dose_gy": dice.choice([None, 70.0, 6000.5]) if kind == "radiotherapy" else None,
                "fractions": dice.choice([None, 35]) if kind == "radiotherapy" else None,
            }
        )
        made["imaging_study"].append(
            {
                "study_uid": study,
                "patient_key": key,
                "timepoint": one_of("timepoint"),
                "offset_days": offset(),
                "n_series": 0,
                "n_instances": 0,
            }
        )
        made["imaging_series"].append(
            {
                "series_uid": series,
                "study_uid": study,
                "modality": one_of("modality"),
                "body_part_code": one_of("body_part"),
                "laterality": one_of("laterality"),
                "manufacturer_norm": one_of("manufacturer"),
                "kvp": dice.choice([None, 120.0]),
                "slice_thickness_mm": dice.choice([None, 0.625]),
                "field_strength_t": dice.choice([None, 1.5]),
                "n_instances": dice.randint(0, 5000),
                "pixel_deid_status": "unchecked",
            }
        )
    folder.mkdir()
    with duckdb.connect() as connection:
        for name, given in made.items():
            columns = [one for one in TABLES[name].columns if one.name != "dataset_id"]
            connection.execute(f"CREATE TABLE {name} ({', '.join(f'{one.name} {one.type}' for one in columns)})")
            for row in given:
                connection.execute(
                    f"INSERT INTO {name} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
                )
            connection.execute(f"COPY {name} TO '{folder}/{name}.parquet' (FORMAT parquet)")


ALIKE = {
    "patient": "patient_key birth_sex vital_status population_category",
    "cancer_condition": "patient_key kind oncotree_code icdo3_morphology icdo3_topography age_at_diagnosis::DOUBLE",
    "cancer_stage": "system timing axis value",
    "observation": "patient_key code_system code value_number value_unit value_code offset_days",
    "treatment": "type intent start_offset_days end_offset_days dose_gy fractions",
    "imaging_study": "study_uid patient_key timepoint offset_days",
    "imaging_series": "series_uid study_uid modality body_part_code laterality manufacturer_norm kvp slice_thickness_mm"
    " field_strength_t n_instances pixel_deid_status",
}
"""Table → the columns that the layout has a place for."""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (duckdb.IOException("Could not write: No space left on device"), "disk-full"),
        (duckdb.IOException("Input/output error"), "system-refused"),
        (OSError(errno.ENOSPC, "full"), "full"),
    ],
)
def test_what_is_not_written_whole_leaves_nothing(
    cases: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(eucaim, "_place_images", refuse)
    with pytest.raises((OncofedError, OSError), match=expected):
        write_eucaim(cases[1], tmp_path / "new", dataset_id="generated", title="Generated", images=tmp_path)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("seed", [1, 2])
def test_row_by_row_nothing_that_has_a_place_is_lost(tmp_path: Path, seed: int) -> None:
    arbitrary_tables(tmp_path / "tables", seed)
    written = write_eucaim(tmp_path / "tables", tmp_path / "eucaim", dataset_id="d", title="t")
    assert written.not_written == {}
    report = map_data("eucaim-cdm", tmp_path / "eucaim", tmp_path / "back")
    assert report.findings == ()
    for table, columns in ALIKE.items():
        assert rows(tmp_path / "back", table, *columns.split()) == rows(tmp_path / "tables", table, *columns.split()), (
            table
        )
