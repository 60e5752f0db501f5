"""Mapping, expression by expression, and that nothing is lost without a finding."""

import json
from datetime import date, timedelta
from pathlib import Path

import duckdb
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from oncofed.contracts.errors import BadInput
from oncofed.contracts.vocabulary import normalise, words
from oncofed.prepare.mapping import MappingOptions, map_data
from oncofed.prepare.mapping.engine import INDEX_DATES
from oncofed.prepare.mapping.report import REPORT, ROWS, VALUES
from oncofed.trust.pseudonyms import Pseudonyms
from tests.factories.mapping import counted, rows, write_csv, write_mapping

SOURCE = """
source:
  format: csv
  dates: ["%Y-%m-%d", "%d/%m/%Y"]
  relations:
    people: {file: "people.csv", ignored: {comment: free text}}
index:
  - {relation: people, column: diagnosed}
code_maps:
  cancer: {C50: BREAST, C61: PROSTATE, none: "-"}
tables:
  patient:
    - from: people
      columns:
        species: {value: human}
        birth_sex: {column: sex, vocabulary: sex}
        birth_year: {column: born, as: year}
        last_contact_offset_days: {column: seen, as: offset}
  cancer_condition:
    - from: people
      columns:
        oncotree_code: {column: icd, map: cancer}
        icd10: {column: icd, codes: ICD10}
        age_at_diagnosis: {column: born, as: age, at: diagnosed, cap: 90}
  cancer_stage:
    - from: people
      criterion: ct
      columns:
        value: ct
  observation:
    - from: people
      criterion: psa
      columns:
        value_number: {column: psa, unit_column: unit, unit: ng/mL, to: ng/mL, minimum: 0}
        offset_days: {column: diagnosed, as: offset}
"""

PEOPLE = """
pid,sex,born,diagnosed,seen,icd,ct,psa,unit,comment
A,F,1950-06-01,2010-06-01,2010-07-01,C50,cT2,4.5,ng/mL,Mrs Smith called
B,M,01/03/1900,2011-01-02,2012-01-02,C61,T1c,2,mg/L,
C,x,1980,2001-02-03,,C99,T9,abc,ng/mL,
D,,,,2001-01-01,none,,,,
E,F,1970-01-01,2000-13-40,2001-01-01,C50,,-1,ng/mL,
F,M,1970-01-01,2000-01-01,2001-01-01,,T3,7,parsecs,
"""


@pytest.fixture
def mapped(tmp_path: Path):
    write_csv(tmp_path, "people", PEOPLE)
    return map_data(write_mapping(tmp_path, SOURCE), tmp_path, tmp_path / "out"), tmp_path / "out"


def test_values_become_codes_numbers_and_offsets(mapped) -> None:
    _, out = mapped
    assert rows(out, "patient", "patient_key", "birth_sex", "birth_year", "last_contact_offset_days") == [
        ("A", "female", 1950, 30),
        ("B", "male", 1900, 365),
        ("C", None, 1980, None),
        ("D", None, None, None),
        ("E", "female", 1970, None),
        ("F", "male", 1970, 366),
    ]
    conditions = rows(
        out, "cancer_condition", "patient_key", "kind", "oncotree_code", "icd10", "age_at_diagnosis::DOUBLE"
    )
    assert conditions == [
        ("A", "primary", "BREAST", "C50", 60.0),
        ("B", "primary", "PROSTATE", "C61", 90.0),  # 110 years, capped
        ("E", "primary", "BREAST", "C50", None),
    ]
    assert rows(out, "cancer_stage", "system", "timing", "axis", "value") == [
        ("TNM8", "c", "T", "T1c"),
        ("TNM8", "c", "T", "T2"),
    ]
    assert rows(out, "observation", "patient_key", "category", "code", "value_number", "value_unit", "offset_days") == [
        ("A", "TUMOR_MARKER", "2857-1", 4.5, "ng/mL", 0),
        ("B", "TUMOR_MARKER", "2857-1", 2000.0, "ng/mL", 0),
    ]


def test_whatever_did_not_pass_is_a_finding(mapped) -> None:
    report, _ = mapped
    assert counted(report) == {
        ("value-unmapped", "sex", "patient.birth_sex"): 1,
        ("value-unmapped", "icd", "cancer_condition.oncotree_code"): 1,
        ("code-malformed", "icd", "cancer_condition.icd10"): 1,  # “none”
        ("date-unreadable", "diagnosed", "index"): 1,
        ("date-unreadable", "born", "cancer_condition.age_at_diagnosis"): 1,  # no day of diagnosis to count to
        ("date-unreadable", "diagnosed", "observation.offset_days"): 1,
        ("date-without-index", "seen", "patient.last_contact_offset_days"): 2,
        ("value-unmapped", "ct", "cancer_stage.value"): 1,
        ("row-incomplete", "", "cancer_condition"): 3,
        ("row-incomplete", "", "cancer_stage"): 1,
        ("number-unreadable", "psa", "observation.value_number"): 1,
        ("number-out-of-range", "psa", "observation.value_number"): 1,
        ("unit-unknown", "unit", "observation.value_number"): 1,
        ("row-incomplete", "", "observation"): 3,
        ("reference-missing", "condition_id", "cancer_stage.condition_id"): 1,
    }
    assert report.rows_in == 6
    assert report.rows_out == 6 + 3 + 2 + 2
    assert report.rows_rejected == 3 + 1 + 3 + 1
    assert report.relations[0].unused == ()


def test_no_value_of_a_row_stands_where_others_read(mapped) -> None:
    report, out = mapped
    told = (out / REPORT).read_text() + report.model_dump_json()
    for value in ("abc", "T9", "parsecs", "C99", "Smith", "2000-13-40"):
        assert value not in told
    assert not any("Smith" in file.read_text(errors="replace") for file in out.rglob("*") if file.is_file())
    for name in (ROWS, VALUES, INDEX_DATES):
        assert (out / name).stat().st_mode & 0o077 == 0


def test_the_data_manager_finds_rows_and_values(mapped) -> None:
    _, out = mapped
    values = [line.split("\t") for line in (out / VALUES).read_text().splitlines()[1:]]
    assert ["unit-unknown", "people", "unit", "observation.value_number", "parsecs", "1"] in values
    found = [line.split("\t") for line in (out / ROWS).read_text().splitlines()[1:]]
    assert ["number-unreadable", "people", "psa", "observation.value_number", "3"] in found
    assert json.loads((out / REPORT).read_text())["tables"]["patient"] == 6


def test_a_dry_run_writes_the_report_only(tmp_path: Path) -> None:
    write_csv(tmp_path, "people", PEOPLE)
    mapping = write_mapping(tmp_path, SOURCE)
    report = map_data(mapping, tmp_path, tmp_path / "dry", dry_run=True)
    assert sorted(file.name for file in (tmp_path / "dry").iterdir()) == sorted((REPORT, ROWS, VALUES))
    assert report.tables == map_data(mapping, tmp_path, tmp_path / "wet").tables
    assert report.dry_run


def test_tables_of_an_earlier_mapping_go_away_and_the_same_source_gives_the_same_tables(tmp_path: Path) -> None:
    write_csv(tmp_path, "people", PEOPLE)
    mapping, out = write_mapping(tmp_path, SOURCE), tmp_path / "out"
    map_data(mapping, tmp_path, out)
    first = {table: rows(out, table, "*") for table in ("cancer_condition", "observation", "cancer_stage")}
    (out / "outcome.parquet").write_bytes(b"of another mapping")
    map_data(mapping, tmp_path, out)
    assert not (out / "outcome.parquet").exists()
    assert first == {table: rows(out, table, "*") for table in first}
    assert [file.name for file in out.iterdir() if file.name.startswith(".")] == []


def test_identifiers_leave_as_pseudonyms_when_a_key_is_given(tmp_path: Path) -> None:
    write_csv(tmp_path, "people", PEOPLE)
    pseudonyms = Pseudonyms(bytes(range(32)))
    out = tmp_path / "out"
    map_data(write_mapping(tmp_path, SOURCE), tmp_path, out, options=MappingOptions(pseudonyms=pseudonyms))
    assert {key for (key,) in rows(out, "patient", "patient_key")} == {pseudonyms.patient(one) for one in "ABCDEF"}
    assert {key for (key,) in rows(out, "observation", "patient_key")} == {pseudonyms.patient(one) for one in "AB"}


def test_visits_of_one_person_become_one_row_and_contradictions_are_told(tmp_path: Path) -> None:
    write_csv(tmp_path, "people", "pid,sex,site\nA,,x\nA,F,x\nA,M,y\nB,M,x")
    mapping = write_mapping(
        tmp_path,
        """
source: {format: csv, relations: {people: {file: "people.csv"}}}
tables:
  patient:
    - from: people
      columns: {birth_sex: {column: sex, vocabulary: sex}}
  treatment:
    - from: people
      columns: {type: {value: surgery}}
  cancer_condition:
    - from: people
      key: [pid, site]
      columns: {oncotree_code: {value: BREAST}}
""",
    )
    report = map_data(mapping, tmp_path, tmp_path / "out")
    assert rows(tmp_path / "out", "patient", "patient_key", "birth_sex") == [("A", "female"), ("B", "male")]
    assert counted(report)["values-differ", "birth_sex", "patient.birth_sex"] == 1
    assert report.tables["cancer_condition"] == 3
    # B has one condition, A two: which of them A's treatment was for nobody says
    assert counted(report)["reference-missing", "condition_id", "treatment.condition_id"] == 3
    assert rows(tmp_path / "out", "treatment", "type") == [("surgery",)]


def one_column(tmp_path: Path, expression: str, values: list[str], target: str = "value_number", more: str = ""):
    write_csv(tmp_path, "people", "pid,a,b\n" + "\n".join(f"P{n},{value}" for n, value in enumerate(values)))
    mapping = write_mapping(
        tmp_path,
        f"""
source: {{format: csv, relations: {{people: {{file: "people.csv", optional_columns: [b]}}}}{more}}}
tables:
  patient:
    - from: people
      columns: {{species: {{value: human}}}}
  observation:
    - from: people
      columns:
        category: {{value: LAB}}
        code_system: {{value: oncofed}}
        code: {{value: tested}}
        {target}: {expression}
""",
    )
    report = map_data(mapping, tmp_path, tmp_path / "out")
    return [value for _, value in rows(tmp_path / "out", "observation", "patient_key", target)], report


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("{column: a, unit: mg/dL, to: g/L}", ["100,"], [1.0]),
        ("{column: a, unit: Cel, to: '[degF]'}", ["100,"], [212.0]),
        ("{column: a, nothing: 999}", ["999,", "5,"], [5.0]),
        ("{sum: [a, b]}", ["3,4", "3,"], [7.0]),
        ("{first: [a, b]}", ["3,4", ",5"], [3.0, 5.0]),
        ("{column: a, cap: 90}", ["110,", "20,"], [90.0, 20.0]),
        ("{column: a, as: days, at: b}", ["2020-01-01,2020-02-01", "2020-01-01,"], [31.0]),
    ],
)
def test_numbers(tmp_path: Path, expression: str, values: list[str], expected: list[float]) -> None:
    found, report = one_column(tmp_path, expression, values)
    assert found == pytest.approx(expected)
    assert report.findings == ()


def test_numbers_become_codes_by_steps_and_decimal_commas_are_read(tmp_path: Path) -> None:
    steps = "{column: a, steps: {0: low, 1.5: high}}"
    found, report = one_column(tmp_path, steps, ['"1,4",', '"1,5",', '"-2,0",'], "value_code", ', decimal: ","')
    assert found == ["low", "high"]
    assert counted(report)["number-out-of-range", "a", "observation.value_code"] == 1


def test_several_columns_through_one_map(tmp_path: Path) -> None:
    expression = "{first: [a, b], map: grade}"
    maps = "\ncode_maps: {grade: {1: low, 2: high}}"
    found, report = one_column(tmp_path, expression, ["1,2", ",2", "9,", ","], "value_code", "}" + maps + "\n#")
    assert found == ["low", "high"]
    assert counted(report)["value-unmapped", "a and b", "observation.value_code"] == 1


def test_infinities_are_no_numbers(tmp_path: Path) -> None:
    found, report = one_column(tmp_path, "{column: a}", ["inf,", "nan,", "1e999,", "7,"])
    assert found == [7.0]
    assert report.rows_with("number-unreadable") == 2  # nan is a way to write nothing


def test_booleans(tmp_path: Path) -> None:
    write_csv(tmp_path, "objects", "pid,uid,study,checked\nA,1.2.3,1.2,yes\nA,1.2.4,1.2,nope")
    mapping = write_mapping(
        tmp_path,
        """
source: {format: csv, relations: {objects: {file: "objects.csv"}}}
tables:
  patient: [{from: objects, columns: {species: {value: human}}}]
  imaging_study: [{from: objects, columns: {study_uid: study, n_series: {value: 1}, n_instances: {value: 2}}}]
  derived_object:
    - from: objects
      columns:
        object_uid: uid
        study_uid: study
        kind: {value: SEG}
        verified_by_second_reader: {column: checked, as: boolean}
""",
    )
    report = map_data(mapping, tmp_path, tmp_path / "out")
    checked = rows(tmp_path / "out", "derived_object", "object_uid", "verified_by_second_reader")
    assert checked == [("1.2.3", True), ("1.2.4", None)]
    assert counted(report) == {("value-unmapped", "checked", "derived_object.verified_by_second_reader"): 1}


def test_rows_no_rule_takes_are_reported_unless_passed_over(tmp_path: Path) -> None:
    write_csv(tmp_path, "results", "pid,code,value\nA,psa,3\nA,ldh,4\nA,note,5")
    text = """
source:
  format: csv
  relations:
    results: {file: "results.csv", passed_over: [{column: code, in: [note]}]}
tables:
  patient: [{from: results, when: [{column: code, in: [psa, nothing]}], columns: {species: {value: human}}}]
  observation:
    - {from: results, criterion: psa, when: [{column: code, in: [psa]}], columns: {value_number: value}}
"""
    report = map_data(write_mapping(tmp_path, text), tmp_path, tmp_path / "out")
    assert counted(report) == {("row-unused", "code", ""): 1}
    assert "ldh" in (tmp_path / "out" / VALUES).read_text()


def test_conditions(tmp_path: Path) -> None:
    write_csv(tmp_path, "people", "pid,a\nA,x y\nB,z\nC,")
    for test, expected in {
        "{column: a, any_of: [y, q]}": ["A"],
        "{column: a, not_in: [z]}": ["A", "C"],
        "{column: a, in: [z]}": ["B"],
        "{column: a, present: false}": ["C"],
        "{column: a, in: []}": [],
        "{column: a, not_in: []}": ["A", "B", "C"],
    }.items():
        text = f"""
source: {{format: csv, relations: {{people: {{file: "people.csv"}}}}}}
tables:
  patient: [{{from: people, when: [{test}], columns: {{species: {{value: human}}}}}}]
"""
        map_data(write_mapping(tmp_path, text), tmp_path, tmp_path / "out")
        assert [key for (key,) in rows(tmp_path / "out", "patient", "patient_key")] == expected


def test_nothing_a_source_or_a_mapping_says_is_run(tmp_path: Path) -> None:
    """Names and values that would be SQL stay names and values."""
    evil = "x'; DROP TABLE people; --"
    column = 'a"; DROP TABLE x; --'
    with (tmp_path / "people.csv").open("w") as file:
        file.write(f'pid,"{column.replace(chr(34), chr(34) * 2)}"\n"{evil}",M\n')
    text = f"""
source: {{format: csv, relations: {{people: {{file: "people.csv"}}}}}}
code_maps: {{m: {{"M": male}}}}
tables:
  patient: [{{from: people, columns: {{birth_sex: {{column: {json.dumps(column)}, map: m}}}}}}]
"""
    report = map_data(write_mapping(tmp_path, text), tmp_path, tmp_path / "out")
    assert rows(tmp_path / "out", "patient", "patient_key", "birth_sex") == [(evil, "male")]
    assert report.findings == ()


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(-5000, 5000))
def test_offsets_are_days_whatever_the_dates(index: date, days: int) -> None:
    from oncofed.prepare.mapping.expressions import date_sql

    other = index + timedelta(days=days)
    with duckdb.connect() as connection:
        for spelling in (other.isoformat(), other.strftime("%d/%m/%Y"), f"{other.isoformat()}T13:45:00+02:00"):
            parsed = date_sql(f"'{spelling}'", ("%Y-%m-%d", "%d/%m/%Y"))
            ((found,),) = connection.execute(f"SELECT date_diff('day', DATE '{index}', {parsed})").fetchall()
            assert found == days


@settings(max_examples=12)
@given(st.lists(st.sampled_from(words("treatment")), min_size=1, max_size=20))
def test_vocabularies_are_read_as_the_vocabulary_reads(
    tmp_path_factory: pytest.TempPathFactory, spelt: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("vocabulary")
    write_csv(folder, "people", "pid,therapy\n" + "\n".join(f'P{n:03},"{word}"' for n, word in enumerate(spelt)))
    text = """
source: {format: csv, relations: {people: {file: "people.csv"}}}
tables:
  patient: [{from: people, columns: {species: {value: human}}}]
  cancer_condition: [{from: people, columns: {oncotree_code: {value: LUNG}}}]
  treatment: [{from: people, columns: {type: {column: therapy, vocabulary: treatment}}}]
"""
    map_data(write_mapping(folder, text), folder, folder / "out")
    with duckdb.connect() as connection:
        found = connection.execute(
            f"""SELECT type FROM '{folder}/out/treatment.parquet' JOIN '{folder}/out/cancer_condition.parquet'
                USING (condition_id) ORDER BY patient_key"""
        ).fetchall()
    assert [one for (one,) in found] == [normalise("treatment", word) for word in spelt]


def test_a_mapping_that_fails_leaves_the_tables_that_stood_before(tmp_path: Path) -> None:
    write_csv(tmp_path, "people", PEOPLE)
    mapping, out = write_mapping(tmp_path, SOURCE), tmp_path / "out"
    map_data(mapping, tmp_path, out)
    before = (out / "patient.parquet").read_bytes()
    (tmp_path / "people.csv").write_text("pid\nA")
    with pytest.raises(BadInput, match="mapping-column-unknown"):
        map_data(mapping, tmp_path, out)
    assert (out / "patient.parquet").read_bytes() == before
