"""Reading the files of a release for the check: in this process, or on workers."""

import itertools
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from oncofed.imaging.quality import Instance, Unreadable, read_instance
from oncofed.prepare.parallel import Lost, Workers
from oncofed.prepare.progress import Progress
from oncofed.warehouse.sources.dicom_folder import regular_files

LOST = "prepare-worker-lost"
_FILES = 32


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
        for file in batch.files:
            yield _alone(Batch(root, (file,)), workers)
            progress.advance()
    progress.end()


def _batches(root: Path) -> Iterator[Batch]:
    files = regular_files(root)
    while some := tuple(itertools.islice(files, _FILES)):
        yield Batch(root, some)


def read_batch(batch: Batch) -> tuple[Instance | Unreadable, ...]:
    """The facts of each file of a batch."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # it logs values that bend the standard
    return tuple(read_instance(file, batch.root) for file in batch.files)


def _alone(batch: Batch, workers: Workers) -> Instance | Unreadable:
    """One file with nothing else under way, so that no other one is blamed for what it does to a worker."""
    results: Iterable[tuple[Instance | Unreadable, ...] | Lost[Batch]] = workers.map(read_batch, [batch])
    (result,) = results
    if isinstance(result, Lost):
        return Unreadable(path=batch.files[0].relative_to(batch.root).as_posix(), code=LOST)
    return result[0]
