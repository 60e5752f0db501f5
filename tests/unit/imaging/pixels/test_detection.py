"""Rows of letters are found by their shape; what is no writing is not."""

from pathlib import Path

import numpy as np
import pydicom
import pytest

from oncofed.imaging.phantom import pictures
from oncofed.imaging.pixels import detection
from oncofed.imaging.pixels.detection import lines_of_text
from oncofed.imaging.pixels.frames import projection
from oncofed.imaging.pixels.rectangles import pixels_in

SHAPE = (384, 512)


def ground(kind: str, rng: np.random.Generator) -> pictures.Grey:
    if kind in ("fan", "speckle"):
        return pictures.fan(*SHAPE, rng) if kind == "fan" else pictures.speckle(*SHAPE, rng)
    return np.full(SHAPE, {"black": 0, "white": 240}[kind], dtype=np.uint8)


@pytest.mark.parametrize("kind", ["black", "white", "fan", "speckle"])
def test_planted_words_are_covered(kind: str) -> None:
    rng = np.random.default_rng(11)
    picture = ground(kind, rng)
    greys = (0, 60) if kind == "white" else (255, 170) if kind == "black" else (255,)
    planted = pictures.plant(picture, 12, rng, sizes=(8, 10, 14, 20), greys=greys)
    found = pixels_in([one.grown(1) for one in lines_of_text(picture)], SHAPE[1], SHAPE[0])
    covered = [found[w.rectangle.y0 : w.rectangle.y1, w.rectangle.x0 : w.rectangle.x1].mean() >= 0.9 for w in planted]
    assert len(planted) >= 8
    assert sum(covered) >= len(planted) - (kind == "fan")  # one that lies across the edge of the fan may break


def test_pictures_without_text_have_no_lines() -> None:
    rng = np.random.default_rng(3)
    for kind in ("fan", "speckle", "black", "white"):
        assert lines_of_text(ground(kind, rng)) == ()


def test_scans_without_text_have_almost_no_lines(shared: Path) -> None:
    folders = ("ct_liver_crlm1004", "mr_breast_ucsf06", "pt_sarcoma_sts001", "mg_cbis_ddsm")
    paths = [path for folder in folders for path in sorted((shared / "dicom" / folder).glob("*.dcm"))[5:100:20]]
    paths += sorted((shared / "dicom" / "mg_cbis_ddsm").glob("*.dcm"))
    parts = []
    for path in paths:
        dataset = pydicom.dcmread(path)
        if dataset.Modality in ("CT", "MR", "PT", "MG"):
            picture = projection(dataset).first
            parts.append(float(pixels_in(lines_of_text(picture), *picture.shape[::-1]).mean()))
    assert len(parts) > 10
    assert sum(parts) / len(parts) < 0.002
    assert max(parts) < 0.02


def test_two_letters_are_a_word_when_they_match() -> None:
    picture = np.zeros((60, 120), dtype=np.uint8)
    assert pictures.write(picture, "HB", (20, 20), size=14) is not None
    (line,) = lines_of_text(picture)
    assert (line.x0, line.y0) == (20, 20)
    picture[:] = 0
    picture[20:30, 20:25] = 255
    picture[24:40, 28:33] = 255
    assert lines_of_text(picture) == ()


def test_too_many_specks_are_no_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.zeros((60, 200), dtype=np.uint8)
    pictures.write(picture, "MOREAU", (20, 20), size=14)
    assert lines_of_text(picture)
    monkeypatch.setattr(detection, "_MOST_LETTERS", 3)
    assert lines_of_text(picture) == ()
