"""What the tests of preparation share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oncofed.node import enrolment
from oncofed.prepare.run import Run


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node of its own, not enrolled."""
    directory = tmp_path_factory.mktemp("node") / "data"
    enrolment.init(directory, title="Hospital", country="IT")
    return directory


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A new run."""
    with Run.create(tmp_path / "run") as made:
        yield made
