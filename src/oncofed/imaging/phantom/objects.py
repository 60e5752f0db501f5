"""What refers to made-up images: a segmentation, a structure set and a measurement report of the lesions."""

from collections.abc import Sequence

import numpy as np
from pydicom import uid as uids
from pydicom.dataset import Dataset, FileDataset
from pydicom.pixels.utils import pack_bits

from oncofed.imaging.phantom.anatomy import Trunk
from oncofed.imaging.phantom.headers import coded, item, reference, start, uid
from oncofed.imaging.phantom.images import Whose

_NEOPLASM = ("108369006", "SCT", "Neoplasm")
_LESION = ("52988006", "SCT", "Lesion")
_ABNORMAL = ("49755003", "SCT", "Morphologically Altered Structure")


def seg(whose: Whose, anatomy: Trunk, images: Sequence[FileDataset]) -> FileDataset:
    """A binary segmentation (PS3.3 A.51), one segment a lesion, one frame a slice that the lesion meets."""
    first = images[0]
    made = start(uids.SegmentationStorage, uid(whose.seed, "SEG", first.Modality), whose.person)
    _of_series(made, whose, "SEG", first, 100)
    made.ImageType = ["DERIVED", "PRIMARY"]
    made.ContentLabel, made.ContentDescription, made.ContentCreatorName = "LESIONS", "Lesions", "Synthetic^Reader"
    made.InstanceNumber = 1
    made.SegmentationType, made.LossyImageCompression, made.BurnedInAnnotation = "BINARY", "00", "NO"
    made.SegmentSequence = [_segment(whose, number) for number in range(1, len(anatomy.lesions) + 1)]
    made.ReferencedSeriesSequence = [
        item(SeriesInstanceUID=first.SeriesInstanceUID, ReferencedInstanceSequence=[reference(one) for one in images])
    ]
    made.SharedFunctionalGroupsSequence = [_shared(first)]
    organisation = uid(whose.seed, "SEG", first.Modality, "dimensions")
    made.DimensionOrganizationSequence = [item(DimensionOrganizationUID=organisation)]
    made.DimensionIndexSequence = [
        item(
            DimensionOrganizationUID=organisation,
            DimensionIndexPointer=pointer,
            FunctionalGroupPointer=group,
            DimensionDescriptionLabel=label,
        )
        for pointer, group, label in (
            (0x0062000B, 0x0062000A, "Segment"),
            (0x00200032, 0x00209113, "Position"),
        )
    ]
    planes, groups = [], []
    for number, lesion in enumerate(anatomy.lesions, start=1):
        mask = lesion.inside(anatomy.grid)
        for place in np.flatnonzero(mask.any(axis=(1, 2))).tolist():
            planes.append(mask[place])
            groups.append(_frame(number, place, images[place]))
    made.PerFrameFunctionalGroupsSequence = groups
    made.NumberOfFrames = len(planes)
    made.Rows, made.Columns, made.SamplesPerPixel = first.Rows, first.Columns, 1
    made.PhotometricInterpretation, made.PixelRepresentation = "MONOCHROME2", 0
    made.BitsAllocated = made.BitsStored = 1
    made.HighBit = 0
    made.add_new("PixelData", "OB", pack_bits(np.stack(planes).astype(np.uint8)))
    return made


def _of_series(made: Dataset, whose: Whose, modality: str, first: Dataset, number: int) -> None:
    made.Modality, made.SeriesNumber = modality, number + int(first.SeriesNumber)
    made.SeriesDescription = f"SYNTHETIC {modality} of {first.Modality}"
    made.StudyInstanceUID = whose.study
    made.SeriesInstanceUID = uid(whose.seed, modality, first.Modality, "series")
    made.FrameOfReferenceUID, made.PositionReferenceIndicator = first.FrameOfReferenceUID, ""


def _segment(whose: Whose, number: int) -> Dataset:
    return item(
        SegmentNumber=number,
        SegmentLabel=f"Lesion {number}",
        SegmentAlgorithmType="MANUAL",
        SegmentedPropertyCategoryCodeSequence=[coded(*_ABNORMAL)],
        SegmentedPropertyTypeCodeSequence=[coded(*_NEOPLASM)],
        TrackingID=f"lesion-{number}",
        TrackingUID=uid(whose.seed, "lesion", number),
    )


def _shared(first: Dataset) -> Dataset:
    return item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=first.ImageOrientationPatient)],
        PixelMeasuresSequence=[
            item(
                PixelSpacing=first.PixelSpacing,
                SliceThickness=first.SliceThickness,
                SpacingBetweenSlices=first.SliceThickness,
            )
        ],
    )


def _frame(number: int, place: int, image: Dataset) -> Dataset:
    source = reference(image)
    source.PurposeOfReferenceCodeSequence = [coded("121322", "DCM", "Source image for image processing operation")]
    derivation = item(
        SourceImageSequence=[source],
        DerivationCodeSequence=[coded("113076", "DCM", "Segmentation")],
    )
    return item(
        FrameContentSequence=[item(DimensionIndexValues=[number, place + 1])],
        PlanePositionSequence=[item(ImagePositionPatient=image.ImagePositionPatient)],
        SegmentIdentificationSequence=[item(ReferencedSegmentNumber=number)],
        DerivationImageSequence=[derivation],
    )


def rtstruct(whose: Whose, anatomy: Trunk, images: Sequence[FileDataset]) -> FileDataset:
    """A structure set (PS3.3 A.19) with one closed contour for each slice a lesion meets."""
    first = images[0]
    made = start(uids.RTStructureSetStorage, uid(whose.seed, "RTSTRUCT", first.Modality), whose.person)
    _of_series(made, whose, "RTSTRUCT", first, 110)
    made.OperatorsName = ""
    made.StructureSetLabel, made.InstanceNumber = "LESIONS", 1
    made.StructureSetDate, made.StructureSetTime = whose.person.study_date, "100000"
    made.ApprovalStatus = "UNAPPROVED"
    series = item(SeriesInstanceUID=first.SeriesInstanceUID, ContourImageSequence=[reference(one) for one in images])
    study = item(
        ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1",
        ReferencedSOPInstanceUID=whose.study,
        RTReferencedSeriesSequence=[series],
    )
    made.ReferencedFrameOfReferenceSequence = [
        item(FrameOfReferenceUID=first.FrameOfReferenceUID, RTReferencedStudySequence=[study])
    ]
    numbers = range(1, len(anatomy.lesions) + 1)
    made.StructureSetROISequence = [
        item(
            ROINumber=number,
            ReferencedFrameOfReferenceUID=first.FrameOfReferenceUID,
            ROIName=f"GTV-{number}",
            ROIGenerationAlgorithm="MANUAL",
        )
        for number in numbers
    ]
    made.ROIContourSequence = [
        item(
            ReferencedROINumber=number, ROIDisplayColor=[255, 0, 0], ContourSequence=_contours(anatomy, number, images)
        )
        for number in numbers
    ]
    made.RTROIObservationsSequence = [
        item(ObservationNumber=number, ReferencedROINumber=number, RTROIInterpretedType="GTV", ROIInterpreter="")
        for number in numbers
    ]
    return made


def _contours(anatomy: Trunk, number: int, images: Sequence[FileDataset]) -> list[Dataset]:
    found = []
    for image in images:
        points = anatomy.lesions[number - 1].outline(float(image.ImagePositionPatient[2]))
        if points is not None:
            found.append(
                item(
                    ContourImageSequence=[reference(image)],
                    ContourGeometricType="CLOSED_PLANAR",
                    NumberOfContourPoints=len(points),
                    ContourData=[f"{value:.2f}" for value in points.reshape(-1)],
                )
            )
    return found


# ---- report ----------------------------------------------------------------------------------------------------------


def sr(whose: Whose, anatomy: Trunk, images: Sequence[FileDataset], segmentation: FileDataset) -> FileDataset:
    """A report of the volume of each lesion (PS3.16 TID 1500 in outline), pointing at segments and images."""
    made = start(uids.Comprehensive3DSRStorage, uid(whose.seed, "SR", images[0].Modality), whose.person)
    made.Modality, made.SeriesNumber, made.InstanceNumber = "SR", 120, 1
    made.SeriesDescription = "SYNTHETIC SR"
    made.StudyInstanceUID, made.SeriesInstanceUID = whose.study, uid(whose.seed, "SR", "series")
    del made.AcquisitionDate, made.AcquisitionTime
    made.CompletionFlag, made.VerificationFlag = "COMPLETE", "UNVERIFIED"
    made.ReferencedPerformedProcedureStepSequence = []
    made.PerformedProcedureCodeSequence = []
    made.CurrentRequestedProcedureEvidenceSequence = [
        item(
            StudyInstanceUID=whose.study,
            ReferencedSeriesSequence=[_evidence(images), _evidence([segmentation])],
        )
    ]
    made.ValueType, made.ContinuityOfContent = "CONTAINER", "SEPARATE"
    made.ConceptNameCodeSequence = [coded("126000", "DCM", "Imaging Measurement Report")]
    made.ContentTemplateSequence = [item(MappingResource="DCMR", TemplateIdentifier="1500")]
    language = _content("HAS CONCEPT MOD", "CODE", ("121049", "DCM", "Language of Content Item and Descendants"))
    language.ConceptCodeSequence = [coded("en", "RFC5646", "English")]
    observer = _content("HAS OBS CONTEXT", "PNAME", ("121008", "DCM", "Person Observer Name"))
    observer.PersonName = "Synthetic^Reader"
    groups = [_group(whose, anatomy, number, segmentation) for number in range(1, len(anatomy.lesions) + 1)]
    measurements = _content("CONTAINS", "CONTAINER", ("126010", "DCM", "Imaging Measurements"), groups)
    made.ContentSequence = [language, observer, measurements]
    return made


def _evidence(objects: Sequence[FileDataset]) -> Dataset:
    return item(
        SeriesInstanceUID=objects[0].SeriesInstanceUID, ReferencedSOPSequence=[reference(one) for one in objects]
    )


def _content(relation: str, kind: str, name: tuple[str, str, str], inside: Sequence[Dataset] = ()) -> Dataset:
    made = item(RelationshipType=relation, ValueType=kind, ConceptNameCodeSequence=[coded(*name)])
    if kind == "CONTAINER":
        made.ContinuityOfContent = "SEPARATE"
    if inside:
        made.ContentSequence = list(inside)
    return made


def _group(whose: Whose, anatomy: Trunk, number: int, segmentation: FileDataset) -> Dataset:
    tracking = _content("HAS OBS CONTEXT", "TEXT", ("112039", "DCM", "Tracking Identifier"))
    tracking.TextValue = f"lesion-{number}"
    unique = _content("HAS OBS CONTEXT", "UIDREF", ("112040", "DCM", "Tracking Unique Identifier"))
    unique.UID = uid(whose.seed, "lesion", number)
    finding = _content("CONTAINS", "CODE", ("121071", "DCM", "Finding"))
    finding.ConceptCodeSequence = [coded(*_LESION)]
    segment = _content("CONTAINS", "IMAGE", ("121191", "DCM", "Referenced Segment"))
    shown = reference(segmentation)
    shown.ReferencedSegmentNumber = number
    segment.ReferencedSOPSequence = [shown]
    volume = _content("CONTAINS", "NUM", ("118565006", "SCT", "Volume"))
    grid = anatomy.grid
    millilitres = float(anatomy.lesions[number - 1].inside(grid).sum()) * grid.distance * grid.pixel**2 / 1000.0
    unit = coded("ml", "UCUM", "ml")
    volume.MeasuredValueSequence = [item(NumericValue=f"{millilitres:.3f}", MeasurementUnitsCodeSequence=[unit])]
    return _content(
        "CONTAINS", "CONTAINER", ("125007", "DCM", "Measurement Group"), (tracking, unique, finding, segment, volume)
    )
