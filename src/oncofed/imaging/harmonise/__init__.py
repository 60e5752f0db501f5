"""Harmonisation of images as tools on a release: resampling, bias field, intensity, and ComBat for features."""

from oncofed.imaging.harmonise.combat import Combat, learn_combat
from oncofed.imaging.harmonise.intensity import NyulScale, foreground, learn_nyul, n4, z_score
from oncofed.imaging.harmonise.release import Harmonised, Steps, harmonise
from oncofed.imaging.harmonise.resample import resample
from oncofed.imaging.harmonise.volume import Volume, read_volume, write_nifti

__all__ = [
    "Combat",
    "Harmonised",
    "NyulScale",
    "Steps",
    "Volume",
    "foreground",
    "harmonise",
    "learn_combat",
    "learn_nyul",
    "n4",
    "read_volume",
    "resample",
    "write_nifti",
    "z_score",
]
