"""A small OMOP vocabulary of our own making in the layout of Athena's files, and people whose diagnoses it explains."""

from pathlib import Path

from tests.factories.mapping import write_csv

# The made-up tree: 1 cancer > 10 of the lung > 11 of its upper lobe; 1 > 20 secondary > 21 in the lung, which is
# below 10 as well; 30 breast and prostate at once; 90 a source code of ICD-10-GM that maps to 11.
CONCEPTS = {
    1: ("SNOMED", "363346000"), 10: ("SNOMED", "363358000"), 11: ("SNOMED", "900000011"), 20: ("SNOMED", "128462008"),
    21: ("SNOMED", "900000021"), 30: ("SNOMED", "900000030"), 31: ("SNOMED", "254837009"), 32: ("SNOMED", "399068003"),
    90: ("ICD10GM", "C34.18"), 91: ("ICD10GM", "C61"), 99: ("SNOMED", "73211009"),
}  # fmt: skip
ABOVE = [
    (10, 1, 1), (11, 10, 1), (11, 1, 2), (20, 1, 1), (21, 20, 2), (21, 10, 1), (21, 1, 3), (30, 31, 1), (30, 32, 1),
    *((one, one, 0) for one in CONCEPTS),
]  # fmt: skip
RELATED = [(90, 11, "Maps to", ""), (90, 32, "Maps to", "D"), (10, 31, "Is a", ""), (11, 11, "Maps to", "")]


def write_vocabulary(folder: Path) -> None:
    """CONCEPT, CONCEPT_RELATIONSHIP and CONCEPT_ANCESTOR: tabs, no quoting, names with quotation marks in them."""

    def write(name: str, heading: str, lines: list[tuple[object, ...]]) -> None:
        text = "\n".join(["\t".join(heading.split()), *("\t".join(map(str, line)) for line in lines)]) + "\n"
        (folder / f"{name}.csv").write_text(text)

    write(
        "CONCEPT",
        "concept_id concept_name domain_id vocabulary_id concept_class_id standard_concept concept_code"
        " valid_start_date valid_end_date invalid_reason",
        [
            (one, f'"Name", of {one}', "Condition", vocabulary, "Disorder", "S", code, "19700101", "20991231", "")
            for one, (vocabulary, code) in CONCEPTS.items()
        ],
    )
    write(
        "CONCEPT_RELATIONSHIP",
        "concept_id_1 concept_id_2 relationship_id valid_start_date valid_end_date invalid_reason",
        [(one, other, kind, "19700101", "20991231", invalid) for one, other, kind, invalid in RELATED],
    )
    write(
        "CONCEPT_ANCESTOR",
        "ancestor_concept_id descendant_concept_id min_levels_of_separation max_levels_of_separation",
        [(above, below, levels, levels) for below, above, levels in ABOVE],
    )


def write_cases(folder: Path) -> Path:
    """A person for every concept, and one whose standard concept is 0."""
    folder.mkdir()
    people = [*sorted({*CONCEPTS} - {1}), 200]
    write_csv(
        folder,
        "person",
        "\n".join(["person_id,gender_concept_id,year_of_birth", *(f"{one},8532,1950" for one in people)]),
    )
    occurred = [f"{one},{one},{one},0,2010-01-02" for one in people if one not in (90, 91, 200)]
    occurred += ["190,90,0,90,2010-01-02", "191,91,0,91,2010-01-02", "200,200,0,0,2010-01-02"]
    occurred += ["300,11,10,0,2009-05-06", "301,11,4163261,0,2011-01-01"]
    heading = "condition_occurrence_id,person_id,condition_concept_id,condition_source_concept_id,condition_start_date"
    write_csv(folder, "condition_occurrence", "\n".join([heading, *occurred]))
    return folder
