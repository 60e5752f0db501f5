"""Unpacking zip and tar archives into the run, without trusting a name, a size or a promise in them.

Members are written under numbers, never under their own names, so no path of an archive reaches the file system (a
NIfTI volume as ``n.nii.gz`` or ``n.nii``, its side-car as ``n.json``). What is unpacked is counted as it comes, not as
it is announced; an archive that grows beyond all bounds is given up whole.
"""

import bz2
import errno
import gzip
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any, BinaryIO, cast

from oncofed.files import says_full
from oncofed.imaging.headers import NOT_DICOM, UNREADABLE, looks_bare
from oncofed.imaging.nifti import is_named_nifti
from oncofed.imaging.sidecar import sidecar_of

ARCHIVE = "file-archive"
BOMB = "prepare-archive-bomb"
DAMAGED = "prepare-archive-damaged"
LOCKED = "prepare-archive-locked"
OUTSIDE = "prepare-archive-path"
SPECIAL = "prepare-file-special"
NESTED = "prepare-archive-nested"

_COMPRESSIONS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}
_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", *_COMPRESSIONS)
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError,
    ValueError, LookupError, OverflowError, RecursionError,
)  # fmt: skip
"""What zipfile and tarfile raise on damaged archives."""
_VOLUMES = (".nii.gz", ".nii")
_CHUNK = 1 << 20
_BEGIN = 512
DEEPEST = 3
"""Archives inside archives that are opened, counted from the outermost."""


@dataclass(frozen=True)
class Limits:
    """What an archive may become: bytes in all, times its own size (beyond ``always`` bytes), members."""

    total: int = 1 << 40
    times: int = 100
    always: int = 1 << 30
    members: int = 2_000_000
    spare: int = 1 << 30
    """Bytes that must stay free on the disk."""


@dataclass(frozen=True)
class Member:
    """One member: its name in the archive (private), where it was unpacked, or the code that says why it was not."""

    name: str
    number: int
    size: int
    code: str = ""
    place: str = ""
    """Its file in the directory into which it was unpacked."""


class _Grown(Exception):
    """The archive is larger than it may be."""


def is_archive(begin: bytes) -> bool:
    """Whether a file that begins with these bytes (512, if it has them) is an archive to be unpacked."""
    return begin.startswith(_MAGIC) or begin[257:262] == b"ustar"


def unpack(archive: Path, directory: Path, limits: Limits | None = None) -> tuple[list[Member], str]:
    """Unpack into ``directory`` (made anew).

    Returns the members, and a code if the archive as a whole was given up; then the directory is empty. A full disk
    raises ``OSError``.
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)
    members: list[Member] = []
    try:
        allowance = _Allowance(archive.stat().st_size, limits or Limits(), directory)
        for member in _members(archive, directory, allowance):
            members.append(member)
            if len(members) > allowance.limits.members:
                raise _Grown
    except _Grown:
        return _given_up(directory, BOMB)
    except _BROKEN:
        return _given_up(directory, DAMAGED)
    except OSError as error:
        if says_full(error):
            raise
        # gzip and bz2 raise it without a number, a seek to before the start as EINVAL
        return _given_up(directory, DAMAGED if error.errno in (None, errno.EINVAL) else UNREADABLE)
    except RuntimeError:  # what zipfile raises where a password is needed
        return _given_up(directory, LOCKED)
    volumes = _volumes(members)
    return [_beside(member, volumes, directory) for member in members], ""


def _volumes(members: list[Member]) -> dict[PurePath, str]:
    """Name of the side-car that a volume should have → where the side-car belongs."""
    placed = [one for one in members if is_named_nifti(one.place)]
    return {sidecar_of(PurePosixPath(one.name)): str(sidecar_of(PurePosixPath(one.place))) for one in placed}


def _beside(member: Member, volumes: dict[PurePath, str], directory: Path) -> Member:
    """A member; a side-car is put beside its volume, and other JSON is left out."""
    if member.code or not _is_json(member.name):
        return member
    place = volumes.pop(PurePosixPath(member.name), "")
    if not place:
        (directory / member.place).unlink()
        return replace(member, place="", code=NOT_DICOM)
    (directory / member.place).rename(directory / place)
    return replace(member, place=place)


def _is_json(name: str) -> bool:
    return name.lower().endswith(".json")


def _given_up(directory: Path, code: str) -> tuple[list[Member], str]:
    shutil.rmtree(directory, ignore_errors=True)
    return [], code


class _Allowance:
    """How much may still be written."""

    def __init__(self, size: int, limits: Limits, directory: Path) -> None:
        self.limits = limits
        free = shutil.disk_usage(directory).free - limits.spare
        self.left = min(limits.total, max(limits.always, limits.times * size), max(free, 0))

    def take(self, number: int) -> None:
        self.left -= number
        if self.left < 0:
            raise _Grown


def _members(archive: Path, directory: Path, allowance: _Allowance) -> Iterator[Member]:
    if zipfile.is_zipfile(archive):
        yield from _of_zip(archive, directory, allowance)
    else:
        yield from _of_tar(archive, directory, allowance)


def _of_zip(archive: Path, directory: Path, allowance: _Allowance) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as opened:
        for number, entry in enumerate(opened.infolist()):
            if entry.is_dir():
                continue
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if code := _refused(entry.filename, regular=kind in (0, stat.S_IFREG)):
                yield Member(entry.filename, number, 0, code)
                continue
            with opened.open(entry) as stream:
                yield _written(stream, Member(entry.filename, number, 0), directory, allowance)


def _of_tar(archive: Path, directory: Path, allowance: _Allowance) -> Iterator[Member]:
    with _unpacked(archive) as inside, tarfile.open(fileobj=inside, mode="r|", tarinfo=_Entry) as opened:
        for number, entry in enumerate(opened):
            if entry.isdir():
                continue
            if code := _refused(entry.name, regular=entry.isreg()):
                yield Member(entry.name, number, 0, code)
                continue
            stream = opened.extractfile(entry)
            if stream is not None:
                yield _written(stream, Member(entry.name, number, 0), directory, allowance)
        while rest := inside.read(_CHUNK):  # the sums of gzip, bzip2 and xz stand at the very end
            allowance.take(len(rest))


def _unpacked(archive: Path) -> BinaryIO:
    """The bytes of a tar archive out of their compression."""
    with archive.open("rb") as stream:
        begin = stream.read(max(map(len, _COMPRESSIONS)))
    opening = next((one for magic, one in _COMPRESSIONS.items() if begin.startswith(magic)), open)
    return cast("BinaryIO", opening(archive, "rb"))


class _Entry(tarfile.TarInfo):
    """A header of an archive. tarfile itself ends in silence at one that it cannot read."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> "_Entry":
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError from error


def _refused(name: str, *, regular: bool) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts[:1] and path.parts[0].endswith(":")):
        return OUTSIDE
    return "" if regular else SPECIAL


def _written(stream: IO[bytes], member: Member, directory: Path, allowance: _Allowance) -> Member:
    """Write a member that may be DICOM, NIfTI, a side-car or an archive; leave out what is none."""
    begin = stream.read(_BEGIN)
    ending = next((one for one in _VOLUMES if member.name.lower().endswith(one)), "")
    known = begin[128:132] == b"DICM" or looks_bare(begin) or is_archive(begin)
    if not (known or ending or _is_json(member.name)):
        return replace(member, size=len(begin), code=NOT_DICOM)
    place = f"{member.number}{ending}"
    allowance.take(len(begin))
    size = len(begin)
    with (directory / place).open("xb") as out:
        out.write(begin)
        while chunk := stream.read(_CHUNK):
            allowance.take(len(chunk))
            out.write(chunk)
            size += len(chunk)
    return replace(member, size=size, place=place)
