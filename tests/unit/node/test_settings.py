"""node.toml and the environment."""

from pathlib import Path

import pytest

from oncofed.contracts.errors import BadInput
from oncofed.node.settings import Settings, data_directory, read_settings


def write(tmp_path, text=""):
    (tmp_path / "node.toml").write_text(text)
    return tmp_path


def test_zero_settings_work(tmp_path):
    assert read_settings(write(tmp_path), {}) == Settings(directory=tmp_path)


def test_the_environment_goes_before_the_file(tmp_path):
    directory = write(tmp_path, 'title = "St Anna"\nthreads = 4\nca_file = "/etc/ca.pem"\nquery_seconds = 3\n')
    settings = read_settings(directory, {"ONCOFED_THREADS": "1", "ONCOFED_LOG_LEVEL": "DEBUG"})
    assert (settings.title, settings.threads, settings.ca_file) == ("St Anna", 1, Path("/etc/ca.pem"))
    assert (settings.query_seconds, settings.log_level) == (3.0, "DEBUG")
    other = read_settings(directory, {"ONCOFED_CA_FILE": "/other.pem", "ONCOFED_MEMORY_LIMIT": "2GB"})
    assert (other.ca_file, other.memory_limit, other.threads) == (Path("/other.pem"), "2GB", 4)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("titel = 'x'", "no setting “titel”"),
        ("title = 3", "title must be a text"),
        ("threads = 0", "threads must be a positive number"),
        ("threads = 'many'", "threads must be a positive number"),
        ("query_seconds = -1", "query_seconds must be a positive number"),
        ("log_level = 'LOUD'", "log_level is one of"),
        ("title = ", "Invalid value"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path, text, complaint):
    with pytest.raises(BadInput, match=complaint) as caught:
        read_settings(write(tmp_path, text), {})
    assert caught.value.code == "settings-invalid"


def test_a_directory_without_a_node_is_told(tmp_path):
    with pytest.raises(BadInput, match="node-missing"):
        read_settings(tmp_path, {})
    (tmp_path / "node.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="settings-invalid"):
        read_settings(tmp_path, {})


def test_the_data_directory(tmp_path):
    assert data_directory(tmp_path, {"ONCOFED_DATA": "/elsewhere"}) == tmp_path
    assert data_directory(None, {"ONCOFED_DATA": "/elsewhere"}) == Path("/elsewhere")
    assert data_directory(None, {}) == Path.cwd() / "oncofed-node"


def test_all_files_stand_in_the_data_directory(tmp_path):
    settings = Settings(directory=tmp_path)
    names = [name for name, value in vars(Settings).items() if isinstance(value, property)]
    places = [getattr(settings, name) for name in names]
    assert len(places) == 10
    assert len(set(places)) == 10
    assert {place.parent for place in places} == {tmp_path}
