"""A whole slide on the whole road: the tiles as they were, the label blank, the glass shown to a person."""

from pathlib import Path

import pydicom
import pytest

from oncofed.cli.prepare_key import key_of
from oncofed.prepare.deidentify import deidentify
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.run import Run, State
from oncofed.prepare.scan import scan
from oncofed.prepare.verify import verify
from tests.factories.slides import BARCODE, LABEL, a_slide


@pytest.mark.system_program("tesseract")
def test_a_slide_and_its_label(run: Run, data_dir: Path, tmp_path: Path) -> None:
    a_slide(tmp_path / "source")
    scan(run, tmp_path / "source")
    recipe = Recipe(key_of(data_dir))
    deidentify(run, recipe)
    verify(run, recipe)
    released = {file.path.name: file.target for file in run.files(State.VERIFIED)}
    held = {file.path.name: file.code for file in run.files(State.QUARANTINED)}
    assert set(released) == {"level-0.dcm", "level-1.dcm", "level-2.dcm", "label.dcm"}
    assert held == {"overview.dcm": "pixels-text-suspected"}
    pyramids = set()
    for name, target in released.items():
        assert target is not None
        content = target.read_bytes()
        for secret in ("Okonkwo", "OKONKWO", "M-61-0815", BARCODE, LABEL, "1961", "20200506"):
            assert secret.encode() not in content, (name, secret)
        before, after = pydicom.dcmread(tmp_path / "source" / name), pydicom.dcmread(target)
        if name.startswith("level"):
            assert after.PixelData == before.PixelData
            assert after.TotalPixelMatrixRows == before.TotalPixelMatrixRows
        else:
            assert not after.pixel_array.any()
        stain = after.SpecimenDescriptionSequence[0].SpecimenPreparationSequence[0]
        values = [item.get("ConceptCodeSequence") for item in stain.SpecimenPreparationStepContentItemSequence]
        assert "12710003" in [value[0].CodeValue for value in values if value]
        pyramids.add((after.SeriesInstanceUID, after.FrameOfReferenceUID, after.PyramidUID, after.ContainerIdentifier))
    assert len(pyramids) == 1
