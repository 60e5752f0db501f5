"""Receiving images (C-STORE SCP): whatever modalities and archives send goes into a folder that the scan walks.

An instance is acknowledged when it lies on the disk, whole. While the disk is (nearly) full the answer is "out of
resources" (A700), and a sender that means it tries again; nothing that stands is touched.
"""

import contextlib
import errno
import hashlib
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, AllStoragePresentationContexts, _config, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from oncofed.contracts.errors import BadInput, Unreachable

_SUCCESS, _NO_SPACE, _CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listening:
    """Where and for whom to listen. ``senders``: titles that may send; () is anyone who reaches the port.

    ``port`` 0 takes a free one. ``spare``: bytes that stay free on the disk.
    """

    title: str = "ONCOFED"
    address: str = "0.0.0.0"  # noqa: S104 - modalities are other machines; the hospital's network decides who reaches it
    port: int = 11112
    senders: tuple[str, ...] = ()
    spare: int = 1 << 30


@dataclass
class Receiver:
    """What has come in so far. Counts only; the files speak for themselves."""

    folder: Path
    listening: Listening
    port: int = 0
    received: int = 0
    repeated: int = 0
    refused: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def store(self, instance: str, content: bytes) -> int:
        """Put one instance in its place; the status of PS3.4 table B.2-1 that is answered."""
        try:
            if shutil.disk_usage(self.folder).free < self.listening.spare + len(content):
                raise OSError(errno.ENOSPC, "too little space is left")
            fresh = keep(self.folder, instance, content)
        except OSError as error:
            _LOG.warning("an instance was not taken: %s", errno.errorcode.get(error.errno or 0, "error"))
            with self._lock:
                self.refused += 1
            return _NO_SPACE
        with self._lock:
            self.received += fresh
            self.repeated += not fresh
        return _SUCCESS


def keep(folder: Path, instance: str, content: bytes) -> bool:
    """Write a received file under a name made of its instance UID; False if these very bytes lie there already.

    Another content under the same UID gets a name of its own: the scan finds the conflict.
    """
    name, digest = hashlib.sha256(instance.encode()).hexdigest()[:32], hashlib.sha256(content).digest()
    target = folder / name[:2] / f"{name}.dcm"
    if target.exists() and hashlib.sha256(target.read_bytes()).digest() != digest:
        target = target.with_name(f"{name}-{digest.hex()[:16]}.dcm")
    if target.exists():
        return False
    target.parent.mkdir(mode=0o700, exist_ok=True)
    part = target.with_name(f".{target.name}.{threading.get_ident()}.part")
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    return True


def _handle(event: evt.Event, receiver: Receiver) -> int:
    instance = str(getattr(event.request, "AffectedSOPInstanceUID", None) or "")
    if not instance:
        return _CANNOT_UNDERSTAND
    return receiver.store(instance, event.encoded_dataset())


def entity_of(title: str) -> AE:
    """Ourselves under an application entity title; ``BadInput(prepare-peer-invalid)`` where it is none."""
    try:
        return AE(ae_title=title)
    except ValueError as error:
        raise BadInput("prepare-peer-invalid", "a title has 1 to 16 plain characters") from error


@contextlib.contextmanager
def receiving(folder: Path, listening: Listening) -> Iterator[Receiver]:
    """Listen until the block ends.

    Raises:
        BadInput: ``prepare-peer-invalid``: the title or the address is none.
        Unreachable: ``prepare-port-taken``.
    """
    entity = entity_of(listening.title)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in folder.rglob(".*.part"):
        part.unlink()  # of a process that was killed
    receiver = Receiver(folder, listening)
    entity.maximum_pdu_size = 0
    entity.require_called_aet = True
    entity.require_calling_aet = list(listening.senders)
    entity.add_supported_context(Verification)
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(str(context.abstract_syntax), list(AllTransferSyntaxes))
    handlers: list[Any] = [(evt.EVT_C_STORE, _handle, [receiver])]
    with _any_storage_class():
        try:
            where = (listening.address, listening.port)
            server: Any = entity.start_server(where, block=False, evt_handlers=handlers)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise Unreachable("prepare-port-taken", f"port {listening.port}") from error
            raise BadInput("prepare-peer-invalid", f"cannot listen at {listening.address}: {error.strerror}") from error
        receiver.port = server.socket.getsockname()[1]
        try:
            yield receiver
        finally:
            server.shutdown()
            server.server_close()


@contextlib.contextmanager
def _any_storage_class() -> Iterator[None]:
    """Take objects of classes that pynetdicom does not know, too (private ones, newer ones)."""
    before = _config.UNRESTRICTED_STORAGE_SERVICE
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    try:
        yield
    finally:
        _config.UNRESTRICTED_STORAGE_SERVICE = before
