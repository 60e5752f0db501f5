"""Code maps: what a source's value is called in the model, how exactly, and who says so.

A map is a small SSSOM-like table (Simple Standard for Sharing Ontology Mappings): subject, object, predicate (SKOS:
exactMatch, broadMatch, narrowMatch, closeMatch), remark. Rows stand in the mapping file itself or in a TSV beside
it.
Codes of terminologies are written as CURIEs (``LOINC:85319-2``); only codes, never the terminologies' own words.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from oncofed.contracts.vocabulary import folded, knows, normalise, vocabulary_names

NOTHING = "-"
"""The object of a value that is known to say nothing: not recorded, and no finding."""

SYSTEMS: dict[str, str] = {
    "http://snomed.info/sct": "SNOMED",
    "http://loinc.org": "LOINC",
    "http://terminology.hl7.org/CodeSystem/icd-o-3": "ICDO3",
    "urn:oid:2.16.840.1.113883.6.43.1": "ICDO3",
    "http://ncithesaurus-stage.nci.nih.gov": "NCIT",
    "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl": "NCIT",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RXNORM",
    "http://www.whocc.no/atc": "ATC",
    "http://hl7.org/fhir/sid/icd-10": "ICD10",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD10",
    "http://unitsofmeasure.org": "UCUM",
    "http://dicom.nema.org/resources/ontology/DCM": "DCM",
    "http://radlex.org": "RADLEX",
    "http://terminology.hl7.org/CodeSystem/condition-ver-status": "HL7-VER",
    "http://terminology.hl7.org/CodeSystem/condition-clinical": "HL7-CLIN",
    "http://terminology.hl7.org/CodeSystem/observation-category": "HL7-CAT",
    "http://hl7.org/fhir/administrative-gender": "HL7-GENDER",
}
"""FHIR's system URIs → the prefixes of our CURIEs."""

_PREFIXES = "|".join(sorted({*SYSTEMS.values(), "ICDO3", "FHIR", "oncofed"}))

CODE_SHAPES: dict[str, str] = {
    "ATC": r"[A-Z]\d{2}[A-Z]{2}\d{2}|[A-Z]\d{2}([A-Z]([A-Z])?)?",
    "COUNTRY": r"[A-Z]{2}",
    "CURIE": rf"({_PREFIXES}):[A-Za-z0-9.:/+=,-]{{1,80}}",
    "DCM": r"\d{6}",
    "ICD10": r"[A-Z]\d{2}(\.?\d{1,4})?",
    "ICDO3-MORPHOLOGY": r"\d{4}/\d",
    "ICDO3-TOPOGRAPHY": r"C\d{2}(\.\d)?",
    "LOINC": r"(LP|LA)?\d{1,7}-\d",
    "NCIT": r"C\d{3,7}",
    "OMOP": r"\d{1,10}",
    "RADLEX": r"RID\d{1,6}",
    "RXNORM": r"\d{1,8}",
    "SNOMED": r"\d{6,18}",
    "UID": r"[0-9.]{1,64}",
}
"""Shapes of codes that may pass as they are; whatever does not fit its shape wholly is reported, never stored."""


def curie(system: str, code: str) -> str:
    """``http://loinc.org`` and ``85319-2`` as ``LOINC:85319-2``; an unknown system keeps its URI (``uri|code``)."""
    prefix = SYSTEMS.get(system.rstrip("/"))
    return f"{prefix}:{code}" if prefix else f"{system}|{code}"


class Equivalence(StrEnum):
    """How the object relates to the subject, as ``concept_map.equivalence`` names it."""

    EQUIVALENT = "equivalent"
    BROADER = "broader"
    NARROWER = "narrower"
    APPROXIMATE = "approximate"


_PREDICATES = {
    "skos:exactMatch": Equivalence.EQUIVALENT,
    "skos:broadMatch": Equivalence.BROADER,
    "skos:narrowMatch": Equivalence.NARROWER,
    "skos:closeMatch": Equivalence.APPROXIMATE,
}


class CodeRow(BaseModel):
    """One row: ``source`` value → ``target``; ``by_label`` where the code book's own words say otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    source: str
    target: str
    equivalence: Equivalence = Equivalence.EQUIVALENT
    by_label: str = ""
    remark: str = ""


def _rows(given: Any) -> Any:
    """``{"0": "male"}`` is short for a list of rows, as the whole map or as its ``rows``."""
    if not isinstance(given, dict):
        return given
    whole = given if {"rows", "file"} & set(given) else {"rows": given}
    short = whole.get("rows", [])
    if isinstance(short, dict):
        rows = [{"source": str(k), **(v if isinstance(v, dict) else {"target": v})} for k, v in short.items()]
        return {**whole, "rows": rows}
    return whole


class _CodeMapSpec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: tuple[CodeRow, ...] = ()
    file: str = ""
    """A TSV beside (or below) the mapping file that names it (columns subject, object, predicate, by_label, remark)."""
    kind: str = ""
    """Of the TSV only the rows of this kind (its column ``kind``)."""
    several: bool = False
    """A cell lists several codes separated by spaces; the first that the map knows counts."""
    otherwise: str = Field(default="", coerce_numbers_to_str=True)
    """What a value is called that the map does not know; without it such a value is reported."""
    vocabulary: str = ""
    """Values that the map does not know are read by this vocabulary."""
    concepts: bool = False
    """Values are OMOP concepts: those the map does not know are looked for in the source's own OMOP vocabulary."""


CodeMapSpec = Annotated[_CodeMapSpec, BeforeValidator(_rows)]


@dataclass(frozen=True)
class CodeMap:
    """A map ready for use. ``disputed``: how to read rows whose code book contradicts itself."""

    rows: tuple[CodeRow, ...]
    several: bool = False
    otherwise: str = ""
    disputed: str = "published"
    vocabulary: str = ""
    found: frozenset[str] = frozenset()
    """Sources of rows that the vocabulary of the source has added."""

    @cached_property
    def _by_source(self) -> Mapping[str, CodeRow]:
        exact = {row.source: row for row in self.rows}
        return {folded(row.source): row for row in reversed(self.rows) if folded(row.source)} | exact

    def row(self, value: str) -> CodeRow | None:
        """The row for a value; spelling (case, spaces, punctuation) does not count where it is not needed."""
        for one in value.split(" ") if self.several else (value, value.removesuffix(".0")):
            if found := self._by_source.get(one) or self._by_source.get(folded(one)):
                return found
        return None

    def target(self, value: str) -> str | None:
        """What the value is in the model; None if the map does not know it, ``NOTHING`` if it says nothing."""
        row = self.row(value)
        if row is None and self.vocabulary and knows(self.vocabulary, value):
            return normalise(self.vocabulary, value) or NOTHING
        if row is None:
            return self.otherwise or None
        if not row.by_label or self.disputed == "published":
            return row.target
        return row.by_label if self.disputed == "labels" else NOTHING

    def is_disputed(self, value: str) -> bool:
        """Whether the code book contradicts itself about the value."""
        row = self.row(value)
        return row is not None and bool(row.by_label)

    @property
    def telling(self) -> tuple[str, ...]:
        """The values that the rows know and that say something."""
        return tuple(dict.fromkeys(row.source for row in self.rows if row.target != NOTHING))


def read_code_map(spec: _CodeMapSpec, disputed: str) -> CodeMap:
    """The map a specification describes. Raises ``OSError``, ``ValueError``."""
    rows = spec.rows
    if spec.vocabulary and spec.vocabulary not in vocabulary_names():
        raise ValueError(f"there is no vocabulary “{spec.vocabulary}”")
    if spec.file:
        path = Path(spec.file)
        rows = (*rows, *_read_rows(path.read_text(encoding="utf-8").splitlines(), path.name, spec.kind))
    return CodeMap(rows, spec.several, spec.otherwise, disputed, spec.vocabulary)


def _read_rows(lines: Iterable[str], name: str, kind: str) -> list[CodeRow]:
    kept = [line for line in lines if line and not line.startswith("#")]
    table = csv.DictReader(kept, delimiter="\t", quoting=csv.QUOTE_NONE)
    rows = []
    for row in table:
        if kind and row.get("kind") != kind:
            continue
        predicate = row.get("predicate") or "skos:exactMatch"
        if row.get("subject") is None or row.get("object") is None or predicate not in _PREDICATES:
            raise ValueError(f"code map {name}: needs the columns subject and object, and predicates of SKOS")
        remark, label = row.get("remark") or "", row.get("by_label") or ""
        rows.append(
            CodeRow(
                source=row["subject"],
                target=row["object"],
                equivalence=_PREDICATES[predicate],
                by_label=label,
                remark=remark,
            )
        )
    return rows


def fits(shape: str, value: str) -> bool:
    """Whether a value is a code of this shape, wholly."""
    return re.fullmatch(CODE_SHAPES[shape], value) is not None
