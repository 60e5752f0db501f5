"""The minimum set of annotations: what each segment says about itself, and what the tables say about who drew it."""

from collections import Counter

from oncofed.prepare.checks.findings import AnnotationFindings, AnnotationItem, Cell
from oncofed.prepare.checks.spool import Spool
from oncofed.prepare.checks.tables import Tables

ITEMS = (
    ("number", "Segment or region number", True),
    ("label", "Label", True),
    ("description", "Description", True),
    ("method", "Method (manual, semi-automatic, automatic)", True),
    ("algorithm", "Algorithm, unless drawn by hand", True),
    ("code", "Code of what is marked", False),
)
"""Asked of each segment: name, label, and whether the reference system requires it."""
_TABLE_ITEMS = (
    ("source_series_uid", "Series annotated", True),
    ("annotator_experience", "Experience of the annotator", True),
    ("verified_by_second_reader", "Verified by a second reader", False),
    ("segment_label_code", "Label as a code in the tables", False),
)
"""Asked of each derived object in the tables."""
_MARKING = ("SEG", "RTSTRUCT")


def check_annotations(tables: Tables, spool: Spool) -> AnnotationFindings | None:
    """What the annotations lack; None where there are none."""
    kinds, methods, gaps = Counter[str](), Counter[str](), Counter[str]()
    segments = complete = 0
    for instances in spool.by_series(*_MARKING, "SR", "ANN"):
        for one in {one.uid: one for one in instances}.values():
            kinds[one.modality] += 1
            for segment in one.segments:
                segments += 1
                methods[segment.method.lower() or "not stated"] += 1
                gaps.update(segment.gaps)
                complete += not set(segment.gaps) - {"code"}
    if not kinds:
        return None
    items = [
        AnnotationItem(item=item, label=label, required=required, filled=segments - gaps[item], of=segments)
        for item, label, required in ITEMS
    ]
    return AnnotationFindings(
        objects=kinds.total(),
        segments=segments,
        kinds=_cells(kinds),
        methods=_cells(methods),
        linked=spool.linked_objects(*kinds),
        items=(*items, *_from_tables(tables)),
        complete_share=complete / segments if segments else 0.0,
    )


def _from_tables(tables: Tables) -> list[AnnotationItem]:
    """What only tables can say, of each segmentation and structure set in them."""
    found = []
    for column, label, required in _TABLE_ITEMS:
        query = (
            f"SELECT count({column}), count(*) FROM derived_object "  # noqa: S608 (our own column names)
            "WHERE kind IN ('SEG', 'RTSTRUCT')"
        )
        filled, every = tables.rows(query)[0]
        found.append(AnnotationItem(item=column, label=label, required=required, filled=filled, of=every))
    return found


def _cells(counts: Counter[str]) -> tuple[Cell, ...]:
    return tuple(Cell(label=label, count=count) for label, count in counts.most_common())
