"""The checks of one series: from the facts of its files to a record with its findings."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from oncofed.imaging.nifti import FORM
from oncofed.imaging.quality.geometry import Geometry, Slice, geometry
from oncofed.imaging.quality.instance import Instance, Record

VOLUMES = frozenset({"CT", "MR", "PT", "NM"})
"""Modalities whose images are slices of a volume."""
GREY = frozenset({"CT", "MR", "PT", "NM", "MG", "DX", "CR", "XA", "RF"})
_LEAST_SLICES = 3


class Issue(Record):
    """One finding about a series: the check, how many files or frames it concerns, and which (never a value)."""

    check: str
    count: int
    detail: str = ""


class SeriesQuality(Record):
    """One series as it was found. UIDs and patient as in the (de-identified) files; lengths in mm."""

    patient: str
    study: str
    series: str
    modality: str
    instances: int
    frames: int
    rows: int | None
    columns: int | None
    spacing: tuple[float, float] | None
    thickness: float | None
    step: float | None
    extent: float | None
    stacks: int
    manufacturer: str
    model: str
    body_part: str
    bytes: int
    deidentified: bool
    example: str
    """Path of the file in the middle of the series: what a thumbnail shows."""
    issues: tuple[Issue, ...]


def assess(instances: Sequence[Instance]) -> SeriesQuality:
    """All checks of one series that need nothing beyond it. ``instances``: at least one, all of the series."""
    once = list({one.uid: one for one in instances}.values())
    first = once[0]
    space = geometry(slices(once)) if first.modality in VOLUMES else Geometry()
    issues = [*_counted(instances, once), *_geometric(once, space), *_listed(once)]
    middle = sorted(once, key=_along)[len(once) // 2]
    return SeriesQuality(
        patient=first.patient,
        study=first.study,
        series=first.series,
        modality=first.modality,
        instances=len(once),
        frames=sum(one.frames for one in once),
        rows=first.rows,
        columns=first.columns,
        spacing=first.spacing,
        thickness=first.thickness,
        step=space.step,
        extent=space.extent,
        stacks=space.stacks,
        manufacturer=first.manufacturer,
        model=first.model,
        body_part=first.body_part,
        bytes=sum(one.bytes for one in once),
        deidentified=all(one.identity_removed and one.burned_in != "YES" for one in once),
        example=middle.path,
        issues=tuple(issue for issue in issues if issue.count),
    )


def _along(one: Instance) -> tuple[float, int]:
    """Order of the slices of a series, for choosing one of the middle."""
    if not one.planes:
        return (0.0, one.number or 0)
    plane = one.planes[0]
    r1, r2, r3, c1, c2, c3 = plane.orientation
    normal = (r2 * c3 - r3 * c2, r3 * c1 - r1 * c3, r1 * c2 - r2 * c1)
    return (sum(a * b for a, b in zip(plane.position, normal, strict=True)), one.number or 0)


def slices(instances: Iterable[Instance]) -> Iterator[Slice]:
    """Each plane of the files as a slice that bears the file's path."""
    for one in instances:
        for plane in one.planes:
            yield Slice(plane.position, plane.orientation, plane.discriminators, one.number, one.path)


def _counted(instances: Sequence[Instance], once: list[Instance]) -> Iterator[Issue]:
    """Checks that count files."""
    yield Issue(check="instance-repeated", count=len(instances) - len(once))
    volumes = sum(one.transfer_syntax == FORM for one in once)
    yield Issue(check="volume-nifti", count=volumes)
    yield Issue(check="sop-class-missing", count=sum(not one.sop_class for one in once if one.transfer_syntax != FORM))
    yield Issue(check="not-deidentified", count=sum(not one.identity_removed for one in once))
    modalities = {one.modality for one in once}
    yield Issue(check="modality-mixed", count=len(modalities) if len(modalities) > 1 else 0)
    for problem, count in sorted(Counter(one.pixel_problem for one in once if one.pixel_problem).items()):
        syntaxes = sorted({one.transfer_syntax for one in once if one.pixel_problem == problem})
        yield Issue(check=problem, count=count, detail=", ".join(syntaxes))
    seen = [one.pixels for one in once if one.pixels]
    if once[0].modality in GREY:
        yield Issue(check="pixels-constant", count=sum(pixels.blank_frames for pixels in seen))
        yield Issue(check="pixels-clipped", count=sum(pixels.clipped for pixels in seen))
    if once[0].modality == "SEG":
        yield Issue(check="segmentation-empty", count=sum(pixels.empty for pixels in seen))


def _geometric(once: list[Instance], space: Geometry) -> Iterator[Issue]:
    """Checks of positions, sizes and coordinate systems."""
    if once[0].modality not in VOLUMES:
        return
    stated = max((one.stated_slices or 0 for one in once), default=0)
    several = len(once) >= _LEAST_SLICES
    yield Issue(check="slices-missing", count=space.missing, detail=f"usual distance {space.step} mm")
    yield Issue(
        check="slices-fewer-than-stated",
        count=max(stated - _frames(once), 0) if several else 0,
        detail=f"{stated} stated",
    )
    yield Issue(check="slices-duplicate", count=space.duplicates)
    yield Issue(check="slices-unsorted", count=int(space.unsorted))
    yield Issue(check="spacing-uneven", count=int(space.uneven), detail=f"usual distance {space.step} mm")
    yield Issue(check="volume-sheared", count=int(space.sheared))
    yield Issue(check="orientation-invalid", count=space.invalid)
    shapes = {(one.rows, one.columns) for one in once}
    spacings = {one.spacing for one in once}
    mixed = {"sizes": len(shapes), "pixel spacings": len(spacings), "directions": max(space.orientations, 1)}
    told = [f"{number} {name}" for name, number in mixed.items() if number > 1]
    yield Issue(check="geometry-mixed", count=len(told), detail=", ".join(told))
    frames = {one.frame_of_reference for one in once}
    yield Issue(check="frame-of-reference-mixed", count=len(frames) if len(frames) > 1 else 0)


def _frames(once: list[Instance]) -> int:
    return sum(max(one.frames, 1) for one in once)


def _listed(once: list[Instance]) -> Iterator[Issue]:
    """Checks that name attributes; each name with the number of files it concerns."""
    lists = {
        "type-1-missing": [one.missing_type_1 for one in once],
        "type-1c-missing": [one.missing_type_1c for one in once],
        "suv-not-computable": [one.suv_gaps for one in once],
        "suv-implausible": [one.suv_oddities for one in once],
    }
    for check, names in lists.items():
        counts = Counter(name for found in names for name in found)
        detail = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))
        yield Issue(check=check, count=sum(bool(found) for found in names), detail=detail)
