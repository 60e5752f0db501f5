"""What the collections of NCI Imaging Data Commons say about themselves, read into dataset records.

A collection's free texts become codes only where that is decidable: one cancer type that maps to OncoTree, one tumour
location that is a body part. Everything else stays text at the level of the dataset.
"""

import html
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from oncofed.contracts.catalogue import DatasetClass, DatasetRecord
from oncofed.contracts.errors import BadInput
from oncofed.contracts.vocabulary import expand, lookup, nearest, normalise

_NOT_OTHERWISE = "Not Otherwise Specified"
_PHANTOM = "Phantom"
_BASE_SUPPORTS = (
    "species",
    "sex",
    "age_at_imaging",
    "year_of_imaging",
    "annotation",
    "modality",
    "body_part",
    "manufacturer",
)


@dataclass(frozen=True)
class CollectionEntry:
    """One collection. ``species`` None: mixed or not said. ``diagnosis``, ``location``: only where exactly one."""

    collection_id: str
    programme: str
    species: str | None
    species_text: str
    cancer_types: tuple[str, ...]
    cancer_type_text: str
    diagnosis: str | None
    location: str | None
    locations: tuple[str, ...]
    name: str
    description: str
    sources: tuple[dict[str, Any], ...]

    @property
    def dataset_id(self) -> str:
        """``idc-`` and the collection's id with hyphens."""
        return "idc-" + self.collection_id.replace("_", "-")

    @property
    def supports(self) -> tuple[str, ...]:
        """Criteria that metadata of this collection can record."""
        own = (("diagnosis",) if self.diagnosis else ()) + (("derived_body_part",) if self.location else ())
        return _BASE_SUPPORTS + own

    def record(self, dataset_class: DatasetClass) -> DatasetRecord:
        """The dataset record, with licences, citations and the first DOI of the collection's sources."""
        licences = dict.fromkeys(
            str((source["license"] or {}).get("license_short_name") or "") for source in self.sources
        )
        citations = dict.fromkeys(_plain(source["citation"] or "") for source in self.sources)
        dois = [source["source_doi"] for source in self.sources if source["source_doi"]]
        return DatasetRecord(
            dataset_id=self.dataset_id,
            title=_short(f"{self.name} (Imaging Data Commons)"),
            description=_plain(self.description)[:8000],
            dataset_class=dataset_class,
            programme=self.programme,
            cancer_types=self.cancer_types,
            cancer_type_text=_short(self.cancer_type_text),
            tumour_locations=tuple(_short(location) for location in self.locations),
            species=(self.species,) if self.species else self._species_mixed(),
            licence=_short(", ".join(licence for licence in licences if licence)),
            citation="\n".join(citation for citation in citations if citation)[:8000],
            source_url=f"https://doi.org/{dois[0]}" if dois else "",
            keywords=("Imaging Data Commons",),
        )

    def _species_mixed(self) -> tuple[str, ...]:
        codes = (normalise("species", text) for text in self.species_text.split(", "))
        return tuple(code for code in codes if code)


@cache
def _cancer_type_codes() -> dict[tuple[str, str], str]:
    """(cancer type, tumour location or "") in lower case → OncoTree code or ""."""
    table = files("oncofed.warehouse.sources").joinpath("idc_cancer_types.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")][1:]
    return {(kind.lower(), location.lower()): code for kind, location, code, _ in rows}


def split_cancer_types(text: str) -> tuple[str, ...]:
    """The cancer types of a comma-separated text; "…, Not Otherwise Specified" stays with what it qualifies."""
    parts: list[str] = []
    for part in (piece.strip() for piece in text.split(",")):
        if part == _NOT_OTHERWISE and parts:
            parts[-1] = f"{parts[-1]}, {part}"
        elif part:
            parts.append(part)
    return tuple(parts)


def oncotree_code(cancer_type: str, location: str = "") -> str | None:
    """OncoTree code of a cancer type at a tumour location; "" if knowingly none; None for a text never seen."""
    codes = _cancer_type_codes()
    return codes.get((cancer_type.lower(), location.lower()), codes.get((cancer_type.lower(), "")))


def read_collections(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[CollectionEntry, ...]:
    """All collections of a ``collections_index.parquet``."""
    rows = connection.execute(
        """SELECT collection_id, coalesce(program_id, ''), coalesce(species, ''), coalesce(cancer_types, ''),
                  coalesce(tumor_locations, ''), coalesce(collection_name, collection_id), coalesce(description, ''),
                  sources
           FROM read_parquet($1) ORDER BY collection_id""",
        [str(path)],
    ).fetchall()
    return tuple(_entry(*row) for row in rows)


def _entry(
    collection_id: str, programme: str, species: str, cancer_types: str, locations: str, *texts: Any
) -> CollectionEntry:
    kinds = split_cancer_types(cancer_types)
    places = tuple(part.strip() for part in locations.split(",") if part.strip())
    place = places[0] if len(places) == 1 else ""
    codes = [oncotree_code(kind, place) for kind in kinds]
    name, description, sources = texts
    # Twelve collections of test objects call their species "Human"; their only cancer type is "Phantom".
    species_text = _PHANTOM if kinds == (_PHANTOM,) else species
    return CollectionEntry(
        collection_id=collection_id,
        programme=programme,
        species=normalise("species", species_text),
        species_text=species_text,
        cancer_types=tuple(dict.fromkeys(code for code in codes if code)),
        cancer_type_text=cancer_types,
        diagnosis=(codes[0] or None) if len(codes) == 1 else None,
        location=normalise("body_part", place) if place else None,
        locations=places,
        name=name,
        description=description,
        sources=tuple(sources or ()),
    )


def choose(
    entries: Iterable[CollectionEntry],
    collections: Collection[str] = (),
    programmes: Collection[str] = (),
    cancers: Collection[str] = (),
) -> tuple[CollectionEntry, ...]:
    """The collections that meet every given choice; all of them without any.

    ``collections``: ids with underscores or hyphens, with or without ``idc-``. ``cancers``: OncoTree codes or names; a
    collection meets one if any of its cancer types lies under it. ``BadInput`` for a name that does not exist.
    """
    known = tuple(entries)
    ids = {
        _known(name.removeprefix("idc-").replace("-", "_"), {e.collection_id for e in known}) for name in collections
    }
    programme_ids = {_known(name.lower(), {e.programme for e in known}) for name in programmes}
    wanted = frozenset(code for name in cancers for code in expand("diagnosis", [_cancer(name)]))
    return tuple(
        entry
        for entry in known
        if (not collections or entry.collection_id in ids)
        and (not programmes or entry.programme in programme_ids)
        and (not cancers or not wanted.isdisjoint(entry.cancer_types))
    )


def _known(name: str, names: set[str]) -> str:
    if name in names:
        return name
    near = nearest(sorted(names), name)
    raise BadInput(
        "source-empty", f"Imaging Data Commons has no “{name}”" + (f"; did you mean “{near}”?" if near else "")
    )


def _cancer(name: str) -> str:
    code = lookup("diagnosis", name)
    if code is None:
        raise BadInput("source-empty", f"OncoTree has no “{name}”")
    return code


def _plain(text: str) -> str:
    """Text of an HTML fragment, spaces and line breaks made single."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text))).strip()


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"
