"""Made-up patients: all that refers to images resolves, lesions are where they are said to be, and all is labelled."""

import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from oncofed.imaging import phantom
from oncofed.imaging.references import graph, read

PATIENT = phantom.patient(1)


def of(modality: str, patient: phantom.Patient = PATIENT) -> list[Dataset]:
    return [one for one in patient.objects if one.Modality == modality]


def test_every_object_says_that_it_is_synthetic() -> None:
    for one in PATIENT.objects:
        assert one.SyntheticData == "YES"
        assert "SYNTHETIC" in one.SeriesDescription
        assert one.StudyDescription == "SYNTHETIC"
        assert "no patient" in one.PatientComments


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_person() -> None:
    again = phantom.patient(1)
    assert [one.to_json() for one in again.objects] == [one.to_json() for one in PATIENT.objects]
    other = phantom.patient(2, series=("MG",))
    assert other.person != PATIENT.person
    assert {one.SOPInstanceUID for one in other.objects}.isdisjoint(one.SOPInstanceUID for one in PATIENT.objects)


def test_all_references_resolve() -> None:
    found = graph((str(place), read(one)) for place, one in enumerate(PATIENT.objects))
    assert found.resolved_count > 100
    assert found.dangling_count == len(PATIENT.anatomy.lesions)  # the report's tracking identifiers name no object


def test_segments_are_the_lesions() -> None:
    for modality in ("CT", "MR", "PT"):
        images = of(modality)
        (segmentation,) = (one for one in of("SEG") if one.SeriesDescription.endswith(modality))
        volume = np.zeros((len(images), 128, 128), dtype=int)
        places = {float(one.ImagePositionPatient[2]): place for place, one in enumerate(images)}
        for mask, group in zip(
            np.atleast_3d(segmentation.pixel_array), segmentation.PerFrameFunctionalGroupsSequence, strict=True
        ):
            number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
            volume[places[float(group.PlanePositionSequence[0].ImagePositionPatient[2])]] += mask * number
        for number, lesion in enumerate(PATIENT.anatomy.lesions, start=1):
            assert np.array_equal(volume == number, lesion.inside(PATIENT.anatomy.grid))


def test_the_standardised_uptake_of_a_lesion_is_what_was_planted() -> None:
    images = of("PT")
    first = images[0]
    injected = first.RadiopharmaceuticalInformationSequence[0]
    waited = 3600.0
    dose = float(injected.RadionuclideTotalDose) * 0.5 ** (waited / float(injected.RadionuclideHalfLife))
    activity = np.stack([one.pixel_array for one in images]).astype(float)
    uptake = activity * float(first.PatientWeight) * 1000.0 / dose
    inside = PATIENT.anatomy.lesions[0].inside(PATIENT.anatomy.grid)
    assert uptake[inside].mean() == pytest.approx(8.0, rel=0.01)


def test_contours_are_circles_of_the_lesions() -> None:
    (structures,) = of("RTSTRUCT")
    for lesion, contours in zip(PATIENT.anatomy.lesions, structures.ROIContourSequence, strict=True):
        for contour in contours.ContourSequence:
            points = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
            assert np.allclose(np.linalg.norm(points - lesion.centre, axis=1), lesion.radius, atol=0.02)


def test_files_are_written_a_folder_a_patient_and_series(tmp_path: Path) -> None:
    count = phantom.write(tmp_path, 2, seed=5, series=("MG", "US"))
    paths = sorted(tmp_path.rglob("*.dcm"))
    assert count == len(paths) == 6
    assert {path.parent.parent.name for path in paths} == {"patient-00005", "patient-00006"}
    assert all(pydicom.dcmread(path).SyntheticData == "YES" for path in paths)


@pytest.mark.system_program("dciodvfy")
def test_dciodvfy_finds_no_error(tmp_path: Path) -> None:
    for one in (*(of(modality)[0] for modality in ("CT", "MR", "PT", "US", "SEG", "RTSTRUCT", "SR")), *of("MG")):
        path = tmp_path / "one.dcm"
        del one.SyntheticData  # newer than the program's dictionary
        one.save_as(path, enforce_file_format=True)
        one.SyntheticData = "YES"
        said = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False).stderr
        assert [line for line in said.splitlines() if line.startswith("Error")] == [], one.Modality
