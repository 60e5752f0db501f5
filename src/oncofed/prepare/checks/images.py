"""The check of a folder of images: file by file into the spool, then series by series."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from oncofed.imaging.quality import CHECKS, Instance, Unreadable, read_instance
from oncofed.imaging.quality.likeness import near_duplicates
from oncofed.imaging.quality.series import Issue, SeriesQuality, assess
from oncofed.prepare.checks.findings import AlikePatients, Cell, CheckResult, ImageFindings, LeftOut
from oncofed.prepare.checks.spool import Spool
from oncofed.prepare.checks.thumbnails import thumbnails
from oncofed.warehouse.sources.dicom_folder import regular_files

Read = Callable[[Path], Instance | Unreadable]
Mapper = Callable[[Read, Iterable[Path]], Iterable[Instance | Unreadable]]
"""Applies the reader to files: the built-in ``map``, or one that spreads the work over processes."""
MAX_LISTED = 2_000
MAX_LEFT_OUT = 100
LEAST_SHARE_ALIKE = 0.2
"""Of the images of the patient who has fewer: one slice of many may look like another person's by chance."""
_GRAVITY = {"error": 0, "warning": 1, "note": 2}


@dataclass
class _Tally:
    """What is counted while files stream by."""

    files: int = 0
    left_out: int = 0
    places: list[LeftOut] = field(default_factory=list)
    sound: int = 0
    deidentified: int = 0
    traced: int = 0
    usable: int = 0


def check_images(root: Path, spool: Spool, mapper: Mapper = map) -> ImageFindings:
    """All checks of the images under ``root``; ``spool`` keeps the facts for whoever looks at them next."""
    tally = _Tally()
    reader = partial(read_instance, root=root)
    spool.fill(_usable(mapper(reader, regular_files(root)), tally))
    references, dangling = spool.references()
    alike = _alike(spool)
    found = list(_series(spool, dangling, alike))
    instances, series, studies, patients = spool.counts()
    found.sort(key=lambda one: (_worst(one), -len(one.issues), one.modality, one.series))
    return ImageFindings(
        files=tally.files,
        instances=instances,
        series=series,
        studies=studies,
        patients=patients,
        bytes=sum(one.bytes for one in found),
        modalities=_cells(Counter(one.modality or "not stated" for one in found)),
        left_out=tuple(tally.places),
        left_out_count=tally.left_out,
        checks=tuple(_results(found, tally)),
        listed=tuple(found[:MAX_LISTED]),
        alike=alike,
        references=references,
        dangling=sum(dangling.values()),
        standard_share=tally.sound / tally.usable if tally.usable else 0.0,
        deidentified_share=tally.deidentified / tally.usable if tally.usable else 0.0,
        provenance_share=tally.traced / tally.usable if tally.usable else 0.0,
        thumbnails=tuple(thumbnails(root, found)),
    )


def _usable(facts: Iterable[Instance | Unreadable], tally: _Tally) -> Iterator[Instance]:
    """The files that can be used, counting all."""
    for one in facts:
        tally.files += 1
        if isinstance(one, Unreadable):
            tally.left_out += 1
            if len(tally.places) < MAX_LEFT_OUT:
                tally.places.append(LeftOut(path=one.path, code=one.code))
            continue
        tally.usable += 1
        tally.sound += not one.missing_type_1 and not one.pixel_problem
        tally.deidentified += one.identity_removed
        tally.traced += one.deidentification_stated
        yield one


def _series(spool: Spool, dangling: dict[str, int], alike: tuple[AlikePatients, ...]) -> Iterator[SeriesQuality]:
    """Each series with the findings that need the whole release added to its own."""
    shared = spool.shared_series()
    lost: Counter[str] = Counter()
    owner = spool.referring_series()
    for uid, count in dangling.items():
        lost[owner[uid]] += count
    doubles = {path for pair in alike for path in (pair.example_first, pair.example_second)}
    for instances in spool.by_series():
        one = assess(instances)
        more = [
            Issue(check="series-shared", count=int(one.series in shared)),
            Issue(check="reference-dangling", count=lost[one.series]),
            Issue(check="near-duplicate", count=sum(instance.path in doubles for instance in instances)),
        ]
        added = tuple(issue for issue in more if issue.count)
        yield one.model_copy(update={"issues": (*one.issues, *added)}) if added else one


def _alike(spool: Spool) -> tuple[AlikePatients, ...]:
    """Pairs of patients with images that look alike, the most alike first."""
    images = spool.comparable()
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for first, second, _ in near_duplicates((patient, likeness) for patient, likeness, _, _ in images):
        one, other = sorted((images[first], images[second]))
        found[one[0], other[0]].append((one[3], other[3]))
    pairs = {
        patients: AlikePatients(
            first=patients[0],
            second=patients[1],
            images=min(len({one for one, _ in paths}), len({other for _, other in paths})),
            exact=0,
            example_first=paths[0][0],
            example_second=paths[0][1],
        )
        for patients, paths in found.items()
    }
    for first_patient, second_patient, exact, path, other_path in spool.copies():
        before = pairs.get((first_patient, second_patient))
        pairs[first_patient, second_patient] = AlikePatients(
            first=first_patient,
            second=second_patient,
            images=max(before.images if before else 0, exact),
            exact=exact,
            example_first=path,
            example_second=other_path,
        )
    compared = Counter(patient for patient, *_ in images)
    enough = [
        pair
        for pair in pairs.values()
        if pair.exact or pair.images >= LEAST_SHARE_ALIKE * min(compared[pair.first], compared[pair.second])
    ]
    return tuple(sorted(enough, key=lambda pair: (-pair.exact, -pair.images, pair.first, pair.second)))


def _results(found: list[SeriesQuality], tally: _Tally) -> Iterator[CheckResult]:
    """Every check with how many series it concerns, those without a finding too."""
    for name, check in CHECKS.items():
        hit = [(one, issue) for one in found for issue in one.issues if issue.check == name]
        unreadable = name == "file-unreadable"
        yield CheckResult(
            check=name,
            title=check.title,
            dimension=check.dimension,
            severity=check.severity,
            meaning=check.meaning,
            places=tally.left_out if unreadable else len(hit),
            of=tally.files if unreadable else len(found),
            count=tally.left_out if unreadable else sum(issue.count for _, issue in hit),
            patients=len({one.patient for one, _ in hit}),
        )


def _worst(one: SeriesQuality) -> int:
    return min((_GRAVITY[CHECKS[issue.check].severity] for issue in one.issues), default=len(_GRAVITY))


def _cells(counts: Counter[str]) -> tuple[Cell, ...]:
    return tuple(Cell(label=label, count=count) for label, count in counts.most_common())
