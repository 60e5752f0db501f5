"""Time points of images from the course of the disease."""

import duckdb
import pytest

from oncofed.contracts.vocabulary import terms
from oncofed.prepare.mapping.timepoints import link_timepoints
from oncofed.warehouse.schema import TABLES

CASES = [
    # treatments (start, end), recurrence, the study's offset → time point
    ([], None, 10, "baseline"),
    ([], None, -200, None),
    ([], None, 91, None),
    ([(30, 120)], None, -181, None),
    ([(30, 120)], None, -180, "baseline"),
    ([(30, 120)], None, 29, "baseline"),
    ([(30, 120)], None, 30, "during_treatment"),
    ([(30, 120), (200, 220)], None, 150, "during_treatment"),
    ([(30, 120)], None, 121, "after_treatment"),
    ([(30, 120)], None, 301, "follow_up"),
    ([(30, None)], None, 31, "after_treatment"),
    ([(30, 120)], 500, 470, "recurrence"),
    ([(30, 120)], 500, 590, "recurrence"),
    ([(30, 120)], 500, 591, "follow_up"),
    ([(30, 120)], 500, None, None),
]


@pytest.mark.parametrize(("treatments", "recurrence", "offset", "expected"), CASES)
def test_a_study_is_placed_by_what_happened_before_and_after(
    treatments: list[tuple[int, int | None]], recurrence: int | None, offset: int | None, expected: str | None
) -> None:
    with duckdb.connect() as connection:
        for name in ("cancer_condition", "treatment", "outcome", "imaging_study"):
            connection.execute(TABLES[name].ddl())
        connection.execute(
            "INSERT INTO cancer_condition (dataset_id, condition_id, patient_key, kind, oncotree_code)"
            " VALUES ('d', 1, 'P', 'primary', 'LUNG')"
        )
        for number, (start, end) in enumerate(treatments):
            connection.execute(
                "INSERT INTO treatment"
                " (dataset_id, treatment_id, condition_id, type, start_offset_days, end_offset_days)"
                " VALUES ('d', ?, 1, 'surgery', ?, ?)",
                [number, start, end],
            )
        if recurrence is not None:
            connection.execute(
                "INSERT INTO outcome (dataset_id, patient_key, kind, value, offset_days)"
                " VALUES ('d', 'P', 'recurrence', 'yes', ?)",
                [recurrence],
            )
        insert = (
            "INSERT INTO imaging_study"
            " (dataset_id, study_uid, patient_key, offset_days, timepoint, n_series, n_instances)"
            " VALUES ('d', ?, 'P', ?, ?, 1, 1)"
        )
        connection.execute(insert, ["1.2", offset, None])
        connection.execute(insert, ["1.3", offset, "screening"])  # said already: stays
        assert link_timepoints(connection) == (expected is not None)
        found = dict(connection.execute("SELECT study_uid, timepoint FROM imaging_study").fetchall())
    assert found == {"1.2": expected, "1.3": "screening"}
    assert expected is None or expected in terms("timepoint")
