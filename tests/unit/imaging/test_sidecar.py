"""Side-cars: both forms become what a DICOM file would say, and nothing that is written in them breaks the reader."""

import json
import warnings
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_charset_files, get_testdata_file
from pydicom.dataset import Dataset

from oncofed.imaging import sidecar
from oncofed.imaging.elements import walk
from oncofed.imaging.headers import Unusable, values_of
from tests.factories.volumes import SAYS


def said(**keys: Any) -> Dataset:
    return sidecar.parsed(json.dumps(keys).encode()).dataset


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "test-SR.dcm", "chrH31.dcm", "chrX1.dcm"]
)
def test_the_json_model_of_a_file_is_read_as_the_file(name: str) -> None:
    """pydicom writes the model; what we read of it has the same values, but for bytes, pixels and group lengths."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        original = pydicom.dcmread(get_testdata_file(name) or get_charset_files(name)[0], force=True)
        found = sidecar.parsed(original.to_json().encode())
        expected = _texts(original)
        assert expected
        assert _texts(found.dataset) == expected


def _texts(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """Texts by place, numbers as numbers: 1.50 and 1.5 are the same."""
    found = {}
    for element in walk(dataset):
        texts = tuple(text for text in element.texts if text)
        if texts and element.tag not in (0x00080005,) and element.vr not in ("PN", "IS", "DS"):
            found[element.place] = texts
        elif texts and element.vr in ("IS", "DS"):
            found[element.place] = tuple(f"{float(text):.6g}" for text in texts)
        elif texts and element.vr == "PN":
            found[element.place] = tuple(text.rstrip("=^") for text in texts)
    return found


def test_keywords_are_what_dcm2niix_means_by_them() -> None:
    values = values_of(said(**SAYS))
    assert values["PatientName"] == "Sørensen^Ann"
    assert values["BodyPartExamined"] == "BREAST"
    assert values["ManufacturerModelName"] == "Scanner 3"
    assert values["PatientBirthDate"] == "19500102"
    assert values["ImageType"] == "ORIGINAL\\PRIMARY\\M"
    dataset = said(**SAYS)
    assert dataset.AcquisitionDateTime == "20200304101112.500000"
    assert dataset.AcquisitionTime == "101112.500000"
    assert (dataset.EchoTime, dataset.RepetitionTime) == (80, 4500)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("PatientAge", 63, "063Y"),
        ("PatientAge", "063Y", "063Y"),
        ("StudyDate", "2020-03-04", "20200304"),
        ("StudyDate", "20200304", "20200304"),
        ("StudyDate", "2020-03-04T10:11:12", "20200304"),
        ("StudyTime", "10:11", "1011"),
        ("AcquisitionDateTime", "2020-03-04T10:11:12.5Z", "20200304101112.5+0000"),
        ("AcquisitionDateTime", "2020-03-04T10:11:12+01:00", "20200304101112+0100"),
        ("SeriesNumber", 3.0, 3),
        ("InversionTime", 0.9, 900),
        ("ExposureTime", 0.5, 500),
        ("EchoNumber", 2, 2),
        ("Rows", 512, 512),
        ("DiffusionBValue", 1000, 1000.0),
        ("AcquisitionMatrix", [0, 256, 256, 0], [0, 256, 256, 0]),
        ("PatientID", 4711, "4711"),
        ("PatientComments", None, ""),
        ("00100020", {"vr": "LO", "Value": ["P1"]}, "P1"),
        ("00180050", {"vr": "DS", "Value": ["1.5"]}, 1.5),
        ("0008103e", {"vr": "LO"}, ""),
    ],
)
def test_values(key: str, value: Any, expected: Any) -> None:
    dataset = said(**{key: value})
    (element,) = [dataset[tag] for tag in dataset.keys() if tag != 0x00080005]  # noqa: SIM118
    assert (element.value or "") == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SliceTiming", [0.0, 0.5]),
        ("Sørensen", "P1"),
        ("Modality", True),
        ("Modality", {"of": "Sørensen"}),
        ("Modality", ["MR", {"of": "Sørensen"}]),
        ("Rows", "512 of Sørensen"),
        ("Rows", 1.5),
        ("Rows", -1),
        ("SliceThickness", "Sørensen"),
        ("PixelData", "AAAA"),
        ("RedPaletteColorLookupTableData", "AAAA"),
        ("SmallestImagePixelValue", 3),
        ("FrameIncrementPointer", 1577059),
        ("RequestAttributesSequence", "Sørensen"),
        ("RequestAttributesSequence", ["Sørensen"]),
        ("00100020", "P1"),
        ("00100020", {"vr": "XX", "Value": ["P1"]}),
        ("00100020", {"vr": "LO", "BulkDataURI": "https://pacs/P1"}),
        ("00091001", {"vr": "UN", "InlineBinary": "U8O4cmVuc2Vu"}),
        ("7FE00010", {"vr": "OW", "InlineBinary": "AAAA"}),
        ("00020010", {"vr": "UI", "Value": ["1.2"]}),
        ("00080000", {"vr": "UL", "Value": [8]}),
        ("00180050", {"vr": "DS", "Value": ["Sørensen"]}),
        ("00280010", {"vr": "US", "Value": [70000]}),
        ("00081115", {"vr": "SQ", "Value": "Sørensen"}),
    ],
)
def test_what_is_no_value_of_an_attribute_is_left_out(key: str, value: Any) -> None:
    found = sidecar.parsed(json.dumps({key: value, "PatientSex": "F"}).encode())
    assert [element.keyword for element in found.dataset] == ["SpecificCharacterSet", "PatientSex"]
    assert found.left_out == 1


def test_sequences_are_read_at_any_depth_in_both_forms() -> None:
    dataset = said(
        RequestAttributesSequence=[{"RequestedProcedureID": "R1", "Sørensen": 1}],
        **{"00081115": {"vr": "SQ", "Value": [{"0020000E": {"vr": "UI", "Value": ["1.2.3"]}}]}},
    )
    assert dataset.RequestAttributesSequence[0].RequestedProcedureID == "R1"
    assert dataset.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.3"


def test_a_list_of_one_and_a_byte_order_mark_are_read() -> None:
    assert sidecar.parsed(b"\xef\xbb\xbf" + b'[{"Modality": "MR"}]').dataset.Modality == "MR"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "sidecar-invalid"),
        (b"{", "sidecar-invalid"),
        (b"no json", "sidecar-invalid"),
        (b"[]", "sidecar-invalid"),
        (b"[{}, {}]", "sidecar-invalid"),
        (b'"MR"', "sidecar-invalid"),
        (b'{"EchoTime": NaN}', "sidecar-invalid"),
        (b'{"EchoTime": 1e999}', "sidecar-invalid"),
        ('{"PatientName": "Sørensen"}'.encode("latin-1"), "sidecar-invalid"),
        (b"[" * 100_000, "sidecar-too-large"),
        (b'{"a":' * 110 + b"1" + b"}" * 110, "sidecar-too-large"),
        (b" " * (sidecar.MOST + 1), "sidecar-too-large"),
    ],
)
def test_what_is_no_header(content: bytes, code: str) -> None:
    with pytest.raises(Unusable, match=code):
        sidecar.parsed(content)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with pytest.raises(Unusable, match="file-nifti"):
        sidecar.read_sidecar(path)
    path.mkdir()
    with pytest.raises(Unusable, match="file-unreadable"):
        sidecar.read_sidecar(path)


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz", "x.NII.GZ", "a.b.nii"])
def test_names(name: str) -> None:
    beside = sidecar.sidecar_of(Path("f") / name)
    assert beside.suffix == ".json"
    assert name.lower() in {one.lower() for one in sidecar.volumes_of(beside.name)}
    assert sidecar.volumes_of("x.txt") == sidecar.volumes_of(".json") == ()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.sampled_from(["vr", "Value", "Alphabetic", "00080060", "PatientID"]), inside, max_size=3)
    ),
    max_leaves=6,
)
_KEYS = ("PatientID", "PatientName", "Rows", "EchoTime", "StudyDate", "PatientAge", "ImageType", "StudyInstanceUID")
_TAGS = ("00100010", "00081115", "00181150", "00091001", "00090010", "FFFEE000", "RequestAttributesSequence", "any")
_keys = st.sampled_from((*_KEYS, *_TAGS))
_elements = st.builds(
    lambda vr, value: {"vr": vr, "Value": value},
    st.sampled_from(["LO", "PN", "DS", "IS", "US", "SQ", "UI", "AT", "FD", "OB", "TM", "??"]),
    st.lists(_json, max_size=3),
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(_keys, _json | _elements, max_size=5))
def test_whatever_stands_there_it_is_read_and_written_again_the_same(found: dict[str, Any]) -> None:
    dataset = sidecar.parsed(json.dumps(found).encode()).dataset
    once = sidecar.written(dataset)
    again = sidecar.parsed(once)
    assert sidecar.written(again.dataset) == once
