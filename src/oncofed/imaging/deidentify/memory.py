"""What became of the elements of earlier files: most elements of a patient's files are the same, byte for byte.

An element of the top level is known again by its bytes, in files of the same context only: all else that decides what
becomes of it (the patient and every identifier to look for, SOP class, character set, which elements there are, who
made the private ones). What is not known yet is cleaned by the same rules: the result is the same as without memory.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from typing import NamedTuple

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from oncofed.imaging.deidentify import writing
from oncofed.imaging.deidentify.changes import Applied, Change, Review
from oncofed.imaging.deidentify.clean import Cleaning
from oncofed.imaging.deidentify.header import DECISIVE, Patient, holds_items, named_inside, whose
from oncofed.imaging.deidentify.policy import Level, Policy
from oncofed.imaging.deidentify.record import RECORDED, record, text
from oncofed.imaging.deidentify.values import encodings
from oncofed.imaging.deidentify.wellformed import NotWellFormedError, Slices
from oncofed.trust.pseudonyms import Pseudonyms

_MOST_BYTES = 16 << 20
"""About so much is remembered; then all of it is forgotten and learnt anew."""
_OVERHEAD = 600
_LONGEST = 1 << 13
"""Longer elements are not remembered."""
_CHARACTER_SET, _SOP_CLASS, _PATIENT_ID = 0x00080005, 0x00080016, 0x00100020
_STUDY, _SERIES, _INSTANCE = 0x0020000D, 0x0020000E, 0x00080018
_UIDS = frozenset({_STUDY, _SERIES, _INSTANCE})
_NEEDED = frozenset({_SOP_CLASS, _PATIENT_ID, *_UIDS})
_DECISIVE = DECISIVE.union(RECORDED, (_CHARACTER_SET, _SOP_CLASS))

Told = tuple[tuple[Review, str], ...]
"""What goes to review, with its tokens."""
_Names = frozenset[tuple[str, str]]


class Header(NamedTuple):
    """A cleaned header: its elements encoded, up to the pixels, and what was done."""

    content: bytes
    applied: Applied
    told: Told


class _Became(NamedTuple):
    """What became of an element; ``text``: the value, of the UIDs that name the object."""

    content: bytes
    changes: tuple[Change, ...]
    told: Told
    text: str


@dataclass(frozen=True)
class _Context:
    """All that decides what becomes of an element beside its own bytes, and what became of those seen.

    ``said``: what the object says of its de-identification, last element first: its place among the elements that
    were there, how many stood there (none or one), and what is written.
    """

    patient: Patient
    days: int
    level: Level
    sop_class: str
    said: tuple[tuple[int, int, bytes], ...] = ()
    known: dict[bytes, _Became] = field(default_factory=dict)


@dataclass(frozen=True)
class _Layout:
    """Headers with the same tags and VRs: at which places stands what decides about the context."""

    decisive: tuple[int, ...]
    sequences: tuple[int, ...]
    private: frozenset[int]
    character_set: tuple[int, ...]
    named: dict[tuple[bytes, bytes], _Names] = field(default_factory=dict)
    contexts: dict[tuple[tuple[bytes, ...], _Names], _Context] = field(default_factory=dict)


class Memory:
    """What became of elements under one policy and one project's pseudonyms."""

    def __init__(self, policy: Policy, pseudonyms: Pseudonyms) -> None:
        self._policy, self._pseudonyms = policy, pseudonyms
        self._layouts: dict[tuple[bool, tuple[int, ...], tuple[str, ...]], _Layout | None] = {}
        self._bytes = 0

    def header(self, found: Slices) -> Header | None:
        """The cleaned header of a file whose pixels stay; None where it must be cleaned as a whole."""
        if self._bytes > _MOST_BYTES:
            self._layouts, self._bytes = {}, 0
        shape = (found.implicit, found.tags, found.vrs)
        if shape not in self._layouts:
            self._layouts[shape] = _layout(found)
            self._bytes += _OVERHEAD + 32 * len(found.tags)
        layout = self._layouts[shape]
        try:
            return self._header(layout, found) if layout is not None else None
        except NotWellFormedError:
            return None

    def _header(self, layout: _Layout, found: Slices) -> Header | None:
        contents = found.contents
        names = chain.from_iterable([self._names(layout, found, place) for place in layout.sequences])
        key = tuple([contents[place] for place in layout.decisive]), frozenset(names)
        context = layout.contexts.get(key)
        if context is None:
            context = self._context(layout, found)
            if context is None:
                return None
            layout.contexts[key] = context
            self._bytes += _OVERHEAD + sum(map(len, key[0]))
        known = context.known
        became = {place: known.get(content) for place, content in enumerate(contents)}
        if missing := [place for place, one in became.items() if one is None]:
            other = layout.private if not layout.private.isdisjoint(missing) else ()
            dataset = found.dataset(sorted({*missing, *other}))
            became.update(self._learnt(context, layout, found, dataset, missing))
        return _joined(context, found, [one for one in became.values() if one is not None])

    def _names(self, layout: _Layout, found: Slices, place: int) -> _Names:
        """Names and numbers in a sequence."""
        content = found.contents[place]
        key = b"".join([found.contents[other] for other in layout.character_set]), content
        names = layout.named.get(key)
        if names is None:
            dataset = found.dataset((*layout.character_set, place))
            names = named_inside(dataset, encodings(dataset))
            if len(content) <= _LONGEST:
                layout.named[key] = names
                self._bytes += _OVERHEAD + len(content)
        return names

    def _context(self, layout: _Layout, found: Slices) -> _Context | None:
        """The context of its first file, with what became of its elements."""
        places = range(len(found.tags))
        dataset = found.dataset(places)
        patient = whose(dataset, self._policy, self._pseudonyms)
        sop_class = text(dataset, _SOP_CLASS, "UI")
        if not patient.patient_id or not sop_class:
            return None
        days = self._pseudonyms.date_offset(patient.key, *self._policy.profile.date_shift_days)
        context = _Context(patient, days, self._policy.level(sop_class), sop_class)
        self._learnt(context, layout, found, dataset, places)
        record(dataset, self._policy, context.level, patient.key)
        said = [
            (place, int(found.tags[place : place + 1] == (tag,)), _encoded(found, dataset, tag))
            for tag in sorted(RECORDED, reverse=True)
            for place in [bisect_left(found.tags, tag)]
        ]
        return replace(context, said=tuple(said))

    def _learnt(
        self, context: _Context, layout: _Layout, found: Slices, dataset: Dataset, places: Iterable[int]
    ) -> dict[int, _Became]:
        """Clean the elements at some places of the header, in a dataset that holds at least these."""
        told: list[tuple[Review, str]] = []
        cleaning = Cleaning(
            self._policy, self._pseudonyms, context.patient, context.days, lambda *one: told.append(one)
        )
        tags = [found.tags[place] for place in places]
        ends = [(0, 0)]
        ends += [(len(cleaning.changes), len(told)) for _ in cleaning.one_by_one(dataset, context.level, tags)]
        uids = {tag: text(dataset, tag, "UI") for tag in _UIDS.intersection(tags)}
        learnt = {
            place: _Became(
                _encoded(found, dataset, tag),
                tuple(cleaning.changes[begin[0] : end[0]]),
                tuple(told[begin[1] : end[1]]),
                uids.get(tag, ""),
            )
            for place, tag, (begin, end) in zip(places, tags, pairwise(ends), strict=True)
        }
        for place, one in learnt.items():
            content = found.contents[place]
            if len(content) <= _LONGEST and place not in layout.character_set:  # it decides how the others are written
                context.known[content] = one
                self._bytes += _OVERHEAD + len(content) + len(one.content)
        return learnt


def _layout(found: Slices) -> _Layout | None:
    """None: what becomes of an element depends on others, or the object does not say whose it is."""
    places = dict(enumerate(found.tags))
    if any(tag >> 24 in (0x50, 0x60) for tag in found.tags) or not _NEEDED.issubset(found.tags):
        return None
    creators = {place for place, tag in places.items() if tag & 0x10000 and tag & 0xFFFF <= 0xFF}
    decisive = {place for place, tag in places.items() if tag in _DECISIVE}
    return _Layout(
        tuple(sorted(decisive | creators)),
        tuple(place for place, tag in places.items() if holds_items(tag, found.vrs[place])),
        frozenset(place for place, tag in places.items() if tag & 0x10000),
        tuple(place for place, tag in places.items() if tag == _CHARACTER_SET),
    )


def _encoded(found: Slices, dataset: Dataset, tag: int) -> bytes:
    if tag not in dataset:
        return b""
    encoder = writing.Encoder(implicit=found.implicit, little=True)
    return b"".join(encoder.chunks(dataset, tags=[BaseTag(tag)]))


def _joined(context: _Context, found: Slices, became: list[_Became]) -> Header:
    contents = [one.content for one in became]
    for place, there, content in context.said:
        contents[place : place + there] = [content]
    told = tuple(chain.from_iterable([one.told for one in became]))
    uids = {tag: became[found.tags.index(tag)].text for tag in _UIDS}
    applied = Applied(
        context.patient.key,
        tuple(chain.from_iterable([one.changes for one in became])),
        tuple([review for review, _ in told]),
        sop_class_uid=context.sop_class,
        study_uid=uids[_STUDY],
        series_uid=uids[_SERIES],
        instance_uid=uids[_INSTANCE],
        transfer_syntax=found.syntax,
    )
    return Header(b"".join(contents), applied, told)
