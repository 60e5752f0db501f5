"""De-identification of a folder beside `cp` of it: one process, two workers, on the disk and in memory.

All of it is done in turn, several rounds long, each beginning with nothing left to be written; a ratio is the median of
those of the rounds. Ours includes journal and flushing, `cp -r` alone does not: it is given with flushing, too. What
the machine and its disk allow tell two `cp` beside one, two workers in memory, and two processes there that do nothing
but clean half of the files each.
"""

import contextlib
import multiprocessing
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.pool import Pool
from pathlib import Path

from oncofed.bench.report import Figure
from oncofed.files import flush
from oncofed.prepare.deidentify import Batch, batches, deidentify, deidentify_batch
from oncofed.prepare.parallel import Here, Workers, workers
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.run import Run
from oncofed.prepare.scan import scan
from oncofed.trust.pseudonyms import Pseudonyms

_ROUNDS = 5
_MEMORY = Path("/dev/shm")  # noqa: S108
_COPIES = 2
"""So many times the source must there be room for in memory."""

Rates = dict[str, float]
"""Files a second (``cpu``: milliseconds a file) of one round."""


def compare(
    source: Path, key: Callable[[], Pseudonyms], say: Callable[[str], None], rounds: int = _ROUNDS
) -> tuple[list[Figure], list[Figure]]:
    """Our figures, and those of `cp`, for the files right in ``source``."""
    with workers(2) as hands, multiprocessing.get_context("spawn").Pool(2) as pool, _in_memory(source) as memory:
        deidentified(source, source.parent / "run", key, hands)  # they read their tables once
        told = []
        for number in range(rounds):
            say(f"de-identifying and copying, round {number + 1} of {rounds}")
            told.append(_round(source, memory, key, hands) | (_cleaning(source, memory, key, pool) if memory else {}))
    return _figures(told)


def _figures(rounds: list[Rates]) -> tuple[list[Figure], list[Figure]]:
    def rate(name: str) -> float:
        return statistics.median(one[name] for one in rounds)

    def ratio(name: str, other: str) -> float:
        return statistics.median(one[name] / one[other] for one in rounds)

    ours = [
        Figure("deidentify_files", rate("one"), "1/s"),
        Figure("deidentify_files_two_workers", rate("two"), "1/s"),
        Figure("deidentify_percent_of_cp", 100 * ratio("one", "cp -r"), "%", at_least=20),
        Figure("deidentify_percent_of_cp_flushed", 100 * ratio("one", "cp -r, flushed"), "%"),
        Figure("deidentify_two_workers_times_one", ratio("two", "one"), "times", at_least=1.7),
        Figure("deidentify_processor_time", rate("cpu"), "ms/file"),
    ]
    if "two in memory" in rounds[0]:
        ours.append(
            Figure("deidentify_two_workers_times_one_in_memory", ratio("two in memory", "one in memory"), "times")
        )
    others = [Figure(f"deidentify_files {name}", rate(name), "1/s") for name in ("cp -r", "cp -r, flushed")]
    others.append(Figure("two cp times one, flushed", ratio("two cp, flushed", "cp -r, flushed"), "times"))
    if "two cleaning" in rounds[0]:
        others.append(Figure("two processes that only clean times one", ratio("two cleaning", "one cleaning"), "times"))
    return ours, others


def _round(source: Path, memory: Path | None, key: Callable[[], Pseudonyms], hands: Workers) -> Rates:
    rates = {}
    rates["one"], rates["cpu"] = deidentified(source, source.parent / "run", key, Here())
    rates["two"], _ = deidentified(source, source.parent / "run", key, hands)
    rates["cp -r"] = copied(source)
    rates["cp -r, flushed"] = copied(source, flushed=True)
    rates["two cp, flushed"] = copied(source, flushed=True, processes=2)
    if memory is not None:
        rates["one in memory"], _ = deidentified(source, memory / "run", key, Here())
        rates["two in memory"], _ = deidentified(source, memory / "run", key, hands)
    return rates


def _cleaning(source: Path, memory: Path, key: Callable[[], Pseudonyms], pool: Pool) -> Rates:
    """Cleaning alone, without journal, in this process and in two others that know nothing of each other."""
    with Run.create(memory / "run") as run:
        scan(run, source)
        work = list(batches(run, Recipe(key)))
        rates = {}
        for name, hands in (("one cleaning", None), ("two cleaning", pool)):
            begun = time.perf_counter()
            if hands is None:
                _clean(work)
            else:
                hands.map(_clean, [work[::2], work[1::2]], 1)
            rates[name] = sum(len(batch.jobs) for batch in work) / (time.perf_counter() - begun)
            shutil.rmtree(run.images)
    shutil.rmtree(memory / "run")
    return rates


def _clean(work: list[Batch]) -> None:
    for batch in work:
        deidentify_batch(batch)


def deidentified(source: Path, place: Path, key: Callable[[], Pseudonyms], hands: Workers) -> tuple[float, float]:
    """The whole stage, journal and flushing included, the scan before it not.

    Files a second, and milliseconds that this process itself was at work a file.
    """
    with Run.create(place) as run:
        scan(run, source)
        flush(place)
        begun, used = time.perf_counter(), time.process_time()
        done = deidentify(run, Recipe(key), workers=hands)
        seconds, processor = time.perf_counter() - begun, time.process_time() - used
    shutil.rmtree(place)
    return done / seconds, 1000 * processor / done


def copied(source: Path, *, flushed: bool = False, processes: int = 1) -> float:
    """Files a second of `cp` to a folder beside."""
    target = source.parent / "copy"
    paths = sorted(source.iterdir())
    flush(source)
    begun = time.perf_counter()
    if processes == 1:
        subprocess.run(["cp", "-r", source, target], check=True)  # noqa: S607
    else:
        target.mkdir()
        under_way = [subprocess.Popen(["cp", *paths[part::processes], target]) for part in range(processes)]  # noqa: S607
        codes = [one.wait() for one in under_way]
        if any(codes):
            raise subprocess.CalledProcessError(max(codes), "cp")
    if flushed:
        flush(target)
    seconds = time.perf_counter() - begun
    shutil.rmtree(target)
    return len(paths) / seconds


@contextlib.contextmanager
def _in_memory(source: Path) -> Iterator[Path | None]:
    """A folder in memory, where there is one with room."""
    size = sum(path.stat().st_size for path in source.iterdir())
    if not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _COPIES * size:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="oncofed-bench-", dir=_MEMORY) as place:
        yield Path(place)
