"""The criteria: a closed list whose names, bands and synonyms do not collide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.contracts.criteria import (
    AGE,
    CRITERIA,
    GROUP_LEVELS,
    KI67,
    MISSING,
    PSA,
    YEAR,
    Bands,
    CriterionDefinition,
    Level,
)
from oncofed.contracts.vocabulary import domain, folded

BANDED = [criterion for criterion in CRITERIA.values() if criterion.bands]


def test_names_and_synonyms_mean_one_criterion() -> None:
    meant: dict[str, str] = {}
    for name, criterion in CRITERIA.items():
        for word in (name, *criterion.synonyms):
            assert meant.setdefault(folded(word), name) == name, word


def test_bands_have_the_labels_of_their_kind() -> None:
    assert AGE.labels[:3] == ("0-17", "18-24", "25-29")
    assert AGE.labels[-1] == "90+"
    assert YEAR.labels[0] == "1980-1984"
    assert "2010" in YEAR.labels
    assert KI67.labels[1] == "5-<10"
    assert PSA.labels[-1] == "100+"


@pytest.mark.parametrize("criterion", BANDED, ids=lambda criterion: criterion.name)
@given(number=st.floats(-10, 3000, allow_nan=False))
def test_each_number_is_in_one_band(criterion: CriterionDefinition, number: float) -> None:
    bands = criterion.bands
    assert bands is not None
    label = bands.label_of(number)
    if number < bands.edges[0]:
        assert label == MISSING
    else:
        place = bands.labels.index(label)
        assert bands.edges[place] <= number
        assert place == len(bands.edges) - 1 or number < bands.edges[place + 1]


def test_edges_belong_to_the_band_above() -> None:
    assert AGE.label_of(50) == "50-54"
    assert AGE.label_of(49.9) == "45-49"
    assert PSA.label_of(4) == "4-<10"


@pytest.mark.parametrize("criterion", BANDED, ids=lambda criterion: criterion.name)
def test_band_edges_rise_and_labels_differ(criterion: CriterionDefinition) -> None:
    assert isinstance(criterion.values, Bands)
    edges = criterion.values.edges
    assert list(edges) == sorted(set(edges))
    assert len(set(criterion.values.labels)) == len(edges)


def test_groups_admit_the_levels_of_imaging() -> None:
    assert GROUP_LEVELS["series"] < GROUP_LEVELS["study"] == {Level.STUDY, Level.SERIES}


def test_only_patients_have_single_values() -> None:
    assert {c.name for c in CRITERIA.values() if not c.several} == {"species", "sex", "population", "vital_status"}
    assert all(not c.hierarchical for c in CRITERIA.values() if not c.several)


def test_a_criterion_says_its_name_as_in_a_query() -> None:
    assert CRITERIA["body_part"].text == "body part"
    assert CRITERIA["sex"].bands is None


@pytest.mark.parametrize("name", CRITERIA)
def test_no_value_is_called_missing(name: str) -> None:
    assert MISSING not in domain(name)
    assert all("|" not in cell and len(cell) <= 64 for cell in domain(name))
