"""What waits for a person: files that are not released, and words that were taken out of descriptions.

Names of files and words identify patients, so they are written to two private files of the run (``quarantine.tsv``,
``review.tsv``, mode 0600) and never shown on a screen that others may see or keep.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from oncofed.contracts.errors import BadInput
from oncofed.contracts.vocabulary import normalise
from oncofed.files import write_durably
from oncofed.prepare import consistency
from oncofed.prepare.journal import disk_full_told
from oncofed.prepare.run import Run, State, readable

QUARANTINE, WORDS = "quarantine.tsv", "review.tsv"
_PIXELS = "pixels-"
_ENDS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")


@dataclass(frozen=True)
class Group:
    """Files that are held back for one reason and decided together; ``number`` is that of the first of them."""

    number: int
    code: str
    files: int
    modalities: str


def groups(run: Run) -> list[Group]:
    """All that is held back: by patient where the doubt is about who it is, by series for pixels, else by file."""
    rows = run.connection.execute(
        f"""SELECT min(f.id), f.code, count(*), group_concat(DISTINCT h."Modality")
            FROM files f LEFT JOIN headers h ON h.file = f.id WHERE f.state = 'quarantined'
            GROUP BY f.code, {_TOGETHER} ORDER BY f.code, 1"""  # noqa: S608
    )
    return [Group(number, code, files, _known(modalities or "")) for number, code, files, modalities in rows]


def _known(modalities: str) -> str:
    """Modalities that there are: what else stands in the attribute may be anything, a name for one."""
    return ", ".join(sorted({normalise("modality", one) or "other" for one in modalities.split(",") if one}))


_TOGETHER = """CASE WHEN f.code IN ('prepare-patient-shared-id', 'prepare-patient-two-ids') THEN f.patient
    WHEN f.code LIKE 'pixels-%' THEN h."SeriesInstanceUID"
    WHEN f.code = 'prepare-instance-conflict' THEN h."SOPInstanceUID" ELSE f.id END"""


def write_lists(run: Run) -> None:
    """Write the two private lists: of what is not released, and of words."""
    lines = ["number\twhat\tcode\tfile\tpatient\tstudy\tseries"]
    for state, what in ((State.QUARANTINED, "held back"), (State.SKIPPED, "left out")):
        for file in run.files(state):
            columns = (file.header.get(name, "") for name in ("PatientID", "StudyDate", "SeriesDescription"))
            lines.append(_line(str(file.id), what, file.code, readable(file.place), *columns))
    for what, notes in (("no file", run.notes()), ("unmapped", run.notes(clinical=True))):
        lines += [_line("", what, code, place, "", "", "") for code, places in notes.items() for place in places]
    words = ["word\tattribute\tcode\ttimes"]
    for value, path, code, occurs in run.connection.execute(
        "SELECT value, path, code, occurs FROM review ORDER BY occurs DESC, value, path"
    ):
        words.append(_line(value, path, code, str(occurs)))
    with disk_full_told():
        write_durably(run.directory / QUARANTINE, "\n".join((*lines, "")).encode())
        write_durably(run.directory / WORDS, "\n".join((*words, "")).encode())


def _line(*cells: str) -> str:
    """One line of a table: what would end a cell or a line is a space."""
    return "\t".join(_ENDS.sub(" ", cell) for cell in cells)


def accept(run: Run, number: int, rectangles: Sequence[Sequence[int]] = ()) -> int:
    """Let a group pass, and its pixels as they are but for ``rectangles`` ([x0, y0, x1, y1]); the number of files.

    Of different files that claim to be one instance, the file of this number is taken and the others are left out.

    Raises:
        BadInput: ``prepare-review-unknown``: no such group, one that cannot even be read, or rectangles for a volume.
    """
    code, files = _members(run, number)
    if not run.connection.execute("SELECT 1 FROM headers WHERE file = ?", (number,)).fetchall():
        raise BadInput("prepare-review-unknown", "what cannot be read cannot be let pass; it may be rejected")
    if rectangles and any(file.is_volume and file.id in files for file in run.files(State.QUARANTINED)):
        raise BadInput("prepare-review-unknown", "no rectangle is blanked in a NIfTI volume; let it pass, or reject it")
    pixels = json.dumps([list(one) for one in rectangles]) if code.startswith(_PIXELS) else ""
    taken = [number] if code == consistency.INSTANCE_CONFLICT else files
    with run.working():
        run.mark(set(files) - set(taken), State.SKIPPED, consistency.REJECTED)
        with run.transaction():
            run.connection.executemany(
                """UPDATE files SET state = 'indexed', code = '', rectangles = ?1,
                       accepted = trim(accepted || ',' || ?2, ',') WHERE id = ?3""",
                [(pixels, code, file) for file in taken],
            )
    return len(taken)


def reject(run: Run, number: int) -> int:
    """Leave a group out for good; the number of files. A changed file is judged anew by the next scan."""
    _, files = _members(run, number)
    with run.working():
        run.mark(files, State.SKIPPED, consistency.REJECTED)
    return len(files)


def _members(run: Run, number: int) -> tuple[str, list[int]]:
    rows = run.connection.execute(
        f"""SELECT f.id, f.code FROM files f LEFT JOIN headers h ON h.file = f.id
            WHERE f.state = 'quarantined' AND ({_TOGETHER}) IS (
                SELECT {_TOGETHER} FROM files f LEFT JOIN headers h ON h.file = f.id WHERE f.id = ?1)
            AND f.code = (SELECT code FROM files WHERE id = ?1) AND EXISTS (
                SELECT 1 FROM files WHERE id = ?1 AND state = 'quarantined')""",  # noqa: S608
        (number,),
    ).fetchall()
    if not rows:
        raise BadInput("prepare-review-unknown", f"number {number}")
    return rows[0][1], [file for file, _ in rows]
