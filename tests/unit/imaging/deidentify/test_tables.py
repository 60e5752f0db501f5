"""The table in our format says what PS3.15 says, and nothing else."""

import csv
from collections import Counter
from pathlib import Path

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

from oncofed.imaging.deidentify.policy import compile_policy
from oncofed.imaging.deidentify.profile import Option, Profile
from oncofed.imaging.deidentify.tables import (
    PATTERNS,
    attribute_types,
    beyond,
    confidentiality,
    safe_private,
    vocabulary,
)
from oncofed.imaging.deidentify.values import KNOWN

PUBLISHED = {
    "retain_safe_private": "safe_private",
    "retain_uids": "uids",
    "retain_device_id": "device",
    "retain_institution_id": "institution",
    "retain_patient_characteristics": "patient",
    "retain_longitudinal_full_dates": "full_dates",
    "retain_longitudinal_modified_dates": "modified_dates",
    "clean_descriptors": "descriptors",
    "clean_structured_content": "structured",
    "clean_graphics": "graphics",
}


def test_it_has_619_rows_of_which_four_are_patterns() -> None:
    rows = confidentiality()
    assert len(rows) == len({row.tag for row in rows}) == 619
    assert {row.tag for row in rows if row.number < 0} == PATTERNS
    assert Counter(row.basic for row in rows) == {
        "X": 383, "D": 92, "U": 53, "Z": 42, "X/D": 22, "X/Z": 11, "X/Z/D": 8, "Z/D": 6, "X/Z/U*": 2,
    }  # fmt: skip


def test_names_and_representations_are_those_of_the_dictionary() -> None:
    for row in (*confidentiality(), *beyond()):
        if row.number >= 0:
            assert (row.keyword, row.vr) == (keyword_for_tag(row.number), dictionary_VR(row.number))


def test_what_stands_beyond_the_table_does_not_stand_in_it() -> None:
    tags = [row.tag for row in beyond()]
    assert tags == sorted(set(tags))
    assert not set(tags) & {row.tag for row in confidentiality()}


def test_it_is_the_published_table(shared: Path) -> None:
    """All marks of all rows; only the two rows of the command set, which no file holds, are not in ours."""
    patterns = {
        "(50XX,XXXX)": "50xxxxxx",
        "(60XX,4000)": "60xx4000",
        "(60XX,3000)": "60xx3000",
        "(GGGG,EEEE) WHERE GGGG IS ODD": "private",
    }
    with (shared / "facts" / "ps3_15_table_e1_1.csv").open() as stream:
        published = {
            patterns.get(row["tag"]) or row["tag"].strip("()").replace(",", "").lower(): (
                row["basic"],
                {ours: row[theirs] for theirs, ours in PUBLISHED.items() if row[theirs]},
            )
            for row in csv.DictReader(stream)
            if not row["tag"].startswith("(0000")
        }
    assert {row.tag: (row.basic, row.options) for row in confidentiality()} == published


def test_every_column_belongs_to_an_option() -> None:
    assert {option.column for option in Option} == set(PUBLISHED.values())
    assert {column for row in confidentiality() for column in row.options} == set(PUBLISHED.values())


def test_types_are_known_where_there_is_a_choice() -> None:
    kinds = attribute_types()
    assert {kind.kind for kind in kinds} <= {"1", "1C", "2", "2C", "3"}
    choices = {row.keyword for row in confidentiality() if row.basic == "Z" or "/" in row.basic}
    assert {kind.keyword for kind in kinds} <= choices
    assert all(tag_for_keyword(name) is not None for kind in kinds for name in kind.place)


def test_safe_private_elements_are_private_and_of_known_representations() -> None:
    assert len(safe_private()) > 40
    for (creator, group, element), vr in safe_private().items():
        assert creator == creator.strip() != ""
        assert group % 2 == 1
        assert 0 <= element <= 0xFF
        assert vr in KNOWN


def test_the_vocabulary_is_in_lower_case_and_sorted() -> None:
    words = list(vocabulary())
    assert words == sorted(words)
    assert all(word == word.casefold() for word in words)
    assert set(vocabulary().values()) == {"technique", "anatomy", "finding", "word"}


def test_every_row_has_a_rule_with_its_reason() -> None:
    policy = compile_policy(Profile("any", frozenset(Option) - {Option.RETAIN_FULL_DATES}))
    assert [rule.tag for rule in policy.rules] == [row.tag for row in (*confidentiality(), *beyond())]
    assert all(rule.why for rule in policy.rules)
