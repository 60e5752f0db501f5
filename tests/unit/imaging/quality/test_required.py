"""Type 1C attributes: every rule by an object made to need it, and against dciodvfy on real files."""

import re
import subprocess
import warnings
from pathlib import Path

import pydicom
import pydicom.data
import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from oncofed.imaging.elements import BROKEN
from oncofed.imaging.quality.required import Clause, Conditional, missing_type_1c, type_1c

RULES = sorted({(sop_class, rule) for sop_class, rules in type_1c().items() for rule in rules})
BY_RULE = {rule: sop_class for sop_class, rule in RULES}
TEST_FILES = Path(pydicom.data.__file__).parent / "test_files"
NUMBERS = {"IS", "US", "UL", "SL", "DS", "FL", "FD"}


def put(dataset: Dataset, keyword: str, value: str) -> None:
    """A value of any kind of attribute."""
    vr = dictionary_VR(keyword).split(" ")[0]
    given: object = value
    if vr == "AT":
        given = tag_for_keyword(value) or tag_for_keyword("FrameTime")
    elif vr == "SQ":
        given = Sequence([Dataset()])
    elif vr in NUMBERS:
        given = int(value) if value.isdigit() else 1
    elif vr in ("DA", "DT"):
        given = "20200101"
    elif vr in ("OW", "OB"):
        given = b"\0\0"
    dataset.add_new(tag_for_keyword(keyword), vr, given)


def fulfil(dataset: Dataset, clause: Clause) -> None:
    if clause.test == "=":
        put(dataset, clause.keyword, clause.values[0])
    elif clause.test == "!=":
        put(dataset, clause.keyword, "OTHER")
    elif clause.test == ">":
        put(dataset, clause.keyword, str(int(clause.values[0]) + 1))
    elif clause.values == ("present",):
        put(dataset, clause.keyword, "1")


def needing(rule: Conditional) -> tuple[Dataset, Dataset]:
    """An object that needs the attribute, and the item (or the object itself) in which it is to stand."""
    whole = inner = Dataset()
    whole.SOPClassUID = BY_RULE[rule]
    if rule.sequence:
        inner = Dataset()
        whole.add_new(tag_for_keyword(rule.sequence), "SQ", Sequence([inner]))
    for clause in rule.clauses:
        fulfil(inner, clause)
    return whole, inner


@pytest.mark.parametrize("rule", BY_RULE, ids=lambda rule: f"{rule.keyword}-{rule.clauses[0].keyword}")
def test_each_is_required_where_its_condition_holds(rule: Conditional) -> None:
    whole, inner = needing(rule)
    assert rule.keyword in missing_type_1c(whole)
    put(inner, rule.keyword, "1")
    assert rule.keyword not in missing_type_1c(whole)
    deciding = rule.clauses[0].keyword
    if deciding in inner:
        whole, inner = needing(rule)
        del inner[deciding]
        assert rule.keyword not in missing_type_1c(whole)


@pytest.mark.parametrize(
    ("told", "values", "holds"),
    [
        (Clause("ImageType", True, "=", ("ORIGINAL", "MIXED")), ["ORIGINAL", "PRIMARY"], True),
        (Clause("ImageType", True, "=", ("ORIGINAL", "MIXED")), ["DERIVED", "ORIGINAL"], False),
        (Clause("ImageType", False, "=", ("ORIGINAL",)), ["DERIVED", "ORIGINAL"], True),
        (Clause("ImageType", False, "!=", ("ORIGINAL",)), ["DERIVED", "ORIGINAL"], False),
        (Clause("NumberOfFrames", False, ">", ("1",)), "1", False),
        (Clause("NumberOfFrames", False, ">", ("1",)), None, False),
        (Clause("DecayCorrection", False, "!=", ("NONE",)), "", False),
        (Clause("DecayCorrection", False, "is", ("absent",)), "", True),
    ],
)
def test_conditions(told: Clause, values: object, holds: bool) -> None:
    dataset = Dataset()
    if values is not None:
        setattr(dataset, told.keyword, values)
    assert told.holds(dataset) is holds


def test_the_table_is_read_whole() -> None:
    assert len({(rule.sequence, rule.keyword) for rule in BY_RULE}) >= 60
    assert missing_type_1c(Dataset()) == ()


@pytest.mark.system_program("dciodvfy")
def test_no_alarm_that_dciodvfy_does_not_raise(shared: Path) -> None:
    """pydicom's files and two of each folder of ours: what we find missing it finds missing too."""
    folders = [folder for folder in (shared / "dicom").rglob("*") if folder.is_dir()]
    files = [path for folder in folders for path in sorted(folder.glob("*.dcm"))[:2]]
    files += sorted(path for path in TEST_FILES.iterdir() if path.is_file() and path.stat().st_size < 300_000)
    seen = 0
    for path in files:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ours = set(missing_type_1c(pydicom.dcmread(path, stop_before_pixels=True)))
            except BROKEN:
                continue
        if ours:
            told = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, errors="replace").stderr
            assert ours <= set(re.findall(r"Type 1C Conditional Element=<(\w+)>", told)), path.name
        seen += 1
    assert seen > 80
