"""EuCanImage: the published REDCap records and the FHIR published as what they must become give the same tables.

Compared are all columns but the engine's own numbers, of all tables, row by row, with the condition a row belongs
to named by its patient, laterality and diagnosis. One difference of the published FHIR is taken out first, and only
here: it writes PSC under the code of NAFLD. Ages above 90 are capped alike on both roads.
"""

import csv
import json
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from oncofed.prepare.mapping import load_mapping, map_data, preset_names
from oncofed.prepare.mapping.codes import curie
from tests.factories.mapping import counted

CASES = {
    "uc1": ("UC1", "UseCase1_testdata.csv", 15),
    "uc45": ("UC4and5", "UseCase45_testdata.csv", 3),
    "uc68": ("UC6and8", "UseCase68_testdata.csv", 1),
}
NOT_RECORDED = "SNOMED:1220561009"
NAFLD, PSC = "1231824009", "197441003"


@pytest.fixture(scope="session")
def eucanimage(shared: Path) -> Path:
    return shared / "ai4hi" / "eucanimage"


def contents(folder: Path, table: str) -> Counter[tuple[object, ...]]:
    """The rows of a table, with the condition they belong to in words instead of its number."""
    file = folder / f"{table}.parquet"
    if not file.exists():
        return Counter()
    with duckdb.connect() as connection:
        names = [name for name, *_ in connection.execute(f"DESCRIBE FROM '{file}'").fetchall()]
        kept = [f"t.{name}" for name in names if not name.endswith("_id")]
        join = ""
        if table not in ("patient", "cancer_condition"):
            join = f"LEFT JOIN '{folder}/cancer_condition.parquet' c USING (condition_id)"
            kept += ["c.patient_key", "c.laterality", "c.oncotree_code"]
        return Counter(connection.execute(f"SELECT {', '.join(kept)} FROM '{file}' t {join}").fetchall())


def as_published(content: Counter[tuple[object, ...]]) -> Counter[tuple[object, ...]]:
    """PSC under the code of NAFLD."""
    return Counter({tuple(NAFLD if cell == PSC else cell for cell in row): 0 for row in content}) + Counter(
        tuple(NAFLD if cell == PSC else cell for cell in row) for row in content.elements()
    )


@pytest.mark.parametrize("case", CASES)
def test_records_become_what_their_published_fhir_becomes(eucanimage: Path, tmp_path: Path, case: str) -> None:
    folder, records, patients = CASES[case]
    by_records, by_fhir = tmp_path / "redcap", tmp_path / "fhir"
    report = map_data(f"eucanimage-{case}", eucanimage / folder / records, by_records)
    expected = map_data(f"eucanimage-{case}-fhir", eucanimage / folder, by_fhir)
    assert report.tables == expected.tables
    assert report.tables["patient"] == patients
    for table in report.tables:
        assert as_published(contents(by_records, table)) == contents(by_fhir, table)
    assert expected.findings == ()  # no resource, code or value of the published FHIR is left over
    assert [one.unused for one in report.relations] == [()]


@pytest.mark.parametrize("case", CASES)
def test_every_coded_answer_of_the_published_fhir_is_in_the_tables(eucanimage: Path, tmp_path: Path, case: str) -> None:
    """Counted from the JSON itself, without our reader: observations with an answer, by patient and question."""
    folder, records, _ = CASES[case]
    map_data(f"eucanimage-{case}", eucanimage / folder / records, tmp_path)
    answered: Counter[str] = Counter()
    for file in (eucanimage / folder).glob("*.json"):
        for entry in json.loads(file.read_text())["entry"]:
            resource = entry["resource"]
            value = resource.get("valueCodeableConcept", {}).get("coding", [{}])[0]
            if resource["resourceType"] == "Observation" and (
                "valueQuantity" in resource or (value and curie(value["system"], value["code"]) != NOT_RECORDED)
            ):
                question = resource["code"]["coding"][0]
                answered[curie(question["system"], question["code"])] += 1
    with duckdb.connect() as connection:
        observed = connection.execute(
            f"SELECT code_system || ':' || code, count(*) FROM '{tmp_path}/observation.parquet' GROUP BY 1"
        ).fetchall()
        ((sexes,),) = connection.execute(f"SELECT count(birth_sex) FROM '{tmp_path}/patient.parquet'").fetchall()
        stages = tmp_path / "cancer_stage.parquet"
        staged = connection.execute(f"SELECT count(*) FROM '{stages}'").fetchone() if stages.exists() else (0,)
    found = Counter(dict(observed))
    found[f"SNOMED:{NAFLD}"] += found.pop(f"SNOMED:{PSC}", 0)
    assert sexes == answered.pop("LOINC:76689-9", 0)
    categories = [code for code in answered if code.startswith("SNOMED:12225")]
    assert staged == (sum(answered.pop(code) for code in categories),)
    assert {code: found[code] for code in answered} == dict(answered)


def test_what_the_code_books_contradict_themselves_about_is_reported_and_can_be_read_either_way(
    eucanimage: Path, tmp_path: Path
) -> None:
    from oncofed.prepare.mapping import MappingOptions

    source = eucanimage / "UC4and5" / "UseCase45_testdata.csv"
    values = {}
    for disputed in ("published", "labels", "leave-out"):
        folder = tmp_path / disputed
        report = map_data("eucanimage-uc45", source, folder, options=MappingOptions(disputed=disputed))
        found = counted(report)
        assert found["value-disputed", "emvi", "observation.value_code"] == 3
        assert found["value-disputed", "grade", "observation.value_code"] == 3
        with duckdb.connect() as connection:
            values[disputed] = connection.execute(
                f"SELECT count(*) FILTER (value_code = 'SNOMED:52101004'), count(*) FROM '{folder}/observation.parquet'"
                " WHERE code = '84889-5'"
            ).fetchone()
    assert values == {"published": (2, 3), "labels": (1, 3), "leave-out": (0, 0)}


def code_book(eucanimage: Path, case: str) -> list[str]:
    text = (eucanimage / f"codebook-usecase-{case}.csv").read_text(encoding="utf-8")
    return [line.partition(",")[0] for line in text.splitlines()[1:] if line and not line.startswith(("{", '"', " "))]


@pytest.mark.parametrize(
    ("case", "preset"), [("1", "uc1"), ("3", "uc3"), ("4and5", "uc45"), ("6and8", "uc68"), ("7", "uc7")]
)
def test_every_variable_of_the_five_code_books_is_mapped_or_named_as_left_out(
    eucanimage: Path, tmp_path: Path, case: str, preset: str
) -> None:
    variables = list(dict.fromkeys(code_book(eucanimage, case)))
    assert len(variables) >= 16
    source = tmp_path / "records.csv"
    with source.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(variables)
        for answer in ("", "0", "1"):
            table.writerow([f"P{answer}" if name == "record_id" else answer for name in variables])
    report = map_data(f"eucanimage-{preset}", source, tmp_path / "out")
    assert report.relations[0].unused == ()
    assert report.tables["patient"] == 3
    assert report.tables["observation"] > 5


def test_all_presets_can_be_loaded_and_say_whose_reading_they_are() -> None:
    names = preset_names()
    assert len(names) >= 19
    shapes = {name: load_mapping(name).mapping.shape for name in names}
    assert {name for name, shape in shapes.items() if shape == "own-reading"} >= {"primage", "procancer-i", "incisive"}
    assert "site" not in shapes.values()
    assert all(load_mapping(name).mapping.about for name in names)
