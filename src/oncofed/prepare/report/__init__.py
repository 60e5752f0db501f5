"""The report of a check: one page that stands by itself, and the same as JSON."""

from oncofed.prepare.report.write import write_report

__all__ = ["write_report"]
