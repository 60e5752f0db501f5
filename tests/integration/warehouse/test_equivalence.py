"""The compiled SQL against the naive evaluator: the same random queries and patients, the same counts."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.query import Criterion, Group, Query
from oncofed.warehouse import Warehouse
from tests.factories.patients import patients
from tests.factories.queries import canonical_queries
from tests.factories.warehouse import a_crowd, counted, counted_by, load_datasets, representable

NAMES = [("one", "1"), ("two", "1"), ("three", "1")]


class Crowd:
    """Three datasets in two shards that share patients, and the warehouse that holds them."""

    def __init__(self, directory: Path) -> None:
        people = a_crowd(120, seed=1)
        others = a_crowd(120, seed=2)
        self.datasets = {
            "one": people,
            "two": {key: others[key] for key in list(others)[60:]},
            "three": {key: others[key] for key in list(others)[:90]},
        }
        load_datasets(directory, {"one": self.datasets["one"], "two": self.datasets["two"]})
        load_datasets(directory, {"three": self.datasets["three"]})
        self.warehouse = Warehouse(directory)

    def of(self, names: list[tuple[str, str]]) -> list[dict]:
        return [self.datasets[name] for name, _ in names]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    made = Crowd(tmp_path_factory.mktemp("crowd"))
    yield made
    made.warehouse.close()


asked = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=canonical_queries(), names=asked)
def test_counts_are_those_of_the_naive_evaluator(crowd: Crowd, query: Query, names: list[tuple[str, str]]) -> None:
    assert crowd.warehouse.count(query, names) == {"": counted(query, crowd.of(names))}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=canonical_queries(max_parts=2), names=asked, by=st.sampled_from(list(CRITERIA)))
def test_breakdowns_are_those_of_the_naive_evaluator(
    crowd: Crowd, query: Query, names: list[tuple[str, str]], by: str
) -> None:
    assert crowd.warehouse.count(query, names, by) == counted_by(query, crowd.of(names), by)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    people=st.lists(st.dictionaries(st.sampled_from("abcdef"), patients().map(representable), max_size=4), max_size=3),
    queries=st.lists(canonical_queries(), min_size=1, max_size=12),
)
def test_random_patients_are_counted_as_by_the_naive_evaluator(people: list[dict], queries: list[Query]) -> None:
    datasets = {f"set-{number}": one for number, one in enumerate(people)} | {"fixed": a_crowd(5, seed=3)}
    with TemporaryDirectory() as directory:
        releases = load_datasets(Path(directory), datasets)
        names = [release.name for release in releases]
        with Warehouse(Path(directory)) as warehouse:
            for query in queries:
                assert warehouse.count(query, names) == {"": counted(query, datasets.values())}


def _group(same: str, *parts: Criterion | Group, negated: bool = False, or_missing: bool = False) -> Group:
    return Group.model_validate({"same": same, "all": parts, "negated": negated, "or_missing": or_missing})


MODALITY = Criterion(criterion="modality", values=("CT",))
PART = Criterion(criterion="body_part", values=("HEAD", "missing"))
AGE = Criterion(criterion="age_at_imaging", values=("0-17", "18-24", "25-29"))


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("or_missing", [False, True])
@pytest.mark.parametrize(
    "parts",
    [
        ("series", MODALITY, PART),
        ("study", MODALITY, AGE),
        ("study", AGE, _group("series", MODALITY, PART)),
        ("study", AGE, _group("series", MODALITY, PART, negated=True)),
        ("study", AGE, _group("series", MODALITY, PART, negated=True, or_missing=True)),
    ],
    ids=["series", "study", "nested", "nested negated", "nested negated or missing"],
)
def test_every_form_of_group_counts_as_the_naive_evaluator(
    crowd: Crowd, parts: tuple, negated: bool, or_missing: bool
) -> None:
    same, *inner = parts
    query = Query(all=(_group(same, *inner, negated=negated, or_missing=or_missing),))
    expected = counted(query, crowd.of(NAMES))
    assert crowd.warehouse.count(query, NAMES) == {"": expected}
    assert 0 < expected < 240
