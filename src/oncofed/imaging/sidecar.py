"""The side-car of a NIfTI volume: the header of its series as JSON, read into a DICOM dataset and written from one.

Two forms, also mixed in one file: the DICOM JSON model (PS3.18 Annex F), and keywords of the DICOM dictionary with
plain values, as dcm2niix and BIDS write. Of the second form: dates and times are ISO 8601, times in ``SECONDS`` are in
seconds, an age without unit is in years. A key that is no attribute, bytes and what cannot be a value of its VR are
left out. What is read passes through DICOM's own encoding, so that all that works on files works on it.
"""

import io
import json
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, TypeVar

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence
from pydicom.valuerep import format_number_as_ds

from oncofed.imaging.deidentify.values import NUMBERS, PIXELS, TEXT
from oncofed.imaging.deidentify.writing import Encoder
from oncofed.imaging.headers import BROKEN, UNREADABLE, Unusable

AnyPath = TypeVar("AnyPath", bound=PurePath)

ABSENT = "file-nifti"
INVALID = "sidecar-invalid"
TOO_LARGE = "sidecar-too-large"
INCOMPLETE = "sidecar-incomplete"

MOST = 8 << 20
"""Bytes that a side-car may have."""
DEEPEST = 100
"""Brackets of JSON inside each other; a sequence in a sequence takes three."""

SECONDS = frozenset({"EchoTime", "RepetitionTime", "InversionTime", "ExposureTime"})
"""Milliseconds in DICOM, seconds in BIDS and dcm2niix."""
OTHER_NAMES = {
    "BodyPart": "BodyPartExamined",
    "EchoNumber": "EchoNumbers",
    "ManufacturersModelName": "ManufacturerModelName",
}
"""What BIDS and dcm2niix call an attribute otherwise than DICOM."""

_CHARACTER_SET = 0x00080005
_UTF8 = "ISO_IR 192"
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T.*)?", re.DOTALL)
_TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d(?:\.\d{1,6})?)\d*)?")
_DATETIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d(?:\.\d{1,6})?)\d*(Z|[+-]\d\d:\d\d)?")
_WHOLE = NUMBERS - {"AT", "FD", "FL", "OD", "OF", "OL", "OV"}
_DECIMAL = frozenset({"FD", "FL"})
_encoder = Encoder(implicit=False, little=True)


@dataclass(frozen=True)
class Sidecar:
    """A header; ``left_out``: keys of the file that are not in it."""

    dataset: Dataset
    left_out: int


def sidecar_of(volume: AnyPath) -> AnyPath:
    """Where the side-car of a volume lies: ``x.json`` beside ``x.nii`` or ``x.nii.gz``."""
    name = volume.name[:-3] if volume.name.lower().endswith(".gz") else volume.name
    return volume.with_name(name[: -len(".nii")] + ".json")


def volumes_of(name: str) -> tuple[str, ...]:
    """What the volume of a side-car of this name may be called; () if it is no name of one."""
    stem = name[: -len(".json")]
    return (f"{stem}.nii.gz", f"{stem}.nii") if stem and name.lower().endswith(".json") else ()


def read_sidecar(path: Path) -> Sidecar:
    """Read one file.

    Raises:
        Unusable: ``file-nifti``: there is none; ``sidecar-too-large``: too large or too deep; ``sidecar-invalid``: no
            JSON object (nor a list that holds one).
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST + 1)
    except FileNotFoundError:
        raise Unusable(ABSENT) from None
    except OSError:
        raise Unusable(UNREADABLE) from None
    return parsed(content)


def parsed(content: bytes) -> Sidecar:
    """The header in the bytes of a side-car; raises as ``read_sidecar`` does."""
    if len(content) > MOST:
        raise Unusable(TOO_LARGE)
    try:
        found = json.loads(content.decode("utf-8-sig"), parse_constant=_refused, parse_float=_finite)
    except RecursionError:
        raise Unusable(TOO_LARGE) from None
    except ValueError:
        raise Unusable(INVALID) from None
    if _is_deep(found):
        raise Unusable(TOO_LARGE)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict):
        raise Unusable(INVALID)
    reader = _Reader()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote the value
        made = reader.dataset(found, top=True)
    return Sidecar(encoded(made), reader.left_out)


def encoded(dataset: Dataset) -> Dataset:
    """The same as if it were read from a file: explicit VR little endian, UTF-8."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote the value
        content = b"".join(_encoder.chunks(dataset))
    return read_dataset(io.BytesIO(content), False, True)


def _refused(constant: str) -> float:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _is_deep(found: Any) -> bool:
    layer = [found]
    for _ in range(DEEPEST):
        layer = [
            inside
            for one in layer
            if isinstance(one, dict | list)
            for inside in (one.values() if isinstance(one, dict) else one)
        ]
        if not layer:
            return False
    return True


class _Reader:
    """One file on its way into a dataset."""

    def __init__(self) -> None:
        self.left_out = 0

    def dataset(self, given: Mapping[str, Any], *, top: bool = False) -> Dataset:
        """What can be read of an object of JSON."""
        made = Dataset()
        if top:
            made.SpecificCharacterSet = _UTF8
        for key, value in given.items():
            element = self._element(key, value)
            if element is None:
                self.left_out += 1
            elif element.tag != _CHARACTER_SET:
                made[element.tag] = element
        return made

    def _element(self, key: str, value: Any) -> DataElement | None:
        """One element that can be written; None where there is none."""
        try:
            element = self._of_tag(key, value) if _TAG.fullmatch(key) else self._of_keyword(key, value)
            if element is not None and element.VR != "SQ":
                b"".join(_encoder.chunks(Dataset({element.tag: element}), _UTF8))
        except (*BROKEN, re.error):
            return None
        return element

    def _of_tag(self, key: str, value: Any) -> DataElement | None:
        tag, vr = int(key, 16), value.get("vr", "")
        if not _belongs(tag):
            return None
        if vr == "SQ":
            return self._sequence(tag, value.get("Value") or [])
        if vr not in TEXT | NUMBERS or not value.keys() <= {"vr", "Value"}:
            return None
        return Dataset.from_json({key: value})[tag]

    def _of_keyword(self, key: str, value: Any) -> DataElement | None:
        key = OTHER_NAMES.get(key, key)
        tag = tag_for_keyword(key)
        if tag is None or not _belongs(tag):
            return None
        vr = dictionary_VR(tag)
        if vr == "SQ":
            return self._sequence(tag, value)
        several = value if isinstance(value, list) else [value]
        if key in SECONDS:
            several = [1000 * one if _is_number(one) else one for one in several]
        values = [_plain(vr, one) for one in several if one is not None]
        if vr not in TEXT | NUMBERS or None in values:
            return None
        return DataElement(tag, vr, values if len(values) > 1 else values[0] if values else "")

    def _sequence(self, tag: int, items: Any) -> DataElement | None:
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            return None
        return DataElement(tag, "SQ", Sequence([self.dataset(item) for item in items]))


def _belongs(tag: int) -> bool:
    """No part of a message or of a file's meta information, no length of a group, no pixels."""
    return tag >> 16 > 7 and tag & 0xFFFF != 0 and tag >> 16 != 0xFFFE and tag not in PIXELS


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(vr: str, value: Any) -> str | int | float | None:
    """A plain value of JSON as one of this VR; None where it cannot be."""
    if _is_number(value):
        return _of_number(vr, value)
    if not isinstance(value, str):
        return None
    if vr in NUMBERS:
        return None
    if vr == "DA" and (day := _DATE.fullmatch(value)):
        return "".join(day.groups())
    if vr == "TM" and (time := _TIME.fullmatch(value)):
        return "".join(part or "" for part in time.groups())
    if vr == "DT" and (moment := _DATETIME.fullmatch(value)):
        *parts, zone = moment.groups()
        return "".join(parts) + ("+0000" if zone == "Z" else (zone or "").replace(":", ""))
    return value


def _of_number(vr: str, value: float) -> str | int | float | None:
    if vr in _WHOLE:
        return int(value) if float(value).is_integer() else None
    if vr in _DECIMAL:
        return float(value)
    if vr in NUMBERS:
        return None
    if vr == "DS":
        return format_number_as_ds(float(value))
    if vr == "IS":
        return str(round(value))
    return f"{round(value):03d}Y" if vr == "AS" else str(value)


def written(dataset: Dataset) -> bytes:
    """A header in the DICOM JSON model: the same dataset gives the same bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote the value
        model = dataset.to_json_dict(suppress_invalid_tags=True)
    return json.dumps(model, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"
