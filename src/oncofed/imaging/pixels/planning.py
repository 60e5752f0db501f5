"""What to blank on an image, and whether a person must look: decided before anything is changed.

    risk none                                          nothing
    document, video, undecodable                       a person
    ultrasound with regions                            blank outside them; then text inside
    device in the table                                blank its rectangles; then text elsewhere
    any other image of risk low or high                text recognition over all frames
    text found                                         blanked, unless it is on the list of harmless words
    what may be faint text                             blanked, and a person
    high risk without regions or rectangles            a person, shown what was found
    text read again after blanking                     a person

One object is planned at a time from its original header; the pixels change only in ``apply``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from pydicom import Dataset

from oncofed.contracts.errors import OncofedError
from oncofed.imaging.pixels import text
from oncofed.imaging.pixels.frames import Grey, Projection, Undecodable, layout, projection
from oncofed.imaging.pixels.rectangles import Rectangle, for_device, outside, pixels_in
from oncofed.imaging.pixels.regions import kept_regions
from oncofed.imaging.pixels.risk import Level, Risk, assess, number, words
from oncofed.imaging.pixels.search import Found, find_text

CLEAN_PIXEL_DATA = ("113101", "DCM", "Clean Pixel Data Option")
"""What De-identification Method Code Sequence says of an object whose pixels were planned (PS3.16 CID 7050)."""

_WRITTEN_IN_FULL = {"derived"}
"""Reasons of images that a scanner computed of numbers: what is written on them is written at full contrast."""


@dataclass(frozen=True)
class Plan:
    """What ``apply`` will do, and whether a person must look before the object is released.

    ``reasons``: why blanked (``regions``, ``device``, ``text``, ``label``, ``reviewed``) and codes of errors for what a
    person must decide. ``unused_bits``: bits that the image does not use are cleared. ``hints``: where text was seen;
    all of it is in ``rectangles`` too unless harmless.
    """

    rectangles: tuple[Rectangle, ...] = ()
    quarantine: bool = False
    reasons: tuple[str, ...] = ()
    level: Level = Level.NONE
    unused_bits: bool = False
    hints: tuple[Rectangle, ...] = field(default=(), repr=False)


def plan(dataset: Dataset, ocr: bool = True, *, reviewed: Iterable[Rectangle] | None = None) -> Plan:
    """The plan for one object, from its original header and pixels; the dataset is not changed.

    ``ocr`` False: no text is looked for; what has neither regions nor rectangles of its device goes to a person if its
    risk is high. ``reviewed``: a person has looked and gave these rectangles (none: it is fine as the geometry leaves
    it); text is not looked for any more and nothing is held back. Unusual objects never raise: they go to a person.
    """
    risk = assess(dataset)
    if risk.level is Level.NONE:
        return Plan()
    made = _planned(dataset, risk, ocr, reviewed)
    return replace(made, level=risk.level, unused_bits="overlay-bits" in risk.reasons)


def _planned(dataset: Dataset, risk: Risk, ocr: bool, reviewed: Iterable[Rectangle] | None) -> Plan:
    if "document" in risk.reasons:
        return _held("pixels-document") if reviewed is None else Plan(reasons=("reviewed",))
    geometry, why = _geometry(dataset, risk)
    if reviewed is not None:
        return Plan((*geometry, *reviewed), reasons=(*why, "reviewed"))
    try:
        layout(dataset)
        if not ocr or "label" in why:
            held = risk.level is Level.HIGH and not geometry
            return Plan(geometry, held, (*why, "pixels-text-suspected") if held else why)
        return _with_text(dataset, risk, geometry, why)
    except Undecodable:
        return _held("pixels-undecodable")
    except OncofedError as error:
        held = not kept_regions(dataset)
        return Plan(geometry, held, (*why, error.code))


def _held(code: str) -> Plan:
    return Plan(quarantine=True, reasons=(code,))


def _geometry(dataset: Dataset, risk: Risk) -> tuple[tuple[Rectangle, ...], tuple[str, ...]]:
    """Where text stands by what the header says: the label of a slide, outside the regions, and the device's places."""
    columns, rows = number(dataset, "Columns"), number(dataset, "Rows")
    if "slide-label" in risk.reasons and "LABEL" in words(dataset, "ImageType"):
        return (Rectangle(0, 0, columns, rows),), ("label",)
    kept, places = kept_regions(dataset), for_device(dataset)
    found = (*(outside(kept, columns, rows) if kept else ()), *places)
    return found, (*(("regions",) if kept else ()), *(("device",) if places else ()))


def _with_text(dataset: Dataset, risk: Risk, geometry: tuple[Rectangle, ...], why: tuple[str, ...]) -> Plan:
    seen = projection(dataset)
    wanted = text.identifiers(dataset)
    look = partial(_look, seen, wanted=wanted, with_faint=set(risk.reasons) != _WRITTEN_IN_FULL)
    found = look(geometry)
    masked = (*geometry, *(one.rectangle for one in found if not one.harmless))
    left = [one for one in look(masked) if not one.harmless] if len(masked) > len(geometry) else []
    masked = (*masked, *(one.rectangle for one in left))
    codes = []
    unsure = any(one.faint and not one.harmless for one in found)
    if unsure or (not geometry and _needs_a_person(dataset, risk, found)):
        codes.append("pixels-text-suspected")
    if any(one.identifying for one in left):
        codes.append("pixels-text-left")
    reasons = (*why, *(("text",) if len(masked) > len(geometry) else ()), *codes)
    hints = tuple(one.rectangle for one in (*found, *left))
    return Plan(masked, bool(codes), reasons, hints=hints)


def _needs_a_person(dataset: Dataset, risk: Risk, found: tuple[Found, ...]) -> bool:
    """Without geometry, what was found may not be all there is."""
    if any(one.identifying for one in found):
        return True
    expected = {"burned-in-annotation", "slide-label"} & set(risk.reasons) or words(dataset, "Modality") == ("US",)
    return risk.level is Level.HIGH and (bool(expected) or any(not one.harmless for one in found))


def _look(seen: Projection, masked: Iterable[Rectangle], wanted: frozenset[str], with_faint: bool) -> tuple[Found, ...]:
    """All text outside the masked rectangles, over the views of all frames."""
    rows, columns = seen.first.shape
    hidden = pixels_in(masked, columns, rows)
    found: dict[Rectangle, Found] = {}
    for view in seen.views:
        for one in find_text(_without(view, hidden), wanted, with_faint=with_faint):
            found.setdefault(one.rectangle, one)
    return tuple(found[one] for one in sorted(found))


def _without(view: Grey, hidden: np.typing.NDArray[np.bool_]) -> Grey:
    return np.where(hidden, np.uint8(0), view)
