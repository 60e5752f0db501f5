"""Some hundred cases of every reader, the same ones each time; ``python -m tests.fuzzing`` runs any number."""

import logging
from pathlib import Path

import pytest

from tests.fuzzing import running
from tests.fuzzing.mutations import mutated
from tests.fuzzing.running import TooMuch, result
from tests.fuzzing.targets import TARGETS, Target

CASES = {
    "header": 150, "deidentify": 40, "verify": 40, "pixels": 50, "quality": 50, "dicomdir": 60, "archive": 80,
    "plan": 80,
    "profile": 60, "opt-outs": 40, "mapping": 40, "csv": 10, "excel": 10, "sqlite": 10, "parquet": 10, "fhir": 12,
    "eform": 12, "receiver": 12, "run": 1,
}  # fmt: skip


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """pydicom and pynetdicom log what bends the standard."""
    caplog.set_level(logging.CRITICAL + 1, "pydicom")
    caplog.set_level(logging.CRITICAL + 1, "pynetdicom")


# pynetdicom ends the thread of an association that breaks the protocol by an error; the listener stays
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_whatever_the_bytes_are(name: str, tmp_path: Path) -> None:
    outcomes = set()
    for seed in range(CASES[name]):
        try:
            outcomes.add(result(TARGETS[name], seed, tmp_path))
        except BaseException as error:
            error.add_note(f"python -m tests.fuzzing {name} --seed {seed} --cases 1")
            raise
    assert len(outcomes) > 1 or name in ("excel", "run"), (
        "all cases end alike: nothing is fuzzed"
    )  # few broken zips are none


def test_every_reader_has_its_cases() -> None:
    assert CASES.keys() == TARGETS.keys()


def test_a_case_that_does_not_end_is_a_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "STEPS", 10_000)

    def endless(_content: bytes, _folder: Path, _rng: object) -> str:
        while True:
            len("")

    target = Target("endless", lambda: [b"ab"], (lambda content, _rng, _others: content,), endless)
    with pytest.raises(TooMuch, match="steps"):
        result(target, 0, tmp_path)


def test_the_same_seed_makes_the_same_bytes() -> None:
    import random

    for target in TARGETS.values():
        seeds = target.seeds()
        one, other = (mutated(seeds[0], random.Random(7), seeds, target.kinds) for _ in range(2))
        assert one == other
