"""The published cube of a release: noisy marginals made once at the node, from which node and hub answer for ever.

The noise of a marginal is keyed by the node's secret and the release's digest: publishing a release again gives the
same cube, and a release with a patient less has noise of its own. A node keeps the cube it first made of a release and
publishes that one: another plan or vocabulary would be a second look at the same patients, and cost again.
"""

import hmac
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from oncofed.contracts.base import canonical_json
from oncofed.contracts.catalogue import Cube, Marginal
from oncofed.contracts.criteria import CRITERIA
from oncofed.contracts.query import Criterion, Query
from oncofed.contracts.vocabulary import VOCABULARY_VERSION, cells
from oncofed.disclosure.accounting import epsilon_of
from oncofed.disclosure.constants import DELTA
from oncofed.disclosure.noise import KeyedStream, discrete_gaussian
from oncofed.disclosure.plan import POPULATION_VARIANCE, Planned, rho

Exact = Mapping[tuple[str, ...], int]
"""True counts by cell, as `Warehouse.marginal` gives them: rolled-up values in the order of the criteria; absent: 0."""


def noise_stream(secret: bytes, digest: str, what: tuple[str, ...], variance: Fraction) -> KeyedStream:
    """The stream for one marginal or size of one release. Another variance or vocabulary is another stream."""
    context = canonical_json(["cube", digest, what, str(variance), VOCABULARY_VERSION])
    return KeyedStream(hmac.digest(secret, b"oncofed-cube-noise/1/" + context, "sha256"))


def build(
    exact: Mapping[tuple[str, ...], Exact],
    population: int,
    *,
    marginals: tuple[Planned, ...],
    secret: bytes,
    digest: str,
) -> Cube:
    """The cube of a protected release: discrete Gaussian noise on every cell of every domain.

    ``exact`` holds a table for the criteria of each of ``marginals`` (``plan.planned``), computed with its clamp and
    over human patients, but over all for ``species``; ``population`` is the number of human patients. ε is what the
    plan costs.
    """
    return Cube(
        epsilon=epsilon_of(rho(marginals)),
        delta=DELTA,
        population=_noisy(
            (), {(): population}, noise_stream(secret, digest, (), POPULATION_VARIANCE), POPULATION_VARIANCE
        ),
        marginals=tuple(
            _noisy(
                one.criteria,
                exact[one.criteria],
                noise_stream(secret, digest, one.criteria, one.variance),
                one.variance,
            )
            for one in marginals
        ),
    )


def build_open(exact: Mapping[tuple[str, ...], Exact], population: int) -> Cube:
    """The cube of an open release: the same tables, exact. It claims no privacy: ε and σ are 0."""
    return Cube(
        epsilon=0.0,
        delta=0.0,
        population=Marginal(criteria=(), cells={"": population}, sigma=0.0),
        marginals=tuple(
            Marginal(criteria=criteria, cells=_full(criteria, table), sigma=0.0) for criteria, table in exact.items()
        ),
    )


def _full(criteria: tuple[str, ...], table: Exact) -> dict[str, int]:
    """Every cell of the domain, in its order; a cell outside the domain is a ValueError."""
    full = {"|".join(cell): table.get(cell, 0) for cell in product(*(cells(name) for name in criteria))}
    if not full.keys() >= {"|".join(cell) for cell in table}:
        raise ValueError(f"a count stands outside the domain of {' and '.join(criteria) or 'the population'}")
    return full


def _noisy(criteria: tuple[str, ...], table: Exact, stream: KeyedStream, variance: Fraction) -> Marginal:
    noisy = {cell: count + discrete_gaussian(stream, variance) for cell, count in _full(criteria, table).items()}
    return Marginal(criteria=criteria, cells=noisy, sigma=math.sqrt(variance))


@dataclass(frozen=True)
class CubeCells:
    """What a cube says: a noisy integer a cell ("" without a breakdown) and the standard deviation of each."""

    cells: dict[str, int]
    sigma: float


def answer(cube: Cube, query: Query, by: str | None = None) -> CubeCells | None:
    """What ``cube`` says to the canonical ``query``, or None where only a live count can.

    It can say: all human patients, or those with one or two positive criteria of a marginal, and any of these broken
    down by one more criterion of it; and how many patients are of other species. Several values of one criterion add up
    where a patient has only one of them (σ grows with √n); where a patient may have several, only a single value is
    answered.
    """
    asked = _positive(query)
    if asked is None:
        return None
    species = asked.pop("species", ())
    if species != ("human",):
        return _selected(cube, {"species": species}, by) if species and not asked else None
    if not asked and by is None:
        return CubeCells(dict(cube.population.cells), cube.population.sigma) if cube.population else None
    return _selected(cube, asked, by)


def _positive(query: Query) -> dict[str, tuple[str, ...]] | None:
    """Values by criterion, if the query is but positive criteria, each named once."""
    asked: dict[str, tuple[str, ...]] = {}
    for part in query.all:
        if not isinstance(part, Criterion) or part.negated or part.or_missing or part.criterion in asked:
            return None
        asked[part.criterion] = part.values
    return asked


def _selected(cube: Cube, asked: Mapping[str, tuple[str, ...]], by: str | None) -> CubeCells | None:
    """Sum of the cells of the one marginal over exactly the criteria asked and ``by``."""
    if by in asked or any(CRITERIA[name].several and len(values) > 1 for name, values in asked.items()):
        return None
    wanted = {*asked, *([by] if by else [])}
    marginal = next((one for one in cube.marginals if {*one.criteria} == wanted), None)
    if marginal is None:
        return None
    summed: dict[str, int] = {}
    for shown in cells(by) if by else ("",):
        values = [asked.get(name, (shown,)) for name in marginal.criteria]
        keys = ["|".join(cell) for cell in product(*values)]
        if all(key in marginal.cells for key in keys):
            summed[shown] = sum(marginal.cells[key] for key in keys)
    width = math.prod(len(values) for values in asked.values())
    return CubeCells(summed, marginal.sigma * math.sqrt(width)) if summed else None


def added(answers: Iterable[CubeCells]) -> CubeCells:
    """The sum over releases: cells add up, and so do the variances, as the noises are independent."""
    total: dict[str, int] = {}
    variance = 0.0
    for one in answers:
        variance += one.sigma**2
        for cell, count in one.cells.items():
            total[cell] = total.get(cell, 0) + count
    return CubeCells(total, math.sqrt(variance))
