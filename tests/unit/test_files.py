"""A file is whole, or was never there."""

import pytest

from oncofed import files
from oncofed.files import flush, write_atomically, write_durably


def test_the_content_and_the_mode_are_as_asked(tmp_path):
    path = tmp_path / "secret"
    write_durably(path, b"one")
    write_durably(path, b"two", mode=0o640)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["secret"]


def test_what_cannot_be_written_leaves_the_old(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "a text is no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_rename_that_fails_leaves_nothing_behind(tmp_path):
    (tmp_path / "target" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="target"):
        write_durably(tmp_path / "target", b"new")
    assert [one.name for one in tmp_path.iterdir()] == ["target"]


def test_a_missing_directory_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_durably(tmp_path / "absent" / "file", b"new")


def test_flushing_a_directory(tmp_path, monkeypatch):
    flush(tmp_path)
    with pytest.raises(FileNotFoundError):
        flush(tmp_path / "nothing")

    class Failing:
        @staticmethod
        def syncfs(_: int) -> int:
            return -1

    monkeypatch.setattr(files.ctypes, "CDLL", lambda *_, **__: Failing)
    with pytest.raises(OSError, match=r"\["):
        flush(tmp_path)
    monkeypatch.setattr(files.ctypes, "CDLL", lambda *_, **__: object())
    flush(tmp_path)
