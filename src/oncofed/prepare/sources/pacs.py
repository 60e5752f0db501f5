"""Fetching from the hospital's PACS: C-FIND says which studies match, C-MOVE has them sent to our own receiver.

The PACS must know our title, address and port as a destination. A study that came whole is not asked for again.
"""

import logging
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)

from oncofed.contracts.errors import BadInput, Unreachable
from oncofed.prepare.sources.scp import entity_of

_FIND, _MOVE = StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelMove
_PENDING = (0xFF00, 0xFF01)
_PATIENCE_S = 20.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Peer:
    """The PACS and our own title, under which it knows where to send."""

    title: str
    host: str
    port: int
    own_title: str = "ONCOFED"

    @classmethod
    def parse(cls, text: str, own_title: str = "ONCOFED") -> "Peer":
        """``TITLE@host:port``; ``BadInput(prepare-peer-invalid)``."""
        title, at, place = text.partition("@")
        host, colon, port = place.rpartition(":")
        if not (title and at and host and colon and port.isdigit() and len(title) <= 16 and int(port) < 65536):
            raise BadInput("prepare-peer-invalid", "a PACS is named TITLE@host:port")
        return cls(title, host, int(port), own_title)


@dataclass
class Moved:
    """What a study's C-MOVE came to, in instances."""

    completed: int = 0
    failed: int = 0


def find_studies(peer: Peer, query: Mapping[str, str]) -> list[str]:
    """Study Instance UIDs that match; ``query``: keyword → value as C-FIND has it (ranges of dates, ``*``).

    Raises:
        BadInput: ``prepare-query-invalid``: no such attribute, or the PACS will not search by it.
        Unreachable: ``prepare-peer-silent``.
    """
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.StudyInstanceUID = ""
    for keyword, value in query.items():
        if tag_for_keyword(keyword) is None:
            raise BadInput("prepare-query-invalid", f"there is no attribute “{keyword[:64]}”")
        setattr(identifier, keyword, value)
    found: list[str] = []
    with _Associated(peer, _FIND) as association:
        for status, match in association.send_c_find(identifier, _FIND):
            if _code(status) in _PENDING and match is not None:
                found.append(str(match.get("StudyInstanceUID", "")))
            elif _code(status) not in (0x0000, *_PENDING):
                raise BadInput("prepare-query-invalid", f"the PACS answered {_code(status):04X}")
    return [uid for uid in dict.fromkeys(found) if uid]


def move(peer: Peer, studies: list[str]) -> Iterator[Moved]:
    """Have each study sent to us, one after the other; how many instances came and failed.

    Raises:
        Unreachable: ``prepare-peer-silent``; ``prepare-move-refused``: the PACS does not know where to send.
    """
    for study in studies:
        identifier = Dataset()
        identifier.QueryRetrieveLevel = "STUDY"
        identifier.StudyInstanceUID = study
        moved = Moved()
        with _Associated(peer, _MOVE) as association:
            for status, _ in association.send_c_move(identifier, peer.own_title, _MOVE):
                _count(moved, status)
        yield moved


def _count(moved: Moved, status: Dataset) -> None:
    code = _code(status)
    if code in (0xA801, 0xA701, 0xA702, 0xC000):
        raise Unreachable("prepare-move-refused", f"the PACS answered {code:04X}")
    if code not in _PENDING:
        moved.completed = int(status.get("NumberOfCompletedSuboperations") or 0)
        moved.failed = int(status.get("NumberOfFailedSuboperations") or 0)
        if moved.failed:
            _LOG.warning("%d instances of a study were not sent", moved.failed)


def _code(status: Dataset) -> int:
    """The status; a peer that fell silent gives none."""
    if "Status" not in status:
        raise Unreachable("prepare-peer-silent", "it stopped answering")
    return int(status.Status)


class _Associated:
    """An association for one service, released when the block ends."""

    def __init__(self, peer: Peer, context: Any) -> None:
        self._peer, self._context = peer, context
        self._association: Association | None = None

    def __enter__(self) -> Association:
        where = f"{self._peer.title} at {self._peer.host}:{self._peer.port}"
        try:  # first by hand: pynetdicom leaves the socket of a refused connection open
            socket.create_connection((self._peer.host, self._peer.port), timeout=_PATIENCE_S).close()
        except OSError as error:
            raise Unreachable("prepare-peer-silent", where) from error
        entity = entity_of(self._peer.own_title)
        entity.add_requested_context(self._context)
        entity.connection_timeout = _PATIENCE_S
        association = entity.associate(self._peer.host, self._peer.port, ae_title=self._peer.title)
        if not association.is_established:
            raise Unreachable("prepare-peer-silent", where)
        self._association = association
        return association

    def __exit__(self, *_: object) -> None:
        if self._association is not None and self._association.is_established:
            self._association.release()
