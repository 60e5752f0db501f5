"""Text burned into pixels: assess the risk, plan the masks, apply them, and look again."""

from oncofed.imaging.pixels.applying import apply, residual
from oncofed.imaging.pixels.frames import Undecodable
from oncofed.imaging.pixels.planning import CLEAN_PIXEL_DATA, Plan, plan
from oncofed.imaging.pixels.rectangles import Rectangle
from oncofed.imaging.pixels.risk import Level, Risk, assess
from oncofed.imaging.pixels.search import Found
from oncofed.imaging.pixels.text import identifiers

__all__ = [
    "CLEAN_PIXEL_DATA",
    "Found",
    "Level",
    "Plan",
    "Rectangle",
    "Risk",
    "Undecodable",
    "apply",
    "assess",
    "identifiers",
    "plan",
    "residual",
]
