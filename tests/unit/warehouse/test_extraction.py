"""Every criterion is found in the model, in the bands of the contract."""

import math
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.contracts.criteria import CRITERIA, MISSING, Bands
from oncofed.warehouse.extraction import CLINICAL_CRITERIA, IMAGING_CRITERIA, band_sql, extractions
from oncofed.warehouse.schema import TABLES

BANDED = {name: criterion.bands for name, criterion in CRITERIA.items() if criterion.bands}
NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([edge + step for bands in BANDED.values() for edge in bands.edges for step in (-0.01, 0, 0.01)]),
)


def test_every_criterion_has_one_extraction_from_an_existing_column() -> None:
    assert list(extractions()) == list(CRITERIA)
    for found in extractions().values():
        columns = {column.name for column in TABLES[found.table].columns}
        assert any(column in found.cell for column in columns)


def test_criteria_are_clinical_or_of_images() -> None:
    assert sorted((*CLINICAL_CRITERIA, *IMAGING_CRITERIA)) == sorted(CRITERIA)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@pytest.mark.parametrize("name", sorted(BANDED))
@given(number=NUMBERS)
def test_bands_in_sql_are_those_of_the_contract(
    connection: duckdb.DuckDBPyConnection, name: str, number: float
) -> None:
    bands: Bands = BANDED[name]
    sql = f"SELECT {band_sql(bands, 'x')} FROM (SELECT ?::DOUBLE AS x)"
    found = connection.execute(sql, [number]).fetchall()[0][0]
    expected = bands.label_of(number) if math.isfinite(number) else MISSING
    assert (found or MISSING) == expected


def test_no_number_is_no_band(connection: duckdb.DuckDBPyConnection) -> None:
    sql = f"SELECT {band_sql(BANDED['psa'], 'x')} FROM (SELECT NULL::DOUBLE AS x)"
    assert connection.execute(sql).fetchall() == [(None,)]
