"""The linkage table of a run: who is behind a pseudonym, kept only where the profile allows it, and sealed.

``RUN/linkage.sealed`` opens with the node's secret alone (``trust.linkage``). It never leaves the node: a release, a
report and a certificate do not hold it.
"""

from pathlib import Path

from oncofed.contracts.errors import Refused
from oncofed.files import write_durably
from oncofed.prepare.journal import disk_full_told
from oncofed.prepare.recipe import Tools
from oncofed.prepare.run import Run
from oncofed.trust.linkage import Link, opened, sealed
from oncofed.trust.pseudonyms import Pseudonyms


def table(run: Run) -> Path:
    """Where the table stands, if there is one."""
    return run.directory / "linkage.sealed"


def keep(run: Run, tools: Tools) -> None:
    """Write the table of all who are de-identified; without the profile's leave, none is kept, an earlier one goes."""
    if not tools.policy.profile.linkage:
        table(run).unlink(missing_ok=True)
        return
    rows = run.connection.execute(
        """SELECT DISTINCT h."PatientID", h."IssuerOfPatientID" FROM headers h JOIN files f ON f.id = h.file
           WHERE f.state IN ('deidentified', 'verified') AND h."PatientID" <> ''"""
    )
    links = [Link(patient, issuer, tools.pseudonyms.patient(patient, issuer)) for patient, issuer in rows]
    with disk_full_told():
        write_durably(table(run), sealed(links, tools.node_pseudonyms))


def behind(run: Run, pseudonym: str, node: Pseudonyms) -> tuple[Link, ...]:
    """Who is behind a pseudonym; more than one only where an ID was written in two ways.

    Raises:
        Refused: ``linkage-absent``: the profile allows no table, or the pseudonym is not of this run.
        Corrupt: ``linkage-sealed``: it was sealed with another secret.
    """
    if not table(run).is_file():
        raise Refused("linkage-absent", "the run keeps no linkage table")
    found = tuple(link for link in opened(table(run).read_bytes(), node) if link.pseudonym == pseudonym)
    if not found:
        raise Refused("linkage-absent", "no patient of this run has this pseudonym")
    return found
