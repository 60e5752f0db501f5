"""OMOP concepts by the vocabulary that stands beside a hospital's OMOP tables (Athena's layout).

A code map with ``concepts`` names concepts by their id (``4163261``) or their code (``SNOMED:399068003``). What it does
not name is looked for, in this order: the concept's own code; the standard concepts it maps to (*Maps to*); what these
descend from, the nearest first. What descends from a concept that the map calls ``-`` is that too, however near another
one is: a metastasis in the lung descends from cancers of the lung. Where the nearest disagree, nothing is concluded.

Of the vocabulary only the rows about concepts that occur are read. What is found becomes rows of the code map, so that
everything behind it is the same with and without a vocabulary.
"""
# ruff: noqa: S608  (names are quoted)

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb

from oncofed.prepare.mapping.codes import NOTHING, CodeMap, CodeRow, Equivalence
from oncofed.prepare.mapping.expressions import quoted
from oncofed.prepare.mapping.loading import Loaded
from oncofed.prepare.mapping.readers.raw import Pick, drop
from oncofed.prepare.mapping.spec import Condition, Relation, VocabularyTables
from oncofed.prepare.mapping.spec import Mapping as MappingSpec

Copy = Callable[[str, Relation, Pick], tuple[str, ...] | None]
"""Makes ``raw_<name>`` of a part of a relation; None: there is no such relation."""

_PREFIXES = {"ICD10CM": "ICD10", "ICD10GM": "ICD10", "NCIt": "NCIT", "RxNorm": "RXNORM"}
"""OMOP's names of vocabularies where ours differ."""


@dataclass
class _Lineage:
    """What the vocabulary says of the concepts that occur, all as text."""

    codes: dict[str, str] = field(default_factory=dict)
    """Concept → its code as a CURIE."""
    standards: dict[str, list[str]] = field(default_factory=dict)
    """Concept → the standard concepts it maps to."""
    above: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """Concept → (levels up, what it descends from)."""

    def names(self, concept: str) -> tuple[str, ...]:
        """How a code map may call a concept."""
        return (concept, self.codes[concept]) if concept in self.codes else (concept,)

    def candidates(self, concept: str) -> Iterator[tuple[int, str]]:
        """(distance, name) of everything that may stand for a concept."""
        for start, standing in ((0, concept), *((1, one) for one in self.standards.get(concept, ()))):
            yield from ((start, name) for name in self.names(standing))
            for levels, ancestor in self.above.get(standing, ()):
                yield from ((1 + levels, name) for name in self.names(ancestor))


def settled(connection: duckdb.DuckDBPyConnection, loaded: Loaded, tables: Mapping[str, str], copy: Copy) -> Loaded:
    """The mapping with what the source's vocabulary adds to its code maps, and conditions on code maps as lists.

    ``tables``: relation → its table in DuckDB, whose columns ``…_concept_id`` are looked at.
    """
    maps = dict(loaded.code_maps)
    wanted = [name for name, spec in loaded.mapping.code_maps.items() if spec.concepts]
    if wanted and loaded.mapping.source.vocabulary is not None:
        concepts = _occurring(connection, tables.values())
        lineage = _lineage(connection, loaded.mapping.source.vocabulary, concepts, copy)
        maps |= {name: _extended(maps[name], concepts, lineage) for name in wanted}
    return Loaded(_with_lists(loaded.mapping, maps), maps)


def _occurring(connection: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> tuple[str, ...]:
    """The concepts that the source's rows name."""
    found: set[str] = set()
    for table in tables:
        for column, *_ in connection.execute(f"DESCRIBE {table}").fetchall():
            if column.casefold().endswith("_concept_id"):
                given = connection.execute(
                    f"SELECT DISTINCT {quoted(column)} FROM {table} WHERE regexp_full_match({quoted(column)}, '\\d+')"
                )
                found.update(one for (one,) in given.fetchall())
    return tuple(sorted(found - {"0"}))


def _lineage(
    connection: duckdb.DuckDBPyConnection, spec: VocabularyTables, concepts: tuple[str, ...], copy: Copy
) -> _Lineage:
    def rows(name: str, key: str, values: Iterable[str], *columns: str) -> list[tuple[str, ...]]:
        wanted, table = tuple(sorted(values)), quoted(f"raw_vocabulary_{name}")
        relation: Relation = getattr(spec, name)
        pick = Pick(frozenset((key, *columns)), key, wanted)
        if not wanted or copy(f"vocabulary_{name}", relation, pick) is None:
            return []
        described = connection.execute(f"DESCRIBE {table}").fetchall()
        found: list[tuple[str, ...]] = []
        if {key, *columns} <= {one.casefold() for one, *_ in described}:  # else it is a table of another kind
            listed = f"SELECT {', '.join(columns)} FROM {table} WHERE {key} IN (SELECT unnest($1::VARCHAR[]))"
            found = connection.execute(listed, [list(wanted)]).fetchall()
        drop(connection, f"raw_vocabulary_{name}")
        return found

    known = _Lineage()
    related = rows("concept_relationship", "concept_id_1", concepts, "concept_id_1", "concept_id_2",
                   "relationship_id", "invalid_reason")  # fmt: skip
    for concept, standard, relationship, invalid in related:
        if relationship == "Maps to" and not invalid and standard != concept:
            known.standards.setdefault(concept, []).append(standard)
    standing = {*concepts, *(one for several in known.standards.values() for one in several)}
    levels = rows("concept_ancestor", "descendant_concept_id", standing, "descendant_concept_id",
                  "ancestor_concept_id", "min_levels_of_separation")  # fmt: skip
    for concept, ancestor, level in levels:
        if ancestor != concept:
            known.above.setdefault(concept, []).append((int(level), ancestor))
    everything = standing | {ancestor for several in known.above.values() for _, ancestor in several}
    for concept, vocabulary, code in rows("concept", "concept_id", everything, "concept_id", "vocabulary_id",
                                          "concept_code"):  # fmt: skip
        known.codes[concept] = f"{_PREFIXES.get(vocabulary, vocabulary)}:{code}"
    return known


def _extended(code_map: CodeMap, concepts: Iterable[str], lineage: _Lineage) -> CodeMap:
    named = {row.source: row.target for row in code_map.rows}
    added = []
    for concept in concepts:
        if concept in named:
            continue
        found = [(distance, named[name]) for distance, name in lineage.candidates(concept) if name in named]
        targets = {target for distance, target in found if distance == min(found)[0]}
        if any(target == NOTHING for _, target in found):
            targets = {NOTHING}
        if len(targets) == 1:
            same = min(found)[0] <= 1
            equivalence = Equivalence.EQUIVALENT if same else Equivalence.BROADER
            added.append(CodeRow(source=concept, target=targets.pop(), equivalence=equivalence))
    return replace(code_map, rows=(*code_map.rows, *added), found=frozenset(row.source for row in added))


def _with_lists(mapping: MappingSpec, maps: Mapping[str, CodeMap]) -> MappingSpec:
    """Conditions on a code map as conditions on the values it knows."""
    if all(test.map is None for test in mapping.conditions()):
        return mapping

    def listed(part: Condition) -> Condition:
        if part.map is None:
            return part
        return Condition.model_validate({"column": part.column, "in": maps[part.map].telling})

    def changed(part: Any) -> Any:
        fields = {
            name: tuple(map(listed, getattr(part, name))) for name in ("when", "passed_over") if hasattr(part, name)
        }
        return part.model_copy(update=fields)

    source = mapping.source
    relations = {name: changed(relation) for name, relation in source.relations.items()}
    return mapping.model_copy(
        update={
            "source": source.model_copy(update={"relations": relations}),
            "index": tuple(map(changed, mapping.index)),
            "tables": {name: tuple(map(changed, rules)) for name, rules in mapping.tables.items()},
        }
    )
