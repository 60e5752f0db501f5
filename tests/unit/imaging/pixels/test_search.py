"""What is found is told apart: it names someone, it is harmless, or nobody knows."""

from itertools import pairwise

import numpy as np
import pytest

from oncofed.imaging.phantom import pictures
from oncofed.imaging.pixels import search
from oncofed.imaging.pixels.rectangles import Rectangle
from oncofed.imaging.pixels.text import Word

SAYS = {
    "RT LIVER SAG": True,
    "TIS: 0.5": True,
    "16cm": True,
    "4.0 MHz": True,
    "L MLO": True,
    "C5": True,
    "ROSSI": False,
    "LIVER ROSSI": False,
    "12345678": False,
    "03 07 1956": False,
    "12 34 56 7": False,
    "1956": False,
    "@ --": False,
    "": False,
}


@pytest.mark.parametrize(("written", "expected"), SAYS.items())
def test_harmless_words(written: str, expected: bool) -> None:
    assert search.harmless(written) is expected


def line(*words: tuple[str, int, int, float]) -> search.Line:
    read = tuple(Word(text, Rectangle(x0, 0, x1, 10), sure) for text, x0, x1, sure in words)
    return search.Line(Rectangle(0, 0, 100, 10), read)


def test_a_line_is_harmless_only_when_all_of_it_was_read() -> None:
    assert search._judged(line(("LIVER", 0, 90, 95.0)), frozenset()).harmless
    assert not search._judged(line(("LIVER", 0, 40, 95.0)), frozenset()).harmless
    assert not search._judged(line(("LIVER", 0, 90, 20.0)), frozenset()).harmless
    assert not search._judged(line(), frozenset()).harmless


def test_who_is_named_is_never_harmless_and_never_shown() -> None:
    found = search._judged(line(("LIVER", 0, 90, 95.0)), frozenset({"LIVER"}))
    assert found.identifying
    assert not found.harmless
    assert "ROSSI" not in repr(line(("ROSSI", 0, 90, 95.0)))
    assert line(("B", 60, 90, 1.0), ("A", 0, 50, 1.0)).text == "A B"


@pytest.mark.system_program("tesseract")
def test_lines_are_read_and_judged_in_a_picture() -> None:
    picture = np.zeros((300, 500), dtype=np.uint8)
    picture[200:260] = 220
    pictures.write(picture, "MOREAU,HUGO", (20, 20), size=14)
    pictures.write(picture, "LIVER SAG", (20, 80), size=14)
    pictures.write(picture, "XQWZJK", (20, 140), size=14)
    pictures.write(picture, "MRN:4711923", (40, 220), size=14, grey=10)
    found = search.find_text(picture, frozenset({"MOREAU", "4711923"}))
    at = {(one.rectangle.y0 + one.rectangle.y1) // 2 // 60: one for one in found}
    assert at[0].identifying
    assert at[1].harmless
    assert not at[2].harmless
    assert not at[2].identifying
    assert at[3].identifying


@pytest.mark.system_program("tesseract")
def test_an_empty_picture_says_nothing() -> None:
    assert search.find_text(np.zeros((50, 50), dtype=np.uint8), frozenset()) == ()


@pytest.mark.system_program("tesseract")
def test_many_lines_are_read_on_several_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_LINES_A_PAGE", 2)
    picture = np.zeros((200, 300), dtype=np.uint8)
    names = ("MOREAU", "NOVAK", "OLIVEIRA")
    planted = [pictures.write(picture, name, (20, 20 + 50 * place), size=16) for place, name in enumerate(names)]
    read = search.read_lines(picture, [one.rectangle for one in planted if one is not None])
    assert tuple(one.text for one in read) == names


@pytest.mark.system_program("tesseract")
def test_a_large_picture_is_looked_at_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_TILE", 200)
    monkeypatch.setattr(search, "_OVERLAP", 80)
    picture = np.zeros((520, 430), dtype=np.uint8)
    corners = ((10, 10), (330, 20), (160, 190), (100, 300), (340, 480))
    planted = [pictures.write(picture, "NOVAK", corner, size=12) for corner in corners]
    found = search.find_text(picture, frozenset({"NOVAK"}))
    for one in planted:
        assert one is not None
        assert any(each.identifying and each.rectangle.covers(one.rectangle) == 1.0 for each in found)
    assert sum(each.rectangle.area for each in found) < 0.1 * picture.size


def test_tiles_cover_every_pixel() -> None:
    for length in (1, 383, 384, 1536, 1537, 5000):
        starts = search._starts(length)
        assert starts[0] == 0
        assert starts[-1] + search._TILE >= length
        assert all(later - earlier == search._TILE - search._OVERLAP for earlier, later in pairwise(starts))
