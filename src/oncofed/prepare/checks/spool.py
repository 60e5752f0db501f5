"""Facts of the files of a release, kept on disk while it is checked: memory does not grow with the number of files.

Nothing that is read here depends on the order in which the files came in.
"""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from oncofed.imaging.quality.instance import Instance, Unreadable
from oncofed.imaging.quality.pixels import NOT_COMPARABLE
from oncofed.imaging.quality.series import Issue, SeriesQuality

_SCHEMA = """
CREATE TABLE instance (number INTEGER PRIMARY KEY, series TEXT, study TEXT, patient TEXT, uid TEXT, modality TEXT,
                       digest TEXT, likeness TEXT, path TEXT, facts TEXT);
CREATE TABLE reference (object INTEGER, target TEXT);
CREATE TABLE left_out (path TEXT, code TEXT);
CREATE TABLE remark (series TEXT, patient TEXT, study TEXT, "check" TEXT, count INTEGER);
CREATE TABLE issue ("check" TEXT, patient TEXT, count INTEGER);
CREATE TABLE quality (worst INTEGER, issues INTEGER, modality TEXT, series TEXT, patient TEXT, study TEXT,
                      bytes INTEGER, facts TEXT);
"""
_INDEXES = """
CREATE INDEX by_series ON instance (series, patient, study, path);
CREATE INDEX by_uid ON instance (uid);
CREATE INDEX by_digest ON instance (digest, patient) WHERE digest <> '';
"""
_REMARKS = """
INSERT INTO remark SELECT DISTINCT series, patient, study, 'series-shared', 1 FROM instance WHERE series IN (
    SELECT series FROM instance GROUP BY series HAVING min(study) < max(study) OR min(patient) < max(patient));
INSERT INTO remark SELECT i.series, i.patient, i.study, 'reference-dangling', count(*)
    FROM reference r JOIN instance i ON i.number = r.object
    WHERE NOT EXISTS (SELECT 1 FROM instance t WHERE t.uid = r.target) GROUP BY 1, 2, 3;
"""
DERIVED = ("SEG", "RTSTRUCT", "SR", "ANN", "PR", "RWV", "REG", "RTDOSE", "RTPLAN", "KO")
"""Modalities of objects that say something about other objects."""


class Spool:
    """A temporary SQLite database of instances, and of what is found about them. Use as a context: then it is gone."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="oncofed-check-")
        self.database = sqlite3.connect(Path(self._directory.name) / "facts.sqlite", isolation_level=None)
        self.database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()
        self._directory.cleanup()

    def fill(self, files: Iterable[Instance | Unreadable]) -> None:
        """Take all files; once."""
        self.database.execute("BEGIN")
        for one in files:
            if isinstance(one, Unreadable):
                self.database.execute("INSERT INTO left_out VALUES (?, ?)", (one.path, one.code))
            else:
                self._take(one)
        self.database.execute("COMMIT")
        self.database.executescript(_INDEXES)

    def _take(self, one: Instance) -> None:
        pixels = one.pixels
        comparable = pixels is not None and pixels.high > pixels.low and one.modality not in NOT_COMPARABLE
        prints = (pixels.digest, pixels.likeness) if pixels and comparable else ("", "")
        number = self.database.execute(
            "INSERT INTO instance VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (one.series, one.study, one.patient, one.uid, one.modality, *prints, one.path, one.model_dump_json()),
        ).lastrowid
        if one.modality in DERIVED:
            targets = ((number, target) for target in one.references)
            self.database.executemany("INSERT INTO reference VALUES (?, ?)", targets)

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query: for results that do not grow with the release."""
        return self.database.execute(query, parameters).fetchall()

    def by_series(self, *modalities: str) -> Iterator[list[Instance]]:
        """The instances of one series after another; a series that several patients or studies share, once for each.

        ``modalities``: only instances of these; all where none is named.
        """
        which = f"WHERE modality IN ({', '.join('?' for _ in modalities)})" if modalities else ""
        query = f"SELECT series, patient, study, facts FROM instance {which} ORDER BY series, patient, study, path"  # noqa: S608
        key: tuple[str, str, str] | None = None
        found: list[Instance] = []
        for series, patient, study, facts in self.database.execute(query, modalities):
            if key != (series, patient, study) and found:
                yield found
                found = []
            key = (series, patient, study)
            found.append(Instance.model_validate_json(facts))
        if found:
            yield found

    def left_out(self, most: int) -> tuple[int, list[Unreadable]]:
        """How many files cannot be used, and the first ``most`` of them."""
        ((count,),) = self.rows("SELECT count(*) FROM left_out")
        first = self.rows("SELECT path, code FROM left_out ORDER BY path LIMIT ?", (most,))
        return count, [Unreadable(path=path, code=code) for path, code in first]

    def counts(self) -> tuple[int, int, int, int]:
        """Distinct instances, series, studies, patients."""
        query = "SELECT count(DISTINCT uid), count(DISTINCT series), count(DISTINCT study), count(DISTINCT patient)"
        ((instances, series, studies, patients),) = self.rows(f"{query} FROM instance")
        return instances, series, studies, patients

    def references(self) -> tuple[int, int]:
        """References that derived objects make to instances, and how many of them lead nowhere."""
        ((every, dangling),) = self.rows(
            """SELECT (SELECT count(*) FROM reference),
                      (SELECT coalesce(sum(count), 0) FROM remark WHERE "check" = 'reference-dangling')"""
        )
        return every, dangling

    def linked_objects(self, *kinds: str) -> int:
        """Derived objects of these modalities at least one of whose references is resolved."""
        marks = ", ".join("?" for _ in kinds)
        query = (
            "SELECT count(DISTINCT o.uid) FROM reference r JOIN instance o ON o.number = r.object "  # noqa: S608
            f"WHERE o.modality IN ({marks}) AND EXISTS (SELECT 1 FROM instance t WHERE t.uid = r.target)"
        )
        ((linked,),) = self.rows(query, kinds)
        return int(linked)

    def remark(self) -> None:
        """Note of each series what only the whole release tells: shared identifiers, dangling references."""
        self.database.executescript(_REMARKS)
        self.database.execute("CREATE INDEX by_remark ON remark (series, patient, study)")

    def remarks(self, one: SeriesQuality) -> list[Issue]:
        """What was noted of a series."""
        query = 'SELECT "check", count FROM remark WHERE series = ? AND patient = ? AND study = ? ORDER BY rowid'
        found = self.database.execute(query, (one.series, one.patient, one.study))
        return [Issue(check=check, count=count) for check, count in found]

    def keep(self, one: SeriesQuality, worst: int) -> None:
        """Remember the quality of a series. ``worst``: the lower, the earlier it is listed."""
        issues = ((issue.check, one.patient, issue.count) for issue in one.issues)
        self.database.executemany("INSERT INTO issue VALUES (?, ?, ?)", issues)
        self.database.execute(
            "INSERT INTO quality VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                worst,
                len(one.issues),
                one.modality,
                one.series,
                one.patient,
                one.study,
                one.bytes,
                one.model_dump_json(),
            ),
        )

    def worst(self, most: int) -> list[SeriesQuality]:
        """At most so many series, the worst first."""
        query = "SELECT facts FROM quality ORDER BY worst, issues DESC, modality, series, patient, study LIMIT ?"
        return [SeriesQuality.model_validate_json(facts) for (facts,) in self.database.execute(query, (most,))]

    def spread(self, modalities: Iterable[str]) -> Iterator[SeriesQuality]:
        """Series of these modalities: one of each in turn, of another patient each time as long as there is one."""
        listed = list(modalities)
        query = f"""
            SELECT facts FROM (
                SELECT facts, modality,
                       row_number() OVER (PARTITION BY modality ORDER BY turn, patient, series) AS place
                FROM (SELECT facts, modality, patient, series,
                             row_number() OVER (PARTITION BY modality, patient ORDER BY series, study) AS turn
                      FROM quality WHERE modality IN ({", ".join("?" for _ in listed)})))
            ORDER BY place, modality"""  # noqa: S608 (question marks)
        for (facts,) in self.database.execute(query, listed):
            yield SeriesQuality.model_validate_json(facts)
