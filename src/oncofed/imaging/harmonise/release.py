"""Harmonisation of a release's images: every volume through the same steps, written beside the release.

One volume is in memory at a time. Each result is a NIfTI file with its provenance; what cannot be made a volume is
reported, and the rest goes on.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from oncofed.contracts.errors import BadInput
from oncofed.imaging.harmonise.intensity import NyulScale, learn_nyul, n4, z_score
from oncofed.imaging.harmonise.resample import resample
from oncofed.imaging.harmonise.volume import Volume, read_volume, write_nifti
from oncofed.imaging.nifti import FORM
from oncofed.imaging.quality.geometry import split
from oncofed.imaging.quality.instance import Instance, read_instance
from oncofed.imaging.quality.series import slices

VOLUMES = frozenset({"CT", "MR", "PT", "NM"})


@dataclass(frozen=True)
class Steps:
    """What is done, in this order: N4, resampling to ``spacing`` (mm; slices, rows, columns), then one scale."""

    spacing: tuple[float, float, float] | None = None
    n4: bool = False
    intensity: str = ""
    """``""`` (as it is), ``z-score`` or ``nyul``."""
    modalities: frozenset[str] = VOLUMES

    def __post_init__(self) -> None:
        if self.intensity not in ("", "z-score", "nyul"):
            raise BadInput("volume-invalid", "intensity is one of z-score and nyul")
        if not all(math.isfinite(size) and size > 0 for size in self.spacing or ()):
            raise BadInput("volume-invalid", "spacing is three positive numbers")


@dataclass(frozen=True)
class Harmonised:
    """What came of it: files written, and series left out with the reason. Series by their (pseudonymous) UID."""

    written: tuple[Path, ...]
    left_out: tuple[tuple[str, str], ...]
    scale: NyulScale | None = None


def harmonise(
    images: Path,
    target: Path,
    steps: Steps,
    *,
    scale: NyulScale | None = None,
    say: Callable[[str], None] | None = None,
) -> Harmonised:
    """Put every volume below ``images`` through ``steps`` into ``target``/``<series UID>.nii.gz``.

    ``-1``, ``-2`` … follow the UID where a series holds several stacks (phases, b-values).

    ``scale``: a Nyúl scale learnt before (by another hospital, say); without one it is learnt from the volumes here.

    Raises:
        BadInput: ``source-unreadable``: there is no such folder; ``source-empty``: no series in it could be a volume.
    """
    if not images.is_dir():
        raise BadInput("source-unreadable", "there is no such folder of images")
    series = _series(images, steps.modalities)
    if not series:
        raise BadInput("source-empty", "the folder holds no series of CT, MR, PT or NM")
    target.mkdir(parents=True, exist_ok=True)
    left_out: dict[str, str] = {}
    if steps.intensity == "nyul" and scale is None:
        scale = learn_nyul(volume for _, volume in _volumes(series, steps, left_out))
    written = []
    for uid, volume in _volumes(series, steps, left_out):
        try:
            scaled = _scaled(volume, steps, scale)
        except BadInput as error:
            left_out[uid] = error.detail
            continue
        path = target / f"{uid}.nii.gz"
        write_nifti(scaled, path, _provenance(uid, series[uid], steps, scale))
        written.append(path)
        if say:
            say(f"{len(written):,} of {len(series):,} series")
    return Harmonised(tuple(written), tuple(sorted(left_out.items())), scale)


def _series(images: Path, modalities: frozenset[str]) -> dict[str, list[Path]]:
    """Files of each stack of each series of these modalities; stacks of one series are numbered from 1."""
    found: dict[str, dict[str, Instance]] = {}
    for path in sorted(path for path in images.rglob("*") if path.is_file()):
        facts = read_instance(path, images, pixels=False)
        if isinstance(facts, Instance) and facts.modality in modalities and facts.planes:
            found.setdefault(facts.series, {}).setdefault(facts.uid, facts)
    volumes = {one.uid: [images / one.path] for same in found.values() for one in same.values() if _is_volume(one)}
    for uid, instances in found.items():
        stacks = split(slices(one for one in instances.values() if not _is_volume(one)))
        for number, stack in enumerate(stacks, start=1):
            name = uid if len(stacks) == 1 else f"{uid}-{number}"
            volumes[name] = [images / one.name for one in stack]
    return volumes


def _is_volume(one: Instance) -> bool:
    """A NIfTI volume, which is one stack by itself and goes by its own UID."""
    return one.transfer_syntax == FORM


def _volumes(series: dict[str, list[Path]], steps: Steps, left_out: dict[str, str]) -> Iterator[tuple[str, Volume]]:
    """Each volume after N4 and resampling; those that fail go to ``left_out``."""
    for uid, files in sorted(series.items()):
        if uid in left_out:
            continue
        try:
            volume = read_volume(files)
            volume = n4(volume) if steps.n4 else volume
            yield uid, resample(volume, steps.spacing) if steps.spacing else volume
        except BadInput as error:
            left_out[uid] = error.detail


def _scaled(volume: Volume, steps: Steps, scale: NyulScale | None) -> Volume:
    if steps.intensity == "z-score":
        return z_score(volume)
    return scale.apply(volume) if scale is not None and steps.intensity == "nyul" else volume


def _provenance(uid: str, files: Iterable[Path], steps: Steps, scale: NyulScale | None) -> dict[str, Any]:
    """What the volume was made of and how; the digest is over the source files in order."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return {
        "series": uid,
        "source_sha256": digest.hexdigest(),
        "steps": asdict(steps) | {"modalities": sorted(steps.modalities)},
        "nyul_landmarks": list(scale.landmarks) if scale else None,
        "coordinates": "RAS, mm",
    }
