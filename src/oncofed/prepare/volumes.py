"""NIfTI volumes with their side-cars on their way through a run: two files that are one object.

The volume stands for both in the journal: it is read anew when either file changes, and its side-car is marked as
taken. De-identified, they lie beside each other; the side-car is put in place first, so that a volume that stands
is whole.
"""

import contextlib
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pydicom.dataset import Dataset

from oncofed.imaging import nifti, sidecar, volumes
from oncofed.imaging.deidentify import Applied, Change
from oncofed.imaging.deidentify.writing import write
from oncofed.imaging.headers import BROKEN, UNREADABLE, FileHeader, Unusable, values_of
from oncofed.imaging.pixels import Level
from oncofed.prepare.recipe import Tools
from oncofed.prepare.sources.folder import Entry

TAKEN = "file-sidecar"
CHANGED = "prepare-file-changed"
TEXT, FACE = "pixels-text-suspected", "pixels-face"
CODES = (
    nifti.DAMAGED, nifti.TWO_FILES, sidecar.ABSENT, sidecar.INVALID, sidecar.TOO_LARGE, sidecar.INCOMPLETE,
)  # fmt: skip
"""Why a volume is held back when it is read."""
SUFFIX = ".nii.gz"


def is_volume(path: Path, begin: bytes) -> bool:
    """Whether a file is NIfTI, or is called so."""
    return nifti.is_named_nifti(path.name) or nifti.is_nifti(begin)


def is_sidecar(path: Path) -> bool:
    """Whether a volume lies beside a file of JSON that is called like it."""
    return any(path.with_name(name).is_file() for name in sidecar.volumes_of(path.name))


def marked(entry: Entry, folder: Path) -> Entry:
    """The entry with a mark in place of its time, where it depends on another file: on the side-car of a volume, on
    whether a volume is beside a file of JSON.
    """
    path = folder / entry.place
    if nifti.is_named_nifti(path.name):
        other: object = _stamp(sidecar.sidecar_of(path))
    elif is_sidecar(path):
        other = "taken"
    else:
        return entry
    mark = hashlib.sha256(repr((entry.mtime_ns, other)).encode()).digest()
    return replace(entry, mtime_ns=int.from_bytes(mark[:7]))


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of a file; (-1, -1) where there is none."""
    try:
        status = path.stat()
    except OSError:
        return (-1, -1)
    return (status.st_size, status.st_mtime_ns)


def read_header(path: Path) -> FileHeader:
    """What the index needs of a volume; ``Unusable`` where it, or its side-car, is not what it must be."""
    try:
        return FileHeader(values_of(identified(path)), nifti.FORM, "", byte_level=False)
    except OSError:
        raise Unusable(UNREADABLE) from None
    except BROKEN:
        raise Unusable(sidecar.INVALID) from None


def identified(path: Path) -> Dataset:
    """The header of the series, with all that names it; raises as ``volumes.read_pair``, and ``OSError``."""
    return volumes.identified(volumes.read_pair(path), path)


def deidentify(source: Path, target: Path, tools: Tools, accepted: Iterable[str]) -> tuple[Applied, Level]:
    """Write the pair at ``source`` anew at ``target``; what is said of its risk of text.

    ``accepted``: codes that a person has let pass.

    Raises:
        Unusable: what ``volumes.read_pair`` raises; a person must look at it; or it is no longer what was indexed.
        OSError: a full disk; then nothing is left.
    """
    beside = sidecar.sidecar_of(source)
    before = (_stamp(source), _stamp(beside))
    pair = volumes.read_pair(source)
    level = _looked_at(pair, tools, frozenset(accepted))
    dataset = volumes.identified(pair, source)
    named = {keyword: tools.uid(volumes.said(dataset, keyword)) for keyword in volumes.UIDS}
    applied = tools.deidentifier.apply(dataset)
    for keyword, uid in named.items():
        setattr(dataset, keyword, uid)
    study, series, instance = named.values()
    if target.parts[-4:] != (applied.patient_key, study, series, f"{instance}{SUFFIX}"):
        raise Unusable(CHANGED)
    with contextlib.ExitStack() as undo:
        undo.callback(remove, target)
        write((sidecar.written(dataset),), sidecar.sidecar_of(target), durable=False)
        write(nifti.clean_volume(source), target, durable=False)
        if before != (_stamp(source), _stamp(beside)):
            raise Unusable(CHANGED)
        undo.pop_all()
    return replace(applied, changes=(*applied.changes, *_left_out(pair))), level


def _looked_at(pair: volumes.Pair, tools: Tools, accepted: frozenset[str]) -> Level:
    profile = tools.policy.profile
    shown = profile.clean_pixels and volumes.may_show_text(pair)
    if shown and TEXT not in accepted:
        raise Unusable(TEXT)
    if profile.deface and volumes.may_show_face(pair.dataset) and FACE not in accepted:
        raise Unusable(FACE)
    return Level.HIGH if shown else Level.NONE


def _left_out(pair: volumes.Pair) -> Iterable[Change]:
    """What is not in the new files because there is no rule by which it could stay; names of fields, never values."""
    if pair.left_out:
        yield Change("side-car", "remove", "no-attribute")
    header = pair.header
    fields = [*header.texts(), *(("extensions",) if header.begin > len(header.raw) + 4 else ())]
    for name in fields:
        yield Change(f"NIfTI {name}", "remove", "free-text")


def files(target: Path) -> tuple[Path, ...]:
    """All files of which a de-identified object is made: the volume comes first."""
    return (target, sidecar.sidecar_of(target)) if target.name.endswith(SUFFIX) else (target,)


def remove(target: Path) -> None:
    """Remove a de-identified object, if it is there."""
    for file in files(target):
        file.unlink(missing_ok=True)
