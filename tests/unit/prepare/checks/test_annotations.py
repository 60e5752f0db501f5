"""The minimum set of annotations over a release."""

from pathlib import Path

from oncofed.imaging.quality import Instance, read_instance
from oncofed.prepare.checks.annotations import check_annotations
from oncofed.prepare.checks.findings import AnnotationFindings
from oncofed.prepare.checks.spool import Spool
from oncofed.prepare.checks.tables import Tables
from tests.factories import series, tables


def annotations(folder: Path, rows: tables.Rows | None = None) -> AnnotationFindings | None:
    facts = [read_instance(path, folder) for path in sorted(folder.iterdir()) if path.is_file()]
    with Spool() as spool, Tables() as model:
        spool.fill(one for one in facts if isinstance(one, Instance))
        if rows:
            model.load(tables.write(rows, folder / "tables"))
        model.complete(spool)
        return check_annotations(model, spool)


def test_a_phantoms_annotations(tmp_path: Path) -> None:
    made = series.objects(1, "CT", "PT")
    found = annotations(series.write(made, tmp_path))
    assert found is not None
    assert {cell.label: cell.count for cell in found.kinds} == {"SEG": 2, "RTSTRUCT": 1, "SR": 1}
    assert (found.objects, found.linked) == (4, 4)
    assert found.segments == sum(cell.count for cell in found.methods) > 0
    items = {one.item: one for one in found.items}
    assert items["label"].filled == items["label"].of == found.segments
    assert (items["series"].filled, items["series"].of) == (3, 3)
    assert {name: items[name].filled for name in ("annotator_count", "annotator_type", "annotator_experience")} == {
        "annotator_count": 2, "annotator_type": 0, "annotator_experience": 0,
    }  # fmt: skip


def test_what_lacks_is_counted_and_what_is_lost_is_not_linked(tmp_path: Path) -> None:
    (seg,) = series.of(series.objects(1), "SEG")
    for one in seg.SegmentSequence:
        one.SegmentDescription = "what is marked"
    whole = annotations(series.write([seg], tmp_path / "a"))
    del seg.SegmentSequence[0].SegmentLabel
    lacking = annotations(series.write([seg], tmp_path / "b"))
    assert whole is not None
    assert lacking is not None
    assert (whole.complete_share, whole.linked) == (1, 0)
    assert lacking.complete_share == 1 - 1 / lacking.segments


def test_reports_alone_have_no_segments(tmp_path: Path) -> None:
    found = annotations(series.write(series.of(series.objects(1), "SR"), tmp_path))
    assert found is not None
    assert (found.objects, found.segments, found.complete_share) == (1, 0, 0)


def test_images_alone_have_no_annotations(tmp_path: Path) -> None:
    assert annotations(series.write(series.of(series.objects(1), "CT"), tmp_path)) is None


def row(uid: str, **values: object) -> dict[str, object]:
    """An annotation of a table, with everything that people are asked."""
    said = {"annotator_count": 2, "annotator_type": "radiologist", "annotator_experience": "10 years",
            "source_series_uid": "1.1.1", "algorithm": "brush", "version": "3",
            "verified_by_second_reader": True}  # fmt: skip
    return {"object_uid": uid, "study_uid": "1.1", "kind": "SEG", **said, **values}


def test_a_table_says_what_the_objects_do_not(tmp_path: Path) -> None:
    (seg,) = series.of(series.objects(1), "SEG")
    seg.ContentCreatorName = ""
    for one in seg.SegmentSequence:
        one.SegmentDescription, one.SegmentAlgorithmType = "what is marked", "SEMIAUTOMATIC"
        one.SegmentAlgorithmName = "grow"
    series.write([seg], tmp_path)
    silent, told = annotations(tmp_path), annotations(tmp_path, {"derived_object": [row(seg.SOPInstanceUID)]})
    assert silent is not None
    assert told is not None
    segments, makers = silent.checks
    assert (segments.places, segments.of) == (0, silent.segments)
    assert (makers.places, makers.of, makers.passed) == (1, 1, False)
    assert "number of annotators (1)" in makers.meaning
    assert "second reader" not in makers.meaning
    assert [one.passed for one in told.checks] == [True, True]
    assert all(one.filled == one.of for one in told.items if one.item.startswith("annotator"))


def test_of_software_no_experience_is_asked(tmp_path: Path) -> None:
    (seg,) = series.of(series.objects(1), "SEG")
    for one in seg.SegmentSequence:
        one.SegmentDescription, one.SegmentAlgorithmType, one.SegmentAlgorithmName = "what", "AUTOMATIC", "net"
    found = annotations(series.write([seg], tmp_path))
    assert found is not None
    assert [one.passed for one in found.checks] == [True, True]


def test_annotations_of_the_tables_alone_are_asked_too(tmp_path: Path) -> None:
    (seg,) = series.of(series.objects(1), "SEG")
    rows = [row(seg.SOPInstanceUID), row("9.9", annotator_experience=None), row("9.8", kind="SR", annotator_count=None)]
    found = annotations(series.write([seg], tmp_path), {"derived_object": rows})
    assert found is not None
    assert (found.checks[1].places, found.checks[1].of) == (1, 2)
