"""A query as one plain English sentence, for a doctor and for an ethics committee.

The words stand in small functions and tables here and nowhere else, so that other languages can be added beside them.
"""

from collections.abc import Iterable, Sequence

from oncofed.contracts.clauses import everything, named
from oncofed.contracts.criteria import CRITERIA, MISSING, Bands, CriterionDefinition, Level
from oncofed.contracts.query import Criterion, Group, Part, Query
from oncofed.contracts.vocabulary import expand, label
from oncofed.contracts.writing import run_of_bands

_SPECIES = {"human": "human patients", "mouse": "mice", "dog": "dogs", "phantom": "phantoms", "other": "other species"}
_WHO = {"sex": "who are {}", "population": "recorded as {}", "vital_status": "who are {}"}
"""Single-valued criteria of the patient. ``{}``: the values."""
_HAS = {
    "diagnosis": "with a diagnosis of {}",
    "age_at_diagnosis": "aged {} at diagnosis",
    "year_of_diagnosis": "diagnosed in {}",
    "age_at_imaging": "aged {} at imaging (age at imaging, not at diagnosis)",
    "year_of_imaging": "imaged in {}",
    "treatment": "treated with {}",
    "annotation": "with an annotation of the kind {}",
}
"""Criteria with a phrase of their own; the others are "with LABEL VALUES"."""
_NOTES = {"diagnosis": "any narrower diagnosis included", "body_part": "its parts included"}
_NAMES = {
    "er": "oestrogen receptor",
    "pr": "progesterone receptor",
    "her2": "HER2 score",
    "ki67": "Ki-67",
    "psa": "PSA",
    "gleason": "Gleason score",
    "isup": "ISUP grade group",
    "bi_rads": "BI-RADS assessment",
    "pi_rads": "PI-RADS assessment",
    "ecog": "ECOG performance status",
    "response": "response",
    "body_part": "body part",
    "derived_body_part": "body part (derived from the dataset)",
    "laterality": "laterality",
    "sequence_type": "MR sequence",
    **{axis.lower(): f"{axis} category" for axis in ("cT", "cN", "cM", "pT", "pN", "pM")},
}
"""Names of criteria as they stand in a sentence; the others are their label in lower case."""
_BY_CODE = frozenset({"gleason", "isup", "bi_rads", "pi_rads", "ecog", "stage_group", "breast_density", "her2"})
"""Vocabularies whose codes are what people say."""
_AS_WRITTEN = frozenset({"oncotree", "manufacturer", "response", "tracer"})
"""Vocabularies whose labels keep their capital letter in a sentence."""


def explain(query: Query) -> str:
    """Who is counted, in one sentence. The query is explained in its canonical form."""
    parts = query.canonical().all
    species = next(part for part in parts if isinstance(part, Criterion) and part.criterion == "species")
    subject = _subject(species)
    phrases = [_phrase(part) for part in parts if part != species]
    if sum(_on_a_series(part) for part in parts) > 1:
        phrases[-1] += " (these series need not be the same one)"
    if not phrases:
        return f"All {subject}."
    return f"{subject[0].upper()}{subject[1:]} {', '.join(phrases)}."


def _on_a_series(part: Part) -> bool:
    return isinstance(part, Criterion) and CRITERIA[part.criterion].level is Level.SERIES and not part.negated


def _subject(species: Criterion) -> str:
    cells = named(species)
    if cells.values == everything("species"):
        return f"patients and phantoms of {'any' if cells.missing else 'a recorded'} species"
    kinds = [_SPECIES[value] for value in species.values if value != MISSING]
    return _either([*kinds, *(["patients of no recorded species"] if cells.missing else [])])


def _phrase(part: Part) -> str:
    return _group_phrase(part) if isinstance(part, Group) else criterion_phrase(part)


def criterion_phrase(criterion: Criterion) -> str:
    """One criterion of a patient as words that follow "patients"; also the title of a chip."""
    definition, cells = CRITERIA[criterion.criterion], named(criterion)
    name = _name(definition)
    if cells.values == everything(definition.name) and not criterion.negated:
        return f"with any {name}, recorded or not" if cells.missing else f"with a recorded {name}"
    if criterion.negated:
        noun = f"series of {name}" if definition.level is Level.SERIES else name
        otherwise = f"also where no {name} is recorded" if criterion.or_missing else f"where a {name} is recorded"
        return f"with no {noun} {_values(definition, criterion.values)} ({otherwise})"
    return _positive(definition, criterion.values)


def _positive(definition: CriterionDefinition, values: Sequence[str]) -> str:
    known = [value for value in values if value != MISSING]
    if not known:
        return f"with no recorded {_name(definition)}"
    said = _values(definition, known)
    if definition.name in _WHO:
        phrase = _WHO[definition.name].format(said.lower())
    elif definition.name in _HAS:
        phrase = _HAS[definition.name].format(said)
    elif definition.level is Level.SERIES:
        phrase = f"with a series of {_name(definition)} {said}"
    else:
        phrase = f"with {_name(definition)} {said}"
    return f"{phrase} (or with no recorded {_name(definition)})" if len(known) < len(values) else phrase


def _group_phrase(group: Group) -> str:
    inner = _together(group)
    if not group.negated:
        return f"with one {group.same} that has {inner}"
    otherwise = (
        "or none for which that is recorded" if group.or_missing else "and at least one for which that is recorded"
    )
    return f"with no {group.same} that has {inner} ({otherwise})"


def _together(group: Group) -> str:
    said = []
    for part in group.all:
        if isinstance(part, Group):
            said.append(("no " if part.negated else "a ") + f"{part.same} with {_together(part)}")
        else:
            said.append(_inside(part))
    return " and ".join(said)


def _inside(criterion: Criterion) -> str:
    """One criterion of a series or study as words that follow "has"."""
    definition, cells = CRITERIA[criterion.criterion], named(criterion)
    name = _name(definition)
    if criterion.negated:
        otherwise = " (or none recorded)" if criterion.or_missing else ""
        return f"{name} other than {_values(definition, criterion.values)}{otherwise}"
    if cells.values == everything(definition.name):
        return f"any {name}, recorded or not" if cells.missing else f"a recorded {name}"
    known = [value for value in criterion.values if value != MISSING]
    said = f"{name} {_values(definition, known)}" if known else ""
    return " or ".join(filter(None, (said, f"no recorded {name}" if cells.missing else "")))


def _name(definition: CriterionDefinition) -> str:
    return _NAMES.get(definition.name) or definition.label.lower()


def _values(definition: CriterionDefinition, values: Sequence[str]) -> str:
    bands = definition.bands
    known = [value for value in values if value != MISSING]
    if bands and (run := run_of_bands(bands, known)):
        return _run(bands, *run)
    if bands:
        return _either(value.replace("-", "\u2013", 1) for value in known) + _unit(bands)
    said = _either(_label(definition, value) for value in known)
    note = _NOTES.get(definition.name)
    return f"{said} ({note})" if note and expand(definition.name, known) != frozenset(known) else said


def _label(definition: CriterionDefinition, value: str) -> str:
    if definition.values in _BY_CODE:
        return value
    words = label(definition.name, value)
    capital = definition.values in _AS_WRITTEN or not words[1:2].islower()
    return words if capital else words[0].lower() + words[1:]


def _run(bands: Bands, low: float, high: float | None) -> str:
    if high is None:
        return f"{low:g}{_unit(bands)} or more" if bands.unit != "" else f"{low:g} or later"
    if not bands.step:
        return f"{low:g} to under {high:g}{_unit(bands)}"
    return f"{low:g}" if low == high else f"{low:g}\u2013{high:g}"


def _unit(bands: Bands) -> str:
    return f" {bands.unit}" if bands.unit not in ("", "a") else ""


def _either(words: Iterable[str]) -> str:
    listed = list(words)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}"
