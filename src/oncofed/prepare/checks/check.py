"""``check``: everything that can be found out about a folder of de-identified images and its clinical tables."""

from pathlib import Path

from oncofed import __version__
from oncofed.contracts.errors import BadInput
from oncofed.prepare.checks.findings import Findings
from oncofed.prepare.checks.images import Mapper, check_images
from oncofed.prepare.checks.spool import Spool


def check(images: Path, tables: Path | None = None, index: Path | None = None, *, mapper: Mapper = map) -> Findings:
    """Check the DICOM files under ``images`` and, if given, the common-data-model files in ``tables``.

    ``index`` is the run's header index (original identifiers): only counts are taken from it. ``mapper`` applies the
    reader of files: ``map``, or one that spreads the work over processes. Memory does not grow with the images.

    Raises:
        BadInput: ``source-unreadable``: there is no such folder.
    """
    if not images.is_dir():
        raise BadInput("source-unreadable", "there is no such folder of images")
    with Spool() as spool:
        return Findings(tool_version=__version__, images=check_images(images, spool, mapper))
