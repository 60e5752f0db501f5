"""Whatever bytes a new file holds, the search gives findings and raises nothing."""

import warnings
from pathlib import Path

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from oncofed.imaging.identifiers import gather
from oncofed.imaging.references import read
from oncofed.imaging.residual import Expected, search

NAMES = ("CT_small.dcm", "reportsi.dcm", "JPEG2000.dcm", "image_dfl.dcm", "MR_small_bigendian.dcm")
CONTENTS = {name: Path(get_testdata_file(name, read=False)).read_bytes() for name in NAMES}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("name", NAMES)
def test_overwritten_and_truncated_files(name: str, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(CONTENTS[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(content), 4000)))
        piece = data.draw(st.binary(max_size=8) | st.sampled_from([b"\xff" * 4, b"SQ\0\0", b"UN\0\0\xff\xff\xff\xff"]))
        content[at : at + len(piece)] = piece
    path = tmp_path / "file"
    path.write_bytes(content[: data.draw(st.integers(100, len(content)))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        original = gather(pydicom.dcmread(get_testdata_file(name, read=False)))
        found = search(path, original, Expected(-91))
        assert all(finding.place or finding.what.value.startswith("file that") for finding in found)


def test_sequences_fifty_deep_are_read() -> None:
    dataset = pydicom.Dataset()
    inner = dataset
    for _ in range(50):
        item = pydicom.Dataset()
        inner.ContentSequence = pydicom.Sequence([item])
        inner = item
    inner.UID = "1.2.3.4.5"
    assert read(dataset).points.total() == 1
