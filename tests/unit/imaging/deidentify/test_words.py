"""Descriptions: the trade's words, small numbers and measures stay; what may tell who it is goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.imaging.deidentify.identifiers import identifiers
from oncofed.imaging.deidentify.tables import vocabulary
from oncofed.imaging.deidentify.words import _STREETS, _leads, cleaned


@pytest.mark.parametrize(
    "text",
    [
        "CT Thorax/Abdomen 5mm",
        "AX T2 FSE FS +C",
        "t1_vibe_fs_tra_dyn",
        "MR breast bilateral w/wo contrast",
        "PET WB 3.0 x 3.0",
        "DWI b0 b500 b1000 ADC",
        "AxialT2FSE",
        "SAG3D",
        "Segmentation of liver lesion 4",
        "R CC",
    ],
)
def test_descriptions_of_the_trade_stay(text: str) -> None:
    assert cleaned(text).text == text
    assert cleaned(text).removed == ()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("CT Thorax Okonkwo", "CT Thorax"),
        ("Okonkwo CT Thorax", "CT Thorax"),
        ("CT Dr. Long Thorax", "CT"),
        ("Mrs Short, liver", "liver"),
        ("MRI 12345678 brain", "MRI brain"),
        ("MRI 1999 brain", "MRI brain"),
        ("brain 2020-03-01 MRI", "brain MRI"),
        ("brain 01.03.2020 MRI", "brain MRI"),
        ("brain 1 Mar 2020", "brain"),
        ("phase 030 1234 5678 liver", "phase liver"),
        ("mail me@klinik.example liver", "liver"),
        ("https://klinik.example/x liver", "liver"),
        ("name Head", ""),
        ("", ""),
    ],
)
def test_what_may_tell_who_it_is_goes(text: str, left: str) -> None:
    assert cleaned(text).text == left
    assert not text or cleaned(text).removed


def test_dates_stay_where_the_profile_keeps_them() -> None:
    assert "2020" not in cleaned("CT 2020-03-01").text
    assert cleaned("CT 12-03-01", keep_dates=True).text == "CT 12-03-01"


def test_lines_stay_lines() -> None:
    assert cleaned("liver lesion\nOkonkwo\nstable").text == "liver lesion\nstable"


PLAIN = sorted(word for word in vocabulary() if not _leads(word) and word not in _STREETS)


@given(st.lists(st.sampled_from(PLAIN), min_size=1, max_size=8), st.sampled_from([" ", "_", "/", ", "]))
def test_it_changes_nothing_a_second_time(words: list[str], joined: str) -> None:
    once = cleaned(joined.join(words)).text
    assert cleaned(once).text == once


@given(st.text(alphabet="qxzvjk", min_size=4, max_size=12))
def test_what_no_vocabulary_has_goes(word: str) -> None:
    assert word not in cleaned(f"liver {word} lesion").text


def sought(names: list[str], numbers: list[str] | None = None, phrases: list[str] | None = None) -> object:
    return identifiers(frozenset(names), frozenset(numbers or []), frozenset(phrases or []))


@pytest.mark.parametrize(
    ("names", "text", "found"),
    [
        (["Okonkwo^Adaeze"], "okonkwo", True),
        (["Okonkwo^Adaeze"], "CT_ADAEZE_1", True),
        (["Li^Na"], "Li", True),
        (["Li^Na"], "Liver final", False),
        (["Long^Mary"], "long axis", True),  # a person may be called like a word of the trade
        (["LUNG^PHANTOM"], "lung", False),
        (["CRLM-CT-1004"], "CT abdomen", False),
        (["CRLM-CT-1004"], "crlm 1004", True),
        (["Anonymous"], "anonymous", False),
        (["X^Y"], "x-ray y", False),
        (["王^小东"], "胸部王", True),
        (["Yamada^Tarou=山田^太郎"], "山田", True),
        ([""], "", False),
    ],
)
def test_names_are_found_as_words_or_inside_them(names: list[str], text: str, found: bool) -> None:
    assert sought(names).found(text) is found


def test_numbers_and_phrases() -> None:
    one = sought([], ["12", "4711-0815"], ["Klinikum Nord", "GE"])
    assert one.found("id 12")
    assert not one.found("id 123")
    assert one.found("x4711-0815y")
    assert one.found("klinikum nord")
    assert not one.found("GE")
    assert one.without("at 12 of") != "at 12 of"
    assert sought([]).without("text") == "text"
    assert not sought([], [], ["Siemens Healthcare"]).found("Siemens Healthcare")


def test_the_same_patient_is_the_same_search_and_its_memory_is_bounded() -> None:
    one = sought(["Okonkwo^A"])
    assert one is sought(["Okonkwo^A"])
    known = one.harmless("policy")
    known.update((None, number, b"") for number in range(20_001))
    assert one.harmless("policy") == set()
