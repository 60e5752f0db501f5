"""Writes ``imaging/quality/required.tsv``: the Type 1 attributes of each kind of DICOM object.

Usage: python tools/required_attributes.py [TARGET]. Source: the tables of PS3.3 as highdicom (a development dependency)
carries them; what is taken are facts of the standard, in our own format: one row an IOD, its SOP classes, and the
keywords of the top-level Type 1 attributes of its mandatory modules.
"""

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "src/oncofed/imaging/quality/required.tsv"
LEFT_OUT = ("waveform", "hanging", "color-palette", "protocol", "inventory", "implant", "lens", "ophthalm", "audio",
            "voice", "visual-acuity", "autorefraction", "keratometry", "refraction", "electrocardio", "ecg", "eeg",
            "polysomno", "spectacle", "macular", "raw-data")  # fmt: skip
"""Kinds of objects that hold neither cancer images nor annotations of them."""
CONDITIONAL = frozenset({"sr-document-content"})
"""Modules whose Type 1 attributes belong to one value type of a content item, not to every object."""
HEAD = """\
# Top-level Type 1 attributes of the mandatory modules of each IOD of DICOM PS3.3, by keyword.
# Made by tools/required_attributes.py; facts of the standard, no text of it.
iod\tsop_classes\ttype_1
"""


def read(name: str) -> Any:
    """One of the tables of the standard."""
    return json.loads(files("highdicom").joinpath("_standard", f"{name}.json").read_text(encoding="utf-8"))


def rows() -> list[tuple[str, str, str]]:
    """One row an IOD: its key, its SOP classes joined by ``|``, keywords joined by spaces."""
    classes: dict[str, list[str]] = {}
    for sop_class, iod in read("sop_class_iod_map").items():
        classes.setdefault(iod, []).append(sop_class)
    modules, attributes = read("iod_module_map"), read("module_attribute_map")
    found = []
    for iod, uids in sorted(classes.items()):
        if any(word in iod for word in LEFT_OUT):
            continue
        used = [module["key"] for module in modules[iod] if module["usage"] == "M" and module["key"] not in CONDITIONAL]
        needed = {
            attribute["keyword"]
            for module in used
            for attribute in attributes.get(module, ())
            if attribute["type"] == "1" and not attribute["path"]
        }
        found.append((iod, "|".join(sorted(uids)), " ".join(sorted(needed))))
    return found


def main(arguments: list[str]) -> None:
    """Write the table."""
    target = Path(arguments[0]) if arguments else TARGET
    target.write_text(HEAD + "".join("\t".join(row) + "\n" for row in rows()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
