"""What does not fit together in the index: the same identifier for two things, two identifiers for the same thing.

Such files are quarantined, each with a code, until a person decides: a pseudonym keyed by a wrong identifier would join
two patients, or part one, in every table of the release.
"""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from oncofed.imaging.headers import UNREADABLE
from oncofed.prepare import volumes
from oncofed.prepare.run import Run, State, placed

REPEATED = "file-repeated"
INSTANCE_CONFLICT = "prepare-instance-conflict"
SHARED_ID = "prepare-patient-shared-id"
TWO_IDS = "prepare-patient-two-ids"
REJECTED = "prepare-rejected"
CODES = (REPEATED, INSTANCE_CONFLICT, SHARED_ID, TWO_IDS)

_DATE = re.compile(r"\d{8}")
_CHUNK = 1 << 20


@dataclass
class _Person:
    """All that the files of one patient identifier say about who it is."""

    births: set[str] = field(default_factory=set)
    sexes: set[str] = field(default_factory=set)
    names: set[frozenset[str]] = field(default_factory=set)


def judge(run: Run) -> None:
    """Judge all files that have a header anew; what a person has accepted stays accepted."""
    with run.transaction():
        run.connection.execute(
            f"UPDATE files SET state = 'indexed', code = '' WHERE code IN ({_marks(CODES)}) AND state <> 'gone'",  # noqa: S608
            CODES,
        )
    _repeated(run)
    people = _people(run)
    _quarantine(run, (patient for patient, person in people.items() if _several(person)), SHARED_ID)
    _quarantine(run, _split(people), TWO_IDS)
    _quarantine(run, _studies_shared(run), TWO_IDS)
    withdraw(run)


def withdraw(run: Run) -> None:
    """Remove the de-identified copy of every file that no longer stands."""
    stale = run.connection.execute(
        "SELECT target FROM files WHERE target <> '' AND state NOT IN ('deidentified', 'verified')"
    ).fetchall()
    for (target,) in stale:
        volumes.remove(run.directory / target)
    with run.transaction():
        run.connection.executemany("UPDATE files SET target = '' WHERE target = ?", stale)


def _repeated(run: Run) -> None:
    """The same instance in several files: equal ones count once, different ones are a conflict."""
    rows = run.connection.execute(
        """SELECT h."SOPInstanceUID", f.id, s.location, f.path FROM headers h JOIN files f ON f.id = h.file
           JOIN sources s ON s.id = f.source
           WHERE f.state <> 'gone' AND f.code <> 'prepare-rejected' AND h."SOPInstanceUID" IN (
               SELECT "SOPInstanceUID" FROM headers GROUP BY 1 HAVING count(*) > 1)
           ORDER BY 1, f.source, f.path"""
    ).fetchall()
    copies: dict[str, list[tuple[int, Path]]] = defaultdict(list)
    for uid, number, location, place in rows:
        copies[uid].append((number, Path(location, placed(place))))
    for same in copies.values():
        first, *others = same
        digest = _digest(first[1])
        unequal = [number for number, path in others if _digest(path) != digest]
        if unequal:
            _set(run, [first[0], *unequal], State.QUARANTINED, INSTANCE_CONFLICT)
        _set(run, [number for number, _ in others if number not in unequal], State.SKIPPED, REPEATED)


def _digest(path: Path) -> bytes:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return UNREADABLE.encode()
    return digest.digest()


def _people(run: Run) -> dict[str, _Person]:
    people: dict[str, _Person] = defaultdict(_Person)
    for patient, name, birth, sex in run.connection.execute(
        """SELECT DISTINCT f.patient, h."PatientName", h."PatientBirthDate", h."PatientSex"
           FROM headers h JOIN files f ON f.id = h.file
           WHERE f.state <> 'gone' AND f.code <> 'prepare-rejected'"""
    ):
        person = people[patient]
        if _DATE.fullmatch(birth):
            person.births.add(birth)
        if sex.upper() in ("M", "F"):
            person.sexes.add(sex.upper())
        if words := _words(name):
            person.names.add(words)
    return people


def _words(name: str) -> frozenset[str]:
    """The parts of a name without case, accents, order and punctuation, so that spellings of one name agree."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return frozenset(re.findall(r"[^\W_]{2,}", "".join(c for c in plain if not unicodedata.combining(c))))


def _several(person: _Person) -> bool:
    """Whether this can be no one person: two birth dates, both sexes, or two names without a part in common."""
    names = list(person.names)
    strangers = any(not a & b for place, a in enumerate(names) for b in names[place + 1 :])
    return len(person.births) > 1 or len(person.sexes) > 1 or strangers


def _split(people: dict[str, _Person]) -> list[str]:
    """Identifiers whose name, birth date and sex are the same as those of another one."""
    alike: dict[tuple[frozenset[str], str, str], list[str]] = defaultdict(list)
    for patient, person in people.items():
        if len(person.names) == len(person.births) == len(person.sexes) == 1:
            (name,), (birth,), (sex,) = person.names, person.births, person.sexes
            alike[name, birth, sex].append(patient)
    return [patient for same in alike.values() if len(same) > 1 for patient in same]


def _studies_shared(run: Run) -> list[str]:
    """Patients of a study that several patients have in common."""
    return [
        patient
        for (patient,) in run.connection.execute(
            """SELECT DISTINCT f.patient FROM headers h JOIN files f ON f.id = h.file WHERE h."StudyInstanceUID" IN (
                   SELECT h."StudyInstanceUID" FROM headers h JOIN files f ON f.id = h.file WHERE f.state <> 'gone'
                   GROUP BY 1 HAVING count(DISTINCT f.patient) > 1)"""
        )
    ]


def _quarantine(run: Run, patients: Iterable[str], code: str) -> None:
    """Quarantine all files of patients that still stand, and have not been accepted with this code."""
    with run.transaction():
        for patient in list(patients):
            run.connection.execute(
                """UPDATE files SET state = 'quarantined', code = ?1
                   WHERE patient = ?2 AND state IN ('indexed', 'deidentified', 'verified')
                   AND instr(',' || accepted || ',', ',' || ?1 || ',') = 0""",
                (code, patient),
            )


def _set(run: Run, ids: list[int], state: State, code: str) -> None:
    with run.transaction():
        run.connection.executemany(
            """UPDATE files SET state = ?1, code = ?2
               WHERE id = ?3 AND instr(',' || accepted || ',', ',' || ?2 || ',') = 0""",
            [(state.value, code, number) for number in ids],
        )


def _marks(things: Iterable[object]) -> str:
    return ", ".join("?" for _ in things)
