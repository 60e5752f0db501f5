"""The checks of one series: a sound one has no finding; each defect planted gives its own finding and no other."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import generate_uid

from oncofed.imaging.quality import CHECKS, Instance, read_instance
from oncofed.imaging.quality.series import assess
from tests.factories import series

Series = list[FileDataset]


def findings(made: Series, directory: Path) -> dict[str, int]:
    series.write(made, directory)
    facts = [read_instance(path, directory) for path in sorted(directory.iterdir())]
    assert all(isinstance(one, Instance) for one in facts)
    found = assess([one for one in facts if isinstance(one, Instance)])
    assert {issue.check for issue in found.issues} <= CHECKS.keys()
    return {issue.check: issue.count for issue in found.issues}


@pytest.mark.parametrize("modality", ["CT", "MR", "PT", "MG", "SEG", "SR"])
def test_a_sound_series_has_no_finding(tmp_path: Path, modality: str) -> None:
    made = series.of(series.objects(2, *(("CT",) if modality in ("SEG", "SR") else (modality,))), modality)
    if modality == "MG":  # its views are series of their own
        made = made[:1]
    assert findings(made, tmp_path) == {}


def _move(made: Series) -> None:
    for place, one in enumerate(made):
        one.ImagePositionPatient[2] += 1.5 * (place == 3)


def _blank(made: Series) -> None:
    series.put(made[2], np.zeros_like(series.pixels(made[2])))


def _clip(made: Series) -> None:
    values = series.pixels(made[1])
    values[:5] = 4095
    series.put(made[1], values)


def _halve(made: Series) -> None:
    made[0].PixelData = made[0].PixelData[: len(made[0].PixelData) // 2]


def _swap(made: Series) -> None:
    made[0].InstanceNumber, made[2].InstanceNumber = made[2].InstanceNumber, made[0].InstanceNumber


def _each(made: Series, **values: object) -> None:
    for one in made:
        for name, value in values.items():
            setattr(one, name, value)


DEFECTS: dict[str, tuple[str, Callable[[Series], object], dict[str, int]]] = {
    "a hole": ("CT", lambda m: [m.pop(3), m.pop(3)], {"slices-missing": 2}),
    "a double": ("CT", lambda m: m.append(series.again(m[2])), {"slices-duplicate": 1}),
    "a copy": ("CT", lambda m: m.append(m[2]), {"instance-repeated": 1}),
    "uneven": ("CT", _move, {"spacing-uneven": 1}),
    "blank": ("CT", _blank, {"pixels-constant": 1}),
    "clipped": ("CT", _clip, {"pixels-clipped": 1}),
    "truncated": ("CT", _halve, {"pixels-undecodable": 1}),
    "type 1": ("CT", lambda m: _each(m[:3], KVP=None, RescaleSlope=None), {"type-1-missing": 3}),
    "identity": ("CT", lambda m: delattr(m[0], "PatientIdentityRemoved"), {"not-deidentified": 1}),
    "spacing": ("CT", lambda m: setattr(m[0], "PixelSpacing", [1, 1]), {"geometry-mixed": 1}),
    "frames": ("CT", lambda m: setattr(m[0], "FrameOfReferenceUID", generate_uid()), {"frame-of-reference-mixed": 2}),
    "directions": (
        "CT", lambda m: setattr(m[0], "ImageOrientationPatient", [1, 0, 0, 1, 0, 0]), {"orientation-invalid": 1}),
    "turned": (
        "CT", lambda m: setattr(m[0], "ImageOrientationPatient", [0, 1, 0, 1, 0, 0]), {"geometry-mixed": 1}),
    "numbers": ("CT", _swap, {"slices-unsorted": 1}),
    "fewer": ("PT", lambda m: m.pop(), {"slices-fewer-than-stated": 1}),
    "weight": ("PT", lambda m: _each(m, PatientWeight=None), {"suv-not-computable": 8}),
    "heavy": ("PT", lambda m: _each(m, PatientWeight=7000), {"suv-implausible": 8}),
    "modality": ("CT", lambda m: setattr(m[-1], "Modality", "OT"), {"modality-mixed": 2}),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_gives_its_finding_and_no_other(tmp_path: Path, name: str) -> None:
    modality, plant, expected = DEFECTS[name]
    made = series.of(series.objects(2, modality), modality)
    plant(made)
    assert findings(made, tmp_path) == expected


def test_a_segmentation_of_nothing(tmp_path: Path) -> None:
    (seg,) = series.of(series.objects(2), "SEG")
    seg.PixelData = b"\0" * len(seg.PixelData)
    assert findings([seg], tmp_path) == {"segmentation-empty": 1}


def test_an_object_that_does_not_say_what_it_is(tmp_path: Path) -> None:
    (one, *_) = series.of(series.objects(2), "CT")
    one.SOPClassUID = ""
    assert findings([one], tmp_path) == {"sop-class-missing": 1}


def test_the_example_is_the_middle_slice(tmp_path: Path) -> None:
    made = series.of(series.objects(2), "CT")
    series.write(made, tmp_path)
    facts = [read_instance(path, tmp_path) for path in sorted(tmp_path.iterdir())]
    found = assess([one for one in facts if isinstance(one, Instance)])
    heights = sorted(float(one.ImagePositionPatient[2]) for one in made)
    shown = made[int(found.example.removesuffix(".dcm"))]
    assert float(shown.ImagePositionPatient[2]) == heights[4]
    assert (found.step, found.stacks, found.deidentified) == (5.0, 1, True)
