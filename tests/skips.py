"""Which reasons for skipping a test stand in continuous integration (CI=true), where nothing may be skipped quietly."""

from pathlib import Path

SHARED = Path(__file__).parent.parent.parent / "shared"
"""Material beside the repository: a larger corpus of real DICOM files, and facts. Not everybody has it."""

SYSTEM_PROGRAM = "system program"
SHARED_ABSENT = "../shared is absent"


def forbidden_in_ci(reason: str, *, shared_is_there: bool) -> bool:
    """Skipping for want of a system program never stands; for want of ``../shared`` only where it really is absent."""
    return SYSTEM_PROGRAM in reason or (SHARED_ABSENT in reason and shared_is_there)
