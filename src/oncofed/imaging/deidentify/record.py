"""What an object says of its own de-identification (PS3.15 E.1.1 point 6)."""

from functools import cache

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from oncofed.imaging.deidentify import writing
from oncofed.imaging.deidentify.policy import Action, Level, MethodCode, Policy
from oncofed.imaging.deidentify.values import Element, element, text_of

_METHODS = 0x00120064
_METHOD = 0x00120063
_REMOVED = 0x00120062
_TIME_MODIFIED = 0x00280303
_PATIENT_ID = 0x00100020
_CODE_VALUE = 0x00080100
RECORDED = (_PATIENT_ID, _REMOVED, _METHOD, _METHODS, _TIME_MODIFIED)
"""Elements of the top level that ``record`` may write; what it writes depends on nothing else of an object."""


def record(
    dataset: Dataset, policy: Policy, level: Level, patient_key: str, pixel_codes: tuple[MethodCode, ...] = ()
) -> None:
    """Say in a cleaned object what was done to it, and give it the pseudonym where it had no Patient ID."""
    if level.actions.get(_PATIENT_ID) is Action.PATIENT and not text(dataset, _PATIENT_ID, "LO"):
        # without a Patient ID its study is a patient of its own: what comes after must find them by it
        dataset[_PATIENT_ID] = element(dataset, _PATIENT_ID, "LO", patient_key)
    dataset[_REMOVED] = element(dataset, _REMOVED, "CS", "YES")
    dataset[_TIME_MODIFIED] = element(dataset, _TIME_MODIFIED, "CS", _time_modified(policy))
    said = f"oncofed {policy.profile.name[:20]} {policy.version} sha256:{policy.digest[:16]}"
    methods = [one for one in text(dataset, _METHOD, "LO").split("\\") if one and one != said]
    dataset[_METHOD] = element(dataset, _METHOD, "LO", "\\".join((*methods, said)))
    codes = (*policy.method_codes, *pixel_codes)
    if _METHODS not in dataset:
        implicit, little = dataset.original_encoding
        dataset[_METHODS] = _encoded(codes, implicit=bool(implicit), little=little is not False)
        return
    new = {code.value for code in codes}
    before = [item for item in dataset[_METHODS].value or () if text(item, _CODE_VALUE, "SH") not in new]
    dataset[_METHODS] = DataElement(_METHODS, "SQ", Sequence([*before, *map(_coded, codes)]))


@cache
def _encoded(codes: tuple[MethodCode, ...], *, implicit: bool, little: bool) -> RawDataElement:
    """The sequence as bytes: the same for every object of a run."""
    items = Dataset()
    items[_METHODS] = DataElement(_METHODS, "SQ", Sequence(map(_coded, codes)))
    encoder = writing.Encoder(implicit=implicit, little=little)
    value = b"".join(encoder.chunks(items))[8 if implicit else 12 :]
    return RawDataElement(BaseTag(_METHODS), "SQ", len(value), value, 0, implicit, little, True)


def _coded(code: MethodCode) -> Dataset:
    return Dataset(dict(_elements_of(code)))


@cache
def _elements_of(code: MethodCode) -> dict[BaseTag, Element]:
    values = ((_CODE_VALUE, "SH", code.value), (0x00080102, "SH", "DCM"), (0x00080104, "LO", code.meaning))
    return {BaseTag(tag): element(Dataset(), tag, vr, value) for tag, vr, value in values}


def _time_modified(policy: Policy) -> str:
    if policy.shifts_dates:
        return "MODIFIED"
    return "UNMODIFIED" if policy.keeps_full_dates else "REMOVED"


def text(dataset: Dataset, tag: int, vr: str) -> str:
    """The text of an element at the top; "" where it is absent."""
    held = dataset.get_item(tag) if tag in dataset else None
    return "" if held is None else text_of(held, vr, ("iso8859",)).strip(" \0")
