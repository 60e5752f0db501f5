"""What a check of a release finds: the record that becomes ``report.json`` and the page.

It holds pseudonyms, counts and statistics; no direct identifier, no free text, no date, no single clinical value.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from oncofed.imaging.quality.series import SeriesQuality

SCHEMA_VERSION = 1
Share = Annotated[float, Field(ge=0, le=1)]


class Record(BaseModel):
    """A frozen, closed record; goes through JSON unchanged."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class CheckResult(Record):
    """One check over the whole release. ``places``: series or rows it concerns, of the ``of`` looked at."""

    check: str
    title: str
    dimension: str
    severity: str
    meaning: str
    places: int
    of: int
    count: int = 0
    patients: int = 0

    @property
    def passed(self) -> bool:
        """Nothing was found."""
        return self.places == 0


class LeftOut(Record):
    """A file that could not be read; ``path`` is relative to the folder of de-identified images."""

    path: str
    code: str


class NotReleased(Record):
    """Files of the source, or places in it, that are not in the release; what is ``unmapped`` holds it up.

    ``what``: held back, left out, no file or unmapped.
    """

    what: str
    code: str
    number: int


class AlikePatients(Record):
    """Two patients with images that look alike. ``exact``: how many of the pairs are equal pixel for pixel."""

    first: str
    second: str
    images: int
    exact: int
    example_first: str
    example_second: str


class Thumbnail(Record):
    """One de-identified slice as PNG in base64. ``series`` names where it comes from."""

    series: str
    caption: str
    png: str
    width: int
    height: int


class Cell(Record):
    """One bar of a chart: a label and how many."""

    label: str
    count: int


class ImageFindings(Record):
    """The images: how many, what the checks found, each series (those with findings first)."""

    files: int
    instances: int
    series: int
    studies: int
    patients: int
    bytes: int
    modalities: tuple[Cell, ...]
    left_out: tuple[LeftOut, ...]
    left_out_count: int
    checks: tuple[CheckResult, ...]
    listed: tuple[SeriesQuality, ...]
    alike: tuple[AlikePatients, ...]
    """The most alike; ``alike_count`` says how many pairs there are."""
    alike_count: int
    references: int
    dangling: int
    standard_share: Share
    """Share of the images with every Type 1 attribute and decodable pixels."""
    deidentified_share: Share
    provenance_share: Share
    """Share of the objects that name how they were de-identified."""
    thumbnails: tuple[Thumbnail, ...]


class Completeness(Record):
    """How full one variable is. ``level``: mandatory, minimum set, or recommended; ``of``: rows or patients."""

    table: str
    column: str
    label: str
    level: str
    filled: int
    of: int

    @property
    def share(self) -> float:
        """Filled share; 0 where there is no row."""
        return self.filled / self.of if self.of else 0.0


class ClinicalFindings(Record):
    """The clinical tables: rows, completeness, and the rules on ranges, codes, coherence and references."""

    rows: tuple[Cell, ...]
    patients: int
    completeness: tuple[Completeness, ...]
    checks: tuple[CheckResult, ...]


class AgreementFindings(Record):
    """Images against clinical tables."""

    patients_both: int
    patients_images_only: int
    patients_tables_only: int
    checks: tuple[CheckResult, ...]


class AnnotationItem(Record):
    """One item of the minimum set for annotations: how many segments (or objects) have it."""

    item: str
    label: str
    required: bool
    filled: int
    of: int


class AnnotationFindings(Record):
    """Segmentations, structure sets and other derived objects."""

    objects: int
    segments: int
    kinds: tuple[Cell, ...]
    methods: tuple[Cell, ...]
    linked: int
    """Objects whose source series is in the release."""
    items: tuple[AnnotationItem, ...]
    complete_share: Share
    checks: tuple[CheckResult, ...]


class Distribution(Record):
    """Patients by value of one variable. ``evenness``: 0 (all alike) to 1 (all values equally frequent)."""

    name: str
    label: str
    cells: tuple[Cell, ...]
    missing: int
    evenness: Share | None
    largest_share: Share | None
    imbalanced: bool


class Association(Record):
    """How strongly what is to be learnt goes together with how it was acquired: a short cut for a model.

    ``strength``: Cramér's V corrected for bias (Bergsma 2013), 0 to 1.
    """

    target: str
    acquisition: str
    patients: int
    strength: Share
    flagged: bool


class UnequalMissingness(Record):
    """A variable that is recorded more often in one group of patients than in another."""

    variable: str
    group: str
    fullest: str
    emptiest: str
    difference: Share


class BalanceFindings(Record):
    """Imbalance and bias."""

    distributions: tuple[Distribution, ...]
    associations: tuple[Association, ...]
    missingness: tuple[UnequalMissingness, ...]


class Indicator(Record):
    """One FAIR indicator of the RDA maturity model. ``state``: met, partly, not-met, or elsewhere (not in a folder)."""

    id: str
    principle: str
    label: str
    state: str
    evidence: str


class FairFindings(Record):
    """The FAIR indicators that can be read off a release."""

    indicators: tuple[Indicator, ...]
    met: int
    assessed: int


class Attacker(Record):
    """Risk against one attacker model: highest, mean, and share of patients above the threshold."""

    name: str
    meaning: str
    highest: Share
    mean: Share
    above: Share


class Sensitive(Record):
    """Diversity of one sensitive variable inside classes. ``closeness``: greatest distance to the whole (t)."""

    variable: str
    label: str
    diversity: int
    closeness: Share


class RiskState(Record):
    """The risk of one form of the data. ``classes``: how many patients stand in equivalence classes of each size."""

    k: int
    patients: int
    suppressed: int
    unique: int
    classes: tuple[Cell, ...]
    attackers: tuple[Attacker, ...]
    sensitive: tuple[Sensitive, ...]


class Generalisation(Record):
    """One step of the suggestion: which variable, from how finely to how coarsely told."""

    variable: str
    label: str
    level: str
    changed: bool


class TradeOff(Record):
    """What another least group size would cost: patients left out, information kept, and the coarser variables."""

    k: int
    suppressed: int
    information_kept: Share
    coarser: tuple[str, ...]


class RiskFindings(Record):
    """Risk of re-identification over clinical and imaging variables together."""

    quasi_identifiers: tuple[str, ...]
    threshold: Share
    target_k: int
    sampling_fraction: Share | None
    before: RiskState
    suggestion: tuple[Generalisation, ...]
    after: RiskState | None
    information_kept: Share | None
    trade_offs: tuple[TradeOff, ...]
    influence: tuple[Cell, ...]
    """How many patients fewer would be unique were this variable left out."""


class Requirement(Record):
    """One requirement of a tier or element of a label: whether it holds, and on what evidence."""

    name: str
    label: str
    state: str
    evidence: str


class TierFindings(Record):
    """The tier of the reference system that the release itself is ready for."""

    tier: int
    requirements: tuple[Requirement, ...]


class LabelFindings(Record):
    """What the data quality and utility label (Regulation (EU) 2025/327 article 78) asks for, from the checks."""

    elements: tuple[Requirement, ...]


class Findings(Record):
    """Everything a check found. Parts are None where there is nothing to look at."""

    schema_version: int = SCHEMA_VERSION
    tool_version: str
    indexed: int | None = None
    """Files of the source in the run's index, where one was given: what is not among the images was left behind."""
    not_released: tuple[NotReleased, ...] = ()
    """What the run left behind, code by code; () where images were checked without a run."""
    images: ImageFindings
    clinical: ClinicalFindings | None = None
    agreement: AgreementFindings | None = None
    annotations: AnnotationFindings | None = None
    balance: BalanceFindings | None = None
    fair: FairFindings | None = None
    risk: RiskFindings | None = None
    tier: TierFindings | None = None
    label: LabelFindings | None = None

    @property
    def results(self) -> tuple[CheckResult, ...]:
        """Every check of images, tables, their agreement, and annotations."""
        parts = (self.images, self.clinical, self.agreement, self.annotations)
        return tuple(result for part in parts if part for result in part.checks)

    def failed(self, severity: str) -> tuple[CheckResult, ...]:
        """The checks of this severity that found something."""
        return tuple(result for result in self.results if result.severity == severity and not result.passed)
