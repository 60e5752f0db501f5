"""What a node publishes about a dataset: its record, its release, and the release's cube."""

import math
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from itertools import product
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_serializer

from oncofed.contracts.base import Cell, CountryCode, CriterionName, Digest, Long, Short, Slug, Utc, Wire


class DatasetClass(StrEnum):
    """``open``: public data, exact counts. ``protected``: everything else, and the default."""

    OPEN = "open"
    PROTECTED = "protected"


class SizeBand(Wire):
    """A number told only as a fixed 1-2-5 band: ``low`` <= n < ``high`` (``high`` None: no upper end known)."""

    low: int
    high: int | None = None


class ReleaseSize(Wire):
    """How much a release holds. Open datasets: exact (low = n, high = n + 1); protected: noisy, then banded."""

    patients: SizeBand
    studies: SizeBand
    series: SizeBand
    instances: SizeBand


class DatasetRecord(Wire):
    """The description of a dataset, without any count. ``lineage`` stays the same over all its releases."""

    dataset_id: Slug
    title: Short
    description: Long = ""
    dataset_class: DatasetClass = DatasetClass.PROTECTED
    programme: Short = ""
    cancer_types: tuple[Short, ...] = ()
    """OncoTree codes: the diagnoses the dataset as a whole is about ("one of")."""
    cancer_type_text: Short = ""
    tumour_locations: tuple[Short, ...] = ()
    species: tuple[Cell, ...] = ("human",)
    licence: Short = ""
    citation: Long = ""
    source_url: Short = ""
    synthetic: bool = False
    keywords: tuple[Short, ...] = ()


@lru_cache(maxsize=256)
def _keys(axes: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return tuple("|".join(cell) for cell in product(*axes))


def _unfolded(cells: object) -> object:
    """The table ``{"axes": [[…], […]], "counts": […]}`` of the wire as a mapping; anything else as it is."""
    if not isinstance(cells, Mapping) or cells.keys() != {"axes", "counts"}:
        return cells
    try:
        axes = tuple(tuple(axis) for axis in cells["axes"])
        counts = tuple(cells["counts"])
        if len(counts) != math.prod(len(axis) for axis in axes) or any("|" in cell for axis in axes for cell in axis):
            raise ValueError("the counts do not fit the axes")
        unfolded = dict(zip(_keys(axes), counts, strict=True))
    except TypeError as error:
        raise ValueError("not a table of counts") from error
    if len(unfolded) != len(counts):
        raise ValueError("a cell stands twice in the axes")
    return unfolded


class Marginal(Wire):
    """Noisy patient counts over the cells of one or two criteria.

    ``cells`` maps value codes, joined by ``|`` in the order of ``criteria``, to a noisy integer (may be negative).
    Every cell of the domain is present, also where nobody stands. ``sigma`` is the standard deviation of the noise.
    On the wire a full table is written as its axes and a row-major list of counts, a fifth of the mapping's length.
    """

    criteria: tuple[CriterionName, ...]
    cells: Annotated[dict[Annotated[str, Field(max_length=140)], int], BeforeValidator(_unfolded)]
    sigma: float

    @field_serializer("cells", when_used="json")
    def _folded(self, cells: dict[str, int]) -> dict[str, Any]:
        columns = tuple(zip(*(key.split("|") for key in cells), strict=True)) if self.criteria and cells else ()
        axes = tuple(tuple(sorted(set(column))) for column in columns)
        if len(axes) != len(self.criteria) or math.prod(map(len, axes)) != len(cells):
            return dict(cells)
        return {"axes": axes, "counts": [cells[key] for key in _keys(axes)]}


class Cube(Wire):
    """The published marginals of one release. Open datasets: epsilon 0 (no privacy claim), sigma 0, exact."""

    epsilon: float
    delta: float
    population: Marginal | None = None
    """One cell "": patients that are human (the default population); None only for an empty plan."""
    marginals: tuple[Marginal, ...]


class ReleaseRecord(Wire):
    """One immutable release of a dataset as its node publishes it."""

    dataset: DatasetRecord
    release: Short
    digest: Digest
    released_at: Utc
    vocabulary_version: Short
    supports: tuple[CriterionName, ...]
    """Criteria the source declares it can record. Asked for another one, the dataset is "not supported here"."""
    size: ReleaseSize
    cube: Cube


class Publication(Wire):
    """What ``node publish`` sends: the searchable releases of the node, whole; what is absent is withdrawn."""

    releases: tuple[ReleaseRecord, ...]
    published_at: Utc
    country: CountryCode | None = None
