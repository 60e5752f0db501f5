"""The dictionaries of a shard's projection as bit sets in memory: a criterion becomes a mask over a few thousand ids.

A mask is a Python integer whose bit i stands for id i. Masks are small (a bit per value set or series kind that
occurs), made without looking at any patient's row, and handed to SQL as a ``BIT`` parameter.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from oncofed.contracts.criteria import MISSING
from oncofed.warehouse.extraction import SERIES_CRITERIA, extractions


@dataclass(frozen=True)
class ValueIndex:
    """Which of ``size`` ids hold which value; ``empty`` are those where nothing is recorded."""

    size: int
    holders: dict[str, int]
    empty: int

    @property
    def everything(self) -> int:
        """The mask of all ids."""
        return (1 << self.size) - 1

    def having(self, values: Iterable[str]) -> int:
        """Ids that hold one of ``values``; ``missing`` means nothing recorded."""
        mask = 0
        for value in values:
            mask |= self.empty if value == MISSING else self.holders.get(value, 0)
        return mask

    def as_bits(self, mask: int) -> str:
        """``mask`` as DuckDB reads a BIT: id 0 is the leftmost digit."""
        return format(mask, f"0{self.size}b")[::-1]


@dataclass(frozen=True)
class ShardIndex:
    """``sets``: value sets of each criterion by id. ``kinds``: series kinds by criterion (one value each).

    ``releases``: how many release numbers there are (of removed releases, too).
    """

    sets: dict[str, ValueIndex]
    kinds: dict[str, ValueIndex]
    releases: int

    @property
    def any_kind(self) -> ValueIndex:
        """The index of some series criterion, for what all have in common: the number of kinds."""
        return self.kinds[SERIES_CRITERIA[0]]


def _mask(ids: list[int], size: int) -> int:
    """Bits from ids in one pass (or-ing one at a time would copy the integer each time)."""
    row = bytearray(size // 8 + 1)
    for number in ids:
        row[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(row, "little")


def _value_index(size: int, holders: dict[str, list[int]], empty: list[int]) -> ValueIndex:
    return ValueIndex(size, {value: _mask(ids, size) for value, ids in holders.items()}, _mask(empty, size))


def read_index(connection: duckdb.DuckDBPyConnection, schema: str) -> ShardIndex:
    """Read the dictionaries of the shard attached as ``schema``."""
    rows = connection.execute(f"SELECT criterion, id, members FROM {schema}.main.value_set").fetchall()
    holders: dict[str, dict[str, list[int]]] = {name: {} for name in extractions()}
    sizes = dict.fromkeys(holders, 0)
    for criterion, number, members in rows:
        sizes[criterion] += 1
        for member in members:
            holders[criterion].setdefault(member, []).append(number)
    sets = {name: _value_index(sizes[name], holders[name], [0]) for name in holders}
    ((last,),) = connection.execute(f"SELECT coalesce(max(release_no), 0) FROM {schema}.main.flat_patient").fetchall()
    return ShardIndex(sets, _read_kinds(connection, schema), last + 1)


def _read_kinds(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, ValueIndex]:
    names = ", ".join(SERIES_CRITERIA)
    rows = connection.execute(f"SELECT kind, {names} FROM {schema}.main.series_kind").fetchall()
    found = {}
    for position, name in enumerate(SERIES_CRITERIA, start=1):
        holders: dict[str, list[int]] = {}
        empty: list[int] = []
        for row in rows:
            value = row[position]
            (empty if value is None else holders.setdefault(value, [])).append(row[0])
        found[name] = _value_index(len(rows), holders, empty)
    return found
