"""Faces taken out: what goes, what stays, and whether a stranger could still tell who it was.

Made-up heads (``imaging.phantom.head``) as they come: cut in three directions, thin and thick, with a tilted gantry,
bowed and turned by up to 20 degrees, of children, on a table, noisy, without chin. *Features*: nose, eyes, lips, chin.

The attack: somebody has the surface of N heads and one head without its face, and takes the surface that correlates
best with it, after the average of all has been taken off, between the brow and the chin. Of heads with equal skulls,
one in N is found by chance. That the attack works is shown by matching the same heads scanned twice, with their faces.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oncofed.bench.report import Figure
from oncofed.imaging.phantom import Person
from oncofed.imaging.phantom.anatomy import Grid
from oncofed.imaging.phantom.head import Head, Look, Scan, head, head_series, look
from oncofed.imaging.phantom.images import Whose
from oncofed.imaging.pixels.deface import Face, NoFace, find_face

Depths = NDArray[np.float64]

SCANS: dict[str, dict[str, Any]] = {
    "straight": {},
    "sagittal": {"plane": "sagittal", "grid": Grid(60, 110, 110, 4.0, 2.6)},
    "coronal": {"plane": "coronal", "grid": Grid(60, 110, 96, 4.5, 2.6)},
    "thin": {"grid": Grid(120, 110, 96, 2.4, 2.4)},
    "thick": {"grid": Grid(30, 160, 160, 10.0, 1.6)},
    "tilt": {"tilt": 20.0},
    "tilt_back": {"tilt": -20.0},
    "bowed": {"pitch": -20.0},
    "raised": {"pitch": 20.0},
    "turned": {"yaw": 20.0},
    "leaning": {"roll": 20.0},
    "bowed_turned_leaning": {"pitch": -10.0, "yaw": 10.0, "roll": 10.0},
    "on_a_table": {"table": True, "headrest": True},
    "noisy": {"noise": 60.0},
    "without_chin": {"grid": Grid(40, 96, 96, 4.5, 2.6), "shift": (0.0, 0.0, 54.0)},
    "nose_at_the_border": {"shift": (0.0, 20.0, 0.0)},
}
HELD: dict[str, dict[str, Any]] = {
    "without_vertex": {"grid": Grid(50, 96, 96, 4.5, 2.6), "shift": (0.0, 0.0, -40.0)},
    "without_nose": {"shift": (0.0, 35.0, 0.0)},
}
"""Heads that must go to a person."""
SIZES = (0.65, 0.8, 0.95, 1.05)
_CHIN, _BROW, _SIDE, _DEEP, _APART = -110.0, 20.0, 60.0, 100.0, 4.0
_RESCANNED = (1.3, 1.3, 2.2)


def face_of(made: Head, modality: str = "CT") -> Face | None:
    """The face that is found; None where it goes to a person."""
    try:
        return find_face(head_series(Whose(Person(), 1), made, modality))
    except NoFace:
        return None


def taken(made: Head, face: Face) -> NDArray[np.bool_]:
    """Voxels of a head that go with its face."""
    _, y, z = made.scan.coordinates()
    return np.broadcast_to(face.holds(y, z), made.tissue.shape)


def parts(scans: Sequence[str] = tuple(SCANS), sizes: Sequence[float] = SIZES) -> list[tuple[str, float, float]]:
    """Each head that was not held: its name, and the part of its features and of its brain that is taken."""
    heads = {name: head(Scan(**SCANS[name])) for name in scans} | {f"size_{one}": head(scale=one) for one in sizes}
    found = []
    for name, made in heads.items():
        for modality in ("CT", "MR"):
            face = face_of(made, modality)
            if face is not None:
                gone = taken(made, face)
                features, brain = (float(gone[mask].mean()) for mask in (made.features, made.brain))
                found.append((f"{name}_{modality}", features, brain))
    return found


def surface(made: Head, tissue: NDArray[np.bool_]) -> Depths:
    """How far back the skin is seen from the front, in mm, for each slice and column between brow and chin."""
    x, y, z = made.scan.coordinates()
    rows = np.where(tissue.any(axis=1), tissue.argmax(axis=1), tissue.shape[1] - 1)
    depth = np.minimum(y[0, rows, 0] - float(y.min()), _DEEP)
    levels, sides = (
        np.abs(axis[:, None] - np.arange(low, high, _APART)).argmin(axis=0)
        for axis, low, high in ((z[:, 0, 0], _CHIN, _BROW), (x[0, 0, :], -_SIDE, _SIDE))
    )
    return np.asarray(depth[np.ix_(levels, sides)], dtype=np.float64)


def matched(known: Sequence[Depths], seen: Sequence[Depths]) -> float:
    """The part of ``seen`` whose most alike of ``known`` is its own."""
    first, second = (_standing_out(several) for several in (known, seen))
    return float((np.argmax(second @ first.T, axis=1) == np.arange(len(first))).mean())


def _standing_out(several: Sequence[Depths]) -> Depths:
    flat = np.stack([one.reshape(-1) for one in several])
    apart = flat - flat.mean(axis=0)
    apart = apart - apart.mean(axis=1, keepdims=True)
    return np.asarray(apart / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-9))


def attack(looks: Sequence[Look]) -> tuple[float, float]:
    """Heads told from each other with their faces, scanned again; and without."""
    known, again, without = [], [], []
    for one in looks:
        made = head(look=one)
        known.append(surface(made, made.tissue))
        second = head(Scan(shift=_RESCANNED), look=one)
        again.append(surface(second, second.tissue))
        face = face_of(made)
        if face is not None:
            without.append(surface(made, made.tissue & ~taken(made, face)))
        else:
            without.append(np.zeros_like(known[-1]))
    return matched(known, again), matched(known, without)


def figures(heads: int = 24, scans: Sequence[str] = tuple(SCANS), sizes: Sequence[float] = SIZES) -> list[Figure]:
    """All figures of faces, over so many heads in the attack."""
    measured = parts(scans, sizes)
    asked = 2 * (len(scans) + len(sizes))
    held = [face_of(head(Scan(**one)), modality) is None for one in HELD.values() for modality in ("CT", "MR")]
    looks = {same: [look(np.random.default_rng([7, place]), same_skull=same) for place in range(heads)]
             for same in (True, False)}  # fmt: skip
    told = {same: attack(several) for same, several in looks.items()}
    unit = f"% of {heads} heads, {100 / heads:.1f} by chance"
    return [
        Figure(
            "face_found", round(100.0 * len(measured) / asked, 1), f"% of {asked} heads, the rest held", at_least=95.0
        ),
        Figure("face_features_taken", _percent(min(one[1] for one in measured)), "% of voxels, least", at_least=90.0),
        Figure("face_features_taken_mean", _percent(float(np.mean([one[1] for one in measured]))), "% of voxels"),
        Figure("face_brain_taken", _percent(max(one[2] for one in measured)), "% of voxels, most", at_most=0.1),
        Figure("face_unsure_held", _percent(float(np.mean(held))), "% of heads cut above brow or nose", at_least=100.0),
        Figure("face_matched_with", _percent(told[True][0]), unit),
        Figure("face_matched_without", _percent(told[True][1]), unit, at_most=round(400 / heads, 1)),
        Figure("face_matched_without_by_skull", _percent(told[False][1]), f"{unit}, skulls differ too"),
    ]


def _percent(part: float) -> float:
    return round(100.0 * part, 2)
