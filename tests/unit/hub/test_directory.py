"""The data directory before Django: secret, first settings, the lock."""

import stat
from pathlib import Path

import pytest

from oncofed.contracts.errors import BadInput, Refused
from oncofed.hub import configuration, directory


def test_first_settings_are_written_once(tmp_path: Path):
    place = tmp_path / "hub"
    directory.write_first_settings(place, public_url="https://hub.example", title='The "hub"')
    secret = (place / "keys" / "secret").read_text()
    assert stat.S_IMODE((place / "keys" / "secret").stat().st_mode) == 0o600
    found = configuration.read({"ONCOFED_DATA": str(place)})
    assert (found.public_url, found.title) == ("https://hub.example", 'The "hub"')
    directory.write_first_settings(place)
    assert (place / "keys" / "secret").read_text() == secret
    with pytest.raises(BadInput, match="change it there"):
        directory.write_first_settings(place, title="Other")


def test_the_address_is_remembered(tmp_path: Path):
    directory.remember_address(tmp_path, "http://127.0.0.1:8123")
    assert configuration.read({"ONCOFED_DATA": str(tmp_path)}).public_url == "http://127.0.0.1:8123"


def test_one_process_serves(tmp_path: Path):
    with directory.lock(tmp_path), pytest.raises(Refused) as caught:
        directory.lock(tmp_path)
    assert caught.value.code == "hub-running"
    directory.lock(tmp_path).close()
