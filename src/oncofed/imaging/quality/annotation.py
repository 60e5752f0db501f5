"""What a segmentation or structure set says about each of its segments: the minimum set for annotations.

The reference system asks of every annotation: number, label, description, method, algorithm (if not manual), and from
outside the object: how many annotators, their kind and experience, and the sequence annotated.
"""

from pydantic import BaseModel, ConfigDict
from pydicom.dataset import Dataset


class Segment(BaseModel):
    """One segment or region of interest. Booleans say whether the attribute has a value; texts are not kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: bool
    label: bool
    description: bool
    method: str
    algorithm: bool
    coded: bool
    label_code: str = ""

    @property
    def gaps(self) -> tuple[str, ...]:
        """Names of what the minimum set asks for and is missing."""
        needed = {
            "number": self.number,
            "label": self.label,
            "description": self.description,
            "method": bool(self.method),
            "algorithm": self.algorithm or self.method == "MANUAL",
            "code": self.coded,
        }
        return tuple(name for name, is_there in needed.items() if not is_there)


def segments(dataset: Dataset) -> tuple[Segment, ...]:
    """The segments of a SEG, or the regions of an RTSTRUCT; none for anything else."""
    found = [_segment(item) for item in dataset.get("SegmentSequence") or ()]
    drawn = {str(item.get("ReferencedROINumber")): item for item in dataset.get("RTROIObservationsSequence") or ()}
    for item in dataset.get("StructureSetROISequence") or ():
        found.append(_region(item, drawn.get(str(item.get("ROINumber")), Dataset())))
    return tuple(found)


def _segment(item: Dataset) -> Segment:
    kind = next(iter(item.get("SegmentedPropertyTypeCodeSequence") or ()), Dataset())
    return Segment(
        number=_has(item, "SegmentNumber"),
        label=_has(item, "SegmentLabel"),
        description=_has(item, "SegmentDescription"),
        method=str(item.get("SegmentAlgorithmType") or ""),
        algorithm=_has(item, "SegmentAlgorithmName"),
        coded=_has(kind, "CodeValue"),
        label_code=str(kind.get("CodeValue") or "")[:16],
    )


def _region(item: Dataset, observed: Dataset) -> Segment:
    kind = next(iter(observed.get("RTROIIdentificationCodeSequence") or ()), Dataset())
    return Segment(
        number=_has(item, "ROINumber"),
        label=_has(item, "ROIName"),
        description=_has(item, "ROIDescription"),
        method=str(item.get("ROIGenerationAlgorithm") or ""),
        algorithm=_has(item, "ROIGenerationDescription"),
        coded=_has(kind, "CodeValue") or _has(observed, "RTROIInterpretedType"),
        label_code=str(kind.get("CodeValue") or "")[:16],
    )


def _has(dataset: Dataset, name: str) -> bool:
    return name in dataset and not dataset[name].is_empty
