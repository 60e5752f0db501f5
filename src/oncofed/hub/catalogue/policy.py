"""What a publication must be before the catalogue takes it. Pure: rows and records in, a refusal out."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import product

from oncofed.contracts import vocabulary
from oncofed.contracts.base import canonical_json
from oncofed.contracts.catalogue import (
    DatasetClass,
    Marginal,
    Publication,
    ReleaseRecord,
)
from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.errors import BadInput, Corrupt, Refused

MAX_DATASETS = 2000
"""Per node: as many releases as one task can name."""
MAX_COUNT = 10**9
"""No count of patients, noise included, is greater."""


def content_digest(record: ReleaseRecord) -> str:
    """SHA-256 over what a release is: its data, sizes, cube and what it can be asked. Descriptions may be improved."""
    whole = record.model_dump(
        mode="json",
        include={"digest", "size", "cube", "supports", "vocabulary_version"},
    )
    return hashlib.sha256(canonical_json(whole)).hexdigest()


def check_form(publication: Publication) -> None:
    """Each dataset once, known criteria, cubes whose cells exist, noise where a dataset is protected."""
    if len(publication.releases) > MAX_DATASETS:
        raise BadInput("publication-invalid", f"more than {MAX_DATASETS} datasets")
    seen: set[str] = set()
    for record in publication.releases:
        name = record.dataset.dataset_id
        if name in seen:
            raise BadInput("publication-invalid", f"{name} stands in it twice")
        seen.add(name)
        _check_record(record)


def _check_record(record: ReleaseRecord) -> None:
    name = record.dataset.dataset_id
    marginals = [
        *record.cube.marginals,
        *([record.cube.population] if record.cube.population else []),
    ]
    unknown = {criterion for part in (record.supports, *(m.criteria for m in marginals)) for criterion in part}
    if unknown := unknown - CRITERIA.keys():
        raise BadInput("publication-invalid", f"{name}: unknown criterion {min(unknown)}")
    for marginal in marginals:
        _check_marginal(name, marginal)
    if record.dataset.dataset_class is DatasetClass.PROTECTED and any(m.sigma <= 0 for m in marginals):
        raise Refused("publication-unprotected", name)


def _check_marginal(name: str, marginal: Marginal) -> None:
    if not marginal.cells.keys() <= _domain(marginal.criteria) or not 0 <= marginal.sigma <= MAX_COUNT:
        raise Corrupt(
            "publication-corrupt",
            f"{name}: cells of {' and '.join(marginal.criteria) or 'population'}",
        )
    if any(abs(count) > MAX_COUNT for count in marginal.cells.values()):
        raise Corrupt("publication-corrupt", f"{name}: a count that cannot be")


@lru_cache(maxsize=256)
def _domain(criteria: tuple[str, ...]) -> frozenset[str]:
    return frozenset("|".join(cells) for cells in product(*(vocabulary.cells(name) for name in criteria)))


def check_owner(node_id: str, owners: Mapping[str, str]) -> None:
    """A dataset belongs to the first node that published it."""
    for dataset, owner in sorted(owners.items()):
        if owner != node_id:
            raise Refused("dataset-elsewhere", dataset)


def check_unchanged(record: ReleaseRecord, known: Iterable[tuple[str, str]]) -> None:
    """``known``: pairs of release name and content digest of the dataset. A name stands for one content for ever."""
    stored = dict(known).get(record.release)
    if stored is not None and stored != content_digest(record):
        raise Refused("release-changed", f"{record.dataset.dataset_id} {record.release}")
