"""``compile``: a canonical query becomes one parametrised SQL statement over the flat projection of a shard.

No value of a query is ever part of the SQL text: names of columns come from the contract, values become bit masks over
the shard's dictionaries and travel as parameters. The semantics are those of ``contracts.query``.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from oncofed.contracts.query import Criterion, Group, Query
from oncofed.contracts.vocabulary import expand
from oncofed.warehouse.index import ShardIndex, ValueIndex


@dataclass(frozen=True)
class Condition:
    """A SQL condition with its parameters in order."""

    sql: str
    parameters: tuple[object, ...] = ()


@dataclass
class _All:
    """Conditions that must all hold."""

    parts: list[Condition] = field(default_factory=list)

    def joined(self) -> Condition:
        parameters = tuple(value for part in self.parts for value in part.parameters)
        return Condition(" AND ".join(part.sql for part in self.parts), parameters)


def compile_query(query: Query, releases: Collection[int], index: ShardIndex, schema: str) -> Condition:
    """The condition on a row ``p`` of ``flat_patient`` in the shard attached as ``schema``.

    ``releases``: numbers of the releases of this shard that are asked.
    """
    compiler = _Compiler(index, schema)
    numbers = ValueIndex(index.releases, {}, 0)
    within = _bit_test("p.release_no", sum(1 << number for number in releases), numbers)
    return _All([within, *(compiler.of_patient(part) for part in query.all)]).joined()


def set_mask(criterion: Criterion, index: ValueIndex, values: frozenset[str]) -> int:
    """Ids of the value sets that ``criterion`` (``values``: expanded) accepts: the rule for a patient or study."""
    if not criterion.negated:
        return index.having(values)
    recorded = index.everything & ~index.empty
    accepted = recorded & ~index.having(values)
    return accepted | index.empty if criterion.or_missing else accepted


@dataclass(frozen=True)
class _Compiler:
    index: ShardIndex
    schema: str

    def of_patient(self, part: Criterion | Group) -> Condition:
        if isinstance(part, Criterion):
            return self._on_set(part, "p")
        if part.same == "series":
            return self._members(part, "p.unit", "unit", self._series(part), self._series_recorded(part))
        return self._members(part, "p.unit", "unit", self._study(part), self._study_recorded(part))

    def _on_set(self, criterion: Criterion, row: str) -> Condition:
        index = self.index.sets[criterion.criterion]
        mask = set_mask(criterion, index, expand(criterion.criterion, criterion.values))
        return _bit_test(f"{row}.c_{criterion.criterion}", mask, index)

    def _members(self, group: Group, outer: str, inner: str, match: Condition, recorded: Condition) -> Condition:
        """``outer`` has a matching row; negated: it has a recorded row (unless ``or_missing``) and no matching one."""
        within = f"{outer} IN (SELECT {inner} FROM {match.sql})"
        if not group.negated:
            return Condition(within, match.parameters)
        without = f"{outer} NOT IN (SELECT {inner} FROM {match.sql})"
        if group.or_missing:
            return Condition(without, match.parameters)
        has = f"{outer} IN (SELECT {inner} FROM {recorded.sql})"
        return Condition(f"{has} AND {without}", recorded.parameters + match.parameters)

    def _series(self, group: Group) -> Condition:
        """``flat_series`` narrowed to the kinds that match every criterion of the group."""
        mask = self.index.any_kind.everything
        for part in group.all:
            mask &= self._kind_mask(part)
        return self._kinds(mask)

    def _series_recorded(self, group: Group) -> Condition:
        mask = self.index.any_kind.everything
        for part in group.all:
            if isinstance(part, Criterion):
                mask &= ~self.index.kinds[part.criterion].empty
        return self._kinds(mask)

    def _kind_mask(self, part: Criterion | Group) -> int:
        if isinstance(part, Group):
            raise TypeError("a series group holds criteria only")
        return set_mask(part, self.index.kinds[part.criterion], expand(part.criterion, part.values))

    def _kinds(self, mask: int) -> Condition:
        """Rows of ``flat_series`` with a kind in ``mask``; the range lets whole blocks be skipped."""
        table = f"{self.schema}.main.flat_series"
        if not mask:
            return Condition(f"{table} WHERE FALSE")
        low, high = (mask & -mask).bit_length() - 1, mask.bit_length() - 1
        ranged = f"{table} WHERE kind BETWEEN ? AND ?"
        if mask == ((1 << (high + 1)) - 1) ^ ((1 << low) - 1):
            return Condition(ranged, (low, high))
        return Condition(f"{ranged} AND get_bit(?::BIT, kind) = 1", (low, high, self.index.any_kind.as_bits(mask)))

    def _study(self, group: Group) -> Condition:
        """``flat_study`` narrowed to the studies on which every part of the group holds."""
        found = _All([self._on_study(part) for part in group.all]).joined()
        return Condition(f"{self.schema}.main.flat_study t WHERE {found.sql}", found.parameters)

    def _on_study(self, part: Criterion | Group) -> Condition:
        if isinstance(part, Criterion):
            return self._on_set(part, "t")
        return self._members(part, "t.study", "study", self._series(part), self._series_recorded(part))

    def _study_recorded(self, group: Group) -> Condition:
        """Studies on which every criterion of the group is recorded (of a nested series group: on one series)."""
        found = _All()
        for part in group.all:
            if isinstance(part, Criterion):
                index = self.index.sets[part.criterion]
                found.parts.append(_bit_test(f"t.c_{part.criterion}", index.everything & ~index.empty, index))
            else:
                series = self._series_recorded(part)
                found.parts.append(Condition(f"t.study IN (SELECT study FROM {series.sql})", series.parameters))
        joined = found.joined()
        return Condition(f"{self.schema}.main.flat_study t WHERE {joined.sql}", joined.parameters)


def _bit_test(column: str, mask: int, index: ValueIndex) -> Condition:
    if mask == index.everything:
        return Condition("TRUE")
    if not mask:
        return Condition("FALSE")
    if mask & (mask - 1) == 0:
        return Condition(f"{column} = ?", (mask.bit_length() - 1,))
    return Condition(f"get_bit(?::BIT, {column}) = 1", (index.as_bits(mask),))


def human() -> Query:
    """The default population: human patients."""
    return Query(all=(Criterion(criterion="species", values=("human",)),))


def everyone() -> Query:
    """Patients of every species, recorded or not."""
    return Query()
