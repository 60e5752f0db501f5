"""Fixtures of the hub's tests. Django is not set up yet when this file is read: what needs it is imported late."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.factories.exchange import Domain
    from tests.factories.stage import Scene


@pytest.fixture
def domain(transactional_db: None) -> "Iterator[Domain]":
    """A domain app that takes in the results of the kind ``echo``."""
    from tests.factories import exchange

    with exchange.domain() as made:
        yield made


@pytest.fixture
def play(domain: "Domain", tmp_path: Path) -> "Callable[[Scene], None]":
    """Run a scene: ``async def scene(stage)``."""
    from tests.factories import stage

    def run(scene: "Scene", *, enrolled: bool = True) -> None:
        stage.play(scene, domain, tmp_path, enrolled=enrolled)

    return run


@pytest.fixture
def plain_static(settings) -> None:
    """Pages without collected files: their addresses are then not hashed."""
    settings.STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
