"""De-identifying one object: in memory, or from a file to a file."""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from pydicom.dataset import Dataset

from oncofed.contracts.errors import Corrupt, Unreachable
from oncofed.files import says_full
from oncofed.imaging.deidentify import reading, writing
from oncofed.imaging.deidentify.changes import Applied
from oncofed.imaging.deidentify.clean import Cleaning, Secret
from oncofed.imaging.deidentify.header import whose
from oncofed.imaging.deidentify.memory import Memory
from oncofed.imaging.deidentify.policy import CLEAN_PIXELS, MethodCode, Policy
from oncofed.imaging.deidentify.record import record, text
from oncofed.imaging.headers import BROKEN
from oncofed.imaging.pixels.masks import clear_unused_bits
from oncofed.imaging.pixels.risk import overlay_in_pixels
from oncofed.trust.pseudonyms import Pseudonyms

Mask = Callable[[Dataset], object]
"""Changes the pixels of a dataset in place; what it returns is true if it did."""

_SOP_CLASS, _INSTANCE, _STUDY, _SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E


class Deidentifier:
    """One policy under one project's pseudonyms. The same object gives the same result anywhere, whatever came before.

    ``secret`` is told the tokens that go to review. ``durable``: files are flushed to the disk one by one (safe after
    a power cut); without, who calls it does that for many at once.
    """

    def __init__(
        self, policy: Policy, pseudonyms: Pseudonyms, *, secret: Secret | None = None, durable: bool = True
    ) -> None:
        self.policy, self.pseudonyms, self._secret, self._durable = policy, pseudonyms, secret, durable
        self._memory = Memory(policy, pseudonyms)

    def apply(self, dataset: Dataset, *, pixel_codes: tuple[MethodCode, ...] = ()) -> Applied:
        """Clean a dataset in place, at every depth. ``pixel_codes``: what was done to its pixels, to be recorded."""
        patient = whose(dataset, self.policy, self.pseudonyms)
        days = self.pseudonyms.date_offset(patient.key, *self.policy.profile.date_shift_days)
        sop_class = text(dataset, _SOP_CLASS, "UI")
        cleaning = Cleaning(self.policy, self.pseudonyms, patient, days, self._secret)
        level = self.policy.level(sop_class)
        cleaning.dataset(dataset, level)
        record(dataset, self.policy, level, patient.key, pixel_codes)
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
            applied = self._repeating(stream, target) if mask is None and not pixel_codes else None
            return applied or self._file(stream, target, mask, pixel_codes)

    def _repeating(self, stream: BinaryIO, target: Path) -> Applied | None:
        """By memory, where that is possible."""
        found = reading.sliced(stream)
        with _told():
            header = self._memory.header(found.slices) if found is not None else None
            if found is None or header is None:
                stream.seek(0)
                return None
            applied = header.applied
            meta = writing.file_meta(applied.sop_class_uid, applied.instance_uid, applied.transfer_syntax)
            encoder = writing.Encoder(implicit=found.slices.implicit, little=True)
            writing.write(
                chain((meta, header.content), writing.copied(stream, found.pixels, encoder)),
                target,
                durable=self._durable,
            )
        if self._secret is not None:
            for review, token in header.told:
                self._secret(review, token)
        return applied

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
        with _told():
            applied = self.apply(opened.dataset, pixel_codes=pixel_codes)
            syntax = writing.transfer_syntax(opened)
            sop_class = applied.sop_class_uid or str(opened.dataset.file_meta.get("MediaStorageSOPClassUID", ""))
            meta = writing.file_meta(sop_class, applied.instance_uid, syntax)
            writing.write(chain((meta,), writing.content(opened, syntax)), target, durable=self._durable)
        return replace(applied, transfer_syntax=syntax, pixels_masked=masked)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Trouble with an object, or with the disk, as an error with a code."""
    try:
        yield
    except OSError as error:
        code = "disk-full" if says_full(error) else "file-unreadable"
        raise Unreachable(code) from None
    except BROKEN:
        raise Corrupt("file-damaged") from None
