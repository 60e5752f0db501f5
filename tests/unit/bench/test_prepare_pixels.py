"""The bench of text in pixels measures what it says, and says what cannot be measured."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from oncofed.bench import prepare_faces, prepare_faint_text
from oncofed.bench.prepare_pixels import measure
from oncofed.bench.report import Figure
from oncofed.imaging.pixels import text
from oncofed.imaging.pixels.rectangles import pixels_in


@pytest.mark.system_program("tesseract")
def test_its_promises_hold() -> None:
    measured = measure(lambda _: None, pages=1, grounds=("black", "white"), quick=True)
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
def test_without_tesseract_faces_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    faces = [Figure("face_found", 100.0, "%")]
    monkeypatch.setattr(prepare_faces, "figures", lambda: faces)
    measured = measure(said.append)
    assert measured.figures == faces
    assert measured.peers == []
    assert said == ["faces", "text in pixels: tesseract is missing"]


def test_every_kind_of_hard_text_is_planted_where_it_is_said_to_be() -> None:
    ground = np.full((300, 400), 90, np.uint8)
    for place, (name, kind) in enumerate(prepare_faint_text.KINDS.items()):
        picture, boxes = prepare_faint_text.planted(ground, kind, np.random.default_rng(place))
        outside = ~pixels_in(boxes, 400, 300)
        assert np.array_equal(picture[outside], ground[outside]), name
        assert all((picture[box.y0 : box.y1, box.x0 : box.x1] != 90).any() for box in boxes), name
        assert boxes, name


def test_heads_are_told_apart_by_their_surfaces_and_not_by_what_all_have() -> None:
    rng = np.random.default_rng(1)
    common = rng.normal(size=(8, 8)) * 50
    several = [common + rng.normal(size=(8, 8)) for _ in range(6)]
    assert prepare_faces.matched(several, [one + 3.0 for one in several]) == 1.0
    assert prepare_faces.matched(several, [common] * 6) <= 0.5
