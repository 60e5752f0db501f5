"""The traps of the real index, one by one, on a small index of the same shape."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from oncofed.contracts.errors import BadInput
from oncofed.warehouse import Warehouse, load
from oncofed.warehouse.compile import everyone
from oncofed.warehouse.shards import DATABASE
from oncofed.warehouse.sources.idc import IdcSource, coverage, index_directory
from tests.factories.idc import a_collection, a_series, an_index
from tests.factories.warehouse import PSEUDONYMS


def loaded(tmp_path: Path, collections: list[dict[str, Any]], series: list[dict[str, Any]]) -> Warehouse:
    (tmp_path / "index").mkdir()
    index = an_index(tmp_path / "index", collections, series)
    load(IdcSource(index=index), directory=tmp_path / "warehouse", pseudonyms=PSEUDONYMS, release="1")
    return Warehouse(tmp_path / "warehouse")


def cells(warehouse: Warehouse, by: str, dataset: str = "idc-one") -> dict[str, int]:
    return warehouse.count(everyone(), [(dataset, "1")], by)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("066Y", "65-69"),
        ("90", "90+"),
        ("042y", "40-44"),
        ("018M", "0-17"),
        ("731D", "0-17"),
        ("155Y", "missing"),
        ("N-A", "missing"),
        (None, "missing"),
        ("000Y", "missing"),
        ("000D", "0-17"),
    ],
)
def test_ages(tmp_path: Path, text: str | None, cell: str) -> None:
    adults = [a_series("one", f"a{n}", f"9.{n}", PatientAge=None) for n in range(2)]
    with loaded(tmp_path, [a_collection("one")], [a_series("one", "p", "1", PatientAge=text), *adults]) as warehouse:
        assert cells(warehouse, "age_at_imaging") == ({"missing": 3} if cell == "missing" else {cell: 1, "missing": 2})


def test_zero_years_is_an_age_among_children_only(tmp_path: Path) -> None:
    ages = ["000Y", "003Y", "009Y"]
    series = [a_series("kids", f"p{n}", f"1.{n}", PatientAge=age) for n, age in enumerate(ages)]
    series += [a_series("grown", f"p{n}", f"2.{n}", PatientAge=age) for n, age in enumerate(["000Y", "050Y", "061Y"])]
    with loaded(tmp_path, [a_collection("kids"), a_collection("grown")], series) as warehouse:
        assert cells(warehouse, "age_at_imaging", "idc-kids") == {"0-17": 3}
        assert cells(warehouse, "age_at_imaging", "idc-grown") == {"missing": 1, "50-54": 1, "60-64": 1}


def test_one_age_a_study_when_its_series_differ(tmp_path: Path) -> None:
    series = [a_series("one", "p", "1", n, PatientAge=age) for n, age in enumerate(["050Y", "050Y", "071Y", "000Y"])]
    with loaded(tmp_path, [a_collection("one")], series) as warehouse:
        assert cells(warehouse, "age_at_imaging") == {"50-54": 1}


@pytest.mark.parametrize(
    ("sexes", "cell"),
    [
        (["F"], "female"),
        (["M", "O"], "male"),
        (["F", None, "0000"], "female"),
        (["6657"], "missing"),
        (["O"], "other"),
        (["F", "M"], "missing"),
        ([None], "missing"),
    ],
)
def test_sexes(tmp_path: Path, sexes: list[str | None], cell: str) -> None:
    series = [a_series("one", "p", "1", number, PatientSex=sex) for number, sex in enumerate(sexes)]
    with loaded(tmp_path, [a_collection("one")], series) as warehouse:
        assert cells(warehouse, "sex") == {cell: 1}


def test_species_and_mixed_collections(tmp_path: Path) -> None:
    collections = [
        a_collection("mixed", species="Human, Mouse"),
        a_collection("dogs", species="Canine"),
        a_collection("object", species="Human", cancer_types="Phantom", tumor_locations="Phantom"),
    ]
    series = [a_series(c["collection_id"], "p", f"1.{n}") for n, c in enumerate(collections)]
    with loaded(tmp_path, collections, series) as warehouse:
        assert cells(warehouse, "species", "idc-mixed") == {"missing": 1}
        assert cells(warehouse, "species", "idc-dogs") == {"dog": 1}
        assert cells(warehouse, "species", "idc-object") == {"phantom": 1}
        assert warehouse.population(("idc-dogs", "1")) == 0
        assert {r.dataset.species for r in warehouse.releases()} == {("human", "mouse"), ("dog",), ("phantom",)}


def test_a_body_part_is_derived_beside_the_recorded_one(tmp_path: Path) -> None:
    series = [a_series("one", "p", "1", 1, BodyPartExamined="TH CT CHEST WO C"), a_series("one", "p", "1", 2)]
    collections = [a_collection("one"), a_collection("two", tumor_locations="Lung, Liver")]
    with loaded(tmp_path, collections, [*series, a_series("two", "q", "2")]) as warehouse:
        assert cells(warehouse, "body_part") == {"CHEST": 1}
        assert cells(warehouse, "derived_body_part") == {"CHEST": 1}, "the lung, for the series without"
        assert cells(warehouse, "derived_body_part", "idc-two") == {"missing": 1}
        one, two = warehouse.releases()
        assert "derived_body_part" in one.supports
        assert "derived_body_part" not in two.supports


def test_a_diagnosis_only_where_there_is_exactly_one(tmp_path: Path) -> None:
    collections = [
        a_collection("one", cancer_types="Lung Adenocarcinoma"),
        a_collection("several", cancer_types="Lung Cancer, Melanoma"),
        a_collection("none", cancer_types="Non-Cancer"),
    ]
    series = [a_series(c["collection_id"], "p", f"1.{n}") for n, c in enumerate(collections)]
    with loaded(tmp_path, collections, series) as warehouse:
        assert cells(warehouse, "diagnosis") == {"LUNG": 1}
        assert cells(warehouse, "diagnosis", "idc-several") == {"missing": 1}
        by_id = {release.dataset.dataset_id: release for release in warehouse.releases()}
        assert by_id["idc-several"].dataset.cancer_types == ("LUNG", "MEL")
        assert by_id["idc-none"].dataset.cancer_types == ()
        assert [name for name, one in by_id.items() if "diagnosis" in one.supports] == ["idc-one"]


def test_a_patient_in_two_collections_counts_once_at_one_node(tmp_path: Path) -> None:
    series = [a_series("one", "p", "1"), a_series("two", "p", "2"), a_series("two", "q", "3")]
    with loaded(tmp_path, [a_collection("one"), a_collection("two")], series) as warehouse:
        assert warehouse.count(everyone(), [("idc-one", "1"), ("idc-two", "1")]) == {"": 2}
    assert coverage(tmp_path / "index")["patients_in_two_datasets"] == 1


def test_a_study_uid_of_two_patients_is_two_studies(tmp_path: Path) -> None:
    series = [a_series("one", "p", "1", 1), a_series("one", "p", "1", 2), a_series("one", "q", "1", 3, Modality="MR")]
    with loaded(tmp_path, [a_collection("one")], series) as warehouse:
        assert warehouse.size(("idc-one", "1")).studies == 2
        assert cells(warehouse, "modality") == {"CT": 1, "MR": 1}


def test_a_series_uid_that_is_a_study_uid_too(tmp_path: Path) -> None:
    series = [a_series("one", "p", "1", SeriesInstanceUID="1")]
    with loaded(tmp_path, [a_collection("one")], series) as warehouse:
        assert warehouse.size(("idc-one", "1")).series == 1


def test_years_shifted_out_of_reach_are_missing_and_annotations_are_found(tmp_path: Path) -> None:
    series = [
        a_series("one", "p", "1", 1, StudyDate="1959-01-01"),
        a_series("one", "p", "1", 2, StudyDate="1959-01-01", Modality="SEG"),
        a_series("one", "q", "2", Manufacturer="GE MEDICAL SYSTEMS"),
    ]
    with loaded(tmp_path, [a_collection("one")], series) as warehouse:
        assert cells(warehouse, "year_of_imaging") == {"missing": 1, "2012": 1}
        assert cells(warehouse, "annotation") == {"SEG": 1, "missing": 1}
        assert cells(warehouse, "manufacturer") == {"ge": 1, "missing": 1}


def test_no_identifier_enters(tmp_path: Path) -> None:
    patient, study = "TCGA-SECRET-1", "1.2.826.0.1.3680043.8.498.4711"
    loaded(tmp_path, [a_collection("one")], [a_series("one", patient, study)]).close()
    stored = (tmp_path / "warehouse" / "000001" / DATABASE).read_bytes()
    with duckdb.connect(str(tmp_path / "warehouse" / "000001" / DATABASE), read_only=True) as connection:
        ((key, uid),) = connection.execute("SELECT patient_key, study_uid FROM imaging_study").fetchall()
    assert (key, uid) == (PSEUDONYMS.patient(patient, "idc"), PSEUDONYMS.uid(study))
    assert patient.encode() not in stored
    assert study.encode() not in stored


def test_a_choice_that_leaves_nothing_and_an_index_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        load(
            IdcSource(programmes=("tcga",), cancers=("PROSTATE", "BRAIN"), collections=("nlst",)),
            directory=tmp_path, pseudonyms=PSEUDONYMS, release="1",
        )  # fmt: skip
    assert caught.value.code == "source-empty"
    with pytest.raises(BadInput) as caught:
        load(IdcSource(index=tmp_path), directory=tmp_path, pseudonyms=PSEUDONYMS, release="1")
    assert caught.value.code == "source-unreadable"
    assert index_directory().is_dir()
