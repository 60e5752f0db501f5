"""Writes ``report.json`` and ``report.html``: node-private, whole or not at all."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oncofed.contracts.errors import OncofedError
from oncofed.prepare.checks.findings import Findings
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
    _replace(json_path, findings.model_dump_json(indent=1).encode())
    _replace(page_path, rendered.encode())
    return json_path, page_path


def _replace(path: Path, content: bytes) -> None:
    """Write beside, then rename (a temporary file is private, mode 0600)."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OncofedError("disk-full", f"{path.name} could not be written") from error
