"""The list of datasets, its facets, and the figures of the home page."""

import pytest

from oncofed.contracts.catalogue import Cube, SizeBand
from oncofed.contracts.errors import BadInput
from oncofed.hub.catalogue import queries
from oncofed.hub.catalogue.queries import Filters
from tests.factories import hub
from tests.factories.published import cube, release

pytestmark = pytest.mark.django_db


@pytest.fixture
def catalogue() -> None:
    hub.node(
        "north",
        release("lung-ct", title="Lung screening", cancer_types=["LUAD"], programme="TCGA", keywords=["low dose"]),
        release("breast-mr", title="Breast", cancer_types=["BREAST"], programme="I-SPY"),
        country="DE",
    )
    hub.node("south", release("liver", title="Liver", is_open=True, cancer_types=["LIVER", "NOSUCH"]), country="IT")


def names(filters: Filters) -> list[str]:
    return [item.entry.dataset_id for item in queries.dataset_list(filters).items]


def chosen(**kinds: str) -> Filters:
    return Filters(chosen={kind: frozenset(values.split(",")) for kind, values in kinds.items()})


@pytest.mark.usefixtures("catalogue")
def test_the_list_is_by_title_and_narrows() -> None:
    assert names(Filters()) == ["breast-mr", "liver", "lung-ct"]
    assert names(Filters("LOW dose screening")) == ["lung-ct"]
    assert names(Filters("nothing like it")) == []
    assert names(chosen(country="IT")) == ["liver"]
    assert names(chosen(node="north", programme="TCGA")) == ["lung-ct"]
    assert names(chosen(programme="TCGA,I-SPY")) == ["breast-mr", "lung-ct"]
    assert names(chosen(dataset_class="open")) == ["liver"]
    assert names(chosen(cancer="LUNG")) == ["lung-ct"]


@pytest.mark.usefixtures("catalogue")
def test_a_facet_counts_without_its_own_choice() -> None:
    page = queries.dataset_list(chosen(country="IT"))
    assert {value.value: value.datasets for value in page.facets["country"]} == {"DE": 2, "IT": 1}
    assert {value.value: value.datasets for value in page.facets["node"]} == {"south": 1}
    (italy,) = [value for value in page.facets["country"] if value.chosen]
    assert italy.value == "IT"
    labels = {value.value: value.label for value in queries.dataset_list().facets["cancer"]}
    assert labels["LUNG"] == "Lung"
    assert queries.dataset_list().facets["node"][0].label == "Hospital north"


@pytest.mark.usefixtures("catalogue")
def test_a_choice_that_leaves_nothing_stays_visible() -> None:
    page = queries.dataset_list(Filters("liver", {"country": frozenset({"DE"})}))
    assert page.count == 0
    assert {value.value: (value.datasets, value.chosen) for value in page.facets["country"]} == {
        "IT": (1, False),
        "DE": (0, True),
    }


@pytest.mark.usefixtures("catalogue")
def test_the_list_comes_in_pages() -> None:
    page = queries.dataset_list(offset=1, limit=1)
    assert (page.count, [item.entry.dataset_id for item in page.items]) == (3, ["liver"])


@pytest.mark.usefixtures("catalogue")
def test_one_dataset() -> None:
    found = queries.dataset("liver")
    assert (found.node_title, found.country, found.record.title) == ("Hospital south", "IT", "Liver")
    assert queries.is_open(found.entry)
    with pytest.raises(BadInput, match="dataset-unknown"):
        queries.dataset("nowhere")


@pytest.mark.usefixtures("catalogue")
def test_figures_are_sums_of_what_is_at_least_there() -> None:
    figures = queries.figures()
    assert (figures.nodes, figures.countries, figures.datasets) == (2, 2, 3)
    assert (figures.cases.low, figures.cases.exact, figures.cases.text) == (300, False, "≥ 300")
    assert figures.images.text == "≥ 30,000"


def test_figures_are_exact_where_everything_is_open() -> None:
    record = release("liver", is_open=True)
    exact = record.size.model_copy(update={"patients": SizeBand(low=1234, high=1235)})
    hub.node("south", record.model_copy(update={"size": exact}))
    assert queries.figures().cases.text == "1,234"


def test_modalities_are_those_that_stand_out_of_the_noise() -> None:
    noisy = cube(["species", "modality"])
    cells = dict.fromkeys(noisy.marginals[1].cells, 3) | {"MR": 200, "CT": 20, "missing": 500}
    clear = noisy.model_copy(update={"marginals": (noisy.marginals[1].model_copy(update={"cells": cells}),)})
    hub.node("north", release("a1", supports=["species", "modality"], with_cube=clear))
    assert queries.dataset("a1").entry.modalities == ("MR",)


def test_of_five_thousand_datasets_each_page_finds_its_own() -> None:
    """How fast, `oncofed bench search --part catalogue` says."""
    small = Cube(epsilon=4.0, delta=1e-6, marginals=())
    hub.node(
        "north",
        *(
            release(
                f"d-{n}", with_cube=small, supports=(), programme=f"p{n % 40}", cancer_types=["LUAD"], title=f"T {n}"
            )
            for n in range(1900)
        ),
    )
    for name in ("south", "west"):
        hub.node(
            name,
            *(release(f"{name}-{n}", with_cube=small, supports=(), keywords=[f"k{n}"]) for n in range(1550)),
        )
    assert queries.dataset_list().count == 5000
    for n in range(30):
        page = queries.dataset_list(Filters("t" if n % 2 else "", {"programme": frozenset({f"p{n}"})}), limit=50)
        assert page.count in (47, 48)
