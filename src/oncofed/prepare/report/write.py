"""Writes ``report.json`` and ``report.html``: node-private, whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oncofed.files import write_durably
from oncofed.prepare.checks.findings import Findings
from oncofed.prepare.journal import disk_full_told
from oncofed.prepare.report.page import page

JSON_NAME, PAGE_NAME = "report.json", "report.html"


def write_report(findings: Findings, certificate: Mapping[str, Any] | None, directory: Path) -> tuple[Path, Path]:
    """Write both files into ``directory`` (made where absent), readable by their owner only; their paths.

    Raises:
        OncofedError: ``disk-full``; what stood there before is untouched.
    """
    directory.mkdir(parents=True, exist_ok=True)
    rendered = page(findings, certificate)
    json_path, page_path = directory / JSON_NAME, directory / PAGE_NAME
    with disk_full_told():
        write_durably(json_path, findings.model_dump_json(indent=1).encode())
        write_durably(page_path, rendered.encode())
    return json_path, page_path
