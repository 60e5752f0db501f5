"""Addresses in descriptions: the number of a house goes with its street; the number of a sequence stays."""

import pytest

from oncofed.imaging.deidentify.identifiers import identifiers
from oncofed.imaging.deidentify.words import cleaned, is_known


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("LUNG 1.0 lives at 138 Lindenstrasse", "LUNG 1.0 at"),
        ("Lindenstrasse 138 T2 axial", "T2 axial"),
        ("17b Elmgrovia, T1", "T1"),
        ("138 Lindenstrasse", ""),
        ("T1 85 Via Garibaldi", "T1"),
        ("T1 12 Long Road post", "T1 post"),
        ("T2 axial 3 4", "T2 axial 3 4"),
        ("DYN 3 of 7", "DYN 3 of 7"),
        ("Lindenstrasse 3D T2", "3D T2"),
        ("slice 1.5 Lindenstrasse", "slice 1.5"),
    ],
)
def test_the_number_of_a_house_goes_with_its_street(text: str, left: str) -> None:
    assert cleaned(text).text == left


def test_a_title_does_not_lead_over_an_identifier_that_was_taken_out() -> None:
    sought = identifiers(frozenset({"Müller^Jörg"}), frozenset(), frozenset())
    assert cleaned(sought.without("Dr. Müller R MLO")).text == "R MLO"


def test_what_was_taken_out_leaves_one_space() -> None:
    sought = identifiers(frozenset({"Müller^Jörg"}), frozenset(), frozenset())
    assert cleaned(sought.without("T2 Müller Jörg axial")).text == "T2 axial"


@pytest.mark.parametrize(
    "token", ["I70f", "B30f", "Br40d", "Bv49d", "FC51", "sen16", "p2", "l", "R", "ep2d", "VIBRANT"]
)
def test_kernels_sides_and_sequences_are_known(token: str) -> None:
    assert is_known(token)


@pytest.mark.parametrize("token", ["JB381", "B1234567", "I7012f", "Lindenstrasse"])
def test_what_may_be_a_number_of_a_person_is_not(token: str) -> None:
    assert not is_known(token)
