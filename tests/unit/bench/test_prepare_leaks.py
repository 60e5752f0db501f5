"""The leak bench judges rightly: it finds what is left, and oncofed leaves nothing."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncofed.bench.prepare_leaks import (
    DEPTHS,
    SECRET,
    Tally,
    cleaned,
    examine,
    measure,
    option_sets,
    planted,
    template,
)
from oncofed.bench.prepare_peers import peers
from oncofed.imaging.deidentify import PROFILES, Deidentifier, Option, Profile, compile_policy
from oncofed.trust.pseudonyms import Pseudonyms

FILES = {name: planted(depth, template()) for name, depth in DEPTHS.items()}
SETS = list(option_sets())

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def found(options: frozenset[Option], judged: frozenset[Option], depth: str, directory: Path) -> tuple[int, int]:
    """Leaks and wrong outcomes of a file cleaned with some options and judged by others."""
    deidentifier = Deidentifier(compile_policy(Profile("test", options)), Pseudonyms(SECRET), durable=False)
    output, days = cleaned(deidentifier, FILES[depth], directory)
    seen = examine(output, DEPTHS[depth], judged, days)
    return len(seen.leaks), len(seen.wrong)


@pytest.mark.parametrize("depth", DEPTHS)
def test_an_untouched_file_leaks_everything(depth: str) -> None:
    assert len(examine(FILES[depth], DEPTHS[depth], frozenset(), 0).leaks) == 620  # and one private element


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("option", Option)
def test_one_option_leaks_nothing_and_keeps_what_it_says(option: Option, depth: str, tmp_path: Path) -> None:
    assert found(frozenset({option}), frozenset({option}), depth, tmp_path) == (0, 0)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_named_profiles_leak_nothing(profile: Profile, tmp_path: Path) -> None:
    for depth in DEPTHS:
        assert found(profile.options, profile.options, depth, tmp_path) == (0, 0)


@settings(max_examples=25)
@given(options=st.sampled_from(SETS), depth=st.sampled_from(sorted(DEPTHS)))
def test_any_set_of_options_leaks_nothing(
    options: frozenset[Option], depth: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert found(options, options, depth, tmp_path_factory.mktemp("any")) == (0, 0)


@pytest.mark.parametrize(
    ("options", "judged", "leaks", "wrong"),
    [
        ({Option.RETAIN_DEVICE}, set(), 46, 0),
        (set(), {Option.RETAIN_DEVICE}, 0, 46),
        (set(), {Option.RETAIN_UIDS}, 0, 57),
        ({Option.RETAIN_FULL_DATES}, {Option.RETAIN_MODIFIED_DATES}, 100, 0),
    ],
)
def test_other_options_than_those_judged_by_are_noticed(
    options: set[Option], judged: set[Option], leaks: int, wrong: int, tmp_path: Path
) -> None:
    got = found(frozenset(options), frozenset(judged), "top", tmp_path)
    assert got[0] >= leaks
    assert got[1] >= wrong - 1
    assert (got[0] > 0, got[1] > 0) == (leaks > 0, wrong > 0)


def test_another_shift_of_dates_is_noticed(tmp_path: Path) -> None:
    options = frozenset({Option.RETAIN_MODIFIED_DATES})
    deidentifier = Deidentifier(compile_policy(Profile("test", options)), Pseudonyms(SECRET), durable=False)
    output, days = cleaned(deidentifier, FILES["top"], tmp_path)
    assert len(examine(output, (), options, days + 1).wrong) > 90


def test_there_are_768_sets() -> None:
    assert len(SETS) == len(set(SETS)) == 768


def test_the_measure_says_what_was_found() -> None:
    said: list[str] = []
    measured = measure(said.append, [frozenset()] * 64)
    assert all(figure.holds for figure in measured.figures)
    assert {figure.name for figure in measured.figures} >= {
        "leaks_basic_top",
        "wrong_outcomes_worst_option_set_per_frame",
    }
    assert len(said) == 1
    assert {figure.name.partition("_leaks")[0] for figure in measured.peers if "_leaks" in figure.name} == set(peers())


def test_a_tally_keeps_the_worst() -> None:
    tally = Tally()
    tally.leaks["top"] = 3
    assert not tally.figures("x")[0].holds
