"""The bench of text in pixels measures what it says, and says what cannot be measured."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oncofed.bench.prepare_pixels import measure
from oncofed.imaging.pixels import text


@pytest.mark.system_program("tesseract")
def test_its_promises_hold() -> None:
    measured = measure(lambda _: None, pages=1, grounds=("black", "white"))
    figures = {figure.name: figure for figure in measured.figures}
    assert [figure.name for figure in measured.figures if not figure.holds] == []
    assert figures["text_words"].value > 60
    assert figures["text_read_on_black"].value > 80
    peers = {figure.name: figure.value for figure in measured.peers}
    assert peers["tesseract_x2_text_covered"] < figures["text_covered"].value


@pytest.fixture
def no_tesseract(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("PATH", str(tmp_path))
    text.available.cache_clear()
    yield
    text.available.cache_clear()


@pytest.mark.usefixtures("no_tesseract")
def test_without_tesseract_faces_are_measured() -> None:
    said: list[str] = []
    measured = measure(said.append)
    assert [figure.name for figure in measured.figures] == ["face_features_taken", "face_brain_taken"]
    assert measured.peers == []
    assert said == ["text in pixels: tesseract is missing"]
