"""The check of a release: images, tables, their agreement, annotations, balance, FAIR, risk, tier and label."""

from oncofed.prepare.checks.check import check
from oncofed.prepare.checks.findings import Findings

__all__ = ["Findings", "check"]
