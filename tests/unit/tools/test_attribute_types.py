"""The table of types is what the tool makes of PS3.3, not what somebody wrote into it."""

from importlib.resources import files

import pytest

from tools import attribute_types


def test_the_table_is_what_the_tool_writes(capsys: pytest.CaptureFixture[str]) -> None:
    attribute_types.main()
    table = files("oncofed.imaging.standard").joinpath("attribute_types.tsv").read_text()
    assert capsys.readouterr().out == table


def test_the_strictest_of_an_objects_modules_counts() -> None:
    types = attribute_types.types()
    assert types["PatientID", ""]["1.2.840.10008.5.1.4.1.1.2"] == "2"
    assert types["DeviceSerialNumber", ""]["1.2.840.10008.5.1.4.1.1.2.1"] == "1"
    assert types["DeviceSerialNumber", ""]["1.2.840.10008.5.1.4.1.1.2"] == "3"
