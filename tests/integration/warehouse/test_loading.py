"""Loading is all or nothing, releases do not change, and what stands is what its digest says."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from oncofed.contracts.errors import BadInput, Corrupt, Refused
from oncofed.trust.pseudonyms import Pseudonyms
from oncofed.warehouse import Loading, Warehouse, load, load_with
from oncofed.warehouse.compile import everyone
from oncofed.warehouse.shards import DATABASE
from tests.factories.warehouse import PSEUDONYMS, RowsSource, a_crowd, load_datasets, rows_of

CROWD = a_crowd(12, seed=5)
ROWS = rows_of(CROWD)


def loaded(directory: Path, rows: dict, dataset: str = "one", pseudonyms: Pseudonyms = PSEUDONYMS, release: str = "1"):
    return load(RowsSource({dataset: rows}), directory=directory, pseudonyms=pseudonyms, release=release)


def test_the_same_data_have_the_same_digest_in_any_order_and_at_any_time(tmp_path: Path) -> None:
    backwards = {table: list(reversed(rows)) for table, rows in reversed(ROWS.items())}
    (first,), (second,) = loaded(tmp_path / "a", ROWS), loaded(tmp_path / "b", backwards, release="2")
    assert first.digest == second.digest


def test_the_digest_is_bound_to_dataset_rows_and_secret(tmp_path: Path) -> None:
    (first,) = loaded(tmp_path / "a", ROWS)
    (other_id,) = loaded(tmp_path / "b", ROWS, dataset="two")
    (other_secret,) = loaded(tmp_path / "c", ROWS, pseudonyms=Pseudonyms(b"another secret of 32 bytes, long"))
    less = ROWS | {"imaging_series": ROWS["imaging_series"][1:]}
    (other_rows,) = loaded(tmp_path / "d", less)
    moved = ROWS | {"patient": [*ROWS["patient"][1:], ROWS["patient"][0] | {"country": "NL"}]}
    (other_value,) = loaded(tmp_path / "e", moved)
    digests = [release.digest for release in (first, other_id, other_secret, other_rows, other_value)]
    assert len(set(digests)) == 5


def test_a_digest_does_not_depend_on_what_is_loaded_beside(tmp_path: Path) -> None:
    (alone,) = load_datasets(tmp_path / "a", {"one": CROWD})
    together = load_datasets(tmp_path / "b", {"one": CROWD, "zero": a_crowd(3, seed=6)})
    assert {release.dataset.dataset_id: release.digest for release in together}["one"] == alone.digest


def test_large_tables_are_hashed_in_passes_to_the_same_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = loaded(tmp_path / "a", ROWS)
    monkeypatch.setattr("oncofed.warehouse.digest._MANY_ROWS", 3)
    (second,) = loaded(tmp_path / "b", ROWS)
    assert first.digest == second.digest


def test_loading_again_changes_nothing_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    (first,) = loaded(tmp_path, ROWS)
    source = RowsSource({"one": ROWS})
    (again,) = load_with(source, tmp_path, PSEUDONYMS, "1", Loading(progress=said.append))
    assert again == first
    assert (first.already, again.already) == (False, True)
    assert said[-1].startswith("nothing new")
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["000001"]


def test_other_data_under_the_same_name_are_refused(tmp_path: Path) -> None:
    loaded(tmp_path, ROWS)
    with pytest.raises(Refused) as caught:
        loaded(tmp_path, ROWS | {"outcome": []})
    assert caught.value.code == "release-exists"
    assert len(Warehouse(tmp_path).releases()) == 1
    loaded(tmp_path, ROWS | {"outcome": []}, release="2")
    assert len(Warehouse(tmp_path).releases()) == 2


def test_what_stands_already_is_left_out_of_a_load_with_something_new(tmp_path: Path) -> None:
    load_datasets(tmp_path, {"one": CROWD})
    releases = load_datasets(tmp_path, {"one": CROWD, "two": a_crowd(4, seed=7)})
    assert [(release.dataset.dataset_id, release.already) for release in releases] == [("one", True), ("two", False)]
    with Warehouse(tmp_path) as warehouse:
        assert warehouse.count(everyone(), [("one", "1")]) == {"": 12}
        assert warehouse.count(everyone(), [("two", "1")]) == {"": 4}
        assert warehouse.size(("two", "1")).patients == 4


def test_opt_outs_are_gone_from_every_table(tmp_path: Path) -> None:
    out = {PSEUDONYMS.patient("patient 3"), PSEUDONYMS.patient("patient 4"), PSEUDONYMS.patient("nobody")}
    source = RowsSource({"one": ROWS})
    (less,) = load(source, directory=tmp_path / "a", pseudonyms=PSEUDONYMS, release="1", opt_outs=out)
    (full,) = loaded(tmp_path / "b", ROWS)
    (never,) = load_datasets(tmp_path / "c", {"one": {k: v for k, v in CROWD.items() if k[-2:] not in (" 3", " 4")}})
    assert less.size.patients == 10
    assert less.size == never.size
    assert less.digest != full.digest
    stored = (tmp_path / "a" / "000001" / DATABASE).read_bytes()
    with duckdb.connect(str(tmp_path / "a" / "000001" / DATABASE), read_only=True) as connection:
        for table in ("patient", "cancer_condition", "observation", "outcome", "imaging_study", "patient_in_release"):
            keys = connection.execute(f"SELECT DISTINCT patient_key FROM {table}").fetchall()
            assert not out & {key for (key,) in keys}
        assert connection.execute("SELECT count(*) FROM opt_out").fetchall() == [(3,)]
    assert all(key.encode() not in stored for key in out)


BAD = {
    "a key twice": ({"patient": ROWS["patient"] + ROWS["patient"][:1]}, "patient, column patient_key: 1 rows repeat"),
    "no pseudonym": ({"patient": [*ROWS["patient"], {"patient_key": "Smith"}]}, "1 rows hold no pseudonym"),
    "a study of nobody": (
        {"imaging_study": [{**ROWS["imaging_study"][0], "patient_key": "0" * 32}]},
        "imaging_study, column patient_key: 1 rows refer to no row of patient",
    ),
    "no code": (
        {"imaging_series": [ROWS["imaging_series"][0] | {"modality": "MRI"}, *ROWS["imaging_series"][1:]]},
        "imaging_series, column modality: 1 rows hold no code of the vocabulary of modality",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_rows_leave_everything_as_it_was(tmp_path: Path, name: str) -> None:
    more, message = BAD[name]
    loaded(tmp_path, ROWS)
    with pytest.raises(BadInput, match=message) as caught:
        loaded(tmp_path, ROWS | more, release="2")
    assert caught.value.code == "table-invalid"
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["000001"]
    with Warehouse(tmp_path) as warehouse:
        assert warehouse.count(everyone(), [("one", "1")]) == {"": 12}


def test_a_source_of_nothing_and_a_release_without_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="source-empty"):
        load(RowsSource({}), directory=tmp_path, pseudonyms=PSEUDONYMS, release="1")
    with pytest.raises(BadInput, match="release"):
        loaded(tmp_path, ROWS, release=" ")


FULL_DISK = """
import resource, sys
from pathlib import Path
from oncofed.contracts.errors import Unreachable
from tests.integration.warehouse.test_loading import ROWS, loaded
directory = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    loaded(directory, ROWS, release="2")
except Unreachable as error:
    print(error.code)
"""


def test_a_full_disk_leaves_everything_as_it_was(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: writes fail in the same place, in a process of its own."""
    loaded(tmp_path, ROWS)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "disk-full"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".load.lock", "000001"]
    with Warehouse(tmp_path) as warehouse:
        warehouse.verify(("one", "1"), PSEUDONYMS)
        assert warehouse.count(everyone(), [("one", "1")]) == {"": 12}


KILLED = """
import os, sys
from pathlib import Path
from oncofed.warehouse import load
from tests.factories.warehouse import PSEUDONYMS, RowsSource
from tests.integration.warehouse.test_loading import ROWS
class Killed(RowsSource):
    def fill(self, filling):
        super().fill(filling)
        os._exit(9)
load(Killed({"one": ROWS}), directory=Path(sys.argv[1]), pseudonyms=PSEUDONYMS, release="2")
"""


def test_a_load_that_was_killed_is_cleaned_up_by_the_next(tmp_path: Path) -> None:
    loaded(tmp_path, ROWS)
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=120)
    assert done.returncode == 9
    assert list(tmp_path.glob(".loading-*"))
    with Warehouse(tmp_path) as warehouse:
        assert len(warehouse.releases()) == 1
    loaded(tmp_path, ROWS, dataset="two")
    assert not list(tmp_path.glob(".loading-*"))
    assert len(Warehouse(tmp_path).releases()) == 2


def test_verify_finds_a_changed_row(tmp_path: Path) -> None:
    loaded(tmp_path, ROWS)
    with Warehouse(tmp_path) as warehouse:
        warehouse.verify(("one", "1"), PSEUDONYMS)
        with pytest.raises(Corrupt):
            warehouse.verify(("one", "1"), Pseudonyms(b"another secret of 32 bytes, long"))
    with duckdb.connect(str(tmp_path / "000001" / DATABASE)) as connection:
        connection.execute(
            "UPDATE patient SET birth_sex = 'other' WHERE patient_key = (SELECT min(patient_key) FROM patient)"
        )
    with Warehouse(tmp_path) as warehouse, pytest.raises(Corrupt) as caught:
        warehouse.verify(("one", "1"), PSEUDONYMS)
    assert caught.value.code == "release-corrupt"


def test_a_release_knows_its_record_size_and_versions(tmp_path: Path) -> None:
    (release,) = loaded(tmp_path, ROWS)
    (read,) = Warehouse(tmp_path).releases()
    assert replace(read, already=False) == release
    assert read.size.series == len(ROWS["imaging_series"])
    assert read.size.instances == 2 * read.size.series
    with duckdb.connect(str(tmp_path / "000001" / DATABASE), read_only=True) as connection:
        ((rows, source),) = connection.execute("SELECT rows_out, mapping_version FROM etl_run").fetchall()
        assert (rows, source) == (read.size.series, "rows 1")
        assert connection.execute("SELECT content_sha256 FROM dataset_release").fetchall() == [(release.digest,)]
