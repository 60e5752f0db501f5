"""Which choice of PS3.15 Table E.1-1 (X, Z or D) stays valid where: types of attributes by place and SOP class.

Usage: python tools/attribute_types.py > src/oncofed/imaging/standard/attribute_types.tsv

Reads the tables of PS3.3 that the package highdicom carries. One row for each attribute with a choice and each place
(keywords of the sequences around it, joined by dots) gives the strictest type it has there in most IODs (``*``);
further rows name the SOP classes for which it is another.
"""

import csv
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from oncofed.imaging.deidentify.tables import confidentiality

STRICTEST_FIRST = ("1", "1C", "2", "2C", "3")
Place = tuple[str, str]


def types() -> dict[Place, dict[str, str]]:
    """Type by SOP class UID, for each (keyword, place)."""
    wanted = {row.keyword for row in confidentiality() if row.basic == "Z" or "/" in row.basic}
    by_iod = {iod: dict(_of_iod(iod, wanted)) for iod in set(_table("sop_class_iod_map").values())}
    found: dict[Place, dict[str, str]] = defaultdict(dict)
    for sop_class, iod in sorted(_table("sop_class_iod_map").items()):
        for place, kind in by_iod[iod].items():
            found[place][sop_class] = kind
    return found


def _of_iod(iod: str, wanted: set[str]) -> Iterator[tuple[Place, str]]:
    strictest: dict[Place, str] = {}
    modules = _table("module_attribute_map")
    for module in _table("iod_module_map")[iod]:
        for attribute in modules.get(module["key"], ()):
            if attribute["keyword"] not in wanted:
                continue
            place = (attribute["keyword"], ".".join(attribute["path"]))
            strictest[place] = min(strictest.get(place, "3"), attribute["type"], key=STRICTEST_FIRST.index)
    yield from strictest.items()


_read: dict[str, Any] = {}


def _table(name: str) -> Any:
    if name not in _read:
        _read[name] = json.loads(files("highdicom").joinpath("_standard", f"{name}.json").read_text())
    return _read[name]


def main() -> None:
    """Write the table to standard output."""
    writer = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    writer.writerow(["keyword", "place", "type", "sop_classes"])
    for (keyword, place), by_class in sorted(types().items()):
        usual = Counter(by_class.values()).most_common(1)[0][0]
        writer.writerow([keyword, place, usual, "*"])
        for kind in STRICTEST_FIRST:
            others = sorted(uid for uid, its in by_class.items() if its == kind != usual)
            if others:
                writer.writerow([keyword, place, kind, " ".join(others)])


if __name__ == "__main__":
    main()
