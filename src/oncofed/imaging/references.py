"""Which object points at which: the references among a set of DICOM objects, and whether they are the same after.

A reference is a UID of another object, series, study or frame of reference inside a SEG, RTSTRUCT, SR, RWV, ANN,
presentation state, registration or any other object, at any depth (PS3.3: Referenced SOP Instance UID; Study and Series
Instance UID inside a sequence; frames of reference; UIDREF content items). It is *resolved* when an object of the set
has that UID, else *dangling*. Objects are named by labels that stay the same while UIDs change (such as the number of
the file), so that two graphs can be compared without knowing how UIDs were mapped.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydicom.dataset import Dataset

from oncofed.imaging.elements import BROKEN, Element, walk

STANDARD_ROOT = "1.2.840.10008."
"""UIDs registered by the standard itself (PS3.6 annex A) name kinds, not objects."""

_HOSPITAL_SYSTEM = "1.2.840.10008.3.1."
"""SOP classes of studies, visits and procedure steps kept by an information system: never among a set of files."""

_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES, _FRAME = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00200052
_REFERENCED_SOP_CLASS = 0x00081150


class Kind(StrEnum):
    """What a reference points at."""

    INSTANCE = "instance"
    SERIES = "series"
    STUDY = "study"
    FRAME = "frame of reference"
    ANY = "any of these"
    SYSTEM = "record of the information system"


_KINDS = {
    0x00041511: Kind.INSTANCE,  # Referenced SOP Instance UID in File
    0x00080058: Kind.INSTANCE,  # Failed SOP Instance UID List
    0x00081155: Kind.INSTANCE,  # Referenced SOP Instance UID
    0x00081167: Kind.INSTANCE,  # Multi-frame Source SOP Instance UID
    0x0018991E: Kind.FRAME,  # Target Frame of Reference UID
    0x00200242: Kind.INSTANCE,  # SOP Instance UID of Concatenation Source
    0x00209312: Kind.FRAME,  # Volume Frame of Reference UID
    0x00209313: Kind.FRAME,  # Table Frame of Reference UID
    0x00280304: Kind.INSTANCE,  # Referenced Color Palette Instance UID
    0x30060024: Kind.FRAME,  # Referenced Frame of Reference UID
    0x300600C2: Kind.FRAME,  # Related Frame of Reference UID
    0x0040A124: Kind.ANY,  # UID: the value of a UIDREF content item
    0x00640003: Kind.FRAME,  # Source Frame of Reference UID
    0x300A0675: Kind.FRAME,  # Equipment Frame of Reference UID
}
_WITHIN_SEQUENCES = {_STUDY: Kind.STUDY, _SERIES: Kind.SERIES, _FRAME: Kind.FRAME}
_MEMBERSHIPS = {_SOP_INSTANCE: Kind.INSTANCE, _STUDY: Kind.STUDY, _SERIES: Kind.SERIES, _FRAME: Kind.FRAME}


@dataclass(frozen=True)
class Mention:
    """One object with what it belongs to and what it points at."""

    sop_class: str
    belongs: Mapping[Kind, str]
    points: Counter[tuple[Kind, str]] = field(default_factory=Counter)


def read(dataset: Dataset) -> Mention:
    """The memberships and references of one object."""
    belongs: dict[Kind, str] = {}
    sop_class = ""
    points: Counter[tuple[Kind, str]] = Counter()
    for element in walk(dataset):
        if element.vr != "UI":
            continue
        uids = [uid for uid in element.texts if uid and not uid.startswith(STANDARD_ROOT)]
        if not element.path and element.tag == _SOP_CLASS:
            sop_class = element.texts[0]
        elif not element.path and element.tag in _MEMBERSHIPS:
            belongs.update((_MEMBERSHIPS[element.tag], uid) for uid in uids[:1])
        elif kind := _kind(element):
            points.update((kind, uid) for uid in uids)
    return Mention(sop_class, belongs, points)


def _kind(element: Element) -> Kind | None:
    kind = _KINDS.get(element.tag)
    if kind is None and element.path:
        return _WITHIN_SEQUENCES.get(element.tag)
    if kind is Kind.INSTANCE and _sop_class_beside(element).startswith(_HOSPITAL_SYSTEM):
        return Kind.SYSTEM
    return kind


def _sop_class_beside(element: Element) -> str:
    try:
        return str(element.item[_REFERENCED_SOP_CLASS].value)
    except BROKEN:
        return ""


@dataclass(frozen=True)
class Graph:
    """The references of a set of objects between labels.

    ``edges``: (label, kind, label of the target) → how often; the target of a series, study or frame of reference is
    the first label in it. ``dangling``: (label, kind) → how often. ``groups``: (kind, label) → first label of the same
    series, study, frame of reference or object. ``classes``: label → SOP class.
    """

    edges: Counter[tuple[str, Kind, str]]
    dangling: Counter[tuple[str, Kind]]
    groups: Mapping[tuple[Kind, str], str]
    classes: Mapping[str, str]

    @property
    def resolved_count(self) -> int:
        """References whose target is in the set."""
        return self.edges.total()

    @property
    def dangling_count(self) -> int:
        """References to what is not in the set, without those into the hospital's information system."""
        return sum(number for (_, kind), number in self.dangling.items() if kind is not Kind.SYSTEM)

    def by_class(self) -> dict[str, tuple[int, int]]:
        """SOP class of the pointing object → references resolved, dangling."""
        found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for (label, _, _), number in self.edges.items():
            found[self.classes[label]][0] += number
        for (label, kind), number in self.dangling.items():
            if kind is not Kind.SYSTEM:
                found[self.classes[label]][1] += number
        return {sop_class: (resolved, dangling) for sop_class, (resolved, dangling) in sorted(found.items())}


def graph(objects: Iterable[tuple[str, Mention]]) -> Graph:
    """The graph of (label, object) pairs; a label names one object only."""
    mentions = dict(objects)
    firsts: dict[tuple[Kind, str], str] = {}
    groups: dict[tuple[Kind, str], str] = {}
    for label in sorted(mentions):
        for kind, uid in mentions[label].belongs.items():
            groups[kind, label] = firsts.setdefault((kind, uid), label)
    edges: Counter[tuple[str, Kind, str]] = Counter()
    dangling: Counter[tuple[str, Kind]] = Counter()
    for label, mention in mentions.items():
        for (kind, uid), number in mention.points.items():
            target = _target(firsts, kind, uid)
            if target is None:
                dangling[label, kind] += number
            else:
                edges[label, kind, target] += number
    return Graph(edges, dangling, groups, {label: mention.sop_class for label, mention in mentions.items()})


def _target(firsts: Mapping[tuple[Kind, str], str], kind: Kind, uid: str) -> str | None:
    if kind is not Kind.ANY:
        return firsts.get((Kind.INSTANCE if kind is Kind.SYSTEM else kind, uid))
    found = (firsts.get((other, uid)) for other in (Kind.INSTANCE, Kind.SERIES, Kind.STUDY, Kind.FRAME))
    return next((target for target in found if target is not None), None)


@dataclass(frozen=True)
class Comparison:
    """How the graph after differs from the one before.

    ``broken``: references that pointed at an object of the set and now point nowhere or elsewhere. ``removed``: those
    that are gone together with what held them. ``regrouped``: objects that are no longer with the same others in their
    series, study or frame of reference. ``gained``: references resolved now that were not before.
    """

    resolved_before: int
    resolved_after: int
    dangling_before: int
    dangling_after: int
    broken: Counter[tuple[str, Kind]]
    removed: Counter[tuple[str, Kind]]
    gained: Counter[tuple[str, Kind]]
    regrouped: tuple[tuple[str, Kind], ...]

    @property
    def same(self) -> bool:
        """Nothing broken, removed, gained or regrouped."""
        return not (self.broken or self.removed or self.gained or self.regrouped)

    @property
    def alive(self) -> bool:
        """Nothing broken or regrouped: every reference that is still there points where it pointed."""
        return not (self.broken or self.regrouped)


def compare(before: Graph, after: Graph) -> Comparison:
    """Compare two graphs of the same objects; ``ValueError`` if their labels differ."""
    if before.classes.keys() != after.classes.keys():
        raise ValueError("the graphs are of different objects")
    targets_before, targets_after = _targets(before), _targets(after)
    broken: Counter[tuple[str, Kind]] = Counter()
    removed: Counter[tuple[str, Kind]] = Counter()
    gained: Counter[tuple[str, Kind]] = Counter()
    for key in targets_before.keys() | targets_after.keys():
        lost = (targets_before[key] - targets_after[key]).total()
        new = (targets_after[key] - targets_before[key]).total()
        loose = max(0, after.dangling[key] - before.dangling[key])
        broken[key] = min(lost, new + loose)
        removed[key] = lost - broken[key]
        gained[key] = max(0, new - lost)
    return Comparison(
        before.resolved_count,
        after.resolved_count,
        before.dangling_count,
        after.dangling_count,
        +broken,
        +removed,
        +gained,
        _regrouped(before, after),
    )


def _targets(of: Graph) -> dict[tuple[str, Kind], Counter[str]]:
    found: dict[tuple[str, Kind], Counter[str]] = defaultdict(Counter)
    for (label, kind, target), number in of.edges.items():
        found[label, kind][target] += number
    return found


def _regrouped(before: Graph, after: Graph) -> tuple[tuple[str, Kind], ...]:
    """Objects whose group has other members than before."""
    moved: list[tuple[str, Kind]] = []
    sizes_before, sizes_after = (Counter((kind, g) for (kind, _), g in of.groups.items()) for of in (before, after))
    pairs = Counter((kind, group, after.groups.get((kind, label))) for (kind, label), group in before.groups.items())
    for (kind, label), old in before.groups.items():
        new = after.groups.get((kind, label))
        if new is None or not pairs[kind, old, new] == sizes_before[kind, old] == sizes_after[kind, new]:
            moved.append((label, kind))
    return tuple(sorted(moved))
