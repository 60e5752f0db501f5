import pytest

from oncofed.imaging.spelling import spellings, without_diacritics


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
    assert spellings(name) == {name} | others


def test_what_has_no_marks_stays() -> None:
    assert without_diacritics("Петров 山田 Smith") == "Петров 山田 Smith"
