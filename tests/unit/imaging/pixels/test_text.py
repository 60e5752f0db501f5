"""Reading through tesseract, and knowing an identifier however it is written or misread."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

from oncofed.contracts.errors import OncofedError
from oncofed.imaging.phantom import pictures
from oncofed.imaging.pixels import text
from oncofed.imaging.pixels.rectangles import Rectangle


def header() -> Dataset:
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.PatientName = "Müller-Ångström^Jörg"
    made.PatientID = "AB-12 345"
    made.PatientBirthDate = "19560703"
    made.InstitutionName = "Nordklinikum Radiology"
    made.StudyDate = "20200414"
    made.PatientSex = "M"
    made.StudyDescription = "THORAX"
    item = Dataset()
    item.OperatorsName = "Weiss^Ida"
    made.RequestAttributesSequence = [item]
    return made


def test_what_is_looked_for_comes_from_every_depth_of_the_header() -> None:
    found = text.identifiers(header())
    assert {"MULLER", "ANGSTROM", "JORG", "WEISS", "IDA", "AB12345", "NORDKLINIKUM", "19560703", "3JUL1956"} <= found
    assert not found & {"THORAX", "M", "RADIOLOGY"}


@pytest.mark.parametrize(
    "written",
    ["MULLER,JORG", "Müller", "AB-12345", "A8-I2345", "03.07.1956", "07/03/1956", "14-APR-2020", "4/14/2020", "JQRG"],
)
def test_an_identifier_is_known_in_other_writing(written: str) -> None:
    wanted = text.identifiers(header())
    if written == "JQRG":
        assert not text.names_someone(written, frozenset({"THORAX"}))
    else:
        assert text.names_someone(written, wanted)


@pytest.mark.parametrize("written", ["", "LIVER", "TIS 0.5", "12 cm", "RIGHT KIDNEY", "2D-100%"])
def test_other_words_name_nobody(written: str) -> None:
    assert not text.names_someone(written, text.identifiers(header()))


def test_dates_that_are_none_are_no_identifiers() -> None:
    made = Dataset()
    made.add_new(0x00100030, "DA", "")
    assert text.identifiers(made) == frozenset()
    assert set(text._dates("20209901")) >= {"20209901"}
    assert set(text._dates("unknown")) == set()


@pytest.mark.system_program("tesseract")
def test_words_are_read_where_they_stand() -> None:
    picture = np.zeros((120, 400), dtype=np.uint8)
    planted = pictures.write(picture, "MOREAU", (60, 40), size=20)
    assert planted is not None
    for scale in (1, 2):
        (word,) = (word for word in text.read(picture, scale=scale) if word.text == "MOREAU")
        assert word.rectangle.grown(3).covers(planted.rectangle) == 1.0
        assert word.confidence > 50
        assert "MOREAU" not in repr(word)


@pytest.fixture
def path_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    text.available.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    text.available.cache_clear()


def test_without_the_program_nothing_is_read(path_with: Path) -> None:
    assert not text.available()
    with pytest.raises(OncofedError, match="pixels-ocr-missing"):
        text.read(np.zeros((10, 10), dtype=np.uint8))


def test_a_program_that_fails_is_said_to(path_with: Path) -> None:
    program = path_with / "tesseract"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    assert text.available()
    with pytest.raises(OncofedError, match="CalledProcessError"):
        text.read(np.zeros((10, 10), dtype=np.uint8))


def test_lines_of_the_table_that_are_no_words_are_left_out() -> None:
    head = "level\tpage\tblock\tpar\tline\tword\tleft\ttop\twidth\theight\tconf\ttext\n"
    rows = (
        "1\t1\t0\t0\t0\t0\t0\t0\t100\t50\t-1\t\n"
        "5\t1\t1\t1\t1\t1\t12\t12\t20\t10\t91.5\tHUGO\n"
        "5\t1\t1\t1\t1\t2\t50\t12\t20\t10\t80\t  \nshort\n"
    )
    assert tuple(text._words(head + rows, 1)) == (text.Word("HUGO", Rectangle(0, 0, 20, 10), 91.5),)
