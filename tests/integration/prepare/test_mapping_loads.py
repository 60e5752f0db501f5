"""The five AI4HI repositories: sources in their shapes become tables that a node loads and a query finds."""
# ruff: noqa: E501  (tables of data are read across)

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from oncofed.bench import prepare_mapping
from oncofed.contracts.errors import OncofedError
from oncofed.contracts.query import parse
from oncofed.prepare.mapping import MappingOptions, map_data
from oncofed.warehouse import Warehouse, load
from oncofed.warehouse.sources.tables import TablesSource
from tests.factories import ai4hi
from tests.factories.mapping import counted, rows
from tests.factories.warehouse import PSEUDONYMS, a_record


def loaded(tables: Path, directory: Path, queries: dict[str, int]) -> None:
    """Load as the source ``tables``; each query matches that many patients."""
    (release,) = load(TablesSource(tables, a_record("mapped")), directory=directory, pseudonyms=PSEUDONYMS, release="1")
    with Warehouse(directory) as warehouse:
        found = {text: sum(warehouse.count(parse(text).query, [release.name]).values()) for text in queries}
    assert found == queries


REPOSITORIES: dict[str, tuple[Callable[[Path], Path], dict[str, int]]] = {
    "chaimeleon-omop": (
        ai4hi.omop_prostate,
        {
            "diagnosis is PRAD": 1,
            "diagnosis is PROSTATE": 2,
            "gleason is 7 and isup is 3": 1,
            "ct is T2a and pm is M1a and stage is IV": 1,
            "ecog is 1 and pi rads is 4": 1,
            "treatment is radiotherapy and treatment is hormone_therapy": 1,
            "treatment is watchful_waiting": 1,
            "vital status is dead": 1,
            "age at diagnosis is 90+": 1,
        },
    ),
    "procancer-i": (
        ai4hi.omop_with_images,
        {"pm is M1a": 2, "same series (modality is MR and body part is PROSTATE)": 1},
    ),
    "chaimeleon-eform": (
        ai4hi.eforms,
        {"gleason is 7 and pt is T2c": 1, "diagnosis is PRAD": 1, "age at diagnosis is 90+": 1, "sex is male": 1},
    ),
    "incisive": (ai4hi.fhir_message, {"diagnosis is PROSTATE and age at diagnosis is 55-59": 1, "sex is male": 1}),
    "primage": (
        ai4hi.childrens_tumours,
        {"diagnosis is NBL and treatment is surgery": 1, "diagnosis is DMG": 1, "age at diagnosis is 0-17": 2},
    ),
}


@pytest.mark.parametrize("preset", REPOSITORIES)
def test_a_repository_becomes_a_release_that_can_be_asked(tmp_path: Path, preset: str) -> None:
    make, queries = REPOSITORIES[preset]
    map_data(preset, make(tmp_path / "source"), tmp_path / "tables")
    loaded(tmp_path / "tables", tmp_path / "warehouse", queries)
    stored = b"".join(file.read_bytes() for file in (tmp_path / "tables").glob("*.parquet"))
    assert b"words nobody stores" not in stored
    assert b"NHC-1" not in stored


def test_what_chaimeleon_records_and_nothing_else(tmp_path: Path) -> None:
    report = map_data("chaimeleon-omop", ai4hi.omop_prostate(tmp_path / "source"), tmp_path / "out")
    out = tmp_path / "out"
    assert counted(report) == {
        ("row-unused", "condition_concept_id condition_status_concept_id", ""): 1,  # diabetes
        ("value-disputed", "drug_concept_id", "treatment.type"): 1,
    }
    assert [one.unused for one in report.relations if one.unused] == [
        ("condition_occurrence_id",), ("measurement_id",), ("observation_id",)]  # fmt: skip
    assert rows(out, "treatment", "type", "start_offset_days", "end_offset_days") == [
        ("chemotherapy", 945, None),
        ("hormone_therapy", 214, 579),
        ("radiotherapy", 184, None),
        ("surgery", 92, None),
        ("watchful_waiting", 31, None),
    ]
    assert rows(out, "outcome", "patient_key", "kind", "offset_days") == [("1", "recurrence", 1096)]
    assert rows(out, "patient", "patient_key", "vital_status", "last_contact_offset_days") == [
        ("1", "dead", 1767),
        ("2", None, None),
        ("3", None, None),
    ]


def test_the_generic_omop_mapping_takes_what_omop_itself_fixes(tmp_path: Path) -> None:
    source = ai4hi.omop_prostate(tmp_path / "source")
    text = (source / "CONDITION_OCCURRENCE.csv").read_text().replace(",44502000,", ",4163261,")
    (source / "CONDITION_OCCURRENCE.csv").write_text(text)
    report = map_data("omop-cdm", source, tmp_path / "out")
    assert rows(tmp_path / "out", "cancer_condition", "patient_key", "oncotree_code") == [("2", "PROSTATE")]
    assert report.rows_with("row-unused") > 5  # what CHAIMELEON adds


@pytest.mark.parametrize("site", ["lung", "breast", "colon", "rectum"])
def test_eforms_of_the_other_cancers(tmp_path: Path, site: str) -> None:
    map_data(f"chaimeleon-eform-{site}", ai4hi.eforms(tmp_path / "source"), tmp_path / "out")
    code = {"lung": "LUNG", "breast": "BREAST", "colon": "COADREAD", "rectum": "READ"}[site]
    assert {found for (found,) in rows(tmp_path / "out", "cancer_condition", "oncotree_code")} == {code}


@pytest.mark.parametrize(
    ("case", "folder", "file", "queries"),
    [
        ("uc1", "UC1", "UseCase1_testdata.csv", {"diagnosis is HCC": 3, "diagnosis is LIVER": 15, "age at diagnosis is 90+": 1}),
        ("uc45", "UC4and5", "UseCase45_testdata.csv", {"treatment is chemotherapy": 3, "ct is Tis": 1, "diagnosis is COADREAD": 3}),
        ("uc68", "UC6and8", "UseCase68_testdata.csv", {"cn is N3 and cm is M1a": 1, "tumour laterality is left": 1}),
    ],
)  # fmt: skip
def test_eucanimage_loads(
    shared: Path, tmp_path: Path, case: str, folder: str, file: str, queries: dict[str, int]
) -> None:
    source = shared / "ai4hi" / "eucanimage" / folder / file
    map_data(f"eucanimage-{case}", source, tmp_path / "tables")
    loaded(tmp_path / "tables", tmp_path / "warehouse", queries)


def test_pseudonyms_given_early_are_those_the_warehouse_would_give(tmp_path: Path) -> None:
    source = ai4hi.omop_prostate(tmp_path / "source")
    options = MappingOptions(pseudonyms=PSEUDONYMS)
    map_data("chaimeleon-omop", source, tmp_path / "early", options=options)
    map_data("chaimeleon-omop", source, tmp_path / "late")
    late = {PSEUDONYMS.patient(key) for (key,) in rows(tmp_path / "late", "patient", "patient_key")}
    assert {key for (key,) in rows(tmp_path / "early", "patient", "patient_key")} == late


def test_a_real_disk_that_is_full_leaves_the_tables_that_stood_before(tmp_path: Path) -> None:
    small, source = tmp_path / "small", tmp_path / "registry"
    small.mkdir()
    source.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        (source / "bench.yaml").write_text(prepare_mapping._MAPPING)
        prepare_mapping.write_registry(source, 20)
        map_data(source / "bench.yaml", source / "registry.csv", small / "out")
        before = {file.name: file.read_bytes() for file in (small / "out").glob("*.parquet")}
        prepare_mapping.write_registry(source, 60_000)
        with pytest.raises(OncofedError, match="disk-full"):
            map_data(source / "bench.yaml", source / "registry.csv", small / "out")
        assert {file.name: file.read_bytes() for file in (small / "out").glob("*.parquet")} == before
        assert [file.name for file in (small / "out").iterdir() if file.name.startswith(".")] == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_too_little_memory_has_a_code(tmp_path: Path) -> None:
    prepare_mapping.write_registry(tmp_path, 30_000)
    (tmp_path / "bench.yaml").write_text(prepare_mapping._MAPPING)
    with pytest.raises(OncofedError, match="load-memory"):
        map_data(
            tmp_path / "bench.yaml",
            tmp_path / "registry.csv",
            tmp_path / "out",
            options=MappingOptions(memory_limit="6MB"),
        )
