"""Two papers of the GDPR, filled from a run as far as a machine can know: a data protection impact assessment (Article
35) and an entry of the record of processing activities (Article 30). What only people know is a marked gap in them.
"""

from dataclasses import dataclass
from pathlib import Path

from oncofed.files import write_durably
from oncofed.prepare.certificate import JSON_FILE, Certificate, read_certificate
from oncofed.prepare.journal import disk_full_told
from oncofed.prepare.papers import render
from oncofed.prepare.run import Run

DPIA_FILE, RECORD_FILE = "dpia.md", "processing-record.md"


@dataclass(frozen=True)
class Particulars:
    """What the data holder says of itself; "" leaves a gap to be filled by hand."""

    controller: str = ""
    officer: str = ""
    purpose: str = ""
    legal_basis: str = ""
    retention: str = ""


def write_records(run: Run, particulars: Particulars | None = None) -> tuple[Path, Path]:
    """Write both papers from the run's certificate beside it; their paths.

    Raises:
        Corrupt: ``certificate-invalid``: there is no certificate yet, or it was changed.
    """
    certificate = read_certificate(run.directory / JSON_FILE)
    known = particulars or Particulars()
    places = run.directory / DPIA_FILE, run.directory / RECORD_FILE
    with disk_full_told():
        write_durably(places[0], dpia(certificate, known).encode())
        write_durably(places[1], processing_record(certificate, known).encode())
    return places


def dpia(certificate: Certificate, particulars: Particulars) -> str:
    """The draft of a data protection impact assessment, in Markdown."""
    return render("dpia.md", statement=certificate.statement, key=certificate.key, known=particulars)


def processing_record(certificate: Certificate, particulars: Particulars) -> str:
    """The draft of an entry in the record of processing activities, in Markdown."""
    return render("processing-record.md", statement=certificate.statement, key=certificate.key, known=particulars)
