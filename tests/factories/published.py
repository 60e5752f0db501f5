"""What nodes publish, made up: records of releases with cubes over their whole domains."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import product

from oncofed.contracts import vocabulary
from oncofed.contracts.catalogue import (
    Cube,
    DatasetClass,
    DatasetRecord,
    Marginal,
    Publication,
    ReleaseRecord,
    ReleaseSize,
    SizeBand,
)
from oncofed.disclosure.plan import planned

IMAGING = (
    "species", "sex", "diagnosis", "age_at_imaging", "year_of_imaging", "modality", "body_part", "derived_body_part",
    "manufacturer", "annotation",
)  # fmt: skip
"""What metadata of images alone can record."""
SIGMA = 9.5


def cube(supports: Sequence[str], *, patients: int = 200, sigma: float = SIGMA, seed: int = 1) -> Cube:
    """A cube by the plan; about ``patients`` humans, spread over the cells by chance, noise included."""
    chance = random.Random(seed)
    marginals = []
    for one in planned(supports):
        cells = ["|".join(cell) for cell in product(*(vocabulary.cells(name) for name in one.criteria))]
        share = patients / len(cells)
        noisy = {cell: max(0, round(chance.gauss(share, share / 2))) for cell in cells}
        if sigma:
            noisy = {cell: count + round(chance.gauss(0, sigma)) for cell, count in noisy.items()}
        marginals.append(Marginal(criteria=one.criteria, cells=noisy, sigma=sigma))
    population = Marginal(criteria=(), cells={"": patients}, sigma=sigma)
    return Cube(
        epsilon=4.0 if sigma else 0.0, delta=1e-6 if sigma else 0.0, population=population, marginals=tuple(marginals)
    )


def band(low: int, high: int) -> SizeBand:
    return SizeBand(low=low, high=high)


def release(
    dataset_id: str = "lung-ct",
    *,
    name: str = "v1",
    digest: str = "",
    is_open: bool = False,
    supports: Sequence[str] = IMAGING,
    patients: int = 200,
    with_cube: Cube | None = None,
    **description: object,
) -> ReleaseRecord:
    """One release. The same arguments give the same record."""
    seed = sum(map(ord, dataset_id + name))
    return ReleaseRecord(
        dataset=DatasetRecord.model_validate(
            {
                "dataset_id": dataset_id,
                "title": f"Dataset {dataset_id}",
                "dataset_class": DatasetClass.OPEN if is_open else DatasetClass.PROTECTED,
                **description,
            }
        ),
        release=name,
        digest=digest or f"{seed:064x}",
        released_at=datetime(2026, 1, 2, tzinfo=UTC),
        vocabulary_version=vocabulary.VOCABULARY_VERSION,
        supports=tuple(supports),
        size=ReleaseSize(
            patients=band(100, 200), studies=band(200, 500), series=band(1000, 2000), instances=band(10_000, 20_000)
        ),
        cube=with_cube or cube(supports, patients=patients, sigma=0.0 if is_open else SIGMA, seed=seed),
    )


def publication(*releases: ReleaseRecord) -> Publication:
    return Publication(releases=releases, published_at=datetime.now(UTC))
