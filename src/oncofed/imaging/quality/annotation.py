"""What an annotation says about itself: its segments, who made it, and with what.

The reference system asks of every annotation: number, label, description, method, algorithm (if not manual); how many
annotators, of which kind and experience; and the sequence annotated. Where the standard has a place for it, it is read
here; texts and names are not kept, only whether and how many there are.
"""

import re
from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ConfigDict
from pydicom.dataset import Dataset

ANNOTATIONS = ("SEG", "RTSTRUCT", "SR", "ANN")
"""Modalities of annotations."""
_OBSERVER, _ROLES = "121008", frozenset(("121010", "121011"))
_ALGORITHM, _VERSION = "111001", "111003"
"""Concepts of PS3.16 (TID 1003, 4019): the observer's name and roles; the algorithm's name and version."""
_STAND_IN = re.compile("[0-9a-f]{16}")
"""What de-identification puts where a name must not be empty: it stands for nobody as well."""


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


class Making(BaseModel):
    """How an annotation was made, by its object. ``annotators``: people told apart (0: none is named).

    ``role``: a code says what an annotator is. ``reviewed``: someone verified or approved it. ``automatic``: software
    made all of it, so that nobody's experience matters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    annotators: int
    role: bool
    reviewed: bool
    automatic: bool
    tool: bool
    version: bool


def making(dataset: Dataset, found: tuple[Segment, ...]) -> Making | None:
    """How a SEG, RTSTRUCT, SR or ANN was made, ``found`` being its segments; None for anything else."""
    if dataset.get("Modality") not in ANNOTATIONS:
        return None
    people = list(_people(dataset))
    said = list(_content(dataset))
    groups = [
        str(item.get("AnnotationGroupGenerationType") or "") for item in _items(dataset, "AnnotationGroupSequence")
    ]
    methods = {segment.method for segment in found} | set(groups)
    algorithms = [
        algorithm
        for item in (*_items(dataset, "SegmentSequence"), *_items(dataset, "AnnotationGroupSequence"))
        for name in ("SegmentationAlgorithmIdentificationSequence", "AnnotationGroupAlgorithmIdentificationSequence")
        for algorithm in _items(item, name)
    ]
    return Making(
        annotators=len({name for name, _ in people if name}) + sum(concept == _OBSERVER for concept in said),
        role=any(coded for _, coded in people) or not _ROLES.isdisjoint(said),
        reviewed=dataset.get("VerificationFlag") == "VERIFIED" or dataset.get("ApprovalStatus") == "APPROVED",
        automatic=methods == {"AUTOMATIC"},
        tool=_has(dataset, "ManufacturerModelName")
        or _ALGORITHM in said
        or any(segment.algorithm for segment in found)
        or any(_has(algorithm, "AlgorithmName") for algorithm in algorithms),
        version=_has(dataset, "SoftwareVersions")
        or _VERSION in said
        or any(_has(algorithm, "AlgorithmVersion") for algorithm in algorithms),
    )


def _people(dataset: Dataset) -> Iterator[tuple[str, bool]]:
    """Who made it: a name ("" where it is empty or a stand-in for one), and whether a code says what they are."""
    for part in (dataset, *_items(dataset, "SegmentSequence")):
        creators = _items(part, "ContentCreatorIdentificationCodeSequence")
        yield _name(part, "ContentCreatorName"), any(map(_coded, creators))
    for part in (*_items(dataset, "RTROIObservationsSequence"), *_items(dataset, "StructureSetROISequence")):
        yield _name(part, "ROIInterpreter"), False
        for place in ("ROIInterpreterSequence", "ROICreatorSequence"):
            yield from ((_name(person, "PersonName"), _coded(person)) for person in _items(part, place))
    for person in _items(dataset, "AuthorObserverSequence"):
        yield _name(person, "PersonName"), _coded(person)


def _coded(person: Dataset) -> bool:
    return any(_has(code, "CodeValue") for code in _items(person, "PersonIdentificationCodeSequence"))


def _name(dataset: Dataset, keyword: str) -> str:
    name = str(dataset.get(keyword) or "").strip(" \0^")
    return "" if _STAND_IN.fullmatch(name) else name


def _content(dataset: Dataset) -> Iterator[str]:
    """The codes of the concepts of all content items of a report, at any depth."""
    for item in _items(dataset, "ContentSequence"):
        yield from (str(concept.get("CodeValue") or "") for concept in _items(item, "ConceptNameCodeSequence"))
        yield from _content(item)


def _items(dataset: Dataset, keyword: str) -> Iterable[Dataset]:
    return dataset.get(keyword) or ()


def segments(dataset: Dataset) -> tuple[Segment, ...]:
    """The segments of a SEG, or the regions of an RTSTRUCT; none for anything else."""
    found = [_segment(item) for item in _items(dataset, "SegmentSequence")]
    drawn = {str(item.get("ReferencedROINumber")): item for item in _items(dataset, "RTROIObservationsSequence")}
    for item in _items(dataset, "StructureSetROISequence"):
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
