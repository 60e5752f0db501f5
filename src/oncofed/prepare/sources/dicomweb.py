"""Fetching from an archive that speaks DICOMweb (PS3.18): QIDO-RS finds, WADO-RS brings each instance as it is stored.

Instances go to the disk in pieces, so memory does not grow with them. What came whole is not asked for again.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session, create_session_from_user_pass
from requests import RequestException  # what dicomweb-client raises # noqa: TID251

from oncofed.contracts.errors import BadInput, Corrupt, Unreachable

_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_PAGE = 500
_TIMEOUT = httpx.Timeout(60, connect=20)


@dataclass(frozen=True)
class Archive:
    """The service's address and who asks."""

    url: str
    user: str = ""
    password: str = ""


@dataclass(frozen=True)
class Instance:
    """One instance to bring."""

    study: str
    series: str
    instance: str

    @property
    def path(self) -> str:
        """Its place below the service's address."""
        return f"studies/{self.study}/series/{self.series}/instances/{self.instance}"

    @property
    def name(self) -> str:
        """Its file name: a digest, as a UID from outside is no file name."""
        digest = hashlib.sha256(self.instance.encode()).hexdigest()[:32]
        return f"{digest[:2]}/{digest}.dcm"


def find(archive: Archive, query: Mapping[str, str]) -> Iterator[Instance]:
    """All instances of the studies that match; ``query``: keyword → value as QIDO-RS has them.

    Raises:
        BadInput: ``prepare-query-invalid``, ``prepare-peer-invalid``.
        Unreachable: ``prepare-peer-silent``.
    """
    session = create_session_from_user_pass(archive.user, archive.password) if archive.user else create_session()
    try:
        client = DICOMwebClient(archive.url.rstrip("/"), session=session)
    except ValueError as error:
        raise BadInput("prepare-peer-invalid", "a DICOMweb service is named https://host/path") from error
    try:
        for study in _pages(client, dict(query)):
            for found in client.search_for_instances(study, fields=["SeriesInstanceUID", "SOPInstanceUID"]):
                yield Instance(study, _value(found, "0020000E"), _value(found, "00080018"))
    except RequestException as error:
        status = getattr(error.response, "status_code", 0)
        if 400 <= status < 500:
            raise BadInput("prepare-query-invalid", f"the archive answered {status}") from error
        raise Unreachable("prepare-peer-silent", archive.url) from error
    except (ValueError, TypeError) as error:
        raise BadInput("prepare-query-invalid", "the archive cannot be asked so") from error


def _pages(client: DICOMwebClient, query: dict[str, str]) -> Iterator[str]:
    """Study UIDs, page by page."""
    offset, seen = 0, set[str]()
    while True:
        page = client.search_for_studies(limit=_PAGE, offset=offset, search_filters=query)
        fresh = [uid for one in page if (uid := _value(one, "0020000D")) and uid not in seen]
        yield from fresh
        seen.update(fresh)
        offset += len(page)
        if len(page) < _PAGE or not fresh:
            return


def _value(found: dict[str, dict[str, object]], tag: str) -> str:
    value = found.get(tag, {}).get("Value")
    return str(value[0]) if isinstance(value, list) and value else ""


def bring(archive: Archive, instances: list[Instance], folder: Path) -> Iterator[bool]:
    """Bring each instance that is not there into ``folder``; for each, whether it was brought now.

    Raises:
        Unreachable: ``prepare-peer-silent``.
        Corrupt: ``prepare-reply-unreadable``: what came is no multipart answer with one object.
    """
    credentials = httpx.BasicAuth(archive.user, archive.password) if archive.user else None
    with httpx.Client(auth=credentials, timeout=_TIMEOUT, headers={"Accept": _ACCEPT}) as client:
        for instance in instances:
            target = folder / instance.name
            if target.exists():
                yield False
                continue
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with client.stream("GET", f"{archive.url.rstrip('/')}/{instance.path}") as reply:
                    reply.raise_for_status()
                    _write(reply, target)
            except httpx.HTTPError as error:
                raise Unreachable("prepare-peer-silent", archive.url) from error
            yield True


def _write(reply: httpx.Response, target: Path) -> None:
    """The object in an answer as a file, whole or not at all."""
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as stream:
            for chunk in _object(reply):
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _object(reply: httpx.Response) -> Iterator[bytes]:
    """The bytes of the first part of a multipart answer, or of an answer that is the object itself."""
    kind = reply.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/"):
        yield from reply.iter_bytes()
        return
    boundary = next(
        (p.partition("=")[2].strip('" ') for p in kind.split(";") if p.strip().lower().startswith("boundary=")), ""
    )
    if not boundary:
        raise Corrupt("prepare-reply-unreadable", "it names no boundary")
    end = b"\r\n--" + boundary.encode()
    chunks = reply.iter_bytes()
    buffer = b""
    while b"\r\n\r\n" not in buffer:
        chunk = next(chunks, None)
        if chunk is None or len(buffer) > 65_536:
            raise Corrupt("prepare-reply-unreadable", "its part has no header")
        buffer += chunk
    buffer = buffer.partition(b"\r\n\r\n")[2]
    while end not in buffer:
        yield buffer[: -len(end)] if len(buffer) > len(end) else b""
        buffer = buffer[-len(end) :] if len(buffer) > len(end) else buffer
        chunk = next(chunks, None)
        if chunk is None:
            raise Corrupt("prepare-reply-unreadable", "it ends too early")
        buffer += chunk
    yield buffer[: buffer.index(end)]
