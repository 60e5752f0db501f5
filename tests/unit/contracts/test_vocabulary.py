"""The vocabularies: well-formed tables, honest attribution, and every spelling of the real data read as something."""

import csv
import hashlib
import json
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest

from oncofed.contracts.criteria import CRITERIA, MISSING
from oncofed.contracts.vocabulary import (
    VOCABULARY_VERSION,
    ancestors,
    cells,
    cover,
    descendants,
    domain,
    expand,
    folded,
    knows,
    label,
    lookup,
    nearest,
    normalise,
    roll_up,
    terms,
    vocabulary_names,
    words,
)

TABLES = files("oncofed.contracts").joinpath("vocabularies")

CODES_DIGEST = "b99b7b78c092153e"
"""Of all codes and their places in 2026.1: when a code changes, VOCABULARY_VERSION must change with this line."""


def test_codes_change_only_with_the_version() -> None:
    lines = [f"{name}\t{t.code}\t{t.parent}" for name in vocabulary_names() for t in terms(name).values()]
    bands = [f"{name}\t{'|'.join(domain(name))}" for name, c in CRITERIA.items() if c.bands]
    digest = hashlib.sha256("\n".join([VOCABULARY_VERSION, *lines, *bands]).encode()).hexdigest()
    assert digest[:16] == CODES_DIGEST


def test_each_criterion_has_its_table_and_each_table_a_criterion() -> None:
    assert {path.name.removesuffix(".tsv") for path in TABLES.iterdir()} == {*vocabulary_names()}


@pytest.mark.parametrize("name", vocabulary_names())
def test_a_table_names_its_source_and_has_no_loose_ends(name: str) -> None:
    lines = TABLES.joinpath(f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    header = next(place for place, line in enumerate(lines) if not line.startswith("#"))
    assert lines[header] == "code\tparent\tlabel\tsynonyms"
    codes = [line.split("\t")[0] for line in lines[header + 1 :]]
    assert len(codes) == len(set(codes))
    assert all(len(line.split("\t")) <= 4 and line == line.strip() for line in lines[header + 1 :])
    for term in terms(name).values():
        assert term.parent in {"", *terms(name)}
        assert len(term.code) <= 64
        assert "|" not in term.code
        assert term.label


@pytest.mark.parametrize("name", vocabulary_names())
def test_a_spelling_means_one_code(name: str) -> None:
    meant: dict[str, str] = {}
    for term in terms(name).values():
        for spelling in (term.code, term.label, *term.synonyms):
            assert folded(spelling), spelling
            assert meant.setdefault(folded(spelling), term.code) == term.code, spelling
            assert normalise(name, spelling) == term.code


def test_oncotree_is_whole_and_attributed(shared: Path) -> None:
    with (shared / "facts" / "vocabulary" / "oncotree_2025_10_03.csv").open(encoding="utf-8") as table:
        rows = {row["code"]: row for row in csv.DictReader(table)}
    ours = terms("oncotree")
    assert {*ours} == {*rows} - {"TISSUE"}
    for code, term in ours.items():
        parent = rows[code]["parent"]
        assert term.parent == ("" if parent == "TISSUE" else parent)
        assert term.label.startswith(" ".join(rows[code]["name"].split()))
    head = TABLES.joinpath("oncotree.tsv").read_text(encoding="utf-8").partition("\ncode\t")[0]
    assert "Memorial Sloan Kettering" in head
    assert "CC BY 4.0" in head


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("breast", "BREAST"),
        ("Lung Cancer", "LUNG"),
        ("prostate", "PROSTATE"),
        ("colorectal", "COADREAD"),
        ("NSCLC", "NSCLC"),
        ("glioblastoma", "GB"),
        ("GBM", "GB"),
        ("DIPG", "DMG"),
        ("AASTR", "ASTR3"),
        ("AODG", "ODG3"),
        ("OAST", "ADIFG"),
        ("AOAST", "ADIFG"),
        ("pancreatic neuroendocrine tumour", "PANET"),
        ("oesophageal cancer", "STOMACH"),
        ("chronic lymphocytic leukaemia", "CLLSLL"),
        ("unknown", MISSING),
        ("gobbledegook", None),
    ],
)
def test_diagnoses_are_found_by_plain_words(text: str, code: str | None) -> None:
    assert lookup("diagnosis", text) == code


@pytest.mark.parametrize(
    ("criterion", "text", "cell"),
    [
        ("modality", "mri", "MR"),
        ("modality", "PET", "PT"),
        ("modality", "mammography", "MG"),
        ("body_part", "head & neck", "HEADNECK"),
        ("body_part", "CHESTABDPELVIS", "CHESTABDPELVIS"),
        ("manufacturer", "Toshiba", "canon"),
        ("ct", "cT2a", "T2a"),
        ("pt", "pT2a", "T2a"),
        ("cm", "cM0", "M0"),
        ("stage", "stage IIA", "IIA"),
        ("stage", "3b", "IIIB"),
        ("her2", "3+", "3+"),
        ("her2", "3", "3+"),
        ("contrast", "none", "none"),
        ("sex", "F", "female"),
        ("sex", "not recorded", MISSING),
        ("age_at_imaging", "53", "50-54"),
        ("age_at_imaging", " 50 - 54 ", "50-54"),
        ("age_at_imaging", "90+", "90+"),
        ("age_at_imaging", "unknown", MISSING),
        ("age_at_imaging", "-3", None),
        ("age_at_imaging", "old", None),
        ("psa", "4-<10", "4-<10"),
    ],
)
def test_values_are_found_by_plain_words(criterion: str, text: str, cell: str | None) -> None:
    assert lookup(criterion, text) == cell


def test_a_hierarchy_is_expanded_covered_and_rolled_up() -> None:
    assert {"NSCLC", "LUAD"} <= descendants("oncotree", "LUNG")
    assert ancestors("oncotree", "LUAD") == ("NSCLC", "LUNG")
    assert expand("ct", ["T2", MISSING]) == {"T2", "T2a", "T2b", "T2c", "T2d", MISSING}
    assert cover("ct", ["T2", "T2a", "T3a", MISSING]) == {"T2", "T3a", MISSING}
    assert expand("sex", ["male"]) == cover("sex", ["male"]) == {"male"}
    assert roll_up("diagnosis", "LUAD") == "LUNG"
    assert roll_up("body_part", "PROSTATE") == "PELVIS"
    assert roll_up("body_part", "CHESTABDPELVIS") == "TRUNK"
    assert roll_up("ct", "T2a") == "T2"
    assert roll_up("ct", MISSING) == MISSING
    assert roll_up("modality", "MR") == "MR"


@pytest.mark.parametrize("criterion", CRITERIA)
def test_cells_part_the_domain(criterion: str) -> None:
    """Each value stands in one cell, and a cell says the same as its value asked for: facets and queries agree."""
    shown = cells(criterion)
    assert shown[-1] == MISSING
    assert len(set(shown)) == len(shown)
    for cell in shown[:-1]:
        assert {value for value in domain(criterion) if roll_up(criterion, value) == cell} == expand(criterion, [cell])


def test_labels_are_words() -> None:
    assert label("modality", "MR") == "Magnetic resonance"
    assert label("sex", MISSING) == "not recorded"
    assert label("age_at_imaging", "50-54") == "50-54"
    assert label("psa", "4-<10") == "4-<10 ng/mL"
    assert label("year_of_imaging", "2010") == "2010"


def test_what_says_nothing_is_none() -> None:
    assert normalise("sex", None) is None
    assert normalise("sex", "") is None
    assert normalise("sex", "U") is None
    assert normalise("manufacturer", "0000000") is None
    assert normalise("manufacturer", "ACME") is None
    assert normalise("body_part", "thorax") == "CHEST"
    assert knows("manufacturer", "0000000")
    assert not knows("manufacturer", "ACME")


def test_the_nearest_word() -> None:
    assert nearest(CRITERIA, "modalty") == "modality"
    assert nearest(words("diagnosis"), "protsate") == "Prostate"
    assert nearest(words("age_at_imaging"), "50-53") == "50-54"
    assert nearest(["modality"], "zzz") is None


# ---- the real data ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "vocabulary"),
    [
        ("Modality", "modality"),
        ("BodyPartExamined", "body_part"),
        ("Manufacturer", "manufacturer"),
        ("PatientSex", "sex"),
    ],
)
def test_every_spelling_of_the_real_data_is_known(column: str, vocabulary: str) -> None:
    """86,362 cases of NCI Imaging Data Commons: each spelling is a code, or listed as one that says nothing."""
    duckdb = pytest.importorskip("duckdb", reason="needs the extra [node]")
    found = find_spec("idc_index_data")
    if found is None or found.origin is None:
        pytest.skip("idc-index-data is not installed (extra [node])")
    table = Path(found.origin).parent / "idc_index.parquet"
    spellings = duckdb.sql(f"SELECT DISTINCT {column} FROM '{table}' WHERE {column} IS NOT NULL").fetchall()
    assert len(spellings) > 3
    assert [raw for (raw,) in spellings if not knows(vocabulary, raw)] == []
    assert {code for (raw,) in spellings if (code := normalise(vocabulary, raw))} <= {*terms(vocabulary)}


def test_every_tumour_location_of_the_real_data_is_a_body_part() -> None:
    duckdb = pytest.importorskip("duckdb", reason="needs the extra [node]")
    found = find_spec("idc_index_data")
    if found is None or found.origin is None:
        pytest.skip("idc-index-data is not installed (extra [node])")
    table = Path(found.origin).parent / "collections_index.parquet"
    rows = duckdb.sql(f"SELECT tumor_locations FROM '{table}' WHERE tumor_locations IS NOT NULL").fetchall()
    assert {place for (row,) in rows for place in row.split(", ") if not knows("body_part", place)} == set()


# ---- the reference system --------------------------------------------------------------------------------------------

REFERENCE: dict[str, str] = {
    "Gender": "sex",
    "Age at Diagnosis": "age_at_diagnosis",
    "Diagnosis": "diagnosis",
    "Year of Diagnosis": "year_of_diagnosis",
    "Modality": "modality",
    "Body Part": "body_part",
    "Manufacturer": "manufacturer",
    "Estrogen receptor Ag [Presence] in Breast cancer specimen by Immune stain": "er",
    "Progesterone receptor Ag [Presence] in Breast cancer specimen by Immune stain": "pr",
    "Prostate specific Ag [Mass/Volume] in Serum or Plasma": "psa",
    "HER2 [Presence] in Breast cancer specimen by Immune stain": "her2",
    "Cells.Ki-67 nuclear Ag/100 cells in Breast cancer specimen by Immune stain": "ki67",
    "Gleason scoring system for malignant neoplasm of prostate (staging scale)": "gleason",
    "International Society of Urological Pathology prostate cancer staging system (staging scale)": "isup",
    "cT category": "ct",
    "pT category": "pt",
    "cN category": "cn",
    "pN category": "pn",
    "cM category": "cm",
    "pM category": "pm",
    "BI-RADS assessment": "bi_rads",
    "PI-RADS assessment": "pi_rads",
}
"""The 22 search criteria of the reference system and ours."""

OTHER_WORDS = {
    "Pelvis Cancer": "rectal cancer",
    "Gleason grade score": "Gleason score",
    "International Society of Pathology histologic grade group": "ISUP grade group",
    " out of 10": "",
}
"""Where the reference system's words are not the field's (it files rectal cancer under "Pelvis Cancer")."""

ADDED = {
    "modality": ("MG", "US", "CR", "DX", "NM", "XA", "SM", "SEG", "RTSTRUCT"),
    "cm": ("M0", "MX"),
    "pm": ("M0",),
    "cn": ("N2", "N3", "NX"),
    "pn": ("N2", "N3"),
    "ct": ("Tis", "TX", "T4d"),
    "pt": ("Tis",),
    "bi_rads": ("4A", "4B", "4C"),
    "manufacturer": ("hologic", "fujifilm", "united_imaging"),
    "diagnosis": ("GB", "HCC", "PAAD", "READ"),
}
"""What its value sets lack."""


def test_the_22_criteria_of_the_reference_system_are_covered(shared: Path) -> None:
    facts = json.loads((shared / "facts" / "data-model" / "eucaim_search_criteria.json").read_text(encoding="utf-8"))
    assert {criterion["name"] for criterion in facts["criteria"]} == {*REFERENCE}
    for criterion in facts["criteria"]:
        ours = REFERENCE[criterion["name"]]
        assert (criterion["field_type"] == "number") == (CRITERIA[ours].bands is not None)
        for value in criterion["values"]:
            said = value["name"]
            for theirs, word in OTHER_WORDS.items():
                said = said.replace(theirs, word)
            assert lookup(ours, said) is not None, (ours, said)


@pytest.mark.parametrize(("criterion", "codes"), ADDED.items())
def test_what_the_reference_system_lacks_is_there(criterion: str, codes: tuple[str, ...]) -> None:
    assert {*codes} <= {*domain(criterion)}


def test_pi_rads_and_bi_rads_are_two_things() -> None:
    assert CRITERIA["pi_rads"].values != CRITERIA["bi_rads"].values
    assert set(domain("pi_rads")) != set(domain("bi_rads"))


def test_the_value_sets_of_the_data_model_are_covered(shared: Path) -> None:
    model = json.loads(
        (shared / "facts" / "data-model" / "minimal_cancer_imaging_cdm.json").read_text(encoding="utf-8")
    )
    sets = model["value_sets"]
    pairs = {
        "vs_sex": "sex",
        "vs_modality": "modality",
        "vs_body_part": "body_part",
        "vs_laterality": "laterality",
        "vs_tnm_T": "tnm_t",
        "vs_tnm_N": "tnm_n",
        "vs_tnm_M": "tnm_m",
        "vs_stage_group": "stage_group",
        "vs_isup": "isup",
        "vs_gleason_sum": "gleason",
        "vs_birads": "bi_rads",
        "vs_birads_density": "breast_density",
        "vs_pirads": "pi_rads",
        "vs_her2_ihc": "her2",
        "vs_posneg": "receptor",
        "vs_ecog": "ecog",
        "vs_population": "population",
        "vs_vital": "vital_status",
    }
    for theirs, ours in pairs.items():
        assert [code for code in sets[theirs]["codes"] if not knows(ours, code)] == []
    assert [name for name in sets["vs_manufacturer"]["canonical"] if not knows("manufacturer", name)] == []
    assert list(domain("age_at_diagnosis")) == sets["age_bands"]["bands"]
