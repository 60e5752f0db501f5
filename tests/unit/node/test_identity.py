"""Keys and secrets: made once, readable by the owner only, derived per purpose."""

from datetime import UTC, datetime

import pytest

from oncofed.contracts.errors import BadInput, Corrupt, Refused
from oncofed.node import identity
from oncofed.node.identity import HubIdentity
from oncofed.trust import Pseudonyms, SigningKey
from oncofed.trust.keys import encode

HUB = HubIdentity(
    node_id="st-anna",
    hub_url="https://hub.example",
    hub_key=SigningKey.from_bytes(b"h" * 32).public,
    enrolled_at=datetime(2026, 6, 1, tzinfo=UTC),
)


def test_an_identity_survives_and_only_its_owner_can_read_it(tmp_path):
    made = identity.create(tmp_path / "keys")
    read = identity.read(tmp_path / "keys")
    assert (read.key.public, read.secret) == (made.key.public, made.secret)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}
    assert encode(made.secret) not in repr(made)
    with pytest.raises(Refused, match="node-exists"):
        identity.create(tmp_path / "keys")


def test_every_purpose_has_a_secret_of_its_own(tmp_path):
    one, other = identity.create(tmp_path / "a"), identity.create(tmp_path / "b")
    assert len({one.secret, one.noise_secret, other.noise_secret}) == 3
    assert one.pseudonyms.patient("1") not in {other.pseudonyms.patient("1"), Pseudonyms(one.secret).patient("1")}


@pytest.mark.parametrize("name", ["node.key", "secret"])
def test_keys_that_others_can_read_are_not_used(tmp_path, name):
    identity.create(tmp_path)
    (tmp_path / name).chmod(0o640)
    assert [path.name for path in identity.exposed(tmp_path)] == [name]
    with pytest.raises(Refused, match="keys-exposed"):
        identity.read(tmp_path)


def test_missing_and_damaged_keys_are_told(tmp_path):
    with pytest.raises(BadInput, match="node-missing"):
        identity.read(tmp_path)
    identity.create(tmp_path)
    (tmp_path / "secret").write_text("%%%")
    with pytest.raises(Corrupt, match="key-invalid"):
        identity.read(tmp_path)
    (tmp_path / "node.key").write_text("AAAA")
    with pytest.raises(Corrupt, match="key-invalid"):
        identity.read(tmp_path)


def test_the_hub_is_pinned(tmp_path):
    assert identity.pinned(tmp_path) is None
    with pytest.raises(Refused, match="node-not-enrolled"):
        identity.enrolled(tmp_path)
    identity.pin(tmp_path, HUB)
    assert identity.enrolled(tmp_path) == identity.pinned(tmp_path) == HUB
    (tmp_path / "hub.json").write_text("{}")
    with pytest.raises(Corrupt, match="key-invalid"):
        identity.pinned(tmp_path)
