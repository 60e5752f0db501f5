"""De-identifying one object: in memory, or from a file to a file."""

import errno
import io
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from oncofed.contracts.errors import Corrupt, Unreachable
from oncofed.imaging.deidentify import reading, writing
from oncofed.imaging.deidentify.changes import Applied
from oncofed.imaging.deidentify.clean import Cleaning, Secret
from oncofed.imaging.deidentify.header import whose
from oncofed.imaging.deidentify.policy import CLEAN_PIXELS, Action, MethodCode, Policy
from oncofed.imaging.deidentify.values import Element, element, text_of
from oncofed.imaging.headers import BROKEN
from oncofed.imaging.pixels.masks import clear_unused_bits
from oncofed.imaging.pixels.risk import overlay_in_pixels
from oncofed.trust.pseudonyms import Pseudonyms

Mask = Callable[[Dataset], object]
"""Changes the pixels of a dataset in place; what it returns is true if it did."""

_METHODS = 0x00120064
_METHOD = 0x00120063
_REMOVED = 0x00120062
_TIME_MODIFIED = 0x00280303
_SOP_CLASS, _INSTANCE, _STUDY, _SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
_PATIENT_ID = 0x00100020
_CODE_VALUE = 0x00080100


class Deidentifier:
    """One policy under one project's pseudonyms. Stateless: the same object gives the same result anywhere.

    ``secret`` is told the tokens that go to review. ``durable``: files are flushed to the disk one by one (safe after
    a power cut); without, who calls it does that for many at once.
    """

    def __init__(
        self, policy: Policy, pseudonyms: Pseudonyms, *, secret: Secret | None = None, durable: bool = True
    ) -> None:
        self.policy, self.pseudonyms, self._secret, self._durable = policy, pseudonyms, secret, durable

    def apply(self, dataset: Dataset, *, pixel_codes: tuple[MethodCode, ...] = ()) -> Applied:
        """Clean a dataset in place, at every depth. ``pixel_codes``: what was done to its pixels, to be recorded."""
        patient = whose(dataset, self.policy, self.pseudonyms)
        days = self.pseudonyms.date_offset(patient.key, *self.policy.profile.date_shift_days)
        sop_class = text(dataset, _SOP_CLASS, "UI")
        cleaning = Cleaning(self.policy, self.pseudonyms, patient, days, self._secret)
        level = self.policy.level(sop_class)
        cleaning.dataset(dataset, level)
        if level.actions.get(_PATIENT_ID) is Action.PATIENT and not text(dataset, _PATIENT_ID, "LO"):
            # without a Patient ID its study is a patient of its own: what comes after must find them by it
            dataset[_PATIENT_ID] = element(dataset, _PATIENT_ID, "LO", patient.key)
        self._record(dataset, pixel_codes)
        return Applied(
            patient.key,
            tuple(cleaning.changes),
            tuple(cleaning.review),
            frozenset(cleaning.flags),
            sop_class,
            text(dataset, _STUDY, "UI"),
            text(dataset, _SERIES, "UI"),
            text(dataset, _INSTANCE, "UI"),
        )

    def file(
        self,
        source: bytes | Path,
        target: Path,
        mask: Mask | None = None,
        *,
        needs_mask: Callable[[Dataset], bool] | None = None,
        pixel_codes: tuple[MethodCode, ...] = (),
    ) -> Applied:
        """Clean a file into another one; pixels are read only for a ``mask``, else copied byte for byte.

        ``needs_mask`` is asked with the header first; where it says no, the pixels are not read, nor masked.

        The transfer syntax stays (deflated files are written inflated). ``BadInput`` and ``Corrupt`` for files that
        cannot be read, ``Unreachable`` with ``disk-full``; then there is no target.
        """
        stream: BinaryIO
        try:
            stream = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
        except OSError:
            raise Unreachable("file-unreadable") from None
        with stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that bend the standard, and are written as they are
            if mask is not None and needs_mask is not None:
                mask = mask if needs_mask(reading.read(stream, with_pixels=False).dataset) else None
                stream.seek(0)
            return self._file(stream, target, mask, pixel_codes)

    def _file(self, stream: BinaryIO, target: Path, mask: Mask | None, pixel_codes: tuple[MethodCode, ...]) -> Applied:
        opened = reading.read(stream, with_pixels=False)
        masked = False
        if mask is None and overlay_in_pixels(opened.dataset):
            mask = clear_unused_bits
        if mask is not None:
            reading.show_pixels(opened)
            masked = bool(mask(opened.dataset))
            reading.take_pixels(opened)
        if masked and not pixel_codes:
            pixel_codes = (CLEAN_PIXELS,)
        try:
            applied = self.apply(opened.dataset, pixel_codes=pixel_codes)
            syntax = writing.transfer_syntax(opened)
            sop_class = applied.sop_class_uid or str(opened.dataset.file_meta.get("MediaStorageSOPClassUID", ""))
            meta = writing.file_meta(sop_class, applied.instance_uid, syntax)
            writing.write(chain((meta,), writing.content(opened, syntax)), target, durable=self._durable)
        except OSError as error:
            code = "disk-full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "file-unreadable"
            raise Unreachable(code) from None
        except BROKEN:
            raise Corrupt("file-damaged") from None
        return replace(applied, transfer_syntax=syntax, pixels_masked=masked)

    def _record(self, dataset: Dataset, pixel_codes: tuple[MethodCode, ...]) -> None:
        """Say in the object what was done to it (PS3.15 E.1.1 point 6)."""
        policy = self.policy
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
