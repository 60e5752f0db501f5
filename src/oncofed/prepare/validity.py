"""Errors that dciodvfy (dicom3tools, if installed) finds in an object, to compare before and after."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

PROGRAM = "dciodvfy"
_VALUE = re.compile(r"= ?(?:<[^>]*>|'[^']*'|\S+)")
_TIMEOUT = 60.0


def installed() -> bool:
    """Whether the program is on the path."""
    return shutil.which(PROGRAM) is not None


def errors(path: Path) -> Counter[str] | None:
    """Its errors without the values in them; None where it gives no judgement."""
    program = shutil.which(PROGRAM)
    if program is None:
        return None
    try:
        done = subprocess.run([program, "-new", str(path)], capture_output=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return None
    lines = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    return Counter(_VALUE.sub("= …", line).strip() for line in lines if line.startswith("Error"))
