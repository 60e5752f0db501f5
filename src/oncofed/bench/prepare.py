"""`oncofed bench prepare`: what preparation promises, measured part by part, the peers beside it."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from oncofed.bench.report import Figure, report

PARTS = {
    "leaks": "oncofed.bench.prepare_leaks",
    "references": "oncofed.bench.prepare_references",
    "score": "oncofed.bench.prepare_score",
    "pixels": "oncofed.bench.prepare_pixels",
    "mapping": "oncofed.bench.prepare_mapping",
    "speed": "oncofed.bench.prepare_speed",
}
"""Name → module with ``measure(say) -> Measured``."""


def run(parts: Sequence[str], say: Callable[[str], None]) -> dict[str, Any]:
    """Measure the parts named, in their usual order, and report."""
    figures: list[Figure] = []
    peers: list[Figure] = []
    for name, module in PARTS.items():
        if name not in parts:
            continue
        say(name)
        measured = importlib.import_module(module).measure(say)
        figures += measured.figures
        peers += measured.peers
    return report("prepare", figures, peers)
