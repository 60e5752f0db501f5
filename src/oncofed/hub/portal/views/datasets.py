"""The catalogue: the list with its facets, and one dataset."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from oncofed.contracts.errors import OncofedError
from oncofed.hub.catalogue import queries as catalogue
from oncofed.hub.portal import queries
from oncofed.hub.portal.cohort import State
from oncofed.hub.portal.views import errors
from oncofed.hub.portal.views.question import MAX_DATASETS

PER_PAGE = 25
FACET_TITLES = {
    "cancer": _("Cancer"),
    "modality": _("Modality"),
    "country": _("Country"),
    "node": _("Hospital"),
    "programme": _("Programme"),
    "dataset_class": _("Class"),
}


@require_safe
def datasets(request: HttpRequest) -> HttpResponse:
    """The published datasets, narrowed by words and facets."""
    filters = catalogue.Filters(
        search=request.GET.get("search", "").strip()[:200],
        chosen={kind: frozenset(request.GET.getlist(kind)) for kind in catalogue.KINDS},
    )
    wanted = request.GET.get("page", "1")
    number = max(int(wanted), 1) if wanted.isdecimal() and len(wanted) < 6 else 1
    found = catalogue.dataset_list(filters, offset=(number - 1) * PER_PAGE, limit=PER_PAGE)
    paging = Paginator(range(found.count), PER_PAGE).get_page(number)
    context = {
        "found": found,
        "search": filters.search,
        "facets": [(kind, FACET_TITLES[kind], found.facets[kind]) for kind in catalogue.KINDS if found.facets[kind]],
        "chosen": [(kind, value) for kind in catalogue.KINDS for value in found.facets[kind] if value.chosen],
        "scope_url": State("", _scope(filters, found.count)).search() if found.count else "",
        "paging": paging,
        "pages": paging.paginator.get_elided_page_range(paging.number, on_each_side=2, on_ends=1),
    }
    return render(request, "portal/datasets.html", context)


def _scope(filters: catalogue.Filters, count: int) -> tuple[str, ...]:
    """The datasets found, to search in; none (all) where nothing narrows them, or too many are left to name."""
    narrowed = filters.search or any(filters.chosen.values())
    if not narrowed or count > MAX_DATASETS:
        return ()
    return tuple(item.record.dataset_id for item in catalogue.dataset_list(filters, limit=MAX_DATASETS).items)


@require_safe
def dataset(request: HttpRequest, dataset_id: str) -> HttpResponse:
    """One dataset: what it is, how to cite it, and its published figures."""
    try:
        listed = catalogue.dataset(dataset_id)
    except OncofedError as error:
        return errors.refused(request, error)
    context = {
        "listed": listed,
        "record": listed.record,
        "scope_url": State("", (dataset_id,)).search(),
        "published": queries.published(dataset_id),
        "releases": list(catalogue.releases_of(dataset_id)),
    }
    return render(request, "portal/dataset.html", context)
