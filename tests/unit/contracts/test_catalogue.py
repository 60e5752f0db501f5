"""What a node publishes: protected unless it says otherwise, about humans, and closed."""

import pytest
from pydantic import ValidationError

from oncofed.contracts.catalogue import DatasetClass, DatasetRecord, SizeBand


def test_a_dataset_is_protected_and_human_unless_it_says_otherwise() -> None:
    record = DatasetRecord(dataset_id="lung-1", title="Lung")
    assert record.dataset_class is DatasetClass.PROTECTED
    assert record.species == ("human",)
    assert not record.synthetic


def test_a_record_holds_no_count() -> None:
    with pytest.raises(ValidationError):
        DatasetRecord.model_validate({"dataset_id": "lung-1", "title": "Lung", "patients": 12})


def test_a_size_may_be_open_upwards() -> None:
    assert SizeBand(low=10).high is None
