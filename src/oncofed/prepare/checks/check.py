"""``check``: everything that can be found out about a folder of de-identified images and its clinical tables."""

from pathlib import Path

from oncofed import __version__
from oncofed.contracts.errors import BadInput
from oncofed.prepare.checks.agreement import check_agreement
from oncofed.prepare.checks.annotations import check_annotations
from oncofed.prepare.checks.balance import check_balance
from oncofed.prepare.checks.clinical import check_clinical
from oncofed.prepare.checks.fair import check_fair
from oncofed.prepare.checks.findings import Findings
from oncofed.prepare.checks.images import check_images
from oncofed.prepare.checks.risk import check_risk
from oncofed.prepare.checks.spool import Spool
from oncofed.prepare.checks.tables import Tables
from oncofed.prepare.checks.tier import check_label, check_tier
from oncofed.prepare.journal import disk_full_told
from oncofed.prepare.parallel import Workers
from oncofed.prepare.progress import Progress


def check(
    images: Path,
    tables: Path | None = None,
    index: Path | None = None,
    *,
    sampling_fraction: float | None = None,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Check the DICOM files under ``images`` and, if given, the common-data-model files in ``tables``.

    ``index`` is the run's header index (original identifiers): only counts are taken from it. ``workers`` read
    the files (here where none are given); whatever their number, the findings are the same. Memory does not grow with
    the images.
    ``sampling_fraction``: the share of the population's patients that the release holds, for the journalist's risk.

    Raises:
        BadInput: ``source-unreadable``: there is no such folder; ``table-invalid``: a table that cannot be read.
        OncofedError: ``disk-full``: the facts of the files do not fit into the temporary directory.
    """
    if not images.is_dir():
        raise BadInput("source-unreadable", "there is no such folder of images")
    with disk_full_told(), Spool() as spool, Tables() as model:
        found = check_images(images, spool, workers, progress)
        if tables is not None:
            model.load(tables)
        model.complete(spool)
        clinical = check_clinical(model)
        annotations = check_annotations(model, spool)
        findings = Findings(
            tool_version=__version__,
            indexed=_indexed(model, index),
            images=found,
            clinical=clinical,
            agreement=check_agreement(model) if model.given else None,
            annotations=annotations,
            balance=check_balance(model),
            fair=check_fair(found, clinical if model.given else None, annotations),
            risk=check_risk(model, sampling_fraction),
        )
    findings = findings.model_copy(update={"tier": check_tier(findings)})
    return findings.model_copy(update={"label": check_label(findings)})


def _indexed(model: Tables, index: Path | None) -> int | None:
    """Rows of the run's index; nothing else is read from it."""
    if index is None or not index.is_file():
        return None
    return int(model.one("SELECT count(*) FROM read_parquet($1)", [str(index)]))
