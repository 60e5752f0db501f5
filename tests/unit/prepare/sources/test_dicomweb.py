"""What a DICOMweb archive may answer, byte by byte: whole objects, or nothing at all."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncofed.contracts.errors import Corrupt
from oncofed.prepare.sources.dicomweb import Instance, _object, _write

BOUNDARY = "xyz"
CONTENT = b"\0" * 128 + b"DICM" + bytes(range(256)) * 4 + b"\r\n--xy not the end\r\n"


def answer(
    body: bytes, pieces: int = 7, kind: str = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
):
    """An answer that comes in pieces."""

    def stream() -> Iterator[bytes]:
        for begin in range(0, len(body), pieces):
            yield body[begin : begin + pieces]

    return httpx.Response(200, headers={"content-type": kind}, content=stream())


def multipart(content: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return head + content + f"\r\n--{BOUNDARY}--\r\n".encode()


@given(st.binary(max_size=300).filter(lambda one: b"\r\n--xyz" not in one), st.integers(1, 400))
def test_the_object_comes_out_as_it_went_in(content: bytes, pieces: int) -> None:
    assert b"".join(_object(answer(multipart(content), pieces))) == content


@pytest.mark.parametrize("quoted", [BOUNDARY, f'"{BOUNDARY}"'])
def test_boundaries_with_and_without_quotes(quoted: str) -> None:
    reply = answer(multipart(CONTENT), kind=f"Multipart/Related; Boundary={quoted}; type=application/dicom")
    assert b"".join(_object(reply)) == CONTENT


def test_an_answer_that_is_the_object_itself() -> None:
    assert b"".join(_object(answer(CONTENT, kind="application/dicom"))) == CONTENT


@pytest.mark.parametrize(
    ("body", "kind", "what"),
    [
        (multipart(CONTENT), "multipart/related", "no boundary"),
        (b"--xyz\r\nContent-Type: a", f"multipart/related; boundary={BOUNDARY}", "no header"),
        (b"x" * 200_000, f"multipart/related; boundary={BOUNDARY}", "no header"),
        (multipart(CONTENT)[:-12], f"multipart/related; boundary={BOUNDARY}", "too early"),
    ],
)
def test_what_cannot_be_read_leaves_no_file(tmp_path: Path, body: bytes, kind: str, what: str) -> None:
    with pytest.raises(Corrupt, match=what):
        _write(answer(body, 4096, kind), tmp_path / "one.dcm")
    assert list(tmp_path.iterdir()) == []


def test_a_whole_answer_is_a_file(tmp_path: Path) -> None:
    _write(answer(multipart(CONTENT)), tmp_path / "one.dcm")
    assert (tmp_path / "one.dcm").read_bytes() == CONTENT


def test_a_uid_from_outside_is_no_file_name() -> None:
    name = Instance("1", "2", "../../etc/passwd").name
    assert ".." not in name
    assert Path(name).suffix == ".dcm"
