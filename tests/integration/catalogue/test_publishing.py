"""What the catalogue takes from a node, and what it refuses."""

import pytest

from oncofed.contracts.catalogue import Marginal
from oncofed.contracts.errors import BadInput, OncofedError, Refused
from oncofed.hub.catalogue import queries
from oncofed.hub.catalogue.actions import receive
from oncofed.hub.catalogue.models import Dataset, Edition, Release
from oncofed.hub.catalogue.policy import MAX_DATASETS
from oncofed.hub.catalogue.shelf import shelf
from oncofed.hub.exchange.models import Node
from oncofed.hub.trace.models import Event
from tests.factories import hub
from tests.factories.published import IMAGING, cube, publication, release

pytestmark = pytest.mark.django_db


@pytest.fixture
def north() -> Node:
    return hub.node("north")


def test_a_publication_is_the_nodes_part_of_the_catalogue(north: Node) -> None:
    assert receive(north, publication(release("a1"), release("a2"))) == ("2 new",)
    assert sorted(shelf().entries) == ["a1", "a2"]
    assert receive(north, publication(release("a1"), release("a2"))) == ("nothing changed",)
    assert receive(north, publication(release("a2", name="v2"))) == ("1 changed", "1 withdrawn")
    assert list(shelf().entries) == ["a2"]
    assert shelf().entries["a2"].release.release == "v2"


def test_releases_of_the_past_stay_known(north: Node) -> None:
    receive(north, publication(release("a1")))
    receive(north, publication(release("a1", name="v2")))
    standing = {one.release: (one.current, one.withdrawn_at is None) for one in queries.releases_of("a1")}
    assert standing == {"v1": (False, False), "v2": (True, True)}
    receive(north, publication(release("a1")))
    assert [one.release for one in queries.current_releases()] == ["v1"]


def test_a_dataset_that_comes_back_is_listed_again(north: Node) -> None:
    receive(north, publication(release("a1")))
    receive(north, publication())
    with pytest.raises(BadInput, match="dataset-withdrawn"):
        queries.dataset("a1")
    receive(north, publication(release("a1")))
    assert queries.dataset("a1").entry.dataset_id == "a1"


def test_a_description_may_be_improved_the_data_of_a_release_not(north: Node) -> None:
    receive(north, publication(release("a1")))
    assert receive(north, publication(release("a1", title="Better words"))) == ("1 changed",)
    assert queries.dataset("a1").record.title == "Better words"
    for changed in (
        release("a1", digest="f" * 64),
        release("a1", with_cube=cube(IMAGING, seed=99)),
        release("a1", supports=IMAGING[:-1]),
    ):
        with pytest.raises(Refused, match="release-changed"):
            receive(north, publication(changed))
    assert Release.objects.get().digest == release("a1").digest


def test_a_dataset_belongs_to_the_first_node_that_published_it(north: Node) -> None:
    receive(north, publication(release("a1")))
    south = hub.node("south")
    with pytest.raises(Refused, match="a1") as refused:
        receive(south, publication(release("b1"), release("a1")))
    assert refused.value.code == "dataset-elsewhere"
    assert list(shelf().entries) == ["a1"]


def test_nothing_of_a_refused_publication_stays(north: Node) -> None:
    receive(north, publication(release("a1")))
    edition = Edition.objects.get().number
    with pytest.raises(Refused):
        receive(north, publication(release("a2"), release("a1", digest="f" * 64)))
    assert Edition.objects.get().number == edition
    assert [dataset.dataset_id for dataset in Dataset.objects.all()] == ["a1"]


def corrupted(**cells: int) -> Marginal:
    return Marginal(criteria=("sex",), cells=cells, sigma=9.0)


@pytest.mark.parametrize(
    ("releases", "code"),
    [
        ([release("a1"), release("a1")], "publication-invalid"),
        ([release("a1", supports=[*IMAGING, "height"], with_cube=cube(IMAGING))], "publication-invalid"),
        ([release("a1", with_cube=cube(IMAGING, sigma=0.0))], "publication-unprotected"),
        (
            [release("a1", with_cube=cube(IMAGING).model_copy(update={"marginals": (corrupted(tall=3),)}))],
            "publication-corrupt",
        ),
        (
            [release("a1", with_cube=cube(IMAGING).model_copy(update={"marginals": (corrupted(male=10**10),)}))],
            "publication-corrupt",
        ),
    ],
)
def test_a_publication_that_cannot_be_right_is_refused(north: Node, releases: list, code: str) -> None:
    with pytest.raises(OncofedError) as refused:
        receive(north, publication(*releases))
    assert refused.value.code == code
    assert not Dataset.objects.exists()


def test_there_is_a_most_to_what_one_node_publishes(north: Node) -> None:
    one = release("a1")
    with pytest.raises(BadInput, match="more than"):
        receive(north, publication(*[one] * (MAX_DATASETS + 1)))


def test_each_publication_stands_in_the_trace(north: Node) -> None:
    receive(north, publication(release("a1")))
    event = Event.objects.get(kind="catalogue.published")
    assert (event.by, event.subject) == ("node:north", "north")
    assert event.body["added"] == ["a1"]
    assert event.body["releases"] == {"a1": ["v1", release("a1").digest]}
