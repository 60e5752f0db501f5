"""Quality and integrity of images: facts of each file, and what they say about each series."""

from oncofed.imaging.quality.instance import Instance, Unreadable, read_instance
from oncofed.imaging.quality.register import CHECKS, Check, Dimension, Severity

__all__ = ["CHECKS", "Check", "Dimension", "Instance", "Severity", "Unreadable", "read_instance"]
