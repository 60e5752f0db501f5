"""The imaging half of synthetic cases: studies over the course of the disease, their series, segmentations."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from oncofed.warehouse.sources.synthetic_clinic import Cases, Numbers, table_of, worded
from oncofed.warehouse.sources.synthetic_profiles import (
    MANUFACTURER_WEIGHTS,
    MANUFACTURERS,
    PROFILES,
    STUDY_KINDS,
    SeriesKind,
)

MAX_STUDIES = 8
MAX_SERIES = 8
STUDY_UID, SERIES_UID, OBJECT_UID = 1, 2, 3
_TIMEPOINTS = ("screening", "baseline", "during_treatment", "after_treatment", "follow_up", "recurrence")
_DAYS = np.array([-30, -10, 60, 200, 400, 700])
_KINDS = tuple(STUDY_KINDS)
_SERIES: tuple[SeriesKind, ...] = tuple(series for kind in _KINDS for series in STUDY_KINDS[kind])
_FIRST = np.cumsum([0, *(len(STUDY_KINDS[kind]) for kind in _KINDS)])[:-1]
_LENGTH = np.array([len(STUDY_KINDS[kind]) for kind in _KINDS])
_PSMA = next(number for number, series in enumerate(_SERIES) if series.modality == "PT")


@dataclass(frozen=True)
class Images:
    """Drawn studies and series as columns. ``study_patient``, ``series_study``: positions; ``*_number``: unique."""

    study_patient: Numbers
    study_number: Numbers
    study_kind: Numbers
    timepoint: Numbers
    offset: Numbers
    n_series: Numbers
    series_study: Numbers
    series_number: Numbers
    series_kind: Numbers
    manufacturer: Numbers
    field_strength: Numbers
    thickness: Numbers
    n_instances: Numbers
    segmented: Numbers


def draw_images(draw: np.random.Generator, cases: Cases, first: int) -> Images:
    """Studies and series of ``cases``: three studies and ten series a patient on average."""
    per_patient = (1 + draw.poisson(np.where(cases.ill, 2.0, 0.6))).clip(1, MAX_STUDIES)
    study_patient = np.repeat(np.arange(cases.count), per_patient)
    place = np.arange(len(study_patient)) - np.repeat(np.cumsum(per_patient) - per_patient, per_patient)
    timepoint = np.where(cases.ill[study_patient], (place + 1).clip(1, 5), 0)
    usual = np.array([[_KINDS.index(p.modalities[i % len(p.modalities)]) for i in range(3)] for p in PROFILES])
    choice = draw.choice(3, len(study_patient), p=[0.6, 0.3, 0.1])
    kind = usual[cases.profile[study_patient], choice]
    n_series = np.minimum(_LENGTH[kind], draw.integers(1, MAX_SERIES, len(kind)) + 1)
    series_study = np.repeat(np.arange(len(kind)), n_series)
    inner = np.arange(len(series_study)) - np.repeat(np.cumsum(n_series) - n_series, n_series)
    weights = np.array(MANUFACTURER_WEIGHTS) / sum(MANUFACTURER_WEIGHTS)
    scanner = draw.choice(len(MANUFACTURERS), len(kind), p=weights)
    strength = draw.choice([1.5, 3.0], len(kind), p=[0.6, 0.4])
    study_number = (first + study_patient.astype(np.int64)) * MAX_STUDIES + place
    return Images(
        study_patient=study_patient,
        study_number=study_number,
        study_kind=kind,
        timepoint=timepoint,
        offset=np.minimum(
            _DAYS[timepoint] + draw.integers(-9, 10, len(kind)), cases.followed[study_patient] - 1
        ).astype(np.int32),
        n_series=n_series,
        series_study=series_study,
        series_number=study_number[series_study] * MAX_SERIES + inner,
        series_kind=_FIRST[kind][series_study] + inner,
        manufacturer=scanner[series_study],
        field_strength=strength[series_study],
        thickness=draw.choice([0.8, 1.0, 2.0, 3.0, 5.0, 6.0], len(series_study)),
        n_instances=draw.integers(20, 400, len(series_study)).astype(np.int32),
        segmented=np.flatnonzero(draw.random(len(kind)) < 0.25),
    )


def image_rows(
    images: Images, cases: Cases, keys: pa.Array, uid: Callable[[int, Numbers], pa.Array]
) -> Iterator[tuple[str, pa.Table]]:
    """Rows of the imaging tables; ``uid`` makes UIDs of a kind of object from numbers."""
    patient, studies = images.study_patient, len(images.study_patient)
    study_uid = uid(STUDY_UID, images.study_number)
    ill = cases.ill[patient]
    instances = np.bincount(images.series_study, images.n_instances, minlength=studies).astype(np.int32)
    yield (
        "imaging_study",
        table_of(
            "imaging_study",
            studies,
            study_uid=study_uid,
            patient_key=keys.take(pa.array(patient)),
            condition_id=pa.array(cases.ids(patient), mask=~ill),
            timepoint=worded(_TIMEPOINTS, images.timepoint),
            offset_days=pa.array(images.offset, mask=~ill),
            acquisition_year=pa.array((cases.year[patient] + images.offset // 365).astype(np.int16)),
            age_at_imaging=pa.array(np.round(cases.age[patient] + images.offset / 365.25, 1).clip(0, 120)),
            n_series=pa.array(images.n_series.astype(np.int32)),
            n_instances=pa.array(instances),
            bytes=pa.array(instances.astype(np.int64) * 524_288),
        ),
    )
    yield "imaging_series", _series_rows(images, cases, study_uid, uid)
    marked = pa.array(images.segmented)
    one = np.zeros(len(images.segmented), dtype=np.int8)
    yield (
        "derived_object",
        table_of(
            "derived_object",
            len(images.segmented),
            object_uid=uid(OBJECT_UID, images.study_number[images.segmented]),
            study_uid=study_uid.take(marked),
            kind=worded(("SEG", "RTSTRUCT"), (images.study_number[images.segmented] % 5 == 0).astype(np.int8)),
            method=worded(("manual",), one),
            n_segments=pa.array(one.astype(np.int32) + 1),
        ),
    )


def _series_rows(
    images: Images, cases: Cases, study_uid: pa.Array, uid: Callable[[int, Numbers], pa.Array]
) -> pa.Table:
    kind, count = images.series_kind, len(images.series_kind)
    profile = cases.profile[images.study_patient[images.series_study]]
    modality = np.array([series.modality for series in _SERIES])[kind]
    prostate = np.array([p.body_part == "PROSTATE" for p in PROFILES])[profile]
    tracers = (*(series.tracer for series in _SERIES), "psma")
    return table_of(
        "imaging_series",
        count,
        series_uid=uid(SERIES_UID, images.series_number),
        study_uid=study_uid.take(pa.array(images.series_study)),
        modality=worded(tuple(series.modality for series in _SERIES), kind),
        body_part_code=worded(tuple(p.body_part for p in PROFILES), profile),
        laterality=worded(tuple(series.laterality for series in _SERIES), kind),
        manufacturer_norm=worded(MANUFACTURERS, images.manufacturer),
        field_strength_t=pa.array(images.field_strength.astype(np.float32), mask=modality != "MR"),
        slice_thickness_mm=pa.array(images.thickness.astype(np.float32), mask=np.isin(modality, ["MG", "US"])),
        contrast=worded(tuple(series.contrast for series in _SERIES), kind),
        sequence_type=worded(tuple(series.sequence for series in _SERIES), kind),
        tracer=worded(tracers, np.where((kind == _PSMA) & prostate, len(_SERIES), kind)),
        n_instances=pa.array(images.n_instances),
        pixel_deid_status=worded(("not_applicable",), np.zeros(count, dtype=np.int8)),
    )
