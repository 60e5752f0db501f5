"""The read side: marginals, limits, shards that come and go."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import BadInput, Corrupt, Refused
from oncofed.contracts.query import Query, parse
from oncofed.warehouse import Warehouse
from oncofed.warehouse.compile import everyone, human
from oncofed.warehouse.shards import DATABASE
from tests.factories.patients import Patient
from tests.factories.warehouse import PSEUDONYMS, a_crowd, cells_of, counted, load_datasets

CROWD = a_crowd(150, seed=8)
NAME = ("one", "1")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    directory = tmp_path_factory.mktemp("store")
    load_datasets(directory, {"one": CROWD, "two": a_crowd(5, seed=9)})
    with Warehouse(directory) as opened:
        yield opened


def people(patients: dict[str, Patient]) -> list[Patient]:
    return [patient for patient in patients.values() if patient.values.get("species") == frozenset({"human"})]


def unclamped(criteria: tuple[str, ...]) -> Counter[tuple[str, ...]]:
    stand = list(CROWD.values()) if criteria == ("species",) else people(CROWD)
    return Counter(cell for patient in stand for cell in product(*(cells_of(patient, name) for name in criteria)))


@pytest.mark.parametrize(
    "criteria",
    [*((name,) for name in CRITERIA), ("modality", "sex"), ("body_part", "modality"), ("diagnosis", "stage")],
    ids="-".join,
)
def test_marginals_are_those_counted_by_hand(warehouse: Warehouse, criteria: tuple[str, ...]) -> None:
    assert warehouse.marginal(NAME, criteria, clamp=10_000) == unclamped(criteria)


@pytest.mark.parametrize("criteria", [("modality",), ("body_part", "modality"), ("species",)], ids="-".join)
@pytest.mark.parametrize("clamp", [1, 3])
def test_a_patient_stands_in_at_most_so_many_cells(warehouse: Warehouse, criteria: tuple[str, ...], clamp: int) -> None:
    found = warehouse.marginal(NAME, criteria, clamp=clamp)
    stand = list(CROWD.values()) if criteria == ("species",) else people(CROWD)
    cells = [len(list(product(*(cells_of(patient, name) for name in criteria)))) for patient in stand]
    assert sum(found.values()) == sum(min(clamp, number) for number in cells)
    full = unclamped(criteria)
    assert all(0 < count <= full[cell] for cell, count in found.items())
    assert warehouse.marginal(NAME, criteria, clamp=clamp) == found


def test_population_and_size(warehouse: Warehouse) -> None:
    assert warehouse.population(NAME) == len(people(CROWD)) < 150
    size = warehouse.size(NAME)
    assert size.patients == 150
    assert size.studies == sum(len(patient.studies) for patient in CROWD.values())


def test_clamped_sizes(warehouse: Warehouse) -> None:
    clamps = {"studies": 1, "series": 2, "instances": 3}
    size = warehouse.clamped_size(NAME, clamps)
    assert size.patients == 150
    assert size.studies == sum(min(1, len(patient.studies)) for patient in CROWD.values())
    series = [sum(len(study.series) for study in patient.studies) for patient in CROWD.values()]
    assert size.series == sum(min(2, number) for number in series)
    assert size.instances == sum(min(3, 2 * number) for number in series)


def test_keys_of_the_patients_that_match(warehouse: Warehouse) -> None:
    query = parse("sex = female and modality = CT").query
    keys = warehouse.patient_keys(query, [NAME])
    assert len(keys) == counted(query, [CROWD])
    assert keys < {PSEUDONYMS.patient(name) for name in CROWD}


def test_nothing_asked_is_nothing_counted(warehouse: Warehouse) -> None:
    assert warehouse.count(human(), []) == {"": 0}
    assert warehouse.count(human(), [], "sex") == {}


def test_a_release_that_does_not_stand_here(warehouse: Warehouse) -> None:
    for ask in (
        lambda: warehouse.count(human(), [("one", "2")]),
        lambda: warehouse.size(("none", "1")),
        lambda: warehouse.marginal(("none", "1"), ("sex",)),
        lambda: warehouse.remove(("none", "1")),
    ):
        with pytest.raises(BadInput) as caught:
            ask()
        assert caught.value.code == "release-unknown"


def test_a_criterion_that_does_not_exist_reaches_no_sql(warehouse: Warehouse) -> None:
    with pytest.raises(BadInput) as caught:
        warehouse.count(everyone(), [NAME], "sex; DROP TABLE patient")
    assert caught.value.code == "query-unknown-criterion"


def test_a_query_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    load_datasets(tmp_path, {"one": a_crowd(3, seed=1)})
    with Warehouse(tmp_path, timeout_seconds=0.05) as warehouse:
        with pytest.raises(Refused) as caught:
            warehouse._rows(
                "SELECT count(*) FROM range(1_000_000_000) a, range(1000) b WHERE hash(a.range) % 7 = 3", []
            )
        assert caught.value.code == "query-timeout"
    with Warehouse(tmp_path) as warehouse:
        assert warehouse.count(everyone(), [NAME]) == {"": 3}


def test_a_query_that_needs_too_much_memory_is_stopped(tmp_path: Path) -> None:
    load_datasets(tmp_path, {"one": a_crowd(3, seed=1)})
    with Warehouse(tmp_path, memory_limit="20MB") as warehouse:
        with pytest.raises(Refused) as caught:
            warehouse._rows("SELECT count(*) FROM (SELECT DISTINCT hash(range) FROM range(20_000_000))", [])
        assert caught.value.code == "query-memory"
        assert warehouse.count(everyone(), [NAME]) == {"": 3}


def test_shards_come_and_go_while_the_warehouse_is_open(tmp_path: Path) -> None:
    load_datasets(tmp_path, {"one": a_crowd(3, seed=1), "two": a_crowd(4, seed=2)})
    with Warehouse(tmp_path) as warehouse:
        load_datasets(tmp_path, {"three": a_crowd(5, seed=3)})
        assert warehouse.count(everyone(), [("two", "1")]) == {"": 4}
        warehouse.refresh()
        names = [release.name for release in warehouse.releases()]
        assert names == [("one", "1"), ("three", "1"), ("two", "1")]
        warehouse.remove(("one", "1"))
        assert [release.name for release in warehouse.releases()] == names[1:]
        assert warehouse.count(everyone(), [("two", "1")]) == {"": 4}
        warehouse.remove(("two", "1"))
        assert not (tmp_path / "000001").exists()
        assert warehouse.count(everyone(), [("three", "1")]) == {"": 5}


def test_the_same_release_name_in_two_shards_counts_a_patient_once(tmp_path: Path) -> None:
    crowd = a_crowd(6, seed=4)
    load_datasets(tmp_path, {"one": crowd}, release="1")
    load_datasets(tmp_path, {"one": dict(list(crowd.items())[:4])}, release="2")
    with Warehouse(tmp_path) as warehouse:
        assert warehouse.count(everyone(), [("one", "1"), ("one", "2")]) == {"": 6}


def test_a_database_that_is_none_is_corrupt(tmp_path: Path) -> None:
    load_datasets(tmp_path, {"one": a_crowd(1, seed=1)})
    (tmp_path / "000001" / DATABASE).write_bytes(b"not a database at all" * 1000)
    with pytest.raises(Corrupt) as caught:
        Warehouse(tmp_path)
    assert caught.value.code == "release-corrupt"


def test_the_warehouse_cannot_be_written_through(warehouse: Warehouse) -> None:
    import duckdb

    with pytest.raises(duckdb.InvalidInputException, match="read-only"):
        warehouse._rows("DELETE FROM shard_000001.main.patient", [])


def test_counting_imports_no_heavy_library(tmp_path: Path) -> None:
    load_datasets(tmp_path, {"one": a_crowd(4, seed=1)})
    program = """
import sys
from pathlib import Path
from oncofed.contracts.query import parse
from oncofed.warehouse import Warehouse
with Warehouse(Path(sys.argv[1])) as warehouse:
    warehouse.count(parse("same series (modality = CT and body part = lung)").query, [("one", "1")], "sex")
    warehouse.marginal(("one", "1"), ("modality", "sex"))
print(sorted({"numpy", "pandas", "pyarrow", "pydicom"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"


def test_a_canonical_query_without_parts_is_everyone(warehouse: Warehouse) -> None:
    assert warehouse.count(Query(), [NAME]) == {"": 150}
