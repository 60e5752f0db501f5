"""The one form of a benchmark's result: figures with their bounds, the peers beside them, and the machine."""

import math
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Figure:
    """One measured number. ``at_most`` / ``at_least`` is the promise it must keep; neither: told, not promised."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the promise is kept."""
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )

    @property
    def bound(self) -> str | None:
        """The promise in words: ``<= 500``."""
        parts = [f"<= {self.at_most:g}"] if self.at_most is not None else []
        parts += [f">= {self.at_least:g}"] if self.at_least is not None else []
        return " and ".join(parts) or None

    def as_json(self) -> dict[str, Any]:
        """The figure as printed."""
        return {"name": self.name, "value": self.value, "unit": self.unit, "bound": self.bound, "holds": self.holds}


class Measured(NamedTuple):
    """What one part of a benchmark found: its own figures, and the peers measured in the same run."""

    figures: list[Figure]
    peers: list[Figure]


@dataclass(frozen=True)
class Machine:
    """What the figures were measured on."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str


def machine() -> Machine:
    """Describe this machine (Linux; elsewhere the processor is what Python knows)."""
    model = platform.processor()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Machine(model, os.cpu_count() or 1, round(memory, 1), platform.platform(), platform.python_version())


def report(bench: str, figures: Sequence[Figure], peers: Sequence[Figure] = ()) -> dict[str, Any]:
    """The JSON object every ``oncofed bench NAME --json`` prints."""
    return {
        "bench": bench,
        "machine": asdict(machine()),
        "figures": [figure.as_json() for figure in figures],
        "peers": [figure.as_json() for figure in peers],
    }


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` % of ``values`` do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)
