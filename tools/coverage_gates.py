"""The coverage gates: branch coverage in all, and complete coverage where a mistake would let data out.

Usage: python tools/coverage_gates.py REPORT.json (as `coverage json` writes it). Ends with 1 when a gate is missed.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OVERALL = 95.0
COMPLETE = (
    "src/oncofed/contracts/",
    "src/oncofed/trust/",
    "src/oncofed/disclosure/",
    "src/oncofed/node/policy.py",
    "src/oncofed/node/outbox.py",
)


def percentage(summary: Mapping[str, Any]) -> float:
    """Lines and branches covered, of all, in percent; 100 where there is nothing to cover."""
    everything = summary["num_statements"] + summary["num_branches"]
    covered = summary["covered_lines"] + summary["covered_branches"]
    return float(100 * covered / everything) if everything else 100.0


def gaps(report: Mapping[str, Any]) -> list[str]:
    """One line for each gate that is missed, the files with the most uncovered first."""
    found = []
    total = percentage(report["totals"])
    if total < OVERALL:
        found.append(f"coverage is {total:.2f} % of lines and branches; the gate is {OVERALL:g} %")
        found += [f"    {missed:5} uncovered in {path}" for missed, path in _worst(report["files"])]
    for path, file in sorted(report["files"].items()):
        if path.startswith(COMPLETE) and percentage(file["summary"]) < 100:
            lines = ", ".join(map(str, file["missing_lines"])) or "none"
            branches = ", ".join(f"{start}->{end}" for start, end in file["missing_branches"]) or "none"
            found.append(f"{path} must be covered completely; missing lines: {lines}; missing branches: {branches}")
    found += [f"nothing of {prefix} was measured" for prefix in COMPLETE if not _measured(report, prefix)]
    return found


def _measured(report: Mapping[str, Any], prefix: str) -> bool:
    return any(path.startswith(prefix) for path in report["files"])


def _worst(files: Mapping[str, Any], most: int = 25) -> list[tuple[int, str]]:
    missed = ((f["summary"]["missing_lines"] + f["summary"]["missing_branches"], path) for path, f in files.items())
    return sorted(((count, path) for count, path in missed if count), reverse=True)[:most]


def main(report: str) -> int:
    """Print what is missed; 1 if anything is."""
    content = json.loads(Path(report).read_text(encoding="utf-8"))
    found = gaps(content)
    for line in found:
        sys.stdout.write(f"{line}\n")
    if not found:
        sys.stdout.write(f"coverage: {percentage(content['totals']):.2f} % of lines and branches\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
