"""What leaves when a node publishes: noisy for protected data, made once, charged once."""

import pytest

from oncofed.contracts.catalogue import DatasetClass
from oncofed.contracts.errors import Corrupt, Refused
from oncofed.disclosure.constants import RELEASES_A_YEAR
from oncofed.node.cubes import Cubes
from oncofed.node.ledger import Ledger
from oncofed.node.policy import Policy, parse
from oncofed.node.publication import Publisher, as_published, current
from oncofed.node.published import Published, read_published, write_published
from oncofed.warehouse import Warehouse
from tests.factories.nodes import KEY, NOW, SECRET, load_synthetic


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    """Cubes that were made once stay for all tests."""
    return tmp_path_factory.mktemp("cubes") / "cubes.sqlite"


@pytest.fixture
def publisher(warehouse, kept):
    return Publisher(warehouse, Cubes(kept), Ledger(":memory:", KEY), SECRET)


def made(publisher, policy="", withdrawn=()):
    return publisher.publication(publisher.warehouse.releases(), parse(policy), frozenset(withdrawn), NOW)


def test_protected_numbers_are_noisy_and_open_ones_exact(publisher):
    records = {one.dataset.dataset_id: one for one in made(publisher).releases}
    assert set(records) == {"breast", "lung", "public"}
    for name in ("breast", "lung"):
        cube = records[name].cube
        assert cube.epsilon > 0
        assert all(one.sigma > 5 for one in cube.marginals)
    public = records["public"]
    assert public.cube.epsilon == 0
    assert public.cube.population.cells == {"": publisher.warehouse.population(("public", "1"))}
    assert public.size.patients.low == publisher.warehouse.size(("public", "1")).patients
    sex = next(one for one in public.cube.marginals if one.criteria == ("sex",))
    counted = publisher.warehouse.marginal(("public", "1"), ("sex",), 9)
    assert {cell: n for cell, n in sex.cells.items() if n} == {cell: n for (cell,), n in counted.items()}


def test_a_cube_is_made_once_and_survives_a_restart(warehouse, tmp_path):
    path = tmp_path / "cubes.sqlite"
    said = []
    first = made(Publisher(warehouse, Cubes(path), Ledger(":memory:", KEY), SECRET, said.append))
    assert len(said) == 3
    # With another secret a new cube would be another one: what is published is what was kept.
    again = made(Publisher(warehouse, Cubes(path), Ledger(":memory:", KEY), b"o" * 32, said.append))
    assert again.canonical_bytes() == first.canonical_bytes()
    assert len(said) == 3


def test_the_node_answers_from_the_cube_it_published(warehouse):
    cubes = Cubes(":memory:")
    publication = made(Publisher(warehouse, cubes, Ledger(":memory:", KEY), SECRET))
    breast, _, public = publication.releases
    for one in breast.cube.marginals:
        assert cubes.marginal(breast.digest, frozenset(one.criteria)) == one
    assert cubes.marginal(breast.digest, frozenset()) == breast.cube.population
    assert cubes.marginal(breast.digest, frozenset({"her2"})) is None
    assert cubes.marginal(public.digest, frozenset({"sex"})) is None
    cubes.close()


def test_policy_and_withdrawal_decide_what_is_published(publisher):
    names = {one.dataset.dataset_id for one in made(publisher, "[datasets.lung]\nsearchable = false").releases}
    assert names == {"breast", "public"}
    assert [one.dataset.dataset_id for one in made(publisher, "", ["breast", "public"]).releases] == ["lung"]
    assert made(publisher, "[answers]\nenabled = false").releases == ()


def test_open_data_under_a_tighter_policy_get_a_noisy_cube(publisher):
    made(publisher)
    policy = '[datasets.public]\nclass = "protected"'
    record = next(one for one in made(publisher, policy).releases if one.dataset.dataset_id == "public")
    assert record.dataset.dataset_class is DatasetClass.PROTECTED
    assert record.cube.epsilon > 0


def test_cubes_are_charged_once_a_year(publisher):
    publication = made(publisher)
    publisher.charge(publication, NOW)
    publisher.charge(publication, NOW)
    rows = publisher.ledger.published(2026)
    assert sorted(lineage for _, lineage, _ in rows) == ["breast", "lung"]
    assert all(epsilon > 3 for _, _, epsilon in rows)


def test_a_year_allows_so_many_releases(tmp_path):
    ledger = Ledger(":memory:", KEY)
    for number in range(RELEASES_A_YEAR):
        ledger.publish(f"{number:064x}", lineage="breast", year=2026, epsilon=4)
    load_synthetic(tmp_path, "breast", patients=20)
    with Warehouse(tmp_path) as warehouse:
        publisher = Publisher(warehouse, Cubes(":memory:"), ledger, SECRET)
        with pytest.raises(Refused, match="release-limit"):
            made(publisher)
        assert made(publisher, "[datasets.breast]\nsearchable = false").releases == ()
        ledger.publish(warehouse.releases()[0].digest, lineage="breast", year=2025, epsilon=4)
        assert len(made(publisher).releases) == 1


def test_the_release_loaded_last_is_the_current_one(tmp_path):
    load_synthetic(tmp_path, "breast", patients=20, release="2")
    load_synthetic(tmp_path, "breast", patients=21, release="1")
    with Warehouse(tmp_path) as warehouse:
        assert [one.release for one in current(warehouse.releases())] == ["1"]


def test_what_is_published_is_remembered(publisher, tmp_path):
    file = tmp_path / "published.json"
    assert read_published(file) == Published()
    releases = as_published(made(publisher))
    write_published(file, Published(releases=releases[:2]))
    both = read_published(file).joined(releases)
    assert len(both.releases) == 3
    assert both.find("public", releases[2].digest) == releases[2]
    assert both.find("public", releases[0].digest) is None
    file.write_text("{")
    with pytest.raises(Corrupt, match="publication-invalid"):
        read_published(file)


def test_the_default_policy_publishes_everything(publisher):
    assert made(publisher) == publisher.publication(publisher.warehouse.releases(), Policy(), frozenset(), NOW)
