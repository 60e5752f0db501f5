"""What the generator of synthetic cases knows of cancers: rough figures that make cases plausible, not epidemiology.

No number here describes real patients. They only keep a case coherent: who gets which cancer at which age, which
markers are measured, how stage, treatment and outcome hang together, and what is imaged.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """One cancer. Ages in years; ``stages``: weights of stage groups I, II, III, IV."""

    code: str
    weight: float
    female: float
    age: tuple[float, float]
    body_part: str
    modalities: tuple[str, ...]
    """Kinds of study, most usual first."""
    stages: tuple[float, float, float, float]
    paired: bool = False
    systemic: str = "chemotherapy"
    """Systemic treatment of advanced stages."""


PROFILES: tuple[Profile, ...] = (
    Profile("IDC", 20, 0.99, (59, 13), "BREAST", ("MG", "MR", "US"), (45, 35, 14, 6), True, "hormone_therapy"),
    Profile("ILC", 4, 0.99, (62, 12), "BREAST", ("MG", "MR", "US"), (40, 36, 17, 7), True, "hormone_therapy"),
    Profile("PRAD", 18, 0.0, (67, 8), "PROSTATE", ("MR", "PT", "CT"), (40, 30, 18, 12), False, "hormone_therapy"),
    Profile("LUAD", 10, 0.45, (66, 10), "LUNG", ("CT", "PT"), (25, 12, 23, 40), True, "targeted_therapy"),
    Profile("LUSC", 6, 0.3, (68, 9), "LUNG", ("CT", "PT"), (20, 15, 30, 35), True, "immunotherapy"),
    Profile("SCLC", 3, 0.4, (66, 9), "LUNG", ("CT", "PT"), (3, 5, 27, 65), True, "chemotherapy"),
    Profile("COAD", 9, 0.48, (68, 12), "COLON", ("CT", "MR"), (22, 28, 28, 22), False, "chemotherapy"),
    Profile("READ", 5, 0.4, (65, 12), "RECTUM", ("MR", "CT"), (25, 25, 32, 18), False, "chemotherapy"),
    Profile("PAAD", 4, 0.48, (69, 10), "PANCREAS", ("CT", "MR"), (8, 25, 15, 52), False, "chemotherapy"),
    Profile("HCC", 4, 0.25, (65, 11), "LIVER", ("MR", "CT", "US"), (35, 25, 22, 18), False, "immunotherapy"),
    Profile("CCRCC", 4, 0.36, (63, 12), "KIDNEY", ("CT", "MR"), (50, 12, 18, 20), True, "targeted_therapy"),
    Profile("GB", 3, 0.42, (62, 13), "BRAIN", ("MR", "CT"), (0, 0, 0, 0), False, "chemotherapy"),
    Profile("HNSC", 4, 0.26, (62, 11), "HEADNECK", ("CT", "MR", "PT"), (20, 18, 27, 35), False, "immunotherapy"),
    Profile("HGSOC", 3, 1.0, (62, 12), "OVARY", ("CT", "MR", "US"), (15, 8, 55, 22), True, "chemotherapy"),
    Profile("SKCM", 3, 0.45, (60, 15), "SKIN", ("CT", "PT"), (60, 18, 14, 8), False, "immunotherapy"),
)
"""Each diagnosis is an OncoTree code. Brain tumours have no stage group."""

STAGE_CATEGORIES: dict[int, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    0: (("T1", "T2"), ("N0",), "M0"),
    1: (("T2", "T3"), ("N0", "N1"), "M0"),
    2: (("T3", "T4"), ("N1", "N2"), "M0"),
    3: (("T3", "T4"), ("N1", "N2", "N3"), "M1"),
}
"""Stage group I … IV → T and N categories that may go with it, and M. A simplification over all organs."""

STAGE_GROUPS = ("I", "II", "III", "IV")


@dataclass(frozen=True)
class SeriesKind:
    """One series as a kind of study has it."""

    modality: str
    sequence: str | None = None
    contrast: str | None = None
    tracer: str | None = None
    laterality: str | None = None


STUDY_KINDS: dict[str, tuple[SeriesKind, ...]] = {
    "MR": (
        SeriesKind("MR", "t2"),
        SeriesKind("MR", "t1", "none"),
        SeriesKind("MR", "dwi"),
        SeriesKind("MR", "adc"),
        SeriesKind("MR", "t1_contrast", "unspecified"),
        SeriesKind("MR", "dce", "dynamic"),
    ),
    "CT": (
        SeriesKind("CT", None, "none"),
        SeriesKind("CT", None, "portal_venous"),
        SeriesKind("CT", None, "arterial"),
    ),
    "PT": (SeriesKind("PT", None, None, "fdg"), SeriesKind("CT", None, "none")),
    "MG": (
        SeriesKind("MG", laterality="left"),
        SeriesKind("MG", laterality="right"),
        SeriesKind("MG", laterality="left"),
        SeriesKind("MG", laterality="right"),
    ),
    "US": (SeriesKind("US"),),
}
"""The series of each kind of study, in the order of their acquisition; a study may lack the last ones."""

MANUFACTURERS = ("siemens", "ge", "philips", "canon", "fujifilm", "hologic")
MANUFACTURER_WEIGHTS = (34, 27, 22, 8, 5, 4)
