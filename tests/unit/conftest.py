"""Unit tests open no socket at all; a test marked ``network`` may use the loopback interface."""

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def no_sockets(request: pytest.FixtureRequest) -> Iterator[None]:
    """Unix sockets stay: event loops are made of them."""
    if request.node.get_closest_marker("network"):
        yield
        return
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
