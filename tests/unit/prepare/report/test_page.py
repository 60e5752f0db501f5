"""The page: self-contained, complete, its numbers the JSON's; text from files cannot become markup."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from oncofed.contracts.errors import OncofedError
from oncofed.prepare.checks import Findings, check
from oncofed.prepare.checks.findings import Cell
from oncofed.prepare.report import write_report
from oncofed.prepare.report.charts import columns
from oncofed.prepare.report.page import page, percent, places, sentence, short, size, statements
from tests.factories import series, tables


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """A release with something to say in every part of the page."""
    folder = tmp_path_factory.mktemp("release")
    for seed in (1, 2, 4, 5):
        made = series.objects(seed, "CT", "PT")
        if seed == 2:
            del made[3]
        series.write(made, folder / "images")
    copied = series.of(series.objects(1, "CT"), "CT")
    for one in copied:
        one.PatientID, one.SeriesInstanceUID = "copy", "1.2.3"
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"{one.SOPInstanceUID}.9"
    series.write(copied, folder / "images")
    (folder / "images" / "<b>note").write_text("no image")
    rows = tables.sound()
    rows["patient"] += [
        {"patient_key": f"q{number}", "birth_sex": "female" if number % 8 else "male", "birth_year": 1940 + number % 9}
        for number in range(60)
    ]
    rows["cancer_condition"] += [
        {"condition_id": 100 + number, "patient_key": f"q{number}", "oncotree_code": "IDC" if number % 2 else "LUAD",
         "age_at_diagnosis": 30.0 + number, "diagnosis_year": 2000 + number % 10}
        for number in range(60)
    ]  # fmt: skip
    rows["cancer_stage"] += [
        {"stage_id": 100 + number, "condition_id": 100 + number, "axis": "group", "timing": "c", "value": "II"}
        for number in range(40, 60)
    ]
    return check(folder / "images", tables.write(rows, folder / "tables"), sampling_fraction=0.2)


CERTIFICATE = {
    "statement": {
        "policy": {"profile": "research", "digest": "ab" * 32},
        "files": {"found": 4810, "held_back": {"pixels-text-suspected": 3}, "left_out": {}},
        "verification": {"passed": True, "resolved_before": 9},
    },
    "key": "k1",
}


class Outline(HTMLParser):
    """Tags, attributes and headings of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "rect", "path", "circle", "line", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect", "path", "circle", "line"):
            assert self.open.pop() == tag


def outline(text: str) -> Outline:
    found = Outline()
    found.feed(text)
    assert found.open == []
    return found


def test_the_page_is_whole_and_loads_nothing(findings: Findings) -> None:
    text = page(findings, CERTIFICATE)
    found = outline(text)
    assert "<script" not in text
    for tag, attributes in found.tags:
        assert tag not in ("link", "iframe", "object", "base")
        for name in ("src", "href", "xlink:href"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:image/png;base64,"))
    assert re.findall(r"url\(|@import|https?://", text) == []


def test_every_part_is_there_and_can_be_reached(findings: Findings) -> None:
    found = outline(page(findings, CERTIFICATE))
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    targets = [attributes["href"] for tag, attributes in found.tags if tag == "a"]
    assert all(str(target)[1:] in ids for target in targets)
    assert {"images", "clinical", "agreement", "annotations", "balance", "risk", "fair", "tier", "certificate"} <= set(
        ids
    )


def test_every_picture_and_chart_has_its_words(findings: Findings) -> None:
    found = outline(page(findings))
    pictures = [attributes for tag, attributes in found.tags if tag == "img"]
    assert len(pictures) == len(findings.images.thumbnails) > 0
    assert all(attributes["alt"] for attributes in pictures)
    assert all(attributes.get("aria-hidden") == "true" for tag, attributes in found.tags if tag == "svg")


def test_what_failed_is_told_first(findings: Findings) -> None:
    text = page(findings)
    for result in findings.failed("error"):
        assert sentence(result.title) in text
    assert f"{len(findings.failed('error'))} things to repair" in text
    assert text.index("Patients with images but no row") < text.index('id="images"')


def test_names_of_files_cannot_become_markup(findings: Findings) -> None:
    text = page(findings)
    assert "&lt;b&gt;note" in text
    assert "<b>" not in text


def test_the_certificate_is_told_in_short(findings: Findings) -> None:
    assert statements(CERTIFICATE) == [
        ("profile", "research"),
        ("digest of the policy", "ab" * 32),
        ("files found", "4,810"),
        ("held back", "pixels-text-suspected: 3"),
        ("left out", "none"),
        ("references resolved before", "9"),
        ("verification passed", "yes"),
        ("signed by the key", "k1"),
    ]
    assert statements({"statement": "odd"}) == []
    assert "pixels-text-suspected: 3" in page(findings, CERTIFICATE)
    assert 'id="certificate"' not in page(findings)


def test_images_alone_make_a_page(tmp_path: Path) -> None:
    made = series.of(series.objects(1, "MG"), "MG")
    found = check(series.write(made, tmp_path))
    text = page(found)
    assert 'id="agreement"' not in text
    assert 'id="annotations"' not in text
    outline(text)


def test_a_release_without_findings_says_so(findings: Findings) -> None:
    checks = tuple(one.model_copy(update={"places": 0}) for one in findings.images.checks)
    images = findings.images.model_copy(update={"checks": checks, "listed": (), "thumbnails": (), "left_out": ()})
    quiet = Findings(tool_version="1", images=images, indexed=7)
    text = page(quiet)
    assert "Every check passed" in text
    assert "7 files in its index" in text
    warned = tuple(one.model_copy(update={"places": int(one.severity == "warning")}) for one in checks)
    looked_at = quiet.model_copy(update={"images": images.model_copy(update={"checks": warned})})
    assert "Nothing stands against release" in page(looked_at)


def test_both_files_are_private_and_agree(findings: Findings, tmp_path: Path) -> None:
    told, shown = write_report(findings, None, tmp_path / "run")
    assert Findings.model_validate_json(told.read_bytes()) == findings
    assert told.stat().st_mode & 0o077 == shown.stat().st_mode & 0o077 == 0
    again = write_report(findings, None, tmp_path / "run")
    assert again == (told, shown)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["report.html", "report.json"]


def test_a_full_disk_leaves_what_stood(findings: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    write_report(findings, None, tmp_path)
    before = (tmp_path / "report.html").read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OncofedError, match="disk-full"):
        write_report(findings.model_copy(update={"tool_version": "2"}), None, tmp_path)
    assert (tmp_path / "report.html").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("share", "words"),
    [(None, "–"), (0, "0 %"), (1, "100 %"), (0.99999, "99.9 %"), (0.00001, "0.1 %"), (0.5, "50 %"), (0.1234, "12.3 %")],
)
def test_percentages(share: float | None, words: str) -> None:
    assert percent(share) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (57_300_000, "57.3 MB"), (2 * 10**15, "2e+03 TB")]
)
def test_sizes(count: int, words: str) -> None:
    assert size(count) == words


def test_short_words() -> None:
    assert short("1.2.3") == "1.2.3"
    assert len(short("1." * 30)) == 14
    assert places(1, "patients") == "1 patient"
    assert places(1200, "series") == "1,200 series"


def test_columns_escape_their_labels() -> None:
    drawn = columns([Cell(label="<i>", count=3), Cell(label="b", count=0)])
    assert "<i>" not in drawn
    assert drawn.count("<rect") == 2
    assert "<rect" not in columns([])
