"""``Warehouse``: exact answers over the releases of a node, read-only, within a time and a memory limit.

Everything it returns is exact and node-private: what may leave is decided by ``disclosure``.

Threads: one ``Warehouse`` may be used by several threads, each call works on its own cursor; ``refresh`` and ``remove``
must not run beside a count. Old shards stay attached while a load elsewhere writes a new one.
"""

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import BadInput, Corrupt, Refused
from oncofed.contracts.query import Query
from oncofed.trust.pseudonyms import Pseudonyms
from oncofed.warehouse.compile import Condition, compile_query, everyone, human
from oncofed.warehouse.digest import content_digests
from oncofed.warehouse.index import ShardIndex, read_index
from oncofed.warehouse.marginals import marginal_sql
from oncofed.warehouse.shards import ExactSize, Release, Shard, forget_release, read_shards

Name = tuple[str, str]
"""Dataset id and release."""
Rows = list[tuple[object, ...]]

MEMORY_LIMIT = "256MB"
"""DuckDB's share of an answering node; a million patients' projection is scanned in less."""
TIMEOUT_SECONDS = 20.0


class _Open:
    """A shard that is attached: its name in SQL and its dictionaries, read at first use."""

    def __init__(self, shard: Shard, schema: str) -> None:
        self.shard = shard
        self.schema = schema
        self._index: ShardIndex | None = None

    def index(self, connection: duckdb.DuckDBPyConnection) -> ShardIndex:
        if self._index is None:
            self._index = read_index(connection, self.schema)
        return self._index


@dataclass(frozen=True)
class _Part:
    """What one shard contributes: the condition on its ``flat_patient p``; ``single``: one release is asked of it."""

    schema: str
    condition: Condition
    single: bool

    def select(self, columns: str, joined: str = "") -> str:
        """The SELECT of ``columns`` over the matching patients."""
        return f"SELECT {columns} FROM {self.schema}.main.flat_patient p{joined} WHERE {self.condition.sql}"


class Warehouse:
    """All shards of a directory behind one read-only interface; ``close`` it, or use it as a context."""

    def __init__(
        self,
        directory: Path,
        memory_limit: str = MEMORY_LIMIT,
        threads: int = 1,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._directory = directory
        self._timeout = timeout_seconds
        self._connection = duckdb.connect(
            config={
                "memory_limit": memory_limit,
                "threads": threads,
                "temp_directory": "",
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        self._open: dict[str, _Open] = {}
        self._names: dict[Name, tuple[_Open, int, Release]] = {}
        self.refresh()

    def __enter__(self) -> "Warehouse":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all files."""
        self._connection.close()

    def refresh(self) -> None:
        """Attach shards that are new and let go of those that are gone. ``Corrupt`` if one cannot be opened."""
        shards = {shard.path.name: shard for shard in read_shards(self._directory)}
        for name in set(self._open) - set(shards):
            self._connection.execute(f"DETACH {self._open.pop(name).schema}")
        for name, shard in shards.items():
            if name in self._open:
                self._open[name].shard = shard
            else:
                self._open[name] = self._attach(shard)
        self._names = {
            release.name: (opened, number, release)
            for opened in self._open.values()
            for number, release in opened.shard.releases.items()
        }

    def _attach(self, shard: Shard) -> _Open:
        schema = f"shard_{shard.path.name}"
        location = str(shard.database).replace("'", "''")
        try:
            self._connection.execute(f"ATTACH '{location}' AS {schema} (READ_ONLY)")
        except duckdb.Error as error:
            raise Corrupt("release-corrupt", f"the database of shard {shard.path.name} cannot be opened") from error
        return _Open(shard, schema)

    def releases(self) -> tuple[Release, ...]:
        """All releases that stand, by dataset and release name."""
        return tuple(self._names[name][2] for name in sorted(self._names))

    def count(self, query: Query, releases: Collection[Name], by: str | None = None) -> dict[str, int]:
        """Distinct patients over the union of ``releases`` that meet the canonical ``query``.

        One cell ``""``; with ``by`` one cell per rolled-up value that occurs (``missing`` among them), in which a
        patient with several values stands several times. Raises ``Refused`` with ``query-timeout`` or
        ``query-memory``, ``BadInput`` for a release that does not stand here.
        """
        parts = self._parts(query, releases)
        if by is None:
            return {"": self._count_distinct(parts)}
        return self._count_by(parts, by)

    def population(self, release: Name) -> int:
        """Human patients of a release."""
        return self.count(human(), [release])[""]

    def size(self, release: Name) -> ExactSize:
        """Patients of any species, studies, series and instances of a release."""
        return self._found(release)[2].size

    def clamped_size(self, release: Name, clamps: Mapping[str, int]) -> ExactSize:
        """``size``, but of each patient at most ``clamps`` studies, series and instances."""
        opened, _, known = self._found(release)
        sums = ", ".join(f"coalesce(sum(least({kind}, ?)), 0)" for kind in ("studies", "series", "instances"))
        schema = f"{opened.schema}.main"
        sql = f"""
            SELECT count(*), {sums} FROM (
                SELECT count(study_uid) AS studies, coalesce(sum(n_series), 0) AS series,
                       coalesce(sum(n_instances), 0) AS instances
                FROM {schema}.patient LEFT JOIN {schema}.imaging_study USING (dataset_id, patient_key)
                WHERE dataset_id = ? GROUP BY patient_key)"""
        limits = [clamps[kind] for kind in ("studies", "series", "instances")]
        ((patients, *others),) = self._rows(sql, [*limits, known.dataset.dataset_id])
        return ExactSize(int(str(patients)), *(int(str(number)) for number in others))

    def marginal(self, release: Name, criteria: Sequence[str], clamp: int = 3) -> dict[tuple[str, ...], int]:
        """Patients of a release by the rolled-up cells of one or two criteria, each patient in at most ``clamp`` cells.

        A patient in more is put into those whose hash with the patient's (keyed) pseudonym is least: the same every
        time, and unknown outside the node. Human patients, except for the marginal of ``species`` alone.
        """
        names = tuple(criteria)
        (part,) = self._parts(everyone() if names == ("species",) else human(), [release])
        units = part.select(", ".join(["p.unit", "p.key", *(f"p.c_{_column(name)}" for name in names)]))
        sql = marginal_sql(units, part.schema, names, clamp)
        rows = self._rows(sql, [*part.condition.parameters, *names])
        return {tuple(str(cell) for cell in cells): int(str(count)) for *cells, count in rows}

    def verify(self, release: Name, pseudonyms: Pseudonyms) -> None:
        """Compute the content digest again from the rows; ``Corrupt`` if it is not the release's."""
        opened, _, known = self._found(release)
        with self._cursor() as cursor:
            digests = content_digests(cursor, pseudonyms, f"{opened.schema}.main", known.dataset.dataset_id)
        if digests.get(known.dataset.dataset_id) != known.digest:
            raise Corrupt("release-corrupt", f"{release[0]} {release[1]}")

    def remove(self, release: Name) -> None:
        """Forget a release; the files go when no release of their shard is left."""
        self._found(release)
        forget_release(self._directory, release)
        self.refresh()

    def patient_keys(self, query: Query, releases: Collection[Name]) -> frozenset[str]:
        """Pseudonyms of the patients that meet the query. Node-private; for checks and cohorts inside the node."""
        rows = (row for part in self._parts(query, releases)
                for row in self._rows(part.select("DISTINCT key"), part.condition.parameters))  # fmt: skip
        return frozenset(f"{key:032x}" for (key,) in rows)

    def _found(self, name: Name) -> tuple[_Open, int, Release]:
        try:
            return self._names[name]
        except KeyError:
            raise BadInput("release-unknown", f"{name[0]} {name[1]}") from None

    def _parts(self, query: Query, releases: Collection[Name]) -> list[_Part]:
        wanted: dict[str, set[int]] = {}
        for name in releases:
            opened, number, _ = self._found(name)
            wanted.setdefault(opened.shard.path.name, set()).add(number)
        parts = []
        for shard, numbers in sorted(wanted.items()):
            opened = self._open[shard]
            condition = compile_query(query, numbers, opened.index(self._connection), opened.schema)
            parts.append(_Part(opened.schema, condition, len(numbers) == 1))
        return parts

    def _count_distinct(self, parts: list[_Part]) -> int:
        if not parts:
            return 0
        parameters = [value for part in parts for value in part.condition.parameters]
        if len(parts) == 1:
            sql = parts[0].select("count(*)" if parts[0].single else "count(DISTINCT pid)")
        else:
            sql = f"SELECT count(DISTINCT key) FROM ({' UNION ALL '.join(part.select('key') for part in parts)})"
        return int(str(self._rows(sql, parameters)[0][0]))

    def _count_by(self, parts: list[_Part], by: str) -> dict[str, int]:
        if not parts:
            return {}
        union = " UNION ALL ".join(
            part.select(
                "key, s.cell", f" JOIN {part.schema}.main.set_cell s ON s.criterion = ? AND s.id = p.c_{_column(by)}"
            )
            for part in parts
        )
        parameters = [value for part in parts for value in (by, *part.condition.parameters)]
        rows = self._rows(f"SELECT cell, count(DISTINCT key) FROM ({union}) GROUP BY cell ORDER BY cell", parameters)
        return {str(cell): int(str(count)) for cell, count in rows}

    def _rows(self, sql: str, parameters: Sequence[object]) -> Rows:
        with self._cursor() as cursor:
            return cursor.execute(sql, list(parameters)).fetchall()

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor that is interrupted when the time is up."""
        cursor = self._connection.cursor()
        timer = threading.Timer(self._timeout, cursor.interrupt)
        timer.start()
        try:
            yield cursor
        except duckdb.InterruptException as error:
            raise Refused("query-timeout", f"stopped after {self._timeout:g} s") from error
        except duckdb.OutOfMemoryException as error:
            raise Refused("query-memory") from error
        finally:
            timer.cancel()
            cursor.close()


def _column(criterion: str) -> str:
    """The criterion's name as part of a column's name; only what the contract names gets into SQL."""
    if criterion not in CRITERIA:
        raise BadInput("query-unknown-criterion", criterion)
    return criterion
