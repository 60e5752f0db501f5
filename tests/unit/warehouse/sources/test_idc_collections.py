"""What collections say about themselves, and what is made of it."""

import duckdb
import pytest

from oncofed.contracts.catalogue import DatasetClass
from oncofed.contracts.errors import BadInput
from oncofed.contracts.vocabulary import terms
from oncofed.warehouse.sources import idc_collections as ours
from oncofed.warehouse.sources.idc import collections, index_directory
from oncofed.warehouse.sources.idc_collections import choose, oncotree_code, split_cancer_types


def test_every_cancer_type_of_the_real_collections_is_mapped_or_knowingly_not() -> None:
    with duckdb.connect() as connection:
        path = str(index_directory() / "collections_index.parquet")
        texts = connection.execute("SELECT DISTINCT cancer_types FROM read_parquet(?)", [path]).fetchall()
    kinds = {kind for (text,) in texts for kind in split_cancer_types(text)}
    assert len(kinds) > 100
    assert {kind for kind in kinds if oncotree_code(kind) is None and oncotree_code(kind, "Colon") is None
            and oncotree_code(kind, "Kidney") is None and oncotree_code(kind, "Pancreas") is None} == set()  # fmt: skip


def test_every_code_of_the_table_is_in_oncotree() -> None:
    assert {code for code in ours._cancer_type_codes().values() if code} <= set(terms("oncotree"))


def test_the_real_collections() -> None:
    known = {entry.collection_id: entry for entry in collections()}
    assert len(known) == 179
    assert known["nlst"].diagnosis is None, "lung cancer or none: not exactly one"
    assert known["nlst"].cancer_types == ("LUNG",)
    assert known["tcga_luad"].diagnosis == "LUAD"
    assert known["tcga_luad"].programme == "tcga"
    assert known["pdxnet"].species is None
    assert known["icdc_glioma"].species == "dog"
    assert known["rider_phantom_mri"].species == "phantom", "the index calls it human"
    assert known["cptac_lscc"].diagnosis == "LUSC"
    assert known["c4kc_kits"].location == "KIDNEY"
    assert known["eay131"].location is None
    for entry in known.values():
        record = entry.record(DatasetClass.OPEN)
        assert record.dataset_id == f"idc-{entry.collection_id.replace('_', '-')}"
        assert record.description
        assert record.licence
        assert record.citation
        assert record.source_url.startswith("https://doi.org/")
        assert "<p" not in record.description
        assert "&amp;" not in record.citation


def test_cancer_types_are_split_but_not_torn() -> None:
    text = "Renal Cell Carcinoma, Not Otherwise Specified, Melanoma"
    assert split_cancer_types(text) == ("Renal Cell Carcinoma, Not Otherwise Specified", "Melanoma")
    assert split_cancer_types("") == ()


def test_a_location_narrows_a_cancer_type() -> None:
    assert oncotree_code("Adenocarcinoma", "Colon") == "COAD"
    assert oncotree_code("Adenocarcinoma", "Lung") == ""
    assert oncotree_code("something new") is None


def test_collections_are_chosen_by_id_programme_and_cancer() -> None:
    known = collections()
    assert [entry.collection_id for entry in choose(known, ["idc-tcga-luad", "nlst"])] == ["nlst", "tcga_luad"]
    assert len(choose(known, programmes=["TCGA"])) == 32
    assert {"LUAD", "LUSC"} <= {code for entry in choose(known, cancers=["LUNG"]) for code in entry.cancer_types}
    assert [e.collection_id for e in choose(known, programmes=["cptac"], cancers=["LUSC"])] == ["cptac_lscc"]
    assert choose(known) == known


@pytest.mark.parametrize("choice", [{"collections": ["tcga_luat"]}, {"programmes": ["tga"]}, {"cancers": ["no such"]}])
def test_a_name_that_does_not_exist_is_refused(choice: dict) -> None:
    with pytest.raises(BadInput) as caught:
        choose(collections(), **choice)
    assert caught.value.code == "source-empty"


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(BadInput, match="tcga_luad"):
        choose(collections(), ["tcga_luat"])
