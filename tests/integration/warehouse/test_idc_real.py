"""The real collections of Imaging Data Commons: the numbers known of them, and the odd ones among them."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from oncofed.contracts.query import Query, parse
from oncofed.warehouse import Warehouse, load
from oncofed.warehouse.shards import DATABASE
from oncofed.warehouse.sources.idc import IdcSource, coverage
from tests.factories.warehouse import PSEUDONYMS

ODD = (
    "vestibular_schwannoma_mc_rc", "vestibular_schwannoma_seg", "4d_lung", "acrin_nsclc_fdg_pet", "ispy1",
    "pediatric_ct_seg", "cc_radiomics_phantom", "cc_radiomics_phantom_3", "icdc_glioma", "mouse_mammary",
    "cptac_lscc", "qin_breast", "tcga_luad",
)  # fmt: skip
"""Collections with every trap: doubled patients, ages of nought, garbage sexes, phantoms, animals."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("idc")
    load(IdcSource(collections=ODD), directory=place, pseudonyms=PSEUDONYMS, release="v1")
    return place


@pytest.fixture(scope="module")
def warehouse(directory: Path) -> Iterator[Warehouse]:
    with Warehouse(directory) as opened:
        yield opened


def named(*collections: str) -> list[tuple[str, str]]:
    return [(f"idc-{collection.replace('_', '-')}", "v1") for collection in collections]


def everyone(warehouse: Warehouse, *collections: str, by: str | None = None) -> dict[str, int]:
    return warehouse.count(Query(), named(*collections), by)


def test_what_is_known_of_the_whole_repository() -> None:
    assert coverage() == {
        "collections": 179,
        "patients": 86_362,
        "studies": 168_507,
        "series": 1_044_191,
        "instances": 58_784_975,
        "patients_by_collection": 86_451,
        "patients_in_two_datasets": 89,
    }


def test_patients_of_two_collections_count_once(warehouse: Warehouse) -> None:
    both = named("vestibular_schwannoma_mc_rc", "vestibular_schwannoma_seg")
    one, two = (warehouse.size(name).patients for name in both)
    assert warehouse.count(Query(), both) == {"": one + two - 58}


def test_ages_of_nought(warehouse: Warehouse) -> None:
    assert everyone(warehouse, "4d_lung", by="age_at_imaging") == {"missing": 20}
    children = everyone(warehouse, "pediatric_ct_seg", by="age_at_imaging")
    assert children == {"0-17": 359}


def test_garbage_sexes(warehouse: Warehouse) -> None:
    for collection in ("acrin_nsclc_fdg_pet", "ispy1"):
        assert set(everyone(warehouse, collection, by="sex")) <= {"female", "male", "other", "missing"}


def test_species(warehouse: Warehouse) -> None:
    found = everyone(warehouse, *ODD, by="species")
    assert set(found) == {"human", "dog", "mouse", "phantom"}
    assert found["phantom"] == 17 + 95
    assert warehouse.population(named("icdc_glioma")[0]) == 0


def test_a_search_of_real_data(warehouse: Warehouse) -> None:
    query = parse("diagnosis = lung and modality = CT and not same series (modality = SEG) or missing").query
    counted = warehouse.count(query, named(*ODD))[""]
    assert 0 < counted < warehouse.count(parse("diagnosis = lung").query, named(*ODD))[""]


def test_every_size_is_that_of_the_index(warehouse: Warehouse, directory: Path) -> None:
    with duckdb.connect() as connection:
        from oncofed.warehouse.sources.idc import index_directory

        expected = connection.execute(
            """SELECT collection_id, count(DISTINCT PatientID), count(DISTINCT StudyInstanceUID), count(*),
                      sum(instanceCount)::BIGINT
               FROM read_parquet(?) WHERE collection_id IN (SELECT unnest(?)) GROUP BY 1""",
            [str(index_directory() / "idc_index.parquet"), list(ODD)],
        ).fetchall()
    for collection, *numbers in expected:
        assert list(vars(warehouse.size(named(collection)[0])).values()) == numbers, collection
    assert (directory / "000001" / DATABASE).is_file()
