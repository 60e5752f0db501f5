"""Writing a file so that it is whole, or was never there, whatever happens in between."""

import contextlib
import ctypes
import errno
import os
import tempfile
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SAYS_FULL = ("no space left on device", "disk quota exceeded", "file too large")


def says_full(error: Exception) -> bool:
    """Whether a disk or quota is full: by the error's number, or the words of a database that passes none on."""
    number = getattr(error, "errno", None)
    return number in _FULL if number else any(words in str(error).lower() for words in _SAYS_FULL)


def write_durably(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace ``path`` by ``content`` atomically; it is on the disk when this returns (OSError otherwise)."""
    write_atomically(path, content, mode=mode, durable=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600, durable: bool = False) -> None:
    """Replace ``path`` by ``content`` so that a reader sees the old or the new, whole; OSError leaves the old."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with contextlib.ExitStack() as undo:
        undo.callback(Path(temporary).unlink, missing_ok=True)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            if durable:
                os.fsync(descriptor)
        os.replace(temporary, path)
        undo.pop_all()


def flush(directory: Path) -> None:
    """Have all that was written to the file system of a directory be on its disk: once for many files.

    Raises ``OSError`` where that fails. Where the system knows no call for one file system, all of them are flushed.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            flush_one = ctypes.CDLL(None, use_errno=True).syncfs
        except AttributeError:
            os.sync()
            return
        if flush_one(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)
