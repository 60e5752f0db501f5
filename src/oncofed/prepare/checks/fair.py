"""FAIR indicators that can be read off a release, by the names of the RDA FAIR Data Maturity Model (2020, CC BY 4.0).

Whether a release is findable in a catalogue and accessible by a protocol is not a matter of its files: such indicators
are told as *shown elsewhere* (at the node and the hub).
"""

from collections.abc import Iterable

from oncofed.prepare.checks.findings import (
    AnnotationFindings,
    CheckResult,
    ClinicalFindings,
    FairFindings,
    ImageFindings,
    Indicator,
)

MET, PARTLY, NOT_MET, ELSEWHERE = "met", "partly", "not-met", "elsewhere"
NEARLY_ALL, SOME = 0.95, 0.5


def share_state(share: float) -> str:
    """``met`` from 95 %, ``partly`` from 50 %."""
    return MET if share >= NEARLY_ALL else PARTLY if share >= SOME else NOT_MET


def percent(share: float) -> str:
    """A share in words; never rounded up to 100."""
    return f"{min(share * 100, 99.9) if share < 1 else 100:.3g} %"


def check_fair(
    images: ImageFindings, clinical: ClinicalFindings | None, annotations: AnnotationFindings | None
) -> FairFindings:
    """The indicators, with the figures they rest on."""
    indicators = (*_findable(images), *_interoperable(images, clinical, annotations), *_reusable(images, clinical))
    assessed = [one for one in indicators if one.state != ELSEWHERE]
    return FairFindings(indicators=indicators, met=sum(one.state == MET for one in assessed), assessed=len(assessed))


def found(results: Iterable[CheckResult], *names: str) -> int:
    """Places that the checks of these names found."""
    return sum(result.places for result in results if result.check in names)


def _findable(images: ImageFindings) -> tuple[Indicator, ...]:
    doubled = found(images.checks, "series-shared", "instance-repeated")
    return (
        Indicator(
            id="RDA-F1-01D",
            principle="F1",
            label="Data are identified by a persistent identifier",
            state=MET if images.instances else NOT_MET,
            evidence=f"objects with a SOP Instance UID: {images.instances:,}",
        ),
        Indicator(
            id="RDA-F1-02D",
            principle="F1",
            label="The identifier is globally unique",
            state=MET if not doubled else NOT_MET,
            evidence=f"series with repeated or shared identifiers: {doubled:,}",
        ),
        Indicator(
            id="RDA-F4-01M",
            principle="F4",
            label="Metadata can be harvested and indexed",
            state=ELSEWHERE,
            evidence="the hub's catalogue, once the node publishes the release",
        ),
        Indicator(
            id="RDA-A1-04D",
            principle="A1",
            label="Data are accessible through a standard protocol",
            state=ELSEWHERE,
            evidence="the node's policy and permits",
        ),
    )


def _interoperable(
    images: ImageFindings, clinical: ClinicalFindings | None, annotations: AnnotationFindings | None
) -> tuple[Indicator, ...]:
    unknown = 0
    looked_at = 0
    if clinical:
        codes = [result for result in clinical.checks if result.check.startswith("code-")]
        unknown, looked_at = sum(one.places for one in codes), sum(one.of for one in codes)
    coded = 1 - unknown / looked_at if looked_at else 0.0
    resolved = 1 - images.dangling / images.references if images.references else 1.0
    labelled = next((item for item in annotations.items if item.item == "code"), None) if annotations else None
    marked = labelled.filled / labelled.of if labelled and labelled.of else None
    return (
        Indicator(
            id="RDA-I1-01D",
            principle="I1",
            label="Data use a standard representation",
            state=share_state(images.standard_share),
            evidence=f"{percent(images.standard_share)} of the objects are complete, decodable DICOM",
        ),
        Indicator(
            id="RDA-I2-01M",
            principle="I2",
            label="Values come from vocabularies",
            state=share_state(coded) if looked_at else ELSEWHERE,
            evidence=f"{percent(coded)} of {looked_at:,} coded values are known" if looked_at else "no clinical tables",
        ),
        Indicator(
            id="RDA-I2-01D",
            principle="I2",
            label="Annotations are coded",
            state=share_state(marked) if marked is not None else ELSEWHERE,
            evidence=f"{percent(marked)} of the segments carry a code" if marked is not None else "no segments",
        ),
        Indicator(
            id="RDA-I3-01D",
            principle="I3",
            label="Data refer to other data",
            state=share_state(resolved) if images.references else ELSEWHERE,
            evidence=f"{percent(resolved)} of {images.references:,} references lead to an object of the release"
            if images.references
            else "no object refers to another",
        ),
    )


def _reusable(images: ImageFindings, clinical: ClinicalFindings | None) -> tuple[Indicator, ...]:
    wanted = [one for one in clinical.completeness if one.level != "recommended"] if clinical else []
    full = sum(one.share for one in wanted) / len(wanted) if wanted else 0.0
    return (
        Indicator(
            id="RDA-R1-01M",
            principle="R1",
            label="Described with a plurality of attributes",
            state=share_state(full),
            evidence=f"the minimum set of {len(wanted)} variables is {percent(full)} full",
        ),
        Indicator(
            id="RDA-R1.1-01M",
            principle="R1.1",
            label="Licence and conditions of use are stated",
            state=ELSEWHERE,
            evidence="the dataset's record",
        ),
        Indicator(
            id="RDA-R1.2-01M",
            principle="R1.2",
            label="Provenance is stated",
            state=share_state(images.provenance_share),
            evidence=f"{percent(images.provenance_share)} of the objects name the method of de-identification",
        ),
        Indicator(
            id="RDA-R1.3-01D",
            principle="R1.3",
            label="Data follow the community's standards",
            state=share_state(images.standard_share) if clinical else PARTLY,
            evidence="DICOM and the common data model" if clinical else "DICOM; no clinical tables",
        ),
    )
