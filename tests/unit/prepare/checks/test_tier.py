"""FAIR, tier and label: from a sound release downwards, one requirement at a time."""

from pathlib import Path

import pytest

from oncofed.contracts.errors import BadInput
from oncofed.prepare.checks import Findings, check
from oncofed.prepare.checks.fair import percent, share_state
from tests.factories import series, tables
from tests.unit.prepare.checks.test_agreement import release


@pytest.fixture
def whole(tmp_path: Path) -> Findings:
    return check(*_written(tmp_path))


def _written(folder: Path, *, complete: bool = True) -> tuple[Path, Path]:
    made, rows = release()
    rows["patient"][0]["vital_status"] = "alive"
    rows["cancer_condition"][0] |= {"age_at_diagnosis": 60.0, "diagnosis_year": 2020}
    rows["imaging_series"][0]["manufacturer_norm"] = "ge"
    if not complete:
        del rows["imaging_series"], rows["cancer_condition"]
    return series.write(made, folder / "images"), tables.write(rows, folder / "tables")


def test_a_sound_release_is_ready_for_the_highest_tier(whole: Findings) -> None:
    assert whole.tier is not None
    assert [one.label for one in whole.tier.requirements if one.state == "not-met"] == []
    assert whole.tier.tier == 3
    assert whole.failed("error") == ()


def test_without_clinical_tables_the_third_tier_is_out_of_reach(tmp_path: Path) -> None:
    found = check(_written(tmp_path)[0])
    assert found.tier is not None
    assert found.tier.tier == 2
    assert found.agreement is None
    assert found.fair is not None
    assert {one.id: one.state for one in found.fair.indicators}["RDA-I2-01M"] == "elsewhere"


def test_an_incomplete_model_is_no_third_tier(tmp_path: Path) -> None:
    found = check(*_written(tmp_path, complete=False))
    assert found.tier is not None
    assert found.tier.tier < 3
    evidence = {one.label: one.evidence for one in found.tier.requirements}
    assert evidence["Tier 3: full common data model"] == "empty: cancer_condition"


def test_files_not_deidentified_reach_no_tier(tmp_path: Path) -> None:
    made, rows = release()
    del made[0].PatientIdentityRemoved
    found = check(series.write(made, tmp_path / "i"), tables.write(rows, tmp_path / "t"))
    assert found.tier is not None
    assert found.tier.tier == 0


def test_the_label_has_every_element_of_the_article(whole: Findings) -> None:
    assert whole.label is not None
    assert {one.name for one in whole.label.elements} == set("abcdef")
    assert {one.state for one in whole.label.elements} <= {"met", "partly", "not-met", "elsewhere"}


def test_the_index_is_counted_only(tmp_path: Path) -> None:
    images, folder = _written(tmp_path)
    found = check(images, folder, folder / "patient.parquet")
    assert found.indexed == 1
    assert check(images, None, tmp_path / "nowhere.parquet").indexed is None


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="source-unreadable"):
        check(tmp_path / "nowhere")


def test_an_empty_folder_has_an_empty_report(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    found = check(tmp_path / "images")
    assert (found.images.instances, found.risk, found.annotations) == (0, None, None)
    assert found.fair is not None
    assert found.fair.indicators[0].state == "not-met"


@pytest.mark.parametrize(
    ("share", "state"), [(1, "met"), (0.95, "met"), (0.949, "partly"), (0.5, "partly"), (0, "not-met")]
)
def test_states_of_shares(share: float, state: str) -> None:
    assert share_state(share) == state


@pytest.mark.parametrize(("share", "words"), [(1, "100 %"), (0.99999, "99.9 %"), (0, "0 %"), (0.5, "50 %")])
def test_nothing_is_rounded_up_to_everything(share: float, words: str) -> None:
    assert percent(share) == words
