"""Type 1 attributes: those an object of its kind must have, with a value (PS3.5 section 7.4.1, PS3.3)."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from pydicom.dataset import Dataset


@cache
def type_1() -> Mapping[str, tuple[str, ...]]:
    """SOP class UID → keywords of its top-level Type 1 attributes in mandatory modules."""
    table = files("oncofed.imaging.quality").joinpath("required.tsv").read_text(encoding="utf-8")
    found = {}
    for line in [line for line in table.splitlines() if line and not line.startswith("#")][1:]:
        _, classes, keywords = line.split("\t")
        found.update(dict.fromkeys(classes.split("|"), tuple(keywords.split())))
    return found


def missing_type_1(dataset: Dataset) -> tuple[str, ...]:
    """Keywords of Type 1 attributes that are absent or empty; none for a SOP class not in the table."""
    required = type_1().get(str(dataset.get("SOPClassUID", "")), ())
    return tuple(keyword for keyword in required if _empty(dataset, keyword))


def _empty(dataset: Dataset, keyword: str) -> bool:
    return keyword not in dataset or dataset[keyword].is_empty
