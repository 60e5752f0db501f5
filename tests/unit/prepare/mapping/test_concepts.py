"""OMOP concepts by the vocabulary beside the data."""

from pathlib import Path

import pytest

from oncofed.contracts.errors import BadInput
from oncofed.prepare.mapping import load_mapping, map_data
from tests.factories.mapping import counted, rows
from tests.factories.omop_vocabulary import write_cases, write_vocabulary


def conditions(out: Path) -> list[tuple[object, ...]]:
    return rows(out, "cancer_condition", "patient_key", "oncotree_code", "diagnosis_year")


def test_without_the_vocabulary_only_concepts_that_are_named_count(tmp_path: Path) -> None:
    report = map_data("omop-cdm", write_cases(tmp_path / "omop"), tmp_path / "out")
    assert conditions(tmp_path / "out") == [("11", "PROSTATE", 2011)]
    assert report.rows_with("concept-found") == 0
    assert report.rows_with("row-unused") == 12


def test_with_it_so_do_their_codes_what_maps_to_them_and_what_descends_from_them(tmp_path: Path) -> None:
    write_vocabulary(write_cases(tmp_path / "omop"))
    report = map_data("omop-cdm", tmp_path / "omop", tmp_path / "out")
    assert conditions(tmp_path / "out") == [
        ("10", "LUNG", 2010),
        ("11", "LUNG", 2009),  # two concepts, one cancer, the earlier date
        ("11", "PROSTATE", 2011),
        ("31", "BREAST", 2010),
        ("32", "PROSTATE", 2010),
        ("90", "LUNG", 2010),  # by the standard concept that its source concept maps to
        ("91", "PROSTATE", 2010),  # by its own code in ICD-10
    ]
    assert counted(report) == {
        ("concept-found", "condition_concept_id", "cancer_condition.oncotree_code"): 5,
        ("concept-found", "condition_source_concept_id", "cancer_condition.oncotree_code"): 2,
        ("values-differ", "diagnosis_year", "cancer_condition.diagnosis_year"): 1,
        ("values-differ", "age_at_diagnosis", "cancer_condition.age_at_diagnosis"): 1,
        # a metastasis (20, 21), one thing in two organs (30), no cancer (99), no concept (200)
        ("row-unused", "condition_concept_id condition_source_concept_id", ""): 5,
    }
    found = (tmp_path / "out" / "mapping-values.tsv").read_text().splitlines()
    assert "concept-found\tcondition_occurrence\tcondition_concept_id\tcancer_condition.oncotree_code\t11\t1" in found


def test_a_vocabulary_without_ancestors_still_maps_codes(tmp_path: Path) -> None:
    write_vocabulary(write_cases(tmp_path / "omop"))
    (tmp_path / "omop" / "CONCEPT_ANCESTOR.csv").unlink()
    map_data("omop-cdm", tmp_path / "omop", tmp_path / "out")
    assert {one for one, *_ in conditions(tmp_path / "out")} == {"10", "11", "31", "32", "91"}


def test_a_site_extends_a_preset_from_its_own_folder(tmp_path: Path) -> None:
    """Code maps in files stay where the preset has them; a value the site names itself goes before the vocabulary."""
    write_vocabulary(write_cases(tmp_path / "omop"))
    site = tmp_path / "site.yaml"
    site.write_text("extends: omop-cdm\nname: site\ncode_maps: {cancer: {rows: {'11': LUAD, '30': '-'}}}\n")
    map_data(site, tmp_path / "omop", tmp_path / "out")
    assert ("11", "LUAD", 2010) in conditions(tmp_path / "out")


def test_conditions_on_a_code_map_name_one_that_there_is(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(
        "extends: omop-cdm\nname: site\nindex: [{relation: person, column: year_of_birth, "
        "when: [{column: gender_concept_id, map: nothing}]}]\n"
    )
    with pytest.raises(BadInput, match="there is no code map “nothing”"):
        load_mapping(tmp_path / "site.yaml")
