"""What a site says in its own profile: words that may stay, and a sealed way back to a person."""

import json
from pathlib import Path

import pydicom
import pytest

from oncofed.cli.prepare_key import key_of
from oncofed.contracts.errors import BadInput, Corrupt, Refused
from oncofed.imaging.deidentify import read_profile
from oncofed.prepare import linkage
from oncofed.prepare.deidentify import deidentify
from oncofed.prepare.recipe import Recipe
from oncofed.prepare.run import Run
from oncofed.prepare.scan import scan
from oncofed.trust.pseudonyms import Pseudonyms
from tests.factories.source import a_series
from tests.integration.prepare.test_pipeline import answered, typed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    a_series(tmp_path / "source", 2, SeriesDescription="Axial zebrafoo Sørensen", IssuerOfPatientID="ward 3")
    return tmp_path / "source"


def profile(directory: Path, content: str) -> str:
    file = directory / "site.toml"
    file.write_text(content, encoding="utf-8")
    return str(file)


def descriptions(run: Run) -> set[str]:
    return {str(pydicom.dcmread(path).SeriesDescription) for path in run.images.rglob("*.dcm")}


def test_a_word_stays_once_the_site_names_it_a_name_never_does(data_dir: Path, folder: Path, tmp_path: Path) -> None:
    with Run.create(tmp_path / "run") as run:
        scan(run, folder)
        assert deidentify(run, Recipe(key_of(data_dir), profile(tmp_path, "words = []"))) == 2
        assert descriptions(run) == {"Axial"}
    with Run.open(tmp_path / "run") as run:
        named = profile(tmp_path, 'words = ["ZebraFoo", "sørensen"]')
        other = Path(named).rename(tmp_path / "other.toml")
        assert deidentify(run, Recipe(key_of(data_dir), str(other))) == 2
        assert descriptions(run) == {"Axial zebrafoo"}  # this patient's own name goes, whatever the list says


@pytest.mark.parametrize("words", ['"zebra"', '["two words"]', "[7]", '["a"]', '["x^y"]'])
def test_words_are_single_words(tmp_path: Path, words: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_profile(Path(profile(tmp_path, f"words = {words}")))
    assert refused.value.code == "profile-invalid"


def test_the_way_back_opens_with_the_key_alone(
    data_dir: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = Recipe(key_of(data_dir), profile(tmp_path, "linkage = true"), project="study")
    with Run.create(tmp_path / "run", project="study") as run:
        scan(run, folder)
        deidentify(run, recipe)
        (pseudonym,) = {str(pydicom.dcmread(path).PatientID) for path in run.images.rglob("*.dcm")}
        table = linkage.table(run)
        assert b"P1" not in table.read_bytes()
        assert table.stat().st_mode & 0o077 == 0
        with pytest.raises(Corrupt):
            linkage.behind(run, pseudonym, Pseudonyms(bytes(32)))
    given = ("--run", tmp_path / "run", "--data-dir", data_dir)
    assert typed(capsys, "prepare", "linkage", pseudonym, *given).strip() == "P1  (issuer ward 3)"
    told = answered(capsys, "prepare", "linkage", pseudonym, *given)
    assert told["people"] == [{"patient_id": "P1", "issuer": "ward 3"}]
    with Run.open(tmp_path / "run") as run, pytest.raises(Refused):
        linkage.behind(run, "0" * 32, recipe.tools.node_pseudonyms)


def test_without_leave_there_is_no_way_back_and_an_earlier_one_goes(
    data_dir: Path, folder: Path, tmp_path: Path
) -> None:
    with Run.create(tmp_path / "run") as run:
        scan(run, folder)
        deidentify(run, Recipe(key_of(data_dir), profile(tmp_path, "linkage = true")))
        assert linkage.table(run).exists()
        deidentify(run, Recipe(key_of(data_dir)))
        assert not linkage.table(run).exists()
        with pytest.raises(Refused) as refused:
            linkage.behind(run, "0" * 32, Pseudonyms(bytes(32)))
    assert refused.value.code == "linkage-absent"


def test_volumes_are_made_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_series(tmp_path / "images", 4)
    told = answered(
        capsys, "prepare", "harmonise", tmp_path / "images", tmp_path / "volumes",
        "--spacing", "2,1,1", "--intensity", "z-score",
    )  # fmt: skip
    (written,) = told["written"]
    assert Path(written).is_file()
    assert told["left_out"] == []
    assert json.loads(Path(written).with_name(Path(written).name.replace(".nii.gz", ".json")).read_text())
    with pytest.raises(Exception, match="z,y,x"):
        typed(capsys, "prepare", "harmonise", tmp_path / "images", tmp_path / "volumes", "--spacing", "2")
