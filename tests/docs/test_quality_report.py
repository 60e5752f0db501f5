"""The page about the quality report lists every check of images, with its dimension and gravity."""

import re
from pathlib import Path

from oncofed.imaging.quality import CHECKS
from oncofed.imaging.quality.required import type_1, type_1c
from oncofed.prepare.checks.generalise import MAX_TRIED
from oncofed.prepare.checks.risk import TARGET_K, THRESHOLD
from tools import generate_docs, required_attributes

PAGE = (generate_docs.ROOT / "docs" / "reference" / "quality-report.md").read_text(encoding="utf-8")
GRAVITY = {"error": "repair", "warning": "look at", "note": "note"}


def test_every_check_is_listed() -> None:
    listed = re.findall(r"^\| ([^|]+) \| (\w+) \| (repair|look at|note) \|$", PAGE, re.MULTILINE)
    assert listed == [(one.title, one.dimension, GRAVITY[one.severity]) for one in CHECKS.values()]


def test_the_figures_are_those_of_the_code() -> None:
    assert len(type_1()) > 125
    assert f"for {len(required_attributes.rows())} IODs" in PAGE
    conditional = {(rule.sequence, rule.keyword) for rules in type_1c().values() for rule in rules}
    assert f"(Type 1C), {len(conditional)} are" in PAGE
    assert f"k below {TARGET_K}" in PAGE
    assert f"Above {THRESHOLD:.0%}".replace("%", " %") in PAGE
    assert f"after {MAX_TRIED:,} nodes" in PAGE


def test_the_table_of_required_attributes_is_what_its_tool_writes(tmp_path: Path) -> None:
    required_attributes.main([str(tmp_path / "required.tsv")])
    assert (tmp_path / "required.tsv").read_text() == required_attributes.TARGET.read_text()
