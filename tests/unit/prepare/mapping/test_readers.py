"""Readers: the same people in every format give the same tables; what cannot be read says so and names no value."""
# ruff: noqa: E501  (resources are read across)

import json
import random
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import hypothesis.strategies as st
import openpyxl
import pytest
from hypothesis import given, settings

from oncofed.contracts.errors import BadInput
from oncofed.prepare.mapping import map_data
from oncofed.prepare.mapping.spec import SourceSpec
from tests.factories.mapping import counted, rows, write_csv, write_mapping

MAPPING = """
source:
  format: FORMAT
  relations:
    people: {RELATION}
index: [{relation: people, column: diagnosed}]
tables:
  patient:
    - from: people
      columns:
        birth_sex: {column: sex, vocabulary: sex}
        birth_year: {column: born, as: year}
        last_contact_offset_days: {column: diagnosed, as: offset}
"""
PEOPLE = [("007", "F", "1950-06-01", "2010-01-02"), ("Žižka", "M", "", "2011-03-04")]
COLUMNS = ("pid", "sex", "born", "diagnosed")
EXPECTED = [("007", "female", 1950, 0), ("Žižka", "male", None, 0)]


def as_csv(folder: Path) -> Path:
    return write_csv(folder, "people", "\n".join(",".join(row) for row in (COLUMNS, *PEOPLE)))


def as_windows_csv(folder: Path) -> Path:
    path = folder / "people.csv"
    path.write_bytes("\r\n".join(";".join(row) for row in (COLUMNS, *PEOPLE)).encode("utf-8-sig"))
    return path


def as_tsv(folder: Path) -> Path:
    path = folder / "people.tsv"
    path.write_text("\n".join("\t".join(row) for row in (COLUMNS, *PEOPLE)))
    return path


def as_parquet(folder: Path) -> Path:
    as_csv(folder)
    with duckdb.connect() as connection:
        connection.execute(
            f"""COPY (SELECT pid, sex, TRY_CAST(born AS DATE) AS born, CAST(diagnosed AS TIMESTAMP) AS diagnosed
                FROM read_csv('{folder}/people.csv', all_varchar = true)) TO '{folder}/people.parquet'"""
        )
    (folder / "people.csv").unlink()
    return folder / "people.parquet"


def as_excel(folder: Path) -> Path:
    from datetime import date, datetime

    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = "people"
    sheet.append([*COLUMNS, None])
    sheet.append(["007", "F", date(1950, 6, 1), datetime(2010, 1, 2)])
    sheet.append([None] * 4)
    sheet.append(["Žižka", "M", None, "2011-03-04", "beyond the heading"])
    workbook.create_sheet("notes").append(["free text"])
    workbook.save(folder / "clinic.xlsx")
    return folder / "clinic.xlsx"


def as_sqlite(folder: Path) -> Path:
    with sqlite3.connect(folder / "clinic.sqlite") as database:
        database.execute("CREATE TABLE People (pid TEXT, sex TEXT, born TEXT, diagnosed TEXT)")
        database.executemany("INSERT INTO People VALUES (?, ?, nullif(?, ''), ?)", PEOPLE)
    database.close()
    return folder / "clinic.sqlite"


def as_duckdb(folder: Path) -> Path:
    with duckdb.connect(str(folder / "clinic.duckdb")) as database:
        database.execute("CREATE TABLE people (pid VARCHAR, sex VARCHAR, born VARCHAR, diagnosed DATE)")
        database.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", PEOPLE)
    return folder / "clinic.duckdb"


FORMATS = {
    "csv": as_csv,
    "redcap": as_windows_csv,
    "omop": as_tsv,
    "parquet": as_parquet,
    "excel": as_excel,
    "sqlite": as_sqlite,
    "duckdb": as_duckdb,
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("whole_folder", [False, True])
def test_the_same_people_in_every_format_give_the_same_tables(tmp_path: Path, kind: str, whole_folder: bool) -> None:
    source = tmp_path / "source"
    source.mkdir()
    file = FORMATS[kind](source)
    before = file.read_bytes()
    mapping = write_mapping(tmp_path, MAPPING.replace("FORMAT", kind).replace("RELATION", ""))
    report = map_data(mapping, source if whole_folder else file, tmp_path / "out")
    found = rows(tmp_path / "out", "patient", "patient_key", "birth_sex", "birth_year", "last_contact_offset_days")
    assert found == EXPECTED
    assert report.findings == ()
    assert [one.name for one in source.iterdir()] == [file.name]
    assert file.read_bytes() == before  # the source is as it was


def test_other_encodings(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_bytes("pid,sex,born,diagnosed\nMüller,F,,2010-01-02".encode("latin-1"))
    latin = MAPPING.replace("format: FORMAT", "format: csv\n  encoding: latin-1").replace("RELATION", "")
    map_data(write_mapping(tmp_path, latin), tmp_path / "people.csv", tmp_path / "out")
    assert rows(tmp_path / "out", "patient", "patient_key") == [("Müller",)]
    with pytest.raises(BadInput, match="source-unreadable") as caught:
        map_data(write_mapping(tmp_path, latin.replace("latin-1", "utf-8")), tmp_path / "people.csv", tmp_path / "out")
    assert "ller" not in str(caught.value)


BROKEN: dict[str, tuple[str, bytes]] = {
    "an Excel file that is none": ("people.xlsx", b"pid,sex\n"),
    "a Parquet file that is none": ("people.parquet", b"PAR1 nothing PAR1"),
    "a database that is none": ("people.sqlite", b"SQLite format 3\0" + b"x" * 100),
    "another database that is none": ("people.duckdb", b"nothing at all, but long enough to be looked at"),
    "NUL bytes": ("people.csv", b"\0\0\0\0\xff\xfe\xfd"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_unreadable_and_nothing_worse(tmp_path: Path, name: str) -> None:
    file, content = BROKEN[name]
    source = tmp_path / "source"
    source.mkdir()
    (source / file).write_bytes(content)
    with pytest.raises(BadInput) as caught:
        map_data(
            write_mapping(tmp_path, MAPPING.replace("FORMAT", "csv").replace("RELATION", "")), source, tmp_path / "out"
        )
    assert caught.value.code in ("source-unreadable", "mapping-column-unknown")


def test_sources_that_are_not_there_or_not_clear(tmp_path: Path) -> None:
    mapping = write_mapping(tmp_path, MAPPING.replace("FORMAT", "csv").replace("RELATION", 'file: "p*.csv"'))
    with pytest.raises(BadInput, match="source-unreadable"):
        map_data(mapping, tmp_path / "nowhere", tmp_path / "out")
    source = tmp_path / "source"
    source.mkdir()
    for name in ("people", "persons"):
        write_csv(source, name, "pid\nA")
    with pytest.raises(BadInput, match="2 files are named"):
        map_data(mapping, source, tmp_path / "out")


def test_a_workbook_or_database_without_the_relation(tmp_path: Path) -> None:
    for make in (as_excel, as_sqlite, as_duckdb):
        folder = tmp_path / make.__name__
        folder.mkdir()
        text = MAPPING.replace("FORMAT", "csv").replace("RELATION", "table: others, sheet: others")
        with pytest.raises(BadInput, match="mapping-relation-missing"):
            map_data(write_mapping(folder, text), make(folder), folder / "out")


def test_large_tables_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from oncofed.prepare.mapping.readers import database, raw, tables

    monkeypatch.setattr(raw, "_BATCH", 1)
    monkeypatch.setattr(database, "_ROWS_AT_ONCE", 1)
    source = as_sqlite(tmp_path)
    mapping = write_mapping(tmp_path, MAPPING.replace("FORMAT", "sqlite").replace("RELATION", ""))
    assert map_data(mapping, source, tmp_path / "out").tables == {"patient": 2}
    monkeypatch.setattr(tables, "_LARGEST_WORKBOOK", 10)
    mapping = write_mapping(tmp_path, MAPPING.replace("FORMAT", "excel").replace("RELATION", ""))
    with pytest.raises(BadInput, match="source-unreadable"):
        map_data(mapping, as_excel(tmp_path), tmp_path / "out")


def test_cells_of_every_kind() -> None:
    from datetime import date, datetime

    from oncofed.prepare.mapping.readers.raw import cell_text

    texts = {
        None: "", True: "true", False: "false", datetime(2020, 1, 2, 3, 4): "2020-01-02 03:04:00",
        date(2020, 1, 2): "2020-01-02", 3.0: "3", 3.5: "3.5", 1e300: "1e+300", "x": "x", float("nan"): "nan",
        Decimal("4.50"): "4.50", Decimal("1E+2"): "100", Decimal("NaN"): "NaN", b"M\xc3\xbcller": "Müller",
        UUID(int=1): "00000000-0000-0000-0000-000000000001",
    }  # fmt: skip
    assert {cell: cell_text(cell) for cell in texts} == texts
    assert cell_text([1, None, "b"]) == "1  b"
    with pytest.raises(ValueError, match="utf-8"):
        cell_text(b"\xff")


def test_text_that_is_none_is_unreadable(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "clinic.sqlite") as database:
        database.text_factory = bytes
        database.execute("CREATE TABLE people (pid TEXT, sex TEXT, born TEXT, diagnosed TEXT)")
        database.execute("INSERT INTO people VALUES (CAST(x'ff41' AS TEXT), 'F', '', '')")
    database.close()
    mapping = write_mapping(tmp_path, MAPPING.replace("FORMAT", "sqlite").replace("RELATION", ""))
    with pytest.raises(BadInput, match="source-unreadable"):
        map_data(mapping, tmp_path / "clinic.sqlite", tmp_path / "out")


def test_a_sheet_as_hospitals_keep_it(tmp_path: Path) -> None:
    """A title above the heading, merged cells, one title twice, a column without one, rows left empty."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.append(["Registry of the clinic"])
    sheet.merge_cells("A1:D1")
    sheet.append([])
    sheet.append(["pid", "sex", "Sex"])
    sheet.append(["A", "F", "M"])
    sheet.append([])
    sheet.append(["B", "strange", "F", "beyond the heading"])
    workbook.save(tmp_path / "people.xlsx")
    text = MAPPING.replace("FORMAT", "excel").replace("RELATION", "header: 3, optional_columns: [born, diagnosed]")
    report = map_data(write_mapping(tmp_path, text), tmp_path / "people.xlsx", tmp_path / "out")
    assert rows(tmp_path / "out", "patient", "patient_key", "birth_sex") == [("A", "female"), ("B", None)]
    assert report.relations[0].unused == ("Sex_1", "column D")
    assert report.relations[0].rows == 2
    told = (tmp_path / "out" / "mapping-rows.tsv").read_text()
    assert "value-unmapped\tpeople\tsex\tpatient.birth_sex\t3" in told  # counted from the heading, empty rows too


def test_files_of_windows(tmp_path: Path) -> None:
    """Windows-1252, lines of separators only, two lines above the heading; a wrong encoding is told with the right one."""
    text = "Export\r\nKlinik „Süd“\r\npid;sex;born;diagnosed\r\nMüller–1;F;1950;2010-01-02\r\n;;;\r\n\r\n;;;\r\n"
    (tmp_path / "people.csv").write_bytes(text.encode("cp1252"))
    mapping = MAPPING.replace("RELATION", "header: 3")
    windows = mapping.replace("format: FORMAT", "format: csv\n  encoding: windows-1252")
    report = map_data(write_mapping(tmp_path, windows), tmp_path / "people.csv", tmp_path / "out")
    assert rows(tmp_path / "out", "patient", "patient_key", "birth_year") == [("Müller–1", 1950)]
    assert report.findings == ()
    with pytest.raises(BadInput, match="say `encoding: windows-1252`"):
        map_data(write_mapping(tmp_path, mapping.replace("FORMAT", "csv")), tmp_path / "people.csv", tmp_path / "out")
    assert [one.name for one in tmp_path.iterdir() if "mapping-" in one.name] == []


def test_encodings_are_told_apart(tmp_path: Path) -> None:
    from oncofed.prepare.mapping.readers.tables import encoding_of

    for text, encoding, told in (
        ("ä", "utf-16", "utf-16"), ("ä", "utf-8-sig", "utf-8"), ("ä", "cp1252", "windows-1252"), ("a", "ascii", "utf-8"),
    ):  # fmt: skip
        (tmp_path / "one.csv").write_bytes(text.encode(encoding))
        assert encoding_of(tmp_path / "one.csv") == told


def test_numbers_with_a_decimal_comma_wherever_a_number_belongs(tmp_path: Path) -> None:
    text = """
source:
  format: csv
  decimal: ","
  relations: {people: {}}
tables:
  patient: [{from: people, columns: {species: {value: human}}}]
  cancer_condition:
    - {from: people, columns: {oncotree_code: {value: PRAD}, age_at_diagnosis: {first: [age, other_age]}}}
  observation: [{from: people, criterion: psa, columns: {value_number: psa}}]
"""
    write_csv(tmp_path, "people", "pid;psa;age;other_age\nA;4,5;61,5;\nB;<0,1;;70")
    report = map_data(write_mapping(tmp_path, text), tmp_path / "people.csv", tmp_path / "out")
    assert rows(tmp_path / "out", "observation", "value_number") == [(4.5,)]
    assert rows(tmp_path / "out", "cancer_condition", "age_at_diagnosis::DOUBLE") == [(61.5,), (70.0,)]
    assert counted(report)["number-unreadable", "psa", "observation.value_number"] == 1


def test_optional_relations_and_columns_may_be_absent(tmp_path: Path) -> None:
    write_csv(tmp_path, "people", "pid\nA")
    text = """
source:
  format: csv
  relations:
    people: {optional_columns: [sex]}
    deaths: {optional: true}
    more: {optional_columns: ["*"], optional: true}
tables:
  patient:
    - from: people
      join: [{relation: deaths, on: {pid: pid}}]
      columns: {birth_sex: {column: sex, vocabulary: sex}, vital_status: {column: deaths.what, vocabulary: vital_status}}
    - {from: more, columns: {species: {value: human}}}
"""
    report = map_data(write_mapping(tmp_path, text), tmp_path, tmp_path / "out")
    assert report.tables == {"patient": 1}
    assert {one.name: one.rows for one in report.relations} == {"people": 1, "deaths": 0, "more": 0}


EFORM = [
    {
        "subjectName": "S1",
        "eForm": {
            "pages": [
                {
                    "page_name": "inclusion",
                    "page_data": {"age": {"value": 61.0}, "tags": {"value": ["a", "b", {"x": 1}]}},
                },
                {"page_name": "visit", "page_data": {"psa": {"value": 4}}},
                {"page_name": "visit", "page_data": {"psa": {"value": 5}}},
                {"page_name": "broken", "page_data": 7},
            ]
        },
    },
    {"subjectName": "S2", "eForm": {"page_data": {"inclusion": {"age": 50, "deep": {"value": {"no": "value"}}}}}},
    {"subjectName": "S3", "eForm": []},
    "nobody",
]


def test_eforms_by_subject_and_by_page(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "eforms.json").write_text(json.dumps(EFORM))
    text = """
patient: subject
source:
  format: eform
  relations:
    form: {optional_columns: ["*"]}
    visits: {sheet: visit}
    never: {sheet: never, optional: true}
tables:
  patient: [{from: form, columns: {species: {value: human}}}]
  cancer_condition: [{from: form, columns: {oncotree_code: {value: PROSTATE}, age_at_diagnosis: inclusion.age}}]
  observation: [{from: visits, criterion: psa, columns: {value_number: psa}}]
"""
    header = 'mapping: oncofed/1\nname: tested\nversion: "1"\ntitle: t\n'
    report = map_data(write_mapping(tmp_path, text, header=header), tmp_path / "source", tmp_path / "out")
    out = tmp_path / "out"
    ages = rows(out, "cancer_condition", "patient_key", "age_at_diagnosis::DOUBLE")
    assert ages == [("S1", 61.0), ("S2", 50.0), ("S3", None)]
    assert rows(out, "observation", "patient_key", "value_number") == [("S1", 4.0), ("S1", 5.0)]
    assert report.rows_with("resource-unread") == 1  # “nobody”
    assert next(one.unused for one in report.relations if one.name == "form") == (
        "inclusion.tags", "visit.psa", "inclusion.deep")  # fmt: skip
    (tmp_path / "source" / "eforms.json").write_text("{")
    with pytest.raises(BadInput, match="is no JSON"):
        map_data(tmp_path / "tested.yaml", tmp_path / "source", out)


def a_coding(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": "words nobody stores"}]}


LOINC, SCT = "http://loinc.org", "http://snomed.info/sct"
MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/"
RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "p1", "identifier": [{"value": "HOSP-1"}], "gender": "female",
     "birthDate": "1950-02-03", "deceasedBoolean": False, "name": [{"family": "Nobody"}], "address": [{"country": "IT"}]},
    {"resourceType": "Condition", "id": "c1", "meta": {"profile": [MCODE + "mcode-primary-cancer-condition|4.0.0"]},
     "code": a_coding(SCT, "254837009"), "subject": {"reference": "Patient/p1"}, "onsetDateTime": "2010-05-06",
     "onsetAge": {"value": 720, "code": "mo"},
     "bodySite": [{"coding": [{"system": SCT, "code": "76752008"}], "extension": [
         {"url": "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-laterality-qualifier",
          "valueCodeableConcept": a_coding(SCT, "7771000")}]}],
     "extension": [{"url": MCODE + "mcode-histology-morphology-behavior",
                    "valueCodeableConcept": a_coding("http://terminology.hl7.org/CodeSystem/icd-o-3", "8500/3")}]},
    {"resourceType": "Observation", "id": "o1", "code": a_coding(LOINC, "85337-4"), "subject": {"reference": "Patient/p1"},
     "effectiveDateTime": "2010-05-16T08:00:00+02:00", "valueCodeableConcept": a_coding(SCT, "10828004")},
    {"resourceType": "Observation", "id": "o2", "code": a_coding(LOINC, "2857-1"), "subject": {"reference": "Patient/p1"},
     "valueQuantity": {"value": 3.5, "code": "ug/L"}, "effectivePeriod": {"start": "2010-05-07"}},
    {"resourceType": "Observation", "id": "o3", "code": a_coding(SCT, "399504009"), "subject": {"reference": "Patient/p1"},
     "focus": [{"reference": "Condition/c1"}], "valueCodeableConcept": a_coding(SCT, "1228929004")},
    {"resourceType": "Observation", "id": "o4", "code": a_coding(LOINC, "89247-1"), "subject": {"reference": "Patient/p1"},
     "valueInteger": 1},
    {"resourceType": "Observation", "id": "o5", "code": a_coding(LOINC, "8867-4"), "subject": {"reference": "Patient/p1"},
     "valueQuantity": {"value": 70}, "note": [{"text": "free words"}]},
    {"resourceType": "Procedure", "id": "t1", "status": "completed", "code": a_coding(SCT, "387713003"),
     "subject": {"reference": "urn:uuid:p1"}, "performedPeriod": {"start": "2010-06-05", "end": "2010-06-06"},
     "reasonReference": [{"reference": "urn:uuid:c1"}]},
    {"resourceType": "ImagingStudy", "id": "i1", "subject": {"reference": "Patient/p1"}, "started": "2010-05-01",
     "identifier": [{"value": "urn:oid:1.2.3"}], "numberOfSeries": 2, "numberOfInstances": 9,
     "series": [{"uid": "1.2.3.1", "modality": {"code": "MR"}}]},
    {"resourceType": "Encounter", "id": "e1"},
    {"resourceType": "Observation", "id": "o6", "meta": {"profile": None}, "subject": {"reference": "Patient/p1"}},
]  # fmt: skip


def as_bundle(folder: Path) -> Path:
    entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in RESOURCES]
    inner = {"resourceType": "Bundle", "entry": entries}
    (folder / "all.json").write_text(json.dumps({"resourceType": "Bundle", "entry": [{"resource": inner}, 7]}))
    return folder


def as_ndjson(folder: Path) -> Path:
    for one in RESOURCES:
        with (folder / f"{one['resourceType']}.ndjson").open("a") as file:
            file.write(json.dumps(one) + "\n\n")
    return folder


def as_list(folder: Path) -> Path:
    (folder / "all.json").write_text(json.dumps([*RESOURCES, "no resource", {"resourceType": 7}]))
    return folder / "all.json"


@pytest.mark.parametrize("make", [as_bundle, as_ndjson, as_list])
def test_mcode_resources_in_every_wrapping(tmp_path: Path, make: Any) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    report = map_data("fhir-mcode", make(source), out)
    assert rows(out, "patient", "patient_key", "birth_sex", "birth_year", "vital_status", "country") == [
        ("HOSP-1", "female", 1950, "alive", "IT")
    ]
    assert rows(out, "cancer_condition") == [
        ("HOSP-1", "primary", "IDC", None, None, "8500/3", None, "left", 2010, pytest.approx(60), None)
    ]
    observations = rows(out, "observation", "code", "value_number", "value_unit", "value_code", "offset_days")
    assert observations == [
        ("2857-1", 3.5, "ng/mL", None, 1),
        ("85337-4", None, None, "positive", 10),
        ("89247-1", None, None, "1", None),
    ]
    assert rows(out, "cancer_stage", "timing", "axis", "value") == [("c", "T", "T2")]
    assert rows(out, "treatment", "type", "start_offset_days", "end_offset_days") == [("surgery", 30, 31)]
    assert rows(out, "imaging_study", "study_uid", "offset_days", "n_series", "n_instances") == [("1.2.3", -5, 2, 9)]
    assert [(one.code, one.relation, one.rows) for one in report.findings if one.relation != "Other"] == [
        ("resource-unread", "Encounter", 1),
        ("row-unused", "Observation", 2),  # the heart rate, and what has no code
    ]
    assert not any(b"free words" in file.read_bytes() for file in out.glob("*.parquet"))


def test_json_that_is_no_fhir(tmp_path: Path) -> None:
    for text in ("{", '"x"' * 3, "[" * 10_000):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(BadInput, match=r"source-unreadable|is no FHIR"):
            map_data("fhir-mcode", tmp_path / "a.json", tmp_path / "out")
    bad = write_mapping(tmp_path, MAPPING.replace("FORMAT", "fhir").replace("RELATION", ""))
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(BadInput, match="FHIR relations are Patient"):
        map_data(bad, tmp_path / "a.json", tmp_path / "out")


leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.just(SCT)
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["resourceType", "id", "code", "coding", "system", "subject", "reference", "entry", "resource", "note",
                     "text", "identifier", "value", "series", "component", "extension", "meta", "profile", "valueAge"]),
    inner, max_size=4), max_leaves=12)  # fmt: skip


@settings(max_examples=150)
@given(st.sampled_from(["Patient", "Condition", "Observation", "Procedure", "MedicationRequest", "ImagingStudy",
                        "DiagnosticReport", "Bundle"]), st.dictionaries(st.sampled_from(
    ["code", "subject", "identifier", "series", "component", "extension", "meta", "note", "address", "bodySite", "evidence",
     "dosage", "valueQuantity", "effectivePeriod", "entry", "focus"]), trees, max_size=6))  # fmt: skip
def test_no_shape_of_a_resource_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, kind: str, parts: Any
) -> None:
    from oncofed.prepare.mapping.readers.fhir import read_fhir

    file = tmp_path_factory.mktemp("fuzz") / "r.json"
    file.write_text(json.dumps([{"resourceType": kind, "id": "x", **parts}]))
    names = ("Patient", "Condition", "Observation", "Component", "Procedure", "Medication", "ImagingStudy", "ImagingSeries",
             "DiagnosticReport")  # fmt: skip
    spec = SourceSpec.model_validate({"format": "fhir", "relations": {name: {} for name in names}})
    with duckdb.connect() as connection:
        assert set(read_fhir(connection, spec, file).tables) == set(names)


@pytest.mark.parametrize(
    "text",
    [
        '[{"subjectName": "A", "eForm": {"pages": 5}}]',
        '[{"subjectName": "A", "eForm": {"pages": {"p": {"\\udc80": "\\udc80"}}}}]',
        '[{"subjectName": "\\udc80", "eForm": {"pages": []}}]',
    ],
)
def test_an_e_form_of_another_shape(tmp_path: Path, text: str) -> None:
    (tmp_path / "eforms.json").write_text(text)
    with pytest.raises(BadInput, match="source-unreadable"):
        map_data("chaimeleon-eform", tmp_path / "eforms.json", tmp_path / "out")


def test_a_workbook_damaged_inside(tmp_path: Path) -> None:
    mapping = write_mapping(tmp_path, MAPPING.replace("FORMAT", "excel").replace("RELATION", ""))
    place = tmp_path / "people.xlsx"
    workbook = openpyxl.Workbook()
    workbook.active.append(list(COLUMNS))
    workbook.save(place)
    content = bytearray(place.read_bytes())
    for at in range(100, len(content) - 600, 97):
        content[at] ^= 0x55
    place.write_bytes(content)
    assert outcome(mapping, place, tmp_path / "out") == "source-unreadable"


def outcome(mapping: Path, source: Path, out: Path) -> str:
    """The code mapping ends with, or "mapped"."""
    try:
        map_data(mapping, source, out)
    except BadInput as error:
        return error.code
    return "mapped"


def test_bytes_turned_at_random_in_a_table_never_break_mapping(tmp_path: Path) -> None:
    mapping = write_mapping(tmp_path, MAPPING.replace("FORMAT", "csv").replace("RELATION", ""))
    whole = ("\n".join(",".join(row) for row in (COLUMNS, *PEOPLE * 5))).encode()
    dice = random.Random(5)
    ends = set()
    for _ in range(25):
        broken = bytearray(whole)
        for _ in range(dice.randint(1, 12)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        (tmp_path / "people.csv").write_bytes(broken)
        ends.add(outcome(mapping, tmp_path / "people.csv", tmp_path / "out"))
    assert ends <= {"mapped", "source-unreadable", "mapping-column-unknown"}
    assert len(ends) > 1
