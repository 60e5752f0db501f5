"""A first draft of a mapping for a table nobody has mapped: columns and codes proposed with a score, to be reviewed.

Names are compared with the names and synonyms of the criteria, values with the spellings of their vocabularies, numbers
with the ranges they can have, dates with the formats known. Every proposal says why; what nothing fits is listed as
well, so that the draft together with its review log accounts for every column.
"""
# ruff: noqa: S608  (names are quoted)

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml

from oncofed.contracts.criteria import CRITERIA, Level
from oncofed.contracts.errors import BadInput
from oncofed.contracts.vocabulary import folded, knows, nearest, normalise, words
from oncofed.prepare.mapping.codes import CodeMap, fits
from oncofed.prepare.mapping.expressions import date_sql, quoted
from oncofed.prepare.mapping.loading import load_mapping
from oncofed.prepare.mapping.readers.tables import MISSING, Files, encoding_of, heading_rows
from oncofed.prepare.mapping.spec import Relation, SourceSpec
from oncofed.prepare.mapping.units import UnitMismatch, conversion
from oncofed.warehouse.extraction import OBSERVATION_CODES, extractions
from oncofed.warehouse.sources.columns import column_values

_MOST_VALUES = 2000
_MOST_CODES = 50
_ALIKE = 0.8
"""Names less alike than this do not count as a name."""
_IDENTIFIER = re.compile(
    r"(^|_| )(pat|patient|patienten|subject|record|person|case|fall|paziente|paciente)?(_| )?"
    r"(id|identifier|key|mrn|nhc|number|nr|nummer|codice|num[eé]ro)$"
)
_IDENTIFYING = re.compile(
    r"name|surname|address|phone|email|postcode|zip|street|mrn|ssn|comment|notes?$|text|remark"
    r"|adresse|telefon|stra(ss|ß)e|\bplz\b|bemerkung|kommentar|cognome|\bnome\b|indirizzo|apellid|nombre|pr[eé]nom"
)
_DATES = {
    "diagnos": "index", "index": "index", "baseline": "index",
    "birth": "birth", "born": "birth", "dob": "birth", "geburt": "birth", "nascita": "birth", "nacim": "birth",
    "naissance": "birth",
    "death": "contact", "died": "contact", "last": "contact", "seen": "contact", "follow": "contact",
    "verst": "contact", "letzt": "contact", "ultim": "contact", "dernier": "contact", "exitus": "contact",
}  # fmt: skip
"""What a date is, by a part of its column's name."""
_FORMATS = ("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d.%m.%y", "%d-%m-%Y", "%Y%m%d")
_ALSO = {
    "sex": {"geschlecht", "sesso", "sexo", "sexe"},
    "treatment": {"therapie", "behandlung", "terapia", "traitement", "tratamiento"},
    "vital_status": {"status", "vitalstatus", "stato vitale", "estado vital", "statut vital"},
    "tumour_laterality": {"seite", "lateralität", "lateralità", "lateralidad"},
    "age_at_diagnosis": {"alter bei diagnose", "età alla diagnosi", "edad al diagnóstico", "âge au diagnostic"},
}
"""What columns are called in German, Italian, Spanish and French, beside the criteria's own names."""
_COMMA = re.compile(r"[-+]?\d+,\d+")


@dataclass(frozen=True)
class Proposal:
    """What a column seems to be: ``target`` (a criterion, ``patient``, ``index`` …; "" if nothing fits), 0 to 1."""

    relation: str
    column: str
    target: str
    score: float
    why: str
    codes: tuple[tuple[str, str, float], ...] = ()
    """Where the vocabulary does not know all values: (value, code proposed or "", score). For the data manager only."""
    formats: tuple[str, ...] = ()
    """Formats that dates are written in."""
    comma: bool = False
    """Numbers are written with a decimal comma."""


@dataclass(frozen=True)
class Suggestion:
    """A draft as YAML text, and the review log that goes with it."""

    draft: str
    proposals: tuple[Proposal, ...]


def suggest(source: Path, *, name: str = "draft") -> Suggestion:
    """Propose a mapping for a file of CSV, Excel or Parquet, or a folder of them. Raises ``BadInput``."""
    connection = duckdb.connect()
    try:
        files = _files(source)
        spec = _source_of(files)
        found = Files(connection, spec, source)
        there = (name for name, relation in spec.relations.items() if found.copy(name, relation) is not None)
        proposals = [one for name in there for one in _proposals(connection, name, f"raw_{name}")]
    finally:
        connection.close()
    if not proposals:
        raise BadInput("source-empty", "no columns are named in it")
    return Suggestion(_draft(name, spec, proposals), tuple(proposals))


def _source_of(files: Sequence[Path]) -> SourceSpec:
    """How the files seem to be written: their encoding, and where the heading stands."""
    encodings = {encoding_of(one) for one in files if one.suffix.lower() in (".csv", ".tsv")}
    relations: dict[str, Relation] = {}
    for one in files:
        if one.suffix.lower() != ".xlsx":
            relations[one.stem] = Relation(file=one.name)
            continue
        headings = heading_rows(one)
        for sheet, row in headings.items():
            name = one.stem if len(headings) == 1 else sheet if sheet not in relations else f"{one.stem} {sheet}"
            relations[name] = Relation(file=one.name, sheet=sheet, header=row)
    encoding = next(iter(encodings - {"utf-8"}), "utf-8")
    return SourceSpec.model_validate({"format": "csv", "relations": relations, "encoding": encoding})


def _files(source: Path) -> list[Path]:
    if not source.exists():
        raise BadInput("source-unreadable", "there is no such file or folder")
    found = sorted(source.iterdir()) if source.is_dir() else [source]
    readable = [one for one in found if one.suffix.lower() in (".csv", ".tsv", ".xlsx", ".parquet")]
    if not readable:
        raise BadInput("source-empty", "no CSV, Excel or Parquet file to make suggestions for")
    return readable


def _proposals(connection: duckdb.DuckDBPyConnection, relation: str, table: str) -> list[Proposal]:
    found = []
    for column, *_ in connection.execute(f"DESCRIBE {quoted(table)}").fetchall():
        values: list[str] = column_values(
            connection,
            f"SELECT DISTINCT trim({quoted(column)}) FROM {quoted(table)} WHERE {quoted(column)} IS NOT NULL"
            f" LIMIT {_MOST_VALUES}",
        )
        recorded = [value for value in values if value not in MISSING]
        ((rows, distinct),) = connection.execute(
            f"SELECT count(*), count(DISTINCT {quoted(column)}) FROM {quoted(table)}"
        ).fetchall()
        best = max(_readings(connection, relation, column, recorded, unique=rows == distinct), key=lambda p: p.score)
        found.append(best)
    return _one_patient(found)


def _one_patient(proposals: list[Proposal]) -> list[Proposal]:
    """Only the best column names the patient."""
    patients = sorted((one for one in proposals if one.target == "patient"), key=lambda one: -one.score)
    return [
        one
        if one.target != "patient" or one is patients[0]
        else Proposal(one.relation, one.column, "", 0, "an identifier")
        for one in proposals
    ]


def _readings(
    connection: duckdb.DuckDBPyConnection, relation: str, column: str, values: Sequence[str], *, unique: bool
) -> list[Proposal]:
    """Everything the column could be; the last says that nothing fits."""
    name = folded(column)
    found = [Proposal(relation, column, "", 0.05, "nothing fits")]
    if _IDENTIFYING.search(name):
        return [Proposal(relation, column, "", 1, "may identify a person, or is free text")]
    if (
        _IDENTIFIER.search(column.casefold())
        or _IDENTIFIER.search(name)
        or (unique and name in ("id", "pid", "patient", "subject"))
    ):
        found.append(Proposal(relation, column, "patient", 0.9 if "patient" in name else 0.7, "named as an identifier"))
    if not values:
        return found
    if (date := _date(connection, relation, column, values)) is not None:
        found.append(date)
    found += _coded_diagnosis(relation, column, values)
    numbers = [number for value in values if (number := _number(value)) is not None]
    comma = 2 * sum(_COMMA.fullmatch(value) is not None for value in values) >= len(values)
    if (unit := _unit(values)) is not None:
        found.append(Proposal(relation, column, "", 0.3, unit))
    for criterion in CRITERIA:
        score = _name_score(name, criterion)
        if CRITERIA[criterion].bands is not None:
            fitting, why = _as_number(criterion, numbers)
            fitting *= len(numbers) / len(values)
            codes: tuple[tuple[str, str, float], ...] = ()
        else:
            fitting, why = _as_codes(criterion, values)
            codes = _codes(criterion, values) if score >= _ALIKE else ()
        total = round(0.6 * score + 0.4 * fitting, 2) if score >= _ALIKE else round(0.4 * fitting * score, 2)
        found.append(Proposal(relation, column, criterion, total, why, codes, comma=comma))
    return found


def _coded_diagnosis(relation: str, column: str, values: Sequence[str]) -> list[Proposal]:
    """Codes of ICD-10 or of ICD-O-3 morphology, read as diagnoses where the map of diagnoses knows them."""
    for system, shape in (("ICD10", "ICD10"), ("ICDO3", "ICDO3-MORPHOLOGY")):
        tumours = system == "ICDO3" or 2 * sum(value[0] in "CD" for value in values) >= len(values)
        if tumours and sum(fits(shape, value) for value in values) >= 0.9 * len(values):
            cancers = _cancers()
            codes = tuple(
                (value, target or "", 0.9 if target else 0.0)
                for value in values[:_MOST_CODES]
                for target in (cancers.target(f"{system}:{value}"),)
            )
            return [Proposal(relation, column, "diagnosis", 0.8, f"codes of {system}", codes)]
    return []


@cache
def _cancers() -> CodeMap:
    return load_mapping("fhir-mcode").code_maps["cancer"]


def _codes(criterion: str, values: Sequence[str]) -> tuple[tuple[str, str, float], ...]:
    """Each value with the code whose spelling is nearest and its likeness; () where the vocabulary knows them all."""
    vocabulary = str(CRITERIA[criterion].values)
    if all(knows(vocabulary, value) for value in values):
        return ()
    found = []
    for value in values[:_MOST_CODES]:
        near = value if knows(vocabulary, value) else nearest(words(criterion), value)
        likeness = difflib.SequenceMatcher(None, folded(value), folded(near)).ratio() if near else 0.0
        found.append((value, (normalise(vocabulary, near) or "") if near else "", round(likeness, 2)))
    return tuple(found)


def _unit(values: Sequence[str]) -> str | None:
    """What to do with a column of units of measurement."""
    for criterion in CRITERIA.values():
        if criterion.bands is not None and criterion.bands.unit:
            wanted = criterion.bands.unit
            if all(_converts(value, wanted) for value in values):
                return f"units such as {wanted}: name it as unit_column of the number it belongs to"
    return None


def _converts(unit: str, wanted: str) -> bool:
    try:
        conversion(unit, wanted)
    except UnitMismatch:
        return False
    return True


def _number(value: str) -> float | None:
    try:
        return float(value.replace(",", "."))
    except ValueError:
        return None


def _name_score(name: str, criterion: str) -> float:
    """How much a column's name is like a criterion's: 1 for the same words."""
    definition = CRITERIA[criterion]
    also = _ALSO.get(criterion, ())
    spelt = {folded(one) for one in (definition.name, definition.label, *definition.synonyms, *also)}
    if name in spelt:
        return 1.0
    if any(len(word) > 2 and f" {word} " in f" {name} " for word in spelt):
        return 0.85
    long = [word for word in spelt if min(len(word), len(name)) >= 5]
    return round(max((difflib.SequenceMatcher(None, name, word).ratio() for word in long), default=0.0), 2)


def _as_number(criterion: str, numbers: Sequence[float]) -> tuple[float, str]:
    bands = CRITERIA[criterion].bands
    if not numbers or bands is None:
        return 0.0, "no numbers"
    highest = {"a": 120.0, "%": 100.0}.get(bands.unit, 2100.0 if criterion.startswith("year") else 1e5)
    lowest = 1900.0 if criterion.startswith("year") else 0.0
    within = sum(lowest <= number <= highest for number in numbers)
    return within / len(numbers), f"numbers between {lowest:g} and {highest:g}"


def _as_codes(criterion: str, values: Sequence[str]) -> tuple[float, str]:
    vocabulary = str(CRITERIA[criterion].values)
    known = sum(knows(vocabulary, value) for value in values)
    return known / len(values), f"{known} of {len(values)} values are in the vocabulary"


def _date(connection: duckdb.DuckDBPyConnection, relation: str, column: str, values: Sequence[str]) -> Proposal | None:
    formats, doubtful = _formats(connection, values)
    if not formats or max(len(value) for value in values) < 8:
        return None
    name = folded(column)
    kind = next((kind for word, kind in _DATES.items() if word in name), "date")
    why = f"dates as {' and '.join(formats)}" + "".join(f", or {one}" for one in doubtful)
    return Proposal(relation, column, kind, 0.9 if kind != "date" else 0.6, why, formats=tuple(formats))


def _formats(connection: duckdb.DuckDBPyConnection, values: Sequence[str]) -> tuple[list[str], list[str]]:
    """The formats that together read at least nine of ten values, the best first; others that would do as well."""
    read: dict[str, set[int]] = {}
    for one in _FORMATS:
        found = connection.execute(
            f"""SELECT place FROM (SELECT unnest($1::VARCHAR[]) AS v, unnest(range(len($1))) AS place)
                WHERE {date_sql("v", [one])} IS NOT NULL""",
            [list(values)],
        )
        read[one] = {place for (place,) in found.fetchall()}
    chosen: list[str] = []
    done: set[int] = set()
    while best := max(_FORMATS, key=lambda one: len(read[one] - done)):
        if len(read[best] - done) < 0.01 * len(values):
            break
        chosen.append(best)
        done |= read[best]
    if len(done) < 0.9 * len(values):
        return [], []
    return chosen, [one for one in _FORMATS if one not in chosen and any(read[one] == read[taken] for taken in chosen)]


_LEAST = 0.55


def _draft(name: str, spec: SourceSpec, proposals: Sequence[Proposal]) -> str:
    """The mapping file as text: what scored enough as rules, the rest as columns to look at."""
    accepted = [one for one in proposals if one.score >= _LEAST and one.target]
    patient = next((one for one in accepted if one.target == "patient"), None)
    tables: dict[str, list[dict[str, Any]]] = {}
    for relation in dict.fromkeys(one.relation for one in accepted):
        mine = {one.target: one for one in sorted(accepted, key=lambda p: p.score) if one.relation == relation}
        for table, rule in _rules(relation, mine):
            tables.setdefault(table, []).append(rule)
    tables.setdefault("patient", [{"from": next(iter(spec.relations)), "columns": {"species": {"value": "human"}}}])
    index = [{"relation": one.relation, "column": one.column} for one in accepted if one.target == "index"]
    unused = {
        relation: {
            one.column: f"REVIEW: {one.why}" for one in proposals if one.relation == relation and one not in accepted
        }
        for relation in spec.relations
    }
    document: dict[str, Any] = {
        "mapping": "oncofed/1",
        "name": name,
        "version": "draft",
        "title": "Draft, to be reviewed column by column",
        "patient": patient.column if patient else "REVIEW",
        "source": {
            "format": "csv",
            "dates": _dates_of(accepted),
            **({"decimal": ","} if any(one.comma for one in accepted) else {}),
            **({"encoding": spec.encoding} if spec.encoding != "utf-8" else {}),
            "relations": {
                name: relation.model_dump(exclude_defaults=True) | {"ignored": unused[name]}
                for name, relation in spec.relations.items()
            },
        },
        "index": index,
        "code_maps": {f"{one.relation}_{one.column}": _code_map(one) for one in accepted if one.codes},
        "tables": tables,
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _dates_of(accepted: Sequence[Proposal]) -> list[str]:
    """The formats found, in the order of how many columns they read; the first column of two doubtful ones wins."""
    found = [each for one in accepted for each in one.formats]
    return sorted(dict.fromkeys(found), key=lambda one: -found.count(one)) or ["%Y-%m-%d"]


def _code_map(proposal: Proposal) -> dict[str, Any]:
    """Rows for the values that something is like; the others are left out, so that mapping reports them."""
    return {
        "rows": [
            {"source": value, "target": code, **({} if score == 1 else {"remark": f"REVIEW: score {score}"})}
            for value, code, score in proposal.codes
            if code
        ]
    }


_NUMERIC: dict[str, tuple[str, dict[str, int]]] = {
    "age_at_diagnosis": ("age_at_diagnosis", {"minimum": 0, "maximum": 120, "cap": 90}),
    "year_of_diagnosis": ("diagnosis_year", {"minimum": 1900}),
}


def _rules(relation: str, found: dict[str, Proposal]) -> list[tuple[str, dict[str, Any]]]:
    """Rules for one relation from what its columns were taken for."""
    person: dict[str, Any] = {"species": {"value": "human"}}
    condition: dict[str, Any] = {}
    rules: list[tuple[str, dict[str, Any]]] = []
    for target, one in found.items():
        if target in CRITERIA:
            column: Any = {"column": one.column, "map": f"{relation}_{one.column}"} if one.codes else one.column
            rules.extend(_placed(relation, target, column, person, condition))
    if "birth" in found:
        person["birth_year"] = {"column": found["birth"].column, "as": "year"}
    if "contact" in found:
        person["last_contact_offset_days"] = {"column": found["contact"].column, "as": "offset"}
    if "index" in found:
        condition.setdefault("diagnosis_year", {"column": found["index"].column, "as": "year"})
    if {"birth", "index"} <= set(found):
        age = {"column": found["birth"].column, "as": "age", "at": found["index"].column, "cap": 90}
        condition.setdefault("age_at_diagnosis", age)
    first: list[tuple[str, dict[str, Any]]] = [("patient", {"from": relation, "columns": person})]
    if "oncotree_code" not in condition:
        return [*first, *(one for one in rules if one[0] == "observation")]
    return [*first, ("cancer_condition", {"from": relation, "columns": condition}), *rules]


def _placed(
    relation: str, target: str, column: Any, person: dict[str, Any], condition: dict[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    """Put one criterion where it belongs: into the person, the condition, or a rule of its own."""
    extraction = extractions()[target]
    if CRITERIA[target].level == Level.PATIENT:
        person[extraction.cell] = column
    elif extraction.table == "cancer_condition":
        name, limits = _NUMERIC.get(target, (extraction.cell, {}))
        condition[name] = {"column": column, **limits} if limits else column
    elif extraction.table == "cancer_stage":
        timing = {"timing": {"value": "c"}} if target == "stage" else {}
        return [("cancer_stage", {"from": relation, "criterion": target, "columns": {**timing, "value": column}})]
    elif extraction.table == "treatment":
        return [("treatment", {"from": relation, "columns": {"type": column}})]
    elif target in OBSERVATION_CODES:
        place = "value_number" if CRITERIA[target].bands else "value_code"
        return [("observation", {"from": relation, "criterion": target, "columns": {place: column}})]
    return []
