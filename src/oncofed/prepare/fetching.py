"""Bringing images from other systems into a run: what comes lies in ``incoming/`` and is scanned like a folder."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from oncofed.contracts.errors import BadInput
from oncofed.prepare.journal import disk_full_told
from oncofed.prepare.parallel import Workers
from oncofed.prepare.progress import Progress, Silent
from oncofed.prepare.run import Run
from oncofed.prepare.scan import Scanned, scan_source
from oncofed.prepare.sources import dicomweb, pacs
from oncofed.prepare.sources.scp import Listening, receiving

RECEIVED, WEB = "received", "dicomweb"
_QUIET_S = 2.0
"""So long nothing may come in before a move counts as over: the last instances may still be on their way."""


def from_web(run: Run, archive: dicomweb.Archive, query: Mapping[str, str], *, progress: Progress | None = None) -> int:
    """Bring the studies that match from a DICOMweb archive; the number of instances that came now.

    Raises what ``sources.dicomweb`` raises, and ``BadInput(source-empty)`` where nothing matches.
    """
    progress = progress or Silent()
    with run.stage("fetch") as facts, disk_full_told():
        instances = list(dicomweb.find(archive, query))
        if not instances:
            raise BadInput("source-empty", "no study matches")
        progress.begin("fetching", len(instances))
        brought = 0
        for fresh in dicomweb.bring(archive, instances, run.incoming / WEB):
            brought += fresh
            progress.advance()
        progress.end()
        facts.update(matched=len(instances), brought=brought)
    return brought


def from_pacs(
    run: Run, peer: pacs.Peer, query: Mapping[str, str], listening: Listening, *, progress: Progress | None = None
) -> tuple[int, int]:
    """Have the PACS send the studies that match; instances that came now, and those that it could not send.

    Raises what ``sources.pacs`` and ``sources.scp`` raise, and ``BadInput(source-empty)`` where nothing matches.
    """
    progress = progress or Silent()
    with run.stage("fetch") as facts, receiving(run.incoming / RECEIVED, listening) as receiver:
        studies = pacs.find_studies(peer, query)
        if not studies:
            raise BadInput("source-empty", "no study matches")
        progress.begin("fetching studies", len(studies))
        expected = failed = 0
        for moved in pacs.move(peer, studies):
            expected += moved.completed
            failed += moved.failed
            progress.advance()
        progress.end()
        _settle(lambda: receiver.received + receiver.repeated + receiver.refused >= expected)
        facts.update(studies=len(studies), received=receiver.received, failed=failed + receiver.refused)
        return receiver.received, failed + receiver.refused


def _settle(arrived: Callable[[], bool]) -> None:
    """Wait for what the PACS says it has sent; it may say so before the last of it is here."""
    until = time.monotonic() + _QUIET_S
    while not arrived() and time.monotonic() < until:
        time.sleep(0.05)


def scan_incoming(run: Run, workers: Workers, progress: Progress | None = None) -> Scanned | None:
    """Scan what has come in over the network, if anything has."""
    scanned: Scanned | None = None
    for name in (RECEIVED, WEB):
        folder = run.incoming / name
        if folder.is_dir() and any(folder.iterdir()):
            scanned = _scan(run, folder, workers, progress or Silent())
    return scanned


def _scan(run: Run, folder: Path, workers: Workers, progress: Progress) -> Scanned:
    with run.stage("scan") as facts:
        return scan_source(run, run.add_source("incoming", folder), workers, progress, facts)
