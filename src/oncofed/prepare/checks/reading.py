"""Reading the files of a release for the check: in this process, or on workers."""

import itertools
import logging
import resource
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from oncofed.imaging.quality import Instance, Unreadable, read_instance
from oncofed.prepare.parallel import LOST, Lost, Workers
from oncofed.prepare.progress import Progress
from oncofed.warehouse.sources.dicom_folder import regular_files

_FILES = 32
_MEMORY = 2_000_000_000


@dataclass(frozen=True)
class Batch:
    """Some files below ``root``."""

    root: Path
    files: tuple[Path, ...]


def read_all(root: Path, workers: Workers, progress: Progress) -> Iterator[Instance | Unreadable]:
    """The facts of every file below ``root``, in any order; a file that kills its workers is told as unreadable."""
    progress.begin("reading images", sum(1 for _ in regular_files(root)))
    lost: list[Batch] = []
    for result in workers.map(read_batch, _batches(root)):
        if isinstance(result, Lost):
            lost.append(result.thing)
            continue
        progress.advance(len(result))
        yield from result
    for batch in lost:
        for one in _apart(batch):
            progress.advance()
            yield one
    progress.end()


def _batches(root: Path) -> Iterator[Batch]:
    files = regular_files(root)
    while some := tuple(itertools.islice(files, _FILES)):
        yield Batch(root, some)


def read_batch(batch: Batch) -> tuple[Instance | Unreadable, ...]:
    """The facts of each file of a batch."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # it logs values that bend the standard
    return tuple(read_instance(file, batch.root) for file in batch.files)


def _apart(batch: Batch) -> Iterator[Instance | Unreadable]:
    """The files of a batch that killed its workers, one after the other in a process that nothing else depends on."""
    pool = _process()
    for file in batch.files:
        try:
            yield pool.submit(read_batch, Batch(batch.root, (file,))).result()[0]
        except (BrokenProcessPool, MemoryError):
            pool.shutdown()
            pool = _process()
            yield Unreadable(path=file.relative_to(batch.root).as_posix(), code=LOST)
    pool.shutdown()


def _process() -> ProcessPoolExecutor:
    """One process that starts afresh, with the memory that a worker has."""
    return ProcessPoolExecutor(1, get_context("spawn"), initializer=_limit)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
