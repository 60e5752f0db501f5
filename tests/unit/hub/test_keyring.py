"""The hub's keys on disk: made once, private, rotated without a moment in which there is none."""

import stat
from pathlib import Path

import pytest

from oncofed.contracts.errors import BadInput, Corrupt
from oncofed.hub.exchange.keyring import Keyring, write_secret
from oncofed.trust.keys import follow_rotations


def test_no_key_says_so(tmp_path: Path):
    with pytest.raises(BadInput) as caught:
        Keyring(tmp_path).current  # noqa: B018 - reading is what is tested
    assert caught.value.code == "hub-not-initialised"


def test_the_key_is_made_once_and_private(tmp_path: Path):
    first = Keyring(tmp_path / "keys").create()
    assert Keyring(tmp_path / "keys").create().public == first.public
    assert stat.S_IMODE((tmp_path / "keys" / "hub.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_rotation_is_seen_by_another_process_and_the_old_key_still_signs(tmp_path: Path):
    here, there = Keyring(tmp_path), Keyring(tmp_path)
    old = here.create().public
    assert there.current.public == old
    rotation = here.prepare()
    assert here.prepare() == rotation  # broken off, taken up again
    here.complete(rotation)
    here.complete(rotation)
    assert there.current.public == rotation.new
    assert there.signer(old).public == old
    assert (
        there.signer("").public == there.signer("unknown").public == there.signer(rotation.new).public == rotation.new
    )
    assert follow_rotations(old, [rotation]) == rotation.new
    assert not list(tmp_path.rglob("*.next"))


def test_a_file_that_is_no_key(tmp_path: Path):
    write_secret(tmp_path / "hub.key", "not a key")
    with pytest.raises(Corrupt) as caught:
        Keyring(tmp_path).current  # noqa: B018 - reading is what is tested
    assert caught.value.code == "key-invalid"
