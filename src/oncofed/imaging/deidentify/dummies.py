"""Values that stand for nothing: what D of PS3.15 E.1 puts in an attribute's place, valid for its VR."""

from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset

from oncofed.trust.pseudonyms import Pseudonyms

REMOVED = "REMOVED"
_FIXED: dict[str, str | bytes] = {
    "AE": REMOVED,
    "AS": "000Y",
    "CS": REMOVED,
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101000000",
    "IS": "0",
    "LT": REMOVED,
    "ST": REMOVED,
    "TM": "000000",
    "UR": "urn:oncofed:removed",
    "UT": REMOVED,
    "AT": bytes(4),
    "FD": bytes(8),
    "FL": bytes(4),
    "OB": bytes(2),
    "OD": bytes(8),
    "OF": bytes(4),
    "OL": bytes(4),
    "OV": bytes(8),
    "OW": bytes(2),
    "SL": bytes(4),
    "SS": bytes(2),
    "SV": bytes(8),
    "UL": bytes(4),
    "UN": bytes(2),
    "US": bytes(2),
    "UV": bytes(8),
}


def dummy(vr: str, tag: int, text: str, pseudonyms: Pseudonyms) -> str | bytes:
    """A dummy for a leaf: fixed, or for names and identifiers keyed, so that equal ones stay equal."""
    if vr == "UI":
        return pseudonyms.own_uid(text)
    fixed = _FIXED.get(vr)
    if fixed is not None:
        return fixed
    return pseudonyms.text(text, keyword_for_tag(tag) or f"{tag:08x}")


def dummy_date() -> str:
    """The date that stands for none."""
    return str(_FIXED["DA"])


def dummy_items(tag: int) -> list[Dataset]:
    """One item that says nothing, of the form the sequence asks for."""
    keyword = keyword_for_tag(tag)
    item = Dataset()
    if keyword == "ContentSequence":
        item.RelationshipType = "CONTAINS"
        item.ValueType = "TEXT"
        item.ConceptNameCodeSequence = [_code("121106", "DCM", "Comment")]
        item.TextValue = REMOVED
        return [item]
    if keyword == "GraphicAnnotationSequence":
        item.GraphicLayer = REMOVED
        return [item]
    if keyword == "VerifyingObserverSequence":
        item.VerifyingOrganization = REMOVED
        item.VerificationDateTime = _FIXED["DT"]
        item.VerifyingObserverName = REMOVED
        item.VerifyingObserverIdentificationCodeSequence = []
        return [item]
    if keyword == "OperatorIdentificationSequence":
        item.PersonIdentificationCodeSequence = [_nobody()]
        return [item]
    if keyword == "FlowIdentifierSequence":
        item.add_new(tag_for_keyword("FlowIdentifier") or 0, "OB", bytes(2))
        return [item]
    return [_nobody()]


def _nobody() -> Dataset:
    return _code("removed", "99ONCOFED", "Removed")


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code
