"""The minimum set of annotations over a release."""

from pathlib import Path

from oncofed.imaging.quality import Instance, read_instance
from oncofed.prepare.checks.annotations import check_annotations
from oncofed.prepare.checks.findings import AnnotationFindings
from oncofed.prepare.checks.spool import Spool
from oncofed.prepare.checks.tables import Tables
from tests.factories import series


def annotations(folder: Path) -> AnnotationFindings | None:
    facts = (read_instance(path, folder) for path in sorted(folder.iterdir()))
    with Spool() as spool, Tables() as model:
        spool.fill(one for one in facts if isinstance(one, Instance))
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
    assert items["source_series_uid"].of == 3


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
