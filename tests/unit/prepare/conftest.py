"""A source's folder, and a run of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oncofed.prepare.run import Run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    made.mkdir()
    return made


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with Run.create(tmp_path / "run") as made:
        yield made
