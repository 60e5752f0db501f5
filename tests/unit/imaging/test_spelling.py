from unicodedata import normalize

import pytest

from oncofed.imaging.spelling import spellings, without_diacritics, writings


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("Müller", {"Muller", "Mueller"}),
        ("Mu\u0308ller", {"Muller", "Mueller"}),
        ("Sørensen", {"Sorensen", "Soerensen"}),
        ("Łukasz", {"Lukasz"}),
        ("Weiß", {"Weiss"}),
        ("ÅKESSON", {"AKESSON", "AaKESSON"}),
        ("Smith", set()),
        ("山田", set()),
    ],
)
def test_spellings(name: str, others: set[str]) -> None:
    assert spellings(name) == {name, normalize("NFC", name), normalize("NFD", name)} | others


def test_what_has_no_marks_stays() -> None:
    assert without_diacritics("Петров 山田 Smith") == "Петров 山田 Smith"


@pytest.mark.parametrize(
    ("number", "others"),
    [
        ("00918273", {"918273"}),
        ("PAT7788991", {"7788991"}),
        ("7788991^^^KLINIK^MR", {"7788991"}),
        ("A-0012345", {"12345"}),
        ("0042", set()),
        ("P-123", set()),
        ("CT20200304-12", set()),
        ("1.2.840.113619.6", set()),
        ("P1", set()),
    ],
)
def test_writings_of_a_number(number: str, others: set[str]) -> None:
    assert writings(number) == {number} | others
