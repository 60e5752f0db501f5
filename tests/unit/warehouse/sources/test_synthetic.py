"""Synthetic cases: labelled, the same for the same seed, and coherent."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import BadInput
from oncofed.contracts.query import parse
from oncofed.contracts.vocabulary import terms
from oncofed.warehouse import Release, Warehouse, load
from oncofed.warehouse.shards import DATABASE
from oncofed.warehouse.sources.synthetic import SyntheticSource
from oncofed.warehouse.sources.synthetic_profiles import PROFILES
from tests.factories.warehouse import PSEUDONYMS, a_record

PATIENTS = 3000


def made(directory: Path, patients: int = 50, seed: int = 1) -> Release:
    source = SyntheticSource(a_record("made"), patients, seed)
    (release,) = load(source, directory=directory, pseudonyms=PSEUDONYMS, release="1")
    return release


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("synthetic")
    made(place, PATIENTS)
    return place


@pytest.fixture(scope="module")
def warehouse(directory: Path) -> Iterator[Warehouse]:
    with Warehouse(directory) as opened:
        yield opened


def test_the_dataset_says_what_it_is(warehouse: Warehouse) -> None:
    (release,) = warehouse.releases()
    assert release.dataset.synthetic
    assert release.dataset.title.startswith("Synthetic")
    assert release.size.patients == PATIENTS
    assert 2 < release.size.studies / PATIENTS < 4
    assert 8 < release.size.series / PATIENTS < 12


def test_the_same_seed_gives_the_same_cases(tmp_path: Path) -> None:
    first, again, other = (made(tmp_path / name, seed=seed) for name, seed in (("a", 7), ("b", 7), ("c", 8)))
    assert first.digest == again.digest != other.digest


def test_chunks_do_not_collide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncofed.warehouse.sources.synthetic.CHUNK", 20)
    assert made(tmp_path, patients=50).size.patients == 50


def test_every_supported_criterion_is_recorded_for_some(warehouse: Warehouse) -> None:
    (release,) = warehouse.releases()
    assert set(CRITERIA) - set(release.supports) == {"derived_body_part"}
    never = {"pm", "derived_body_part"}
    for name in release.supports:
        cells = warehouse.count(parse("species = any").query, [release.name], name)
        assert bool(set(cells) - {"missing"}) == (name not in never), name


IMPOSSIBLE = [
    "sex = female and diagnosis = PROSTATE",
    "sex = male and diagnosis = OVARY",
    "er is recorded and not diagnosis = BREAST or missing",
    "psa is recorded and not diagnosis = PROSTATE or missing",
    "stage = IV and cm = M0",
    "stage in (I, II, III) and cm = M1",
    "stage = IV and pt is recorded",
    "isup = 1 and gleason in (7, 8, 9, 10)",
    "isup in (2, 3) and gleason in (6, 8, 9, 10)",
    "population in (control, benign) and diagnosis is recorded",
    "population = control and treatment is recorded",
    "diagnosis = BRAIN and stage is recorded",
    "same series (modality = CT and sequence type is recorded)",
    "same series (modality = CT and field strength is recorded)",
    "same series (modality = MG and slice thickness is recorded)",
    "same series (tracer is recorded and not modality = PT)",
    "same series (tracer = psma and not body part = PROSTATE)",
    "not species = human or missing",
]


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_what_cannot_be_does_not_occur(warehouse: Warehouse, text: str) -> None:
    (release,) = warehouse.releases()
    assert warehouse.count(parse(text).query, [release.name]) == {"": 0}


def share(warehouse: Warehouse, part: str, whole: str) -> float:
    (release,) = warehouse.releases()
    counts = [warehouse.count(parse(text).query, [release.name])[""] for text in (f"{whole} and {part}", whole)]
    return counts[0] / counts[1]


def test_later_stages_are_operated_on_less_and_die_more(warehouse: Warehouse) -> None:
    assert share(warehouse, "treatment = surgery", "stage = I") > 0.8
    assert share(warehouse, "treatment = surgery", "stage = IV") < 0.3
    assert share(warehouse, "vital status = dead", "stage = IV") > 3 * share(
        warehouse, "vital status = dead", "stage = I"
    )
    assert share(warehouse, "sex = female", "diagnosis = BREAST") > 0.95
    assert share(warehouse, "sex = male", "diagnosis = PROSTATE") == 1


def test_no_date_and_offsets_in_days(directory: Path) -> None:
    with duckdb.connect(str(directory / "000001" / DATABASE), read_only=True) as connection:
        ((low, high),) = connection.execute("SELECT min(offset_days), max(offset_days) FROM imaging_study").fetchall()
        early = connection.execute(
            "SELECT count(*) FROM imaging_study WHERE timepoint = 'baseline' AND offset_days >= 0"
        ).fetchall()
    assert -60 < low < 0 < high < 1000
    assert early == [(0,)]


def test_nothing_happens_after_a_death(directory: Path) -> None:
    events = """
        SELECT patient_key, offset_days AS day FROM imaging_study
        UNION ALL SELECT patient_key, offset_days FROM outcome
        UNION ALL SELECT patient_key, offset_days FROM observation
        UNION ALL SELECT patient_key, last_contact_offset_days FROM patient
        UNION ALL SELECT c.patient_key, t.end_offset_days FROM treatment t JOIN cancer_condition c USING (condition_id)
    """
    (database,) = directory.rglob(DATABASE)
    with duckdb.connect(database, read_only=True) as connection:
        sql = f"SELECT count(*) FROM ({events}) e JOIN outcome d USING (patient_key) WHERE d.kind = 'death'"
        ((told,),) = connection.execute(sql).fetchall()
        ((late,),) = connection.execute(f"{sql} AND e.day > d.offset_days").fetchall()
    assert told > 3000
    assert late == 0


def test_every_profile_is_in_the_vocabularies() -> None:
    assert {profile.code for profile in PROFILES} <= set(terms("oncotree"))
    assert {profile.body_part for profile in PROFILES} <= set(terms("body_part"))
    assert {profile.systemic for profile in PROFILES} <= set(terms("treatment"))


def test_no_patients_are_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="source-empty"):
        made(tmp_path, patients=0)
