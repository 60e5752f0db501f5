"""The catalogue over HTTP: what can be asked, the datasets, the hub's figures. Open to anyone."""

from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest
from ninja import Query as FromQuery
from ninja import Router

from oncofed.contracts import vocabulary
from oncofed.contracts.catalogue import DatasetRecord, ReleaseSize
from oncofed.contracts.criteria import CRITERIA, CriterionDefinition
from oncofed.contracts.errors import QueryError
from oncofed.contracts.outcome import Problem, Reply
from oncofed.hub.catalogue import queries
from oncofed.hub.catalogue.shelf import Entry

router = Router(tags=["catalogue"])

MAX_PAGE = 500


class CriterionSummary(Reply):
    """One criterion a cohort can be asked by. ``text``: as written in a query."""

    name: str
    text: str
    label: str
    level: str
    several: bool
    unit: str | None
    note: str


class CriterionValue(Reply):
    """One value, with the broader one it stands under."""

    value: str
    label: str
    parent: str
    synonyms: tuple[str, ...]


class CriterionDetail(CriterionSummary):
    """A criterion with all its values, in order."""

    values: tuple[CriterionValue, ...]


class DatasetSummary(Reply):
    """One dataset of the list. Sizes are bands: ``low`` <= n < ``high`` (None: no upper end known)."""

    dataset_id: str
    title: str
    node: str
    node_title: str
    country: str
    dataset_class: str
    programme: str
    cancer_types: tuple[str, ...]
    modalities: tuple[str, ...]
    species: tuple[str, ...]
    synthetic: bool
    release: str
    released_at: str
    patients_low: int
    patients_high: int | None
    studies_low: int
    studies_high: int | None
    series_low: int
    series_high: int | None
    licence: str
    citation: str
    url: str


class PublishedRelease(Reply):
    """A release, current or past."""

    release: str
    digest: str
    published_at: str
    withdrawn_at: str | None


class DatasetDetail(DatasetSummary):
    """All that is published about a dataset."""

    record: DatasetRecord
    size: ReleaseSize
    supports: tuple[str, ...]
    releases: tuple[PublishedRelease, ...]


class FacetCount(Reply):
    """How many datasets have a value."""

    value: str
    label: str
    datasets: int


class DatasetPage(Reply):
    """Part of the list; facets count over the whole of it."""

    count: int
    items: tuple[DatasetSummary, ...]
    facets: dict[str, tuple[FacetCount, ...]]


class Amount(Reply):
    """A sum over all datasets: at least ``low``; exactly, where ``exact``."""

    low: int
    exact: bool
    text: str


class Figures(Reply):
    """The hub's size."""

    nodes: int
    countries: int
    datasets: int
    cases: Amount
    studies: Amount
    series: Amount
    images: Amount


@router.get("/criteria", response=list[CriterionSummary], auth=None)
def criteria(request: HttpRequest) -> list[CriterionSummary]:
    """What a cohort can be asked by."""
    return [CriterionSummary(**_criterion(definition)) for definition in CRITERIA.values()]


@router.get("/criteria/{name}", response={200: CriterionDetail, 400: Problem}, auth=None)
def criterion(request: HttpRequest, name: str) -> CriterionDetail:
    """One criterion with all its values."""
    if name not in CRITERIA:
        near = vocabulary.nearest(CRITERIA, name)
        raise QueryError("query-unknown-criterion", f"“{name[:60]}” is not a criterion", suggestion=near)
    return CriterionDetail(**_criterion(CRITERIA[name]), values=_values(CRITERIA[name]))


def _criterion(definition: CriterionDefinition) -> dict[str, Any]:
    return {
        "name": definition.name,
        "text": definition.text,
        "label": definition.label,
        "level": definition.level.value,
        "several": definition.several,
        "unit": definition.bands.unit if definition.bands else None,
        "note": definition.note,
    }


def _values(definition: CriterionDefinition) -> tuple[CriterionValue, ...]:
    name = definition.name
    if not isinstance(definition.values, str):
        labels = vocabulary.domain(name)
        return tuple(
            CriterionValue(value=band, label=vocabulary.label(name, band), parent="", synonyms=()) for band in labels
        )
    terms = vocabulary.terms(definition.values).values()
    return tuple(
        CriterionValue(value=term.code, label=term.label, parent=term.parent, synonyms=term.synonyms) for term in terms
    )


class DatasetFilters(Reply):
    """What narrows the list; several values of one kind mean any of them."""

    search: str = ""
    cancer: list[str] = []
    modality: list[str] = []
    country: list[str] = []
    node: list[str] = []
    programme: list[str] = []
    dataset_class: list[str] = []


@router.get("/datasets", response={200: DatasetPage, 422: Problem}, auth=None)
def datasets(
    request: HttpRequest,
    filters: FromQuery[DatasetFilters],
    offset: Annotated[int, FromQuery(ge=0, le=10**6)] = 0,
    limit: Annotated[int, FromQuery(ge=1, le=MAX_PAGE)] = 50,
) -> DatasetPage:
    """The datasets published now, by title, with facets."""
    chosen = {kind: frozenset(getattr(filters, kind)) for kind in queries.KINDS}
    page = queries.dataset_list(queries.Filters(filters.search, chosen), offset=offset, limit=limit)
    return DatasetPage(
        count=page.count,
        items=tuple(DatasetSummary(**_summary(item)) for item in page.items),
        facets={
            kind: tuple(FacetCount(value=one.value, label=one.label, datasets=one.datasets) for one in values)
            for kind, values in page.facets.items()
        },
    )


@router.get("/datasets/{dataset_id}", response={200: DatasetDetail, 404: Problem, 410: Problem}, auth=None)
def dataset(request: HttpRequest, dataset_id: str) -> DatasetDetail:
    """All that is published about one dataset."""
    found = queries.dataset(dataset_id)
    releases = tuple(
        PublishedRelease(
            release=release.release,
            digest=release.digest,
            published_at=release.published_at.isoformat(),
            withdrawn_at=release.withdrawn_at.isoformat() if release.withdrawn_at else None,
        )
        for release in queries.releases_of(dataset_id)
    )
    return DatasetDetail(
        **_summary(found),
        record=found.entry.record,
        size=found.entry.size,
        supports=tuple(sorted(found.entry.supports)),
        releases=releases,
    )


def _summary(listed: queries.Listed) -> dict[str, Any]:
    entry, record = listed.entry, listed.entry.record
    return {
        "dataset_id": entry.dataset_id,
        "title": record.title,
        "node": entry.node,
        "node_title": listed.node_title,
        "country": listed.country,
        "dataset_class": record.dataset_class.value,
        "programme": record.programme,
        "cancer_types": record.cancer_types,
        "modalities": entry.modalities,
        "species": record.species,
        "synthetic": record.synthetic,
        "release": entry.release.release,
        "released_at": entry.released_at,
        "licence": record.licence,
        "citation": record.citation,
        "url": f"{settings.CONFIGURATION.public_url}/datasets/{entry.dataset_id}/",
        **_bands(entry),
    }


def _bands(entry: Entry) -> dict[str, int | None]:
    sizes = {name: getattr(entry.size, name) for name in ("patients", "studies", "series")}
    return {
        f"{name}_{end}": value
        for name, band in sizes.items()
        for end, value in (("low", band.low), ("high", band.high))
    }


@router.get("/figures", response=Figures, auth=None)
def figures(request: HttpRequest) -> Figures:
    """The hub's size now: sums of what nodes publish as bands, so "at least"."""
    now = queries.figures()
    amounts = {
        name: Amount(low=amount.low, exact=amount.exact, text=amount.text)
        for name, amount in vars(now).items()
        if isinstance(amount, queries.Amount)
    }
    return Figures(nodes=now.nodes, countries=now.countries, datasets=now.datasets, **amounts)
