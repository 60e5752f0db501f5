"""FHIR R4: bundles, single resources and NDJSON exports as relations with fixed columns of codes, numbers and dates.

A code is written ``SYSTEM:code`` (``LOINC:85319-2``); ``code`` holds the first coding, ``codes`` all of them separated
by spaces. ``note`` and ``text`` can be tested and mapped, never stored. References to a patient become the patient's
first identifier, else the resource's id. Resource types that no relation reads are counted and reported.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from oncofed.contracts.errors import BadInput
from oncofed.prepare.mapping.codes import curie
from oncofed.prepare.mapping.readers.raw import Raw, fill_texts
from oncofed.prepare.mapping.spec import SourceSpec

_SUFFIXES = {".json", ".ndjson", ".jsonl"}
_LARGEST_DOCUMENT = 512_000_000
"""Bytes of one JSON document; an NDJSON file may be larger, its lines may not."""

Resource = dict[str, Any]
Cells = dict[str, str]


def read_fhir(connection: duckdb.DuckDBPyConnection, spec: SourceSpec, path: Path) -> Raw:
    """The relations of FHIR resources in a file or folder. Raises ``BadInput`` ``source-unreadable``."""
    wanted = {one for one, relation in spec.relations.items() if not relation.row_of}
    gathered = _Gathered(frozenset(kind for one in wanted & set(_READERS) for kind in _READERS[one][0]))
    files = sorted(one for one in path.rglob("*") if one.suffix.lower() in _SUFFIXES) if path.is_dir() else [path]
    for file in files:
        for url, resource in _resources(file):
            gathered.add(url, resource)
    raw = Raw(unread=gathered.unread)
    for name in (one for one, relation in spec.relations.items() if not relation.row_of):
        if name not in _READERS:
            raise BadInput("mapping-invalid", f"FHIR relations are {', '.join(_READERS)}; “{name}” is none")
        table, columns = f"raw_{name}", _COLUMNS[name]
        rows = gathered.rows.get(name, [])
        fill_texts(connection, table, columns, ([gathered.resolved(one, row) for one in columns] for row in rows))
        raw.tables[name] = table
    return raw


@dataclass
class _Gathered:
    """Rows by relation, and what references lead to."""

    read_kinds: frozenset[str]
    rows: dict[str, list[Cells]] = field(default_factory=dict)
    unread: dict[str, int] = field(default_factory=dict)
    """Resource type → how many of it nobody reads."""
    patients: dict[str, str] = field(default_factory=dict)

    def add(self, url: str, resource: Resource) -> None:
        kind = str(resource.get("resourceType"))
        if kind not in self.read_kinds:
            known = kind if re.fullmatch(r"[A-Z][A-Za-z]{2,40}", kind) else "Other"
            self.unread[known] = self.unread.get(known, 0) + 1
        if kind == "Patient":
            own = str(resource.get("id", ""))
            identifier = _first_identifier(resource) or own
            for reference in filter(None, (url, own and f"Patient/{own}", own and f"urn:uuid:{own}")):
                self.patients[reference] = identifier
        for name, (read_kinds, reader) in _READERS.items():
            if kind in read_kinds:
                self.rows.setdefault(name, []).extend(reader(resource))

    def resolved(self, column: str, row: Cells) -> str:
        """A cell; a reference to a patient as the patient's identifier, a relative one by its last part."""
        value = row.get(column, "")
        if column != "patient":
            return value
        return self.patients.get(value) or value.rpartition("/")[2]


def _resources(file: Path) -> Iterator[tuple[str, Resource]]:
    """(full URL, resource) of everything in a file, whatever bundles it is wrapped in."""
    try:
        if file.suffix.lower() == ".json":
            if file.stat().st_size > _LARGEST_DOCUMENT:
                raise ValueError("too large")
            documents: Iterator[Any] = iter([json.loads(file.read_bytes())])
        else:
            documents = _lines(file)
        for document in documents:
            yield from _unwrapped("", document, 0)
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput("source-unreadable", f"{file.name} is no FHIR JSON") from error


def _lines(file: Path) -> Iterator[Any]:
    with file.open("rb") as opened:
        for line in opened:
            if len(line) > _LARGEST_DOCUMENT:
                raise ValueError("too large")
            if line.strip():
                yield json.loads(line)


def _unwrapped(url: str, document: Any, depth: int) -> Iterator[tuple[str, Resource]]:
    if isinstance(document, list):
        for one in document:
            yield from _unwrapped("", one, depth + 1)
    elif isinstance(document, dict) and document.get("resourceType") == "Bundle" and depth < 8:
        for entry in _dicts(document, "entry"):
            yield from _unwrapped(str(entry.get("fullUrl", "")), entry.get("resource"), depth + 1)
    elif isinstance(document, dict) and isinstance(document.get("resourceType"), str):
        yield url, document


def _dicts(part: Any, key: str) -> list[Resource]:
    """The objects below a key, whether one or a list; anything else is none."""
    given = part.get(key) if isinstance(part, dict) else None
    return [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, dict)]


def _text(part: Any, *keys: str) -> str:
    """A leaf as text; "" if it is not there."""
    for key in keys:
        part = part.get(key) if isinstance(part, dict) else None
    if isinstance(part, bool):
        return "true" if part else "false"
    return str(part) if isinstance(part, str | int | float) else ""


def _texts(part: Any, *keys: str) -> list[str]:
    """The texts of a list; anything else in it, or instead of it, is none."""
    for key in keys:
        part = part.get(key) if isinstance(part, dict) else None
    return [one for one in part if isinstance(one, str)] if isinstance(part, list) else []


def _last(reference: str) -> str:
    """The id a reference ends with (``Condition/7``, ``urn:uuid:7``)."""
    return reference.rpartition("/")[2].rpartition(":")[2]


def _first_identifier(resource: Resource) -> str:
    return next((value for one in _dicts(resource, "identifier") if (value := _text(one, "value"))), "")


def _codes(part: Any, key: str) -> list[str]:
    """All codings below a key as CURIEs; codes with spaces are none."""
    return [
        curie(_text(coding, "system"), code)
        for concept in _dicts(part, key)
        for coding in _dicts(concept, "coding")
        if (code := _text(coding, "code")) and " " not in code
    ]


def _coded(name: str, part: Any, key: str) -> Cells:
    found = _codes(part, key)
    system, _, code = (found[0] if found else "").partition(":")
    split = {"code_system": system, "code_value": code} if name == "code" else {}
    return {name: found[0] if found else "", f"{name}s": " ".join(found), **split}


def _extensions(part: Any, ending: str) -> list[str]:
    """CURIEs of extensions whose URL ends so (mCODE's histology and laterality)."""
    return [
        code
        for one in _dicts(part, "extension")
        if _text(one, "url").endswith(ending)
        for code in _codes(one, "valueCodeableConcept")
    ]


def _note(resource: Resource) -> str:
    return " ".join(_text(one, "text") for one in _dicts(resource, "note"))


def _common(resource: Resource) -> Cells:
    return {
        "id": _text(resource, "id"),
        "patient": _text(resource, "subject", "reference") or _text(resource, "patient", "reference"),
        "status": _text(resource, "status"),
        "category": " ".join(_codes(resource, "category")),
        "note": _note(resource),
        "profile": " ".join(_last(one.partition("|")[0]) for one in _texts(resource, "meta", "profile")),
        **_coded("code", resource, "code"),
        "text": _text(resource, "code", "text"),
    }


def _patient(resource: Resource) -> Iterator[Cells]:
    own = _text(resource, "id")
    address = _dicts(resource, "address")
    yield {
        "id": own,
        "patient": _first_identifier(resource) or own,
        "gender": _text(resource, "gender"),
        "birth_date": _text(resource, "birthDate"),
        "deceased": _text(resource, "deceasedBoolean") or ("true" if _text(resource, "deceasedDateTime") else ""),
        "deceased_date": _text(resource, "deceasedDateTime"),
        "country": _text(address[0], "country") if address else "",
    }


def _condition(resource: Resource) -> Iterator[Cells]:
    sites = _codes(resource, "bodySite")
    lateral = [code for site in _dicts(resource, "bodySite") for code in _extensions(site, "laterality-qualifier")]
    evidence = [code for one in _dicts(resource, "evidence") for code in _codes(one, "code")]
    yield {
        **_common(resource),
        "clinical": next(iter(_codes(resource, "clinicalStatus")), ""),
        "verification": next(iter(_codes(resource, "verificationStatus")), ""),
        "onset_age": _text(resource, "onsetAge", "value"),
        "onset_age_unit": _text(resource, "onsetAge", "code") or _text(resource, "onsetAge", "unit"),
        "onset_date": _text(resource, "onsetDateTime") or _text(resource, "recordedDate"),
        "body_site": sites[0] if sites else "",
        "body_sites": " ".join(sites),
        "laterality": lateral[0] if lateral else "",
        "histology": " ".join(_extensions(resource, "histology-morphology-behavior")),
        "evidence": evidence[0] if evidence else "",
    }


def _measured(part: Resource) -> Cells:
    """The value of an observation or of one of its components."""
    quantity = next(iter(_dicts(part, "valueQuantity")), {})
    number = _text(quantity, "value") or _text(part, "valueInteger")
    return {
        **_coded("value", part, "valueCodeableConcept"),
        "number": number,
        "unit": _text(quantity, "code") or _text(quantity, "unit"),
        "boolean": _text(part, "valueBoolean"),
        "value_date": _text(part, "valueDateTime"),
        "string": _text(part, "valueString"),
        "interpretation": next(iter(_codes(part, "interpretation")), ""),
    }


def _observation(resource: Resource) -> Iterator[Cells]:
    yield {
        **_common(resource),
        **_measured(resource),
        "date": _text(resource, "effectiveDateTime") or _text(resource, "effectivePeriod", "start"),
        "start": _text(resource, "effectivePeriod", "start"),
        "end": _text(resource, "effectivePeriod", "end"),
        "body_site": next(iter(_codes(resource, "bodySite")), ""),
        "method": next(iter(_codes(resource, "method")), ""),
        "focus_id": _last(_text(next(iter(_dicts(resource, "focus")), {}), "reference")),
    }


def _component(resource: Resource) -> Iterator[Cells]:
    whole = next(_observation(resource))
    for part in _dicts(resource, "component"):
        yield {
            "observation": whole["code"],
            "id": whole["id"],
            "patient": whole["patient"],
            "date": whole["date"],
            "body_site": whole["body_site"],
            "method": whole["method"],
            **_coded("code", part, "code"),
            "text": _text(part, "code", "text"),
            **_measured(part),
        }


def _procedure(resource: Resource) -> Iterator[Cells]:
    start = _text(resource, "performedPeriod", "start") or _text(resource, "performedDateTime")
    yield {
        **_common(resource),
        "start": start,
        "end": _text(resource, "performedPeriod", "end"),
        "body_site": next(iter(_codes(resource, "bodySite")), ""),
        "reason_id": _last(_text(next(iter(_dicts(resource, "reasonReference")), {}), "reference")),
        "intent": next(iter(_extensions(resource, "procedure-intent")), ""),
    }


def _medication(resource: Resource) -> Iterator[Cells]:
    period = next((one for key in ("effectivePeriod",) for one in _dicts(resource, key)), {})
    dosage = next(iter(_dicts(resource, "dosage")), {})
    dose = next(iter(_dicts(dosage, "dose")), {})
    rate = next(iter(_dicts(dosage, "rateQuantity")), {})
    yield {
        **_common(resource),
        **_coded("code", resource, "medicationCodeableConcept"),
        "start": _text(period, "start") or _text(resource, "effectiveDateTime") or _text(resource, "authoredOn"),
        "end": _text(period, "end"),
        "dose": _text(dose, "value"),
        "dose_unit": _text(dose, "code") or _text(dose, "unit"),
        "rate": _text(rate, "value"),
        "rate_unit": _text(rate, "code") or _text(rate, "unit"),
    }


def _study_uid(resource: Resource) -> str:
    uids = (_text(one, "value").removeprefix("urn:oid:") for one in _dicts(resource, "identifier"))
    return next((uid for uid in uids if uid), "") or _text(resource, "uid").removeprefix("urn:oid:")


def _imaging_study(resource: Resource) -> Iterator[Cells]:
    yield {
        **_common(resource),
        "study_uid": _study_uid(resource),
        "started": _text(resource, "started"),
        "series": _text(resource, "numberOfSeries"),
        "instances": _text(resource, "numberOfInstances"),
        "reason": " ".join(_codes(resource, "reasonCode")),
    }


def _imaging_series(resource: Resource) -> Iterator[Cells]:
    study = next(_imaging_study(resource))
    for series in _dicts(resource, "series"):
        yield {
            "patient": study["patient"],
            "study_uid": study["study_uid"],
            "series_uid": _text(series, "uid"),
            "modality": _text(series, "modality", "code"),
            "body_site": _text(series, "bodySite", "code"),
            "laterality": _text(series, "laterality", "code"),
            "instances": _text(series, "numberOfInstances"),
        }


def _report(resource: Resource) -> Iterator[Cells]:
    ages = [_text(one, "valueAge", "value") for one in _dicts(resource, "extension") if _dicts(one, "valueAge")]
    yield {
        **_common(resource),
        "age": ages[0] if ages else "",
        "date": _text(resource, "effectiveDateTime"),
        "conclusions": " ".join(_codes(resource, "conclusionCode")),
    }


_MEDICATIONS = ("MedicationAdministration", "MedicationRequest", "MedicationStatement")
_READERS: dict[str, tuple[Sequence[str], Callable[[Resource], Iterator[Cells]]]] = {
    "Patient": (("Patient",), _patient),
    "Condition": (("Condition",), _condition),
    "Observation": (("Observation",), _observation),
    "Component": (("Observation",), _component),
    "Procedure": (("Procedure",), _procedure),
    "Medication": (_MEDICATIONS, _medication),
    "ImagingStudy": (("ImagingStudy",), _imaging_study),
    "ImagingSeries": (("ImagingStudy",), _imaging_series),
    "DiagnosticReport": (("DiagnosticReport",), _report),
}
"""Relation → the resource types it reads and how."""

_EMPTY: Resource = {"component": [{}], "series": [{}]}
_COLUMNS: dict[str, tuple[str, ...]] = {name: tuple(next(reader(_EMPTY))) for name, (_, reader) in _READERS.items()}
