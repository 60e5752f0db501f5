"""Stage release: the run becomes a new, immutable release of a dataset; those before it stay.

The tables go into the node's warehouse, the images beside it under ``images/DATASET/RELEASE``: as further names of the
run's files where they lie on one disk (files are only ever replaced, never changed), else as copies. Who has opted out
is in neither.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from oncofed.contracts.catalogue import DatasetRecord
from oncofed.contracts.errors import BadInput, Refused
from oncofed.prepare import optouts, volumes
from oncofed.prepare.journal import disk_full_told
from oncofed.prepare.progress import Progress, Silent
from oncofed.prepare.run import Run, State
from oncofed.prepare.tables import are_old
from oncofed.trust.pseudonyms import Pseudonyms
from oncofed.warehouse import Loading, Release, load_with
from oncofed.warehouse.sources.prepared import PreparedSource


@dataclass(frozen=True)
class Node:
    """Where the node keeps releases: its data directory with ``warehouse`` and ``images``, and its pseudonyms."""

    directory: Path
    pseudonyms: Pseudonyms

    @property
    def warehouse(self) -> Path:
        """The loaded releases."""
        return self.directory / "warehouse"

    def images(self, dataset: str, release: str) -> Path:
        """The images of a release. ``BadInput(release-name-invalid)``: the name could not be that of a folder."""
        if not release.isprintable() or "/" in release or release.startswith(".") or len(release.encode()) > 200:
            raise BadInput("release-name-invalid")
        return self.directory / "images" / dataset / release


@dataclass(frozen=True)
class Released:
    """A release with its images, and how many patients of the run it leaves out because they opted out."""

    release: Release
    images: Path
    files: int
    opted_out: int


def release(run: Run, node: Node, record: DatasetRecord, name: str, *, progress: Progress | None = None) -> Released:
    """Make release ``name`` of the dataset.

    Raises:
        BadInput: ``release-name-invalid``.
        Refused: as ``must_be_ready``; ``release-exists``: the name is taken.
        OncofedError: ``disk-full``: there is no release then.
    """
    progress = progress or Silent()
    must_be_ready(run)
    with run.stage("release") as facts:
        gone = optouts.left_out(run, optouts.read(node.directory))
        loading = Loading(opt_outs=gone)
        images = node.images(record.dataset_id, name)
        staged = images.with_name(f".{name}.new")
        shutil.rmtree(staged, ignore_errors=True)
        try:
            with disk_full_told():
                files = _gather(run, staged, gone, progress)
                source = PreparedSource(run.directory, record)
                (made,) = load_with(source, node.warehouse, node.pseudonyms, name, loading)
                _adopt(staged, images)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        facts.update(dataset=record.dataset_id, release=name, files=files, opted_out=len(gone))
    return Released(made, images, files, len(gone))


def must_be_ready(run: Run) -> None:
    """Nothing leaves a run before that.

    Raises:
        Refused: ``prepare-not-verified``: a file is still on its way; ``prepare-tables-old``: the tables speak of
            images that no longer stand.
    """
    if unseen := run.number(State.DEIDENTIFIED, State.INDEXED, State.FOUND):
        raise Refused("prepare-not-verified", f"{unseen:,} files")
    if are_old(run):
        raise Refused("prepare-tables-old")


def _gather(run: Run, staged: Path, gone: frozenset[str], progress: Progress) -> int:
    staged.mkdir(parents=True, mode=0o700)
    progress.begin("gathering images", run.number(State.DEIDENTIFIED, State.VERIFIED))
    number = 0
    for target in _targets(run, gone):
        place = staged / target.relative_to(run.images)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _put(target, place)
        number += 1
        progress.advance()
    progress.end()
    return number


def _targets(run: Run, gone: frozenset[str]) -> Iterator[Path]:
    for file in run.files(State.DEIDENTIFIED, State.VERIFIED):
        if file.target is not None and file.patient_key not in gone:
            yield from volumes.files(file.target)


def _put(source: Path, place: Path) -> None:
    """A further name of the file, or a copy where the disk is another one."""
    try:
        os.link(source, place)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        shutil.copyfile(source, place)


def _adopt(staged: Path, images: Path) -> None:
    """Put the images in place; a release that stands already is the same, by its digest, and keeps its own."""
    if not images.exists():
        staged.rename(images)
