"""Doing what was planned, and looking at the result as a stranger would."""

from collections.abc import Iterable
from pathlib import Path

from pydicom import Dataset

from oncofed.imaging.pixels.frames import projection
from oncofed.imaging.pixels.masks import blank, clear_unused_bits
from oncofed.imaging.pixels.planning import Plan
from oncofed.imaging.pixels.risk import Level, assess
from oncofed.imaging.pixels.search import Found, find_text


def apply(dataset: Dataset, plan: Plan, *, spool: Path | None = None) -> bool:
    """Blank what was planned on every frame, in place; True when pixels changed.

    Works before or after the header is cleaned. The transfer syntax in ``file_meta`` may change (to a lossless one).
    Pixels of more than 64 MiB become a file object that pydicom writes piecewise; ``spool`` is the directory of it.
    Burned In Annotation becomes NO where the plan is complete; an object that waits for a person keeps its own.

    Raises:
        Undecodable: the pixels cannot be read; the dataset is as it was.
    """
    changed = bool(plan.rectangles) and blank(dataset, plan.rectangles, spool=spool)
    if plan.unused_bits:
        changed = clear_unused_bits(dataset) or changed
    if plan.level is not Level.NONE and not plan.quarantine and "PixelData" in dataset:
        dataset.BurnedInAnnotation = "NO"
    return changed


def residual(dataset: Dataset, words: Iterable[str]) -> tuple[Found, ...]:
    """What can still be read: text that names someone or is not harmless.

    ``words``: ``identifiers`` of the original. Looks at every object with pixels of risk; () where there are none.

    Raises:
        Undecodable: the pixels cannot be read.
        OncofedError: tesseract is missing or failed.
    """
    risk = assess(dataset)
    if risk.level is Level.NONE or "PixelData" not in dataset:
        return ()
    wanted = frozenset(words)
    found = {one for view in projection(dataset).views for one in find_text(view, wanted) if not one.harmless}
    return tuple(sorted(found, key=lambda one: one.rectangle))
