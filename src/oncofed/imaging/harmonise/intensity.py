"""Intensities on one scale: z-score, Nyúl's landmarks, and correction of the bias field (N4).

Sources: Nyúl, Udupa and Zhang 2000 (IEEE TMI 19:143) with the landmarks of Shah et al. 2011; N4 is that
of Tustison et al. 2010.
"""

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oncofed.contracts.errors import BadInput, OncofedError
from oncofed.imaging.harmonise.volume import Array, Volume

PERCENTILES = (1.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 99.0)
SCALE = (0.0, 100.0)
"""Where Nyúl's scale puts the first and the last percentile."""


def foreground(values: Array) -> Array:
    """A mask of what is not background: above the mean, as Nyúl et al. take it."""
    return np.asarray(values > values.mean())


def z_score(volume: Volume, mask: Array | None = None) -> Volume:
    """Mean 0 and standard deviation 1 over ``mask`` (all voxels if None).

    Raises:
        BadInput: ``volume-invalid``: the voxels are all alike, or the mask is empty.
    """
    inside = volume.values if mask is None else volume.values[mask]
    deviation = float(inside.std(dtype=np.float64)) if inside.size else 0.0
    if deviation == 0:
        raise BadInput("volume-invalid", "there is nothing but one value")
    return volume.with_values((volume.values - float(inside.mean(dtype=np.float64))) / deviation)


@dataclass(frozen=True)
class NyulScale:
    """A standard scale: the intensity on it of each of ``PERCENTILES``. Plain numbers; goes through JSON."""

    landmarks: tuple[float, ...]

    def apply(self, volume: Volume) -> Volume:
        """``volume`` with its percentiles moved to the landmarks, linear between and beyond them.

        Raises:
            BadInput: ``volume-invalid``: the foreground is all alike.
        """
        own = _percentiles(volume)
        standard = np.array(self.landmarks)
        rising = np.append(True, np.diff(own) > 0)  # a percentile met twice says nothing new
        own, standard = own[rising], standard[rising]
        values = volume.values.astype(np.float64)
        mapped = np.interp(values, own, standard)
        first = (standard[1] - standard[0]) / (own[1] - own[0])
        last = (standard[-1] - standard[-2]) / (own[-1] - own[-2])
        mapped = np.where(values < own[0], standard[0] + (values - own[0]) * first, mapped)
        mapped = np.where(values > own[-1], standard[-1] + (values - own[-1]) * last, mapped)
        return volume.with_values(mapped)


def learn_nyul(volumes: Iterable[Volume]) -> NyulScale:
    """The mean of the landmarks of ``volumes``, each first stretched to ``SCALE``; one volume in memory at a time.

    Raises:
        BadInput: ``volume-invalid``: no volumes, or one whose foreground is all alike.
    """
    total, count = np.zeros(len(PERCENTILES)), 0
    for volume in volumes:
        own = _percentiles(volume)
        total += SCALE[0] + (own - own[0]) * (SCALE[1] - SCALE[0]) / (own[-1] - own[0])
        count += 1
    if not count:
        raise BadInput("volume-invalid", "there are no volumes to learn a scale from")
    return NyulScale(tuple(float(landmark) for landmark in total / count))


def _percentiles(volume: Volume) -> Array:
    inside = volume.values[foreground(volume.values)]
    own = np.percentile(inside, PERCENTILES).astype(np.float64) if inside.size else np.zeros(len(PERCENTILES))
    if own[-1] <= own[0]:
        raise BadInput("volume-invalid", "there is nothing but one value")
    return own


def n4(
    volume: Volume, mask: Array | None = None, *, shrink: int = 4, iterations: Sequence[int] = (50, 50, 50)
) -> Volume:
    """``volume`` without its bias field, which is estimated on a grid ``shrink`` times coarser. Needs SimpleITK.

    Raises:
        OncofedError: ``package-missing``: SimpleITK is not installed.
    """
    try:
        itk: Any = importlib.import_module("SimpleITK")
    except ModuleNotFoundError as absent:
        raise OncofedError("package-missing", "N4 needs the package SimpleITK") from absent
    image = itk.GetImageFromArray(volume.values.astype(np.float32))
    image.SetSpacing(volume.spacing[::-1])
    inside = itk.GetImageFromArray((foreground(volume.values) if mask is None else mask).astype(np.uint8))
    inside.CopyInformation(image)
    factors = [max(min(shrink, length // 8), 1) for length in volume.values.shape[::-1]]
    correction = itk.N4BiasFieldCorrectionImageFilter()
    correction.SetMaximumNumberOfIterations([int(count) for count in iterations])
    correction.Execute(itk.Shrink(image, factors), itk.Shrink(inside, factors))
    field = itk.GetArrayFromImage(itk.Exp(correction.GetLogBiasFieldAsImage(image)))
    return volume.with_values(volume.values / field)
