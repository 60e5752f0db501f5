"""One warehouse for all tests of the node."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oncofed.warehouse import Warehouse
from tests.factories.nodes import load_datasets


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    directory: Path = tmp_path_factory.mktemp("warehouse")
    load_datasets(directory)
    with Warehouse(directory) as opened:
        yield opened
