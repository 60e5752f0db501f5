"""The minimum set of annotations, item by item."""

from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from oncofed.imaging.quality.annotation import Making, Segment, making, segments
from tests.factories import series

WHOLE = {"number": True, "label": True, "description": True, "method": "MANUAL", "algorithm": False, "coded": True}


@pytest.mark.parametrize(
    ("item", "value", "gap"),
    [
        ("number", False, "number"),
        ("label", False, "label"),
        ("description", False, "description"),
        ("method", "", "method"),
        ("coded", False, "code"),
        ("method", "AUTOMATIC", "algorithm"),
    ],
)
def test_each_item_is_missed_by_itself(item: str, value: object, gap: str) -> None:
    assert Segment(**WHOLE).gaps == ()  # type: ignore[arg-type]
    assert gap in Segment(**(WHOLE | {item: value})).gaps  # type: ignore[arg-type]


def test_segments_of_a_segmentation() -> None:
    (seg,) = series.of(series.objects(1), "SEG")
    found = segments(seg)
    assert len(found) == len(seg.SegmentSequence)
    assert all(one.number and one.label and one.coded and one.label_code for one in found)
    del seg.SegmentSequence[0].SegmentLabel
    assert "label" in segments(seg)[0].gaps


def test_regions_of_a_structure_set() -> None:
    (rtstruct,) = series.of(series.objects(1, "PT"), "RTSTRUCT")
    found = segments(rtstruct)
    assert len(found) == len(rtstruct.StructureSetROISequence)
    assert all(one.number and one.label for one in found)
    del rtstruct.RTROIObservationsSequence
    assert not any(one.coded for one in segments(rtstruct))


def test_an_image_has_none() -> None:
    assert segments(series.of(series.objects(1), "CT")[0]) == ()


def item(**values: object) -> Dataset:
    found = Dataset()
    for name, value in values.items():
        setattr(found, name, value)
    return found


def made(one: Dataset) -> Making:
    found = making(one, segments(one))
    assert found is not None
    return found


RADIOLOGIST = [item(PersonIdentificationCodeSequence=[item(CodeValue="309343006")], PersonName="A")]


def test_who_made_a_segmentation() -> None:
    (seg,) = series.of(series.objects(1), "SEG")
    seg.ContentCreatorName = ""
    assert (made(seg).annotators, made(seg).role) == (0, False)
    seg.ContentCreatorName = "206b811aa1c6acd3"
    assert made(seg).annotators == 0  # the stand-in of de-identification
    seg.ContentCreatorName = "Reader 1"
    seg.SegmentSequence[0].ContentCreatorName = "Reader 2"
    seg.SegmentSequence[0].ContentCreatorIdentificationCodeSequence = RADIOLOGIST
    assert (made(seg).annotators, made(seg).role) == (2, True)


@pytest.mark.parametrize("types", [["AUTOMATIC"], ["AUTOMATIC", "MANUAL"]])
def test_only_what_software_made_throughout_is_automatic(types: list[str]) -> None:
    seg = item(Modality="SEG", SegmentSequence=[item(SegmentAlgorithmType=one) for one in types])
    assert made(seg).automatic is (types == ["AUTOMATIC"])


def test_who_drew_regions() -> None:
    drawn = [item(ROIInterpreter=name, ReferencedROINumber=n) for n, name in enumerate(("A", "B", "A", ""))]
    creators = [item(ROINumber=1, ROICreatorSequence=RADIOLOGIST)]
    whole = item(Modality="RTSTRUCT", RTROIObservationsSequence=drawn, StructureSetROISequence=creators)
    assert (made(whole).annotators, made(whole).role, made(whole).reviewed) == (2, True, False)
    whole.ApprovalStatus = "APPROVED"
    assert made(whole).reviewed


def concept(code: str, *inside: Dataset) -> Dataset:
    return item(ConceptNameCodeSequence=[item(CodeValue=code)], ContentSequence=list(inside))


def test_who_wrote_a_report() -> None:
    observer, role = concept("121008"), concept("121011")
    algorithm = concept("125007", concept("111001"), concept("111003"))
    sr = item(
        Modality="SR", VerificationFlag="VERIFIED", ContentSequence=[observer, role, concept("126010", algorithm)]
    )
    assert made(sr) == Making(annotators=1, role=True, reviewed=True, automatic=False, tool=True, version=True)


def test_annotations_of_slides() -> None:
    group = item(
        AnnotationGroupGenerationType="AUTOMATIC",
        AnnotationGroupAlgorithmIdentificationSequence=[item(AlgorithmVersion="2")],
    )
    found = made(item(Modality="ANN", AnnotationGroupSequence=[group]))
    assert (found.automatic, found.tool, found.version) == (True, False, True)


def test_real_annotations_say_what_they_were_made_with(shared: Path) -> None:
    paths = [path for path in sorted((shared / "dicom").rglob("*.dcm")) if path.stat().st_size < 3_000_000]
    found = [making(one, segments(one)) for one in (pydicom.dcmread(path, stop_before_pixels=True) for path in paths)]
    known = [one for one in found if one]
    assert len(known) > 15
    assert sum(one.tool and one.version for one in known) > 12
    assert sum(one.annotators > 0 for one in known) > 5
