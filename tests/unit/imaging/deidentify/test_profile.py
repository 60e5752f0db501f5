"""Profiles: what a site may say, and what is refused."""

from pathlib import Path

import pytest

from oncofed.contracts.errors import BadInput
from oncofed.imaging.deidentify import PROFILES, Option, Profile, read_profile


def written(directory: Path, text: str) -> Path:
    path = directory / "site.toml"
    path.write_text(text)
    return path


def test_the_named_profiles() -> None:
    assert set(PROFILES) == {"research", "strict", "minimal"}
    assert PROFILES["strict"].options == frozenset()
    assert PROFILES["strict"].deface
    assert PROFILES["minimal"].options == {Option.RETAIN_MODIFIED_DATES}
    assert {
        Option.RETAIN_MODIFIED_DATES,
        Option.RETAIN_PATIENT_CHARACTERISTICS,
        Option.CLEAN_DESCRIPTORS,
        Option.CLEAN_STRUCTURED_CONTENT,
        Option.RETAIN_DEVICE,
    } <= PROFILES["research"].options


def test_a_site_builds_on_a_named_profile(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        name = "klinikum"
        based_on = "minimal"
        age_cap = 79
        clean_pixels = false
        deface = true
        date_shift_days = [-100, -10]
        [overrides]
        PatientWeight = "K"
        00181030 = "X"
        """,
    )
    profile = read_profile(path)
    assert profile == Profile(
        "klinikum",
        PROFILES["minimal"].options,
        {"PatientWeight": "K", "00181030": "X"},
        clean_pixels=False,
        deface=True,
        age_cap=79,
        date_shift_days=(-100, -10),
    )


def test_options_replace_those_of_the_profile_it_is_based_on(tmp_path: Path) -> None:
    profile = read_profile(written(tmp_path, 'options = ["retain_uids"]'))
    assert (profile.name, profile.options) == ("site", {Option.RETAIN_UIDS})


@pytest.mark.parametrize(
    "text",
    [
        "not toml at all =",
        "colour = 1",
        'based_on = "lax"',
        'options = ["retain_everything"]',
        "options = 5",
        'options = ["retain_full_dates", "retain_modified_dates"]',
        '[overrides]\nPatientHat = "K"',
        '[overrides]\nPatientName = "keep"',
        'clean_pixels = "yes"',
        "age_cap = 500",
        'age_cap = "old"',
        "age_cap = inf",
        "age_cap = " + "9" * 5000,
        "words = " + "[" * 3000,
        "date_shift_days = [0, 0]",
        "date_shift_days = [5, 1]",
        "date_shift_days = [1]",
        "date_shift_days = [-99999, 1]",
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_profile(written(tmp_path, text))
    assert refused.value.code == "profile-invalid"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        read_profile(tmp_path / "none.toml")
