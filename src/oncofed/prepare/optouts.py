"""Patients who have said no: kept as keyed pseudonyms only, left out of every release made from then on.

``optouts.tsv`` in the node's data directory, mode 0600: pseudonym, tab, since when (ISO 8601). Without the node's
secret nobody can tell who is meant, or test a guess.
"""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from oncofed.contracts.errors import BadInput
from oncofed.files import write_durably
from oncofed.prepare.journal import disk_full_told
from oncofed.prepare.run import Run
from oncofed.trust.pseudonyms import Pseudonyms

FILE = "optouts.tsv"


class Imported(NamedTuple):
    """What an import did: patients that the list names, and those that were not known before."""

    named: int
    new: int


def read(directory: Path) -> dict[str, str]:
    """Since when each patient (by the node's pseudonym) has opted out."""
    try:
        lines = (directory / FILE).read_text().splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split("\t", 1) for line in lines if "\t" in line)


def add(directory: Path, listed: Path, pseudonyms: Pseudonyms, now: datetime) -> Imported:
    """Add the patients that a text file names: ``ID`` or ``ID<tab>issuer`` a line, ``#`` begins a remark.

    Without an issuer the patients of that ID of every issuer are meant. Nobody is ever taken off by an import.

    Raises:
        BadInput: ``source-unreadable``: the list cannot be read as text.
    """
    try:
        lines = listed.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("source-unreadable", f"the list of opt-outs, {listed.name}") from error
    rows = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    named = {pseudonyms.patient(row[0], row[1] if len(row) > 1 else "") for row in rows} - {""}
    known = read(directory)
    new = named - known.keys()
    known |= dict.fromkeys(new, now.isoformat(timespec="seconds"))
    with disk_full_told():
        write_durably(directory / FILE, "".join(f"{key}\t{since}\n" for key, since in sorted(known.items())).encode())
    return Imported(len(named), len(new))


def left_out(run: Run, optouts: dict[str, str]) -> frozenset[str]:
    """Pseudonyms, as the run has them, of its patients who have opted out."""
    return frozenset(
        key
        for key, *own in run.connection.execute("SELECT patient_key, node_key, bare_key FROM people")
        if not optouts.keys().isdisjoint(own)
    )
