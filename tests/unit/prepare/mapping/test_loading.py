"""What a mapping file may not be: each fault has a code and a place."""
# ruff: noqa: E501  (a table of faults is read across)

from pathlib import Path

import pytest

from oncofed.contracts.errors import BadInput
from oncofed.prepare.mapping import load_mapping, map_data
from oncofed.prepare.mapping.codes import CodeMap, CodeRow, curie, fits
from oncofed.prepare.mapping.units import UnitMismatch, conversion
from tests.factories.mapping import HEADER, PATIENTS, write_csv, write_mapping

COLUMNS = PATIENTS.replace("{species: {value: human}}", "{COLUMNS}")
OBSERVED = PATIENTS + "  observation:\n    - {from: people, RULE}\n"

FAULTS = {
    "no yaml": ("a: [", "mapping-invalid", "line"),
    "a list": ("- 1", "mapping-invalid", "holds no mapping"),
    "an alias": ("a: &x [1]\nb: *x", "mapping-invalid", "aliases"),
    "a key twice": ("title: a\ntitle: b", "mapping-invalid", "twice"),
    "a tag": ("title: !!python/object/apply:os.system [true]", "mapping-invalid", "could not determine a constructor"),
    "a number that is none": ("title: !!int x", "mapping-invalid", "not of the kind"),
    "a mapping that is a list": ("title: !!map [1]", "mapping-invalid", "tested.yaml"),
    "a day that is none": ("title: !!timestamp x", "mapping-invalid", "not of the kind"),
    "no tables": (HEADER + "source: {format: csv}", "mapping-invalid", "tables"),
    "nothing fills patient": (HEADER + "source: {format: csv}\ntables: {}", "mapping-invalid", "table patient"),
    "an unknown key": (HEADER + PATIENTS + "surprise: 1\n", "mapping-invalid", "surprise"),
    "an unknown table": (HEADER + PATIENTS + "  pateint: []\n", "mapping-invalid", "no table .pateint"),
    "an unknown target": (HEADER + COLUMNS.replace("COLUMNS", "birth_sexe: sex"), "mapping-invalid", "no column .birth_sexe"),
    "the dataset": (HEADER + COLUMNS.replace("COLUMNS", "dataset_id: x"), "mapping-invalid", "no column .dataset_id"),
    "an unknown map": (HEADER + COLUMNS.replace("COLUMNS", "birth_sex: {column: a, map: m}"), "mapping-invalid", "no code map .m"),
    "an unknown vocabulary": (
        HEADER + COLUMNS.replace("COLUMNS", "birth_sex: {column: a, vocabulary: sax}"), "mapping-invalid", "no vocabulary"),
    "an unknown shape": (HEADER + COLUMNS.replace("COLUMNS", "country: {column: a, codes: ISO}"), "mapping-invalid", "no shape"),
    "free text": (HEADER + COLUMNS.replace("COLUMNS", "country: a"), "mapping-invalid", "free text is never stored"),
    "free text inside": (
        HEADER + COLUMNS.replace("COLUMNS", "country: {first: [{value: DE}, a]}"), "mapping-invalid", "free text is never stored"),
    "two origins": (HEADER + COLUMNS.replace("COLUMNS", "country: {column: a, value: b}"), "mapping-invalid", "exactly one"),
    "two ways": (HEADER + COLUMNS.replace("COLUMNS", "country: {column: a, codes: COUNTRY, vocabulary: sex}"), "mapping-invalid", "only one"),
    "steps and a map": (HEADER + COLUMNS.replace("COLUMNS", "country: {column: a, codes: COUNTRY, steps: {0: a}}"), "mapping-invalid", "steps are for numbers"),
    "an age without a day": (HEADER + COLUMNS.replace("COLUMNS", "birth_year: {column: a, as: age}"), "mapping-invalid", "belong together"),
    "a unit without an aim": (HEADER + COLUMNS.replace("COLUMNS", "birth_year: {column: a, unit: a}"), "mapping-invalid", "needs .to"),
    "an unknown relation": (HEADER + PATIENTS.replace("from: people", "from: poeple"), "mapping-invalid", "no relation"),
    "an unknown join": (HEADER + PATIENTS.replace("from: people", "from: people\n      join: [{relation: x, on: {a: b}}]"), "mapping-invalid", "to join"),
    "an index nowhere": (HEADER + PATIENTS + "index: [{relation: x, column: y}]\n", "mapping-invalid", "index"),
    "no patient": (HEADER.replace("patient: pid", "") + PATIENTS, "mapping-invalid", "no column names the patient"),
    "an unknown criterion": (HEADER + OBSERVED.replace("RULE", "criterion: er2, columns: {value_code: a}"), "mapping-invalid", "no criterion"),
    "an unknown condition": (HEADER + OBSERVED.replace("RULE", "condition: x, criterion: er, columns: {value_code: a}"), "mapping-invalid", "named .x"),
    "no test": (HEADER + PATIENTS.replace("from: people", "from: people\n      when: [{column: a}]"), "mapping-invalid", "exactly one of in"),
    "rules that are none": (HEADER + PATIENTS + "  treatment: {a: b}\n", "mapping-invalid", "list of rules"),
    "each that is none": (HEADER + PATIENTS + "  treatment: [{from: people, each: 3}]\n", "mapping-invalid", "list of entries"),
    "each with a name of no use": (HEADER + PATIENTS + "  treatment: [{from: people, each: [{a: 1}]}]\n", "mapping-invalid", "one side only"),
    "more that is none": (HEADER + PATIENTS + "more: 3\n", "mapping-invalid", "rules by table"),
    "a relation of itself": (HEADER + PATIENTS.replace("{file: \"people.csv\"}", "{row_of: people}"), "mapping-cycle", "people is made of people"),
    "relations of each other": (
        HEADER + PATIENTS.replace("people: {file: \"people.csv\"}", "people: {row_of: b}\n    b: {row_of: people}"), "mapping-cycle", "is made of"),
    "a relation of nothing": (HEADER + PATIENTS.replace("{file: \"people.csv\"}", "{row_of: x}"), "mapping-invalid", "does not exist"),
    "itself": ("extends: tested.yaml\n", "mapping-cycle", "tested.yaml extends tested.yaml"),
    "nobody": ("extends: eucanimage-uc9\n", "mapping-unknown", "did you mean"),
    "a code map elsewhere": (HEADER + PATIENTS + "code_maps: {m: {file: ../../etc/passwd}}\n", "mapping-invalid", "outside"),
    "a code map nowhere": (HEADER + PATIENTS + "code_maps: {m: {file: x.tsv}}\n", "mapping-invalid", "cannot be read"),
    "a code map of an unknown vocabulary": (HEADER + PATIENTS + "code_maps: {m: {rows: [], vocabulary: x}}\n", "mapping-invalid", "no vocabulary"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_a_mapping_file_has_a_code_and_a_place(tmp_path: Path, name: str) -> None:
    text, code, words = FAULTS[name]
    with pytest.raises(BadInput, match=words) as caught:
        load_mapping(write_mapping(tmp_path, text, header=""))
    assert caught.value.code == code
    assert caught.value.exit_status == 2


def test_a_mapping_is_no_data_and_not_large(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="mapping-invalid"):
        load_mapping(tmp_path / "m.yaml")
    (tmp_path / "m.yaml").write_text("#" * 2_100_000)
    with pytest.raises(BadInput, match="larger than a mapping can be"):
        load_mapping(tmp_path / "m.yaml")
    (tmp_path / "m.yaml").write_text("".join(f"k{n}: 1\n" for n in range(60_000)))
    with pytest.raises(BadInput, match="mapping-invalid"):  # and not only after a minute
        load_mapping(tmp_path / "m.yaml")
    (tmp_path / "m.yaml").write_text("[" * 5000)
    with pytest.raises(BadInput, match="mapping-invalid"):
        load_mapping(tmp_path / "m.yaml")


def test_two_files_that_extend_each_other_are_a_cycle(tmp_path: Path) -> None:
    write_mapping(tmp_path, "extends: b.yaml", "a.yaml", header="")
    write_mapping(tmp_path, "extends: a.yaml", "b.yaml", header="")
    with pytest.raises(BadInput, match=r"a\.yaml extends b\.yaml extends a\.yaml") as caught:
        load_mapping(tmp_path / "a.yaml")
    assert caught.value.code == "mapping-cycle"


def test_a_mapping_extends_another_key_by_key(tmp_path: Path) -> None:
    write_mapping(tmp_path, PATIENTS + "code_maps: {sex: {m: male}}\n", "base.yaml")
    write_mapping(
        tmp_path,
        """
extends: base.yaml
title: Above
code_maps: {sex: {w: female}}
more:
  patient:
    - from: people
      columns: {birth_sex: {column: sex, map: sex}}
""",
        "above.yaml",
        header="",
    )
    loaded = load_mapping(tmp_path / "above.yaml")
    assert loaded.mapping.title == "Above"
    assert len(loaded.mapping.tables["patient"]) == 2
    assert {row.source for row in loaded.code_maps["sex"].rows} == {"m", "w"}


def test_words_that_old_yaml_takes_for_something_else_stay_words(tmp_path: Path) -> None:
    text = PATIENTS + "code_maps: {m: {no: norway, on: 'on', 'YES': y, 1: one}}\nabout: 2020-01-01\n"
    loaded = load_mapping(write_mapping(tmp_path, text))
    assert [row.source for row in loaded.code_maps["m"].rows] == ["no", "on", "YES", "1"]
    assert loaded.mapping.about == "2020-01-01"


SOURCE_FAULTS = {
    "a column": (PATIENTS.replace("{species: {value: human}}", "{birth_sex: {column: sxe, vocabulary: sex}}"),
                 "mapping-column-unknown", "did you mean .sex"),
    "a joined column": (PATIENTS.replace("from: people", "from: people\n      join: [{relation: people, on: {pid: x}}]"),
                        "mapping-column-unknown", "to join by"),
    "a column of a condition": (PATIENTS.replace("from: people", "from: people\n      when: [{column: x, present: true}]"),
                                "mapping-column-unknown", "no column .x"),
    "a column of the index": (PATIENTS + "index: [{relation: people, column: x}]\n", "mapping-column-unknown", "no column .x"),
    "a column of a derived relation": (
        PATIENTS.replace('{file: "people.csv"}', '{file: "people.csv"}\n    some: {row_of: people, group: [x]}'),
        "mapping-column-unknown", "no column .x"),
    "a relation": (PATIENTS.replace('{file: "people.csv"}', '{file: "persons.csv"}'), "mapping-relation-missing", "people"),
    "a unit": (PATIENTS.replace("{species: {value: human}}", "{birth_year: {column: sex, unit: kg, to: a}}"),
               "mapping-invalid", "the unit"),
    "a code of no vocabulary": (PATIENTS.replace("value: human", "value: unicorn"), "mapping-invalid", "no code of species"),
    "a map to no code": (
        "code_maps: {m: {F: woman}}\n" + PATIENTS.replace("{species: {value: human}}", "{birth_sex: {column: sex, map: m}}"),
        "mapping-invalid", "no code of sex"),
    "steps to no code": (PATIENTS + "  observation: [{from: people, criterion: er, columns: {value_code: {column: n, steps: {0: maybe}}}}]\n",
                         "mapping-invalid", "no code of er"),
    "what a row needs": (PATIENTS + "  observation: [{from: people, columns: {code: {value: a}}}]\n", "mapping-invalid",
                         "does not say what category, code_system"),
    "which condition": (
        PATIENTS + "  cancer_condition:\n" + "".join(
            f"    - {{from: people, name: c{n}, columns: {{oncotree_code: {{value: LUNG}}}}}}\n" for n in (1, 2))
        + "  treatment: [{from: people, columns: {type: {value: surgery}}}]\n", "mapping-invalid", "names no condition"),
    "a format of dates": (PATIENTS.replace("format: csv", "format: csv\n  dates: ['%Q']") + "index: [{relation: people, column: sex}]\n",
                          "source-unreadable", "format of dates"),
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCE_FAULTS)
def test_what_does_not_fit_the_source_or_the_model_is_said_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    text, code, words = SOURCE_FAULTS[name]
    write_csv(tmp_path, "people", "pid,sex,n\nA,F,1")
    with pytest.raises(BadInput, match=words) as caught:
        map_data(write_mapping(tmp_path, text), tmp_path, tmp_path / "out")
    assert caught.value.code == code
    assert list((tmp_path / "out").iterdir()) == []


def test_units() -> None:
    assert conversion("10*9/L", "10*3/uL") == (1.0, 0.0)
    assert conversion("mg/L", "ng/mL") == (1000.0, 0.0)
    assert conversion("µg/L", "ng/mL") == (1.0, 0.0)
    assert conversion("wk", "d") == (7.0, 0.0)
    assert conversion("years", "a") == (1.0, 0.0)
    assert conversion("mL/min/{1.73_m2}", "mL/min") == (1.0, 0.0)
    assert conversion("[iU]/L", "[iU]/mL").factor == pytest.approx(0.001)


@pytest.mark.parametrize(
    "unit", ["parsecs per fortnight of", "g**9**9**9", "g**99999", "((((", "1/(1/0)", "a" * 100, "kg", "M0"]
)
def test_what_is_no_unit_is_refused_and_never_worked_out(unit: str) -> None:
    with pytest.raises(UnitMismatch):
        conversion(unit, "ng/mL")


def test_code_maps_read_spellings_several_codes_and_a_vocabulary() -> None:
    rows = (CodeRow(source="LOINC:1-2", target="a"), CodeRow(source="Very low", target="b"))
    assert CodeMap(rows).target("very-low") == "b"
    assert CodeMap((CodeRow(source="1", target="x"),)).target("1.0") == "x"
    assert CodeMap(rows, several=True).target("SNOMED:7 LOINC:1-2") == "a"
    assert CodeMap(rows).target("else") is None
    assert CodeMap(rows, otherwise="o").target("else") == "o"
    assert CodeMap((), vocabulary="sex").target("M") == "male"
    assert CodeMap((), vocabulary="sex").target("unknown") == "-"
    assert CodeMap((), vocabulary="sex").target("elf") is None


def test_code_maps_in_files_say_how_exact_they_are(tmp_path: Path) -> None:
    (tmp_path / "m.tsv").write_text("# remark\nsubject\tobject\tpredicate\tby_label\nx\ty\tskos:broadMatch\tz\n")
    loaded = load_mapping(write_mapping(tmp_path, PATIENTS + "code_maps: {m: {file: m.tsv}}\n"))
    (row,) = loaded.code_maps["m"].rows
    assert (row.source, row.target, row.equivalence, row.by_label) == ("x", "y", "broader", "z")
    (tmp_path / "m.tsv").write_text("subject\tobject\tpredicate\nx\ty\tis like\n")
    with pytest.raises(BadInput, match="predicates of SKOS"):
        load_mapping(tmp_path / "tested.yaml")


def test_curies_and_shapes() -> None:
    assert curie("http://loinc.org/", "1-2") == "LOINC:1-2"
    assert curie("http://example.org", "x") == "http://example.org|x"
    assert fits("ICDO3-MORPHOLOGY", "8500/3")
    assert not fits("LOINC", "85319-2 of Mrs Smith")
    assert not fits("CURIE", "SMITH:JOHN")
