"""Facts of the files of a release, kept on disk while it is checked: memory does not grow with the number of files."""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from oncofed.imaging.quality.instance import Instance
from oncofed.imaging.quality.pixels import NOT_COMPARABLE

_SCHEMA = """
CREATE TABLE instance (series TEXT, study TEXT, patient TEXT, uid TEXT, modality TEXT, digest TEXT, likeness TEXT,
                       path TEXT, facts TEXT);
CREATE TABLE reference (uid TEXT, modality TEXT, target TEXT);
"""
_INDEXES = """
CREATE INDEX by_series ON instance (series);
CREATE INDEX by_uid ON instance (uid);
CREATE INDEX by_digest ON instance (digest) WHERE digest <> '';
"""
DERIVED = ("SEG", "RTSTRUCT", "SR", "ANN", "PR", "RWV", "REG", "RTDOSE", "RTPLAN", "KO")
"""Modalities of objects that say something about other objects."""
MAX_COMPARED = 100_000
"""Above so many images, only the first of each series are compared for likeness (exact copies: always all)."""


class Spool:
    """A temporary SQLite file of instances. Use as a context: it is gone afterwards."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="oncofed-check-")
        self._database = sqlite3.connect(Path(self._directory.name) / "facts.sqlite", isolation_level=None)
        self._database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        self._directory.cleanup()

    def fill(self, instances: Iterable[Instance]) -> None:
        """Take all instances; once."""
        self._database.execute("BEGIN")
        for one in instances:
            pixels = one.pixels
            row = (one.series, one.study, one.patient, one.uid, one.modality)
            comparable = pixels is not None and pixels.high > pixels.low and one.modality not in NOT_COMPARABLE
            prints = (pixels.digest, pixels.likeness) if pixels and comparable else ("", "")
            self._database.execute(
                "INSERT INTO instance VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, *prints, one.path, one.model_dump_json()),
            )
            if one.modality in DERIVED:
                targets = ((one.uid, one.modality, target) for target in one.references)
                self._database.executemany("INSERT INTO reference VALUES (?, ?, ?)", targets)
        self._database.execute("COMMIT")
        self._database.executescript(_INDEXES)

    def by_series(self) -> Iterator[list[Instance]]:
        """The instances of one series after another; a series that several patients or studies share, once for each."""
        query = "SELECT series, study, patient, facts FROM instance ORDER BY series, patient, study, path"
        key: tuple[str, str, str] | None = None
        found: list[Instance] = []
        for series, study, patient, facts in self._database.execute(query):
            if key != (series, study, patient) and found:
                yield found
                found = []
            key = (series, study, patient)
            found.append(Instance.model_validate_json(facts))
        if found:
            yield found

    def shared_series(self) -> set[str]:
        """Series UIDs that stand in more than one study or patient."""
        query = """SELECT series FROM instance GROUP BY series
                   HAVING count(DISTINCT study) > 1 OR count(DISTINCT patient) > 1"""
        return {series for (series,) in self._database.execute(query)}

    def counts(self) -> tuple[int, int, int, int]:
        """Distinct instances, series, studies, patients."""
        query = "SELECT count(DISTINCT uid), count(DISTINCT series), count(DISTINCT study), count(DISTINCT patient)"
        instances, series, studies, patients = self._database.execute(f"{query} FROM instance").fetchone()
        return instances, series, studies, patients

    def references(self) -> tuple[int, dict[str, int]]:
        """References that objects make to instances, and how many of each lead nowhere (object UID → count)."""
        ((every,),) = self._database.execute("SELECT count(*) FROM reference").fetchall()
        query = """SELECT r.uid, count(*) FROM reference r
                   WHERE NOT EXISTS (SELECT 1 FROM instance i WHERE i.uid = r.target) GROUP BY r.uid"""
        return every, dict(self._database.execute(query).fetchall())

    def referring_series(self) -> dict[str, str]:
        """UID of each derived object → the series it stands in."""
        return dict(
            self._database.execute("SELECT DISTINCT i.uid, i.series FROM instance i JOIN reference USING (uid)")
        )

    def linked_objects(self, *kinds: str) -> int:
        """Derived objects of these modalities at least one of whose references is resolved."""
        marks = ", ".join("?" for _ in kinds)
        query = (
            "SELECT count(DISTINCT r.uid) FROM reference r JOIN instance i ON i.uid = r.target "  # noqa: S608
            f"WHERE r.modality IN ({marks})"
        )
        ((linked,),) = self._database.execute(query, kinds).fetchall()
        return int(linked)

    def comparable(self) -> list[tuple[str, str, str, str]]:
        """(patient, likeness, digest, path) of the images to compare across patients."""
        ((count,),) = self._database.execute("SELECT count(*) FROM instance WHERE likeness <> ''").fetchall()
        query = "SELECT patient, likeness, digest, path FROM instance WHERE likeness <> '' "
        query += "GROUP BY series ORDER BY path" if count > MAX_COMPARED else "ORDER BY path"
        return list(self._database.execute(query))

    def copies(self) -> list[tuple[str, str, int, str, str]]:
        """Pairs of patients with images of equal pixels: (first, second, images, a path of each)."""
        query = """SELECT a.patient, b.patient, count(DISTINCT a.digest), min(a.path), min(b.path)
                   FROM instance a JOIN instance b ON a.digest = b.digest AND a.patient < b.patient
                   WHERE a.digest <> '' GROUP BY 1, 2"""
        return list(self._database.execute(query))
