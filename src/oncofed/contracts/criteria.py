"""The criteria a cohort can be asked by: the closed list every query, cube, form and compiler is built from.

Each criterion names where it lives in the common data model (its *level*), whether a patient can have several
values of it, and the vocabulary or the fixed bands of its values. Covers the 22 criteria of the reference
system (EUCAIM search, `docs/reference/criteria.md`) and those its data model needs beyond them.

``MISSING`` is a value of its own for every criterion: *not recorded*.
"""

from dataclasses import dataclass, field
from enum import StrEnum

MISSING = "missing"


class Level(StrEnum):
    """What one value of a criterion belongs to. Criteria inside a group must be of the levels the group admits."""

    PATIENT = "patient"
    CONDITION = "condition"
    OBSERVATION = "observation"
    TREATMENT = "treatment"
    OUTCOME = "outcome"
    STUDY = "study"
    SERIES = "series"


@dataclass(frozen=True)
class Bands:
    """Fixed bands of a number: ``edges`` are the inclusive lower bounds; the last band is open upwards.

    A number x belongs to the band with the greatest edge <= x. Below the first edge it is out of range: missing.
    Labels are ``"50-54"`` for whole-number bands (``step`` 1: lower edge to next edge minus 1), ``"0.1-<4"`` for
    continuous ones (``step`` 0), ``"90+"`` for the last.
    """

    edges: tuple[float, ...]
    unit: str
    step: int = 1

    @property
    def labels(self) -> tuple[str, ...]:
        """One label a band, in order."""
        pairs = zip(self.edges, self.edges[1:], strict=False)
        return (*(self._label(low, high) for low, high in pairs), f"{self.edges[-1]:g}+")

    def _label(self, low: float, high: float) -> str:
        if not self.step:
            return f"{low:g}-<{high:g}"
        return f"{low:g}" if high - low == 1 else f"{low:g}-{high - 1:g}"

    def label_of(self, number: float) -> str:
        """Label of the band ``number`` lies in; ``MISSING`` below the first edge."""
        index = sum(edge <= number for edge in self.edges) - 1
        return self.labels[index] if index >= 0 else MISSING


@dataclass(frozen=True)
class CriterionDefinition:
    """One criterion. ``several``: a patient can have more than one value (then a criterion means "has one of")."""

    name: str
    label: str
    level: Level
    several: bool
    values: str | Bands
    synonyms: tuple[str, ...] = ()
    hierarchical: bool = False
    note: str = ""

    @property
    def bands(self) -> Bands | None:
        """The bands, if the criterion is a number."""
        return self.values if isinstance(self.values, Bands) else None

    @property
    def text(self) -> str:
        """The name as written in a query: ``body part``."""
        return self.name.replace("_", " ")


AGE = Bands((0, 18, *range(25, 91, 5)), "a")
YEAR = Bands((1980, 1985, 1990, 1995, *range(2000, 2036)), "")
KI67 = Bands((0, 5, 10, 14, 20, 30, 50), "%", step=0)
PSA = Bands((0, 4, 10, 20, 50, 100), "ng/mL", step=0)
FIELD_STRENGTH = Bands((0, 1.25, 2.5, 3.5), "T", step=0)
SLICE_THICKNESS = Bands((0, 1.25, 2.5, 3.75, 5.5), "mm", step=0)

_P, _C, _O, _S, _R = Level.PATIENT, Level.CONDITION, Level.OBSERVATION, Level.STUDY, Level.SERIES


def _stage(axis: str) -> CriterionDefinition:
    kind = "clinical" if axis[0] == "c" else "pathological"
    return CriterionDefinition(
        axis.lower(), f"{axis} ({kind} {axis[1]} category)", _C, True, f"tnm_{axis[1].lower()}", (axis,), True
    )


_ALL = (
    CriterionDefinition("species", "Species", _P, False, "species", note="Human unless the query says otherwise."),
    CriterionDefinition("sex", "Sex at birth", _P, False, "sex", ("gender", "birth sex")),
    CriterionDefinition("population", "Population category", _P, False, "population"),
    CriterionDefinition("vital_status", "Vital status", _P, False, "vital_status"),
    CriterionDefinition("diagnosis", "Diagnosis", _C, True, "oncotree", ("cancer", "cancer type"), True),
    CriterionDefinition("age_at_diagnosis", "Age at diagnosis", _C, True, AGE),
    CriterionDefinition("year_of_diagnosis", "Year of diagnosis", _C, True, YEAR),
    CriterionDefinition("tumour_laterality", "Laterality of the tumour", _C, True, "laterality"),
    *(_stage(axis) for axis in ("cT", "cN", "cM", "pT", "pN", "pM")),
    CriterionDefinition("stage", "Stage group", _C, True, "stage_group", ("stage group",), True),
    CriterionDefinition("er", "Oestrogen receptor", _O, True, "receptor", ("oestrogen receptor", "estrogen receptor")),
    CriterionDefinition("pr", "Progesterone receptor", _O, True, "receptor", ("progesterone receptor",)),
    CriterionDefinition("her2", "HER2 (immunohistochemistry)", _O, True, "her2"),
    CriterionDefinition("ki67", "Ki-67", _O, True, KI67, ("ki-67",)),
    CriterionDefinition("psa", "Prostate-specific antigen", _O, True, PSA, ("prostate specific antigen",)),
    CriterionDefinition("gleason", "Gleason score", _O, True, "gleason", ("gleason score",)),
    CriterionDefinition("isup", "ISUP grade group", _O, True, "isup", ("isup grade", "grade group")),
    CriterionDefinition("bi_rads", "BI-RADS assessment", _O, True, "bi_rads", ("bi-rads", "birads"), True),
    CriterionDefinition("pi_rads", "PI-RADS assessment", _O, True, "pi_rads", ("pi-rads", "pirads")),
    CriterionDefinition("breast_density", "Breast density", _O, True, "breast_density"),
    CriterionDefinition("ecog", "ECOG performance status", _O, True, "ecog"),
    CriterionDefinition("treatment", "Treatment", Level.TREATMENT, True, "treatment", ("treatment type", "therapy")),
    CriterionDefinition("response", "Response (RECIST)", Level.OUTCOME, True, "response", ("recist",)),
    CriterionDefinition("age_at_imaging", "Age at imaging", _S, True, AGE, ("age",)),
    CriterionDefinition("year_of_imaging", "Year of imaging", _S, True, YEAR, ("year",)),
    CriterionDefinition("timepoint", "Imaging time point", _S, True, "timepoint"),
    CriterionDefinition("annotation", "Annotation", _S, True, "annotation", ("annotations", "derived object")),
    CriterionDefinition("modality", "Modality", _R, True, "modality"),
    CriterionDefinition("body_part", "Body part examined", _R, True, "body_part", ("bodypart",), True),
    CriterionDefinition(
        "derived_body_part",
        "Body part, derived",
        _R,
        True,
        "body_part",
        (),
        True,
        "Taken from the dataset's tumour location where the series states none.",
    ),
    CriterionDefinition("laterality", "Laterality of the series", _R, True, "laterality"),
    CriterionDefinition("manufacturer", "Manufacturer", _R, True, "manufacturer", ("vendor",)),
    CriterionDefinition("field_strength", "Magnetic field strength", _R, True, FIELD_STRENGTH),
    CriterionDefinition("slice_thickness", "Slice thickness", _R, True, SLICE_THICKNESS),
    CriterionDefinition("contrast", "Contrast phase", _R, True, "contrast"),
    CriterionDefinition("sequence_type", "MR sequence", _R, True, "sequence_type", ("sequence",)),
    CriterionDefinition("tracer", "Radiotracer", _R, True, "tracer", ("radiotracer",)),
)

CRITERIA: dict[str, CriterionDefinition] = {criterion.name: criterion for criterion in _ALL}

GROUP_LEVELS: dict[str, frozenset[Level]] = {
    "series": frozenset({Level.SERIES}),
    "study": frozenset({Level.STUDY, Level.SERIES}),
}
"""Levels of the criteria that may stand in ``same series (…)`` and ``same study (…)``."""


@dataclass(frozen=True)
class Term:
    """One value of a vocabulary: its code, label, broader code ("" at the top) and what people also call it."""

    code: str
    label: str
    parent: str = ""
    synonyms: tuple[str, ...] = field(default=())
