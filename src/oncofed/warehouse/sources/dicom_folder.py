"""Source ``dicom-folder``: the headers of a folder of DICOM files as one dataset.

Any nesting; links are followed, each directory once. What is no DICOM file (nor a NIfTI volume with a side-car), or
damaged, is left out and reported by path. Identifiers become keyed pseudonyms before a row is written: a file without
Patient ID makes its study a patient of its own. A study UID shared by two patients is two studies. Each instance counts
once, however often it lies there.
"""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oncofed.contracts.catalogue import DatasetRecord
from oncofed.contracts.errors import BadInput
from oncofed.contracts.vocabulary import domain
from oncofed.imaging.headers import Unusable
from oncofed.imaging.sidecar import volumes_of
from oncofed.trust.pseudonyms import Pseudonyms
from oncofed.warehouse.schema import TABLES
from oncofed.warehouse.sources.base import Draft, Filling, SourceReport
from oncofed.warehouse.sources.columns import append_rows
from oncofed.warehouse.sources.dicom_headers import Header, read_header

SUPPORTS = (
    "species",
    "sex",
    "age_at_imaging",
    "year_of_imaging",
    "annotation",
    "modality",
    "body_part",
    "laterality",
    "manufacturer",
    "field_strength",
    "slice_thickness",
    "contrast",
    "sequence_type",
    "tracer",
)
"""Criteria that DICOM headers can record."""

MAX_PLACES = 100
"""Files named in the report for each reason; all are counted."""
NO_PATIENT_ISSUER = "oncofed: no Patient ID"
_TOLD_EVERY = 1000

Row = dict[str, Any]


@dataclass
class _Found:
    """What the files read so far add up to, under pseudonyms."""

    patients: dict[str, Row] = field(default_factory=dict)
    studies: dict[str, Row] = field(default_factory=dict)
    series: dict[str, Row] = field(default_factory=dict)
    objects: dict[str, Row] = field(default_factory=dict)
    instances: set[str] = field(default_factory=set)
    problems: dict[str, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class DicomFolderSource:
    """All DICOM files under ``path`` as the dataset ``record`` describes."""

    path: Path
    record: DatasetRecord

    name = "dicom-folder"
    mapping_version = "1"
    issuer = ""

    def fill(self, filling: Filling) -> SourceReport:
        """Read every header and insert patients, studies, series and annotations."""
        if not self.path.is_dir():
            raise BadInput("source-unreadable", "there is no such folder")
        found = _Found()
        for number, path in enumerate(regular_files(self.path), start=1):
            if number % _TOLD_EVERY == 0:
                filling.progress(f"{number:,} files read")
            self._take(path, found, filling.pseudonyms)
        if not found.instances:
            raise BadInput("source-empty", f"{found.counts.total():,} files, none of them usable DICOM")
        self._insert(filling, found)
        rejected = sum(found.counts[code] for code in found.problems)
        return SourceReport(
            drafts=(Draft(self.record, SUPPORTS),),
            rows_in=len(found.instances) + rejected,
            rows_rejected=rejected,
            problems={code: tuple(places) for code, places in found.problems.items()},
            facts={
                "instances": len(found.instances),
                "files_repeated": found.counts["repeated"],
                "studies_without_patient_id": found.counts["studies_without_patient_id"],
                **{code: found.counts[code] for code in found.problems},
            },
        )

    def _take(self, path: Path, found: _Found, pseudonyms: Pseudonyms) -> None:
        try:
            header = read_header(path)
            size = path.stat().st_size
        except Unusable as problem:
            found.counts[problem.code] += 1
            places = found.problems.setdefault(problem.code, [])
            if len(places) < MAX_PLACES:
                places.append(str(path.relative_to(self.path)))
            return
        instance = pseudonyms.uid(header.instance_uid)
        if instance in found.instances:
            found.counts["repeated"] += 1
            return
        found.instances.add(instance)
        _add(found, header, instance, size, pseudonyms)

    def _insert(self, filling: Filling, found: _Found) -> None:
        rows = {
            "patient": found.patients,
            "imaging_study": found.studies,
            "imaging_series": found.series,
            "derived_object": found.objects,
        }
        for name, by_key in rows.items():
            named = (row | {"dataset_id": self.record.dataset_id} for row in by_key.values())
            append_rows(filling.connection, TABLES[name], named)


def _add(found: _Found, header: Header, instance: str, size: int, pseudonyms: Pseudonyms) -> None:
    """Fold one instance into its patient, study, series and, if it is one, annotation."""
    key = pseudonyms.patient(header.patient_id, header.issuer)
    if not key:
        key = pseudonyms.patient(header.study_uid, NO_PATIENT_ISSUER)
        found.counts["studies_without_patient_id"] += key not in found.patients
    _merge(found.patients.setdefault(key, {"patient_key": key}), header.patient)
    study_uid = _own_uid(found.studies, pseudonyms, header.study_uid, "patient_key", key)
    study = found.studies.setdefault(
        study_uid, {"study_uid": study_uid, "patient_key": key, "n_series": 0, "n_instances": 0, "bytes": 0}
    )
    _merge(study, header.study)
    series_uid = _own_uid(found.series, pseudonyms, header.series_uid, "study_uid", study_uid)
    if series_uid not in found.series:
        study["n_series"] += 1
    fresh = {"series_uid": series_uid, "study_uid": study_uid, "n_instances": 0, "pixel_deid_status": "unchecked"}
    series = found.series.setdefault(series_uid, fresh)
    _merge(series, header.series)
    series["n_instances"] += 1
    study["n_instances"] += 1
    study["bytes"] += size
    if series.get("modality") in domain("annotation"):
        found.objects[instance] = {
            "object_uid": instance,
            "study_uid": study_uid,
            "source_series_uid": pseudonyms.uid(header.source_series_uid) or None,
            "kind": series["modality"],
            "n_segments": header.n_segments,
        }


def _own_uid(rows: dict[str, Row], pseudonyms: Pseudonyms, uid: str, owner: str, key: str) -> str:
    """Pseudonym of a UID; another one for each further owner that uses the same UID."""
    place = 1
    while True:
        own = pseudonyms.uid(uid if place == 1 else f"{uid}.{place}")
        if own not in rows or rows[own][owner] == key:
            return own
        place += 1


def _merge(row: Row, values: Row) -> None:
    """Take what is new: the first value that a file records stands; a contradiction in sex is *not recorded*."""
    contradicting = row.get("birth_sex") and values.get("birth_sex") not in (None, row["birth_sex"])
    for name, value in values.items():
        if row.get(name) is None and value is not None and not (name == "birth_sex" and row.get("_contradicts")):
            row[name] = value
    if contradicting:
        row["birth_sex"] = None
        row["_contradicts"] = True


def regular_files(root: Path) -> Iterator[Path]:
    """All regular files below ``root`` in stable order, but side-cars: they belong to the volumes beside them.

    Follows links, visits each directory once (no loops).
    """
    seen: set[tuple[int, int]] = set()
    for directory, names, files in os.walk(root, followlinks=True):
        status = os.stat(directory)
        if (status.st_dev, status.st_ino) in seen:
            names.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        names.sort()
        together = set(files)
        for name in sorted(files):
            path = Path(directory, name)
            if _is_regular(path) and together.isdisjoint(volumes_of(name)):
                yield path


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False
