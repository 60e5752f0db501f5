"""What a published cube holds: which marginals, how often one patient may stand in each, and their share of the noise.

The plan is a function of the criteria a dataset declares it can record (public), never of its patients. What is not in
``supports`` costs nothing, so a dataset with fewer criteria has less noise on the rest.
"""

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import NamedTuple

from oncofed.disclosure.accounting import gaussian_rho, gaussian_variance
from oncofed.disclosure.constants import (
    CLAMP,
    ONE_WAY_RHO,
    POPULATION_RHO,
    SIZE_CLAMPS,
    SIZE_RHO,
    TWO_WAY_RHO,
)

VALUES = {
    "species": 1,
    "sex": 1,
    "diagnosis": 2,
    "age_at_diagnosis": 1,
    "stage": 1,
    "treatment": 3,
    "age_at_imaging": 2,
    "year_of_imaging": 3,
    "modality": 3,
    "body_part": 2,
    "manufacturer": 3,
    "annotation": 2,
}
"""The one-way marginals, and how many cells of each a patient may stand in.

They are what the home and search pages show beside the query, and the EUCAIM catalogue's own filters (sex, age,
diagnosis, year, modality, body part, manufacturer) with what decides whether images are useful (annotation, stage,
treatment). 1: one value, or rarely more; 2 keeps 99 % of the (patient, body part) pairs and all but 0.1 % of the ages
in IDC; 3 is ``CLAMP``, 97-99.7 % of the pairs. Markers and TNM categories are asked together with a diagnosis and more:
live.
"""

PAIRS = (
    ("diagnosis", "sex"),
    ("diagnosis", "age_at_diagnosis"),
    ("diagnosis", "stage"),
    ("diagnosis", "treatment"),
    ("diagnosis", "modality"),
    ("diagnosis", "annotation"),
    ("sex", "age_at_diagnosis"),
    ("sex", "age_at_imaging"),
    ("sex", "modality"),
    ("sex", "body_part"),
    ("modality", "body_part"),
    ("modality", "manufacturer"),
    ("modality", "annotation"),
    ("modality", "age_at_imaging"),
    ("body_part", "annotation"),
)
"""The two-way marginals: the pairs with which a search begins. A cancer and who, how far, how treated, how imaged, how
annotated; a modality and where, by whom, of whom, how annotated; sex by age for every description of a cohort."""


class Planned(NamedTuple):
    """One marginal: its criteria, the most cells one patient stands in, and the variance of its noise."""

    criteria: tuple[str, ...]
    clamp: int
    variance: Fraction

    @property
    def rho(self) -> Fraction:
        """What it costs: a patient changes at most ``clamp`` cells by 1 each."""
        return gaussian_rho(self.clamp, self.variance)


POPULATION_VARIANCE = gaussian_variance(1, POPULATION_RHO)
"""Variance of the noise on the number of patients."""

SIZE_VARIANCES = {name: gaussian_variance(SIZE_CLAMPS[name] ** 2, rho) for name, rho in SIZE_RHO.items()}
"""Variances of the noise on the sizes of a release."""


def planned(supports: Collection[str]) -> tuple[Planned, ...]:
    """The marginals of a dataset that can record ``supports``: the one-way ones first."""
    one_way = [((name,), clamp) for name, clamp in VALUES.items() if name in supports]
    two_way = [(pair, min(CLAMP, VALUES[pair[0]] * VALUES[pair[1]])) for pair in PAIRS if {*pair}.issubset(supports)]
    return (*_shared(one_way, ONE_WAY_RHO), *_shared(two_way, TWO_WAY_RHO))


def _shared(marginals: Sequence[tuple[tuple[str, ...], int]], rho: Fraction) -> list[Planned]:
    """All of one tier with the same noise, which together cost ``rho``."""
    variance = gaussian_variance(sum(clamp for _, clamp in marginals), rho)
    return [Planned(criteria, clamp, variance) for criteria, clamp in marginals]


def rho(marginals: Collection[Planned]) -> Fraction:
    """Cost (zCDP) of a whole release: its marginals, the patient total and the sizes."""
    sizes = sum(gaussian_rho(SIZE_CLAMPS[name] ** 2, variance) for name, variance in SIZE_VARIANCES.items())
    return sum((one.rho for one in marginals), gaussian_rho(1, POPULATION_VARIANCE) + sizes)
