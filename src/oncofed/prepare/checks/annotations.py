"""The minimum set of annotations: what objects say about themselves, and what the tables say about who drew them."""
# ruff: noqa: S608 (our own column names)

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from oncofed.imaging.quality.annotation import ANNOTATIONS
from oncofed.imaging.quality.instance import Instance
from oncofed.prepare.checks.findings import AnnotationFindings, AnnotationItem, Cell, CheckResult
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


class Asked(NamedTuple):
    """Asked of each annotation: ``object`` is SQL over what it says itself, ``table`` over its row in the tables.

    ``by_people``: not asked where software alone made it.
    """

    item: str
    label: str
    required: bool
    object: str
    table: str
    by_people: bool = False


OF_OBJECTS = (
    Asked("series", "Series annotated", True, "o.source", "d.source_series_uid IS NOT NULL"),
    Asked("annotator_count", "Number of annotators", True, "o.annotators > 0", "d.annotator_count > 0", True),
    Asked("annotator_type", "Kind of annotator, such as radiologist", True, "o.role",
          "d.annotator_type IS NOT NULL", True),
    Asked("annotator_experience", "Experience of the annotator", True, "FALSE",
          "d.annotator_experience IS NOT NULL", True),
    Asked("tool", "Tool it was made with", False, "o.tool", "d.algorithm IS NOT NULL"),
    Asked("version", "Version of the tool", False, "o.version", "d.version IS NOT NULL"),
    Asked("review", "Verified by a second reader", False, "o.reviewed", "d.verified_by_second_reader IS NOT NULL"),
)  # fmt: skip
"""The object and the tables are both heard: what de-identification takes out of an object, a table may say."""
_SAID = (
    "uid VARCHAR, annotators INTEGER, role BOOLEAN, reviewed BOOLEAN, automatic BOOLEAN, tool BOOLEAN, "
    "version BOOLEAN, source BOOLEAN"
)
_TOGETHER = """said o FULL JOIN (SELECT * FROM derived_object WHERE kind IN ('SEG', 'RTSTRUCT', 'ANN')) d
               ON d.object_uid = o.uid"""
_MARKING = ("SEG", "RTSTRUCT", "ANN")
_BATCH = 2_000


def check_annotations(tables: Tables, spool: Spool) -> AnnotationFindings | None:
    """What the annotations lack; None where there are none."""
    kinds, methods, gaps = Counter[str](), Counter[str](), Counter[str]()
    complete = 0
    tables.connection.execute(f"CREATE OR REPLACE TEMP TABLE said ({_SAID})")
    rows: list[tuple[object, ...]] = []
    for one in _objects(spool):
        kinds[one.modality] += 1
        for segment in one.segments:
            methods[segment.method.lower() or "not stated"] += 1
            gaps.update(segment.gaps)
            complete += not set(segment.gaps) - {"code"}
        rows += _row(one)
        if len(rows) >= _BATCH:
            tables.insert("said", _SAID, rows)
            rows = []
    tables.insert("said", _SAID, rows)
    if not kinds:
        return None
    segments = methods.total()
    of_segments = tuple(
        AnnotationItem(item=item, label=label, required=required, filled=segments - gaps[item], of=segments)
        for item, label, required in ITEMS
    )
    of_objects = tuple(_asked(tables, asked) for asked in OF_OBJECTS)
    return AnnotationFindings(
        objects=kinds.total(),
        segments=segments,
        kinds=_cells(kinds),
        methods=_cells(methods),
        linked=spool.linked_objects(*kinds),
        items=(*of_segments, *of_objects),
        complete_share=complete / segments if segments else 0.0,
        checks=(
            _lacking("annotation-segments", "segments without the whole minimum set", of_segments, segments - complete),
            _lacking("annotation-makers", "annotations that do not say who made them, or on what", of_objects,
                     _incomplete(tables)),
        ),
    )  # fmt: skip


def _objects(spool: Spool) -> Iterator[Instance]:
    """Each annotation once."""
    for instances in spool.by_series(*ANNOTATIONS):
        yield from {one.uid: one for one in instances}.values()


def _row(one: Instance) -> list[tuple[object, ...]]:
    """What an annotation that marks something says of how it was made; reports are not asked."""
    made = one.making
    if made is None or one.modality not in _MARKING:
        return []
    flags = (made.role, made.reviewed, made.automatic, made.tool, made.version, bool(one.referenced_series))
    return [(one.uid, made.annotators, *flags)]


def _has(asked: Asked) -> str:
    """SQL: the object or its row says it, or need not."""
    needless = "coalesce(o.automatic, d.method ILIKE 'automatic', FALSE) OR " if asked.by_people else ""
    return f"({needless}coalesce({asked.object}, FALSE) OR coalesce({asked.table}, FALSE))"


def _asked(tables: Tables, asked: Asked) -> AnnotationItem:
    filled, every = tables.rows(f"SELECT count(*) FILTER ({_has(asked)}), count(*) FROM {_TOGETHER}")[0]
    return AnnotationItem(item=asked.item, label=asked.label, required=asked.required, filled=filled, of=every)


def _incomplete(tables: Tables) -> int:
    """Annotations that lack something required of them."""
    whole = " AND ".join(_has(asked) for asked in OF_OBJECTS if asked.required)
    return int(tables.one(f"SELECT count(*) FILTER (NOT ({whole})) FROM {_TOGETHER}"))


def _lacking(name: str, title: str, items: tuple[AnnotationItem, ...], places: int) -> CheckResult:
    """The finding on required items, with how often each is missing."""
    lost = [item for item in items if item.required and item.filled < item.of]
    told = "; ".join(f"{item.label.partition(',')[0].lower()} ({item.of - item.filled:,})" for item in lost)
    return CheckResult(
        check=name,
        title=title,
        dimension="complete",
        severity="warning",
        meaning=f"Missing: {told}." if lost else "The reference system's minimum set is there.",
        places=places,
        of=items[0].of,
        count=places,
    )


def _cells(counts: Counter[str]) -> tuple[Cell, ...]:
    return tuple(Cell(label=label, count=count) for label, count in counts.most_common())
