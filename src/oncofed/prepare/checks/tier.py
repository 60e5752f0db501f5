"""What the checks say about the reference system's tiers, and about the label of Regulation (EU) 2025/327 article 78.

Only what can be seen in a release is judged; what an organisation must show otherwise is told as *shown elsewhere*.
"""

from oncofed.prepare.checks.fair import ELSEWHERE, MET, NOT_MET, PARTLY, found, percent, share_state
from oncofed.prepare.checks.findings import Findings, LabelFindings, Requirement, TierFindings

_DUPLICATES = ("instance-repeated", "series-shared", "slices-duplicate", "repeated-patient", "repeated-imaging-study",
               "repeated-imaging-series", "repeated-observation")  # fmt: skip
_SEARCHABLE = ("Sex at birth", "Diagnosis", "Age at diagnosis", "Modality", "Body part examined", "Manufacturer")


def check_tier(findings: Findings) -> TierFindings:
    """The highest tier all of whose requirements (and those of the tiers below) are met."""
    by_tier = {1: _first(findings), 2: _second(findings), 3: _third(findings)}
    reached = 0
    for tier, requirements in by_tier.items():
        if any(one.state == NOT_MET for one in requirements):
            break
        reached = tier
    return TierFindings(tier=reached, requirements=tuple(one for rows in by_tier.values() for one in rows))


def _need(tier: int, label: str, state: str, evidence: str) -> Requirement:
    return Requirement(name=f"tier-{tier}", label=f"Tier {tier}: {label}", state=state, evidence=evidence)


def _first(findings: Findings) -> list[Requirement]:
    images, agreement = findings.images, findings.agreement
    doubled = found(findings.results, *_DUPLICATES)
    lost = agreement.patients_images_only if agreement else 0
    linked = MET if agreement and not lost else NOT_MET if agreement else ELSEWHERE
    return [
        _need(1, "registered in the catalogue", ELSEWHERE, "done when the node publishes the release"),
        _need(
            1,
            "one identifier of a patient links images and clinical data",
            linked,
            f"patients with images but no row: {lost:,}" if agreement else "no clinical tables",
        ),
        _need(1, "no duplicated entity", MET if not doubled else NOT_MET, f"duplicates found: {doubled:,}"),
        _need(
            1,
            "de-identified and checked",
            MET if images.deidentified_share == 1 else NOT_MET,
            f"{percent(images.deidentified_share)} of the objects are marked as de-identified",
        ),
        _need(
            1,
            "DICOM",
            share_state(images.standard_share),
            f"{percent(images.standard_share)} of {images.instances:,} objects are complete and decodable",
        ),
    ]


def _second(findings: Findings) -> list[Requirement]:
    clinical = findings.clinical
    wanted = [one for one in clinical.completeness if one.label in _SEARCHABLE] if clinical else []
    full = sum(one.share for one in wanted) / len(_SEARCHABLE)
    unknown = sum(one.places for one in clinical.checks if one.check.startswith("code-")) if clinical else 0
    return [
        _need(2, "searchable variables are there", share_state(full), f"six of them are {percent(full)} full"),
        _need(
            2,
            "searchable variables are coded",
            MET if not unknown else NOT_MET,
            f"values of no vocabulary: {unknown:,}",
        ),
        _need(2, "query service installed", ELSEWHERE, "the node itself"),
    ]


def _third(findings: Findings) -> list[Requirement]:
    clinical, annotations = findings.clinical, findings.annotations
    rows = {cell.label: cell.count for cell in clinical.rows} if clinical else {}
    needed = ("patient", "cancer_condition", "imaging_study", "imaging_series")
    lacking = [name for name in needed if not rows.get(name)]
    errors = len(findings.failed("error"))
    share = annotations.complete_share if annotations else 0.0
    marks = sum(cell.count for cell in annotations.kinds if cell.label in ("SEG", "RTSTRUCT")) if annotations else 0
    return [
        _need(
            3,
            "full common data model",
            MET if not lacking else NOT_MET,
            "all core tables hold rows" if not lacking else f"empty: {', '.join(lacking)}",
        ),
        _need(
            3,
            "annotations as DICOM SEG with the minimum set",
            share_state(share) if marks else PARTLY,
            f"{marks:,} objects, {percent(share)} of the segments complete" if marks else "no annotations",
        ),
        _need(
            3, "nothing to repair", MET if not errors else NOT_MET, f"checks that found something to repair: {errors}"
        ),
    ]


def check_label(findings: Findings) -> LabelFindings:
    """The elements of the data quality and utility label, each with what the checks can put into it."""
    return LabelFindings(elements=(*_documentation(findings), *_technical(findings), *_process(findings)))


def _element(point: str, label: str, state: str, evidence: str) -> Requirement:
    return Requirement(name=point, label=f"({point}) {label}", state=state, evidence=evidence)


def _documentation(findings: Findings) -> list[Requirement]:
    fair = findings.fair
    met = f"{fair.met} of {fair.assessed} FAIR indicators met" if fair else "not assessed"
    return [
        _element("a", "metadata and support documentation", ELSEWHERE, "the dataset's HealthDCAT-AP record"),
        _element("a", "data dictionary, format and standards", MET, f"DICOM and the common data model; {met}"),
        _element(
            "a",
            "provenance",
            share_state(findings.images.provenance_share),
            f"{percent(findings.images.provenance_share)} of the objects name how they were de-identified",
        ),
    ]


def _technical(findings: Findings) -> list[Requirement]:
    elements = []
    names = {"complete": "completeness", "unique": "uniqueness", "accurate": "accuracy and validity",
             "consistent": "consistency", "integrity": "integrity"}  # fmt: skip
    for dimension, label in names.items():
        own = [result for result in findings.results if result.dimension == dimension and result.of]
        passed = sum(result.passed for result in own)
        broken = any(result.severity == "error" and not result.passed for result in own)
        state = NOT_MET if broken else MET if passed == len(own) else PARTLY
        elements.append(_element("b", label, state, f"{passed} of {len(own)} checks passed"))
    elements.append(
        _element("b", "timeliness", ELSEWHERE, "dates never leave; the release's own date is in its record")
    )
    return elements


def _process(findings: Findings) -> list[Requirement]:
    balance, clinical = findings.balance, findings.clinical
    biased = sum(one.flagged for one in balance.associations) + len(balance.missingness) if balance else 0
    uneven = sum(one.imbalanced for one in balance.distributions) if balance else 0
    patients = clinical.patients if clinical else findings.images.patients
    return [
        _element("c", "data quality management, review and audit", ELSEWHERE, "this report and the certificate"),
        _element(
            "c",
            "examination of bias",
            MET if balance else NOT_MET,
            f"variables imbalanced: {uneven}; associations and gaps to consider: {biased}",
        ),
        _element("d", "coverage of the population", PARTLY, f"patients: {patients:,}; no reference population"),
        _element("d", "time in the dataset", ELSEWHERE, "offsets of first and last event, from the tables"),
        _element("e", "time from collection to availability", ELSEWHERE, "the node's records"),
        _element("f", "enrichment: linked data and annotations",
                 MET if findings.annotations or findings.agreement else NOT_MET,
                 f"derived objects: {findings.annotations.objects if findings.annotations else 0:,}"),
    ]  # fmt: skip
