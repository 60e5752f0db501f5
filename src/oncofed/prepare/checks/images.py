"""The check of a folder of images: file by file into the spool, then series by series."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from oncofed.imaging.quality import CHECKS, Instance, Unreadable
from oncofed.imaging.quality.series import SeriesQuality, assess
from oncofed.prepare.checks.alike import find_alike
from oncofed.prepare.checks.findings import Cell, CheckResult, ImageFindings, LeftOut
from oncofed.prepare.checks.reading import read_all
from oncofed.prepare.checks.spool import Spool
from oncofed.prepare.checks.thumbnails import thumbnails
from oncofed.prepare.parallel import Here, Workers
from oncofed.prepare.progress import Progress, Silent

MAX_LISTED = 2_000
MAX_LEFT_OUT = 100
MAX_ALIKE = 200
MAX_MODALITIES = 40
"""How many series, files, pairs of patients and modalities are told one by one; all are counted."""
_GRAVITY = {"error": 0, "warning": 1, "note": 2}


@dataclass
class _Tally:
    """What is counted while files stream by."""

    sound: int = 0
    deidentified: int = 0
    traced: int = 0
    usable: int = 0

    def share(self, count: int) -> float:
        """Of the files that can be used."""
        return count / self.usable if self.usable else 0.0


def check_images(
    root: Path, spool: Spool, workers: Workers | None = None, progress: Progress | None = None
) -> ImageFindings:
    """All checks of the images under ``root``; ``spool`` keeps the facts for whoever looks at them next."""
    progress, tally = progress or Silent(), _Tally()
    spool.fill(_counted(read_all(root, workers or Here(), progress), tally))
    spool.remark()
    alike_count, alike = find_alike(spool, MAX_ALIKE)
    instances, series, studies, patients = spool.counts()
    _assess(spool, progress)
    references, dangling = spool.references()
    left_out_count, left_out = spool.left_out(MAX_LEFT_OUT)
    ((size,),) = spool.rows("SELECT coalesce(sum(bytes), 0) FROM quality")
    return ImageFindings(
        files=tally.usable + left_out_count,
        instances=instances,
        series=series,
        studies=studies,
        patients=patients,
        bytes=size,
        modalities=_modalities(spool),
        left_out=tuple(LeftOut(path=one.path, code=one.code) for one in left_out),
        left_out_count=left_out_count,
        checks=tuple(_results(spool, tally.usable + left_out_count, left_out_count)),
        listed=tuple(spool.worst(MAX_LISTED)),
        alike=alike,
        alike_count=alike_count,
        references=references,
        dangling=dangling,
        standard_share=tally.share(tally.sound),
        deidentified_share=tally.share(tally.deidentified),
        provenance_share=tally.share(tally.traced),
        thumbnails=tuple(thumbnails(root, spool)),
    )


def _counted(files: Iterable[Instance | Unreadable], tally: _Tally) -> Iterator[Instance | Unreadable]:
    """The files as they come, counting those that can be used."""
    for one in files:
        if isinstance(one, Instance):
            tally.usable += 1
            tally.sound += not one.missing_type_1 and not one.pixel_problem
            tally.deidentified += one.identity_removed
            tally.traced += one.deidentification_stated
        yield one


def _assess(spool: Spool, progress: Progress) -> None:
    """Judge each series, add what only the whole release tells of it, and keep both in the spool."""
    ((series,),) = spool.rows("SELECT count(*) FROM (SELECT DISTINCT series, patient, study FROM instance)")
    progress.begin("judging series", series)
    spool.database.execute("BEGIN")
    for instances in spool.by_series():
        one = assess(instances)
        one = one.model_copy(update={"issues": (*one.issues, *spool.remarks(one))})
        spool.keep(one, _worst(one))
        progress.advance()
    spool.database.execute("COMMIT")
    progress.end()


def _worst(one: SeriesQuality) -> int:
    return min((_GRAVITY[CHECKS[issue.check].severity] for issue in one.issues), default=len(_GRAVITY))


def _modalities(spool: Spool) -> tuple[Cell, ...]:
    """Series by modality, the most frequent first."""
    found = spool.rows(
        "SELECT iif(modality = '', 'not stated', modality), count(*) FROM quality GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    cells = [Cell(label=label, count=count) for label, count in found]
    if len(cells) > MAX_MODALITIES:
        rest = cells[MAX_MODALITIES - 1 :]
        cells[MAX_MODALITIES - 1 :] = [Cell(label=f"{len(rest)} others", count=sum(cell.count for cell in rest))]
    return tuple(cells)


def _results(spool: Spool, files: int, left_out: int) -> Iterator[CheckResult]:
    """Every check with how many series it concerns, those without a finding too."""
    found = {
        name: counts
        for name, *counts in spool.rows(
            'SELECT "check", count(*), sum(count), count(DISTINCT patient) FROM issue GROUP BY 1'
        )
    }
    ((series,),) = spool.rows("SELECT count(*) FROM quality")
    for name, check in CHECKS.items():
        unreadable = name == "file-unreadable"
        places, count, patients = (left_out, left_out, 0) if unreadable else found.get(name, (0, 0, 0))
        yield CheckResult(
            check=name,
            title=check.title,
            dimension=check.dimension,
            severity=check.severity,
            meaning=check.meaning,
            places=places,
            of=files if unreadable else series,
            count=count,
            patients=patients,
        )
