"""A node on the disk and a hub on a loopback port."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oncofed.contracts.exchange import Invitation
from oncofed.node import enrolment, identity
from oncofed.node.assembly import connect
from oncofed.node.hub import Hub
from oncofed.node.outbox import Outbox
from oncofed.node.settings import Settings, read_settings
from tests.fakes.hub import NODE_ID, FakeHub, serving


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with serving(FakeHub()) as one:
        yield one


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A node that is made, not enrolled."""
    enrolment.init(tmp_path / "node", title="St Anna", country="AT")
    return read_settings(tmp_path / "node", {})


@pytest.fixture
def token(hub: FakeHub) -> str:
    return Invitation(hub_url=hub.url, hub_key=hub.key.public, secret="once", node_id=NODE_ID).to_token()


@pytest.fixture
def enrolled(settings: Settings, token: str) -> Settings:
    """A node that is enrolled at ``hub``."""
    enrolment.enrol(settings, token)
    return settings


@pytest.fixture
def line(enrolled: Settings) -> Iterator[Hub]:
    """The node's way to the hub."""
    hub = identity.enrolled(enrolled.keys)
    made = connect(enrolled, identity.read(enrolled.keys), hub, Outbox(enrolled.outbox_file))
    yield made
    made.close()
